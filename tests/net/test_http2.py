"""HTTP/2 on both legs, frame by frame: a client and an origin that the test moves by turns."""
import contextlib
import ssl
import time
import unittest

from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from lab import h2, processes
from lab.namespaces import wait_until
from lab.origins import ByHand
from lab.puppet import Puppet
from lab.sandbox import SANITIZED, Sandbox
from lab.world import World

HOST, OTHER, OLD = "api.example.com", "other.example.com", "old.example.com"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
SECRET = "sk-proj-0123456789abcdefghijklmnop"
POLICY = f"""
secrets:
  KEY: {{from: env, scrub: false, use: [{{at: {HOST}, slot: header Authorization}}, {{at: {OLD}, slot: header Authorization}}]}}
rules:
  - {{deny: "https://{HOST}/denied/**", reason: no}}
  - allow: [{HOST}, {OTHER}, {OLD}]
"""


def setUpModule():
    global WORLD
    WORLD = World()


def tearDownModule():
    WORLD.close()


def speaking(world, host, *protocols):
    """A server's TLS context for HOST that speaks PROTOCOLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*world.pair(host))
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


class ByTurns(unittest.TestCase):
    """A client inside; origins by hand, HOST of HTTP/2 and OLD of HTTP/1.1."""

    policy = POLICY

    @classmethod
    def setUpClass(cls):
        cls.world = WORLD
        cls.origin = ByHand(cls.world, HOST, context=speaking(cls.world, HOST, "h2", "http/1.1"))
        cls.old = ByHand(cls.world, OLD)
        cls.box = Sandbox(cls.world, cls.policy)
        cls.inside = Puppet(cls.box, env={"KEY": SECRET})
        cls.token = cls.inside.run("result = os.environ['KEY']")
        cls.worker = processes.worker_of(cls.inside.process)

    @classmethod
    def tearDownClass(cls):
        status = cls.inside.close()
        for origin in (cls.origin, cls.old):
            origin.forget()
            origin.close()
        if status:
            raise AssertionError(f"the program inside ended with {status}")

    def setUp(self):
        self.clients = []

    def tearDown(self):
        self.forget()
        self.assertTrue(processes.is_alive(self.worker), "the worker is gone")

    def forget(self):
        """Closes every connection, so that nothing is in the pool."""
        for client in self.clients:
            client.reset_connection()
        self.clients.clear()
        time.sleep(0.05)
        self.origin.forget()
        self.old.forget()
        time.sleep(0.05)

    def connect(self, host=HOST, **options):
        self.clients.append(h2.open_inside(self.inside, host, **options))
        return self.clients[-1]

    def take(self, settings=None):
        """The origin's end of the next connection."""
        return h2.serve(self.origin.take(), settings)

    def ask(self, *arguments, client=None, origin=None, **options):
        """Sends a request: (client, its stream, origin, its stream)."""
        client = client or self.connect()
        stream = client.request(*arguments, **options)
        origin = origin or self.take()
        return client, stream, origin, origin.await_request()

    def record(self, path):
        def find():
            found = [r for r in self.box.records(kind="http") if r["http"]["path"] == path]
            return found[-1] if found else None
        return wait_until(find, what=f"the record of {path}")

    def assertGoesOn(self, client, origin, path="/goes-on"):
        """The two connections are good for another exchange."""
        _, mine, _, theirs = self.ask("GET", path, client=client, origin=origin)
        self.assertEqual(origin.head(theirs)[":path"], path)
        origin.respond(theirs, 200, body=b"on")
        self.assertEqual(client.await_end(mine)[1:], (b"on", None, "end"))


