"""HTTP/2 from the sandbox, as no client should speak it (threats P7, P10, P13 to P15, T3, C14, and the floods).

Each case is a connection of its own to a name of its own. What comes back, whether the connection goes on, and what the origin got
is compared; the tables of frames follow the sections of RFC 9113 and RFC 7541.
"""
import gzip
import time
import unittest

from lab import h2, processes
from lab.attacker import settle
from lab.h2 import (ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR,
                    FRAME_SIZE_ERROR, GOAWAY, HAS_PRIORITY, HEADERS, PADDED, PING, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE, REFUSED_STREAM,
                    RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, literal, make_frame, make_settings)
from lab.h2_witness import H2Witness
from lab.puppet import Puppet
from lab.sandbox import SANITIZED, Sandbox
from lab.world import World

NAMES = 700
POLICY = """
rules:
  - deny: "https://*.new.example/denied/**"
  - allow: ["https://*.new.example/**", "https://*.old.example/**"]
"""


def setUpModule():
    global world, box, inside, new, old, worker
    world = World()
    new = H2Witness(world, "*.new.example", hosts=[f"c{i}.new.example" for i in range(NAMES)])
    new.patience = 120
    old = H2Witness(world, "*.old.example", hosts=[f"c{i}.old.example" for i in range(NAMES)], speaks_h1=True)
    box = Sandbox(world, POLICY)
    inside = Puppet(box)
    worker = processes.worker_of(inside.process)


def tearDownModule():
    status = inside.close()
    new.close()
    old.close()
    world.close()
    assert status == 0, status


number = iter(range(NAMES))


def block(fields):
    return b"".join(literal(n, v) for n, v in fields)


def pseudo(host, method=b"GET", path=b"/ok", scheme=b"https"):
    return [(b":method", method), (b":scheme", scheme), (b":authority", host), (b":path", path)]


def head(host, fields=(), end=True, stream=1, **named):
    return make_frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(pseudo(host, **named) + list(fields)))


def data(payload=b"", end=False, stream=1):
    return make_frame(DATA, END_STREAM if end else 0, stream, payload)


def error(code):
    return code.to_bytes(4, "big")


class Case(unittest.TestCase):

    def tearDown(self):
        self.assertTrue(processes.is_alive(worker), "the worker is gone")

    def assertServes(self, host=None):
        """A good client is served as ever."""
        host = host or f"c{next(number)}.new.example"
        [(lives, goaway, found, how)] = h2.strike_all(inside, [(host, head(host.encode()), {})])
        self.assertEqual((lives, goaway, found.get(1)), (True, None, (200, b"ok\n", None, True)), how)


