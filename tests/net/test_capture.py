"""Tokens that a server gives out: what the program sees of them, what goes out for them, and where."""
import base64
import hashlib
import json
import unittest
import urllib.parse

from lab.namespaces import wait_until
from lab.origins import Scripted
from lab.puppet import Puppet
from lab.sandbox import Sandbox
from lab.world import World

LOGIN, API, OTHER = "login.example.com", "api.example.com", "other.example.com"
VALUE = "client-REAL-secret-0001"
POLICY = f"""
secrets:
  CLIENT:
    from: env
    capture: true
    use:
      - {{at: "https://{LOGIN}/oauth/**", methods: POST, slot: form client_secret}}
      - {{at: "https://{LOGIN}/oauth/**", methods: POST, slot: basic password}}
      - {{at: "https://{API}/**", slot: header Authorization}}
      - {{at: "https://{API}/**", slot: json /t}}
      - {{at: "https://{LOGIN}/oauth/**", methods: POST, slot: form refresh_token}}
      - {{at: "https://big.example.com/**", slot: header Authorization}}
  SET: {{from: env, capture: true, use: [{{at: "https://{LOGIN}/set/**", slot: header X-Client}}]}}
  PLAIN: {{from: env, use: [{{at: "https://{OTHER}/**", slot: header Authorization}}]}}
rules:
  - {{allow: "https://{LOGIN}/set/**", set: {{X-Client: "{{SET}}"}}}}
  - {{allow: [{LOGIN}, {API}, {OTHER}, big.example.com]}}
"""
ENV = {"CLIENT": VALUE, "PLAIN": "another-REAL-value-02", "SET": "set-by-a-rule-REAL-03"}


def token(number, size=40):
    return f"tok{number}-REAL" + "x" * (size - len(f"tok{number}-REAL"))


def jwt(number):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    return f"{part({'alg': 'RS256'})}.{part({'sub': 'REAL', 'n': number})}.{'R' * 80}"


class Login:
    """A token endpoint: what it answers is the test's to say."""

    def __init__(self):
        self.type, self.body, self.status = "application/json", b"{}", "200 OK"
        self.origin = Scripted(WORLD, LOGIN, self.serve)

    def serve(self, connection):
        while connection.read_request()[0]:
            connection.sendall(f"HTTP/1.1 {self.status}\r\nContent-Type: {self.type}\r\nContent-Length: {len(self.body)}\r\n\r\n".encode() + self.body)


def read_chunks(connection):
    """To the end of a chunked body, which may take its time."""
    while not connection.raw.endswith(b"0\r\n\r\n"):
        connection.recv()


def echo(connection):
    """It says what Authorization it got, so that it can be seen whether that comes back."""
    while True:
        head, _ = connection.read_request()
        if not head:
            return
        if b"chunked" in head:
            read_chunks(connection)
        found = [line.partition(b": ")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"authorization:")]
        body = found[0] if found else b"nothing"
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def setUpModule():
    global WORLD, SERVER, ORIGINS
    WORLD = World()
    SERVER = Login()
    ORIGINS = {API: Scripted(WORLD, API, echo), OTHER: Scripted(WORLD, OTHER, echo)}


def tearDownModule():
    SERVER.origin.close()
    for origin in ORIGINS.values():
        origin.close()
    WORLD.close()


