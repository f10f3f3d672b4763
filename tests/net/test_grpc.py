"""gRPC through the proxy: calls of all four kinds with Debian's python3-grpcio in the sandbox and outside, a secret in the metadata."""
import json
import unittest
from pathlib import Path

from lab import namespaces, origins, processes
from lab.namespaces import wait_until
from lab.puppet import Puppet
from lab.sandbox import Sandbox
from lab.world import World

HOST, GONE = "grpc.example.com", "gone.example.com"
SECRET = "sk-proj-0123456789abcdefghijklmnop"
POLICY = f"""
secrets:
  KEY: {{from: env, use: [{{at: {HOST}, slot: header Authorization}}]}}
rules:
  - {{deny: "https://{HOST}/test.Test/Denied", reason: no}}
  - {{allow: "https://{HOST}/test.Test/*", methods: POST}}
  - allow: {GONE}
"""
SETUP = f"""
import grpc, os, threading, time
creds = grpc.ssl_channel_credentials(open(os.environ["SSL_CERT_FILE"], "rb").read())
channel = grpc.secure_channel("{HOST}:443", creds, options=[("grpc.max_receive_message_length", 64 << 20)])
gone = grpc.secure_channel("{GONE}:443", creds)
token = (("authorization", "Bearer " + os.environ["KEY"]),)

def call(kind, name):
    return getattr(channel, kind)("/test.Test/" + name)

def failure(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except grpc.RpcError as error:
        return error.code().name, error.details(), [(k, v) for k, v in error.trailing_metadata() or ()]
"""


