"""tls:// rules: connections that are passed through unopened."""
import hashlib
import os
import time
import unittest

from lab import processes
from lab.namespaces import wait_until
from lab.origins import ByHand, Nginx
from lab.puppet import Puppet
from lab.sandbox import Sandbox
from lab.world import RESOLVER, World

HOST, REAL = "pinned.example.com", "real.example.com"
BYTES = 256 << 20
POLICY = f"""
secrets:
  KEY: {{from: env, use: [{{at: api.example.com, slot: header Authorization}}]}}
rules:
  - allow: api.example.com
  - allow: ["tls://{HOST}", "tls://*.real.example.com", "tls://{REAL}"]
"""


class Passthrough(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.origin = ByHand(cls.world, HOST, tls=False, port=443)
        cls.nginx = Nginx(cls.world, [REAL, "a.b.real.example.com"], f"""
            location /upload/ {{ root {cls.world.dir}; dav_methods PUT; }}
            location /file {{ root {cls.world.dir}; }}
            location / {{ return 200 "hello from $host\\n"; }}""")
        (cls.world.dir / "upload").mkdir()
        cls.box = Sandbox(cls.world, POLICY)
        cls.inside = Puppet(cls.box, env={"KEY": "sk-proj-0123456789abcdefghijklmnop"})
        cls.worker = processes.worker_of(cls.inside.process)
        cls.hello = cls.inside.run("""
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
context = ssl.create_default_context()
try:
    context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
except ssl.SSLWantReadError:
    result = outgoing.read()
""", name=HOST)

    @classmethod
    def tearDownClass(cls):
        status = cls.inside.close()
        cls.origin.forget()
        cls.origin.close()
        cls.nginx.close()
        cls.world.close()
        if status:
            raise AssertionError(f"the program inside ended with {status}")

    def setUp(self):
        def settle():
            self.known = len(self.box.records(kind="tls"))
            time.sleep(0.3)
            return self.known == len(self.box.records(kind="tls"))
        # Connections of the test before may be ending.
        wait_until(settle, what="an end of records")

    def tearDown(self):
        self.origin.forget()

    def record(self):
        """The one that this test leaves."""
        records = wait_until(lambda: self.box.records(kind="tls")[self.known:], what="a record")
        self.assertEqual(len(records), 1)
        return records[0]

    def open(self, host=HOST, address=None):
        """A connection whose bytes are the test's, past its ClientHello; both ends."""
        client = self.inside.connect(host, port=443, tls=False, address=address)
        client.send(self.hello)
        origin = self.origin.take()
        self.assertEqual(origin.read_exactly(len(self.hello)), self.hello)
        return client, origin

    def curl(self, arguments):
        return self.box.sh(f"curl -sS --cacert {self.world.ca} {arguments}", env={"KEY": "sk-proj-0123456789abcdefghijklmnop"})

    def test_not_a_byte_is_changed_in_either_direction(self):
        client, origin = self.open()
        up, down = os.urandom(300000), os.urandom(300000)
        origin.sendall(down[:1000])
        self.assertEqual(client.exactly(1000), down[:1000])
        client.send(up)
        self.assertEqual(origin.read_exactly(len(up)), up)
        origin.sendall(down[1000:])
        self.assertEqual(client.exactly(len(down) - 1000), down[1000:])
        client.finish()
        origin.close("fin")
        self.assertEqual(client.to_end(), (b"", "fin"))
        record = self.record()
        self.assertEqual((record["verdict"], record["rule"], record["reason"]), ("allow", "rules[1]", None))
        self.assertEqual(record["bytes"], {"up": len(self.hello) + len(up), "down": len(down)})
        self.assertEqual((record["host"], record["port"], record["ip"], record["tls"]["sni"]), (HOST, 443, self.origin.address, HOST))
        self.assertNotIn("error", record)
        self.assertNotIn("http", record)

    def test_a_hello_that_comes_byte_by_byte_is_passed_on_whole(self):
        client = self.inside.connect(HOST, port=443, tls=False)
        for byte in self.hello:
            client.send(bytes([byte]))
        self.assertEqual(self.origin.take().read_exactly(len(self.hello)), self.hello)

    def test_what_comes_with_the_hello_is_passed_on_behind_it(self):
        client = self.inside.connect(HOST, port=443, tls=False)
        client.send(self.hello + b"early")
        self.assertEqual(self.origin.take().read_exactly(len(self.hello) + 5), self.hello + b"early")

    def test_the_certificate_is_the_origins_own(self):
        result = self.curl(f"-v https://{REAL}/ https://a.b.real.example.com/")
        self.assertEqual(result.stdout, f"hello from {REAL}\nhello from a.b.real.example.com\n", result.stderr)
        self.assertEqual(result.stderr.count("issuer: CN=test root"), 2, result.stderr)
        self.assertEqual({r["host"] for r in self.box.records(kind="tls")[self.known:]}, {REAL, "a.b.real.example.com"})
        self.assertEqual(self.box.records(kind="http"), [])

    def test_no_secret_goes_in(self):
        result = self.curl(f'-H "Authorization: Bearer $KEY" -w "%{{http_code}} $KEY" -o /dev/null https://{REAL}/secret')
        status, placeholder = result.stdout.split(" ")
        self.assertEqual(status, "200", result.stderr)
        self.assertEqual(self.nginx.requests()[-1]["authorization"], f"Bearer {placeholder}")
        self.assertNotIn("secrets", self.record())

    def test_much_data_in_both_directions(self):
        with open(self.world.dir / "file", "wb") as file:
            block = os.urandom(1 << 20)
            for i in range(BYTES >> 20):
                file.write(i.to_bytes(8, "big") + block[8:])
        (self.box.work / "file").symlink_to(self.world.dir / "file")
        wanted = sha256(self.world.dir / "file")
        result = self.curl(f"https://{REAL}/file -o got && sha256sum got && curl -sS --cacert {self.world.ca} -T file https://{REAL}/upload/ "
                           "&& rm got")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.split()[0], wanted)
        self.assertEqual(sha256(self.world.dir / "upload" / "file"), wanted)
        down, up = wait_until(lambda: len(r := self.box.records(kind="tls")[self.known:]) == 2 and r, what="two records")
        self.assertGreater(down["bytes"]["down"], BYTES)
        self.assertGreater(up["bytes"]["up"], BYTES)

    def test_the_client_closes_its_half_first(self):
        client, origin = self.open()
        client.finish()
        self.assertEqual(origin.recv(), b"")
        origin.sendall(b"x" * 100000)
        self.assertEqual(client.exactly(100000), b"x" * 100000)
        origin.close("fin")
        self.assertEqual(client.to_end(), (b"", "fin"))
        self.assertEqual(self.record()["bytes"], {"up": len(self.hello), "down": 100000})

    def test_the_origin_closes_its_half_first(self):
        client, origin = self.open()
        origin.stream.shutdown(1)
        self.assertEqual(client.to_end(), (b"", "fin"))
        client.send(b"y" * 100000)
        self.assertEqual(origin.read_exactly(100000), b"y" * 100000)
        client.finish()
        self.assertEqual(origin.recv(), b"")
        self.assertEqual(self.record()["bytes"], {"up": len(self.hello) + 100000, "down": 0})

    def test_a_reset_by_the_origin_resets_the_client(self):
        client, origin = self.open()
        origin.sendall(b"x")
        client.exactly(1)
        origin.close("reset")
        self.assertEqual(client.to_end()[1], "reset")
        self.assertEqual(self.record()["verdict"], "allow")

    def test_a_reset_by_the_client_resets_the_origin(self):
        client, origin = self.open()
        client.reset()
        with self.assertRaises(ConnectionResetError):
            origin.recv()
        self.record()

    def test_a_reset_by_the_client_while_its_bytes_are_on_the_way(self):
        client, origin = self.open()
        origin.stream.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                origin.stream.send(b"x" * 65536)
        client.reset()
        origin.stream.settimeout(10)
        with self.assertRaises(ConnectionResetError):
            origin.recv()

    def test_one_side_that_does_not_read_stops_the_other_and_no_more(self):
        client, origin = self.open()
        before = processes.status(self.worker, "VmRSS")
        sent = 0
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
        other.send(b"hello")
        self.assertEqual(other_origin.read_exactly(5), b"hello")
        self.assertEqual(client.exactly(1000), b"x" * 1000)

    def test_an_origin_that_cannot_be_reached_resets_the_client(self):
        address = self.world.address()
        self.world.name("gone.real.example.com", address)
        hello = self.inside.run("""
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
try:
    ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
except ssl.SSLWantReadError:
    result = outgoing.read()
""", name="gone.real.example.com")
        client = self.inside.connect("gone.real.example.com", port=443, tls=False)
        client.send(hello)
        self.assertEqual(client.to_end(), (b"", "reset"))
        self.assertIn("Connection refused", self.record()["error"])

    def test_an_address_that_the_program_chose_is_not_dialled(self):
        mark = self.world.recorder.mark()
        self.open(address="93.184.77.99")
        self.assertEqual({t[1] for t in self.world.recorder.since(mark, ignore=(RESOLVER,))}, {self.origin.address})

    def test_another_name_in_the_hello_is_not_passed_through(self):
        client = self.inside.connect(REAL, port=443, tls=False)
        client.send(self.hello)
        self.assertEqual(client.exactly(1), b"\x16")  # a ServerHello of ours: it is told why, in HTTP
        self.assertEqual(self.origin.waiting.qsize(), 0)

    def test_many_at_once_and_their_descriptors_come_back(self):
        before = processes.descriptors(self.worker)
        clients = []
        for i in range(200):
            client = self.inside.connect(HOST, port=443, tls=False)
            client.send(self.hello + i.to_bytes(4, "big"))
            clients.append(client)
        origins = {}
        for _ in clients:
            origin = self.origin.take()
            number = int.from_bytes(origin.read_exactly(len(self.hello) + 4)[-4:], "big")
            origins[number] = origin
        self.assertGreater(processes.descriptors(self.worker), before + 400)
        for i, client in enumerate(clients):
            origins[i].sendall(i.to_bytes(4, "big"))
            self.assertEqual(client.exactly(4), i.to_bytes(4, "big"))
        self.origin.forget()
        for client in clients:
            client.close()
        wait_until(lambda: processes.descriptors(self.worker) <= before, what="the descriptors")
        wait_until(lambda: len(self.box.records(kind="tls")) == self.known + 200, what="the records")

    def test_what_is_open_at_the_end_is_recorded(self):
        box = Sandbox(self.world, POLICY)
        inside = Puppet(box, env={"KEY": "sk-proj-0123456789abcdefghijklmnop"})
        client = inside.connect(HOST, port=443, tls=False)
        client.send(self.hello + b"x")
        origin = self.origin.take()
        origin.read_exactly(len(self.hello) + 1)
        inside.process.terminate()
        self.assertEqual(inside.process.wait(10), 143)
        record = box.records(kind="tls")[0]
        self.assertEqual((record["verdict"], record["bytes"]["up"]), ("allow", len(self.hello) + 1))
        self.assertIn("the sandbox ended", record["error"])
        self.assertEqual(box.records()[-1]["life"]["event"], "end")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    unittest.main(verbosity=2)
