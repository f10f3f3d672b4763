"""Secrets do not come back: responses of origins that echo what they were sent, in every form, coding and split."""
import gzip
import json
import random
import subprocess
import time
import unittest
import urllib.parse
import zlib

import brotli

from lab.forms import FORMS
from lab.namespaces import wait_until
from lab.origins import ByHand, Nginx, Scripted
from lab.puppet import Puppet
from lab.sandbox import Sandbox
from lab.world import World

HOST, OTHER, EVENTS, H2 = "api.example.com", "other.example.com", "events.example.com", "h2.example.com"
VALUE = "sk-Zq7Rk2/Wm9+Xv4=Tn8Bc3_Hf6~Jd1"
# Of the same length, so that lengths stand; and one of another.
SAME, SHORT = "sk-{random:29}", "short-{random:17}"
ENV = {"KEY": VALUE}
GLUE = b"\n<<--->>\n"


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


CODINGS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd}


def policy(placeholder=SAME, scrub="true", extra=""):
    return (f"secrets:\n  KEY:\n    from: env\n    placeholder: '{placeholder}'\n    scrub: {scrub}\n"
            f"    use: [{{at: {HOST}, slot: header Authorization}}, {{at: {EVENTS}, slot: header Authorization}}, {{at: {H2}, slot: header Authorization}}]\n"
            f"{extra}rules: [{{allow: [{HOST}, {OTHER}, {EVENTS}, {H2}]}}]\n")


def setUpModule():
    global WORLD, ORIGIN, OTHER_ORIGIN
    WORLD = World()
    ORIGIN, OTHER_ORIGIN = Scripted(WORLD, HOST, echo), Scripted(WORLD, OTHER, echo)


def tearDownModule():
    ORIGIN.close()
    OTHER_ORIGIN.close()
    WORLD.close()


def field(head, name):
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name.lower().encode():
            return value.strip()
    return None


def secret_of(head):
    return (field(head, "Authorization") or b"nothing").split(b" ")[-1]


def all_forms(secret):
    return GLUE.join(form(secret) for form in FORMS.values())


def chunks(data, size):
    return b"".join(b"%x\r\n" % len(piece) + piece + b"\r\n" for piece in (data[i:i + size] for i in range(0, len(data), size))) + b"0\r\n\r\n"


# Much that does not shrink, so that the bound on all of it is far away, and then much that does, twice.
BOMB = gzip.compress(gzip.compress(random.Random(1).randbytes(1 << 20)) + gzip.compress(bytes(32 << 20)))


def echo(connection):
    """An origin that gives back what it was sent, as the path says."""
    while True:
        head, _ = connection.read_request()
        if not head:
            return
        target = head.split(b" ")[1].decode()
        options = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))
        secret = secret_of(head)
        if "bomb" in options:
            body = BOMB
        elif options.get("as"):
            body = FORMS[options["as"]](secret)
        else:
            body = all_forms(secret)
        respond(connection, target, options, secret, body)


