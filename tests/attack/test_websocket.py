"""WebSockets that break the rules, on both sides, byte by byte (threats P3, P9, P10, P17, P18, S1, S8, S31).

Every attack of one side is met by a close frame to both, or by a refusal; nothing of the frame that broke the rules reaches the
other side, and the log says what it was.
"""
import itertools
import re
import struct
import threading
import unittest

from lab import websocket
from lab.namespaces import wait_until
from lab.origins import Scripted
from lab.puppet import Puppet
from lab.sandbox import Sandbox
from lab.websocket import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame
from lab.world import World

HOST = "ws.example.com"
VALUE = "sk-proj-Zq7Rk2Wm9Xv4Tn8Bc3Hf6Jd1Lg5Ps0"
POLICY = f"""
secrets:
  KEY: {{from: env, use: [{{at: {HOST}, slot: ws}}]}}
  STRICT: {{from: env, misuse: strict, use: [{{at: {HOST}/never, slot: header X}}]}}
rules:
  - allow: https://{HOST}/plain/**
  - {{allow: {HOST}, websocket: true}}
"""
ENV = {"KEY": VALUE, "STRICT": "another-value-4f8a2c6e0b1d3957"}
MEBIBYTE = 1 << 20
PATHS = itertools.count()


def setUpModule():
    global WORLD, ORIGIN, BOX, INSIDE, PLACEHOLDER, STRICT
    WORLD = World()
    ORIGIN = Scripted(WORLD, HOST, lambda connection: Attack.script(connection))
    BOX = Sandbox(WORLD, POLICY)
    INSIDE = Puppet(BOX, env=ENV)
    PLACEHOLDER, STRICT = (INSIDE.run(f"result = os.environ['{name}']").encode() for name in ("KEY", "STRICT"))


def tearDownModule():
    INSIDE.close()
    ORIGIN.close()
    WORLD.close()


def code_of(message):
    return struct.unpack("!H", message[1][:2])[0] if message[0] == CLOSE and len(message[1]) >= 2 else None