class Frames(Case):
    """Sections 3 to 7: (what, bytes behind the preface, what is expected). Expected: ("goaway", CODES), ("reset", CODE),
    ("closed",) for an end without more ado, or ("fine",) for a 200 on stream 1."""

    def table(self):
        """Bytes may be a function of the host."""
        def good(h):
            return head(h)
        openly = lambda h: head(h, end=False, method=b"POST")
        win = (1 << 31) - 1
        yield "3.4 no preface", (lambda h: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 4), ("closed",), {"preface": False, "streams": ()}
        yield "3.4 no SETTINGS behind the preface", (lambda h: h2.PREFACE + make_frame(PING, 0, 0, b"8 bytes!")), ("closed",), \
            {"preface": False, "streams": ()}
        yield "4.1 an unknown type is ignored", lambda h: make_frame(0x16, 0, 0, b"x" * 8) + make_frame(0x99, 255, 3, b"") + good(h), ("fine",)
        yield "4.1 unknown flags are ignored", lambda h: make_frame(PING, 0x16, 0, b"8 bytes!") + good(h), ("fine",)
        yield "4.1 the reserved bit is ignored", lambda h: make_frame(PING, 0, 1 << 31, b"8 bytes!") + good(h), ("fine",)
        yield "4.2 DATA over the size", lambda h: openly(h) + data(b"x" * 16385), ("goaway", FRAME_SIZE_ERROR)
        yield "4.2 HEADERS over the size", lambda h: make_frame(HEADERS, 5, 1, block(pseudo(h)) + literal(b"x", b"y" * 16384)), \
            ("goaway", FRAME_SIZE_ERROR)
        yield "4.2 SETTINGS over the size", lambda h: make_frame(SETTINGS, 0, 0, make_settings({99: 1}) * 2731), ("goaway", FRAME_SIZE_ERROR)
        yield "4.2 a frame of 16 MiB", lambda h: make_frame(0x99, 0, 0)[3:].rjust(9, b"\xff"), ("goaway", FRAME_SIZE_ERROR)
        yield "4.3 an invalid block", lambda h: make_frame(HEADERS, 5, 1, block(pseudo(h)) + b"\x00\x03x"), \
            ("goaway", COMPRESSION_ERROR)
        for name, between in (("PRIORITY", make_frame(PRIORITY, 0, 1, b"\0\0\0\0\x10")), ("PING", make_frame(PING, 0, 0, b"8 bytes!")),
                              ("DATA", data(b"x")), ("an unknown type", make_frame(0x99, 0, 1, b"x")),
                              ("HEADERS of another stream", make_frame(HEADERS, 5, 3, b"\x82")),
                              ("CONTINUATION of another stream", make_frame(CONTINUATION, 4, 3, b"\x82")),
                              ("HEADERS again", make_frame(HEADERS, 5, 1, b"\x82")), ("SETTINGS", make_frame(SETTINGS))):
            yield f"4.3, 5.5, 6.2 {name} within a block", lambda h, between=between: make_frame(HEADERS, 1, 1, block(pseudo(h))) + between, \
                ("goaway", PROTOCOL_ERROR)
        yield "5.1 idle: DATA", lambda h: data(b"x", True), ("goaway", PROTOCOL_ERROR)
        yield "5.1 idle: RST_STREAM", lambda h: make_frame(RST_STREAM, 0, 1, error(8)), ("goaway", PROTOCOL_ERROR)
        yield "5.1 idle: WINDOW_UPDATE", lambda h: make_frame(WINDOW_UPDATE, 0, 1, error(100)), ("goaway", PROTOCOL_ERROR)
        yield "5.1 idle: CONTINUATION", lambda h: make_frame(CONTINUATION, 4, 1, block(pseudo(h))), ("goaway", PROTOCOL_ERROR)
        yield "5.1 half-closed: DATA", lambda h: good(h) + data(b"x", True), ("goaway", STREAM_CLOSED)
        yield "5.1 half-closed: HEADERS", lambda h: good(h) + head(h), ("goaway", STREAM_CLOSED)
        yield "5.1 half-closed: CONTINUATION", lambda h: good(h) + make_frame(CONTINUATION, 4, 1, b"\x82"), ("goaway", PROTOCOL_ERROR)
        yield "5.1 half-closed: WINDOW_UPDATE, PRIORITY and RST_STREAM", \
            lambda h: good(h) + make_frame(WINDOW_UPDATE, 0, 1, error(1)) + make_frame(PRIORITY, 0, 1, b"\0\0\0\0\1"), ("fine",)
        yield "5.1 reset: HEADERS", lambda h: openly(h) + make_frame(RST_STREAM, 0, 1, error(8)) + head(h), ("ignored",), {"streams": ()}
        yield "5.1 reset: DATA", lambda h: openly(h) + make_frame(RST_STREAM, 0, 1, error(8)) + data(b"x") + head(h, stream=3), \
            ("fine", 3), {"streams": (3,)}
        yield "5.1 reset: CONTINUATION", lambda h: openly(h) + make_frame(RST_STREAM, 0, 1, error(8)) + make_frame(CONTINUATION, 4, 1, b"\x82"), \
            ("goaway", PROTOCOL_ERROR)
        yield "5.1.1 an even stream", lambda h: head(h, stream=2), ("goaway", PROTOCOL_ERROR)
        yield "5.1.1 a lower stream", lambda h: head(h, stream=5) + head(h, stream=3), ("fine", 5), {"streams": (5,)}
        yield "5.1.1 the last stream", lambda h: head(h, stream=win), ("fine", win), {"streams": (win,)}
        yield "5.3 a stream that depends on itself", lambda h: make_frame(HEADERS, 5 | HAS_PRIORITY, 1, b"\0\0\0\1\x10" + block(pseudo(h))), \
            ("either", PROTOCOL_ERROR)
        yield "6.1 DATA on stream 0", lambda h: make_frame(DATA, 0, 0, b"x"), ("goaway", PROTOCOL_ERROR)
        yield "6.1 DATA with too much padding", lambda h: openly(h) + make_frame(DATA, PADDED, 1, b"\x06hello"), ("goaway", PROTOCOL_ERROR)
        yield "6.1 DATA without its length of padding", lambda h: openly(h) + make_frame(DATA, PADDED, 1, b""), \
            ("goaway", FRAME_SIZE_ERROR, PROTOCOL_ERROR)
        yield "6.1 DATA of padding alone", lambda h: openly(h) + make_frame(DATA, PADDED | 1, 1, b"\x05" + bytes(5)), ("fine",)
        yield "6.2 HEADERS on stream 0", lambda h: make_frame(HEADERS, 5, 0, block(pseudo(h))), ("goaway", PROTOCOL_ERROR)
        yield "6.2 HEADERS with too much padding", lambda h: make_frame(HEADERS, 5 | PADDED, 1, b"\xff" + block(pseudo(h))), \
            ("goaway", PROTOCOL_ERROR)
        yield "6.2 HEADERS without room for a priority", lambda h: make_frame(HEADERS, 5 | HAS_PRIORITY, 1, b"\0\0"), \
            ("goaway", FRAME_SIZE_ERROR, PROTOCOL_ERROR)
        yield "6.2 padded HEADERS", lambda h: make_frame(HEADERS, 5 | PADDED, 1, b"\x04" + block(pseudo(h)) + bytes(4)), ("fine",)
        yield "6.3 PRIORITY on stream 0", lambda h: make_frame(PRIORITY, 0, 0, b"\0\0\0\0\x10") + good(h), ("fine",)
        yield "6.3 PRIORITY of 4 bytes", lambda h: openly(h) + make_frame(PRIORITY, 0, 1, b"\0\0\0\0"), ("either", FRAME_SIZE_ERROR)
        yield "6.4 RST_STREAM on stream 0", lambda h: make_frame(RST_STREAM, 0, 0, error(8)), ("goaway", PROTOCOL_ERROR)
        yield "6.4 RST_STREAM of 3 bytes", lambda h: openly(h) + make_frame(RST_STREAM, 0, 1, b"\0\0\0"), ("goaway", FRAME_SIZE_ERROR)
        yield "6.5 SETTINGS of a stream", lambda h: make_frame(SETTINGS, 0, 1, make_settings({4: 100})), ("goaway", PROTOCOL_ERROR)
        yield "6.5 SETTINGS of 3 bytes", lambda h: make_frame(SETTINGS, 0, 0, b"\0\3\0"), ("goaway", FRAME_SIZE_ERROR)
        yield "6.5 an ACK with more", lambda h: make_frame(SETTINGS, ACK, 0, make_settings({4: 100})), ("goaway", FRAME_SIZE_ERROR)
        yield "6.5 an ACK too many", lambda h: make_frame(SETTINGS, ACK) * 3 + good(h), ("either", PROTOCOL_ERROR)
        for key, value, code in ((2, 2, PROTOCOL_ERROR), (4, 1 << 31, FLOW_CONTROL_ERROR), (5, 16383, PROTOCOL_ERROR),
                                 (5, 1 << 24, PROTOCOL_ERROR), (8, 2, PROTOCOL_ERROR)):
            yield f"6.5.2 setting {key} is {value}", lambda h, s={key: value}: make_frame(SETTINGS, 0, 0, make_settings(s)), ("goaway", code)
        yield "6.5.2 an unknown setting", lambda h: make_frame(SETTINGS, 0, 0, make_settings({0xff: 1})) + good(h), ("fine",)
        yield "6.6 PUSH_PROMISE", lambda h: openly(h) + make_frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2" + block(pseudo(h))), ("goaway", PROTOCOL_ERROR)
        yield "6.7 PING of a stream", lambda h: make_frame(PING, 0, 1, b"8 bytes!"), ("goaway", PROTOCOL_ERROR)
        yield "6.7 PING of 6 bytes", lambda h: make_frame(PING, 0, 0, b"6 byte"), ("goaway", FRAME_SIZE_ERROR)
        yield "6.7 an ACK of no PING", lambda h: make_frame(PING, ACK, 0, b"8 bytes!") + good(h), ("fine",)
        yield "6.8 GOAWAY of a stream", lambda h: make_frame(GOAWAY, 0, 1, bytes(8)), ("goaway", PROTOCOL_ERROR)
        yield "6.8 GOAWAY of 7 bytes", lambda h: make_frame(GOAWAY, 0, 0, bytes(7)), ("goaway", FRAME_SIZE_ERROR)
        yield "6.8 GOAWAY lets streams end", lambda h: good(h) + make_frame(GOAWAY, 0, 0, bytes(8)), ("ended",)
        yield "6.9 WINDOW_UPDATE of 0", lambda h: make_frame(WINDOW_UPDATE, 0, 0, error(0)), ("goaway", PROTOCOL_ERROR)
        yield "6.9 WINDOW_UPDATE of 0 on a stream", lambda h: openly(h) + make_frame(WINDOW_UPDATE, 0, 1, error(0)), ("either", PROTOCOL_ERROR)
        yield "6.9 WINDOW_UPDATE of 3 bytes", lambda h: make_frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"), ("goaway", FRAME_SIZE_ERROR)
        yield "6.9.1 a window over 2^31-1", lambda h: make_frame(WINDOW_UPDATE, 0, 0, error(win)) * 2, ("goaway", FLOW_CONTROL_ERROR)
        yield "6.9.1 a stream's window over 2^31-1", lambda h: openly(h) + make_frame(WINDOW_UPDATE, 0, 1, error(win)) * 2, \
            ("either", FLOW_CONTROL_ERROR)
        yield "6.9.2 a setting that makes a window too wide", lambda h: openly(h) + make_frame(WINDOW_UPDATE, 0, 1, error(win - 65535)) \
            + make_frame(SETTINGS, 0, 0, make_settings({4: 65536 + 100})), ("either", FLOW_CONTROL_ERROR)
        yield "6.9.1 DATA over the window of the stream", lambda h: openly(h) + data(b"x" * 16384) * 40, ("either", FLOW_CONTROL_ERROR), \
            {"patience": 3}
        yield "6.10 CONTINUATIONs", lambda h: make_frame(HEADERS, 1, 1, block(pseudo(h))) + make_frame(CONTINUATION, 0, 1, literal(b"a", b"b")) \
            + make_frame(CONTINUATION, 4, 1, literal(b"c", b"d")), ("fine",)
        yield "6.10 CONTINUATION behind a whole block", lambda h: openly(h) + make_frame(CONTINUATION, 4, 1, literal(b"a", b"b")), \
            ("goaway", PROTOCOL_ERROR)
        yield "6.10 CONTINUATION on stream 0", lambda h: make_frame(HEADERS, 1, 1, block(pseudo(h))) + make_frame(CONTINUATION, 4, 0, b"\x82"), \
            ("goaway", PROTOCOL_ERROR)
        yield "6.10 CONTINUATION behind DATA", lambda h: openly(h) + data(b"x") + make_frame(CONTINUATION, 4, 1, b"\x82"), \
            ("goaway", PROTOCOL_ERROR)
        yield "7 an unknown error code", lambda h: openly(h) + make_frame(RST_STREAM, 0, 1, error(255)) + head(h, stream=3), ("fine", 3), \
            {"streams": (3,)}
        yield "7541 2.3.3 index 0", lambda h: make_frame(HEADERS, 5, 1, b"\x80"), ("goaway", COMPRESSION_ERROR)
        yield "7541 2.3.3 an index out of the tables", lambda h: make_frame(HEADERS, 5, 1, b"\xff\x00"), ("goaway", COMPRESSION_ERROR)
        yield "7541 4.2 a size update at the end", lambda h: make_frame(HEADERS, 5, 1, block(pseudo(h)) + b"\x20"), ("goaway", COMPRESSION_ERROR)
        yield "7541 6.3 a size over the setting", lambda h: make_frame(HEADERS, 5, 1, b"\x3f\xe2\x1f" + block(pseudo(h))), \
            ("goaway", COMPRESSION_ERROR)
        yield "7541 5.1 an integer without end", lambda h: make_frame(HEADERS, 5, 1, b"\xff" + b"\xff" * 20), ("goaway", COMPRESSION_ERROR)
        yield "7541 5.2 a string longer than the block", lambda h: make_frame(HEADERS, 5, 1, b"\x00\x7f\xff\x10abc"), ("goaway", COMPRESSION_ERROR)
        for name, value in (("padding over 7 bits", b"\x84\x49\x50\x9f\xff"), ("padding of zeros", b"\x83\x49\x50\x90"),
                            ("EOS", b"\x87\x49\x50\x9f\xff\xff\xff\xfc")):
            yield f"7541 5.2 Huffman, {name}", lambda h, v=value: make_frame(HEADERS, 5, 1, block(pseudo(h)) + b"\x00\x85\xf2\xb2\x4a\x84\xff" + v), \
                ("goaway", COMPRESSION_ERROR)

    def test_the_table_of_frames(self):
        rows, cases = list(self.table()), []
        for what, make, expected, *options in rows:
            host = f"c{next(number)}.new.example"
            cases.append((host, make(host.encode()), options[0] if options else {}))
        for (what, _, expected, *_), (host, _, _), (lives, goaway, found, how) in zip(rows, cases, h2.strike_all(inside, cases)):
            with self.subTest(what):
                about = f"lives {lives}, GOAWAY {goaway}, {found}, {how}"
                if expected[0] == "goaway":
                    self.assertEqual(lives, False, about)
                    self.assertIn(goaway, expected[1:], about)
                    self.assertEqual(how, "close_notify", about)
                elif expected[0] == "either":  # the standards differ, or leave the choice
                    resets = {r for _, _, r, _ in found.values()}
                    self.assertTrue(goaway == expected[1] or expected[1] in resets or (lives is True and found[1][0] == 200), about)
                elif expected[0] == "closed":
                    self.assertEqual(lives, False, about)
                elif expected[0] == "ignored":
                    self.assertEqual((lives, goaway, [f for f in found.values() if f[0]]), (True, None, []), about)
                elif expected[0] == "ended":
                    self.assertEqual(found[1], (200, b"ok\n", None, True), about)
                else:
                    self.assertEqual((lives, goaway), (True, None), about)
                    self.assertEqual(found[(*expected, 1)[1]], (200, b"ok\n", None, True), about)
                self.assertLessEqual(len(new.requests_of(host)), 1 if "reset" not in what and "error code" not in what else 2, about)
                if expected[0] in ("goaway", "closed"):
                    record = settle(box, kind="tls", host=host, verdict="deny")
                    self.assertTrue(record and "HTTP/2" in record[-1]["reason"], box.records(host=host))
        self.assertServes()


