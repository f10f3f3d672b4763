"""Tokens that a server gives out: what the program sees of them, what goes out for them, and where."""
import base64
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
  PLAIN: {{from: env, use: [{{at: "https://{OTHER}/**", slot: header Authorization}}]}}
rules: [{{allow: [{LOGIN}, {API}, {OTHER}]}}]
"""
ENV = {"CLIENT": VALUE, "PLAIN": "another-REAL-value-02"}


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


def echo(connection):
    """It says what Authorization it got, so that it can be seen whether that comes back."""
    while True:
        head, _ = connection.read_request()
        if not head:
            return
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
        mark = len(ORIGINS[host].connections)
        client = self.inside.connect(host)
        client.send(f"GET / HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {credential}\r\n\r\n".encode())
        status, _, answer = client.response()[:3]
        client.close()
        sent = b"".join(c.raw for c in ORIGINS[host].connections[-1:]).decode("latin-1")
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
                                   ('{"pad": "' + "x" * (300 << 10) + '", "access_token": "%s"}' % token("long"), "application/json", "too long")):
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