class Attack(unittest.TestCase):
    script = staticmethod(websocket.origin(websocket.echo))
    path = "/ws"

    def setUp(self):
        Attack.script = staticmethod(websocket.origin(websocket.echo))
        ORIGIN.connections.clear()

    def records(self, count=1):
        """Of what was asked for by the last path."""
        def mine():
            return [r for r in BOX.records(kind="http") if r["http"]["path"] == self.path]
        wait_until(lambda: len(mine()) >= count, what="the records")
        self.assertEqual(len(mine()), count)
        return mine()

    def record(self):
        return self.records()[0]

    def new_path(self):
        """So that a record that comes late is not taken for another's."""
        self.path = f"/ws/{next(PATHS)}"
        return self.path

    def handshake(self, request):
        """(status, body) of the answer to REQUEST."""
        client = INSIDE.connect(HOST)
        client.send(request)
        status, _, body, _, _ = client.response()
        client.close()
        return status, body

    def open(self):
        client = INSIDE.connect(HOST)
        client.send(websocket.request(HOST, self.new_path()))
        self.assertTrue(client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 "))
        return client, websocket.Frames(client.some)

    def connection(self):
        connection = ORIGIN.connections[-1]
        wait_until(connection.finished.is_set, what="the origin's end")
        return connection


class Requests(Attack):
    def test_P9_a_handshake_is_well_formed_or_refused(self):
        def request(replaced=None, by=b"", **options):
            made = websocket.request(HOST, self.path, **options)
            if replaced:
                self.assertEqual(made.count(replaced), 1)
            return made.replace(replaced, by) if replaced else made
        self.new_path()
        key = b"Sec-WebSocket-Key: " + websocket.KEY + b"\r\n"
        version = b"Sec-WebSocket-Version: 13\r\n"
        table = [
            ("no key", request(key)),
            ("two keys", request(key, key + key)),
            ("a short key", request(key=b"MDEyMzQ1Njc4OWFiY2Rl")),
            ("a key that is not base64", request(key=b"!!!!!!!!!!!!!!!!!!!!!!==")),
            ("no version", request(version)),
            ("two versions", request(version, version + b"Sec-WebSocket-Version: 8\r\n")),
            ("version 8", request(version=b"8")),
            ("versions in a list", request(version=b"13, 8")),
            ("version 013", request(version=b"013")),
            ("an accept", request(fields=b"Sec-WebSocket-Accept: x\r\n")),
            ("a body by length", request(fields=b"Content-Length: 5\r\n") + b"hello"),
            ("a body of no bytes", request(fields=b"Content-Length: 0\r\n")),
            ("a body in chunks", request(fields=b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n"),
            ("subprotocols that are no tokens", request(fields=b"Sec-WebSocket-Protocol: a b\r\n")),
            ("an empty subprotocol", request(fields=b"Sec-WebSocket-Protocol: a,,b\r\n")),
            ("the same subprotocol twice", request(fields=b"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n")),
            ("too many subprotocols", request(fields=b"Sec-WebSocket-Protocol: " + b", ".join(b"p%d" % i for i in range(33)) + b"\r\n")),
        ]
        for what, attack in table:
            with self.subTest(what):
                self.assertEqual(self.handshake(attack)[0], 400)
        self.assertEqual(ORIGIN.connections, [])
        self.assertEqual([r["verdict"] for r in self.records(len(table))], ["deny"] * len(table))

    def test_P9_P17_no_websocket_without_a_rule_that_says_so_and_no_other_protocol(self):
        for what, attack in (("another protocol", websocket.request(HOST, upgrade=b"foo")),
                             ("two protocols", websocket.request(HOST, upgrade=b"websocket, foo")),
                             ("WebSocket/13", websocket.request(HOST, upgrade=b"websocket/13"))):
            with self.subTest(what):
                self.assertEqual(self.handshake(attack)[0], 403)
        # To a WebSocket the first rule is not there, the second one is.
        client = INSIDE.connect(HOST)
        client.send(websocket.request(HOST, "/plain/x"))
        self.assertTrue(client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 "))
        client.close()
        self.assertEqual(self.handshake(websocket.request(HOST, method=b"POST"))[0], 400)

    def test_P9_an_upgrade_that_the_connection_does_not_name_is_none(self):
        Attack.script = staticmethod(lambda c: (c.read_head(), c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")))
        status, _ = self.handshake(websocket.request(HOST).replace(b"Connection: Upgrade", b"Connection: keep-alive"))
        self.assertEqual(status, 200)
        self.assertNotIn(b"pgrade", self.connection().raw)

    def test_P3_what_is_sent_before_the_answer_is_no_frame(self):
        """Neither is it the next request of a connection that has left HTTP."""
        for what, ahead in (("a frame", websocket.text("ahead", masked=True)), ("a request", b"GET /smuggled HTTP/1.1\r\nHost: ws.example.com\r\n\r\n")):
            with self.subTest(what):
                ORIGIN.connections.clear()
                status, body = self.handshake(websocket.request(HOST) + ahead)
                self.assertEqual(status, 400)
                self.assertIn(b"did not wait", body)
                connection = self.connection()
                self.assertEqual(connection.messages, [])
                self.assertNotIn(b"smuggled", connection.raw)

    def test_P3_a_request_behind_one_that_was_turned_down_has_a_verdict_of_its_own(self):
        def script(connection):
            connection.read_head()
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        Attack.script = staticmethod(script)
        client = INSIDE.connect(HOST)
        client.send(websocket.request(HOST) + b"GET /x HTTP/1.1\r\nHost: evil.example.com\r\n\r\n")
        self.assertEqual([client.response()[0] for _ in range(2)], [403, 421])
        self.assertEqual(len(ORIGIN.connections), 1)


class Responses(Attack):
    """An origin that answers a handshake wrongly: the client is told 502, and gets nothing of it."""

    def answer(self, made):
        def script(connection):
            connection.sendall(made(connection.read_head()) + frame(TEXT, b"injected"))
            connection.recv()
        Attack.script = staticmethod(script)
        client = INSIDE.connect(HOST)
        client.send(websocket.request(HOST, self.path, fields=b"Sec-WebSocket-Protocol: one, two\r\n"))
        status, fields, body, _, _ = client.response()
        client.close()
        self.assertNotIn(b"injected", body)
        return status, body

    def test_P9_P18_the_answer_is_checked(self):
        response = websocket.response
        self.new_path()

        def without(field):
            return lambda head: re.sub(rb"\r\n" + field + rb": [^\r]*", b"", response(head))
        table = [
            ("a wrong accept", lambda head: response(head, answer=websocket.accept(b"AAAAAAAAAAAAAAAAAAAAAA=="))),
            ("the accept of the client's own key", lambda head: response(head, answer=websocket.accept(websocket.KEY))),
            ("no accept", without(b"Sec-WebSocket-Accept")),
            ("two accepts", lambda head: response(head, b"Sec-WebSocket-Accept: x\r\n")),
            ("no upgrade", without(b"Upgrade")),
            ("an upgrade that the connection does not name", without(b"Connection")),
            ("another protocol", lambda head: response(head).replace(b"Upgrade: websocket", b"Upgrade: h2c")),
            ("two upgrades", lambda head: response(head, b"Upgrade: websocket\r\n")),
            ("an extension", lambda head: response(head, b"Sec-WebSocket-Extensions: permessage-deflate\r\n")),
            ("a subprotocol that was not offered", lambda head: response(head, b"Sec-WebSocket-Protocol: three\r\n")),
            ("one in other letters", lambda head: response(head, b"Sec-WebSocket-Protocol: ONE\r\n")),
            ("two subprotocols", lambda head: response(head, b"Sec-WebSocket-Protocol: one, two\r\n")),
            ("two fields of them", lambda head: response(head, b"Sec-WebSocket-Protocol: one\r\nSec-WebSocket-Protocol: two\r\n")),
            ("a length", lambda head: response(head, b"Content-Length: 10\r\n")),
            ("chunks", lambda head: response(head, b"Transfer-Encoding: chunked\r\n")),
            ("HTTP/1.0", lambda head: response(head).replace(b"HTTP/1.1", b"HTTP/1.0")),
        ]
        for what, made in table:
            with self.subTest(what):
                self.assertEqual(self.answer(made)[0], 502)
        self.assertTrue(all("error" in r and "websocket" not in r for r in self.records(len(table))))

    def test_P18_a_101_that_nobody_asked_for(self):
        Attack.script = staticmethod(lambda c: (c.read_head(), c.sendall(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\0")))
        status, _ = self.handshake(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        self.assertEqual(status, 502)

    def test_P18_a_200_is_no_websocket(self):
        def script(connection):
            connection.read_head()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x81\x03abc" + frame(TEXT, b"more"))
        Attack.script = staticmethod(script)
        client = INSIDE.connect(HOST)
        client.send(websocket.request(HOST))
        status, _, body, _, _ = client.response()
        self.assertEqual((status, body), (200, b"\x81\x03abc"))


class ExtendedConnect(Attack):
    """RFC 8441 with odd heads: nothing reaches the origin."""

    def ask(self, fields, end=False):
        client = websocket.over_http2(INSIDE, HOST)
        head = client.request(fields, end)
        client.close()
        return int(head[":status"]) if isinstance(head, dict) else head

    def test_P9_P10_heads(self):
        good = websocket.connect_fields(HOST, self.new_path())

        def without(*names):
            return [(n, v) for n, v in good if n not in names]
        table = [
            ("no version", without("sec-websocket-version"), 400),
            ("version 8", without("sec-websocket-version") + [("sec-websocket-version", "8")], 400),
            ("a key", good + [("sec-websocket-key", websocket.KEY.decode())], 400),
            ("an accept", good + [("sec-websocket-accept", "x")], 400),
            ("a length", good + [("content-length", "0")], 400),
            ("another length", good + [("content-length", "5")], 400),
            ("another protocol", websocket.connect_fields(HOST, protocol="connect-udp"), 501),
            ("h2c", websocket.connect_fields(HOST, protocol="h2c"), 501),
            ("a list", websocket.connect_fields(HOST, protocol="websocket, h2c"), 400),
            ("an empty protocol", websocket.connect_fields(HOST, protocol=""), 400),
            ("two protocols", good[:2] + [(":protocol", "websocket")] + good[2:], 400),
            ("no path", without(":path"), 400),
            ("no scheme", without(":scheme"), 400),
            ("no authority", without(":authority"), 400),
            ("another authority", websocket.connect_fields("evil.example.com"), 421),
            ("GET with a protocol", [(":method", "GET")] + good[1:], 400),
            ("CONNECT without one", without(":protocol"), 405),
            ("an upgrade", good + [("upgrade", "websocket")], 400),
            ("a connection", good + [("connection", "upgrade")], 400),
        ]
        for what, fields, expected in table:
            with self.subTest(what):
                self.assertEqual(self.ask(fields), expected)
        self.assertEqual(self.ask(good, end=True), 400)
        self.assertEqual(ORIGIN.connections, [])

    def test_P9_a_200_of_the_origin_is_no_websocket(self):
        """In HTTP/2 it would say that there is one."""
        def script(connection):
            connection.read_head()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\x81\x01x")
        Attack.script = staticmethod(script)
        self.assertEqual(self.ask(websocket.connect_fields(HOST)), 502)

    def test_P17_no_websocket_without_a_rule_that_says_so(self):
        box = Sandbox(WORLD, f"rules: [{{allow: {HOST}}}]\n")
        inside = Puppet(box)
        self.addCleanup(inside.close)
        client = websocket.over_http2(inside, HOST)
        self.assertEqual(client.request(websocket.connect_fields(HOST))[":status"], "403")
        self.assertEqual(ORIGIN.connections, [])

    def test_S31_bad_frames(self):
        for what, made, code in BAD_FRAMES[:6]:
            with self.subTest(what):
                client = websocket.over_http2(INSIDE, HOST)
                self.assertEqual(client.request(websocket.connect_fields(HOST, self.new_path()))[":status"], "200")
                client.send(made(True))
                frames = websocket.Frames(client.some)
                self.assertEqual([code_of(m) for m in frames.all()], [code])
                self.assertEqual([code_of(m) for m in self.connection().messages], [code])
                client.close()


BAD_FRAMES = [
    ("a reserved bit", lambda m: frame(TEXT, b"x", rsv=4, masked=m), 1002),
    ("another reserved bit", lambda m: frame(BINARY, b"x", rsv=1, masked=m), 1002),
    ("a compressed message", lambda m: frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\0", rsv=4, masked=m), 1002),
    ("a reserved opcode", lambda m: frame(3, b"x", masked=m), 1002),
    ("a reserved control opcode", lambda m: frame(11, b"x", masked=m), 1002),
    ("the wrong side's mask", lambda m: frame(TEXT, b"x", masked=not m), 1002),
    ("a continuation of nothing", lambda m: frame(CONTINUATION, b"x", masked=m), 1002),
    ("a message within a message", lambda m: frame(TEXT, b"x", fin=False, masked=m) + frame(TEXT, b"y", masked=m), 1002),
    ("a long ping", lambda m: frame(PING, bytes(126), masked=m), 1002),
    ("a fragmented ping", lambda m: frame(PING, b"x", fin=False, masked=m), 1002),
    ("a length not in its shortest form", lambda m: frame(TEXT, b"x", form=2, masked=m), 1002),
    ("a length of 64 bits", lambda m: frame(BINARY, b"", length=1 << 63, masked=m), 1002),
    ("text that is not UTF-8", lambda m: frame(TEXT, b"\xff", masked=m), 1007),
    ("a surrogate", lambda m: frame(TEXT, b"\xed\xa0\x80", masked=m), 1007),
    ("text cut within a character", lambda m: frame(TEXT, b"\xe2\x82", masked=m), 1007),
    ("bad text over fragments", lambda m: frame(TEXT, b"\xe2", fin=False, masked=m) + frame(CONTINUATION, b"\x28", masked=m), 1007),
    ("half a close code", lambda m: frame(CLOSE, b"\x03", masked=m), 1002),
    ("a close code that must not be sent", lambda m: websocket.close(1005, masked=m), 1002),
    ("a close code below all", lambda m: websocket.close(999, masked=m), 1002),
    ("a reason that is not UTF-8", lambda m: websocket.close(1000, b"\xff", masked=m), 1007),
    ("too many fragments", lambda m: frame(TEXT, b"", fin=False, masked=m) + frame(CONTINUATION, b"", fin=False, masked=m) * 65536, 1009),
]


class BadFrames(Attack):
    def test_S31_of_a_client(self):
        for what, made, code in BAD_FRAMES + [("a text of more than 16 MiB", lambda m: frame(TEXT, b"", length=17 * MEBIBYTE, masked=m), 1009),
                                              ("the same in fragments", lambda m: frame(TEXT, bytes(9 * MEBIBYTE), fin=False, masked=m)
                                               + frame(CONTINUATION, b"", length=9 * MEBIBYTE, masked=m), 1009)]:
            with self.subTest(what):
                client, frames = self.open()
                client.send(made(True))
                self.assertEqual(code_of(frames.all()[-1]), code)
                connection = self.connection()
                self.assertEqual([code_of(m) for m in connection.messages], [code])
                record = self.record()
                self.assertEqual((record["verdict"], record["websocket"]["close"], record["websocket"]["closed_by"]), ("allow", code, "sallyport"))
                self.assertIn("the client broke the WebSocket protocol", record["error"])

    def test_S31_of_an_origin(self):
        for what, made, code in BAD_FRAMES:
            with self.subTest(what):
                got = []

                def script(connection, frames, sent=made(False)):
                    connection.sendall(sent)
                    got.extend(frames.all())
                Attack.script = staticmethod(websocket.origin(script))
                client, frames = self.open()
                self.assertEqual(code_of(frames.all()[-1]), code)
                self.connection()
                self.assertEqual([code_of(m) for m in got], [code])
                self.assertIn("the origin broke the WebSocket protocol", self.record()["error"])

    def test_S31_what_comes_behind_a_close_frame_is_dropped(self):
        client, frames = self.open()
        client.send(websocket.close(masked=True) + websocket.text("behind", masked=True))
        self.assertEqual([code_of(m) for m in frames.all()], [1000])
        self.assertEqual([m[0] for m in self.connection().messages], [CLOSE])

    def test_S31_pings_without_end_are_not_hoarded(self):
        """The origin answers none of them and reads nothing: the client is stopped."""
        hold = threading.Event()
        Attack.script = staticmethod(websocket.origin(lambda connection, frames: hold.wait(30)))
        client, _ = self.open()
        sent = INSIDE.run("""
client = clients[number]
client.socket.settimeout(2)
sent = 0
try:
    while sent < 128 << 20:
        client.send((b"\\x89\\xfd" + bytes(4) + bytes(125)) * 1000)
        sent += 131000
except OSError:
    pass
result = sent
""", number=client.number)
        hold.set()
        self.assertLess(sent, 64 << 20)


class Secrets(Attack):
    def test_S31_a_placeholder_is_found_however_it_is_split_and_masked(self):
        message = b'{"token": "' + PLACEHOLDER + b'"}'
        for size in (1, 3, 16):
            for cut in (1, 5, 1000):
                with self.subTest(size=size, cut=cut):
                    pieces = [message[i:i + size] for i in range(0, len(message), size)]
                    wire = b"".join(frame(CONTINUATION if i else TEXT, p, fin=i == len(pieces) - 1, masked=True) + frame(PING, b"", masked=True)
                                    for i, p in enumerate(pieces))
                    client, frames = self.open()
                    for i in range(0, len(wire), cut):
                        client.send(wire[i:i + cut])
                    client.send(websocket.close(masked=True))
                    client.to_end()
                    self.assertEqual([m for m in self.connection().messages if m[0] == TEXT], [(TEXT, message.replace(PLACEHOLDER, VALUE.encode()))])

    def test_S8_S31_a_message_with_a_misused_one_never_arrives(self):
        """Of a text not even its beginning."""
        for kind in (TEXT, BINARY):
            for size in (7, 100000):
                with self.subTest(kind=kind, size=size):
                    client, frames = self.open()
                    message = (b"a" * 1000 if kind == TEXT else b"") + STRICT
                    pieces = [message[i:i + size] for i in range(0, len(message), size)]
                    client.send(b"".join(frame(CONTINUATION if i else kind, p, fin=i == len(pieces) - 1, masked=True) for i, p in enumerate(pieces)))
                    last = frames.all()[-1]
                    self.assertEqual(code_of(last), 1008)
                    self.assertIn(b"STRICT", last[1])
                    connection = self.connection()
                    self.assertEqual([(m[0], m[1]) for m in connection.messages], [(CLOSE, struct.pack("!H", 1008))])
                    if kind == TEXT:
                        self.assertEqual(connection.frames.begun, (None, b""))
                    self.assertEqual(self.record()["verdict"], "deny")

    def test_S8_a_placeholder_in_a_close_reason_or_a_ping_is_never_replaced(self):
        client, frames = self.open()
        client.send(frame(PING, PLACEHOLDER, masked=True) + websocket.close(1000, PLACEHOLDER, masked=True))
        client.to_end()
        connection = self.connection()
        self.assertEqual(connection.messages, [(PING, PLACEHOLDER), (CLOSE, struct.pack("!H", 1000) + PLACEHOLDER)])

    def test_S24_the_log_has_neither_the_value_nor_the_placeholder(self):
        client, frames = self.open()
        client.send(websocket.text(PLACEHOLDER, masked=True) + websocket.close(1000, PLACEHOLDER, masked=True))
        client.to_end()
        self.record()
        log = BOX.audit_path.read_bytes()
        self.assertNotIn(VALUE.encode(), log)
        self.assertNotIn(PLACEHOLDER, log)


if __name__ == "__main__":
    unittest.main()
