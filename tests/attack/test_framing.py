"""HTTP/1 framing, byte for byte, on both legs (threats P*).

A raw client inside the sandbox sends each payload over a TLS connection of its own, to a name of its own. The origin keeps every
byte by the name. What is asserted is the status that comes back, and either that not one byte reached the origin, or that exactly
the expected, newly written bytes did. The response side is the mirror image: the origin sends, and what the client gets counts.

Not here: P10 (HTTP/2: test_http2_client_side.py, test_http2_origin_side.py), P13 to P15 (no rule looks into bodies
yet; a compressed body with a strict secret is in test_secrets.py).
"""
import re
import unittest

from lab.attacker import Witness, enter, settle, statuses
from lab.world import World

REQUESTS = 900  # names for cases
POLICY = """
rules:
  - deny: "https://*.path.example/admin/**"
  - deny: "https://*.path.example/admin"
  - allow: "https://*.path.example/public/**"
  - allow: "https://open.path.example/**"
  - allow: "https://*.framing.example/**"
  - {allow: "https://*.method.example/**", methods: [GET, POST]}
  - {allow: "https://*.verb.example/**", methods: [PROPFIND, GET]}
"""


def setUpModule():
    global world, box, inside, origin, responder
    world = World()
    names = [f"c{i}.framing.example" for i in range(REQUESTS)]
    origin = Witness(world, "*.framing.example", "*.path.example", "*.method.example", "*.verb.example",
                     hosts=names + [f"c{i}.path.example" for i in range(REQUESTS)]
                     + ["open.path.example", "a.method.example", "a.verb.example"])
    responder = Witness(world, "*.framing.example", hosts=[f"r{i}.framing.example" for i in range(REQUESTS)])
    box, inside = enter(world, POLICY)


def tearDownModule():
    inside.close()
    faults = inside.faults()
    origin.close()
    responder.close()
    world.close()
    assert not faults, faults


next_name = iter(range(REQUESTS))


def send_all(cases, quiet=0.6):
    return in_parallel(lambda host, pieces: exchange(host, pieces, quiet=quiet), cases)


GET = b"GET /ok HTTP/1.1\r\nHost: HOST\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n"
HEAD = b"POST /ok HTTP/1.1\r\nHost: HOST\r\n"
WROTE = b"POST /ok HTTP/1.1\r\nHost: HOST\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WROTE_CHUNKED = WROTE + b"Transfer-Encoding: chunked\r\n\r\n"


class Broken:
    """The head was fine and may have reached the origin, the body was not: STATUS, or a cut connection; the request at the origin
    is never completed, and nothing that follows the fault gets there."""

    def __init__(self, status=400):
        self.status = status


