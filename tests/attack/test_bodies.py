"""Secrets in bodies: having one put somewhere else, or given out (threats P13, P14, S6, S11, S14, S15, S19).

Bodies are sent that a server may read in another way than the policy means: what the origin got is searched for the real value.
"""
import base64
import gzip
import json
import os
import unittest
import zlib

from lab.attacker import Witness, enter, statuses
from lab.world import World

VALUES = {"JSON": "REALjsonREALjsonREALjson01", "FORM": "REALformREALformREALform02", "HEAD": "REALheadREALheadREALhead03", "CLIENT": "REALclientREALclientREAL04"}
POLICY = """
secrets:
  JSON: {from: env, use: [{at: https://bound.example/json/**, methods: POST, slot: json /auth/key}]}
  FORM: {from: env, use: [{at: https://bound.example/form/**, methods: POST, slot: form secret}]}
  HEAD: {from: env, use: [{at: bound.example, slot: header X-Key}]}
  CLIENT: {from: env, capture: true, use: [{at: 'https://token.example/**', methods: POST, slot: form client_secret}, {at: bound.example, slot: header Authorization}]}
rules: [{allow: [bound.example, other.example, token.example]}]
"""
REAL = [value.encode() for value in VALUES.values()]
TOKENS = {"access_token": "REALaccessREALaccessREALaccess05", "refresh_token": "REALrefreshREALrefreshREALrefresh06"}


def leaks(data):
    found = []
    for value in [*REAL, *(t.encode() for t in TOKENS.values())]:
        forms = (value, base64.b64encode(value)[2:-4], base64.b64encode(b"x" + value)[4:-4], value.hex().encode(), value[::-1])
        found += [value for form in forms if form in data]
    return found


def variables():
    return {name: os.environ[name] for name in ("JSON", "FORM", "HEAD", "CLIENT")}


def send_all(cases):
    return in_parallel(lambda host, pieces: exchange(host, pieces)[0], cases)


def post(path, body, *fields, host="bound.example", kind="application/json"):
    body = body if isinstance(body, bytes) else body.encode()
    lines = "".join(f"{line}\r\n" for line in (f"Content-Type: {kind}", *fields) if not line.endswith(": "))
    return f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def give_tokens(connection):
    """A token endpoint that answers as its path says."""
    while True:
        head, _ = connection.read_request()
        if not head:
            return
        path = head.split(b" ")[1].decode()
        body, kind = json.dumps({**TOKENS, "expires_in": 3600}), "application/json"
        if path == "/nested":
            body = json.dumps({"data": [{"tokens": TOKENS}], "copy": f"use {TOKENS['access_token']}"})
        elif path == "/escaped":
            body = body.replace("REAL", "\\u0052\\u0045AL")
        elif path == "/xml":
            body, kind = f"<access_token>{TOKENS['access_token']}</access_token>", "application/xml"
        elif path == "/form":
            body, kind = "&".join(f"{k}={v}" for k, v in TOKENS.items()), "application/x-www-form-urlencoded"
        elif path == "/cut":
            body = body[:-30]
        data = gzip.compress(body.encode()) if path == "/gzip" else body.encode()
        coding = "Content-Encoding: gzip\r\n" if path == "/gzip" else ""
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{coding}Content-Length: {len(data)}\r\n\r\n".encode() + data)


def setUpModule():
    global world, origin, inside, token
    world = World()
    origin = Witness(world, "bound.example", "other.example", "token.example", answers={"token.example": give_tokens})
    _, inside = enter(world, POLICY, env=VALUES)
    token = inside.do(variables)


def tearDownModule():
    inside.close()
    faults = inside.faults()
    origin.close()
    world.close()
    assert not faults, faults