class Fields(Case):
    """Section 8: tables of request heads, towards an origin of HTTP/2 and of HTTP/1.1 alike."""

    def check(self, rows):
        """ROWS: (what, fields of the host, body or None, expected): a status, with nothing at the origin; or (fields behind the
        pseudo-fields in HTTP/2, lines behind Host in HTTP/1.1, body)."""
        cases, about = [], []
        for what, fields, body, expected in rows:
            for origin in ("new", "old"):
                host = f"c{next(number)}.{origin}.example"
                payload = make_frame(HEADERS, END_HEADERS | (END_STREAM if body is None else 0), 1, block(fields(host.encode())))
                if body is not None:
                    payload += body if isinstance(body, bytes) and body[:3] == b"\0\0\0" else data(body, True)
                cases.append((host, payload, {}))
                about.append((what, origin, host, expected))
        for (what, origin, host, expected), result in zip(about, h2.strike_all(inside, cases)):
            with self.subTest(what, origin=origin):
                self.judge(origin, host, expected, result)

    def judge(self, origin, host, expected, result):
        lives, goaway, found, how = result
        seen = new.requests_of(host) if origin == "new" else old.raw_of(host)
        about = f"lives {lives}, GOAWAY {goaway}, {found}, {how}; at the origin: {seen!r}"
        self.assertEqual((lives, goaway), (True, None), about)
        if isinstance(expected, int):
            self.assertEqual(found[1][0], expected, about)
            self.assertEqual(seen, [] if origin == "new" else b"", about)
            return
        self.assertEqual(found[1], (200, b"ok\n", None, True), about)
        method, path, fields, lines, body = expected
        if origin == "new":
            self.assertEqual(seen, [([(b":method", method), (b":scheme", b"https"), (b":authority", host.encode()), (b":path", path), *fields],
                                     body, None, "end")], about)
        else:
            self.assertEqual(seen, method + b" " + path + b" HTTP/1.1\r\nHost: " + host.encode() + b"\r\n" + lines, about)

    def test_P10_pseudo_fields_are_whole_single_and_in_front(self):
        def without(name):
            return lambda h: [f for f in pseudo(h) if f[0] != name]
        rows = [(f"no {name}", without(name), None, 400) for name in (b":method", b":scheme", b":path", b":authority")]
        rows += [(f"{name} twice", lambda h, n=name: pseudo(h) + [f for f in pseudo(h) if f[0] == n], None, 400)
                 for name in (b":method", b":scheme", b":path", b":authority")]
        rows += [(f"a second {name}", lambda h, n=name, v=value: pseudo(h) + [(n, v)], None, 400)
                 for name, value in ((b":path", b"/denied/x"), (b":authority", b"evil.example"), (b":method", b"DELETE"))]
        rows += [(f"{name} is {value}", lambda h, n=name, v=value: [f if f[0] != n else (n, v) for f in pseudo(h)], None, 400)
                 for name, value in (
                     (b":method", b""), (b":method", b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\nGET"), (b":method", b"GET "), (b":method", b"G\0T"),
                     (b":method", b"G:T"), (b":scheme", b""), (b":scheme", b"http"), (b":scheme", b"ftp"), (b":scheme", b"https\r\nx: y"),
                     (b":scheme", b"https "), (b":authority", b""), (b":authority", b"x y"), (b":authority", b"user@c.new.example"),
                     (b":authority", b"c.new.example\r\nX: y"), (b":authority", b"c.new.example\0"), (b":authority", b"c.new.example/x"),
                     (b":authority", b"c.new.example:99999"), (b":authority", b"c.new.example:"), (b":authority", b"c.new.example:443:443"),
                     (b":authority", b"c.new.example:+443"), (b":authority", b" c.new.example"),
                     (b":path", b""), (b":path", b"ok"), (b":path", b"/ok HTTP/1.1\r\nX: y"), (b":path", b"/ok x"), (b":path", b"/ok\r\n"),
                     (b":path", b"/ok\0"), (b":path", b"/ok\x7f"), (b":path", b"/\xc3\xb6k"), (b":path", b"/ok#x"), (b":path", b"/ok\tx"),
                     (b":path", b"https://c.new.example/ok"), (b":path", b"?x"), (b":path", b"/%00"),
                     (b":path", b"/%zz"))]
        rows += [("behind a field", lambda h: pseudo(h)[:3] + [(b"x", b"y"), (b":path", b"/ok")], None, 400),
                 ("of a response", lambda h: pseudo(h) + [(b":status", b"200")], None, 400),
                 ("unknown", lambda h: pseudo(h) + [(b":x", b"y")], None, 400),
                 ("unknown and empty", lambda h: pseudo(h) + [(b":", b"")], None, 400),
                 ("of upper case", lambda h: pseudo(h)[:3] + [(b":Path", b"/ok")], None, 400),
                 ("*", lambda h: pseudo(h, method=b"OPTIONS", path=b"*"), None, 403),
                 ("CONNECT", lambda h: [(b":method", b"CONNECT"), (b":authority", h)], None, 400),
                 ("CONNECT with all", lambda h: pseudo(h, method=b"CONNECT"), None, 405),
                 (":protocol without CONNECT", lambda h: pseudo(h) + [(b":protocol", b"websocket")], None, 400),
                 ("an unknown :protocol", lambda h: pseudo(h, method=b"CONNECT") + [(b":protocol", b"connect-udp")], None, 501),
                 ("h2c as :protocol", lambda h: pseudo(h, method=b"CONNECT") + [(b":protocol", b"h2c")], None, 501)]
        self.check(rows)
        self.assertServes()

    def test_P10_P19_fields_are_lower_case_tokens_with_clean_values(self):
        bad_names = [b"X", b"x y", b"x:y", b"x\r\ny", b"x\ny", b"x\0", b" x", b"x ", b"x\t", b"", b"x\x80", b"x(", b"x\"", b"x/y", b"x\x7f",
                     b"transfer-encoding: chunked\r\nx", b"Transfer-Encoding", b"Content-Length", b"HOST", b"host: evil.example\r\nx"]
        bad_values = [b"a\r\nx: y", b"a\nx: y", b"a\rb", b"a\0b", b" a", b"a ", b"\ta", b"a\t", b"a\x01b", b"a\x7fb", b"\r\n\r\nGET /smuggled HTTP/1.1",
                      b"a\x0bb", b"\n", b"\0"]
        rows = [(f"name {n!r}", lambda h, n=n: pseudo(h) + [(n, b"v")], None, 400) for n in bad_names]
        rows += [(f"value {v!r}", lambda h, v=v: pseudo(h) + [(b"x-y", v)], None, 400) for v in bad_values]
        rows += [(f"{n!r}: {v!r}", lambda h, n=n, v=v: pseudo(h) + [(n, v)], None, 400) for n, v in (
            (b"connection", b"close"), (b"connection", b"x-y"), (b"keep-alive", b"timeout=5"), (b"proxy-connection", b"keep-alive"),
            (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"identity"), (b"transfer-encoding", b""), (b"upgrade", b"h2c"),
            (b"upgrade", b"websocket"), (b"http2-settings", b"AAMAAABkAAQAAP__"), (b"te", b"gzip"), (b"te", b"trailers, chunked"),
            (b"te", b"chunked"), (b"host", b"evil.example"), (b"host", b"c.new.example:444"), (b"host", b""))]

        rows += [("expect", lambda h: pseudo(h) + [(b"expect", b"200-ok")], None, 417),
                 ("two authorizations", lambda h: pseudo(h) + [(b"authorization", b"a"), (b"authorization", b"b")], None, 400),
                 ("two hosts", lambda h: pseudo(h) + [(b"host", h), (b"host", h)], None, 400)]
        ok = (b"GET", b"/ok")
        rows += [("host as well", lambda h: pseudo(h) + [(b"host", h)], None, (*ok, [], b"\r\n", b"")),
                 ("host alone", lambda h: [f for f in pseudo(h) if f[0] != b":authority"] + [(b"host", h)], None, (*ok, [], b"\r\n", b"")),
                 ("te", lambda h: pseudo(h) + [(b"te", b"trailers")], None, (*ok, [(b"te", b"trailers")], b"TE: trailers\r\nConnection: TE\r\n\r\n", b"")),
                 ("bytes over 127", lambda h: pseudo(h) + [(b"x", b"\xc3\xb6\xff")], None, (*ok, [(b"x", b"\xc3\xb6\xff")], b"x: \xc3\xb6\xff\r\n\r\n", b"")),
                 ("an empty value", lambda h: pseudo(h) + [(b"x", b"")], None, (*ok, [(b"x", b"")], b"x: \r\n\r\n", b"")),
                 ("a colon in a value", lambda h: pseudo(h) + [(b"x", b"a: b")], None, (*ok, [(b"x", b"a: b")], b"x: a: b\r\n\r\n", b"")),
                 ("an override", lambda h: pseudo(h) + [(b"x-http-method-override", b"DELETE")], None, (*ok, [], b"\r\n", b"")),
                 ("cookies", lambda h: pseudo(h) + [(b"cookie", b"a=b"), (b"cookie", b"c=d")], None,
                  (*ok, [(b"cookie", b"a=b; c=d")], b"cookie: a=b; c=d\r\n\r\n", b"")),
                 ("proxy-authorization", lambda h: pseudo(h) + [(b"proxy-authorization", b"Basic x")], None, (*ok, [], b"\r\n", b"")),
                 ("dot segments", lambda h: pseudo(h, path=b"/a/../b/./%63?x=../y"), None, (b"GET", b"/b/c?x=../y", [], b"\r\n", b""))]
        self.check(rows)
        self.assertServes()

    def test_P1_P10_a_body_is_as_long_as_it_says(self):
        def post(*fields):
            return lambda h: pseudo(h, method=b"POST") + list(fields)
        def length(value):
            return post((b"content-length", value))
        bad = [b"", b"+5", b"-5", b"0x5", b"5 5", b"5,5", b"5, 5", b"five", b"9223372036854775808", b"99999999999999999999", b"5.0", b"5_"]
        rows = [(f"content-length {v!r}", length(v), b"hello", 400) for v in bad]
        rows += [("two lengths", post((b"content-length", b"5"), (b"content-length", b"5")), b"hello", 400),
                 ("two lengths that differ", post((b"content-length", b"5"), (b"content-length", b"6")), b"hello", 400),
                 ("a length without a body", length(b"5"), None, 400)]
        # The body decides, and the length is written anew.
        rows += [("a length with zeros", length(b"005"), b"hello",
                  (b"POST", b"/ok", [(b"content-length", b"5")], b"Content-Length: 5\r\n\r\nhello", b"hello")),
                 ("no length", post(), b"hello", (b"POST", b"/ok", [], b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello")),
                 ("no body", post(), None, (b"POST", b"/ok", [], b"\r\n", b"")),
                 ("a length of nothing", length(b"0"), None, (b"POST", b"/ok", [(b"content-length", b"0")], b"Content-Length: 0\r\n\r\n", b""))]
        self.check(rows)
        # What is there already when the fault shows may have passed, but never whole.
        for origin in ("new", "old"):
            for what, value, frames in (("shorter", b"6", data(b"hello", True)), ("longer", b"4", data(b"hello", True)),
                                        ("longer, in two", b"5", data(b"hello") + data(b"GET /smuggled HTTP/1.1\r\n\r\n", True)),
                                        ("trailers too early", b"6", data(b"hello") + make_frame(HEADERS, 5, 1, literal(b"x-t", b"1")))):
                with self.subTest(what, origin=origin):
                    host = f"c{next(number)}.{origin}.example"
                    payload = head(host.encode(), [(b"content-length", value)], end=False, method=b"POST") + frames
                    [(lives, goaway, found, how)] = h2.strike_all(inside, [(host, payload, {})])
                    about = f"lives {lives}, GOAWAY {goaway}, {found}, {how}"
                    self.assertEqual((lives, goaway, found[1][0]), (True, None, 400), about)
                    if origin == "new":
                        self.assertNotIn("end", [r[3] for r in new.requests_of(host)])
                    else:
                        self.assertNotIn(b"smuggled", old.raw_of(host))
                        self.assertLess(len(old.raw_of(host).partition(b"\r\n\r\n")[2]), int(value) or 1)

    def test_P4_P10_trailers_may_not_frame_route_or_authenticate(self):
        def trailers(*fields):
            return lambda h: (head(h, end=False, method=b"POST") + data(b"hello") + make_frame(HEADERS, 5, 1, block(fields)))
        bad = [(b":path", b"/x"), (b":status", b"200"), (b"content-length", b"5"), (b"transfer-encoding", b"chunked"), (b"host", b"x"),
               (b"authorization", b"x"), (b"cookie", b"a=b"), (b"te", b"trailers"), (b"X", b"y"), (b"x y", b"z"), (b"x", b"a\r\nb"), (b"x", b"\0"),
               (b"connection", b"close"), (b"trailer", b"x"), (b"expect", b"100-continue"), (b"content-encoding", b"gzip")]
        cases = []
        for field in bad:
            for origin in ("new", "old"):
                host = f"c{next(number)}.{origin}.example"
                cases.append((host, trailers(field)(host.encode()), {}, field))
        host = f"c{next(number)}.old.example"
        cases.append((host, head(host.encode(), end=False, method=b"POST") + data(b"hello") + make_frame(HEADERS, 4, 1, literal(b"x", b"y"))
                      + data(b"more", True), {}, "a head in the middle of the body"))
        for (host, _, _, what), (lives, goaway, found, how) in zip(cases, h2.strike_all(inside, [c[:3] for c in cases])):
            with self.subTest(what, host=host):
                self.assertEqual((lives, goaway, found[1][0]), (True, None, 400), (found, how))
                self.assertNotIn("end", [r[3] for r in new.requests_of(host)])
                self.assertFalse(old.raw_of(host).endswith(b"0\r\n\r\n"), old.raw_of(host))

    def test_T3_an_authority_that_differs_is_a_421_whatever_it_is(self):
        names = [b"evil.example", b"c1.new.example.evil.example", b"127.0.0.1", b"[::1]", b"c0.old.example", b"xn--nxasmq6b.example"]
        self.check([(n.decode(), lambda h, n=n: pseudo(n), None, 421) for n in names])


class FromHttp1(Case):
    """Requests of HTTP/1.1, as an origin of HTTP/2 gets them; responses of HTTP/1.1, as a client of HTTP/2 does."""

    def test_requests_are_written_anew(self):
        rows = [
            ("names", b"GET /ok HTTP/1.1\r\nHost: HOST\r\nX-Mixed: A b\r\naccept:\t*/* \r\n\r\n", (b"GET", [(b"x-mixed", b"A b"), (b"accept", b"*/*")], b"")),
            ("fields of one hop", b"GET /ok HTTP/1.1\r\nHost: HOST\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
             b"Proxy-Connection: x\r\nProxy-Authorization: x\r\nTE: gzip\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n", (b"GET", [], b"")),
            ("trailers are taken", b"GET /ok HTTP/1.1\r\nHost: HOST\r\nTE: trailers\r\nConnection: TE\r\n\r\n", (b"GET", [(b"te", b"trailers")], b"")),
            ("a length", b"POST /ok HTTP/1.1\r\nHost: HOST\r\nContent-Length: 005\r\n\r\nhello", (b"POST", [(b"content-length", b"5")], b"hello")),
            ("no length", b"POST /ok HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n", (b"POST", [(b"content-length", b"0")], b"")),
            ("chunks", b"POST /ok HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n", (b"POST", [], b"hello")),
            ("chunks that look like a request", b"POST /ok HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n"
             b"1e\r\nGET /smuggled HTTP/1.1\r\nA: b\r\n\r\n0\r\n\r\n", (b"POST", [], b"GET /smuggled HTTP/1.1\r\nA: b\r\n")),
            ("absolute form", b"GET https://HOST/ok HTTP/1.1\r\nHost: HOST\r\n\r\n", (b"GET", [], b"")),
            ("two cookies", b"GET /ok HTTP/1.1\r\nHost: HOST\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n", (b"GET", [(b"cookie", b"a=b"), (b"cookie", b"c=d")], b"")),
            ("pseudo-fields", b"GET /ok HTTP/1.1\r\nHost: HOST\r\n:path: /smuggled\r\n\r\n", None),
            ("a length and chunks", b"POST /ok HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", None),
            ("LF in a value", b"GET /ok HTTP/1.1\r\nHost: HOST\r\nX: a\nY: b\r\n\r\n", None),
            ("NUL in a value", b"GET /ok HTTP/1.1\r\nHost: HOST\r\nX: a\0b\r\n\r\n", None)]
        for what, request, expected in rows:
            with self.subTest(what):
                host = f"c{next(number)}.new.example"
                client = inside.connect(host, alpn=["http/1.1"])
                client.send(request.replace(b"HOST", host.encode()))
                status, _, body, _, _ = client.response()
                client.reset()
                seen = new.requests_of(host)
                if expected is None:
                    self.assertEqual((status, seen), (400, []))
                    continue
                method, fields, body = expected
                self.assertEqual(status, 200)
                self.assertEqual(seen, [([(b":method", method), (b":scheme", b"https"), (b":authority", host.encode()), (b":path", b"/ok"), *fields],
                                         body, None, "end")])

    def test_responses_are_written_anew(self):
        ok = b"HTTP/1.1 200 OK\r\n"
        rows = [
            ("fields", ok + b"Content-Length: 003\r\nX-Mixed: A b\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
             b"Keep-Alive: 5\r\n\r\nok\n", [(b"content-length", b"3"), (b"x-mixed", b"A b"), (b"set-cookie", b"a=b"), (b"set-cookie", b"c=d")], b"ok\n"),
            ("chunks and trailers", ok + b"Transfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\nX-Sum: 3\r\n\r\n", [], b"ok\n"),
            ("an empty body", ok + b"Content-Length: 0\r\n\r\n", [(b"content-length", b"0")], b""),
            ("a body that looks like a response", ok + b"Content-Length: 38\r\n\r\n" + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
             [(b"content-length", b"38")], b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            ("host", ok + b"Content-Length: 3\r\nHost: x\r\nProxy-Authenticate: x\r\n\r\nok\n", None, None),
            ("a pseudo-field", ok + b"Content-Length: 3\r\n:status: 204\r\n\r\nok\n", None, None),
            ("two lengths", ok + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nok\n", None, None)]
        answers = {}
        def speak(connection):
            connection.name = connection.stream.asked
            if connection.read_head():
                connection.sendall(answers[connection.name])
                connection.recv()
        names = [f"r{i}.old.example" for i in range(len(rows))]
        other = H2Witness(world, "*.old.example", hosts=names, speaks_h1=True)
        other._speak = speak
        other.script = speak
        for name, (what, raw, fields, body) in zip(names, rows):
            with self.subTest(what):
                answers[name] = raw
                peer = h2.open_inside(inside, name)
                stream = peer.request("GET", "/", name)
                head, got, trailers, end = peer.await_end(stream)
                if fields is None:
                    self.assertTrue(head.get(":status") == "502" or what == "host", (head, got, end))
                    self.assertNotIn("host", head)
                else:
                    self.assertEqual([(n, v) for _, n, v in peer.fields(stream)], [(b":status", b"200"), *fields])
                    self.assertEqual((got, trailers, end), (body, {"x-sum": "3"} if "trailers" in what else None, "end"))
                peer.close()
        other.close()


class Floods(Case):
    """What a client may do that costs us and not it."""

    def flood(self, payload, streams=(), host=None, rounds=1, patience=20):
        host = host or f"c{next(number)}.new.example"
        make = payload if callable(payload) else lambda h: payload
        [result] = h2.strike_all(inside, [(host, make(host.encode()) * rounds, {"streams": streams, "patience": patience})])
        return host, *result

    def assertCalmed(self, payload, rounds, codes=(ENHANCE_YOUR_CALM,), **options):
        host, lives, goaway, found, how = self.flood(payload, rounds=rounds, **options)
        about = f"lives {lives}, GOAWAY {goaway}, {list(found.items())[:5]}, {how}"
        self.assertEqual(lives, False, about)
        if goaway is not None:
            self.assertIn(goaway, codes, about)
        record = settle(box, kind="tls", host=host, verdict="deny")
        self.assertTrue(record and "HTTP/2" in record[-1]["reason"], box.records(host=host))
        self.assertServes()

    def test_frames_that_ask_for_nothing_end_the_connection(self):
        for what, frame in (
                ("CVE-2019-9512 PING", make_frame(PING, 0, 0, b"8 bytes!")),
                ("CVE-2019-9515 SETTINGS", make_frame(SETTINGS)),
                ("SETTINGS with values", make_frame(SETTINGS, 0, 0, make_settings({4: 1000, 5: 20000}))),
                ("CVE-2019-9513 PRIORITY", make_frame(PRIORITY, 0, 1, b"\0\0\0\0\x10")),
                ("WINDOW_UPDATE", make_frame(WINDOW_UPDATE, 0, 0, error(1))),
                ("PING ACKs of nothing", make_frame(PING, ACK, 0, b"8 bytes!"))):
            with self.subTest(what):
                self.assertCalmed(frame, 6000, (ENHANCE_YOUR_CALM, PROTOCOL_ERROR))
        with self.subTest("HEADERS of streams that are gone"):
            self.assertCalmed(lambda h: head(h, stream=5) + head(h, stream=3) * 6000, 1)

    def test_CVE_2019_9518_empty_frames_end_the_connection(self):
        for name, frame in (("DATA", data()), ("padded DATA", make_frame(DATA, PADDED, 1, b"\x0a" + bytes(10)))):
            with self.subTest(name):
                self.assertCalmed(lambda h, f=frame: head(h, end=False, method=b"POST") + f * 6000, 1)
        with self.subTest("CONTINUATION"):
            self.assertCalmed(lambda h: make_frame(HEADERS, 1, 1, block(pseudo(h))) + make_frame(CONTINUATION, 0, 1, b"") * 6000, 1,
                              (ENHANCE_YOUR_CALM, PROTOCOL_ERROR, h2.INTERNAL_ERROR))

    def test_CVE_2023_44487_rapid_reset_ends_the_connection(self):
        before = len(new.requests)
        def rapid(h):
            return b"".join(head(h, stream=n) + make_frame(RST_STREAM, 0, n, error(CANCEL)) for n in range(1, 12000, 2))
        self.assertCalmed(rapid, 1)
        # With all that was judged until then.
        self.assertLess(len(new.requests) - before, 3000)

    def test_resets_that_we_are_made_to_send_end_the_connection(self):
        """What is malformed must be answered, and costs."""
        def wrong(h):
            return b"".join(head(h, [(b"X", b"y")], stream=n) for n in range(1, 8000, 2))
        host, lives, goaway, found, how = self.flood(wrong, streams=(7999,))
        # Answered one by one, or ended: never more open than a hundred.
        self.assertTrue(lives is False or lives is True, (lives, goaway, how))
        def window_zero(h):
            return b"".join(head(h, stream=n, end=False, method=b"POST") + make_frame(WINDOW_UPDATE, 0, n, error(0)) for n in range(1, 8000, 2))
        self.assertCalmed(window_zero, 1, (ENHANCE_YOUR_CALM, PROTOCOL_ERROR))

    def test_CVE_2024_27316_a_head_without_end_ends_the_connection(self):
        for size in (1, 100, 16000):
            with self.subTest(size):
                self.assertCalmed(lambda h: make_frame(HEADERS, 1, 1, block(pseudo(h)))
                                  + make_frame(CONTINUATION, 0, 1, literal(b"x-y", b"z" * size)) * (500 if size > 1000 else 3000), 1,
                                  (ENHANCE_YOUR_CALM, PROTOCOL_ERROR, h2.INTERNAL_ERROR))

    def test_an_HPACK_bomb_is_refused(self):
        big = literal(b"x-bomb", b"y" * 4000, form=0x40)
        host, lives, goaway, found, how = self.flood(lambda h: make_frame(HEADERS, 5, 1, block(pseudo(h)) + big + b"\xbe" * 12000), (1,))
        self.assertTrue(found.get(1, (431,))[0] == 431 or goaway is not None, (lives, goaway, found, how))
        self.assertEqual(new.requests_of(host), [])
        # Small heads that refer to it again and again.
        before = processes.status(worker, "RssAnon")
        def many(h):
            return make_frame(HEADERS, 5, 1, block(pseudo(h)) + big) + b"".join(
                make_frame(HEADERS, 5, n, b"\xbe" * 1000 + block(pseudo(h))) for n in range(3, 400, 2))
        host, lives, goaway, found, how = self.flood(many, (1,))
        self.assertLess(processes.status(worker, "RssAnon") - before, (512 if SANITIZED else 32) << 10)
        self.assertServes()

    def test_a_table_of_our_own_is_not_made_large(self):
        """SETTINGS_HEADER_TABLE_SIZE of 4 GiB (what we keep for compressing is ours to bound)."""
        host = f"c{next(number)}.new.example"
        before = processes.status(worker, "RssAnon")
        peer = h2.open_inside(inside, host, {h2.HEADER_TABLE_SIZE: (1 << 32) - 1})
        for i in range(20):
            peer.get("GET", f"/ok{i}", host, [(f"x-{i}", "y" * 10000)])
        peer.close()
        self.assertLess(processes.status(worker, "RssAnon") - before, (256 if SANITIZED else 16) << 10)

    def test_more_streams_than_a_hundred_are_refused_one_by_one(self):
        host = f"c{next(number)}.new.example".encode()
        payload = b"".join(head(host, stream=n, end=False, method=b"POST") for n in range(1, 241, 2))
        [(lives, goaway, found, how)] = h2.strike_all(inside, [(host.decode(), payload, {"streams": (239,)})])
        self.assertEqual((lives, goaway), (True, None))
        self.assertEqual([n for n, s in found.items() if s[2] == REFUSED_STREAM], list(range(201, 241, 2)))
        self.assertServes()

    def test_a_client_that_reads_nothing_is_not_read_from_for_ever(self):
        """What must be answered piles up with a client that does not read: then it is not read from either."""
        for what, frames in (
                ("streams that are refused", lambda h: b"".join(head(h, stream=n, end=False, method=b"POST") for n in range(1, 400001, 2))),
                ("denied requests", lambda h: b"".join(head(h, stream=n, path=b"/denied/x") for n in range(1, 200001, 2)))):
            with self.subTest(what):
                host = f"c{next(number)}.new.example"
                before = processes.status(worker, "RssAnon")
                client = inside.connect(host, alpn=["h2"])
                sent = inside.run(h2.inside_source() + """
client = clients[number]
client.socket.settimeout(3)
payload, sent = frames, 0
client.send(PREFACE + make_frame(SETTINGS))
try:
    while sent < len(payload):
        client.send(payload[sent:sent + 16384])
        sent += 16384
except OSError:
    pass
result = sent
""", number=client.number, frames=frames(host.encode()))
                grown = processes.status(worker, "RssAnon") - before
                client.reset()
                self.assertLess(grown, (256 if SANITIZED else 16) << 10,
                                f"{sent} bytes were taken; of all memory {processes.status(worker, 'VmRSS')} KiB")
                self.assertServes()


class SlowReads(Case):

    def test_clients_that_open_no_window_hold_no_one_else_up(self):
        """CVE-2019-9511, CVE-2019-9517: a hundred responses for which there is no room, and another client."""
        host = f"c{next(number)}.new.example"
        peer = h2.open_inside(inside, host, {h2.INITIAL_WINDOW_SIZE: 0})
        streams = [peer.request("GET", "/ok", host) for _ in range(100)]
        for stream in streams[:3]:
            self.assertEqual(peer.await_head(stream)[":status"], "200")
        self.assertServes(host)
        for stream in streams:
            peer.update(stream, 10)
        for stream in streams:
            self.assertEqual(peer.await_end(stream)[1], b"ok\n")
        peer.close()

    def test_P9_prior_knowledge_without_TLS_is_refused(self):
        client = inside.connect("c1.new.example", tls=False)
        client.send(h2.PREFACE + make_frame(SETTINGS))
        answer, _ = client.to_end()
        self.assertNotIn(b"HTTP/1.1 200", answer)
        self.assertFalse(answer.startswith(b"\0\0"), answer)


class Bodies(Case):
    """P13, P14, S8: what must be looked into is, however the frames cut it."""

    @classmethod
    def setUpClass(cls):
        cls.host = "bound.new.example"
        world.name(cls.host, new.address)
        cls.box = Sandbox(world, f"""
secrets:
  KEY: {{from: env, misuse: strict, use: [{{at: "https://{cls.host}/**", slot: header Authorization}}]}}
rules:
  - allow: "https://*.new.example/**"
""")
        cls.inside = Puppet(cls.box, env={"KEY": "sk-proj-0123456789abcdefghijklmnop"})
        cls.token = cls.inside.run("result = os.environ['KEY']").encode()

    @classmethod
    def tearDownClass(cls):
        cls.inside.close()

    def strike(self, frames):
        mark = len(new.requests)
        [(lives, goaway, found, how)] = h2.strike_all(self.inside, [(self.host, frames, {})])
        self.assertEqual((lives, goaway), (True, None), how)
        return found[1][0], [r for r in new.requests_of(self.host)][-(len(new.requests) - mark):] if len(new.requests) > mark else []

    def test_a_placeholder_cut_by_frames_is_found(self):
        body = b"a body with " + self.token + b" in it"
        cuts = [[1] * len(body), [3] * len(body), [14, len(body)], [12, len(self.token), 99], [0, 13, 0, 9, 0, 99]]
        cuts += [[12 + i, len(body)] for i in range(1, len(self.token), 5)]
        for cut in cuts:
            for fields in ((), ((b"content-length", str(len(body)).encode()),)):
                with self.subTest(cut=cut[:5], fields=fields):
                    frames, at = head(self.host.encode(), fields, end=False, method=b"POST"), 0
                    for size in cut:
                        piece = body[at:at + size]
                        frames += data(piece) if piece or not size else b""
                        at += len(piece)
                    status, seen = self.strike(frames + data(b"", True))
                    self.assertEqual(status, 403)
                    for _, got, _, end in seen:
                        self.assertNotEqual(end, "end")
                        self.assertNotIn(self.token, got)

    def test_P14_a_compressed_body_is_looked_into_or_refused(self):
        for coding, body in ((b"gzip", gzip.compress(b"a body with " + self.token + b" in it")), (b"gzip", b"\x1f\x8b"), (b"x", b"x")):
            with self.subTest(coding=coding, body=body):
                frames = head(self.host.encode(), [(b"content-encoding", coding)], end=False, method=b"POST") + data(body, True)
                status, seen = self.strike(frames)
                self.assertIn(status, (400, 403, 415))
                for _, got, _, end in seen:
                    self.assertNotEqual(end, "end")
                    self.assertNotIn(self.token, got)

    def test_a_placeholder_in_a_trailer_or_in_a_pseudo_field_is_refused(self):
        frames = head(self.host.encode(), end=False, method=b"POST") + data(b"x") + make_frame(HEADERS, 5, 1, literal(b"x-t", self.token))
        status, seen = self.strike(frames)
        self.assertEqual((status, [r for r in seen if r[3] == "end"]), (403, []))
        self.assertEqual(self.strike(head(self.host.encode(), path=b"/ok?" + self.token)), (403, []))
        self.assertEqual(self.strike(head(self.host.encode(), path=b"/" + self.token)), (403, []))
        self.assertEqual(self.strike(head(self.host.encode(), [(b"cookie", b"a=" + self.token[:9]), (b"cookie", b"b=" + self.token)])), (403, []))


class ZSlow(Case):

    def test_C14_slow_heads_and_silence_are_ended(self):
        """All wait at the same time: half a head (30 seconds, seen within 10 more), nothing at all, half a head beside an open stream;
        a stream that is only slow is not among them."""
        self.assertServes()
        hosts = [f"c{next(number)}.new.example" for _ in range(4)]
        half = lambda h: make_frame(HEADERS, 1, 1, block(pseudo(h.encode())))
        openly = lambda h, n: head(h.encode(), end=False, method=b"POST", stream=n)
        starts = [half(hosts[0]), b"", openly(hosts[2], 1) + make_frame(HEADERS, 1, 3, block(pseudo(hosts[2].encode()))), openly(hosts[3], 1)]
        clients = [inside.connect(host, alpn=["h2"]) for host in hosts]
        for client, start in zip(clients, starts):
            client.send(h2.PREFACE + make_frame(SETTINGS) + start)
        ended = inside.run("""
def wait(client):
    client.socket.settimeout(60)
    return client.to_end()[1]
with ThreadPoolExecutor(4) as pool:
    result = list(pool.map(wait, [clients[n] for n in numbers[:3]]))
""", numbers=[c.number for c in clients])
        self.assertNotIn(None, ended)
        for host in (hosts[0], hosts[2]):
            self.assertIn("did not come in time", settle(box, kind="tls", host=host, verdict="deny")[-1]["reason"])
        clients[3].send(data(b"late", True))
        (answer, *_), *how = inside.run("""
peer = Peer(clients[number].send, clients[number].receive, True, opens=False)
result = peer.await_end(1), peer.goaway, peer.how
""", number=clients[3].number)
        self.assertEqual(answer.get(":status"), "200", how)
        self.assertEqual([r[1] for r in new.requests_of(hosts[3])], [b"late"])
        for client in clients:
            client.reset()


if __name__ == "__main__":
    unittest.main()
