"""network: proxy: origins behind a corporate proxy, by CONNECT; a real one (tinyproxy), and scripted ones that misbehave."""
import base64
import socket
import threading
import unittest

from lab import namespaces
from lab.namespaces import bind, wait_until
from lab.origins import Nginx, Scripted, can_connect
from lab.sandbox import Sandbox
from lab.world import World

HOST, STRAIGHT, FIXED = "hidden.example", "straight.corp.example", "fixed.example"
LOGIN, ODD_LOGIN = "agent:REALproxyp4ssword", "agent:REAL-proxy-p4ss:w\u00f6rd"
VALUE = "sk-proj-REALvalueREALvalueREALvalueREAL"
POLICY = """
secrets:
  PROXY_LOGIN: {{from: env}}
  KEY: {{from: env, use: [{{at: {host}, slot: header Authorization}}]}}
rules:
  - allow: [{host}, {straight}, {fixed}, "*.scripted.example", "http://{host}/**"]
  - allow: ["tls://pinned.example", "tcp://first.scripted.example:22"]
network:
  ca: [{ca}]
  resolve: {{{fixed}: {fixed_address}}}
  proxy: {{at: "{proxy}:3128"{login}, except: ["*.corp.example"]}}
mode: {mode}
"""


class Tinyproxy:
    def __init__(self, world, login=None):
        self.address = world.address()
        self.dir = world.dir / f"tinyproxy-{self.address}"
        self.dir.mkdir()
        self.log = self.dir / "log"
        user, _, password = (login or "").partition(":")
        (self.dir / "conf").write_text(f"""
Port 3128
Listen {self.address}
Timeout 60
LogFile "{self.log}"
LogLevel Connect
MaxClients 100
ConnectPort 443
{f'BasicAuth {user} {password}' if login else ''}
""")
        self.process = world.space.spawn(["tinyproxy", "-d", "-c", self.dir / "conf"])
        wait_until(can_connect(world, self.address, 3128), what="tinyproxy")

    def close(self):
        namespaces.end(self.process)


class Relay(Scripted):
    """A proxy that answers CONNECT with SCRIPT(connection, relay); relay() connects to the origin and passes everything on."""

    def __init__(self, world, script, origin):
        self.origin, self.answer = origin, script
        super().__init__(world, "scripted-proxy.example", self.serve, tls=False, port=3128, address=world.address())

    def serve(self, connection):
        connection.read_head()
        self.answer(connection, lambda: self.relay(connection))

    def relay(self, connection):
        with self.world.space.entered():
            out = socket.create_connection((self.origin, 443))

        def up():
            try:
                while data := connection.stream.recv(65536):
                    out.sendall(data)
            except OSError:
                pass
        threading.Thread(target=up, daemon=True).start()
        while data := out.recv(65536):
            connection.sendall(data)