class Bodies(unittest.TestCase):
    def setUp(self):
        self.mark = origin.mark()

    def since(self, host="bound.example"):
        return origin.since(self.mark, host)

    def send(self, cases):
        """The statuses; what came back holds no value."""
        answers = inside.do(send_all, [(host, pieces if isinstance(pieces, list) else [pieces]) for host, pieces in cases])
        for answer in answers:
            self.assertEqual(leaks(answer), [])
        return [statuses(answer) for answer in answers]

    def never_put_in(self, cases):
        self.send(cases)
        for host in ("bound.example", "other.example"):
            self.assertEqual(leaks(self.since(host)), [])

    def test_S11_without_a_slot_in_the_body_nothing_goes_there(self):
        t = token["HEAD"]
        self.never_put_in([("bound.example", post(path, body, kind=kind)) for path in ("/x", "/json/x", "/form/x")
                           for body, kind in ((json.dumps({"auth": {"key": t}, "X-Key": t}), "application/json"), (f"secret={t}&X-Key={t}", "application/x-www-form-urlencoded"),
                                              (t, "text/plain"), (f"X-Key: {t}\r\n\r\n{t}", "message/http"))])
        self.assertIn(t.encode(), self.since())

    def test_S11_a_pointer_is_that_value_alone_however_the_document_is_made(self):
        t = token["JSON"]
        documents = [f'{{"auth": {{"other": "{t}"}}}}', f'{{"auth": [{{"key": "{t}"}}]}}', f'[{{"auth": {{"key": "{t}"}}}}]', f'{{"Auth": {{"key": "{t}"}}}}', f'{{"auth": {{"KEY": "{t}"}}}}',
                     f'{{"auth": {{"key": {{"key": "{t}"}}}}}}', f'{{"auth": {{"key": ["{t}"]}}}}', f'{{"auth/key": "{t}"}}', f'{{"auth": {{"{t}": "key"}}}}', f'{{"x": "\\"auth\\": {{\\"key\\": \\"{t}\\"}}"}}',
                     f'{{"auth": null}} {{"auth": {{"key": "{t}"}}}}', f'/* */ {{"auth": {{"key": "{t}"}}}}', f'\ufeff{{"auth": {{"key": "{t}"}}}}', f'{{"auth": {{\'key\': "{t}"}}}}', f'{{auth: {{key: "{t}"}}}}',
                     f'{{"a": "\n", "auth": {{"key": "{t}"}}}}', f'{{"a": +1, "b": "\\x", "auth": {{"key": "{t}"}}}}', "[" * 200 + f'{{"auth": {{"key": "{t}"}}}}', f'{{"auth": {{"key": {t}}}}}', t]
        kinds = ("text/plain", "application/jsonx", "application/x-ndjson", "text/json-seq", "application/x-www-form-urlencoded")
        self.never_put_in([("bound.example", post("/json/x", d)) for d in documents] +
                          [("bound.example", post("/json/x", f'{{"auth": {{"key": "{t}"}}}}', kind=kind)) for kind in kinds] +
                          [("bound.example", post("/other/x", f'{{"auth": {{"key": "{t}"}}}}')), ("other.example", post("/json/x", f'{{"auth": {{"key": "{t}"}}}}', host="other.example")),
                           ("bound.example", post("/json/x", f'{{"auth": {{"key": "{t}"}}}}').replace(b"POST", b"PUT"))])

    def test_S11_a_fields_name_is_its_own(self):
        t = token["FORM"]
        urlencoded = [f"Secret={t}", f"secret[]={t}", f"a=secret&{t}", f"{t}=secret", f"a=b;secret={t}", f"secret%00={t}", f"xsecret={t}", f"secret+={t}", f"a={t}&secret=x"]
        parts = [f'--B\r\nContent-Disposition: form-data; name="secret"; filename="{t}"\r\n\r\n{t}\r\n--B--\r\n', f'--B\r\nContent-Disposition: form-data; name="secret"; name="other"\r\n\r\n{t}\r\n--B--\r\n',
                 f'--B\r\nContent-Disposition: form-data; name="other"\r\nX-A: name="secret"\r\n\r\n{t}\r\n--B--\r\n', f'--B\r\nContent-Disposition: form-data; name="{t}"\r\n\r\nsecret\r\n--B--\r\n',
                 f'--B\r\nContent-Disposition: form-data; name="secret"\r\nContent-Transfer-Encoding: base64\r\n\r\n{t}\r\n--B--\r\n', f'preamble {t}\r\n--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--B--\r\n{t}',
                 f'--B\nContent-Disposition: form-data; name="secret"\n\n{t}\n--B--\n', f'--C\r\nContent-Disposition: form-data; name="secret"\r\n\r\n{t}\r\n--C--\r\n']
        self.never_put_in([("bound.example", post("/form/x", d, kind="application/x-www-form-urlencoded")) for d in urlencoded] +
                          [("bound.example", post("/form/x", d, kind="multipart/form-data; boundary=B")) for d in parts] +
                          [("bound.example", post("/form/x", f"secret={t}", kind=kind)) for kind in ("text/plain", "application/json", "multipart/form-data; boundary=B")])

    def test_S11_two_types_are_none(self):
        t = token["JSON"]
        body = f'{{"auth": {{"key": "{t}"}}}}'
        self.never_put_in([("bound.example", post("/json/x", body, "Content-Type: text/plain")), ("bound.example", post("/json/x", body, "Content-Type: application/json", kind="text/plain"))])

    def test_S14_the_message_adds_up_and_the_next_one_is_a_request_of_its_own(self):
        t = token["JSON"]
        body = json.dumps({"pad": "x" * 500, "auth": {"key": f"{t}" * 3}})
        answers = self.send([("bound.example", [post("/json/a", body) + post("/json/b", "{}") + b"GET /c HTTP/1.1\r\nHost: bound.example\r\n\r\n"])])
        self.assertEqual(answers, [[200, 200, 200]])
        raw = self.since()
        sent = body.replace(t, VALUES["JSON"]).encode()
        self.assertIn(b"Content-Length: %d\r\n" % len(sent), raw)
        self.assertIn(b"\r\n\r\n" + sent + b"POST /json/b HTTP/1.1\r\n", raw)

    def test_S14_S15_a_body_that_breaks_off_is_never_completed(self):
        t = token["JSON"]
        whole = post("/json/x", json.dumps({"auth": {"key": t}}))
        self.never_put_in([("bound.example", whole[:-5])])
        coded = gzip.compress(json.dumps({"auth": {"key": t}}).encode())
        self.assertEqual(self.send([("bound.example", post("/json/x", coded[:-6], "Content-Encoding: gzip"))]), [[400]])
        self.assertEqual(leaks(self.since()), [])

    def test_P14_S15_what_is_coded_is_put_in_as_a_whole_or_refused(self):
        t = token["JSON"]
        plain = json.dumps({"auth": {"key": t}}).encode()
        cases = {"gzip": gzip.compress(plain), "x-gzip": gzip.compress(plain), "deflate": zlib.compress(plain), "gzip, deflate": zlib.compress(gzip.compress(plain)), "identity": plain,
                 "gzip, gzip, gzip, gzip": gzip.compress(plain), "compress": plain, "gzip;q=1": gzip.compress(plain), "GZIP": gzip.compress(plain)}
        expected = [200, 200, 200, 200, 200, 415, 415, 415, 200]
        self.assertEqual(self.send([("bound.example", post("/json/x", body, f"Content-Encoding: {coding}")) for coding, body in cases.items()]), [[status] for status in expected])
        self.assertNotIn(t.encode(), self.since())
        # A bomb, and a body that only says that it is coded.
        bomb = gzip.compress(b'{"auth": {"key": "' + t.encode() + b'"}, "pad": "' + b"0" * (64 << 20) + b'"}')
        self.assertEqual(self.send([("bound.example", post("/json/x", bomb, "Content-Encoding: gzip")), ("bound.example", post("/json/x", plain, "Content-Encoding: br"))]), [[400], [400]])

    def test_S15_what_something_else_vouches_for_is_refused(self):
        t = token["JSON"]
        body = json.dumps({"auth": {"key": t}})
        fields = ("Content-Range: bytes 0-9/20", "Signature-Input: a=()", "Authorization: AWS4-HMAC-SHA256 Credential=x", "X-Amz-Content-Sha256: 00", "Digest: unixsum=1", "Content-Digest: crc32c=:AAAA:")
        self.assertEqual(self.send([("bound.example", post("/json/x", body, field)) for field in fields]), [[403]] * len(fields))
        self.assertEqual(self.since(), b"")

    def test_P13_a_large_body_is_looked_into_to_its_end(self):
        t = token["JSON"]
        body = '{"pad": "' + "x" * (3 << 20) + f'", "auth": {{"key": "{t}"}}, "text": "{t}"}}'
        self.assertEqual(self.send([("bound.example", post("/json/x", body))]), [[200]])
        self.assertIn(f'"auth": {{"key": "{VALUES["JSON"]}"}}, "text": "{t}"'.encode(), self.since())


