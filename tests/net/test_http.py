"""HTTP/1.1 on both legs, byte by byte: a client and an origin that the test moves by turns."""
import contextlib
import time
import unittest

from lab import processes
from lab.puppet import Puppet
from lab.namespaces import wait_until
from lab.origins import ByHand, Nginx
from lab.sandbox import SANITIZED, Sandbox
from lab.world import World

HOST, PLAIN, OTHER = "api.example.com", "plain.example.com", "other.example.com"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
POLICY = f"""
secrets:
  KEY: {{from: env, scrub: false, use: [{{at: {HOST}, slot: header Authorization}}]}}
rules:
  - allow: [{HOST}, {OTHER}, "http://{PLAIN}/**"]
  - allow: {HOST}
    methods: [PROPFIND]
"""


def setUpModule():
    global WORLD
    WORLD = World()


def tearDownModule():
    WORLD.close()


def request(method="GET", path="/", host=HOST, fields="", body=None):
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{fields}"
    if body is not None:
        head += f"Content-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + (body or b"")


class ByTurns(unittest.TestCase):
    """A client inside, an origin by hand over TLS, and one over plain HTTP."""

    policy = POLICY

    @classmethod
    def setUpClass(cls):
        cls.world = WORLD
        cls.origin = ByHand(cls.world, HOST)
        cls.plain = ByHand(cls.world, PLAIN, tls=False)
        cls.box = Sandbox(cls.world, cls.policy)
        cls.inside = Puppet(cls.box, env={"KEY": "sk-proj-0123456789abcdefghijklmnop"})
        cls.worker = processes.worker_of(cls.inside.process)

    @classmethod
    def tearDownClass(cls):
        status = cls.inside.close()
        for origin in (cls.origin, cls.plain):
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
            client.reset()
        self.clients.clear()
        time.sleep(0.05)
        self.origin.forget()
        self.plain.forget()
        time.sleep(0.05)

    def connect(self, host=HOST, **options):
        self.clients.append(self.inside.connect(host, **options))
        return self.clients[-1]

    def ask(self, data, host=HOST, client=None, origin=None):
        """Sends DATA on a new connection; (client, origin's connection, head, body)."""
        client = client or self.connect(host, tls=host != PLAIN)
        client.send(data)
        connection = origin or (self.plain if host == PLAIN else self.origin).take()
        return client, connection, *connection.read_request()

    def record(self, path):
        def find():
            found = [r for r in self.box.records(kind="http") if r["http"]["path"] == path]
            return found[-1] if found else None
        return wait_until(find, what=f"the record of {path}")

    def keep_one(self):
        """A client, and a connection to the origin that is in the pool."""
        client, origin, _, _ = self.ask(request())
        origin.sendall(OK)
        client.response()
        return client, origin


