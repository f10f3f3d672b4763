"""tcp:// rules: connections that are relayed as they are, whoever speaks first."""
import hashlib
import os
import socket
import subprocess
import threading
import time
import unittest

from lab import namespaces, processes
from lab.namespaces import wait_until
from lab.origins import ByHand, Scripted, can_connect
from lab.puppet import Puppet, RemoteError
from lab.sandbox import UID, Sandbox, as_user
from lab.world import RESOLVER, World

DB, GREETER, SSH, WEB = "db.example.com", "greeter.example.com", "ssh.example.com", "web.example.com"
PG, PG_PORT = "pg.example.com", 5432
BYTES = 256 << 20
NAME = "sandboxed"  # who the sandbox's user is, for programs that ask


def names_for_the_user(world):
    """ssh, sshd and initdb want a name for whoever runs them."""
    for path, line in (("/etc/passwd", f"{NAME}:x:{UID}:{UID}::{world.dir}:/bin/sh"), ("/etc/group", f"{NAME}:x:{UID}:"),
                       ("/etc/shadow", f"{NAME}:*:1::::::")):
        copy = world.dir / os.path.basename(path)
        copy.write_text(f"{open(path).read()}{line}\n")
        copy.chmod(0o600 if path == "/etc/shadow" else 0o644)
        namespaces.bind(copy, path)


def setUpModule():
    global world
    world = World()
    names_for_the_user(world)


def tearDownModule():
    world.close()


