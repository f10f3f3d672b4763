"""What a program in the sandbox is told when it is refused, at each layer, and what the log says of it."""
import json
import re
import time
import unittest

from lab.puppet import Puppet
from lab.namespaces import wait_until
from lab.origins import Nginx
from lab.sandbox import Sandbox
from lab.world import RESOLVER, World

HOST, OTHER, PLAIN = "api.example.com", "other.example.com", "plain.example.com"
POLICY = f"""
rules:
  - deny: https://{HOST}/secret/**
    reason: the secret part is off limits
  - allow: https://{HOST}/v1/**
    methods: [GET, POST]
  - allow: {OTHER}
  - allow: http://{PLAIN}/files/**
  - deny: "*.internal"
"""


def setUpModule():
    global WORLD, ORIGIN
    WORLD = World()
    ORIGIN = Nginx(WORLD, [HOST, OTHER, PLAIN], plain=True)


def tearDownModule():
    ORIGIN.close()
    WORLD.close()


class Denials(unittest.TestCase):
    policy = POLICY

    @classmethod
    def setUpClass(cls):
        cls.box = Sandbox(WORLD, cls.policy)
        cls.inside = Puppet(cls.box)

    @classmethod
    def tearDownClass(cls):
        if cls.inside.close():
            raise AssertionError("the program inside failed")

    def setUp(self):
        self.mark = WORLD.recorder.mark()
        self.served = len(ORIGIN.requests())
        self.known = len(self.box.records())

    def records(self, **wanted):
        """Those of this test, of which at least one is waited for."""
        seqs = {r["seq"] for r in self.box.records()[:self.known]}
        return wait_until(lambda: [r for r in self.box.records(**wanted) if r["seq"] not in seqs], what=f"records of {wanted}")

    def assert_nothing_left(self):
        self.assertEqual(WORLD.recorder.since(self.mark), [])
        self.assertEqual(len(ORIGIN.requests()), self.served)

    def ask(self, target, method="GET", host=None, fields="", **options):
        """One request on a new connection; (status, fields, the parsed body)."""
        scheme, rest = target.split("://")
        authority, _, path = rest.partition("/")
        name, _, port = authority.partition(":")
        client = self.inside.connect(options.pop("connect", name), tls=scheme == "https", port=int(port) if port else None, **options)
        client.send(f"{method} /{path} HTTP/1.1\r\nHost: {host or authority}\r\n{fields}\r\n".encode())
        status, fields, body, _, _ = client.response(method)
        self.client = client
        return status, fields, json.loads(body) if body.startswith(b"{") else body

    def assert_denied(self, target, reason, status=403, rule=None, **options):
        found, fields, body = self.ask(target, **options)
        self.assertEqual((found, fields.get("sallyport-verdict")), (status, "deny"), body)
        self.assertEqual(fields["content-type"], "application/json")
        self.assertEqual((fields["connection"], fields["cache-control"]), ("close", "no-store"))
        facts = body["sallyport"]
        self.assertEqual(body["error"], {"message": "Sallyport: " + facts["reason"], "type": "sallyport_denied"})
        self.assertEqual((facts["verdict"], facts["rule"]), ("deny", rule))
        self.assertRegex(facts["reason"], reason)
        self.assertEqual(self.client.to_end()[1], "close_notify" if target.startswith("https") else "fin")
        self.assert_nothing_left()
        record = self.records(kind="http")[-1]
        self.assertEqual((record["verdict"], record["http"]["status"], record["reason"]), ("deny", status, facts["reason"]))
        self.assertEqual(record["rule"], None if rule is None else f"rules[{rule}]")
        self.assertNotIn("ip", record)
        return facts

    # By the policy.

    def test_a_host_that_no_rule_names(self):
        facts = self.assert_denied("https://nowhere.example.net/x?q=1", "no rule allows nowhere.example.net")
        self.assertEqual((facts["host"], facts["port"], facts["method"], facts["path"]), ("nowhere.example.net", 443, "GET", "/x"))
        self.assertRegex(facts["sandbox"], r"^[0-9a-f]{8}$")

    def test_a_path_that_no_rule_names(self):
        self.assert_denied(f"https://{HOST}/v2/x", r"rules\[1\] allows api.example.com, but not the path /v2/x")

    def test_a_method_that_no_rule_names(self):
        self.assert_denied(f"https://{HOST}/v1/x", r"rules\[1\] allows this path, but not the method DELETE", method="DELETE")

    def test_a_port_that_no_rule_names(self):
        self.assert_denied(f"https://{HOST}:8443/v1/x", "on port 443, not by https on port 8443")

    def test_a_scheme_that_no_rule_names(self):
        self.assert_denied(f"http://{HOST}/v1/x", "by https on port 443, not by http on port 80")
        self.setUp()
        self.assert_denied(f"https://{PLAIN}/files/x", "by http on port 80, not by https on port 443")

    def test_plain_http_to_a_path_that_no_rule_names(self):
        self.assert_denied(f"http://{PLAIN}/other", "not the path /other")

    def test_a_rule_that_denies_gives_its_reason(self):
        facts = self.assert_denied(f"https://{HOST}/secret/x", "^the secret part is off limits$", rule=0)
        self.assertIn("allow_with", facts)

    def test_a_rule_that_denies_without_a_reason_is_named(self):
        self.assert_denied("https://db.internal/", r"rules\[4\] denies \*.internal", rule=4)

    def test_a_denied_head_has_no_body(self):
        status, fields, body = self.ask(f"https://{HOST}/v2", method="HEAD")
        self.assertEqual((status, fields["sallyport-verdict"], body), (403, "deny", b""))
        self.assertEqual(self.client.to_end(), (b"", "close_notify"))

    def test_a_request_behind_a_denied_one_is_not_looked_at(self):
        client = self.inside.connect(HOST)
        client.send(f"GET /v2 HTTP/1.1\r\nHost: {HOST}\r\n\r\nGET /v1/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        self.assertEqual(client.response()[0], 403)
        self.assertEqual(client.to_end(), (b"", "close_notify"))
        self.assert_nothing_left()

    def test_a_client_that_uploads_much_still_reads_its_denial(self):
        with open(self.box.work / "much", "wb") as file:
            file.truncate(64 << 20)
        answer = self.inside.run("""
import subprocess
result = subprocess.run(["curl", "-sS", "-T", "much", "-w", "%{http_code}", url], capture_output=True, text=True).stdout
""", url=f"https://{HOST}/v2/much")
        self.assertTrue(answer.endswith("403"), answer)
        self.assertIn("sallyport_denied", answer)

    # By what the rules of HTTP, TLS and names ask.

    def test_an_address_instead_of_a_name(self):
        facts = self.assert_denied("https://93.184.55.66/x", "no rule allows 93.184.55.66", sni="")
        self.assertEqual(facts["host"], "93.184.55.66")
        self.setUp()
        self.assert_denied("http://93.184.55.66/x", "no rule allows 93.184.55.66")

    def test_an_ipv6_address_instead_of_a_name(self):
        client = self.inside.connect("2606:2800:220:1::99", port=80, tls=False)
        client.send(b"GET / HTTP/1.1\r\nHost: [2606:2800:220:1::99]\r\n\r\n")
        status, _, body, _, _ = client.response()
        self.assertEqual(status, 403)
        self.assertIn("2606:2800:220:1::99", json.loads(body)["sallyport"]["reason"])
        self.assert_nothing_left()

    def test_no_server_name(self):
        facts = self.assert_denied(f"https://{HOST}/v1/x", "names no server", sni="")
        self.assertNotIn("allow_with", facts)

    def test_a_server_name_that_is_not_the_one_that_was_resolved(self):
        self.assert_denied(f"https://{OTHER}/", "not the name that was resolved", status=421, address=HOST)

    def test_a_host_field_that_is_not_the_server_name(self):
        self.assert_denied(f"https://{OTHER}/", "the request is for api.example.com, but the connection was made to other.example.com",
                           status=421, host=HOST)

    def test_a_host_field_with_another_port(self):
        self.assert_denied(f"https://{OTHER}/", "the request is for other.example.com:8443, but", status=421, host=f"{OTHER}:8443")

    def test_a_host_field_that_is_not_the_name_that_was_resolved_for_plain_http(self):
        self.assert_denied(f"http://{PLAIN}/files/x", "the request is for api.example.com, but", status=421, host=HOST)

    def test_an_address_that_the_program_chose_is_not_dialled(self):
        status, _, body = self.ask(f"https://{OTHER}/", address="93.184.77.88")
        self.assertEqual((status, body), (200, b"hello from other.example.com\n"))
        self.assertEqual({t[1] for t in WORLD.recorder.since(self.mark, ignore=(RESOLVER,))}, {ORIGIN.address})

    def test_an_upgrade(self):
        self.assert_denied(f"https://{OTHER}/", "upgrade to another protocol", fields="Connection: upgrade\r\nUpgrade: tls/1.0\r\n")
        self.setUp()
        self.assert_denied(f"https://{OTHER}/", "no WebSocket", fields="Connection: upgrade\r\nUpgrade: websocket\r\n")

    def test_connect(self):
        client = self.inside.connect(OTHER)
        client.send(f"CONNECT {OTHER}:443 HTTP/1.1\r\nHost: {OTHER}:443\r\n\r\n".encode())
        status, fields, _, _, _ = client.response("GET")
        self.assertGreaterEqual(status, 400)
        self.assertEqual(fields["sallyport-verdict"], "deny")
        self.assert_nothing_left()

    def test_what_is_no_http_is_a_400(self):
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: other.example.com\r\nHost: other.example.com\r\n\r\n",
                     b"GET / HTTP/3.0\r\nHost: other.example.com\r\n\r\n", b"GET  / HTTP/1.1\r\nHost: other.example.com\r\n\r\n",
                     b"POST / HTTP/1.1\r\nHost: other.example.com\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"):
            with self.subTest(data):
                client = self.inside.connect(OTHER)
                client.send(data)
                status, fields, _, _, _ = client.response()
                self.assertIn(status, (400, 505))
                self.assertEqual(fields["sallyport-verdict"], "deny")
                self.assertEqual(client.to_end()[1], "close_notify")
        self.assert_nothing_left()
        # What could not be read is left empty in the log.
        self.assertNotIn("(no memory)", str(self.records(kind="http")[-5:]))

    # By other protocols.

    def assert_reset(self, host, port, data, within, reason):
        started = time.monotonic()
        client = self.inside.connect(host, port=port, tls=False)
        if data:
            client.send(data)
        rest, how = client.to_end()
        self.assertEqual((rest, how), (b"", "reset"))
        self.assertLess(time.monotonic() - started, within)
        record = self.records(kind="tcp")[-1]
        self.assertEqual((record["verdict"], record["port"]), ("deny", port))
        self.assertRegex(record["reason"], reason)
        self.assert_nothing_left()
        return record

    def test_a_protocol_that_is_neither_tls_nor_http_is_reset(self):
        for data in (b"\x00\x01\x02\x03", b"hello\r\n", b"\x05\x01\x00", b"\xff" * 100, b"*1\r\n$4\r\nPING\r\n"):
            with self.subTest(data):
                self.setUp()
                record = self.assert_reset(HOST, 443, data, 2, "neither TLS nor HTTP")
                self.assertEqual((record["kind"], record["host"]), ("tcp", HOST))

    def test_ssh_is_refused_at_once(self):
        self.assert_reset(HOST, 22, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", 2, "neither TLS nor HTTP")

    def test_smtp_and_other_text_protocols_in_capitals_are_refused_at_once(self):
        for data in (b"EHLO me\r\n", b"USER me\r\n", b"PING\r\n"):
            with self.subTest(data):
                self.setUp()
                self.assert_reset(HOST, 25, data, 2, "neither TLS nor HTTP")

    def test_a_client_that_waits_for_the_server_to_speak_is_reset_soon(self):
        for port in (22, 25, 3306):
            with self.subTest(port):
                self.setUp()
                self.assert_reset(HOST, port, b"", 4, "the server speaks first")

    def test_a_client_that_says_nothing_on_an_allowed_port_is_reset_later(self):
        self.assert_reset(HOST, 443, b"", 40, "the client sent nothing")

    def test_old_tls_is_refused_by_an_alert(self):
        answer = self.inside.run("""
import subprocess
found = subprocess.run(["openssl", "s_client", "-connect", host + ":443", "-servername", host, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                       capture_output=True, stdin=subprocess.DEVNULL, text=True)
result = found.stderr
""", host=HOST)
        self.assertIn("alert protocol version", answer)
        self.assertEqual(self.records(kind="tls")[-1]["host"], HOST)

    def test_a_client_that_does_not_trust_the_authority_leaves_a_record_that_says_so(self):
        self.inside.run("""
import subprocess
subprocess.run(["curl", "-s", "--cacert", ca, url], env={"PATH": os.environ["PATH"]})
""", url=f"https://{HOST}/v1/x", ca=str(WORLD.ca))
        record = self.records(kind="tls")[-1]
        self.assertEqual(record["verdict"], "allow")
        self.assertIn("the TLS handshake with the client failed", record["error"])
        self.assertIn("unknown ca", record["error"])
        self.assert_nothing_left()

    def test_udp_and_icmp_are_refused_with_an_error(self):
        answer = self.inside.run("""
import subprocess
result = []
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(2)
try:
    client.sendto(b"x", ("93.184.55.66", 443))
    client.recv(1)
except OSError as error:
    result.append(type(error).__name__)
result.append(subprocess.run(["ping", "-c1", "-W2", "93.184.55.66"], capture_output=True).returncode)
""")
        self.assertEqual(answer[0], "PermissionError")
        self.assertNotEqual(answer[1], 0)
        packets = [r["packet"] for r in self.records(kind="packet")]
        self.assertIn(("udp", "93.184.55.66", 443), [(p["protocol"], p["destination"], p.get("destination_port")) for p in packets])
        self.assert_nothing_left()

    def test_names_are_answered_here_and_other_types_are_refused_with_an_extended_error(self):
        text = self.inside.run("""
import subprocess
result = subprocess.run(["dig", "+tries=1", "nowhere.example.net", "A", "nowhere.example.net", "TXT"], capture_output=True, text=True).stdout
""")
        self.assertRegex(text, r"nowhere\.example\.net\.\s+\d+\s+IN\s+A\s")
        self.assertIn("status: REFUSED", text)
        self.assertRegex(text, r"EDE: 21 .*only A, AAAA")
        self.assertEqual([(r["dns"]["type"], r["verdict"]) for r in self.records(kind="dns")][-2:], [("A", "allow"), ("TXT", "deny")])
        self.assert_nothing_left()

    # What would allow it.

    def test_what_a_denial_says_would_allow_it_does(self):
        for target, method in ((f"https://{HOST}/v2/a,b", "GET"), (f"https://{HOST}/v1/x", "PATCH"), ("https://new.example.com/", "GET"),
                               (f"http://{PLAIN}/x:y", "HEAD"), (f"https://{HOST}/secret/x", "GET")):
            with self.subTest(target):
                status, _, body = self.ask(target, method="GET" if method == "HEAD" else method)
                self.assertEqual(status, 403)
                text = body["sallyport"]["allow_with"]
                WORLD.name("new.example.com", ORIGIN.address)
                certificate = "new.example.com" not in target
                rules = "\n".join("  " + line for line in text.splitlines())
                box = Sandbox(WORLD, "rules:\n" + rules + POLICY.replace("\nrules:", ""))
                result = box.sh(f"curl -s -o /dev/null -w '%{{http_code}} %header{{sallyport-verdict}}' -X {method if method != 'HEAD' else 'GET'} "
                                f"'{target}'")
                records = box.records(kind="http")
                self.assertEqual([r["verdict"] for r in records], ["allow"], result.stdout + result.stderr)
                self.assertEqual(records[0]["rule"], "rules[0]")
                if certificate:
                    self.assertEqual(result.stdout.split(" ")[0], "200")


class Observed(unittest.TestCase):
    """In observe mode what the policy would refuse goes out, and is marked; what no policy could allow does not."""

    @classmethod
    def setUpClass(cls):
        cls.box = Sandbox(WORLD, POLICY + "mode: observe\n")
        cls.inside = Puppet(cls.box)
        WORLD.name("unnamed.example.com", ORIGIN.address)

    @classmethod
    def tearDownClass(cls):
        cls.inside.close()

    ask = Denials.ask

    def record(self, path):
        return wait_until(lambda: [r for r in self.box.records(kind="http") if r["http"]["path"] == path], what="a record")[-1]

    def test_what_would_be_denied_goes_out_and_is_marked(self):
        for target, method, reason in ((f"https://{HOST}/v2/x", "GET", "not the path /v2/x"),
                                       (f"https://{HOST}/v1/y", "DELETE", "not the method DELETE"),
                                       (f"https://{HOST}/secret/x", "GET", "off limits"),
                                       (f"http://{PLAIN}/other", "GET", "not the path /other")):
            with self.subTest(target):
                path = "/" + target.split("/", 3)[3]
                status, _, body = self.ask(target, method=method)
                self.assertEqual((status, body[:5]), (200, b"hello"))
                record = self.record(path)
                self.assertEqual((record["verdict"], record["would_deny"]), ("allow", True))
                self.assertIn(reason, record["reason"])

    def test_a_host_that_no_rule_names_goes_out_and_is_marked(self):
        box = Sandbox(WORLD, "mode: observe\n")
        origin = Nginx(WORLD, ["marked.example.com"])
        self.assertEqual(box.sh("curl -sS https://marked.example.com/").stdout, "hello from marked.example.com\n")
        self.assertEqual([(r["verdict"], r["would_deny"]) for r in box.records(kind="http")], [("allow", True)])
        origin.close()

    def test_what_is_allowed_is_not_marked(self):
        self.assertEqual(self.ask(f"https://{HOST}/v1/unmarked")[0], 200)
        record = self.record("/v1/unmarked")
        self.assertEqual((record["verdict"], record.get("would_deny", False), record["reason"]), ("allow", False, None))

    def test_another_authority_is_refused_all_the_same(self):
        self.assertEqual(self.ask(f"https://{OTHER}/", host=HOST)[0], 421)
        self.assertEqual(self.ask(f"https://{OTHER}/", address=HOST)[0], 421)

    def test_a_private_address_is_refused_all_the_same(self):
        WORLD.name("private.example.com", "10.1.2.3")
        status, _, body = self.ask("https://private.example.com/")
        self.assertEqual((status, body["sallyport"]["verdict"]), (403, "deny"))

    def test_what_is_no_http_is_refused_all_the_same(self):
        client = self.inside.connect(HOST, tls=False, port=443)
        client.send(b"\x00\x01\x02")
        self.assertEqual(client.to_end()[1], "reset")


if __name__ == "__main__":
    unittest.main(verbosity=2)
