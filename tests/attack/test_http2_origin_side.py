"""HTTP/2 from an origin, as no server should speak it (threats P10, P18, S4, C14, and the floods): the mirror of
test_http2_client_side.py.

Each case is an origin's connection of its own, for a name of its own, asked by a client of HTTP/2 and by one of HTTP/1.1. The
origin answers with raw frames; what the clients get, and what we do with the connection, is compared, and the next request works.
"""
import threading
import time
import unittest

from lab import h2, processes
from lab.h2 import (ACK, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR,
                    GOAWAY, HEADERS, PADDED, PING, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE, RST_STREAM, SETTINGS, STREAM_CLOSED,
                    WINDOW_UPDATE, literal, make_frame, make_settings)
from lab.h2_witness import H2Witness
from lab.puppet import Puppet
from lab.sandbox import SANITIZED, Sandbox
from lab.world import World

NAMES = 600
POLICY = 'rules:\n  - allow: ["https://*.new.example/**", "https://*.old.example/**"]\n'
EVIL = "smuggled"


def setUpModule():
    global world, box, inside, new, worker, attacks
    world = World()
    attacks = {}  # name -> what makes the raw answer of the stream, or does it by itself with the peer

    def answer(peer, number):
        peer.await_end(number)
        attack = attacks.pop(peer.connection.name, None)
        if attack is None:
            peer.respond(number, 200, body=b"ok\n")
            return
        peer.attacked = True
        made = attack(peer, number)
        if made:
            peer.send(made)

    new = H2Witness(world, "*.new.example", hosts=[f"c{i}.new.example" for i in range(NAMES)], script=answer)
    box = Sandbox(world, POLICY)
    inside = Puppet(box)
    worker = processes.worker_of(inside.process)


def tearDownModule():
    status = inside.close()
    new.close()
    world.close()
    assert status == 0, status


number = iter(range(NAMES))


def block(*fields):
    return b"".join(literal(n, v) for n, v in fields)


def head(stream, *fields, status=b"200", end=False, flags=0):
    return make_frame(HEADERS, END_HEADERS | (1 if end else 0) | flags, stream, block((b":status", status), *fields))


def data(stream, payload=b"", end=False):
    return make_frame(DATA, 1 if end else 0, stream, payload)


def error(code):
    return code.to_bytes(4, "big")