class Tokens(unittest.TestCase):
    def test_S6_S19_a_token_that_is_given_out_is_never_seen(self):
        body = f"grant_type=client_credentials&client_secret={token['CLIENT']}"
        paths = ("/plain", "/nested", "/escaped", "/gzip", "/form", "/xml", "/cut")
        form = "application/x-www-form-urlencoded"
        answers = inside.do(send_all, [("token.example", [post(path, body, "Accept-Encoding: gzip", host="token.example", kind=form)]) for path in paths])
        for path, answer in zip(paths, answers):
            self.assertEqual(leaks(answer), [], path)
            self.assertEqual(leaks(answer.replace(b"\\u0052\\u0045", b"RE")), [], path)
        self.assertEqual([statuses(answer) for answer in answers[:5]], [[200]] * 5)

    def test_S6_it_does_not_go_where_the_secret_is_not_bound(self):
        form = "application/x-www-form-urlencoded"
        answer = inside.do(send_all, [("token.example", [post("/plain", f"client_secret={token['CLIENT']}", host="token.example", kind=form)])])[0]
        seen = json.loads(answer.partition(b"\r\n\r\n")[2].partition(b"{")[2].join([b"{", b""]).partition(b"}")[0] + b"}")
        mark = origin.mark()
        request = f"GET /x HTTP/1.1\r\nHost: other.example\r\nAuthorization: Bearer {seen['access_token']}\r\n\r\n".encode()
        self.assertEqual(statuses(inside.do(send_all, [("other.example", [request])])[0]), [403])
        self.assertEqual(leaks(origin.since(mark, "other.example")), [])


if __name__ == "__main__":
    unittest.main()