class Grpc(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.world = World()
        address = cls.world.name(HOST)
        cls.world.name(GONE)
        cls.log = cls.world.dir / "grpc.log"
        script = Path(origins.__file__).with_name("origin_grpc.py")
        cls.origin = cls.world.space.spawn(["/usr/bin/python3", script, address, *cls.world.pair(HOST), cls.log])
        wait_until(origins.can_connect(cls.world, address, 443), what="the gRPC server")
        cls.box = Sandbox(cls.world, POLICY)
        cls.inside = Puppet(cls.box, env={"KEY": SECRET, "GRPC_DNS_RESOLVER": "native"})
        cls.inside.run(SETUP)
        cls.worker = processes.worker_of(cls.inside.process)

    @classmethod
    def tearDownClass(cls):
        cls.inside.close()
        namespaces.end(cls.origin)
        cls.world.close()

    def tearDown(self):
        self.assertTrue(processes.is_alive(self.worker), "the worker is gone")

    def events(self, name):
        return [e for e in map(json.loads, self.log.read_text().splitlines()) if e["event"] == name]

    def records(self, method):
        return [r for r in self.box.records(kind="http", host=HOST) if r["http"]["path"] == f"/test.Test/{method}"]

    def record(self, method, before=0):
        """The last of more than BEFORE records of METHOD."""
        return wait_until(lambda: self.records(method)[before:], what=f"the record of {method}")[-1]

    def test_unary_with_a_secret_in_the_metadata(self):
        before = len(self.records("Unary"))
        answer, initial, trailing, code = self.inside.run("""
answer, rpc = call("unary_unary", "Unary").with_call(b"hello", metadata=token, timeout=10)
result = (answer, [tuple(m) for m in rpc.initial_metadata()], [tuple(m) for m in rpc.trailing_metadata()], rpc.code().name)
""")
        self.assertEqual((answer, code), (b"olleh", "OK"))
        self.assertIn(("x-initial", "1"), initial)
        self.assertIn(("x-trailing", "2"), trailing)
        self.assertIn(("x-trailing-bin", b"\0\1\xff"), trailing)
        self.assertIn(["authorization", f"Bearer {SECRET}"], self.events("unary")[-1]["metadata"])
        record = self.record("Unary", before)
        self.assertEqual((record["tls"]["alpn"], record["upstream"]["alpn"], record["http"]["version"], record["http"]["status"]),
                         ("h2", "h2", "2", 200))
        self.assertEqual([s["name"] for s in record["secrets"]], ["KEY"])

    def test_a_big_message_both_ways(self):
        self.assertTrue(self.inside.run("""
big = os.urandom(20 << 20)
result = call("unary_unary", "Unary")(big, timeout=30) == big[::-1]
"""))

    def test_client_streaming(self):
        self.assertEqual(self.inside.run("""
result = call("stream_unary", "Gather")((b"x" * 1000 for _ in range(2000)), timeout=30)
"""), b"2000000")

    def test_server_streaming(self):
        self.assertEqual(self.inside.run("""
result = [int(m) for m in call("unary_stream", "Count")(b"2000", timeout=30)] == list(range(2000))
"""), True)

    def take_turns(self, messages, timeout):
        """Sends each message when the one before has come back; what came back."""
        return self.inside.run("""
go, said = threading.Semaphore(1), []
def ask():
    for message in messages:
        go.acquire()
        yield message
try:
    for message in call("stream_stream", "Echo")(ask(), timeout=timeout):
        said.append(message)
        go.release()
except grpc.RpcError:
    pass
result = said
""", messages=messages, timeout=timeout)

    def test_bidirectional_streaming_turn_by_turn(self):
        messages = [b"#%d#" % i for i in range(100)]
        self.assertEqual(self.take_turns(messages, 30), messages)

    def test_a_message_that_ends_as_a_secret_begins_is_not_held_back_for_ever(self):
        messages = [b"6", b"s", b"sk", b"sk-proj"]
        self.assertEqual(self.take_turns(messages, 4), messages)

    def test_many_calls_at_once(self):
        self.assertEqual(self.inside.run("""
calls = [call("unary_unary", "Unary").future(str(i).encode(), timeout=30, metadata=token) for i in range(500)]
result = [c.result() for c in calls] == [str(i).encode()[::-1] for i in range(500)]
"""), True)

    def test_errors_of_trailers_alone_and_behind_messages(self):
        code, details, trailing = self.inside.run('result = failure(call("unary_unary", "Fail"), b"", timeout=10)')
        self.assertEqual((code, details), ("NOT_FOUND", "no such thing: \u00f6 %"))
        self.assertIn(("x-why", "because"), trailing)
        code, details, _ = self.inside.run('result = failure(lambda: list(call("unary_stream", "FailLate")(b"", timeout=10)))')
        self.assertEqual((code, details), ("DATA_LOSS", "late"))
        self.assertEqual(self.inside.run('result = failure(call("unary_unary", "Unknown"), b"", timeout=10)')[0], "UNIMPLEMENTED")

    def test_a_deadline_and_a_cancellation_reach_the_server(self):
        before = len(self.events("wait ended"))
        self.assertEqual(self.inside.run('result = failure(call("unary_unary", "Wait"), b"", timeout=0.5)')[0], "DEADLINE_EXCEEDED")
        wait_until(lambda: len(self.events("wait ended")) > before, what="the end of the call")
        self.assertEqual(self.inside.run("""
rpc = call("unary_stream", "Tick")(b"")
got = [next(rpc) for _ in range(5)]
rpc.cancel()
result = got
"""), [b"tick"] * 5)
        wait_until(lambda: self.events("tick ended"), what="the end of the ticks")
        self.assertIn("reset", self.record("Tick")["error"])
        self.test_unary_with_a_secret_in_the_metadata()

    def test_a_verdict_and_a_failure_are_told_in_gRPCs_terms(self):
        code, details, _ = self.inside.run('result = failure(call("unary_unary", "Denied"), b"", timeout=10)')
        self.assertEqual(code, "PERMISSION_DENIED")
        self.assertIn("403", details)
        code, _, _ = self.inside.run('result = failure(gone.unary_unary("/a/b"), b"", timeout=10)')
        self.assertEqual(code, "UNAVAILABLE")


if __name__ == "__main__":
    unittest.main()