class Http(ByTurns):

    # Connections that are kept.

    def test_requests_share_the_connections_on_both_legs(self):
        client, origin, _, _ = self.ask(request(path="/keep1"))
        origin.sendall(OK)
        self.assertEqual(client.response()[0], 200)
        for i in (2, 3):
            client.send(request(path=f"/keep{i}"))
            self.assertIn(f"GET /keep{i} HTTP/1.1".encode(), origin.read_request()[0])
            origin.sendall(OK)
            self.assertEqual(client.response()[0], 200)
        self.assertTrue(self.record("/keep3")["upstream"]["reused"])

    def test_pipelined_requests_are_answered_in_order(self):
        client, origin, head, _ = self.ask(request(path="/pipe1") + request("POST", "/pipe2", body=b"x" * 1000) + request(path="/pipe3"))
        bodies = []
        for i in (1, 2, 3):
            self.assertIn(f"/pipe{i} ".encode(), head)
            origin.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{i}".encode())
            bodies.append(client.response()[2])
            if i < 3:
                head, _ = origin.read_request()
        self.assertEqual(bodies, [b"1", b"2", b"3"])
        self.assertEqual(self.record("/pipe2")["http"]["request_bytes"], 1000)

    def test_many_pipelined_requests_are_answered(self):
        count = 300
        client = self.connect()
        client.send(b"".join(request(path=f"/many{i}") for i in range(count)))
        origin = self.origin.take()
        for i in range(count):
            self.assertIn(f"/many{i} ".encode(), origin.read_request()[0])
            origin.sendall(OK)
            self.assertEqual(client.response()[2], b"ok\n")

    def test_connection_close_ends_in_close_notify_and_fin(self):
        for host, expected in ((HOST, "close_notify"), (PLAIN, "fin")):
            with self.subTest(host):
                client, origin, head, _ = self.ask(request(path="/close", host=host, fields="Connection: close\r\n"), host=host)
                self.assertNotIn(b"close", head.lower().replace(b"/close", b""))
                origin.sendall(OK)
                status, fields, body, _, _ = client.response()
                self.assertEqual((status, fields["connection"], body), (200, "close", b"ok\n"))
                self.assertEqual(client.to_end(), (b"", expected))

    def test_an_origin_that_closes_is_not_used_again_and_the_client_is_kept(self):
        client, origin, _, _ = self.ask(request(path="/once"))
        origin.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nok\n")
        _, fields, _, _, _ = client.response()
        self.assertNotIn("connection", fields)
        _, again, head, _ = self.ask(request(path="/twice"), client=client)
        self.assertIsNot(again, origin)
        again.sendall(OK)
        self.assertEqual(client.response()[0], 200)

    def test_requests_at_the_same_time_have_connections_of_their_own_which_are_kept(self):
        clients = [self.connect() for _ in range(100)]
        for i, client in enumerate(clients):
            client.send(request(path=f"/own{i}"))
        origins = [self.origin.take() for _ in clients]
        for origin in origins:
            origin.read_request()
        for origin in origins:
            origin.sendall(OK)
        for client in clients:
            self.assertEqual(client.response()[0], 200)
        accepted = self.origin.accepted
        # 128 are kept for one authority; each of the next requests gets one that is there.
        for client in clients:
            client.send(request(path="/kept"))
        time.sleep(0.5)
        self.assertEqual(self.origin.accepted, accepted)

    # Framing.

    def test_a_chunked_request_and_its_trailers_arrive(self):
        client = self.connect()
        client.send(b"POST /chunked HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                    b"5;name=value\r\nhello\r\n")
        origin = self.origin.take()
        head = origin.read_head()
        self.assertIn(b"\r\nTransfer-Encoding: chunked\r\n", head)
        client.send(b"006\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n")
        wait_until(lambda: origin.recv() and b"X-Sum" in origin.raw, what="the trailers")
        self.assertTrue(origin.raw.endswith(b"0\r\nX-Sum: 11\r\n\r\n"), origin.raw)
        self.assertIn(b"5\r\nhello\r\n", origin.raw)
        origin.sendall(OK)
        self.assertEqual(client.response()[0], 200)
        self.assertEqual(self.record("/chunked")["http"]["request_bytes"], 11)

    def test_a_chunked_response_and_its_trailers_arrive(self):
        client, origin, _, _ = self.ask(request(path="/trailers", fields="TE: trailers\r\nConnection: TE\r\n"))
        origin.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n")
        origin.sendall(b"3;ext\r\ndef\r\n0\r\nX-Sum: 6\r\n\r\n")
        status, fields, body, trailers, _ = client.response()
        self.assertEqual((status, body, trailers.get("x-sum")), (200, b"abcdef", "6"))
        self.assertEqual(self.record("/trailers")["http"]["response_bytes"], 6)
        # And the connection is good for more.
        client.send(request(path="/behind"))
        origin.read_request()
        origin.sendall(OK)
        self.assertEqual(client.response()[2], b"ok\n")

    def test_a_trailer_that_may_not_be_one_does_not_pass(self):
        client, origin, _, _ = self.ask(request(path="/trailer"))
        origin.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        client.until(b"abc\r\n")
        origin.sendall(b"0\r\nContent-Length: 6\r\n\r\n")
        self.assertEqual(client.to_end(), (b"", "reset"))

    def test_responses_without_a_body_leave_the_connection_in_step(self):
        client = self.connect()
        origin = None
        for method, answer, expected in (
                ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", (200, "1234")),
                ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", (200, None)),
                ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", (204, None)),
                ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"x\"\r\n\r\n", (304, "77")),
                ("HEAD", b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n", (404, "5")),
                ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, "0"))):
            with self.subTest(answer):
                client.send(request(method, "/bodiless"))
                origin = origin or self.origin.take()
                origin.read_request()
                origin.sendall(answer)
                status, fields, body, _, _ = client.response(method)
                self.assertEqual((status, fields.get("content-length"), body), (*expected, b""))
        client.send(request())
        origin.read_request()
        origin.sendall(OK)
        self.assertEqual(client.response()[2], b"ok\n")

    def test_a_body_that_the_end_of_the_connection_ends_is_whole(self):
        for host, origin_of in ((HOST, self.origin), (PLAIN, self.plain)):
            with self.subTest(host):
                client, origin, _, _ = self.ask(request(path="/eof", host=host), host=host)
                origin.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100000)
                origin.close("orderly" if host == HOST else "fin")
                status, fields, body, _, _ = client.response()
                self.assertEqual((status, fields["transfer-encoding"], body), (200, "chunked", b"x" * 100000))
                _, again, _, _ = self.ask(request(path="/eof2", host=host), host=host, client=client)
                again.sendall(OK)
                self.assertEqual(client.response()[2], b"ok\n")

    def test_a_body_that_was_cut_off_is_seen_as_cut_off(self):
        """The end of TLS without close_notify is no end of a body (RFC 8446 section 6.1), and a reset never is."""
        for name, host, begin, how in (
                ("no close_notify", HOST, b"HTTP/1.1 200 OK\r\n\r\n", "fin"),
                ("reset", HOST, b"HTTP/1.1 200 OK\r\n\r\n", "reset"),
                ("reset, plain", PLAIN, b"HTTP/1.1 200 OK\r\n\r\n", "reset"),
                ("length", HOST, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "orderly"),
                ("length, plain", PLAIN, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "fin"),
                ("chunked", HOST, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n", "orderly"),
                ("chunked, between chunks", PLAIN, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" + b"y" * 100 + b"\r\n",
                 "fin")):
            with self.subTest(name):
                self.forget()
                path = "/cut/" + name.replace(" ", "").replace(",", "")
                client, origin, _, _ = self.ask(request(path=path, host=host), host=host)
                origin.sendall(begin)
                if "between" not in name:
                    origin.sendall(b"x" * 100)
                self.assertIn(b"200 OK", client.until(b"\r\n\r\n"))
                # The end must not overtake what was sent, where it is a reset.
                time.sleep(0.1)
                origin.close(how)
                rest, ended = client.to_end()
                self.assertFalse(rest.endswith(b"0\r\n\r\n"), rest[-20:])
                self.assertIn(ended, ("reset", "truncated"))
                record = self.record(path)
                self.assertEqual((record["verdict"], record["http"]["status"]), ("allow", 200))
                self.assertIn("middle of its response", record["error"])

    def test_a_body_that_is_cut_off_before_its_head_is_passed_on_is_a_502(self):
        for how in ("orderly", "fin", "reset"):
            with self.subTest(how):
                self.forget()
                client, origin, _, _ = self.ask(request(path="/nohead"))
                origin.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
                time.sleep(0.1)
                origin.close(how)
                status, fields, _, _, _ = client.response()
                self.assertEqual((status, fields["sallyport-verdict"]), (502, "error"))

    def test_fields_pass_in_their_order_and_case_and_hop_by_hop_ones_do_not(self):
        fields = ("X-First: 1\r\nx-Second: zw\u00f6lf\r\nCookie: a=b\r\nX-First: again\r\nX-Hop: gone\r\nKeep-Alive: timeout=5\r\n"
                  "Proxy-Authorization: Basic x\r\nConnection: X-Hop, keep-alive\r\nX-Empty:\r\nAccept-Encoding: br\r\n")
        client = self.connect()
        client.send(request(path="/fields", fields=fields).decode().encode("latin-1"))
        origin = self.origin.take()
        head = origin.read_head()
        self.assertEqual(head, "GET /fields HTTP/1.1\r\nHost: api.example.com\r\nX-First: 1\r\nx-Second: zw\u00f6lf\r\nCookie: a=b\r\n"
                         "X-First: again\r\nX-Empty: \r\nAccept-Encoding: br\r\n\r\n".encode("latin-1"))
        origin.sendall(b"HTTP/1.1 299 Odd\r\nServer: x\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\nConnection: X-Hop\r\nX-Hop: gone\r\n"
                       b"Alt-Svc: h3=\":443\"\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b")
        head = client.until(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 299 "), head)
        self.assertIn(b"Server: x\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\nContent-Encoding: gzip\r\n", head)
        self.assertNotIn(b"Alt-Svc", head)
        self.assertNotIn(b"X-Hop", head)
        self.assertEqual(client.exactly(2), b"\x1f\x8b")

    def test_the_target_is_written_anew_in_its_canonical_form(self):
        _, origin, head, _ = self.ask(request(path="/a/./b/../%63?q=%41&x=/../y"))
        self.assertTrue(head.startswith(b"GET /a/c?q=%41&x=/../y HTTP/1.1\r\n"), head)

    def test_absolute_form_is_understood(self):
        _, origin, head, _ = self.ask(request(path=f"https://{HOST}/absolute"))
        self.assertTrue(head.startswith(b"GET /absolute HTTP/1.1\r\nHost: api.example.com\r\n"), head)

    def test_bodies_of_all_methods_pass(self):
        client = self.connect()
        origin = None
        for method in ("GET", "DELETE", "OPTIONS", "PATCH", "PROPFIND"):
            with self.subTest(method):
                client.send(request(method, "/body", body=b"{}"))
                origin = origin or self.origin.take()
                head, body = origin.read_request()
                self.assertEqual((head.split(b" ")[0], body), (method.encode(), b"{}"))
                origin.sendall(OK)
                self.assertEqual(client.response()[0], 200)

    def test_an_empty_body_keeps_its_length(self):
        _, origin, head, _ = self.ask(request("POST", body=b""))
        self.assertIn(b"\r\nContent-Length: 0\r\n", head)

    def test_big_heads_pass_and_bigger_ones_are_refused(self):
        fields = "".join(f"X-Big-{i}: {'x' * 6000}\r\n" for i in range(10))
        client, origin, head, _ = self.ask(request(path="/big", fields=fields))
        self.assertGreater(len(head), 60000)
        origin.sendall(b"HTTP/1.1 200 OK\r\n" + fields.encode() + b"Content-Length: 0\r\n\r\n")
        status, received, _, _, _ = client.response()
        self.assertEqual((status, len(received["x-big-9"])), (200, 6000))
        client.send(request(path="/bigger", fields=fields + fields))
        self.assertEqual(client.response()[0], 431)
        self.forget()
        client, origin, _, _ = self.ask(request(path="/biganswer"))
        with contextlib.suppress(OSError):  # it is cut off before it is through
            origin.sendall(b"HTTP/1.1 200 OK\r\n" + fields.encode() * 2 + b"Content-Length: 0\r\n\r\n")
        self.assertEqual(client.response()[0], 502)

    def test_a_hundred_fields_pass_and_more_than_128_are_refused(self):
        client, origin, head, _ = self.ask(request(fields="".join(f"X-{i}: x\r\n" for i in range(120))))
        self.assertIn(b"\r\nX-119: x\r\n", head)
        origin.sendall(OK)
        client.response()
        client.send(request(fields="".join(f"X-{i}: x\r\n" for i in range(130))))
        self.assertEqual(client.response()[0], 431)

    def test_a_head_that_comes_byte_by_byte_is_understood(self):
        client = self.connect()
        for byte in request(path="/slowly"):
            client.send(bytes([byte]))
        origin = self.origin.take()
        self.assertIn(b"/slowly", origin.read_head())
        for byte in OK:
            origin.sendall(bytes([byte]))
        self.assertEqual(client.response()[2], b"ok\n")

    # Expect: 100-continue.

    def test_an_origins_100_is_passed_on_and_then_the_body(self):
        client = self.connect()
        client.send(request("PUT", "/expect", fields="Expect: 100-continue\r\nContent-Length: 5\r\n"))
        origin = self.origin.take()
        self.assertIn(b"\r\nExpect: 100-continue\r\n", origin.read_head())
        self.assertTrue(client.quiet(0.3))
        origin.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(client.response()[0], 100)
        client.send(b"hello")
        self.assertEqual(origin.read_exactly(5), b"hello")
        origin.sendall(OK)
        self.assertEqual(client.response()[0], 200)

    def test_an_origins_final_answer_to_an_expectation_is_passed_on_without_the_body(self):
        client = self.connect()
        client.send(request("PUT", "/expect417", fields="Expect: 100-continue\r\nContent-Length: 5\r\n"))
        origin = self.origin.take()
        origin.read_head()
        origin.sendall(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(client.response()[0], 417)

    def test_an_origin_that_never_says_100_gets_the_body_all_the_same(self):
        client = self.connect()
        client.send(request("PUT", "/expectnever", fields="Expect: 100-continue\r\nContent-Length: 5\r\n"))
        origin = self.origin.take()
        origin.read_head()
        client.send(b"hello")  # as clients do after a second
        self.assertEqual(origin.read_exactly(5), b"hello")
        origin.sendall(OK)
        self.assertEqual(client.response()[0], 200)

    def test_a_denied_expectation_is_denied_at_once(self):
        client = self.connect()
        client.send(request("LOCK", "/expectdenied", fields="Expect: 100-continue\r\nContent-Length: 5\r\n"))
        self.assertEqual(client.response()[0], 403)

    # Informational responses.

    def test_early_hints_are_passed_on(self):
        client, origin, _, _ = self.ask(request())
        for i in range(3):
            origin.sendall(f"HTTP/1.1 103 Early Hints\r\nLink: </{i}.css>; rel=preload\r\n\r\n".encode())
            status, fields, _, _, _ = client.response()
            self.assertEqual((status, fields["link"]), (103, f"</{i}.css>; rel=preload"))
        origin.sendall(OK)
        self.assertEqual(client.response()[0], 200)

    def test_too_many_informational_responses_and_101_are_refused(self):
        client, origin, _, _ = self.ask(request())
        origin.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 17)
        for _ in range(16):
            self.assertEqual(client.response()[0], 102)
        self.assertEqual(client.response()[0], 502)
        self.forget()
        client, origin, _, _ = self.ask(request())
        origin.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        self.assertEqual(client.response()[0], 502)

    # Responses that come early, and connections that end early.

    def test_an_early_response_to_a_short_upload_leaves_the_connection(self):
        client = self.connect()
        client.send(request("POST", "/early", fields="Content-Length: 100000\r\n") + b"x" * 1000)
        origin = self.origin.take()
        origin.read_head()
        origin.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n")
        self.assertEqual(client.response()[0], 403)
        client.send(b"x" * 99000 + request(path="/afterearly"))
        again = self.origin.take()
        self.assertIn(b"/afterearly", again.read_head())
        again.sendall(OK)
        self.assertEqual(client.response()[0], 200)

    def test_an_early_response_to_a_long_upload_reaches_the_client(self):
        client = self.connect()
        client.send(request("POST", "/earlylong", fields=f"Content-Length: {1 << 30}\r\n"))
        origin = self.origin.take()
        origin.read_head()
        self.inside.run("""
def upload(client):
    try:
        while True:
            client.socket.sendall(b"") or client.send(b"x" * 65536)
    except OSError:
        client.stopped = True
client = clients[number]
client.stopped = False
uploading = threading.Thread(target=upload, args=(client,), daemon=True)
uploading.start()
""", number=client.number)
        time.sleep(0.3)
        origin.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n")
        origin.close("reset")
        self.assertEqual(client.response()[0], 413)
        self.inside.run("uploading.join(10); result = client.stopped")
        self.assertEqual(self.record("/earlylong")["http"]["status"], 413)

    def test_a_head_in_two_pieces_and_an_early_response_bring_one_response_and_one_record(self):
        client = self.connect()
        head = request("POST", "/twopieces", fields="Content-Length: 1000\r\n")
        client.send(head[:20])
        time.sleep(0.2)
        client.send(head[20:] + b"x")
        origin = self.origin.take()
        origin.read_head()
        origin.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n")
        self.assertEqual(client.response()[0], 403)
        rest, _ = client.to_end()
        self.assertEqual(rest, b"")
        self.assertEqual(len([r for r in self.box.records(kind="http") if r["http"]["status"] == 408]), 0)

    def test_a_client_that_closes_its_half_is_still_answered(self):
        for host in (HOST, PLAIN):
            with self.subTest(host):
                client = self.connect(host, tls=host == HOST)
                client.send(request("POST", "/half", host=host, body=b"hello"))
                client.finish()
                origin = (self.origin if host == HOST else self.plain).take()
                self.assertEqual(origin.read_request()[1], b"hello")
                time.sleep(0.3)
                origin.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300000)
                self.assertEqual(client.response()[2], b"x" * 300000)
                self.assertEqual(client.to_end(), (b"", "close_notify" if host == HOST else "fin"))

    def test_a_client_that_closes_its_half_behind_pipelined_requests_gets_all_answers(self):
        client = self.connect(PLAIN, tls=False)
        client.send(request(path="/half1", host=PLAIN) + request(path="/half2", host=PLAIN))
        client.finish()
        origin = self.plain.take()
        for i in (1, 2):
            self.assertIn(f"/half{i}".encode(), origin.read_head())
            origin.sendall(OK)
        self.assertEqual([client.response()[0], client.response()[0]], [200, 200])

    def test_a_client_that_leaves_lets_go_of_the_origin(self):
        for how in ("reset", "close"):
            with self.subTest(how):
                self.forget()
                client, origin, _, _ = self.ask(request(path=f"/leaves/{how}"))
                origin.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx")
                client.until(b"x")
                getattr(client, how)()
                origin.stream.settimeout(5)
                with self.assertRaises((OSError, EOFError)) as raised:
                    origin.sendall(b"x" * 100000)
                    while origin.recv():
                        pass
                    raise EOFError
                self.assertNotIsInstance(raised.exception, TimeoutError)
                self.assertIn("client closed", self.record(f"/leaves/{how}")["error"])

    def test_an_upload_that_the_client_breaks_off_is_not_completed(self):
        for framing, how in (("Content-Length: 1000\r\n", "reset"), ("Content-Length: 1000\r\n", "finish"),
                             ("Transfer-Encoding: chunked\r\n", "finish"), ("Transfer-Encoding: chunked\r\n", "reset")):
            with self.subTest(framing=framing, how=how):
                self.forget()
                client = self.connect()
                client.send(request("POST", "/brokenoff", fields=framing) + b"10\r\nx")
                origin = self.origin.take()
                origin.read_head()
                origin.read_exactly(1)
                getattr(client, how)()
                origin.stream.settimeout(5)
                try:
                    while origin.recv():
                        pass
                except ConnectionError:
                    pass
                self.assertFalse(origin.raw.endswith(b"0\r\n\r\n"))

    # HTTP/1.0.

    def test_a_client_of_http_1_0_gets_a_body_that_the_end_ends(self):
        for answer, body in ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc"),
                             (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc")):
            self.forget()
            client, origin, head, _ = self.ask(b"GET /ten HTTP/1.0\r\nHost: api.example.com\r\nConnection: keep-alive\r\n\r\n")
            self.assertTrue(head.startswith(b"GET /ten HTTP/1.1\r\n"))
            origin.sendall(answer)
            status, fields, received, _, how = client.response()
            self.assertEqual((status, received, fields["connection"]), (200, body, "close"))
            self.assertNotIn("transfer-encoding", fields)
            self.assertEqual(how or client.to_end()[1], "close_notify")

    def test_a_client_of_http_1_0_sees_a_body_that_was_cut_off(self):
        client, origin, _, _ = self.ask(b"GET /tencut HTTP/1.0\r\nHost: api.example.com\r\n\r\n")
        origin.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        client.until(b"abc")
        origin.close()
        self.assertIn(client.to_end()[1], ("reset", "truncated"))

    def test_an_origin_of_http_1_0_is_understood(self):
        client, origin, _, _ = self.ask(request(path="/oldorigin"))
        origin.sendall(b"HTTP/1.0 200 OK\r\n\r\nabc")
        origin.close()
        self.assertEqual(client.response()[2], b"abc")

    # Connections that have gone stale in the pool.

    def test_a_get_on_a_stale_connection_is_sent_again(self):
        for how in ("orderly", "fin", "reset"):
            with self.subTest(how):
                self.forget()
                client, stale = self.keep_one()
                client.send(request(path="/again"))
                self.assertIn(b"/again", stale.read_head())
                stale.close(how)
                fresh = self.origin.take()
                self.assertIn(b"/again", fresh.read_head())
                fresh.sendall(OK)
                self.assertEqual(client.response()[0], 200)
        fresh.close()

    def test_a_get_is_not_sent_a_third_time(self):
        client, stale = self.keep_one()
        client.send(request(path="/third"))
        stale.read_head()
        stale.close()
        fresh = self.origin.take()
        fresh.read_head()
        fresh.close()
        self.assertEqual(client.response()[0], 502)

    def test_a_post_on_a_stale_connection_is_not_sent_twice(self):
        client, stale = self.keep_one()
        accepted = self.origin.accepted
        client.send(request("POST", "/payment", body=b"100"))
        self.assertEqual(stale.read_request()[1], b"100")
        stale.close()
        status, fields, body, _, _ = client.response()
        self.assertEqual((status, fields["sallyport-verdict"]), (502, "error"), body)
        self.assertEqual(self.origin.accepted, accepted)

    def test_a_put_with_a_body_is_not_sent_again_by_half(self):
        client, stale = self.keep_one()
        client.send(request("PUT", "/half", fields="Content-Length: 10\r\n") + b"hello")
        stale.read_head()
        self.assertEqual(stale.read_exactly(5), b"hello")
        stale.close()
        self.assertEqual(client.response()[0], 502)

    def test_a_request_that_was_answered_in_part_is_not_sent_again(self):
        client, stale = self.keep_one()
        accepted = self.origin.accepted
        client.send(request(path="/part"))
        stale.read_head()
        stale.sendall(b"HTTP/1.1 2")
        time.sleep(0.1)
        stale.close()
        self.assertEqual(client.response()[0], 502)
        self.assertEqual(self.origin.accepted, accepted)

    def test_a_first_connection_that_ends_without_an_answer_is_a_502(self):
        client, origin, _, _ = self.ask(request(path="/noanswer"))
        origin.close()
        self.assertEqual(client.response()[0], 502)
        self.assertIn("without an answer", self.record("/noanswer")["error"])

    def test_an_idle_connection_that_the_origin_closes_is_not_used(self):
        for how in ("orderly", "fin", "reset"):
            with self.subTest(how):
                self.forget()
                client, idle = self.keep_one()
                idle.close(how)
                time.sleep(0.2)
                _, fresh, head, body = self.ask(request("POST", "/idle", body=b"100"), client=client)
                self.assertEqual(body, b"100")
                fresh.sendall(OK)
                self.assertEqual(client.response()[0], 200)

    def test_a_response_that_nobody_asked_for_is_given_to_nobody(self):
        client, origin = self.keep_one()
        origin.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        time.sleep(0.2)
        _, fresh, _, _ = self.ask(request(path="/mine"), client=client)
        fresh.sendall(OK)
        self.assertEqual(client.response()[2], b"ok\n")

    def test_what_comes_behind_a_response_is_given_to_nobody(self):
        client, origin, _, _ = self.ask(request())
        origin.sendall(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        self.assertEqual(client.response()[2], b"ok\n")
        _, fresh, _, _ = self.ask(request(path="/mine"), client=client)
        fresh.sendall(OK)
        self.assertEqual(client.response()[2], b"ok\n")


class Collected(ByTurns):
    """Bodies that are collected before the origin is asked, as a secret's placeholder is taken out of them and their length
    changes."""

    policy = POLICY.replace("Authorization}]", "Authorization}], misuse: strip")

    def setUp(self):
        super().setUp()
        self.placeholder = self.inside.run("result = os.environ['KEY']").encode()

    def test_a_body_that_is_expected_is_asked_for(self):
        client = self.connect()
        body = b"<" + self.placeholder + b">"
        client.send(request("PUT", "/collected", fields=f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n"))
        self.assertEqual(client.response()[0], 100)
        client.send(body)
        origin = self.origin.take()
        head, received = origin.read_request()
        self.assertEqual(received, b"<>")
        self.assertIn(b"\r\nContent-Length: 2\r\n", head)
        self.assertNotIn(b"Expect", head)
        origin.sendall(OK)
        self.assertEqual(client.response()[0], 200)

    def test_a_collected_put_on_a_stale_connection_is_sent_again_whole(self):
        client, stale = self.keep_one()
        body = b"<" + self.placeholder + b">"
        client.send(request("PUT", body=body))
        stale.read_request()
        stale.close()
        fresh = self.origin.take()
        self.assertEqual(fresh.read_request()[1], b"<>")
        fresh.sendall(OK)
        self.assertEqual(client.response()[0], 200)

    def test_a_long_body_is_framed_anew(self):
        client = self.connect()
        body = b"x" * 100000 + self.placeholder + b"y" * 100000
        client.send(request("PUT", body=body))
        head, received = self.origin.take().read_request()
        self.assertIn(b"\r\nTransfer-Encoding: chunked\r\n", head)
        self.assertEqual(received, b"x" * 100000 + b"y" * 100000)


class Memory(unittest.TestCase):
    """One side is fast and the other slow: the worker's memory stays where it was."""

    BYTES = 1 << 30
    ROOM_KIB = (512 if SANITIZED else 16) << 10

    @classmethod
    def setUpClass(cls):
        cls.world = WORLD
        cls.origin = Nginx(cls.world, [HOST], f"location /upload/ {{ root {cls.world.dir}; dav_methods PUT; }}")
        (cls.world.dir / "upload").mkdir()
        with open(cls.origin.root / "big", "wb") as file:
            file.truncate(cls.BYTES)
        cls.slow = ByHand(cls.world, OTHER)
        cls.box = Sandbox(cls.world, POLICY)
        cls.inside = Puppet(cls.box, env={"KEY": "sk-proj-0123456789abcdefghijklmnop"})
        cls.worker = processes.worker_of(cls.inside.process)

    @classmethod
    def tearDownClass(cls):
        cls.inside.close()
        cls.origin.close()
        cls.slow.forget()
        cls.slow.close()

    def highest(self, seconds):
        """The most memory that the worker has in the next SECONDS, in KiB."""
        most, deadline = 0, time.monotonic() + seconds
        while time.monotonic() < deadline:
            most = max(most, processes.status(self.worker, "VmRSS"))
            time.sleep(0.02)
        return most

    def test_a_slow_client_of_a_fast_origin(self):
        client = self.inside.connect(HOST)
        client.send(request(path="/index"))
        client.response()
        before = processes.status(self.worker, "VmRSS")
        client.send(request(path="/big"))
        self.inside.run("""
client = clients[number]
def read():
    client.until(b"\\r\\n\\r\\n")
    client.read_bytes = len(client.rest)
    while not client.stop:
        client.read_bytes += len(client.receive(16384))
        time.sleep(0.01)
client.stop, client.read_bytes = False, 0
reading = threading.Thread(target=read)
reading.start()
""", number=client.number)
        most = self.highest(4)
        self.inside.run("client.stop = True; reading.join()")
        self.assertLess(most - before, self.ROOM_KIB)
        # The rest comes at full speed.
        left = self.BYTES - self.inside.run("result = client.read_bytes")
        got = self.inside.run("""
left = wanted
while left:
    left -= len(client.receive(min(left, 1 << 20)))
result = wanted - left
""", wanted=left)
        self.assertEqual(got, left)
        self.assertLess(processes.status(self.worker, "VmHWM") - before, self.ROOM_KIB)

    def test_a_fast_client_of_a_slow_origin(self):
        client = self.inside.connect(OTHER)
        client.send(request("PUT", "/slow", host=OTHER, fields=f"Content-Length: {self.BYTES}\r\n"))
        origin = self.slow.take()
        origin.read_head()
        before = processes.status(self.worker, "VmRSS")
        self.inside.run("""
client = clients[number]
client.sent = 0
def write():
    try:
        while True:
            client.send(b"x" * 65536)
            client.sent += 65536
    except OSError:
        pass
threading.Thread(target=write, daemon=True).start()
""", number=client.number)
        most = self.highest(3)
        sent = self.inside.run("result = client.sent")
        self.assertLess(most - before, self.ROOM_KIB)
        self.assertLess(sent, 32 << 20)
        # It goes on as the origin takes it.
        left = 200 << 20
        while left > 0:
            left -= len(origin.stream.recv(1 << 20))
        self.assertGreater(self.inside.run("result = client.sent"), 150 << 20)
        self.assertLess(processes.status(self.worker, "VmRSS") - before, self.ROOM_KIB)
        origin.close("reset")
        client.close()

    def test_a_client_that_pipelines_without_reading(self):
        client = self.inside.connect(HOST)
        client.send(request(path="/index"))
        client.response()
        before = processes.status(self.worker, "VmRSS")
        self.inside.run("""
client = clients[number]
client.sent = 0
def write():
    try:
        while True:
            client.send(data)
            client.sent += len(data)
    except OSError:
        pass
threading.Thread(target=write, daemon=True).start()
""", number=client.number, data=request(path="/big") * 100)
        most = self.highest(3)
        self.assertLess(most - before, self.ROOM_KIB)
        self.assertLess(self.inside.run("result = client.sent"), 32 << 20)
        client.close()


class Resumption(unittest.TestCase):
    """TLS sessions are resumed on both legs."""

    @classmethod
    def setUpClass(cls):
        cls.world = WORLD
        cls.origin = Nginx(cls.world, ["tls13.example.com", HOST, OTHER], http="keepalive_timeout 1s;")
        cls.tls12 = Nginx(cls.world, ["tls12.example.com"], http="keepalive_timeout 1s;", protocols="TLSv1.2")
        cls.box = Sandbox(cls.world, "rules: [{allow: '*.example.com'}]")
        cls.inside = Puppet(cls.box)

    @classmethod
    def tearDownClass(cls):
        cls.inside.close()
        cls.origin.close()
        cls.tls12.close()

    def fetch(self, host, **options):
        client = self.inside.connect(host, **options)
        client.send(request(host=host))
        self.assertEqual(client.response()[0], 200)
        return client

    def test_to_the_origin_when_the_pooled_connection_is_gone(self):
        for origin, host in ((self.origin, "tls13.example.com"), (self.tls12, "tls12.example.com")):
            with self.subTest(host):
                for _ in range(3):
                    self.fetch(host)
                    time.sleep(1.5)
                self.assertEqual([r["reused"] for r in origin.requests() if r["host"] == host], [".", "r", "r"])
                records = [r for r in self.box.records(kind="http") if r["host"] == host]
                self.assertEqual([r["upstream"]["resumed"] for r in records], [False, True, True])
                self.assertEqual([r["upstream"]["reused"] for r in records], [False, False, False])

    def test_by_the_client(self):
        first = self.fetch(HOST)
        second = self.fetch(HOST, session=first)
        self.assertTrue(second.resumed())

        def both():
            return [r["tls"]["resumed"] for r in self.box.records(kind="http")][-2:] == [False, True]
        wait_until(both, what="the records of both")

    def test_not_for_another_name(self):
        first = self.fetch(HOST)
        other = self.fetch(OTHER, session=first)
        self.assertFalse(other.resumed())


if __name__ == "__main__":
    unittest.main(verbosity=2)