def ask_h1(host, patience=6):
    """(all that comes, how it ended) of a request and a second one in a pipeline."""
    client = Client(host, alpn=["http/1.1"])
    client.socket.settimeout(patience)
    client.send(f"GET /one HTTP/1.1\r\nHost: {host}\r\n\r\nGET /two HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    try:
        found = client.to_end()
    except TimeoutError:
        found = client.rest, "timeout"
    client.reset()
    return found


class Case(unittest.TestCase):

    def tearDown(self):
        self.assertTrue(processes.is_alive(worker), "the worker is gone")

    def ask(self, rows):
        """ROWS: (what, attack). For each: (what, answer to a client of HTTP/2, bytes to a client of HTTP/1.1, the origin's peer)."""
        names, cases = [], []
        for _, attack in rows:
            for _ in range(2):
                name = f"c{next(number)}.new.example"
                attacks[name] = attack
                names.append(name)
            cases.append((names[-2], h2.make_frame(HEADERS, 5, 1, block(
                (b":method", b"GET"), (b":scheme", b"https"), (b":authority", names[-2].encode()), (b":path", b"/one"))), {"patience": 6}))
        by_h2 = h2.strike_all(inside, cases)
        if not hasattr(inside, "asks"):
            import inspect
            inside.run(inspect.getsource(ask_h1))
            inside.asks = True
        by_h1 = inside.run("""
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    result = list(pool.map(ask_h1, hosts))
""", hosts=names[1::2])
        time.sleep(0.1)
        found = []
        for i, (what, _) in enumerate(rows):
            peers = [getattr(c, "peer", None) for c in new.connections if getattr(c, "name", None) in names[2 * i:2 * i + 2]]
            found.append((what, by_h2[i], by_h1[i], [p for p in peers if p and getattr(p, "attacked", False)]))
        return found

    def codes(self, peers):
        """What we told the origin: GOAWAY's and the resets' codes."""
        told = set()
        for peer in peers:
            peer.connection.finished.wait(5)  # its own thread reads to the end
            told |= {("goaway", peer.goaway[1])} if peer.goaway else set()
            told |= {("reset", s.reset) for s in peer.streams.values() if s.reset is not None}
        return told

    def assertServes(self):
        host = f"c{next(number)}.new.example"
        [(lives, goaway, found, how)] = h2.strike_all(inside, [(host, h2.make_frame(HEADERS, 5, 1, block(
            (b":method", b"GET"), (b":scheme", b"https"), (b":authority", host.encode()), (b":path", b"/"))), {})])
        self.assertEqual(found.get(1), (200, b"ok\n", None, True), how)

    def judge(self, row, statuses, whole=False):
        """The client of HTTP/2 gets one of STATUSES, or a reset without a byte of EVIL; that of HTTP/1.1 the like; and then two."""
        what, (lives, goaway, found, how), (raw, end), peers = row
        about = f"{what}: h2: lives {lives}, GOAWAY {goaway}, {found}, {how}; h1: {raw[:300]!r}, {end}"
        self.assertEqual((lives, goaway), (True, None), about)
        self.assertIn(found[1][0], statuses, about)
        self.assertNotIn(EVIL.encode(), raw + found[1][1], about)
        if found[1][0] == 502:
            self.assertIn(b"HTTP/1.1 502 ", raw, about)
            self.assertTrue(found[1][3], about)


class Frames(Case):
    """Sections 4 to 7: (what, answer's bytes, the codes we may answer with). The client gets 502, whatever it is."""

    def table(self):
        win = (1 << 31) - 1
        yield "4.2 DATA over the size", lambda p, n: head(n) + data(n, b"x" * 16385), FRAME_SIZE_ERROR
        yield "4.2 HEADERS over the size", lambda p, n: make_frame(HEADERS, 4, n, block((b":status", b"200"), (b"x", b"y" * 16384))), FRAME_SIZE_ERROR
        yield "4.3 an invalid block", lambda p, n: make_frame(HEADERS, 4, n, b"\x00\x03x"), COMPRESSION_ERROR
        for name, between in (("PING", make_frame(PING, 0, 0, b"8 bytes!")), ("DATA", data(1, b"x")),
                              ("an unknown type", make_frame(0x99, 0, 1, b"x")), ("HEADERS again", make_frame(HEADERS, 4, 1, b"\x88")),
                              ("CONTINUATION of another stream", make_frame(CONTINUATION, 4, 3, b"\x88"))):
            yield f"4.3 {name} within a block", lambda p, n, b=between: make_frame(HEADERS, 0, n, b"\x88") + b, PROTOCOL_ERROR
        yield "5.1 idle: DATA", lambda p, n: data(n + 2, b"x"), PROTOCOL_ERROR
        yield "5.1 idle: HEADERS", lambda p, n: head(n + 2), PROTOCOL_ERROR
        yield "5.1 idle: RST_STREAM", lambda p, n: make_frame(RST_STREAM, 0, n + 2, error(8)), PROTOCOL_ERROR
        yield "5.1 idle: WINDOW_UPDATE", lambda p, n: make_frame(WINDOW_UPDATE, 0, n + 2, error(8)), PROTOCOL_ERROR
        yield "5.1 idle: CONTINUATION", lambda p, n: make_frame(CONTINUATION, 4, n, b"\x88"), PROTOCOL_ERROR
        yield "5.1.1 a stream of the server's own", lambda p, n: head(2), PROTOCOL_ERROR
        yield "6.1 DATA on stream 0", lambda p, n: data(0, b"x"), PROTOCOL_ERROR
        yield "6.1 DATA with too much padding", lambda p, n: make_frame(DATA, PADDED, n, b"\x06hello"), PROTOCOL_ERROR
        yield "6.2 HEADERS on stream 0", lambda p, n: head(0), PROTOCOL_ERROR
        yield "6.2 HEADERS with too much padding", lambda p, n: make_frame(HEADERS, 4 | PADDED, n, b"\xff\x88"), PROTOCOL_ERROR
        yield "6.4 RST_STREAM on stream 0", lambda p, n: make_frame(RST_STREAM, 0, 0, error(8)), PROTOCOL_ERROR
        yield "6.4 RST_STREAM of 3 bytes", lambda p, n: make_frame(RST_STREAM, 0, n, b"\0\0\0"), FRAME_SIZE_ERROR
        yield "6.5 SETTINGS of a stream", lambda p, n: make_frame(SETTINGS, 0, n, make_settings({4: 100})), PROTOCOL_ERROR
        yield "6.5 SETTINGS of 3 bytes", lambda p, n: make_frame(SETTINGS, 0, 0, b"\0\3\0"), FRAME_SIZE_ERROR
        yield "6.5 an ACK with more", lambda p, n: make_frame(SETTINGS, ACK, 0, make_settings({4: 100})), FRAME_SIZE_ERROR
        for key, value, code in ((2, 1, PROTOCOL_ERROR), (4, 1 << 31, FLOW_CONTROL_ERROR), (5, 16383, PROTOCOL_ERROR), (5, 1 << 24, PROTOCOL_ERROR)):
            yield f"6.5.2 setting {key} is {value}", lambda p, n, s={key: value}: make_frame(SETTINGS, 0, 0, make_settings(s)), code
        yield "6.6 PUSH_PROMISE", lambda p, n: make_frame(PUSH_PROMISE, 4, n, b"\0\0\0\2" + block(
            (b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"x"), (b":path", b"/" + EVIL.encode()))) + head(2) + data(2, EVIL.encode(), True), \
            PROTOCOL_ERROR
        yield "6.7 PING of a stream", lambda p, n: make_frame(PING, 0, n, b"8 bytes!"), PROTOCOL_ERROR
        yield "6.7 PING of 6 bytes", lambda p, n: make_frame(PING, 0, 0, b"6 byte"), FRAME_SIZE_ERROR
        yield "6.8 GOAWAY of a stream", lambda p, n: make_frame(GOAWAY, 0, n, bytes(8)), PROTOCOL_ERROR
        yield "6.8 GOAWAY of 7 bytes", lambda p, n: make_frame(GOAWAY, 0, 0, bytes(7)), FRAME_SIZE_ERROR
        yield "6.9 WINDOW_UPDATE of 0", lambda p, n: make_frame(WINDOW_UPDATE, 0, 0, error(0)), PROTOCOL_ERROR
        yield "6.9 WINDOW_UPDATE of 3 bytes", lambda p, n: make_frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"), FRAME_SIZE_ERROR
        yield "6.9.1 a window over 2^31-1", lambda p, n: make_frame(WINDOW_UPDATE, 0, 0, error(win)) * 2, FLOW_CONTROL_ERROR
        yield "6.10 CONTINUATION on stream 0", lambda p, n: make_frame(HEADERS, 0, n, b"\x88") + make_frame(CONTINUATION, 4, 0, b"\x88"), PROTOCOL_ERROR
        yield "7541 index 0", lambda p, n: make_frame(HEADERS, 4, n, b"\x80"), COMPRESSION_ERROR
        yield "7541 an index out of the tables", lambda p, n: make_frame(HEADERS, 4, n, b"\xff\x00"), COMPRESSION_ERROR
        yield "7541 a size over the setting", lambda p, n: make_frame(HEADERS, 4, n, b"\x3f\xe2\x1f\x88"), COMPRESSION_ERROR
        yield "7541 Huffman EOS", lambda p, n: make_frame(HEADERS, 4, n, b"\x88\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x50\x9f\xff\xff\xff\xfc"), \
            COMPRESSION_ERROR
        yield "no SETTINGS at all", lambda p, n: b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled", FRAME_SIZE_ERROR

    def test_the_table_of_frames(self):
        rows = list(self.table())
        for (what, _, code), row in zip(rows, self.ask([r[:2] for r in rows])):
            with self.subTest(what):
                self.judge(row, (502,) if "over the size" not in what else (502, 200, None))
                self.assertEqual({c for c in self.codes(row[3]) if c[0] == "goaway"}, {("goaway", code)}, what)
        self.assertServes()

    def test_what_an_origin_may_do_is_taken(self):
        rows = [("unknown frames and flags", lambda p, n: make_frame(0x99, 255, 0, b"x") + make_frame(PING, 0x16, 0, b"8 bytes!") + head(n) + data(n, b"ok\n", True)),
                ("priorities and padding", lambda p, n: make_frame(PRIORITY, 0, n, b"\0\0\0\0\x10") + make_frame(HEADERS, 4 | PADDED, n, b"\x04\x88" + bytes(4))
                 + make_frame(DATA, PADDED | 1, n, b"\x05ok\n" + bytes(5))),
                ("CONTINUATIONs", lambda p, n: make_frame(HEADERS, 0, n, b"\x88") + make_frame(CONTINUATION, 0, n, literal(b"a", b"b"))
                 + make_frame(CONTINUATION, 4, n, literal(b"c", b"d")) + data(n, b"ok\n", True)),
                ("empty DATA", lambda p, n: head(n) + data(n) * 10 + data(n, b"ok\n") + data(n, b"", True)),
                ("unknown settings", lambda p, n: make_frame(SETTINGS, 0, 0, make_settings({99: 1})) + head(n) + data(n, b"ok\n", True)),
                ("a stream that is over is reset", lambda p, n: head(n) + data(n, b"ok\n", True) + make_frame(RST_STREAM, 0, n, error(0))),
                ("DATA for a stream that is over", lambda p, n: head(n) + data(n, b"ok\n", True) + data(n, b"late") * 100)]
        for what, (lives, goaway, found, how), (raw, end), _ in self.ask(rows):
            with self.subTest(what):
                self.assertEqual((lives, goaway, found[1]), (True, None, (200, b"ok\n", None, True)))
                self.assertEqual(raw.count(b"HTTP/1.1 200 OK"), 2, raw)
                self.assertTrue(raw.endswith(b"ok\n\r\n0\r\n\r\n") or raw.endswith(b"ok\n"), raw)


class Fields(Case):
    """Section 8, and how it would be read in HTTP/1.1."""

    def test_P10_P18_a_malformed_head_is_a_502_on_its_stream(self):
        evil = EVIL.encode()
        bad_names = [b"X", b"x y", b"x:y", b"x\r\ny", b"x\ny", b"x\0", b" x", b"x ", b"", b"x\x80", b"x(", b":x",
                     b"set-cookie: a\r\nx", b"Transfer-Encoding"]
        bad_values = [b"a\r\nx: " + evil, b"a\nx: y", b"a\rb", b"a\0b", b" a", b"a ", b"a\x01b", b"a\x7f", b"a\r\n\r\n" + evil]
        rows = [(f"name {n!r}", lambda p, s, n=n: head(s, (n, b"v")) + data(s, evil, True)) for n in bad_names]
        rows += [(f"value {v!r}", lambda p, s, v=v: head(s, (b"x-y", v)) + data(s, evil, True)) for v in bad_values]
        rows += [(f"{n!r}: {v!r}", lambda p, s, n=n, v=v: head(s, (n, v)) + data(s, evil, True)) for n, v in (
            (b"connection", b"close"), (b"keep-alive", b"timeout=5"), (b"proxy-connection", b"x"), (b"transfer-encoding", b"chunked"),
            (b"transfer-encoding", b"identity"), (b"upgrade", b"h2c"), (b":path", b"/"), (b":method", b"GET"), (b":status", b"204"),
            (b"content-length", b"+8"), (b"content-length", b"8, 8"), (b"content-length", b""), (b"content-length", b"0x8"),
            (b"content-length", b"99999999999999999999"))]
        rows += [(f"status {v!r}", lambda p, s, v=v: head(s, status=v) + data(s, evil, True)) for v in (
            b"", b"0", b"20", b"2000", b"099", b"600", b"abc", b"2 0", b"200 OK", b"+20", b"-20", b"200\r\nx: y", b"101")]
        rows += [("no status", lambda p, s: make_frame(HEADERS, 4, s, literal(b"x", b"y")) + data(s, evil, True)),
                 ("a status behind a field", lambda p, s: make_frame(HEADERS, 4, s, block((b"x", b"y"), (b":status", b"200"))) + data(s, evil, True)),
                 ("two lengths", lambda p, s: head(s, (b"content-length", b"8"), (b"content-length", b"8")) + data(s, evil, True)),
                 ("a length without a body", lambda p, s: head(s, (b"content-length", b"8"), end=True)),
                 ("a body before the head", lambda p, s: data(s, evil, True)),
                 ("a final informational response", lambda p, s: head(s, status=b"103", end=True)),
                 ("a body behind an informational response", lambda p, s: head(s, status=b"103") + data(s, evil, True)),
                 ("17 informational responses", lambda p, s: head(s, status=b"102") * 17 + head(s) + data(s, evil, True)),
                 ("a head over 64 KiB", lambda p, s: b"".join([make_frame(HEADERS, 0, s, b"\x88")] + [
                     make_frame(CONTINUATION, 4 if i == 5 else 0, s, literal(b"x", b"y" * 16000)) for i in range(6)]) + data(s, evil, True)),
                 ("129 fields", lambda p, s: head(s, *[(b"x", b"y")] * 129) + data(s, evil, True))]
        for row in self.ask(rows):
            with self.subTest(row[0]):
                self.judge(row, (502,))
                if "before" not in row[0]:  # the stream alone is broken off
                    self.assertEqual([p.goaway for p in row[3] if p.goaway and p.goaway[1]], [], row[0])
                raw, end = row[2]
                self.assertEqual((raw.count(b"HTTP/1.1 "), end), (1 + 16 * ("17" in row[0]) + ("behind an inf" in row[0]), "close_notify"), row[2])
        self.assertServes()

    def test_P18_a_body_that_is_not_as_long_as_it_says_is_cut_off(self):
        evil = EVIL.encode()
        rows = [("shorter", lambda p, s: head(s, (b"content-length", b"8")) + data(s, b"hello", True)),
                ("shorter, with trailers", lambda p, s: head(s, (b"content-length", b"8")) + data(s, b"hello")
                 + make_frame(HEADERS, 5, s, literal(b"x-t", b"1"))),
                ("nothing", lambda p, s: head(s, (b"content-length", b"8")) + data(s, b"", True)),
                ("longer", lambda p, s: head(s, (b"content-length", b"5")) + data(s, b"hello" + evil, True)),
                ("longer, in two", lambda p, s: head(s, (b"content-length", b"5")) + data(s, b"hello") + data(s, evil, True)),
                ("a body of 204", lambda p, s: head(s, status=b"204") + data(s, evil, True)),
                ("a body of 304", lambda p, s: head(s, (b"content-length", b"8"), status=b"304") + data(s, evil, True)),
                ("a head in the middle", lambda p, s: head(s) + data(s, b"hello") + head(s) + data(s, evil, True)),
                ("trailers with a pseudo-field", lambda p, s: head(s) + data(s, b"hello") + make_frame(HEADERS, 5, s, block((b":status", b"200")))),
                ("trailers that may not be", lambda p, s: head(s) + data(s, b"hello") + make_frame(HEADERS, 5, s, block((b"content-length", b"5")))),
                ("trailers with CR and LF", lambda p, s: head(s) + data(s, b"hello") + make_frame(HEADERS, 5, s, block((b"x", b"y\r\n\r\n" + evil))))]
        for what, (lives, goaway, found, how), (raw, end), _ in self.ask(rows):
            with self.subTest(what):
                about = f"h2: lives {lives}, GOAWAY {goaway}, {found}, {how}; h1: {raw!r}, {end}"
                self.assertEqual((lives, goaway), (True, None), about)
                self.assertFalse(found[1][3] and found[1][2] is None and found[1][0] == 200, about)
                self.assertNotIn(evil, raw + found[1][1], about)
                # No second response behind half a first one, and none that looks whole.
                if b"HTTP/1.1 502" not in raw and "204" not in what and "304" not in what:
                    self.assertLessEqual(raw.count(b"HTTP/1.1 "), 1, about)
                    self.assertEqual(end, "reset", about)
                    self.assertFalse(raw.endswith(b"0\r\n\r\n"), about)
        self.assertServes()

    def test_heads_are_written_anew_for_HTTP_1(self):
        rows = [("fields", lambda p, s: head(s, (b"server", b"x"), (b"set-cookie", b"a=b"), (b"set-cookie", b"c=d"), (b"x-b", b"\xc3\xb6"),
                                             (b"content-length", b"003")) + data(s, b"ok\n", True)),
                ("no body", lambda p, s: head(s, end=True)),
                ("204", lambda p, s: head(s, status=b"204", end=True)),
                ("304", lambda p, s: head(s, (b"content-length", b"8"), status=b"304", end=True)),
                ("trailers", lambda p, s: head(s) + data(s, b"ok\n") + make_frame(HEADERS, 5, s, block((b"x-sum", b"3"))))]
        wanted = [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nserver: x\r\nset-cookie: a=b\r\nset-cookie: c=d\r\nx-b: \xc3\xb6\r\n\r\nok\n",
                  b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n",
                  b"HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\n\r\n",
                  b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\nx-sum: 3\r\n\r\n"]
        for (what, _, (raw, end), _), expected in zip(self.ask(rows), wanted):
            with self.subTest(what):
                self.assertTrue(raw.startswith(expected + b"HTTP/1.1 200 OK\r\n"), raw)


class Floods(Case):

    def flood(self, attack):
        [row] = self.ask([("flood", attack)])
        what, (lives, goaway, found, how), (raw, end), peers = row
        return lives, found, raw, peers

    def test_floods_end_the_origins_connection(self):
        for what, attack in (
                ("PING", lambda p, n: make_frame(PING, 0, 0, b"8 bytes!") * 6000),
                ("SETTINGS", lambda p, n: make_frame(SETTINGS) * 6000),
                ("PRIORITY", lambda p, n: make_frame(PRIORITY, 0, 1, b"\0\0\0\0\x10") * 6000),
                ("WINDOW_UPDATE", lambda p, n: make_frame(WINDOW_UPDATE, 0, 0, error(1)) * 6000),
                ("empty DATA", lambda p, n: head(n) + data(n) * 6000),
                ("GOAWAY", lambda p, n: make_frame(GOAWAY, 0, 0, error(n) + bytes(4)) * 6000),
                ("RST_STREAM of streams that are over", lambda p, n: make_frame(RST_STREAM, 0, n, error(8)) * 6000),
                ("CONTINUATION", lambda p, n: make_frame(HEADERS, 0, n, b"\x88") + make_frame(CONTINUATION, 0, n, b"") * 6000),
                ("a head without end", lambda p, n: make_frame(HEADERS, 0, n, b"\x88") + make_frame(CONTINUATION, 0, n, literal(b"x", b"y" * 100)) * 6000)):
            with self.subTest(what):
                lives, found, raw, peers = self.flood(attack)
                self.assertTrue(lives is True, (lives, found))
                for peer in peers:
                    self.assertTrue(peer.connection.finished.wait(10), what)
        self.assertServes()

    def test_an_HPACK_bomb_is_a_502(self):
        big = literal(b"x-bomb", b"y" * 4000, form=0x40)
        before = processes.status(worker, "RssAnon")
        lives, found, raw, _ = self.flood(lambda p, n: make_frame(HEADERS, 4, n, b"\x88" + big + b"\xbe" * 12000) + data(n, b"smuggled", True))
        self.assertEqual((lives, found[1][0]), (True, 502))
        self.assertLess(processes.status(worker, "RssAnon") - before, (256 if SANITIZED else 16) << 10)

    def test_many_resets_are_many_502s_and_no_more(self):
        host = f"c{next(number)}.new.example"
        resets = threading.Event()
        def reset_all(peer, n):
            attacks[host] = reset_all if not resets.is_set() else None
            peer.reset(n, h2.INTERNAL_ERROR)
        attacks[host] = reset_all
        peer = h2.open_inside(inside, host)
        statuses = inside.run("""
result = [peers[number].get("GET", f"/{i}", host)[0][":status"] for i in range(900)]
""", number=peer.number, host=host)
        self.assertEqual(set(statuses), {"502"})
        self.assertEqual(len([c for c in new.connections if getattr(c, "name", None) == host]), 1)
        resets.set()
        attacks.pop(host, None)
        peer.close()
        self.assertServes()

    def test_an_origin_that_ignores_our_windows_is_cut_off(self):
        lives, found, raw, peers = self.flood(lambda p, n: head(n) + data(n, b"x" * 16384) * 2000)
        self.assertTrue(lives in (True, "timeout"), lives)
        self.assertServes()


if __name__ == "__main__":
    unittest.main()