class UpstreamProxy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.nginx = Nginx(cls.world, [HOST, "a.scripted.example", "pinned.example"], plain=True)
        cls.straight = Nginx(cls.world, [STRAIGHT])
        cls.fixed_address = cls.world.address()
        cls.fixed = Nginx(cls.world, [FIXED], address=cls.fixed_address)
        # Only the proxy can look these up, by the hosts file, which Sallyport does not read.
        hosts = cls.world.dir / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{cls.nginx.address} {HOST} pinned.example\n")
        bind(hosts, "/etc/hosts")
        for name in (HOST, "a.scripted.example", "pinned.example"):
            del cls.world.names.records[name]
        cls.tinyproxy = Tinyproxy(cls.world, LOGIN)

    @classmethod
    def tearDownClass(cls):
        for what in (cls.tinyproxy, cls.nginx, cls.straight, cls.fixed, cls.world):
            what.close()

    def box(self, proxy, login=True, mode="enforce"):
        text = POLICY if login else POLICY.replace("  PROXY_LOGIN: {{from: env}}\n", "")
        return Sandbox(self.world, "sallyport: 1\nname: test\n" + text.format(
            host=HOST, straight=STRAIGHT, fixed=FIXED, fixed_address=self.fixed_address, ca=self.world.ca, proxy=proxy, mode=mode,
            login=", login: PROXY_LOGIN" if login else ""))

    def curl(self, box, arguments, login=LOGIN):
        return box.sh(f"curl -sS -m 40 {arguments}", env={"PROXY_LOGIN": login, "KEY": VALUE}, timeout=90)

    def refused(self, box, url, status, *words, login=LOGIN):
        done = self.curl(box, f"-w '\\n%{{http_code}}' {url}", login)
        self.assertEqual(done.stdout.rsplit("\n", 1)[-1], str(status), done.stdout + done.stderr)
        record = wait_until(lambda: box.records(kind="http"), what="a record")[-1]
        for word in words:
            self.assertIn(word, done.stdout)
            self.assertIn(word, record["reason"] or record["error"])
        self.assertNotIn("p4ss", done.stdout + done.stderr + box.audit_path.read_text())
        return record

    def test_a_request_with_a_secret_goes_through_it_and_the_name_is_looked_up_there(self):
        box = self.box(self.tinyproxy.address)
        before, mark = len(self.nginx.requests()), self.world.recorder.mark()
        done = self.curl(box, f"-H \"Authorization: Bearer $KEY\" https://{HOST}/; env", LOGIN)
        self.assertIn(f"hello from {HOST}", done.stdout, done.stderr)
        self.assertEqual(self.nginx.requests()[before]["authorization"], f"Bearer {VALUE}")
        self.assertNotIn("p4ss", done.stdout)
        self.assertNotIn("PROXY_LOGIN", done.stdout)
        record = box.records(kind="http")[0]
        self.assertEqual((record["verdict"], record["host"], record["proxy"], record["secrets"][0]["name"]), ("allow", HOST, self.tinyproxy.address, "KEY"))
        self.assertNotIn("ip", record)
        self.assertNotIn("p4ss", box.audit_path.read_text())
        self.assertEqual(set(self.world.recorder.since(mark)), {(6, self.tinyproxy.address, 3128)})  # no question, nothing else
        self.assertIn(f"CONNECT {HOST}:443", self.tinyproxy.log.read_text())
        self.assertEqual(self.curl(box, f"https://{HOST}/").returncode, 0)

    def test_connections_through_it_are_pooled(self):
        box = self.box(self.tinyproxy.address)
        asked = self.tinyproxy.log.read_text().count(f"CONNECT {HOST}:443")
        self.assertEqual(self.curl(box, f"https://{HOST}/1 https://{HOST}/2 https://{HOST}/3").returncode, 0)
        self.assertEqual(self.tinyproxy.log.read_text().count(f"CONNECT {HOST}:443"), asked + 1)

    def test_exceptions_and_fixed_addresses_are_reached_straight(self):
        box = self.box(self.tinyproxy.address)
        for host, address in ((STRAIGHT, self.straight.address), (FIXED, self.fixed_address)):
            self.assertIn(f"hello from {host}", self.curl(box, f"https://{host}/").stdout)
            record = box.records(kind="http")[-1]
            self.assertEqual((record["ip"], "proxy" in record), (address, False))

    def test_what_it_must_not_be_asked_for(self):
        asked = self.tinyproxy.log.read_text().count("CONNECT")
        # A policy cannot allow it, and observing is no way around.
        box = self.box(self.tinyproxy.address, mode="observe")
        record = self.refused(box, "-k https://10.1.2.3/", 403, "is not asked for an address that may not be dialled")
        self.assertEqual(record["verdict"], "deny")
        self.assertEqual(self.tinyproxy.log.read_text().count("CONNECT"), asked)

    def test_what_it_refuses_is_told(self):
        box = self.box(self.tinyproxy.address)
        record = self.refused(box, f"http://{HOST}/", 403, "answered 403 to CONNECT", "it forbids this host or port")
        self.assertEqual(record["verdict"], "deny")
        self.refused(box, "https://unknown.scripted.example/", 502, "the upstream proxy", "to CONNECT")
        self.refused(box, f"https://{HOST}/", 502, "to CONNECT", "does not take the login", login="agent:p4ssother")

    def test_a_login_that_is_missing_is_named(self):
        record = self.refused(self.box(self.tinyproxy.address, login=False), f"https://{HOST}/", 502, "it wants a login: network: proxy: login")
        self.assertEqual(record["verdict"], "allow")
        self.assertIn("error", record)

    def test_a_login_of_no_form_stops_the_start(self):
        box = self.box(self.tinyproxy.address)
        done = self.curl(box, f"https://{HOST}/", login="p4ssword")
        self.assertEqual(done.returncode, 125)
        self.assertIn("user:password", done.stderr)
        self.assertNotIn("p4ss", done.stderr)

    def test_a_proxy_that_is_not_there(self):
        self.refused(self.box(self.world.address()), f"https://{HOST}/", 502, "the upstream proxy", "cannot be reached", "refused")

    def scripted(self, script):
        relay = Relay(self.world, script, self.nginx.address)
        self.addCleanup(relay.close)
        return relay, self.box(relay.address)

    def test_the_request_that_it_gets(self):
        relay, box = self.scripted(lambda c, relay: (c.sendall(b"HTTP/1.1 200 OK\r\n\r\n"), relay()))
        self.assertIn("hello", self.curl(box, "https://a.scripted.example/", ODD_LOGIN).stdout)
        head = relay.raw[:relay.raw.index(b"\r\n\r\n") + 4]
        self.assertEqual(head, b"CONNECT a.scripted.example:443 HTTP/1.1\r\nHost: a.scripted.example:443\r\n"
                         b"Proxy-Authorization: Basic " + base64.b64encode(ODD_LOGIN.encode()) + b"\r\n\r\n")

    def test_an_answer_in_single_bytes_behind_others(self):
        def script(connection, relay):
            connection.sendall(b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\n")
            for byte in b"HTTP/1.0 299 Fine\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n":
                connection.sendall(bytes([byte]))
            relay()
        box = self.scripted(script)[1]
        self.assertIn("hello", self.curl(box, "https://a.scripted.example/").stdout)

    def test_answers_that_are_none(self):
        answers = {"SSH-2.0-x\r\n": "not HTTP", "HTTP/2 200\r\n\r\n": "not HTTP", "": "closed the connection before it answered",
                   "HTTP/1.1 200 OK\r\nX": "closed the connection in its answer", "HTTP/1.1 200 OK\r\nX: " + "y" * 20000: "not HTTP",
                   "HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\n\r\n": "answered 302", "HTTP/1.1 101 Switching\r\n\r\n" * 9: "answered 101",
                   "HTTP/1.1 502 Bad p4ss\r\nX-Login: p4ss\r\n\r\np4ss": "answered 502"}
        for answer, reason in answers.items():
            with self.subTest(answer[:20]):
                box = self.scripted(lambda c, relay: c.sendall(answer.encode()))[1]
                self.refused(box, "https://a.scripted.example/", 502, reason)

    def test_its_verdicts_become_ours(self):
        for status, ours, verdict in ((403, 403, "deny"), (504, 504, "allow"), (503, 502, "allow")):
            box = self.scripted(lambda c, relay: c.sendall(b"HTTP/1.1 %d No\r\n\r\n" % status))[1]
            self.assertEqual(self.refused(box, "https://a.scripted.example/", ours, f"answered {status}")["verdict"], verdict)

    def test_what_is_passed_through_goes_by_it_too(self):
        box = self.box(self.tinyproxy.address)
        self.assertIn("hello from pinned.example", self.curl(box, f"--cacert {self.world.ca} https://pinned.example/").stdout)
        record = wait_until(lambda: box.records(kind="tls"), what="a record")[0]
        self.assertEqual((record["host"], record["proxy"], "ip" in record), ("pinned.example", self.tinyproxy.address, False))

    def test_an_origin_that_speaks_first_speaks_right_behind_the_answer(self):
        box = self.scripted(lambda c, relay: (c.sendall(b"HTTP/1.1 200 OK\r\n\r\nSSH-2.0-first\r\n"), c.sendall(c.recv()[::-1])))[1]
        done = box.python(
            "import socket; s = socket.create_connection(('first.scripted.example', 22), 20); a = s.recv(100); s.sendall(b'abc'); print(a, s.recv(3))",
            env={"PROXY_LOGIN": LOGIN, "KEY": VALUE})
        self.assertEqual(done.stdout, "b'SSH-2.0-first\\r\\n' b'cba'\n", done.stderr)
        self.assertEqual(wait_until(lambda: box.records(kind="tcp"), what="a record")[0]["bytes"], {"up": 3, "down": 18})

    def test_one_that_never_answers(self):
        waiting = threading.Event()
        box = self.scripted(lambda c, relay: waiting.wait(60))[1]
        self.refused(box, "https://a.scripted.example/", 504, "did not answer in time")
        waiting.set()

    def test_the_origin_is_verified_through_it(self):
        def script(connection, relay):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            relay()
        box = self.scripted(script)[1]
        self.refused(box, "https://b.scripted.example/", 502, "certificate")


if __name__ == "__main__":
    unittest.main()