class Requests(unittest.TestCase):
    """Tables of (payload, expected): expected is a status, bytes at the origin (and then the answers are all 200), a pair of a
    list of statuses and the bytes, or Broken. A payload may be a list of pieces, sent one by one."""

    def check(self, table, names="framing.example"):
        cases = []
        for payload, expected in table:
            host = f"c{next(next_name)}.{names}".encode()
            pieces = [p.replace(b"HOST", host) for p in (payload if isinstance(payload, list) else [payload])]
            cases.append((host, pieces, expected))
        results = inside.do(send_all, [(host.decode(), pieces) for host, pieces, _ in cases])
        for (host, pieces, expected), (raw, end) in zip(cases, results):
            with self.subTest(payload=b"".join(pieces)[:120]):
                self.judge(host, expected, raw, end)

    def judge(self, host, expected, raw, end):
        found, seen = statuses(raw), origin.of(host.decode())
        about = f"{found} {end}; at the origin: {seen!r}"
        if isinstance(expected, int):
            self.assertEqual(found, [expected], about)
            self.assertEqual(seen, b"", about)
            self.assertIn(end, ("eof", "reset", "eof without close_notify"), about)
        elif isinstance(expected, Broken):
            self.assertIn(found, ([expected.status], []), about)
            self.assertNotIn(b"smuggled", seen, about)
            self.assertFalse(re.search(rb"\r\n0\r\n\r\n$", seen), about)
            self.assertIn(end, ("eof", "reset", "eof without close_notify"), about)
        else:
            wanted, written = expected if isinstance(expected, tuple) else ([200], expected)
            self.assertEqual(found, wanted, about)
            self.assertEqual(seen, written.replace(b"HOST", host), about)

    def test_P1_content_length_has_one_plain_value(self):
        def post(*values):
            return HEAD + b"".join(b"Content-Length:" + v + b"\r\n" for v in values) + b"\r\n" + b"hello" + SMUGGLED
        wrote = WROTE + b"Content-Length: 5\r\n\r\nhello" + SMUGGLED
        refused = [(b" 5", b" 6"), (b" 5", b" 5"), (b" 5, 5",), (b" 5,6",), (b" +5",), (b" -5",), (b" -0",), (b" 0x5",),
                   (b" 5_",), (b" 5 5",), (b"",), (b" ",), (b" 5;",), (b" 5.0",), (b" 5e0",), (b" 9223372036854775808",),
                   (b" 18446744073709551621",), (b" 99999999999999999999999999999",), (b" \x0b5",), (b" 5\x0c",), (b" \xa05",),
                   (b" \xef\xbc\x95",), (b" five",), (b" 5\x00",), (b" '5'",), (b' "5"',)]
        self.check([(post(*values), 400) for values in refused])
        # One reading only; what is written has no white space and no zeros.
        self.check([(post(value), ([200, 200], wrote)) for value in (b"5", b" 5", b" 5\t", b"\t5", b"   5   ", b" 05", b" 0000005")])

    def test_P2_P6_transfer_encoding_is_one_chunked_and_alone(self):
        def te(*lines, version=b"1.1", body=b"0\r\n\r\n"):
            return (b"POST /ok HTTP/" + version + b"\r\nHost: HOST\r\n" + b"".join(l + b"\r\n" for l in lines) + b"\r\n"
                    + body + SMUGGLED)
        both = [te(b"Content-Length: 5", b"Transfer-Encoding: chunked"), te(b"Transfer-Encoding: chunked", b"Content-Length: 5"),
                te(b"Content-Length: 0", b"Transfer-Encoding: chunked"), te(b"Content-Length: 5", b"Transfer-Encoding: identity"),
                te(b"Transfer-Encoding: xchunked", b"Content-Length: 5"), te(b"Content-Length: x", b"Transfer-Encoding: chunked")]
        malformed = [b"Transfer-Encoding : chunked", b" Transfer-Encoding: chunked", b"X: y\r\n Transfer-Encoding: chunked",
                     b"Transfer-Encoding: chunked\r\n x", b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: chunked\x00",
                     b"Transfer-Encoding: chunked\nX: y", b"Transfer-Encoding: chunked\rX: y", b"Transfer_Encoding: chunked",
                     b"Transfer-Encoding\x00: chunked", b"Transfer-Encoding\t: chunked", b"Transfer-Encoding\xa0: chunked",
                     b"\x0bTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\x0c", b"Transfer-Encoding: \xa0chunked",
                     b"Transfer-Encoding: chunked\x85", b"Transfer-Encoding"]
        unknown = [b"xchunked", b"chunkedx", b"identity", b"chunked, chunked", b"chunked, identity", b"identity, chunked",
                   b"gzip, chunked", b"gzip", b"chunked;a=b", b'"chunked"', b"chunked,", b",chunked", b",", b"", b"chunked chunked",
                   b"chunked\t,", b"c\xc4\xa5unked", b"[chunked]"]
        self.check([(p, 400) for p in both]
                   + [(te(line), 400) for line in malformed]
                   + [(te(b"Transfer-Encoding: " + value), 501) for value in unknown]
                   + [(te(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
                      (te(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"), 400),
                      (te(b"Transfer-Encoding: chunked", version=b"1.0"), 400)])
        # Case is no disguise, and white space around a value is none either.
        two = ([200, 200], WROTE_CHUNKED + b"0\r\n\r\n" + SMUGGLED)
        self.check([(te(b"Transfer-Encoding: " + v), two) for v in (b"chunked", b"CHUNKED", b"Chunked", b" chunked\t", b"\tchunked")]
                   + [(te(b"tRANSFER-eNCODING: chunked"), two)])

    def test_P4_chunks_are_strict_and_written_anew(self):
        good = [(b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
                (b"0005\r\nhello\r\n00\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
                (b"A\r\n0123456789\r\n0\r\n\r\n", b"a\r\n0123456789\r\n0\r\n\r\n"),
                (b"5;a=b\r\nhello\r\n0;c\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
                (b'5;a="b;c"\r\nhello\r\n0\r\n\r\n', b"5\r\nhello\r\n0\r\n\r\n"),
                (b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")]
        self.check([(CHUNKED + body + SMUGGLED, ([200, 200], WROTE_CHUNKED + wrote + SMUGGLED)) for body, wrote in good])
        bad = [b"+5\r\nhello", b"-5\r\nhello", b"0x5\r\nhello", b"5_\r\nhello", b" 5\r\nhello", b"5 \r\nhello", b"\t5\r\nhello",
               b"\r\nhello", b"5\nhello\r\n", b"5\rhello\r\n", b"5\r\nhello\n0\r\n\r\n", b"5\r\nhello\r0\r\n\r\n", b"5\r\nhello0\r\n\r\n",
               b"5\r\nhello!\r\n0\r\n\r\n", b"5\r\nhello!\n0\r\n\r\n", b"4\r\nhello\r\n0\r\n\r\n", b"g\r\nhello", b"5;\r\nhello", b"5;a\nb\r\nhello",
               b"5;a\rb\r\nhello", b"5;a\x00\r\nhello", b"5;\x01\r\nhello", b"5;" + b"a" * 300 + b"\r\nhello",
               b"10000000000000000\r\nhello", b"ffffffffffffffff\r\nhello", b"fffffffffffffffff0\r\nhello",
               b"00000000000000000005\r\nhello", b"5\x00\r\nhello", b"5,5\r\nhello", b"\xef\xbc\x95\r\nhello", b"5\r\n\r\nhello",
               b"0\r\nX: y\n\r\n", b"0\r\nX y\r\n\r\n", b"0\r\n X: y\r\n\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\n: y\r\n\r\n",
               b"0\r\nX: \x00\r\n\r\n", b"0\r\nX: y\rz\r\n\r\n", b"0\n\n", b"0\r\r\n", b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n"]
        self.check([(CHUNKED + body + SMUGGLED, Broken()) for body in bad])
        forbidden = [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: evil.example", b"Authorization: x", b"Cookie: a=b",
                     b"Content-Type: a/b", b"Content-Encoding: gzip", b"Connection: close", b"Trailer: X", b"Content_Length: 5",
                     b"Expect: 100-continue", b"TE: trailers", b"Proxy-Authorization: x", b"X-HTTP-Method-Override: DELETE",
                     b"Range: bytes=0-1", b"Upgrade: x"]
        self.check([(CHUNKED + b"0\r\n" + field + b"\r\n\r\n" + SMUGGLED, Broken()) for field in forbidden])

    def test_P4_a_chunked_body_split_anywhere_is_the_same_body(self):
        body = b'5;a="b\\""\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n'
        table = [([CHUNKED + body[:i], body[i:]], WROTE_CHUNKED) for i in range(1, len(body), 4)]
        cases = [(f"c{next(next_name)}.framing.example", pieces) for pieces, _ in table]
        results = inside.do(send_all, [(h, [p.replace(b"HOST", h.encode()) for p in pieces]) for h, pieces in cases])
        for (host, _), (raw, end) in zip(cases, results):
            seen = origin.of(host)
            head, _, chunks = seen.partition(b"\r\n\r\n")
            self.assertEqual(statuses(raw), [200], end)
            self.assertEqual(b"".join(re.findall(rb"(?:^|\r\n)[0-9a-f]+\r\n([^\r]+)", chunks.split(b"\r\n0\r\n")[0])), b"hello world")
            self.assertTrue(chunks.endswith(b"\r\n0\r\nX-Sum: 1\r\n\r\n"), seen)

    def test_P4_P16_a_body_cut_short_is_never_completed(self):
        def cut_short(host, data):
            stream = secure(host)
            stream.sendall(data)
            time.sleep(0.2)
            stream.unwrap()
            stream.close()
        cases = [HEAD + b"Content-Length: 100\r\n\r\nabc", CHUNKED + b"5\r\nhel", CHUNKED + b"5\r\nhello\r\n", CHUNKED + b"5\r\nhello\r\n0\r\n"]
        for data in cases:
            host = f"c{next(next_name)}.framing.example"
            inside.do(cut_short, host, data.replace(b"HOST", host.encode()))
            settle(box, kind="http", host=host)
            self.assertFalse(origin.of(host).endswith(b"0\r\n\r\n"), data)
            self.assertEqual([c.finished.wait(5) for c in origin.connections if getattr(c, "name", None) == host][:1], [True])

    def test_P5_every_method_may_have_a_body_and_is_framed_alike(self):
        rows = []
        for method in (b"GET", b"DELETE", b"OPTIONS", b"HEAD", b"PATCH", b"PUT"):
            start = method + b" /ok HTTP/1.1\r\nHost: HOST\r\n"
            for framing, body, wrote in ((b"Content-Length: 33\r\n\r\n", b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"[:33], None),
                                         (b"Transfer-Encoding: chunked\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n", None)):
                if method != b"HEAD":
                    rows.append((start + framing + body, start + framing + body))
        self.check(rows)

    def test_P3_leftover_bytes_are_the_next_request_with_a_verdict_of_its_own(self):
        self.check([(GET + SMUGGLED, ([200, 200], GET + SMUGGLED)),
                    (HEAD + b"Content-Length: 5\r\n\r\nhello" + SMUGGLED, ([200, 200], WROTE + b"Content-Length: 5\r\n\r\nhello" + SMUGGLED)),
                    ([GET[:10], GET[10:] + SMUGGLED[:20], SMUGGLED[20:]], ([200, 200], GET + SMUGGLED))])
        # One that is refused ends the connection: what was pipelined behind it is not even judged.
        one = b"GET /public/x HTTP/1.1\r\nHost: HOST\r\n\r\n"
        denied = b"GET /admin/x HTTP/1.1\r\nHost: HOST\r\n\r\n"
        self.check([(one + denied + SMUGGLED + one, ([200, 403], one)), (denied + one + one, 403),
                    (denied[:-2] + b"Content-Length: 50\r\n\r\n" + one, 403),
                    (one + b"BAD REQUEST\r\n\r\n" + one, ([200, 400], one))], "path.example")

    def test_P7_a_refused_request_is_answered_before_its_body_and_closes(self):
        denied = b"POST /admin/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: 40\r\nExpect: 100-continue\r\n\r\n"
        smuggled = b"GET /public/smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n"
        self.check([(denied, 403), (denied + smuggled, 403), ([denied, smuggled], 403)], "path.example")

    def test_P7_what_is_left_of_a_body_after_an_early_answer_is_no_request(self):
        host = f"c{next(next_name)}.framing.example"

        def answer_early(connection):
            if b"early" in connection.read_head():
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly")
                connection.recv()
            else:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        origin.answers[host] = answer_early

        def upload_on(host):
            smuggled = f"GET /smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
            stream = secure(host)
            head = f"POST /early HTTP/1.1\r\nHost: {host}\r\nContent-Length: {3 + 10 * len(smuggled)}\r\n\r\nabc"
            stream.sendall(head.encode())
            found = receive(stream, 15, 0.2)[0]
            stream.sendall(smuggled * 10 + f"GET /late HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            return found + receive(stream)[0]
        raw = inside.do(upload_on, host)
        self.assertEqual(statuses(raw), [200, 200])
        self.assertTrue(raw.endswith(b"late"))
        late = [c.raw for c in origin.connections if getattr(c, "name", None) == host][-1]
        self.assertEqual(late, f"GET /late HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    def test_P7_expect_games(self):
        def expect(*values, version=b"1.1", body=b"hello"):
            return (b"POST /ok HTTP/" + version + b"\r\nHost: HOST\r\nContent-Length: 5\r\n" + b"".join(b"Expect: " + v + b"\r\n" for v in values)
                    + b"\r\n" + body + SMUGGLED)
        wrote = WROTE + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello" + SMUGGLED
        plain = WROTE + b"Content-Length: 5\r\n\r\nhello"
        self.check([(expect(b"100-continue"), ([200, 200], wrote)), (expect(b"100-CONTINUE"), ([200, 200], wrote)),
                    (expect(b"100-continue", b"100-continue"), 400), (expect(b"100-continue, x"), 417), (expect(b"x"), 417),
                    (expect(b"y 100-continue"), 417), (expect(b""), 417), (expect(b"100-continue", version=b"1.0"), plain)])

    def test_P8_one_host_and_a_target_that_agrees(self):
        def get(target=b"/ok", *hosts, version=b"1.1"):
            return b"GET " + target + b" HTTP/" + version + b"\r\n" + b"".join(b"Host: " + h + b"\r\n" for h in hosts) + b"\r\n"
        self.check([(get(b"/ok", b"HOST", b"HOST"), 400), (get(b"/ok", b"HOST", b"evil.example"), 400), (get(b"/ok"), 400),
                    (get(b"/ok", b""), 400), (get(b"/ok", b"HOST, evil.example"), 400), (get(b"/ok", b"HOST evil.example"), 400),
                    (get(b"https://HOST/ok", b"evil.example"), 400), (get(b"https://evil.example/ok", b"HOST"), 400),
                    (get(b"https://HOST@evil.example/ok", b"HOST"), 400), (get(b"https://evil.example@HOST/ok", b"HOST"), 400),
                    (get(b"https://HOST:443/ok", b"HOST"), GET), (get(b"https://HOST:8443/ok", b"HOST"), 400),
                    (get(b"http://HOST/ok", b"HOST"), 400), (get(b"ftp://HOST/ok", b"HOST"), 400), (get(b"https:/HOST/ok", b"HOST"), 400),
                    (get(b"https://HOST\\@evil.example/ok", b"HOST"), 400), (get(b"https://HOST#@evil.example/", b"HOST"), 400),
                    (get(b"https:///ok", b"HOST"), 400), (get(b"ok", b"HOST"), 400), (get(b"HOST:443", b"HOST"), 400),
                    (get(b"//evil.example/ok", b"HOST"), b"GET //evil.example/ok HTTP/1.1\r\nHost: HOST\r\n\r\n"),
                    (get(b"https://HOST/ok", b"HOST"), GET), (get(b"HTTPS://HOST/ok", b"HOST"), GET), (get(b"https://HOST", b"HOST"),
                     b"GET / HTTP/1.1\r\nHost: HOST\r\n\r\n"), (get(b"https://HOST?q", b"HOST"), b"GET /?q HTTP/1.1\r\nHost: HOST\r\n\r\n"),
                    (get(b"/ok", b"evil.example"), 421), (get(b"/ok", b"HOST:8443"), 421), (get(b"/ok", b"HOST:80"), 421),
                    (get(b"https://evil.example/ok", b"evil.example"), 421), (get(b"/ok", b"HOST."), GET), (get(b"/ok", b"HOST:443"), GET),
                    (get(b"/ok", version=b"1.0"), 400), (get(b"https://HOST/ok", version=b"1.0"), GET), (get(b"/ok", b"HOST", version=b"1.0"), GET)])

    def test_P10_H10_bytes_that_may_not_stand_in_an_authority(self):
        hosts = [b"HOST@evil.example", b"user:pass@HOST", b"HOST\\evil.example", b"HOST/evil.example", b"HOST?x", b"HOST#x", b"HOST%00",
                 b"HOST\x00.evil.example", b"HOST\tevil.example", b"HOST:443:443", b"HOST:", b"HOST:0443", b"HOST:+443", b"HOST: 443",
                 b"HOST:443x", b"HOST:65979", b"[HOST]", b"HOST..", b".HOST", b"*.framing.example", b"HOST\xc2\xa0", b"\xef\xbd\x83HOST",
                 b"http://HOST", b"HOST,HOST", b"_HOST", b"-HOST"]
        self.check([(b"GET /ok HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", 400) for host in hosts])

    def test_P9_P17_no_upgrade_and_no_other_protocol(self):
        def upgrade(*protocols, connection=b"Upgrade", extra=b"", method=b"GET"):
            return (method + b" /ok HTTP/1.1\r\nHost: HOST\r\nConnection: " + connection + b"\r\n"
                    + b"".join(b"Upgrade: " + p + b"\r\n" for p in protocols) + extra + b"\r\n")
        websocket = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        h2c = b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n"
        self.check([(upgrade(b"websocket", extra=websocket), 403), (upgrade(b"h2c, websocket", extra=websocket + h2c), 403),
                    (upgrade(b"TLS/1.2"), 403), (upgrade(b"foo"), 403), (upgrade(b"websocket", method=b"POST"), 403),
                    (upgrade(b"websocket", b"h2c"), 400),
                    # A server may ignore an upgrade: it is not passed on.
                    (upgrade(b"h2c", extra=h2c, connection=b"Upgrade, HTTP2-Settings"), GET), (upgrade(b"h2c", extra=h2c), GET),
                    (upgrade(b"websocket", connection=b"close"), GET),
                    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED, 505),
                    (b"CONNECT HOST:443 HTTP/1.1\r\nHost: HOST\r\n\r\n" + SMUGGLED, 405),
                    (b"CONNECT HOST:443 HTTP/1.1\r\nHost: HOST\r\n:protocol: websocket\r\n\r\n", 405)])

    def test_P11_paths_reach_the_origin_canonical_or_not_at_all(self):
        def get(path):
            return b"GET " + path + b" HTTP/1.1\r\nHost: HOST\r\n\r\n"
        denied = [b"/admin", b"/admin/", b"/admin/x", b"/public/../admin/x", b"/public/%2e%2e/admin/x", b"/public/.%2E/admin/x",
                  b"/./admin/x", b"/%61dmin/x", b"/%61%64%6d%69%6e", b"/admin;x", b"/admin;x/y", b"/public/..//admin/x",
                  b"/public//../../admin", b"/admin%3Bx/y", b"//admin/x", b"/public/../../../admin/x", b"/admin%2Fx", b"/admin%2fx",
                  b"/x/../admin", b"/public/../%61dmin",
                  b"/adm%69n/../admin/", b"//admin", b"/;/admin", b"/admin;/..", b"/;a/admin/x", b"/public/../;/admin", b"/Public/x", b"/publicx", b"/public",
                  b"/", b"/other"]
        ambiguous = [b"/public/%2e%2e%2fadmin", b"/public/..%2fadmin/x", b"/public%2f..%2fadmin", b"/public/..;/admin/x", b"/public/..;x=1/admin",
                     b"/public/.%3b/admin", b"/public/..%3B/admin", b"/public/%252e%252e/admin", b"/public/%25%32%65",
                     b"/public/%5c..%5cadmin", b"/public/..\\admin", b"/public\\..\\admin", b"/public/%00/../admin", b"/public/%0d%0aX:y", b"/public/x%0a",
                     b"/public/%c0%ae%c0%ae/admin", b"/public/%c0%af", b"/public/%e0%80%ae", b"/public/%ff", b"/public/%", b"/public/%2", b"/public/%zz",
                     b"/public/%u002e%u002e/admin", b"/public/\x7f", b"/public/x#/../admin", b"/public/<x>", b'/public/"', b"/public/{x}", b"/public/^",
                     b"/public/a;b%2f..%2fadmin", b"/public/\xc3\xa9", b"/public/x y"]
        kept = [(b"/public/a/./b", b"/public/a/b"), (b"/public/x/../y", b"/public/y"), (b"/public/%41", b"/public/A"), (b"/public/%2d", b"/public/-"),
                (b"/public/%c3%a9", b"/public/%C3%A9"), (b"/public/a%20b", b"/public/a%20b"), (b"/public/x;y=1", b"/public/x;y=1"),
                (b"/public/a%2fb", b"/public/a%2Fb"), (b"/public//x", b"/public//x"), (b"/public/x?a=../../admin", b"/public/x?a=../../admin"),
                (b"/public/%3f/../x", b"/public/x"), (b"/public/x/..", b"/public/"), (b"/public/x/.", b"/public/x/")]
        self.check([(get(p), 403) for p in denied] + [(get(p), 400) for p in ambiguous]
                   + [(get(p), get(wrote)) for p, wrote in kept], "path.example")

    def test_P11_a_path_rule_for_another_host_does_not_help(self):
        host = "open.path.example"
        raw, _ = inside.do(exchange_one, host, b"GET /admin/../x HTTP/1.1\r\nHost: open.path.example\r\n\r\n")
        self.assertEqual(statuses(raw), [200])
        for path in (b"/admin", b"/x/../admin/y", b"/%61dmin", b"//admin", b"/admin;a", b"/;/admin"):
            before = origin.of(host)
            raw, _ = inside.do(exchange_one, host, b"GET " + path + b" HTTP/1.1\r\nHost: open.path.example\r\n\r\n")
            self.assertEqual((path, statuses(raw)), (path, [403]))
            self.assertEqual(origin.of(host), before)

    def test_P12_unknown_verbs_are_denied_and_overrides_taken_out(self):
        def request(method, *lines):
            return method + b" /ok HTTP/1.1\r\nHost: a.method.example\r\n" + b"".join(l + b"\r\n" for l in lines) + b"\r\n"
        verbs = [b"PROPFIND", b"DELETE", b"PUT", b"TRACE", b"get", b"Get", b"GETX", b"XGET", b"MOVE", b"TRACK", b"DEBUG", b"LINK", b"SEARCH",
                 b"PURGE", b"QUERY", b"GE-T", b"$GET"]
        for method in verbs:
            raw, _ = inside.do(exchange_one, "a.method.example", request(method))
            self.assertEqual((method, statuses(raw)), (method, [403]))
        self.assertEqual(origin.of("a.method.example"), b"")
        lines = [b"X-HTTP-Method-Override: DELETE", b"x-http-method-override: PUT", b"X-HTTP-Method: DELETE", b"X-Method-Override: DELETE",
                 b"X-Original-URL: /admin", b"X-Rewrite-URL: /admin", b"Y: z"]
        raw, _ = inside.do(exchange_one, "a.method.example", request(b"POST", b"Content-Length: 0", *lines))
        self.assertEqual(statuses(raw), [200])
        self.assertEqual(origin.of("a.method.example"), b"POST /ok HTTP/1.1\r\nHost: a.method.example\r\nContent-Length: 0\r\nY: z\r\n\r\n")
        for name in (b"X_HTTP_Method_Override", b"X_HTTP_METHOD", b"X-HTTP_Method-Override"):
            raw, _ = inside.do(exchange_one, "a.method.example", request(b"GET", name + b": DELETE"))
            self.assertEqual((name, statuses(raw)), (name, [400]))
        raw, _ = inside.do(exchange_one, "a.verb.example", b"PROPFIND /ok HTTP/1.1\r\nHost: a.verb.example\r\n\r\n")
        self.assertEqual(statuses(raw), [200])

    def test_P19_hop_by_hop_abuse(self):
        def get(*lines):
            return b"GET /ok HTTP/1.1\r\nHost: HOST\r\n" + b"".join(l + b"\r\n" for l in lines) + b"\r\n"
        keep = [b"Authorization: x", b"Cookie: a=b", b"Content-Type: a/b", b"Range: bytes=0-1", b"User-Agent: u", b"Origin: o"]
        self.check([(get(b"Connection: " + line.split(b":")[0], line), get(line)) for line in keep]
                   + [(get(b"Connection: X-Foo", b"X-Foo: y", b"Z: z"), get(b"Z: z")),
                      (get(b"Connection: x-foo, Z", b"X-Foo: y", b"Z: z", b"x-FOO: 2"), GET),
                      (get(b"Connection: keep-alive, Host"), GET), (get(b"Connection: Content-Length", b"Content-Length: 0"),
                       b"GET /ok HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n"),
                      (get(b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive", b"Proxy-Authorization: x", b"TE: gzip"), GET),
                      (get(b"TE: trailers, deflate;q=0.5"), b"GET /ok HTTP/1.1\r\nHost: HOST\r\nTE: trailers\r\nConnection: TE\r\n\r\n"),
                      (get(b"Connection: a b"), 400), (get(b"Connection: \"close\""), 400), (get(b"Connection: ;close"), 400),
                      (get(*[b"Connection: x%d" % i for i in range(9)]), 400),
                      (get(b"Authorization: a", b"Authorization: b"), 400), (get(b"Authorization: a", b"authorization: a"), 400)])
        seen = origin.of(f"c{next(next_name) - 1}.framing.example")
        self.assertFalse(re.search(rb"(?i)via|forwarded|x-real", seen))

    def test_lines_and_fields_are_strict(self):
        def line(request_line, rest=b"Host: HOST\r\n\r\n"):
            return request_line + rest
        lines = [(b"GET  /ok HTTP/1.1\r\n", 400), (b"GET\t/ok HTTP/1.1\r\n", 400), (b"GET /ok  HTTP/1.1\r\n", 400), (b"GET /ok HTTP/1.1 \r\n", 400),
                 (b" GET /ok HTTP/1.1\r\n", 400), (b"GET /ok\r\n", 400), (b"GET HTTP/1.1\r\n", 400), (b"GET /ok HTTP/1.2\r\n", 505),
                 (b"GET /ok HTTP/2.0\r\n", 505), (b"GET /ok HTTP/3.0\r\n", 505), (b"GET /ok http/1.1\r\n", 400), (b"GET /ok HTTP/01.1\r\n", 400),
                 (b"GET /ok HTTP/1.01\r\n", 400), (b"GET /ok HTTP/1.10\r\n", 400), (b"GET /ok HTTP/11\r\n", 400), (b"GET /ok HTTP/1,1\r\n", 400),
                 (b"GET /ok HTTP/0.9\r\n", 505), (b"GET /ok HTTP/1.1\n", 400), (b"GET /ok HTTP/1.1\r", 400), (b"\r\nGET /ok HTTP/1.1\r\n", 400),
                 (b"\nGET /ok HTTP/1.1\r\n", 400), (b"GET /ok\x00 HTTP/1.1\r\n", 400), (b"GET /o\x0bk HTTP/1.1\r\n", 400), (b"G(T /ok HTTP/1.1\r\n", 400),
                 (b"GET /ok HTTP/1.1\r\r\n", 400), (b"GET * HTTP/1.1\r\n", 400), (b"OPTIONS * HTTP/1.1\r\n", 403), (b"GET " + b"/x" * 9000 + b" HTTP/1.1\r\n", 414),
                 (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n", 414)]
        fields = [(b"X\r\n", 400), (b": y\r\n", 400), (b" X: y\r\n", 400), (b"\tX: y\r\n", 400), (b"X : y\r\n", 400), (b"X\t: y\r\n", 400), (b"X: y\r\n z\r\n", 400),
                  (b"X: y\r\n\tz\r\n", 400), (b"X(: y\r\n", 400), (b"X\xe9: y\r\n", 400), (b"X\x00: y\r\n", 400), (b"X: \x00\r\n", 400), (b"X: \x1f\r\n", 400),
                  (b"X: \x7f\r\n", 400), (b"X: y\rz\r\n", 400), (b"X: y\nZ: z\r\n", 400), (b"X: y\n\r\n", 400), (b"X: y\r\n \r\n", 400), (b"X: \xa0\r\n", 400),
                  (b"X: y\x85\r\n", 400), (b"Content_Length: 5\r\n", 400), (b"CONTENT_LENGTH: 5\r\n", 400), (b"Content-Length\x00: 5\r\n", 400),
                  (b"Host : HOST\r\n", 400), (b"Cookie_: a\r\n", None), (b"X" * 70000 + b": y\r\n", 431), (b"X: " + b"y" * 70000 + b"\r\n", 431),
                  (b"".join(b"X%d: y\r\n" % i for i in range(140)), 431)]
        self.check([(line(request), status) for request, status in lines]
                   + [(GET[:-2] + field + b"\r\n", status) for field, status in fields if status])
        # Bytes above ASCII may stand in a value, and the case of a name is kept.
        self.check([(GET[:-2] + b"x-UpPer: \xe9y\r\n\r\n", GET[:-2] + b"x-UpPer: \xe9y\r\n\r\n"), (GET[:-2] + b"X:\r\n\r\n", GET[:-2] + b"X: \r\n\r\n")])

    def test_a_request_may_come_in_single_bytes(self):
        host = f"c{next(next_name)}.framing.example".encode()
        request = (HEAD + b"Content-Length: 5\r\n\r\nhello").replace(b"HOST", host)
        ((raw, _),) = inside.do(send_all, [(host.decode(), [request[i:i + 1] for i in range(len(request))])])
        self.assertEqual((statuses(raw), origin.of(host.decode())), ([200], request))


def exchange_one(host, data):
    return exchange(host, data)


OK = b"HTTP/1.1 200 OK\r\n"
SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nX-Smuggled: yes\r\n\r\nsmuggled"


class Responses(unittest.TestCase):
    """Tables of (what the origin sends, whether it then closes, what the client must get): a status alone, or exact bytes; None is
    a cut: what was begun cannot be taken for whole. A second request follows on the same connection when the first was answered."""

    def check(self, table, method=b"GET"):
        cases = []
        for data, closes, expected in table:
            host = f"r{next(next_name)}.framing.example"
            responder.answers[host] = self.script(data, closes)
            cases.append((host, expected))
        request = method + b" /first HTTP/1.1\r\nHost: HOST\r\n\r\n"
        results = inside.do(send_all, [(h, [request.replace(b"HOST", h.encode())]) for h, _ in cases], 1.0)
        for (data, _, expected), (host, _), (raw, end) in zip(table, cases, results):
            with self.subTest(response=data[:120]):
                self.judge(expected, raw, end)

    @staticmethod
    def script(data, closes):
        def speak(connection):
            connection.read_head()
            connection.sendall(data)
            if not closes:
                connection.recv()
            elif closes == "abruptly":
                connection.stream.unwrap = None
                import socket
                socket.socket.shutdown(connection.stream, socket.SHUT_RDWR)
            else:
                connection.stream.unwrap()
        return speak

    def judge(self, expected, raw, end):
        self.assertNotIn(b"smuggled", raw)
        self.assertNotIn(b"X-Smuggled", raw)
        if isinstance(expected, int):
            self.assertEqual(statuses(raw), [expected], f"{raw!r} {end}")
        elif expected is None:
            self.assertTrue(not raw or statuses(raw)[-1] == "cut" or end == "reset", f"{raw!r} {end}")
            self.assertNotEqual(end, "quiet")
        else:
            self.assertEqual(raw, expected, end)

    def test_P18_heads_are_strict(self):
        body = b"Content-Length: 2\r\n\r\nok"
        starts = [b"HTTP/1.1  200 OK\r\n", b"HTTP/1.1 20 OK\r\n", b"HTTP/1.1 2000 OK\r\n", b"HTTP/1.1 099 X\r\n", b"HTTP/1.1 600 X\r\n",
                  b"HTTP/1.1 +20 OK\r\n", b"HTTP/1.1 2x0 OK\r\n", b"HTTP/1.2 200 OK\r\n", b"HTTP/2.0 200 OK\r\n", b"http/1.1 200 OK\r\n", b"ICY 200 OK\r\n",
                  b"HTTP/1.1 200 OK\n", b"HTTP/1.1 200 O\x00K\r\n", b"HTTP/1.1 200 O\rK\r\n", b"\r\nHTTP/1.1 200 OK\r\n", b" HTTP/1.1 200 OK\r\n", b"HTTP/1.1\t200 OK\r\n",
                  b"HTTP/1.1 200OK\r\n", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\n X: folded\r\n"]
        fields = [b"X\r\n", b": y\r\n", b"X : y\r\n", b"X: y\r\n z\r\n", b"X: y\nZ: z\r\n", b"X: \x00\r\n", b"X: y\rz\r\n", b"Content_Length: 9\r\n",
                  b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"Transfer_Encoding: chunked\r\n",
                  b"X: " + b"y" * 70000 + b"\r\n", b"".join(b"X%d: y\r\n" % i for i in range(140))]
        self.check([(start + body + SECOND, False, 502) for start in starts] + [(OK + field + body + SECOND, False, 502) for field in fields]
                   + [(b"HTTP/1.1 101 Switching Protocols\r\n" + rest + b"\r\n" + SECOND, False, 502)
                      for rest in (b"", b"Upgrade: websocket\r\nConnection: Upgrade\r\n")])

    def test_P18_framing_of_bodies_is_strict(self):
        lengths = [b"+2", b"-2", b"0x2", b"2, 2", b"2,3", b"", b"2 2", b"9223372036854775808", b"2_", b"two"]
        codings = [b"xchunked", b"gzip, chunked", b"chunked, chunked", b"identity", b"", b"chunked;a"]
        self.check([(OK + b"Content-Length: " + v + b"\r\n\r\nok" + SECOND, False, 502) for v in lengths]
                   + [(OK + b"Transfer-Encoding: " + v + b"\r\n\r\n2\r\nok\r\n0\r\n\r\n" + SECOND, False, 502) for v in codings]
                   + [(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + SECOND, False, 502)])
        chunks = [b"+2\r\nok", b"0x2\r\nok", b" 2\r\nok", b"2 \r\nok", b"2\nok", b"2\r\nokx\r\n", b"2\r\nok\n0\r\n\r\n", b"g\r\n", b"2;\r\nok", b"fffffffffffffffff\r\nok",
                  b"2\r\nok\r\n0\r\nX: y\n\r\n", b"2\r\nok\r\n0\r\nContent-Length: 5\r\n\r\n", b"2\r\nok\r\n0\r\nSet-Cookie: a=b\r\n\r\n", b"2\r\nok\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"]
        self.check([(OK + b"Transfer-Encoding: chunked\r\n\r\n" + body + SECOND, False, None) for body in chunks])

    def test_P18_exactly_one_response_is_passed_on(self):
        one = OK + b"Content-Length: 2\r\n\r\nok"
        chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        self.check([(one + SECOND, False, one), (one + b"junk", False, one), (chunked + SECOND, False, chunked), (one, True, one),
                    (OK + b"Transfer-Encoding: chunked\r\n\r\n00002;x=y\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n" + SECOND, False,
                     OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"),
                    (early + one, False, early + one), (b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + one, False, b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + one),
                    (b"HTTP/1.1 102 Processing\r\nContent-Length: 0\r\n\r\n" + one, False, 502),
                    (b"HTTP/1.1 204 No Content\r\n\r\n" + SECOND, False, b"HTTP/1.1 204 No Content\r\n\r\n"),
                    (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n" + SECOND, False, b"HTTP/1.1 204 No Content\r\n\r\n"),
                    (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok" + SECOND, False, 502),
                    (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND, False, 502),
                    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\n\r\n" + SECOND, False, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\n\r\n"),
                    (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n" + SECOND, False, b"HTTP/1.1 304 Not Modified\r\n\r\n"),
                    (b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n" + SECOND, False, b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n")])
        self.check([(OK + b"Content-Length: 8\r\n\r\nsmuggled" + SECOND, False, OK + b"Content-Length: 8\r\n\r\n"),
                    (OK + b"Transfer-Encoding: chunked\r\n\r\n8\r\nsmuggled\r\n0\r\n\r\n", False, OK + b"\r\n")], method=b"HEAD")

    def test_P18_too_many_informational_responses(self):
        early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
        host = f"r{next(next_name)}.framing.example"
        responder.answers[host] = self.script(early * 40 + OK + b"Content-Length: 2\r\n\r\nok", False)
        raw, _ = inside.do(exchange_one, host, GET.replace(b"HOST", host.encode()))
        self.assertEqual(statuses(raw), [103] * 16 + [502])

    def test_P18_a_body_that_ends_with_the_connection_must_end_in_order(self):
        until_close = OK + b"X: y\r\n\r\nsome text"
        whole = OK + b"Transfer-Encoding: chunked\r\nX: y\r\n\r\n9\r\nsome text\r\n0\r\n\r\n"
        host = f"r{next(next_name)}.framing.example"
        responder.answers[host] = self.script(until_close, True)
        raw, _ = inside.do(exchange_one, host, GET.replace(b"HOST", host.encode()))
        self.assertEqual((statuses(raw), raw.split(b"\r\n\r\n", 1)[1]), ([200], whole.split(b"\r\n\r\n", 1)[1]))
        self.check([(until_close, "abruptly", None), (OK + b"Content-Length: 20\r\n\r\nsome text", True, None),
                    (OK + b"Content-Length: 20\r\n\r\nsome text", "abruptly", None),
                    (OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nsome text\r\n", True, None),
                    (OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nsome text\r\n0\r\n", "abruptly", None),
                    (OK + b"Content-Le", True, 502), (b"", True, 502), (b"", "abruptly", 502)])

    def test_P18_fields_of_one_hop_and_offers_of_http3_stay_here(self):
        sent = (OK + b"Content-Length: 2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: Basic\r\n"
                b"Upgrade: h2c\r\nAlt-Svc: h3=\":443\"\r\nX: y\r\n\r\nok")
        self.check([(sent, False, OK + b"Content-Length: 2\r\nX: y\r\n\r\nok")])

    def test_P18_a_head_that_our_writer_would_refuse_does_not_let_the_body_pass_for_one(self):
        """A Host in a response has no meaning, and our writer makes that field by itself."""
        sent = OK + b"Host: evil.example\r\nContent-Length: %d\r\n\r\n" % len(SECOND.replace(b"S", b"Z").replace(b"smug", b"zmug"))
        body = SECOND.replace(b"S", b"Z").replace(b"smug", b"zmug")
        self.check([(sent + body, False, OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)])

    def test_P18_an_unasked_response_on_a_kept_connection_is_never_used(self):
        """The origin poisons the pool: it answers, waits, and then sends a response that nobody asked for."""
        host = f"r{next(next_name)}.framing.example"

        def speak(connection):
            while connection.read_head():
                connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")
                threading_sleep(0.3)
                connection.sendall(SECOND)
        responder.answers[host] = speak

        def twice(host, pause):
            request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
            stream, found = secure(host), b""
            for _ in range(3):
                stream.sendall(request)
                found += receive(stream, 15, 0.25)[0]
                time.sleep(pause)
            return found
        raw = inside.do(twice, host, 0.6)
        self.assertEqual(statuses(raw), [200, 200, 200])
        self.assertNotIn(b"smuggled", raw)
        self.assertGreater(responder.count(host), 1)


def threading_sleep(seconds):
    import time
    time.sleep(seconds)


if __name__ == "__main__":
    unittest.main(verbosity=2)