class Tcp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = world
        cls.origin = ByHand(cls.world, DB, tls=False, port=7000)
        cls.six = ByHand(cls.world, DB, tls=False, port=7000, address=cls.world.address6())
        cls.web = Scripted(cls.world, WEB, lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), tls=False, port=80)
        cls.greeter = Scripted(cls.world, GREETER, lambda c: c.sendall(b"220 welcome\r\n") or c.sendall(c.recv()), tls=False, port=25)
        cls.addressed = cls.world.address()
        cls.by_address = ByHand(cls.world, "unnamed.example.com", tls=False, port=7001, address=cls.addressed)
        cls.world.name("refused.example.com")
        cls.world.name("lost.example.com", "10.9.8.7")
        cls.world.name("here.example.com", "127.0.0.1")
        cls.policy = f"""
secrets:
  KEY: {{from: env, use: [{{at: api.example.com, slot: header Authorization}}]}}
rules:
  - {{deny: ["tcp://closed.{DB}:7000", "tcp://{cls.addressed}:7009"], reason: this database is closed}}
  - allow: ["tcp://{DB}:7000", "tcp://*.{DB}:7000", "tcp://{GREETER}:25", "tcp://{SSH}:22", "tcp://{PG}:{PG_PORT}"]
  - allow: ["tcp://{cls.addressed}:7001", "tcp://93.184.0.0/16:7002", "tcp://[2606:2800:220::]/48:7000"]
  - allow: ["tcp://refused.example.com:7000", "tcp://lost.example.com:7000", "tcp://here.example.com:7000"]
  - allow: ["http://{WEB}/ok", api.example.com]
"""
        cls.box = Sandbox(cls.world, cls.policy)
        cls.inside = Puppet(cls.box, env={"KEY": "sk-proj-0123456789abcdefghijklmnop"})
        cls.worker = processes.worker_of(cls.inside.process)

    @classmethod
    def tearDownClass(cls):
        status = cls.inside.close()
        for origin in (cls.origin, cls.six, cls.by_address):
            origin.forget()
            origin.close()
        if status:
            raise AssertionError(f"the program inside ended with {status}")

    def setUp(self):
        def settle():
            self.known = len(self.records())
            time.sleep(0.3)
            return self.known == len(self.records())
        self.known = 0
        wait_until(settle, what="an end of records")

    def tearDown(self):
        for origin in (self.origin, self.six, self.by_address):
            origin.forget()

    def records(self):
        return [r for r in self.box.records() if r["kind"] in ("tcp", "tls", "http")]

    def record(self):
        """The one that this test leaves."""
        records = wait_until(lambda: self.records()[self.known:], what="a record")
        self.assertEqual(len(records), 1, records)
        return records[0]

    def open(self, host=DB, port=7000, address=None, origin=None):
        client = self.inside.connect(host, port=port, tls=False, address=address)
        return client, (origin or self.origin).take()

    def assert_reset(self, host, port, address=None):
        try:
            client = self.inside.connect(host, port=port, tls=False, address=address)
            self.assertEqual(client.to_end(), (b"", "reset"))
        except RemoteError as error:
            # So soon that the program was not yet told of the connection; then it tries the other address, too.
            self.assertEqual(error.kind, "ConnectionResetError")
            return wait_until(lambda: self.records()[self.known:], what="a record")[-1]
        # That may have happened with the first address.
        records = wait_until(lambda: self.records()[self.known:], what="a record")
        self.assertEqual(len({(r["verdict"], r["reason"], r.get("error")) for r in records}), 1, records)
        return records[-1]

    # What goes through.

    def test_a_server_speaks_first(self):
        client = self.inside.connect(GREETER, port=25, tls=False)
        self.assertEqual(client.until(b"\r\n"), b"220 welcome\r\n")
        client.send(b"EHLO me\r\n")
        self.assertEqual(client.to_end(), (b"EHLO me\r\n", "fin"))
        client.close()
        record = self.record()
        self.assertEqual((record["kind"], record["verdict"], record["rule"], record["reason"]), ("tcp", "allow", "rules[1]", None))
        self.assertEqual((record["host"], record["port"], record["ip"]), (GREETER, 25, self.greeter.address))
        self.assertEqual(record["bytes"], {"up": 9, "down": 22})
        self.assertGreaterEqual(record["ms"]["total"], record["ms"]["connect"])
        self.assertFalse({"tls", "http", "error", "secrets"} & set(record))

    def test_not_a_byte_is_changed_in_either_direction(self):
        client, origin = self.open()
        # What looks like TLS, HTTP, or ends of lines is nothing special here.
        up = b"\x16\x03\x01\x02\x00" + b"GET / HTTP/1.1\r\nHost: evil\r\n\r\n" + os.urandom(300000)
        down = b"HTTP/1.1 100 Continue\r\n\r\n" + os.urandom(300000)
        origin.sendall(down)
        self.assertEqual(client.exactly(len(down)), down)
        client.send(up)
        self.assertEqual(origin.read_exactly(len(up)), up)
        client.finish()
        origin.close("fin")
        self.assertEqual(client.to_end(), (b"", "fin"))
        self.assertEqual(self.record()["bytes"], {"up": len(up), "down": len(down)})

    def test_no_secret_goes_in(self):
        placeholder = self.inside.run("result = os.environ['KEY']").encode()
        client, origin = self.open()
        text = b"GET / HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer " + placeholder + b"\r\n\r\n"
        client.send(text)
        self.assertEqual(origin.read_exactly(len(text)), text)

    def test_much_data_in_both_directions_at_once(self):
        received = {}

        def serve(connection):
            digest, got = hashlib.sha256(), 0
            sender = threading.Thread(target=lambda: connection.sendall(self.world.block * (BYTES // len(self.world.block))))
            sender.start()
            while got < BYTES:
                data = connection.stream.recv(1 << 20)
                digest.update(data)
                got += len(data)
            sender.join()
            received["up"] = digest.hexdigest()
        self.world.block = os.urandom(1 << 20)
        sink = Scripted(self.world, f"much.{DB}", serve, tls=False, port=7000)
        down, up = self.inside.run("""
stream = socket.create_connection((host, 7000))
block, digest = os.urandom(1 << 20), hashlib.sha256()
def receive():
    got = 0
    while got < size:
        data = stream.recv(1 << 20)
        digest.update(data)
        got += len(data)
receiver = threading.Thread(target=receive)
receiver.start()
sent = hashlib.sha256()
for i in range(size >> 20):
    stream.sendall(block)
    sent.update(block)
receiver.join()
stream.close()
result = digest.hexdigest(), sent.hexdigest()
""", host=f"much.{DB}", size=BYTES)
        wanted = hashlib.sha256()
        for _ in range(BYTES >> 20):
            wanted.update(self.world.block)
        self.assertEqual(down, wanted.hexdigest())
        self.assertEqual(up, wait_until(lambda: received.get("up"), what="the bytes"))
        self.assertEqual(self.record()["bytes"], {"up": BYTES, "down": BYTES})
        sink.close()

    # How it ends.

    def test_the_client_closes_its_half_first(self):
        client, origin = self.open()
        client.send(b"question")
        client.finish()
        self.assertEqual(origin.read_exactly(8), b"question")
        self.assertEqual(origin.recv(), b"")
        origin.sendall(b"x" * 100000)
        self.assertEqual(client.exactly(100000), b"x" * 100000)
        origin.close("fin")
        self.assertEqual(client.to_end(), (b"", "fin"))
        self.assertEqual(self.record()["bytes"], {"up": 8, "down": 100000})

    def test_the_origin_closes_its_half_first(self):
        client, origin = self.open()
        origin.stream.shutdown(socket.SHUT_WR)
        self.assertEqual(client.to_end(), (b"", "fin"))
        client.send(b"y" * 100000)
        self.assertEqual(origin.read_exactly(100000), b"y" * 100000)
        client.finish()
        self.assertEqual(origin.recv(), b"")
        self.assertEqual(self.record()["bytes"], {"up": 100000, "down": 0})

    def test_a_reset_by_either_side_resets_the_other(self):
        client, origin = self.open()
        origin.sendall(b"x")
        client.exactly(1)
        origin.close("reset")
        self.assertEqual(client.to_end()[1], "reset")
        record = self.record()
        self.assertEqual((record["verdict"], record["error"]), ("allow", "the connection with the origin broke: Connection reset by peer"))
        self.setUp()
        client, origin = self.open()
        origin.sendall(b"x")
        client.exactly(1)
        client.reset()
        with self.assertRaises(ConnectionResetError):
            origin.recv()
        self.assertEqual(self.record()["error"], "the connection with the client broke: Connection reset by peer")

    def test_one_side_that_does_not_read_stops_the_other_and_no_more(self):
        client, origin = self.open()
        before, sent = processes.status(self.worker, "VmRSS"), 0
        origin.stream.setblocking(False)
        try:
            for _ in range(10000):
                sent += origin.stream.send(b"x" * 65536)
                time.sleep(0.0005)
        except BlockingIOError:
            pass
        self.assertLess(sent, 64 << 20)
        self.assertLess(processes.status(self.worker, "VmRSS") - before, 8 << 10)
        other, other_origin = self.open()
        other_origin.sendall(b"hello")
        self.assertEqual(other.exactly(5), b"hello")
        self.assertEqual(client.exactly(1000), b"x" * 1000)

    def test_many_at_once_and_their_descriptors_come_back(self):
        before = processes.descriptors(self.worker)
        clients = [self.inside.connect(DB, port=7000, tls=False) for _ in range(200)]
        for i, client in enumerate(clients):
            client.send(i.to_bytes(4, "big"))
        for _ in clients:
            origin = self.origin.take()
            origin.sendall(origin.read_exactly(4))
        for i, client in enumerate(clients):
            self.assertEqual(client.exactly(4), i.to_bytes(4, "big"))
        self.assertGreater(processes.descriptors(self.worker), before + 400)
        self.origin.forget()
        for client in clients:
            client.close()
        wait_until(lambda: processes.descriptors(self.worker) <= before, what="the descriptors")
        wait_until(lambda: len(self.records()) == self.known + 200, what="the records")

    def test_what_is_open_at_the_end_is_recorded(self):
        box = Sandbox(self.world, self.policy)
        inside = Puppet(box, env={"KEY": "sk-proj-0123456789abcdefghijklmnop"})
        client = inside.connect(DB, port=7000, tls=False)
        origin = self.origin.take()
        origin.sendall(b"hello")
        self.assertEqual(client.exactly(5), b"hello")
        inside.process.terminate()
        self.assertEqual(inside.process.wait(10), 143)
        record = box.records(kind="tcp")[0]
        self.assertEqual((record["verdict"], record["bytes"]), ("allow", {"up": 0, "down": 5}))
        self.assertIn("the sandbox ended", record["error"])

    # Where it goes.

    def test_the_name_is_resolved_here_and_no_address_of_the_program_is_dialled(self):
        mark = self.world.recorder.mark()
        self.open()  # by its synthetic address
        self.assertEqual({t[1] for t in self.world.recorder.since(mark, ignore=(RESOLVER,))}, {self.origin.address})
        # The origin's own address is one that no rule names.
        client = self.inside.connect(DB, port=7000, tls=False, address=self.origin.address)
        client.send(b"SSH-2.0-x\r\n")
        self.assertEqual(client.to_end(), (b"", "reset"))
        self.assertEqual(self.origin.waiting.qsize(), 0)

    def test_an_address_that_a_rule_names(self):
        client, origin = self.open(self.addressed, 7001, origin=self.by_address)
        origin.sendall(b"hello")
        self.assertEqual(client.exactly(5), b"hello")
        client.close()
        origin.close()
        record = self.record()
        self.assertEqual((record["host"], record["ip"], record["rule"]), (self.addressed, self.addressed, "rules[2]"))

    def test_an_address_in_a_range_that_a_rule_names(self):
        address = self.world.address()
        ranged = ByHand(self.world, "ranged.example.com", tls=False, port=7002, address=address)
        client, origin = self.open(address, 7002, origin=ranged)
        origin.sendall(b"hello")
        self.assertEqual(client.exactly(5), b"hello")
        ranged.forget()
        ranged.close()

    def test_an_ipv6_address_in_a_range_that_a_rule_names(self):
        client, origin = self.open(self.six.address, 7000, origin=self.six)
        origin.sendall(b"hello")
        self.assertEqual(client.exactly(5), b"hello")
        client.close()
        origin.close()
        self.assertEqual(self.record()["ip"], self.six.address)

    def test_a_name_that_has_ipv6_alone(self):
        self.world.name(f"six.{DB}", self.six.address)
        client, origin = self.open(f"six.{DB}", origin=self.six)
        origin.sendall(b"hello")
        self.assertEqual(client.exactly(5), b"hello")
        client.close()
        origin.close()
        self.assertEqual(self.record()["ip"], self.six.address)

    def test_an_address_of_the_host_is_not_in_a_range(self):
        """The program would choose it, and what the host has there is not meant for it."""
        namespaces.ip("addr", "add", "93.184.200.1/32", "dev", "lo")
        service = socket.create_server(("93.184.200.1", 7002))
        self.addCleanup(service.close)
        record = self.assert_reset("93.184.200.1", 7002)
        self.assertEqual(record["verdict"], "deny")
        self.assertRegex(record["reason"], "may not be dialled: an address of this host itself")

    # What does not.

    def test_a_port_that_no_rule_names(self):
        client = self.inside.connect(DB, port=7001, tls=False)
        client.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        self.assertEqual(client.to_end(), (b"", "reset"))
        record = self.record()
        self.assertEqual((record["kind"], record["verdict"], record["rule"], record["host"]), ("tcp", "deny", None, DB))
        self.assertEqual(record["reason"],
                         f"what the client sent is SSH, and neither TLS nor HTTP; to let it through: - allow: tcp://{DB}:7001")

    def test_what_is_denied_by_a_rule_says_so(self):
        client = self.inside.connect(f"closed.{DB}", port=7000, tls=False)
        client.send(b"EHLO me\r\n")
        self.assertEqual(client.to_end(), (b"", "reset"))
        record = self.record()
        self.assertEqual((record["verdict"], record["rule"], record["reason"]), ("deny", "rules[0]", "this database is closed"))
        self.setUp()
        # One that waits for the server is not left to wait.
        record = self.assert_reset(self.addressed, 7009)
        self.assertEqual((record["verdict"], record["reason"]), ("deny", "this database is closed"))

    def test_names_of_protocols(self):
        for port, data, name in ((5432, b"\0\0\0\x08\x04\xd2\x16\x2f", "PostgreSQL"), (6379, b"*1\r\n$4\r\nPING\r\n", "Redis"),
                                 (25, b"EHLO x\r\n", "SMTP"), (1080, b"\5\1\0", "SOCKS5"), (1883, b"\x10\x10\0\4MQTT\4\2", "MQTT")):
            with self.subTest(name):
                self.setUp()
                client = self.inside.connect("any.example.org", port=port, tls=False)
                client.send(data)
                self.assertEqual(client.to_end(), (b"", "reset"))
                self.assertRegex(self.record()["reason"], f"is {name}, and neither TLS nor HTTP; .* tcp://any.example.org:{port}$")

    def test_dns_over_tls_is_refused_by_its_name(self):
        with self.assertRaisesRegex(RemoteError, "ALERT_ACCESS_DENIED"):
            self.inside.connect("dns.example.org", port=853)
        record = self.record()
        self.assertEqual((record["kind"], record["host"], record["port"], record["verdict"]), ("tls", "dns.example.org", 853, "deny"))
        self.assertEqual(record["reason"], "no rule allows dns.example.org (port 853 is for DNS over TLS; Sallyport resolves names itself)")

    def test_a_private_address_needs_network_private(self):
        for host, what in (("lost.example.com", "private"), ("here.example.com", "loopback")):
            with self.subTest(host):
                self.setUp()
                mark = self.world.recorder.mark()
                record = self.assert_reset(host, 7000)
                self.assertEqual((record["kind"], record["verdict"], record["rule"]), ("tcp", "deny", "rules[3]"))
                self.assertRegex(record["reason"], f"may not be dialled: {what}")
                self.assertEqual(self.world.recorder.since(mark, ignore=(RESOLVER,)), [])
        service = socket.create_server(("127.0.0.1", 7003))
        self.addCleanup(service.close)
        threading.Thread(target=lambda: service.accept()[0].sendall(b"hello"), daemon=True).start()
        box = Sandbox(self.world, "rules: [{allow: 'tcp://inner.example.com:7003'}]\n"
                                  "network: {private: [127.0.0.0/8], resolve: {inner.example.com: 127.0.0.1}}\n")
        done = box.python("import socket; print(socket.create_connection(('inner.example.com', 7003)).recv(5))")
        self.assertEqual(done.stdout, "b'hello'\n", done.stderr)

    def test_an_origin_that_refuses_resets_the_client(self):
        record = self.assert_reset("refused.example.com", 7000)
        self.assertEqual((record["verdict"], record["rule"]), ("allow", "rules[3]"))
        self.assertIn("Connection refused", record["error"])

    def test_a_name_that_does_not_exist_resets_the_client(self):
        record = self.assert_reset(f"nobody.{DB}", 7000)
        self.assertEqual(record["verdict"], "allow")
        self.assertIn("the name does not exist", record["error"])

    def test_a_rule_about_requests_that_comes_first_has_the_connection_opened(self):
        box = Sandbox(self.world, f"rules: [{{allow: 'http://{WEB}/ok'}}, {{allow: 'tcp://*.example.com:80'}}]")
        done = box.sh(f"curl -sS http://{WEB}/ok; curl -sS -o /dev/null -w ' %{{http_code}}' http://{WEB}/other")
        self.assertEqual(done.stdout, "ok 403", done.stderr)
        self.assertEqual([r["kind"] for r in box.records() if r.get("host") == WEB and r["kind"] != "dns"], ["http", "http"])

    def test_a_tcp_rule_that_comes_first_has_it_relayed(self):
        box = Sandbox(self.world, f"rules: [{{allow: 'tcp://*.example.com:80'}}]")
        done = box.sh(f"curl -sS http://{WEB}/other")
        self.assertEqual(done.stdout, "ok", done.stderr)
        self.assertEqual([r["kind"] for r in box.records() if r.get("host") == WEB and r["kind"] != "dns"], ["tcp"])

    def test_observing_lets_through_what_a_rule_allows_and_marks_nothing(self):
        box = Sandbox(self.world, f"mode: observe\nrules: [{{allow: 'tcp://{GREETER}:25'}}]")
        done = box.python(f"import socket; print(socket.create_connection(('{GREETER}', 25)).recv(11))")
        self.assertEqual(done.stdout, "b'220 welcome'\n", done.stderr)
        record = box.records(kind="tcp")[0]
        self.assertEqual((record["verdict"], record.get("would_deny")), ("allow", None))


class Clients(unittest.TestCase):
    """Programs as they are, and servers as they are."""

    @classmethod
    def setUpClass(cls):
        cls.world = world
        cls.box = Sandbox(cls.world, f"rules: [{{allow: ['tcp://{SSH}:22', 'tcp://{PG}:{PG_PORT}']}}]")

    def test_ssh_and_what_goes_over_it(self):
        directory = self.box.work / "keys"
        directory.mkdir()
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
        for path in (directory, *directory.iterdir()):
            os.chown(path, UID, UID)
        address = self.world.name(SSH)
        (directory / "known").write_text(f"{SSH} " + (directory / "host.pub").read_text())
        (directory / "sshd_config").write_text(f"""
ListenAddress {address}
HostKey {directory}/host
AuthorizedKeysFile {directory}/user.pub
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
""")
        os.makedirs("/run/sshd", exist_ok=True)
        # As root, it may let the user in; the host key is read before that.
        server = self.world.space.spawn(["/usr/sbin/sshd", "-D", "-e", "-f", directory / "sshd_config"], stderr=subprocess.DEVNULL)
        self.addCleanup(namespaces.end, server)
        wait_until(can_connect(self.world, address, 22), what="sshd")
        ssh = f"-i keys/user -o UserKnownHostsFile=keys/known -o StrictHostKeyChecking=yes -o BatchMode=yes"
        done = self.box.sh(f"ssh {ssh} {NAME}@{SSH} 'echo from the server; id -un'")
        self.assertEqual(done.stdout, f"from the server\n{NAME}\n", done.stderr)
        size = 32 << 20
        (self.box.work / "file").write_bytes(os.urandom(size))
        done = self.box.sh(f"scp -q {ssh} file {NAME}@{SSH}:{self.box.work}/there && scp -q {ssh} {NAME}@{SSH}:{self.box.work}/there back"
                           " && cmp file back && echo same")
        self.assertEqual(done.stdout, "same\n", done.stderr)
        records = [r for r in self.box.records(kind="tcp") if r["host"] == SSH]
        self.assertEqual([(r["verdict"], r["rule"], r["ip"]) for r in records], [("allow", "rules[0]", address)] * 3)
        self.assertGreater(records[1]["bytes"]["up"], size)
        self.assertGreater(records[2]["bytes"]["down"], size)

    def test_psql(self):
        tools = sorted(p for p in os.listdir("/usr/lib/postgresql") if p.isdigit())[-1]
        tools = f"/usr/lib/postgresql/{tools}/bin"
        data = self.box.work / "data"
        subprocess.run(as_user([f"{tools}/initdb", "-D", data, "-U", "db", "-A", "trust", "--no-sync"]), check=True, cwd=self.box.work,
                       stdout=subprocess.DEVNULL, env=self.box.environment())
        with open(data / "pg_hba.conf", "a") as file:
            file.write("host all all all trust\n")
        address = self.world.name(PG)
        server = self.world.space.spawn(as_user([f"{tools}/postgres", "-D", data, "-h", address, "-k", data, "-F"]), cwd=self.box.work,
                                        stderr=subprocess.DEVNULL, env=self.box.environment())
        self.addCleanup(namespaces.end, server)
        wait_until(can_connect(self.world, address, PG_PORT), what="postgres")
        done = self.box.sh(f"psql -h {PG} -U db -At postgres -c 'select sum(n) from generate_series(1, 100000) as n' "
                           "-c \"select repeat('x', 1000000)\" | cut -c 1-20", timeout=60)
        self.assertEqual(done.stdout, "5000050000\n" + "x" * 20 + "\n", done.stderr)
        record = wait_until(lambda: [r for r in self.box.records(kind="tcp") if r["host"] == PG], what="a record")[0]
        self.assertEqual((record["verdict"], record["port"], record["ip"]), ("allow", PG_PORT, address))
        self.assertGreater(record["bytes"]["down"], 1000000)


if __name__ == "__main__":
    unittest.main(verbosity=2)
