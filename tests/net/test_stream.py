"""Bodies that flow: events one by one, the first byte before the last is there, and a gibibyte each way."""
import hashlib
import os
import subprocess
import time
import unittest

from lab import processes
from lab.namespaces import wait_until
from lab.origins import ByHand, Nginx
from lab.puppet import Puppet
from lab.sandbox import SANITIZED, Sandbox
from lab.world import World

HOST, FILES, PLAIN = "events.example.com", "files.example.com", "plain.example.com"
BYTES = 1 << 30
POLICY = f"""
secrets:
  KEY: {{from: env, scrub: false, use: [{{at: {HOST}, slot: header Authorization}}]}}
rules: [{{allow: [{HOST}, {FILES}, "http://{PLAIN}"]}}]
"""
ENV = {"KEY": "sk-proj-0123456789abcdefghijklmnop"}
SOON = 1.0  # seconds


def setUpModule():
    global WORLD
    WORLD = World()


def tearDownModule():
    WORLD.close()


class Events(unittest.TestCase):
    """Each piece must be with the client before the next one is sent."""

    @classmethod
    def setUpClass(cls):
        cls.origin = ByHand(WORLD, HOST)
        cls.plain = ByHand(WORLD, PLAIN, tls=False)
        cls.box = Sandbox(WORLD, POLICY)

    @classmethod
    def tearDownClass(cls):
        for origin in (cls.origin, cls.plain):
            origin.forget()
            origin.close()

    def tearDown(self):
        self.origin.forget()
        self.plain.forget()

    def start(self, argv):
        """A client that prints what it gets as it gets it."""
        process = self.box.start(argv, env=ENV, stdout=subprocess.PIPE)
        os.set_blocking(process.stdout.fileno(), False)
        self.addCleanup(process.stdout.close)
        self.printed = b""
        return process

    def assert_printed_soon(self, process, text):
        def look():
            self.printed += process.stdout.read() or b""
            return text in self.printed
        wait_until(look, SOON, f"{text!r} at the client")

    def stream_events(self, process, origin):
        connection = origin.take()
        connection.read_head()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(10):
            event = f"event: tick\ndata: {{\"number\": {i}}}\n\n".encode()
            connection.sendall(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            self.assert_printed_soon(process, f'"number": {i}}}'.encode())
            time.sleep(0.02)
        connection.sendall(b"0\r\n\r\n")
        self.assertEqual(process.wait(10), 0)

    def test_by_curl(self):
        self.stream_events(self.start(["curl", "-sSN", "-H", "Accept: text/event-stream", f"https://{HOST}/events"]), self.origin)

    def test_by_curl_over_plain_http(self):
        self.stream_events(self.start(["curl", "-sSN", f"http://{PLAIN}/events"]), self.plain)

    def test_by_python_requests(self):
        self.stream_events(self.start(["/usr/bin/python3", "-u", "-c", f"""
import requests
for line in requests.get("https://{HOST}/events", stream=True).iter_lines(chunk_size=1):
    print(line.decode(), flush=True)
"""]), self.origin)

    def test_by_node_fetch(self):
        (self.box.work / "events.mjs").write_text(f"""
const answer = await fetch("https://{HOST}/events");
for await (const piece of answer.body) process.stdout.write(piece);
""")
        self.stream_events(self.start(["node", "events.mjs"]), self.origin)

    def test_pieces_of_a_body_of_known_length(self):
        process = self.start(["curl", "-sSN", f"https://{HOST}/sized"])
        connection = self.origin.take()
        connection.read_head()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
        for i in range(10):
            connection.sendall(b"piece%d" % i)
            self.assert_printed_soon(process, b"piece%d" % i)
        self.assertEqual(process.wait(10), 0)

    def test_pieces_of_a_body_that_the_end_ends(self):
        process = self.start(["curl", "-sSN", f"https://{HOST}/eof"])
        connection = self.origin.take()
        connection.read_head()
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for i in range(10):
            connection.sendall(b"piece%d" % i)
            self.assert_printed_soon(process, b"piece%d" % i)
        connection.close("orderly")
        self.assertEqual(process.wait(10), 0)

    def test_the_head_comes_before_the_body(self):
        process = self.start(["curl", "-sSN", "-D", "-", f"https://{HOST}/head"])
        connection = self.origin.take()
        connection.read_head()
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Early: yes\r\nContent-Length: 2\r\n\r\n")
        self.assert_printed_soon(process, b"arly: yes")
        connection.sendall(b"ok")
        self.assertEqual(process.wait(10), 0)

    def test_the_first_byte_comes_before_the_second(self):
        process = self.start(["curl", "-sSN", f"https://{HOST}/byte"])
        connection = self.origin.take()
        connection.read_head()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nF")
        self.assert_printed_soon(process, b"F")
        connection.sendall(b"x" * 999999)
        self.assert_printed_soon(process, b"x" * 999999)
        self.assertEqual(process.wait(10), 0)

    def test_pieces_of_an_upload_reach_the_origin_one_by_one(self):
        inside = Puppet(self.box, env=ENV)
        client = inside.connect(HOST)
        client.send(f"POST /up HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        connection = self.origin.take()
        connection.read_head()
        for i in range(10):
            client.send(b"6\r\nupload\r\n")
            started = time.monotonic()
            self.assertEqual(connection.read_exactly(11), b"6\r\nupload\r\n")
            self.assertLess(time.monotonic() - started, SOON)
        client.send(b"0\r\n\r\n")
        connection.read_exactly(5)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(client.response()[0], 200)
        inside.close()

    def test_question_and_answer_in_one_exchange(self):
        """Both directions at once: the answer begins while the request still flows."""
        inside = Puppet(self.box, env=ENV)
        client = inside.connect(HOST)
        client.send(f"POST /both HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        connection = self.origin.take()
        connection.read_head()
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.until(b"\r\n\r\n")
        for i in range(5):
            client.send(b"4\r\nask%d\r\n" % i)
            self.assertEqual(connection.read_exactly(9), b"4\r\nask%d\r\n" % i)
            connection.sendall(b"4\r\nget%d\r\n" % i)
            self.assertEqual(client.exactly(9), b"4\r\nget%d\r\n" % i)
        client.send(b"0\r\n\r\n")
        connection.read_exactly(5)
        connection.sendall(b"0\r\n\r\n")
        self.assertEqual(client.until(b"0\r\n\r\n"), b"0\r\n\r\n")
        inside.close()


class Gibibyte(unittest.TestCase):
    """A gibibyte down and up, by curl, against nginx."""

    @classmethod
    def setUpClass(cls):
        cls.origin = Nginx(WORLD, [FILES], f"""
            location /up/ {{ root {WORLD.dir}; dav_methods PUT; }}
            location /down/ {{ root {WORLD.dir}; }}""")
        (WORLD.dir / "up").mkdir()
        (WORLD.dir / "down").mkdir()
        cls.source = WORLD.dir / "down" / "file"
        with open(cls.source, "wb") as file:
            block = os.urandom(1 << 20)
            for i in range(BYTES >> 20):
                file.write(i.to_bytes(8, "big") + block[8:])
        cls.digest = sha256(cls.source)

    @classmethod
    def tearDownClass(cls):
        cls.origin.close()

    def setUp(self):
        self.box = Sandbox(WORLD, POLICY)

    def follow(self, process):
        """The most memory the worker has until PROCESS ends, in KiB."""
        worker = processes.worker_of(process)
        most = 0
        while process.poll() is None:
            try:
                most = max(most, processes.status(worker, "VmRSS"))
            except (FileNotFoundError, ProcessLookupError, AttributeError):
                break
            time.sleep(0.02)
        self.assertEqual(process.wait(60), 0)
        if not SANITIZED:
            self.assertLess(most, 64 << 10)

    def test_down(self):
        self.follow(self.box.start(["curl", "-sSf", "-o", "file", f"https://{FILES}/down/file"], env=ENV))
        self.assertEqual(sha256(self.box.work / "file"), self.digest)
        (self.box.work / "file").unlink()
        self.assertEqual(self.box.records(kind="http")[0]["http"]["response_bytes"], BYTES)

    def test_up(self):
        (self.box.work / "file").symlink_to(self.source)
        self.follow(self.box.start(["curl", "-sSf", "-T", "file", f"https://{FILES}/up/sized"], env=ENV))
        self.assertEqual(sha256(WORLD.dir / "up" / "sized"), self.digest)
        (WORLD.dir / "up" / "sized").unlink()
        self.assertEqual(self.box.records(kind="http")[0]["http"]["request_bytes"], BYTES)

    def test_up_in_chunks(self):
        (self.box.work / "file").symlink_to(self.source)
        self.follow(self.box.start(["curl", "-sSf", "-T", "file", "-H", "Transfer-Encoding: chunked", f"https://{FILES}/up/chunked"], env=ENV))
        self.assertEqual(sha256(WORLD.dir / "up" / "chunked"), self.digest)
        (WORLD.dir / "up" / "chunked").unlink()
        self.assertEqual(self.box.records(kind="http")[0]["http"]["request_bytes"], BYTES)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    unittest.main(verbosity=2)