class Capture(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.box = Sandbox(WORLD, POLICY)
        cls.inside = Puppet(cls.box, env=ENV)
        cls.addClassCleanup(cls.inside.close)
        cls.client, cls.plain = cls.inside.run("import os; result = os.environ['CLIENT'], os.environ['PLAIN']")

    def log_in(self, body, kind="application/json", status="200 OK", secret=True, how="form"):
        SERVER.type, SERVER.body, SERVER.status = kind, body if isinstance(body, bytes) else body.encode(), status
        request = f"client_id=x&client_secret={self.client if secret else 'none'}".encode()
        fields = f"Authorization: Basic {base64.b64encode(f'x:{self.client}'.encode()).decode()}\r\n" if how == "basic" else ""
        if how == "basic":
            request = b"grant_type=client_credentials"
        client = self.inside.connect(LOGIN)
        client.send(f"POST /oauth/token HTTP/1.1\r\nHost: {LOGIN}\r\n{fields}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(request)}\r\n\r\n".encode() + request)
        got, _, answer = client.response()[:3]
        client.close()
        return got, answer

    def call(self, host, credential):
        """What HOST got as Authorization, and what it is said to have got inside."""
        before = {connection: len(connection.raw) for connection in ORIGINS[host].connections}
        client = self.inside.connect(host)
        client.send(f"GET / HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {credential}\r\n\r\n".encode())
        status, _, answer = client.response()[:3]
        client.close()
        sent = b"".join(c.raw[before.get(c, 0):] for c in ORIGINS[host].connections).decode("latin-1")
        return status, sent.rpartition("uthorization: ")[2].split("\r\n")[0], answer.decode("latin-1")

    def test_tokens_become_placeholders_that_go_out_for_them(self):
        for how in ("form", "basic"):
            access, refresh, identity = token(f"a{how}"), token(f"r{how}", 200), jwt(how)
            status, answer = self.log_in(json.dumps({"token_type": "Bearer", "access_token": access, "expires_in": 3600, "refresh_token": refresh, "id_token": identity}), how=how)
            self.assertEqual(status, 200)
            self.assertNotIn(b"REAL", answer)
            seen = json.loads(answer)
            self.assertEqual((seen["token_type"], seen["expires_in"]), ("Bearer", 3600))
            for name, value in (("access_token", access), ("refresh_token", refresh), ("id_token", identity)):
                self.assertEqual(len(seen[name]), len(value))
                status, sent, shown = self.call(API, seen[name])
                self.assertEqual((status, sent), (200, f"Bearer {value}"))
                self.assertEqual(shown, f"Bearer {seen[name]}")
            record = [r for r in self.box.records(kind="http") if r["host"] == LOGIN][-1]
            self.assertEqual(record["captured"], 3)
            self.assertNotIn("REAL", self.box.audit_path.read_text())

    def test_the_same_token_again_is_the_same_placeholder(self):
        first = json.loads(self.log_in(json.dumps({"access_token": token("same")}))[1])["access_token"]
        second = json.loads(self.log_in(json.dumps({"access_token": token("same")}))[1])["access_token"]
        self.assertEqual(first, second)

    def test_where_the_secret_is_not_bound_it_does_not_go(self):
        seen = json.loads(self.log_in(json.dumps({"access_token": token("bound")}))[1])["access_token"]
        mark = len(ORIGINS[OTHER].connections)
        client = self.inside.connect(OTHER)
        client.send(f"GET / HTTP/1.1\r\nHost: {OTHER}\r\nAuthorization: Bearer {seen}\r\n\r\n".encode())
        status, _, answer = client.response()[:3]
        client.close()
        self.assertEqual(status, 403)
        self.assertIn(b"CLIENT", answer)
        self.assertEqual(b"".join(c.raw for c in ORIGINS[OTHER].connections[mark:]), b"")

    def test_wherever_it_stands_and_however_it_is_written(self):
        for body in ('{"data": {"items": [{"accessToken": "%s"}]}}', '{"access\\u005ftoken": "%s"}', '{ "access_token" :\n"%s" , "x": "\\"" }',
                     '[{"a": {"access_token": "no", "access_token": "%s"}}]'):
            value = token(len(body))
            status, answer = self.log_in(body.replace('"no"', '"first-%s"' % token("first")) % value)
            self.assertEqual(status, 200, answer)
            self.assertNotIn(b"REAL", answer)
            json.loads(answer)
        value = token("slash") + "/+x"
        status, answer = self.log_in(json.dumps({"access_token": value}).replace("/", "\\/"))
        self.assertEqual(self.call(API, json.loads(answer)["access_token"])[1], f"Bearer {value}")

    def test_in_a_form(self):
        value = token("form") + "+/="
        status, answer = self.log_in("access_token=" + urllib.parse.quote(value, safe="") + "&scope=a%20b&token_type=bearer", kind="application/x-www-form-urlencoded; charset=utf-8")
        self.assertEqual(status, 200)
        self.assertNotIn(b"REAL", answer)
        seen = urllib.parse.parse_qs(answer.decode())
        self.assertEqual((seen["scope"], seen["token_type"]), (["a b"], ["bearer"]))
        self.assertEqual(self.call(API, seen["access_token"][0])[1], f"Bearer {value}")

    def test_what_cannot_be_captured_is_refused(self):
        for body, kind, reason in (('{"access_token": "%s"' % token("open"), "application/json", "no JSON"), ('{"access_token": "abc"}', "application/json", "too short"),
                                   (json.dumps({"access_token": "x" * 9000}), "application/json", "9000 bytes"), (json.dumps({"access_token": "REAL line\nbreak"}), "application/json", "characters"),
                                   ('{"pad": "' + "pad " * (75 << 10) + '", "access_token": "%s"}' % token("long"), "application/json", "too long")):
            client = self.inside.connect(LOGIN)
            SERVER.type, SERVER.body, SERVER.status = kind, body.encode(), "200 OK"
            request = f"client_secret={self.client}".encode()
            client.send(f"POST /oauth/token HTTP/1.1\r\nHost: {LOGIN}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(request)}\r\n\r\n".encode() + request)
            raw, _ = client.to_end()
            client.close()
            self.assertNotIn(b"REAL", raw)
            record = wait_until(lambda: [r for r in self.box.records(kind="http") if r["host"] == LOGIN and reason in (r.get("error") or "")], what=reason)
            self.assertTrue(record)

    def test_empty_ones_errors_and_answers_to_others_pass(self):
        for body, secret in (('{"access_token": "", "refresh_token": null, "id_token": 5}', True), ('{"error": "invalid_client"}', True), ("", True)):
            self.assertEqual(self.log_in(body, status="400 Bad Request", secret=secret), (400, body.encode()))
        # No secret went in, so that nothing is captured.
        status, answer = self.log_in(json.dumps({"access_token": "public-token-of-nobody"}), secret=False)
        self.assertEqual((status, json.loads(answer)["access_token"]), (200, "public-token-of-nobody"))

    def test_answers_to_calls_with_a_captured_token_are_not_tied_to_its_bounds(self):
        seen = json.loads(self.log_in(json.dumps({"access_token": token("calls")}))[1])["access_token"]
        big = json.dumps({"items": ["x" * 1000] * 400, "access_token": "what the API calls so"}).encode()
        origin = Scripted(WORLD, "big.example.com", lambda c: (c.read_head(), c.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(big) + big)))
        self.addCleanup(origin.close)
        client = self.inside.connect("big.example.com")
        client.send(f"GET / HTTP/1.1\r\nHost: big.example.com\r\nAuthorization: Bearer {seen}\r\n\r\n".encode())
        self.assertEqual(client.response()[2], big)
        client.close()
        self.assertIn(token("calls").encode(), origin.raw)

    def test_a_captured_refresh_token_brings_another_one(self):
        seen = json.loads(self.log_in(json.dumps({"refresh_token": token("first")}))[1])["refresh_token"]
        SERVER.type, SERVER.body, SERVER.status = "application/json", json.dumps({"access_token": token("second")}).encode(), "200 OK"
        request = f"grant_type=refresh_token&refresh_token={seen}".encode()
        client = self.inside.connect(LOGIN)
        client.send(f"POST /oauth/token HTTP/1.1\r\nHost: {LOGIN}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(request)}\r\n\r\n".encode() + request)
        answer = client.response()[2]
        client.close()
        self.assertIn(token("first").encode(), SERVER.origin.raw)
        self.assertEqual(self.call(API, json.loads(answer)["access_token"])[1], "Bearer " + token("second"))

    def test_many_tokens_and_the_oldest_gives_way(self):
        seen = []
        for i in range(70):
            status, answer = self.log_in(json.dumps({"access_token": token(f"many{i}")}))
            self.assertEqual(status, 200, answer)
            seen.append(json.loads(answer)["access_token"])
        self.assertEqual(len(set(seen)), 70)
        self.assertEqual(self.call(API, seen[-1])[1], "Bearer " + token("many69"))
        self.assertEqual(self.call(API, seen[10])[1], "Bearer " + token("many10"))
        self.assertEqual(self.call(API, seen[0])[1], "Bearer " + seen[0])

    def test_a_token_that_stands_under_another_name_too_does_not_pass(self):
        # Registries of images say it as "token", too.
        value = token("registry")
        status, answer = self.log_in(json.dumps({"token": value, "access_token": value, "hint": f"Bearer {value}"}))
        self.assertEqual(status, 200)
        self.assertNotIn(b"REAL", answer)
        seen = json.loads(answer)
        self.assertEqual((seen["token"], seen["hint"]), (seen["access_token"], f"Bearer {seen['access_token']}"))
        self.assertEqual(self.call(API, seen["token"])[1], f"Bearer {value}")

    def test_where_tokens_are_given_out_other_types_are_refused(self):
        for kind in ("application/xml", "text/plain", "text/html; charset=utf-8"):
            status, answer = self.log_in(f"<OAuth><access_token>{token('xml')}</access_token></OAuth>", kind=kind)
            self.assertEqual(status, 502, kind)
            self.assertNotIn(b"REAL", answer)
        # Errors give out none, and are shown; so are empty answers.
        self.assertEqual(self.log_in("<p>no</p>", kind="text/html", status="401 Unauthorized"), (401, b"<p>no</p>"))
        self.assertEqual(self.log_in("", kind="text/html"), (200, b""))

    def test_a_secret_that_a_rule_sets_captures_as_well(self):
        value = token("set")
        SERVER.type, SERVER.body, SERVER.status = "application/json", json.dumps({"access_token": value}).encode(), "200 OK"
        client = self.inside.connect(LOGIN)
        client.send(f"GET /set/token HTTP/1.1\r\nHost: {LOGIN}\r\n\r\n".encode())
        status, _, answer = client.response()[:3]
        client.close()
        self.assertEqual(status, 200)
        self.assertNotIn(b"REAL", answer)

    def test_an_answer_with_too_many_tokens_is_refused(self):
        status, answer = None, b""
        SERVER.type, SERVER.status = "application/json", "200 OK"
        SERVER.body = json.dumps([{"access_token": token(f"flood{i}")} for i in range(200)]).encode()
        request = f"client_secret={self.client}".encode()
        client = self.inside.connect(LOGIN)
        client.send(f"POST /oauth/token HTTP/1.1\r\nHost: {LOGIN}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(request)}\r\n\r\n".encode() + request)
        raw, _ = client.to_end()
        client.close()
        self.assertNotIn(b"REAL", raw)
        wait_until(lambda: [r for r in self.box.records(kind="http") if "more new tokens" in (r.get("error") or "")], what="the record")

    def begin_echo(self, credential, value):
        """A request that is not ended yet, with CREDENTIAL, which stands for VALUE."""
        client = self.inside.connect(API)
        client.send(f"POST / HTTP/1.1\r\nHost: {API}\r\nAuthorization: Bearer {credential}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n".encode())
        wait_until(lambda: value.encode() in ORIGINS[API].raw, what="the request")
        return client

    def test_a_token_does_not_give_way_while_a_request_that_it_was_put_into_goes_on(self):
        seen = json.loads(self.log_in(json.dumps({"access_token": token("held")}))[1])["access_token"]
        client = self.begin_echo(seen, token("held"))
        for i in range(70):
            self.assertEqual(self.log_in(json.dumps({"access_token": token(f"push{i}")}))[0], 200)
        client.send(b"0\r\n\r\n")
        status, _, answer = client.response()[:3]
        client.close()
        self.assertEqual((status, answer), (200, f"Bearer {seen}".encode()))
        # Now it may.
        self.log_in(json.dumps({"access_token": token("one-more")}))

    def test_requests_that_go_on_for_long_hold_a_bounded_number_of_generations(self):
        # In a sandbox of its own, which keeps no other tokens: locked memory may be scarce.
        self.box = Sandbox(WORLD, POLICY)
        self.inside = Puppet(self.box, env=ENV)
        self.addCleanup(self.inside.close)
        self.client = self.inside.run("import os; result = os.environ['CLIENT']")
        held = []
        for i in range(20):
            client = self.inside.connect(LOGIN)
            request = f"client_secret={self.client}".encode()
            SERVER.type, SERVER.body, SERVER.status = "application/json", json.dumps({"access_token": token(f"gen{i}")}).encode(), "200 OK"
            client.send(f"POST /oauth/token HTTP/1.1\r\nHost: {LOGIN}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(request)}\r\n\r\n".encode() + request)
            raw, _ = client.to_end() if len(held) >= 16 else (None, None)
            if raw is not None:
                self.assertNotIn(b"REAL", raw)
                client.close()
                break
            seen = json.loads(client.response()[2])["access_token"]
            client.close()
            held.append(self.begin_echo(seen, token(f"gen{i}")))
        self.assertEqual(len(held), 16)
        wait_until(lambda: [r for r in self.box.records(kind="http") if "while other requests go on" in (r.get("error") or "")], what="the record")
        for client in held:
            client.send(b"0\r\n\r\n")
            self.assertNotIn(b"REAL", client.response()[2])
            client.close()
        self.assertEqual(self.log_in(json.dumps({"access_token": token("gen-again")}))[0], 200)

    def test_a_placeholder_that_is_newer_than_the_request_is_put_into_its_body(self):
        value = token("newer", 60)
        client = self.inside.connect(API)
        # It is collected, for its digest.
        client.send(f"POST / HTTP/1.1\r\nHost: {API}\r\nContent-Type: application/json\r\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\nContent-Length: 80\r\n\r\n".encode())
        seen = json.loads(self.log_in(json.dumps({"access_token": value}))[1])["access_token"]
        client.send(json.dumps({"t": seen}).encode().ljust(80))
        status = client.response()[0]
        client.close()
        self.assertEqual(status, 200)
        body = json.dumps({"t": value}).encode().ljust(80)
        self.assertIn(body, ORIGINS[API].raw)
        self.assertIn(b"Content-MD5: " + base64.b64encode(hashlib.md5(body).digest()), ORIGINS[API].raw)

    def test_bodies_that_are_collected_are_bounded_together(self):
        held, refused = [], None
        piece = b"x" * 65000
        while refused is None and len(held) < 600:
            client = self.inside.connect(LOGIN)
            # It is collected, for its digest, and does not end.
            client.send(f"POST /oauth/x HTTP/1.1\r\nHost: {LOGIN}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\nContent-Length: 65536\r\n\r\n".encode() + piece)
            held.append(client)
            if len(held) > (32 << 20) // len(piece):
                refused = client.response()[0]
        self.assertEqual((len(held), refused), ((32 << 20) // len(piece) + 1, 503))
        for client in held:
            client.close()
        wait_until(lambda: self.log_in("{}")[0] == 200, what="room")


if __name__ == "__main__":
    unittest.main(verbosity=2)