class Messages(ByTurns):

    def test_a_request_and_its_response_pass_and_are_logged(self):
        client, mine, origin, theirs = self.ask("POST", "/a/../messages?q=1", fields=[("x-first", "1"), ("accept", "*/*"), ("x-first", "2")],
                                                end=False)
        client.data(mine, b"hello")
        client.data(mine, b" world", True)
        self.assertEqual(origin.await_end(theirs)[1], b"hello world")
        self.assertEqual([(n, v) for _, n, v in origin.fields(theirs)],
                         [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", HOST.encode()), (b":path", b"/messages?q=1"),
                          (b"x-first", b"1"), (b"accept", b"*/*"), (b"x-first", b"2")])
        origin.respond(theirs, 201, [("content-type", "text/plain"), ("alt-svc", "h3=\":443\""), ("server", "x")], b"made")
        head, body, trailers, end = client.await_end(mine)
        self.assertEqual((head, body, trailers, end),
                         ({":status": "201", "content-type": "text/plain", "server": "x"}, b"made", None, "end"))
        record = self.record("/messages?q=1")
        self.assertEqual((record["verdict"], record["tls"]["alpn"], record["upstream"]["alpn"]), ("allow", "h2", "h2"))
        http = record["http"]
        self.assertEqual((http["version"], http["method"], http["status"], http["request_bytes"], http["response_bytes"]),
                         ("2", "POST", 201, 11, 4))
        self.assertGoesOn(client, origin)

    def test_a_length_is_passed_on_and_a_body_without_one_is_too(self):
        client, mine, origin, theirs = self.ask("PUT", "/length", fields=[("content-length", "05")], end=False)
        client.data(mine, b"hello", True)
        self.assertEqual((origin.await_end(theirs)[1], origin.head(theirs)["content-length"]), (b"hello", "5"))
        origin.respond(theirs, 200, [("content-length", "3")], b"ok\n")
        self.assertEqual(client.await_end(mine)[0], {":status": "200", "content-length": "3"})
        _, mine, _, theirs = self.ask("PUT", "/nolength", client=client, origin=origin, end=False)
        client.data(mine, b"", True)
        self.assertEqual(origin.await_end(theirs)[1], b"")
        self.assertNotIn("content-length", origin.head(theirs))
        origin.respond(theirs, 200)
        self.assertEqual(client.await_end(mine), ({":status": "200"}, b"", None, "end"))

    def test_trailers_pass_both_ways(self):
        client, mine, origin, theirs = self.ask("POST", "/trailers", fields=[("te", "trailers"), ("trailer", "x-sum")], end=False)
        client.data(mine, b"hello")
        client.headers(mine, [("x-sum", "5")], True)
        head, body, trailers, end = origin.await_end(theirs)
        self.assertEqual((body, trailers, end, head["te"]), (b"hello", {"x-sum": "5"}, "end", "trailers"))
        origin.respond(theirs, 200, [("content-type", "application/grpc")], b"abc", end=False)
        origin.headers(theirs, [("grpc-status", "0"), ("grpc-message", "fine")], True)
        self.assertEqual(client.await_end(mine)[1:], (b"abc", {"grpc-status": "0", "grpc-message": "fine"}, "end"))
        self.assertGoesOn(client, origin)

    def test_bodies_pass_turn_by_turn(self):
        client, mine, origin, theirs = self.ask("POST", "/turns", end=False)
        origin.headers(theirs, [(":status", "200")])
        for i in range(1, 20):
            client.data(mine, bytes([i, 0, 0]))
            self.assertEqual(len(origin.await_body(theirs, 3 * i)), 3 * i)
            origin.data(theirs, bytes([0, i]))
            self.assertEqual(len(client.await_body(mine, 2 * i)), 2 * i)
        client.data(mine, b"", True)
        self.assertEqual(origin.await_end(theirs)[3], "end")
        origin.data(theirs, b"", True)
        self.assertEqual(client.await_end(mine)[3], "end")

    def test_a_response_of_trailers_alone_passes(self):
        client, mine, origin, theirs = self.ask("POST", "/trailers-only")
        origin.respond(theirs, 200, [("grpc-status", "5")])
        self.assertEqual(client.await_end(mine), ({":status": "200", "grpc-status": "5"}, b"", None, "end"))

    def test_trailers_pass_without_a_body(self):
        client, mine, origin, theirs = self.ask("POST", "/trailers-without", end=False)
        client.headers(mine, [("x-sum", "0")], True)
        self.assertEqual(origin.await_end(theirs)[1:], (b"", {"x-sum": "0"}, "end"))
        origin.respond(theirs, 200, end=False)
        origin.headers(theirs, [("x-sum", "1")], True)
        self.assertEqual(client.await_end(mine)[1:], (b"", {"x-sum": "1"}, "end"))

    def test_responses_without_a_body_pass(self):
        client = self.connect()
        origin = None
        for method, status, fields, expected in (
                ("HEAD", 200, [("content-length", "1234")], {"content-length": "1234"}),
                ("HEAD", 200, [], {}),
                ("GET", 204, [], {}),
                ("GET", 304, [("content-length", "77"), ("etag", '"x"')], {"content-length": "77", "etag": '"x"'}),
                ("GET", 200, [("content-length", "0")], {"content-length": "0"}),
                ("GET", 205, [], {})):
            with self.subTest(method=method, status=status, fields=fields):
                _, mine, origin, theirs = self.ask(method, "/bodiless", client=client, origin=origin)
                origin.respond(theirs, status, fields)
                self.assertEqual(client.await_end(mine), ({":status": str(status), **expected}, b"", None, "end"))

    def test_the_end_may_come_in_an_empty_frame(self):
        client = self.connect()
        origin = None
        for method, status in (("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 200)):
            with self.subTest(method=method, status=status):
                _, mine, origin, theirs = self.ask(method, "/emptyend", client=client, origin=origin)
                origin.respond(theirs, status, end=False)
                origin.data(theirs, b"", True)
                self.assertEqual(client.await_end(mine)[1:], (b"", None, "end"))

    def test_crumbs_of_a_cookie_are_joined_and_set_cookies_are_not(self):
        client, mine, origin, theirs = self.ask("GET", "/cookies", fields=[("cookie", "a=b"), ("x-y", "z"), ("cookie", "c=d")])
        self.assertEqual(origin.head(theirs)["cookie"], "a=b; c=d")
        origin.respond(theirs, 200, [("set-cookie", "a=b"), ("set-cookie", "c=d")])
        client.await_end(mine)
        found = [v for _, n, v in client.fields(mine) if n == b"set-cookie"]
        self.assertEqual(found, [b"a=b", b"c=d"])

    def test_big_heads_pass_and_bigger_ones_are_refused(self):
        fields = [(f"x-big-{i}", "x" * 6000) for i in range(10)]
        client, mine, origin, theirs = self.ask("GET", "/big", fields=fields)
        self.assertEqual(origin.head(theirs)["x-big-9"], "x" * 6000)
        origin.respond(theirs, 200, fields)
        self.assertEqual(client.await_end(mine)[0]["x-big-9"], "x" * 6000)
        self.assertEqual(client.get("GET", "/bigger", fields=fields + fields)[0][":status"], "431")
        self.assertEqual(client.get("GET", "/many", fields=[(f"x-{i}", "") for i in range(130)])[0][":status"], "431")
        _, mine, _, theirs = self.ask("GET", "/biganswer", client=client, origin=origin)
        origin.respond(theirs, 200, fields + fields)
        self.assertEqual(client.await_end(mine)[0][":status"], "502")
        self.assertGoesOn(client, origin)

    def test_padding_and_priorities_do_nothing(self):
        client, mine, origin, theirs = self.ask("POST", "/padded", end=False)
        client.frame(h2.PRIORITY, 0, mine, b"\0\0\0\0\x10")
        client.data(mine, b"hello", padding=200)
        client.data(mine, b"", True, padding=0)
        self.assertEqual(origin.await_end(theirs)[1], b"hello")
        origin.headers(theirs, [(":status", "200")])
        origin.data(theirs, b"ok", padding=255)
        origin.data(theirs, b"", True, padding=3)
        self.assertEqual(client.await_end(mine)[1:], (b"ok", None, "end"))

    def test_a_field_that_is_compressed_is_not_kept_by_us(self):
        """What was in one stream's head is not in the next one's."""
        client, mine, origin, theirs = self.ask("GET", "/one", fields=[("x-mine", "1"), ("cookie", "a=1")])
        origin.respond(theirs)
        client.await_end(mine)
        _, mine, _, theirs = self.ask("GET", "/two", client=client, origin=origin)
        self.assertEqual(len(origin.fields(theirs)), 4)
        origin.respond(theirs)
        client.await_end(mine)

    # Informational responses, expectations, early responses.

    def test_an_origins_100_is_passed_on_and_then_the_body(self):
        client, mine, origin, theirs = self.ask("PUT", "/expect", fields=[("expect", "100-continue"), ("content-length", "5")], end=False)
        self.assertEqual(origin.head(theirs)["expect"], "100-continue")
        origin.respond(theirs, 100, end=False)
        self.assertEqual(client.await_head(mine), {":status": "100"})
        client.data(mine, b"hello", True)
        self.assertEqual(origin.await_end(theirs)[1], b"hello")
        origin.respond(theirs, 200, body=b"ok")
        self.assertEqual(client.await_end(mine)[1:], (b"ok", None, "end"))

    def test_an_expectation_may_be_answered_at_once(self):
        client, mine, origin, theirs = self.ask("PUT", "/expect417", fields=[("expect", "100-continue")], end=False)
        origin.respond(theirs, 417)
        self.assertEqual(client.await_head(mine), {":status": "417"})
        self.assertGoesOn(client, origin)
        _, mine, _, theirs = self.ask("PUT", "/expectnever", fields=[("expect", "100-continue")], client=client, origin=origin, end=False)
        client.data(mine, b"hello", True)
        self.assertEqual(origin.await_end(theirs)[1], b"hello")

    def test_informational_responses_pass_and_too_many_do_not(self):
        client, mine, origin, theirs = self.ask("GET", "/hints")
        for i in range(3):
            origin.respond(theirs, 103, [("link", f"</{i}.css>; rel=preload")], end=False)
            self.assertEqual(client.await_head(mine, i + 1), {":status": "103", "link": f"</{i}.css>; rel=preload"})
        origin.respond(theirs, 200, body=b"ok")
        self.assertEqual(client.await_end(mine)[:2], ({":status": "200"}, b"ok"))
        _, mine, _, theirs = self.ask("GET", "/toomany", client=client, origin=origin)
        for _ in range(17):
            origin.respond(theirs, 102, end=False)
        self.assertEqual(client.await_end(mine)[0][":status"], "502")
        self.assertIsNotNone(origin.await_reset(theirs))
        self.assertGoesOn(client, origin)

    def test_an_early_response_stops_the_upload_of_that_stream_alone(self):
        client, mine, origin, theirs = self.ask("POST", "/early", end=False)
        client.data(mine, b"x" * 1000)
        origin.await_body(theirs, 1000)
        origin.respond(theirs, 413, body=b"no")
        head, body, _, _ = client.await_end(mine)
        self.assertEqual((head[":status"], body), ("413", b"no"))
        # RFC 9113 section 8.1: NO_ERROR, so that what was received is kept.
        self.assertEqual(client.await_reset(mine), h2.NO_ERROR)
        self.assertEqual(origin.await_reset(theirs), h2.CANCEL)
        client.data(mine, b"y" * 1000)
        self.assertGoesOn(client, origin)
        self.assertEqual(bytes(origin.stream(theirs).body), b"x" * 1000)

    def test_an_early_response_and_a_reset_by_the_origin_are_a_whole_response(self):
        client, mine, origin, theirs = self.ask("POST", "/earlyreset", end=False)
        client.data(mine, b"x" * 1000)
        origin.await_body(theirs, 1000)
        origin.respond(theirs, 403, body=b"no")
        origin.reset(theirs, h2.NO_ERROR)
        head, body, _, _ = client.await_end(mine)
        self.assertEqual((head[":status"], body), ("403", b"no"))
        self.assertIsNone(self.record("/earlyreset").get("error"))
        self.assertGoesOn(client, origin)


class Verdicts(ByTurns):

    def test_each_stream_has_its_own_verdict(self):
        client, first, origin, theirs = self.ask("POST", "/allowed", end=False)
        head, body, _, end = client.get("GET", "/denied/x")
        self.assertEqual((head[":status"], head["sallyport-verdict"], end), ("403", "deny", "end"))
        self.assertIn(b"no", body)
        client.data(first, b"still there", True)
        self.assertEqual(origin.await_end(theirs)[1], b"still there")
        origin.respond(theirs, 200)
        self.assertEqual(client.await_end(first)[0], {":status": "200"})
        self.assertEqual(list(origin.streams), [theirs])

    def test_T3_a_stream_for_another_authority_is_a_421(self):
        client, first, origin, theirs = self.ask("GET", "/first")
        for authority in (OTHER, f"{HOST}:444", "denied.example.org", "127.0.0.1", f"{OTHER}:443"):
            with self.subTest(authority):
                head, _, _, _ = client.get("GET", "/second", authority=authority)
                self.assertEqual(head[":status"], "421")
        for authority in (f"{HOST}:443", HOST.upper(), f"{HOST}."):
            with self.subTest(authority):
                _, mine, _, other = self.ask("GET", "/same", authority=authority, client=client, origin=origin)
                self.assertEqual(origin.head(other)[":authority"], HOST)
                origin.respond(other)
                self.assertEqual(client.await_end(mine)[0][":status"], "200")
        origin.respond(theirs)
        self.assertEqual(client.await_end(first)[0][":status"], "200")

    def test_a_denied_upload_is_answered_and_the_rest_of_it_is_not_wanted(self):
        client = self.connect()
        mine = client.request("POST", "/denied/upload", end=False)
        head, _, _, _ = client.await_end(mine)
        self.assertEqual(head[":status"], "403")
        self.assertEqual(client.await_reset(mine), h2.NO_ERROR)

    def test_a_denied_name_is_told_so_over_http_2(self):
        self.world.name("denied.example.org")
        client = self.connect("denied.example.org")
        head, body, _, _ = client.get("GET", "/", authority="denied.example.org")
        self.assertEqual((head[":status"], head["sallyport-verdict"]), ("403", "deny"))
        self.assertIn(b"denied.example.org", body)


class Secrets(ByTurns):

    def test_a_secret_is_put_in_for_each_stream_and_no_table_keeps_it(self):
        client, mine, origin, theirs = self.ask("GET", "/secret1", fields=[("authorization", f"Bearer {self.token}")])
        _, second, _, theirs2 = self.ask("GET", "/secret2", fields=[("authorization", f"Bearer {self.token}")], client=client, origin=origin)
        _, third, _, theirs3 = self.ask("GET", "/secret3", client=client, origin=origin)
        for stream in (theirs, theirs2):
            found = [f for f in origin.fields(stream) if f[1] == b"authorization"]
            self.assertEqual(found, [("NeverIndexedHeaderTuple", b"authorization", f"Bearer {SECRET}".encode())])
            # RFC 7541 section 6.2.3: 0001, and the name's index 23 in the static table.
            self.assertIn(b"\x1f\x08", origin.stream(stream).blocks[0])
        self.assertNotIn("authorization", origin.head(theirs3))
        for number, stream in ((mine, theirs), (second, theirs2), (third, theirs3)):
            origin.respond(stream, 200)
            self.assertEqual(client.await_end(number)[0][":status"], "200")
        record = self.record("/secret2")
        self.assertEqual([(s["name"], s["slot"]) for s in record["secrets"]], [("KEY", "header Authorization")])
        self.assertNotIn("secrets", {k: v for k, v in self.record("/secret3").items() if v})

    def test_a_secret_is_nowhere_but_in_locked_memory(self):
        client, origin = self.connect(), None
        for i in range(20):
            _, mine, origin, theirs = self.ask("POST", "/memory", fields=[("authorization", f"Bearer {self.token}"), ("cookie", "a=b")],
                                               client=client, origin=origin, end=False)
            client.data(mine, b"x" * 10000, True)
            self.assertEqual(origin.head(theirs)["authorization"], f"Bearer {SECRET}")
            origin.await_end(theirs)
            origin.respond(theirs, 200, body=b"y" * 1000)
            client.await_end(mine)
        coder = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
        # As HPACK has it, too (RFC 7541 section 5.2); the last byte is shared with what follows. The sanitizers' run time has a
        # copy of the environment.
        for form in (*(() if SANITIZED else (SECRET.encode(),)), coder.encode(f"Bearer {SECRET}".encode())[:-1]):
            found = processes.held(self.worker, [form])
            self.assertEqual([p for p in found if "lo" not in p[1] or "dd" not in p[1]], [])

    def test_credentials_of_the_clients_own_are_never_indexed_either(self):
        client, mine, origin, theirs = self.ask("GET", "/own", fields=[("authorization", "Bearer own"), ("cookie", "a=b"), ("x-y", "z")])
        kinds = {n: k for k, n, _ in origin.fields(theirs)}
        self.assertEqual((kinds[b"authorization"], kinds[b"cookie"]), ("NeverIndexedHeaderTuple",) * 2)
        self.assertEqual(kinds[b"x-y"], "HeaderTuple")
        origin.respond(theirs, 200, [("set-cookie", "c=d")])
        client.await_end(mine)
        self.assertIn(("NeverIndexedHeaderTuple", b"set-cookie", b"c=d"), client.fields(mine))

    def test_a_secret_goes_to_an_origin_of_http_1(self):
        client = self.connect(OLD)
        mine = client.request("GET", "/old", OLD, fields=[("authorization", f"Bearer {self.token}")])
        origin = self.old.take()
        self.assertEqual(origin.read_head(), f"GET /old HTTP/1.1\r\nHost: {OLD}\r\nauthorization: Bearer {SECRET}\r\n\r\n".encode())
        origin.sendall(OK)
        self.assertEqual(client.await_end(mine)[1], b"ok\n")
        record = self.record("/old")
        self.assertEqual((record["http"]["version"], record["tls"]["alpn"], record["upstream"].get("alpn")), ("2", "h2", None))

    def test_a_misused_placeholder_is_refused_on_its_stream(self):
        client, first, origin, theirs = self.ask("GET", "/fine")
        head, _, _, _ = client.get("GET", "/misuse", fields=[("x-key", self.token)])
        self.assertEqual(head[":status"], "403")
        origin.respond(theirs)
        self.assertEqual(client.await_end(first)[0][":status"], "200")


class Ends(ByTurns):
    """Resets, GOAWAY, and what is sent again."""

    def test_a_client_that_resets_a_stream_leaves_the_others(self):
        client, first, origin, theirs = self.ask("GET", "/reset1")
        _, second, _, theirs2 = self.ask("GET", "/reset2", client=client, origin=origin)
        origin.respond(theirs, 200, body=b"x" * 100, end=False)
        origin.respond(theirs2, 200, body=b"y" * 100, end=False)
        client.await_body(first, 100)
        client.reset(first)
        self.assertEqual(origin.await_reset(theirs), h2.CANCEL)
        origin.data(theirs, b"late")
        origin.data(theirs2, b"z", True)
        self.assertEqual(client.await_end(second)[1], b"y" * 100 + b"z")
        self.assertIn("reset", self.record("/reset1")["error"])
        self.assertGoesOn(client, origin)

    def test_a_client_that_leaves_resets_its_streams_and_the_connection_is_kept(self):
        client, first, origin, theirs = self.ask("GET", "/leaves")
        origin.respond(theirs, 200, body=b"x", end=False)
        client.await_body(first, 1)
        client.reset_connection()
        self.clients.remove(client)
        self.assertEqual(origin.await_reset(theirs), h2.CANCEL)
        self.assertGoesOn(self.connect(), origin)

    def test_an_origin_that_resets_a_stream_leaves_the_others(self):
        client, first, origin, theirs = self.ask("GET", "/oreset1")
        _, second, _, theirs2 = self.ask("GET", "/oreset2", client=client, origin=origin)
        _, third, _, theirs3 = self.ask("GET", "/oreset3", client=client, origin=origin)
        origin.respond(theirs, 200, body=b"x" * 100, end=False)
        client.await_body(first, 100)
        origin.reset(theirs, h2.INTERNAL_ERROR)
        origin.reset(theirs3, h2.INTERNAL_ERROR)
        self.assertEqual(client.await_end(first)[3], h2.INTERNAL_ERROR)
        self.assertEqual(client.await_end(third)[0][":status"], "502")
        origin.respond(theirs2, 200, body=b"fine")
        self.assertEqual(client.await_end(second)[1], b"fine")
        self.assertIn("reset the request's stream (INTERNAL_ERROR)", self.record("/oreset1")["error"])
        self.assertGoesOn(client, origin)

    def test_a_graceful_goaway_lets_streams_end_and_the_next_go_elsewhere(self):
        client, first, origin, theirs = self.ask("GET", "/goaway1")
        origin.leave(theirs)
        _, second, other, theirs2 = self.ask("GET", "/goaway2", client=client)
        other.respond(theirs2, 200, body=b"two")
        self.assertEqual(client.await_end(second)[1], b"two")
        origin.respond(theirs, 200, body=b"one")
        self.assertEqual(client.await_end(first)[1], b"one")
        origin.to_end()
        self.assertGoesOn(client, other)

    def test_what_a_goaway_says_was_not_processed_is_sent_again(self):
        client, first, origin, theirs = self.ask("GET", "/again0")
        mine = [client.request(method, f"/again{i + 1}") for i, method in enumerate(("GET", "POST", "DELETE"))]
        for _ in mine:
            origin.await_request()
        origin.leave(theirs)
        other = self.take()
        for _ in mine:
            stream = other.await_request()
            other.respond(stream, 200, body=other.head(stream)[":path"].encode())
        for i, number in enumerate(mine):
            self.assertEqual(client.await_end(number)[1], f"/again{i + 1}".encode())
        origin.respond(theirs, 200, body=b"first")
        self.assertEqual(client.await_end(first)[1], b"first")

    def test_a_body_that_was_sent_is_not_sent_again(self):
        client, first, origin, theirs = self.ask("POST", "/bodysent", end=False)
        client.data(first, b"x" * 1000)
        origin.await_body(theirs, 1000)
        origin.leave(0)
        self.assertEqual(client.await_end(first)[0][":status"], "502")
        self.assertTrue(self.origin.waiting.empty())

    def test_a_refused_stream_is_sent_again_once(self):
        client, first, origin, theirs = self.ask("POST", "/refused")
        origin.reset(theirs, h2.REFUSED_STREAM)
        other = self.take()
        stream = other.await_request()
        self.assertEqual(other.head(stream)[":path"], "/refused")
        other.reset(stream, h2.REFUSED_STREAM)
        self.assertEqual(client.await_end(first)[0][":status"], "502")
        self.assertTrue(self.origin.waiting.empty())

    def test_what_an_origin_may_have_processed_is_not_sent_again(self):
        client, first, origin, theirs = self.ask("GET", "/kept")
        origin.respond(theirs)
        client.await_end(first)
        for how in ("reset", "close", "goaway"):
            with self.subTest(how):
                _, mine, _, theirs = self.ask("POST", f"/{how}", client=client, origin=origin)
                if how == "reset":
                    origin.reset(theirs, h2.INTERNAL_ERROR)
                elif how == "goaway":
                    origin.leave(theirs, h2.INTERNAL_ERROR)
                    origin.connection.close()
                else:
                    origin.connection.close("fin")
                self.assertEqual(client.await_end(mine)[0][":status"], "502")
                self.assertTrue(self.origin.waiting.empty())
                if how == "close":
                    _, first, origin, theirs = self.ask("GET", "/kept2", client=client)
                    origin.respond(theirs)
                    client.await_end(first)

    def test_a_kept_connection_that_ends_has_what_does_no_harm_sent_again(self):
        client, first, origin, theirs = self.ask("GET", "/kept")
        origin.respond(theirs)
        client.await_end(first)
        _, mine, _, theirs = self.ask("GET", "/harmless", client=client, origin=origin)
        origin.connection.close("fin")
        other = self.take()
        stream = other.await_request()
        other.respond(stream, 200, body=b"again")
        self.assertEqual(client.await_end(mine)[1], b"again")

    def test_a_response_that_is_cut_off_is_seen_as_cut_off(self):
        for how in ("fin", "orderly", "reset"):
            for fields in ([], [("content-length", "1000")]):
                with self.subTest(how=how, fields=fields):
                    client, first, origin, theirs = self.ask("GET", "/cut")
                    origin.respond(theirs, 200, fields, body=b"x" * 100, end=False)
                    client.await_body(first, 100)
                    origin.connection.close(how)
                    self.assertIsInstance(client.await_end(first)[3], int)
                    self.forget()

    def test_http_1_1_required_is_obeyed_and_kept_in_mind(self):
        with contextlib.closing(ByHand(self.world, OTHER, context=speaking(self.world, OTHER, "h2", "http/1.1"))) as other:
            client = self.connect(OTHER)
            mine = client.request("GET", "/required", OTHER)
            origin = h2.serve(other.take())
            origin.reset(origin.await_request(), h2.HTTP_1_1_REQUIRED)
            again = other.take()
            self.assertEqual(again.stream.selected_alpn_protocol(), "http/1.1")
            self.assertIn(b"GET /required HTTP/1.1", again.read_head())
            again.sendall(OK)
            self.assertEqual(client.await_end(mine)[1], b"ok\n")
            self.assertEqual(self.record("/required")["upstream"]["alpn"], "http/1.1")
            late = self.inside.connect(OTHER, alpn=["h2", "http/1.1"])
            self.assertEqual(self.inside.run("result = clients[number].tls.selected_alpn_protocol()", number=late.number), "http/1.1")
            late.reset()
            other.forget()

    def test_more_streams_than_an_origin_allows_get_another_connection(self):
        client = self.connect()
        first = client.request("GET", "/limit0")
        origin = self.take({h2.MAX_CONCURRENT_STREAMS: 2})
        theirs = [origin.await_request()]
        origin.await_pong()
        mine = [first] + [client.request("GET", f"/limit{i}") for i in range(1, 4)]
        theirs.append(origin.await_request())
        other = self.take({h2.MAX_CONCURRENT_STREAMS: 2})
        more = [other.await_request(), other.await_request()]
        for stream in theirs:
            origin.respond(stream, 200, body=b"1")
        for stream in more:
            other.respond(stream, 200, body=b"2")
        self.assertEqual(sorted(client.await_end(number)[1] for number in mine), [b"1", b"1", b"2", b"2"])


class FlowControl(ByTurns):
    """A slow side slows the other one down, and what is under way is bounded."""

    def test_an_origin_without_a_window_stops_the_client(self):
        client, mine, origin, theirs = self.ask("POST", "/slow", end=False)
        self.inside.run("""
peer = peers[client]
def upload():
    peer.upload(number, b"x" * (8 << 20))
uploading = threading.Thread(target=upload, daemon=True)
uploading.start()
""", client=client.number, number=mine)
        time.sleep(1)
        self.assertEqual(client.room(mine), 0)
        self.assertEqual(len(origin.await_end(theirs)[1]), 8 << 20)
        self.inside.run("uploading.join()")
        origin.respond(theirs, 200, body=b"ok")
        self.assertEqual(client.await_end(mine)[1], b"ok")

    def test_a_client_without_a_window_stops_the_origin(self):
        client, mine, origin, theirs = self.ask("GET", "/slowclient")
        client.set("replenishes", False)
        origin.headers(theirs, [(":status", "200")])
        origin.connection.stream.settimeout(2)
        with self.assertRaises(TimeoutError):
            origin.upload(theirs, b"x" * (64 << 20))
        sent = len(client.await_body(mine, 65535))
        self.assertEqual(sent, 65535)
        # Another stream is not stopped by it, as the connection's window is wider.
        client.update(0, 1 << 20)
        _, second, _, theirs2 = self.ask("GET", "/beside", client=client, origin=origin)
        origin.respond(theirs2, 200, body=b"beside")
        self.assertEqual(client.await_end(second)[1], b"beside")

    def test_an_origin_that_reads_nothing_does_not_hold_up_other_requests(self):
        """Its windows are wide, and so the connection itself is full; another one is made."""
        client = self.connect()
        mine = client.request("POST", "/full", end=False)
        origin = self.take({h2.INITIAL_WINDOW_SIZE: (1 << 31) - 1})
        origin.update(0, (1 << 31) - 65536)
        origin.await_request()
        self.inside.run("""
peer = peers[client]
def upload():
    peer.upload(number, b"x" * (64 << 20))
uploading = threading.Thread(target=upload, daemon=True)
uploading.start()
""", client=client.number, number=mine)
        wait_until(lambda: client.room(mine) == 0 and (time.sleep(0.3) or client.room(mine) == 0), what="the end of the room")
        beside = self.connect()
        second = beside.request("POST", "/besidefull", fields=[("authorization", f"Bearer {self.token}")])
        other = self.take()
        theirs = other.await_request()
        self.assertEqual(other.head(theirs)["authorization"], f"Bearer {SECRET}")
        other.respond(theirs, 200, body=b"beside")
        self.assertEqual(beside.await_end(second)[1], b"beside")

    def test_a_window_that_a_setting_shrinks_below_zero_is_kept(self):
        client, mine, origin, theirs = self.ask("GET", "/shrink")
        client.set("replenishes", False)
        origin.respond(theirs, 200, body=b"x" * 60000, end=False)
        client.await_body(mine, 60000)
        client.setting({h2.INITIAL_WINDOW_SIZE: 10000})
        self.assertTrue(client.await_pong())
        client.update(0, 1 << 20)
        origin.data(theirs, b"y" * 1000)
        self.assertTrue(origin.await_pong())
        self.assertTrue(client.await_pong())
        self.assertEqual(len(client.await_body(mine, 60000)), 60000)
        client.update(mine, 52000)
        self.assertEqual(client.await_body(mine, 61000)[60000:], b"y" * 1000)

if __name__ == "__main__":
    unittest.main()