def respond(connection, target, options, secret, body):
    fields, status = b"", options.get("status", "200").encode()
    for coding in filter(None, options.get("coding", "").split(",")):
        body = CODINGS[coding](body)
    if "told" in options or options.get("coding"):
        fields += b"Content-Encoding: " + options.get("told", options.get("coding", "")).encode() + b"\r\n"
    if "fields" in options:
        fields += (b"Location: https://%s/?token=%s\r\nSet-Cookie: session=%s; Path=/\r\nX-Echo: %s\r\nX-%s: yes\r\n"
                   % (HOST.encode(), FORMS["percent, all, capitals"](secret), secret, FORMS["basic, as a password"](secret),
                      FORMS["hex"](secret)))
    if "early" in options:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </%s>\r\n\r\n" % secret)
    connection.sendall(b"HTTP/1.1 " + status + b" OK\r\n" + fields)
    if "trailer" in options:
        connection.sendall(b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: " + secret + b"\r\n\r\n")
    elif "split" in options:
        connection.sendall(b"Transfer-Encoding: chunked\r\n\r\n" + chunks(body, int(options["split"])))
    elif "slow" in options:
        connection.sendall(b"Content-Length: %d\r\n\r\n" % len(body))
        for i in range(0, len(body), int(options["slow"])):
            connection.sendall(body[i:i + int(options["slow"])])
            time.sleep(0.0005)
    elif "close" in options:
        connection.sendall(b"\r\n" + body)
        connection.close()
    elif target.startswith("/head"):
        connection.sendall(b"Content-Length: %d\r\n\r\n" % len(body))
    elif status != b"304":
        connection.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    else:
        connection.sendall(b"\r\n")


class Scrubbed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.boxes = {}
        cls.same, cls.same_placeholder = cls.enter(policy(SAME))
        cls.short, cls.short_placeholder = cls.enter(policy(SHORT))

    @classmethod
    def enter(cls, text):
        box = Sandbox(WORLD, text)
        inside = Puppet(box, env=ENV)
        cls.boxes[inside] = box
        cls.addClassCleanup(inside.close)
        return inside, inside.run("import os; result = os.environ['KEY']").encode()

    def get(self, inside, placeholder, target, host=HOST, method="GET", fields=""):
        client = inside.connect(host)
        client.send(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {placeholder.decode()}\r\n{fields}\r\n".encode())
        response = client.response(method)
        client.close()
        return response

    def assert_clean(self, text, what=""):
        lower = text.lower()
        for name, form in FORMS.items():
            self.assertNotIn(form(VALUE.encode()).lower(), lower, f"{what}: {name}")

    def test_every_form_is_replaced_and_the_length_right(self):
        for inside, placeholder in ((self.same, self.same_placeholder), (self.short, self.short_placeholder)):
            for name, form in FORMS.items():
                with self.subTest(name, placeholder=placeholder):
                    status, _, body = self.get(inside, placeholder, "/?as=" + urllib.parse.quote(name))[:3]
                    self.assertEqual(status, 200)
                    self.assert_clean(body, name)
                    if name in ("raw", "in quotes", "bearer", "hex", "percent, all, capitals"):
                        self.assertEqual(body, form(placeholder))

    def test_whatever_the_split(self):
        for options in ("split=1", "split=2", "split=3", "split=7", "split=16", "split=1000", "slow=1", "slow=5", "slow=100", "close=1", ""):
            with self.subTest(options):
                status, _, body = self.get(self.same, self.same_placeholder, "/?" + options)[:3]
                self.assertEqual(status, 200)
                self.assert_clean(body, options)
                self.assertEqual(len(body), len(all_forms(VALUE.encode())))
                self.assertEqual(body.count(GLUE), len(FORMS) - 1)

    def test_compressed_bodies_are_looked_through_and_passed_on_without_their_coding(self):
        for coding in ("gzip", "deflate", "br", "zstd", "gzip,br", "zstd,gzip"):
            for options in ("", "&split=1", "&split=10", "&close=1"):
                with self.subTest(coding, options=options):
                    status, fields, body = self.get(self.short, self.short_placeholder, f"/?coding={coding}{options}")[:3]
                    self.assertEqual(status, 200)
                    self.assertNotIn("content-encoding", str(fields).lower())
                    self.assert_clean(body, coding)
                    self.assertEqual(body.count(GLUE), len(FORMS) - 1)

    def test_fields_redirects_cookies_and_informational_responses(self):
        status, fields, body = self.get(self.same, self.same_placeholder, "/?fields=1&early=1&status=302&as=raw")[:3]
        self.assert_clean(str(fields).encode())
        self.assertIn(self.same_placeholder.decode(), str(fields))

    def test_trailers(self):
        client = self.same.connect(HOST)
        client.send(f"GET /?trailer=1 HTTP/1.1\r\nHost: {HOST}\r\nTE: trailers\r\nConnection: TE\r\nAuthorization: {self.same_placeholder.decode()}\r\n\r\n".encode())
        raw = client.until(b"0\r\n") + client.until(b"\r\n\r\n")
        client.close()
        self.assert_clean(raw)
        self.assertIn(b"X-Sum: " + self.same_placeholder, raw)

    def test_error_pages(self):
        for status in ("400", "401", "500"):
            got, _, body = self.get(self.same, self.same_placeholder, f"/?status={status}")[:3]
            self.assertEqual(got, int(status))
            self.assert_clean(body)

    def test_a_coding_that_is_not_known_is_refused(self):
        for told in ("compress", "snappy", "aes128gcm", "gzip, rot13", "gzip;q=1"):
            with self.subTest(told):
                status, _, body = self.get(self.same, self.same_placeholder, "/?told=" + urllib.parse.quote(told))[:3]
                self.assertEqual(status, 502)
                self.assertIn(b"cannot be looked through", body)

    def test_a_body_that_is_not_what_its_coding_says_is_never_passed_on(self):
        for told, options in (("gzip", ""), ("br", ""), ("zstd", ""), ("deflate", ""), ("gzip,gzip", "&coding=gzip")):
            with self.subTest(told):
                client = self.same.connect(HOST)
                client.send(f"GET /?told={told}{options} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {self.same_placeholder.decode()}\r\n\r\n".encode())
                raw = client.to_end()[0]
                client.close()
                self.assert_clean(raw)
                self.assertNotIn(b"\r\n0\r\n\r\n", raw)

    def test_a_part_of_a_body_is_not_asked_for_and_not_taken(self):
        mark = len(ORIGIN.raw)
        self.get(self.same, self.same_placeholder, "/?as=raw", fields="Range: bytes=0-9\r\nIf-Range: \"x\"\r\nA-IM: gzip\r\nAccept-Encoding: zstd, snappy;q=1, *, gzip;q=0.5\r\n")
        head = ORIGIN.connections[-1].raw
        self.assertNotIn(b"ange:", head)
        self.assertNotIn(b"A-IM", head)
        self.assertIn(b"\r\nAccept-Encoding: zstd,gzip;q=0.5\r\n", head)
        self.assertGreater(len(ORIGIN.raw), mark)
        for part in (206, 226):
            status, _, body = self.get(self.same, self.same_placeholder, f"/?as=raw&status={part}&coding=gzip&told=")[:3]
            self.assertEqual(status, 502)
            self.assertIn(b"%d" % part, body)

    def test_P14_a_coding_within_a_coding_that_grows_all_at_once_is_cut_off(self):
        box = self.boxes[self.same]
        result = box.sh(f'curl -sS --http1.1 -o /dev/null -w "%{{size_download}}" -H "Authorization: $KEY" "https://{HOST}/bomb?bomb=1&told=gzip,gzip"', env=ENV)
        self.assertNotEqual(result.returncode, 0)
        self.assertLess(int(result.stdout), 16 << 20)
        wait_until(lambda: [r for r in box.records(kind="http") if "at once" in (r.get("error") or "")], what="the record")

    def test_responses_without_a_body(self):
        status, fields, _ = self.get(self.short, self.short_placeholder, "/head?as=raw", method="HEAD")[:3]
        self.assertEqual(status, 200)
        self.assertNotIn("content-length", str(fields).lower())
        status, fields, _ = self.get(self.same, self.same_placeholder, "/head?as=raw", method="HEAD")[:3]
        self.assertIn(str(len(VALUE)), str(fields))
        self.assertEqual(self.get(self.same, self.same_placeholder, "/?status=304")[0], 304)

    def test_the_record_counts_what_was_taken_out(self):
        box = self.boxes[self.same]
        self.get(self.same, self.same_placeholder, "/counted?as=raw&fields=1")

        def find():
            return [r for r in box.records(kind="http") if r["http"]["path"].startswith("/counted")]
        record = wait_until(find, what="the record")[0]
        self.assertEqual(record["scrubbed"], 5)
        self.assertNotIn(VALUE, json.dumps(record))

    def test_what_an_earlier_request_left_at_the_host_does_not_come_back_either(self):
        """A later request without the placeholder, to the same host."""
        origin = Scripted(WORLD, EVENTS, lambda c: (c.read_head(), c.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Stored: %s\r\n\r\n%s" % (len(VALUE), VALUE.encode(), VALUE.encode()))))
        self.addCleanup(origin.close)
        client = self.same.connect(EVENTS)
        client.send(f"GET / HTTP/1.1\r\nHost: {EVENTS}\r\n\r\n".encode())
        status, fields, body = client.response()[:3]
        client.close()
        self.assertEqual((status, body), (200, self.same_placeholder))
        self.assertNotIn(VALUE, str(fields))

    def test_scrub_fields_leaves_bodies_and_false_leaves_all(self):
        for scrub, in_fields, in_body in (("fields", False, True), ("false", True, True)):
            inside, placeholder = self.enter(policy(SAME, scrub=scrub))
            _, fields, body = self.get(inside, placeholder, "/?as=raw&fields=1")[:3]
            self.assertEqual(f"session={VALUE}" in str(fields), in_fields)
            self.assertEqual(body == VALUE.encode(), in_body)


class Streams(unittest.TestCase):
    def test_server_sent_events_come_one_by_one_and_clean(self):
        origin = ByHand(WORLD, H2)
        self.addCleanup(origin.close)
        box = Sandbox(WORLD, policy(SAME))
        inside = Puppet(box, env=ENV)
        self.addCleanup(inside.close)
        placeholder = inside.run("import os; result = os.environ['KEY']").encode()
        client = inside.connect(H2)
        client.send(f"GET / HTTP/1.1\r\nHost: {H2}\r\nAuthorization: {placeholder.decode()}\r\n\r\n".encode())
        connection = origin.take()
        secret = secret_of(connection.read_head())
        self.assertEqual(secret, VALUE.encode())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.until(b"\r\n\r\n")
        for i in range(20):
            event = b"data: {\"n\": %d, \"key\": \"%s\"}\n\n" % (i, secret)
            connection.sendall(b"%x\r\n%s\r\n" % (len(event), event))
            shown = client.until(b"}\n\n")
            self.assertIn(b"\"n\": %d, \"key\": \"%s\"" % (i, placeholder), shown.replace(b"\r\n", b"") if b"\r\n" in shown else shown)
        connection.sendall(b"0\r\n\r\n")
        client.close()
        origin.forget()

    def test_over_http2_from_nginx_with_gzip(self):
        origin = Nginx(WORLD, ["zip.example.com"], h2=True, http="gzip on; gzip_types *; gzip_min_length 1;",
                       locations='location / { default_type text/plain; return 200 "$http_authorization $http_authorization\\n"; }')
        self.addCleanup(origin.close)
        box = Sandbox(WORLD, policy(SHORT).replace(H2, "zip.example.com"))
        for version in ("--http1.1", "--http2"):
            result = box.sh(f'curl -sS {version} --compressed -D - -H "Authorization: Bearer $KEY" https://zip.example.com/; echo "$KEY"', env=ENV)
            self.assertNotIn(VALUE, result.stdout)
            placeholder = result.stdout.split()[-1]
            self.assertIn(f"Bearer {placeholder} Bearer {placeholder}", result.stdout, result.stderr)

    def test_much_is_scrubbed_in_bounded_memory_at_the_pace_of_the_client(self):
        script = """
import hashlib, os, urllib.request
key = os.environ["KEY"].encode()
request = urllib.request.Request("https://big.example.com/file", headers={"Authorization": os.environ["KEY"], "Accept-Encoding": "gzip"})
total, digest = 0, hashlib.sha256()
with urllib.request.urlopen(request) as response:
    while data := response.read(1 << 16):
        total += len(data)
        digest.update(data)
block = (b"x" * 1000 + key + b"y" * 1000) * 100
print(total, digest.hexdigest() == hashlib.sha256(block * 300).hexdigest())
"""
        block = (b"x" * 1000 + VALUE.encode() + b"y" * 1000) * 100
        whole = block * 300
        squeezed = gzip.compress(whole, 1)

        def serve(connection):
            while connection.read_request()[0]:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(squeezed) + squeezed)
        origin = Scripted(WORLD, "big.example.com", serve)
        self.addCleanup(origin.close)
        box = Sandbox(WORLD, policy(SAME).replace(H2, "big.example.com"))
        result = box.python(script, env=ENV)
        self.assertEqual(result.stdout.split(), [str(len(whole)), "True"], result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
