"""Slots in bodies: what a real origin gets, over HTTP/1.1 and HTTP/2 on either leg, with its length and digests."""
import base64
import functools
import gzip
import hashlib
import itertools
import json
import subprocess
import unittest
import zlib
from pathlib import Path

import brotli

from lab import origins, processes
from lab.namespaces import end, wait_until
from lab.sandbox import SANITIZED, Sandbox
from lab.world import World

HOSTS = {"1.1": "one.example.com", "2": "two.example.com"}
VALUES = {"JSON": 'json "REAL" \\ value/', "FORM": "form+REAL value&=%", "BODY": "sk-BODYREALBODYREALBODY0001", "STRIP": "stripREALstripREAL01",
          "STRICT": "strictREALstrictREAL01", "SAME": "sk-SAMEREALSAMEREALSAME0001"}
TEMPLATE = """
secrets:
  JSON: {from: env, use: [{at: https://HOST/json/**, methods: [POST, PUT], slot: json /auth/keys/1}]}
  FORM: {from: env, use: [{at: https://HOST/form/**, methods: POST, slot: 'form client[secret]'}]}
  BODY: {from: env, placeholder: 'body-{random:40}', use: [{at: https://HOST/body/**, methods: [POST, PUT], slot: body}]}
  SAME: {from: env, use: [{at: https://HOST/same/**, methods: [POST, PUT], slot: json /key}]}
  STRICT: {from: env, misuse: strict, use: [{at: https://HOST/body/**, slot: header X-Strict}]}
rules:
  - {allow: HOST, methods: [GET, POST, PUT]}
"""
STRIPS = """
secrets:
  STRIP: {from: env, misuse: strip, use: [{at: HOST, slot: header X-Strip}]}
rules: [{allow: HOST, methods: [GET, POST, PUT]}]
"""


class Origin:
    """Node's server for one version of HTTP: what it got of each request."""

    def __init__(self, world, host, version):
        self.folder = world.dir / f"node-{version}"
        self.folder.mkdir()
        self.count = 0
        address = world.name(host)
        script = Path(origins.__file__).with_name("origin_body.js")
        self.process = world.space.spawn(["node", script, *world.pair(host), address, "443", self.folder, version])
        wait_until(origins.can_connect(world, address, 443), 30, what="node")

    @property
    def got(self):
        found = []
        for path in sorted(self.folder.glob("*.json"), key=lambda p: int(p.stem)):
            facts = json.loads(path.read_text())
            if "aborted" in facts:
                continue
            facts["body"] = path.with_suffix(".body").read_bytes()
            found.append(facts)
        return found

    def close(self):
        end(self.process)


def setUpModule():
    global WORLD, ORIGINS, BOXES, STRIPPED
    WORLD = World()
    ORIGINS = {version: Origin(WORLD, host, version) for version, host in HOSTS.items()}
    BOXES = {version: Sandbox(WORLD, TEMPLATE.replace("HOST", host)) for version, host in HOSTS.items()}
    STRIPPED = {version: Sandbox(WORLD, STRIPS.replace("HOST", host)) for version, host in HOSTS.items()}


def tearDownModule():
    for origin in ORIGINS.values():
        origin.close()
    WORLD.close()


def on_every_pair_of_legs(test):
    @functools.wraps(test)
    def run(self):
        for client, version in itertools.product(("1.1", "2"), HOSTS):
            with self.subTest(client=client, origin=version):
                test(self, client, version)
    return run


class Bodies(unittest.TestCase):
    def post(self, client, version, path, script, arguments="", expected="200", boxes=None):
        """Runs SCRIPT, Python that makes `body` from the placeholders in `env`, and posts what it made. What the origin got, the
        placeholders, and the record."""
        box = (boxes or BOXES)[version]
        before = len(ORIGINS[version].got)
        prepare = ("import json, os, gzip, zlib, base64, urllib.parse, hashlib\nenv = os.environ\n" + script +
                   "\nopen('body', 'wb').write(body if isinstance(body, bytes) else body.encode())\n"
                   "json.dump({k: v for k, v in env.items()}, open('env', 'w'))\n")
        (box.work / "prepare.py").write_text(prepare)
        result = box.sh(f"/usr/bin/python3 prepare.py && curl -sS -g -o answer -w '%{{http_code}}' --http{client} --data-binary @body {arguments} "
                        f"https://{HOSTS[version]}{path}", env=VALUES)
        self.assertEqual(result.stdout, expected, result.stderr + ((box.work / "answer").read_text() if (box.work / "answer").exists() else ""))
        record = box.records(kind="http")[-1]
        env = json.loads((box.work / "env").read_text())
        text = box.audit_path.read_text()
        for name, value in VALUES.items():
            self.assertNotIn(value, text)
            self.assertNotEqual(env.get(name), value)
        if expected != "200":
            self.assertEqual(len(ORIGINS[version].got), before)
            return None, env, record
        return wait_until(lambda: ORIGINS[version].got[before:], what="the request")[0], env, record

    def assert_length(self, got):
        if "content-length" in got["fields"]:
            self.assertEqual(int(got["fields"]["content-length"]), got["bytes"])

    @on_every_pair_of_legs
    def test_json(self, client, version):
        got, env, record = self.post(client, version, "/json/x", """
body = json.dumps({"a": [1, 2.5e3, None, True], "auth": {"keys": ["x", "Bearer " + env["JSON"] + "!"], "other": env["JSON"]}, "text": env["JSON"]}, indent=1)
""", "-H 'Content-Type: application/json; charset=utf-8'")
        document = json.loads(got["body"])
        self.assertEqual(document["auth"]["keys"], ["x", f"Bearer {VALUES['JSON']}!"])
        self.assertEqual((document["auth"]["other"], document["text"]), (env["JSON"], env["JSON"]))
        self.assertEqual(record["secrets"], [{"name": "JSON", "slot": "json /auth/keys/1"}])
        self.assertEqual(record["misuse"], [{"name": "JSON", "place": "body", "action": "passed"}])
        self.assertIn("content-length", got["fields"])
        self.assert_length(got)

    @on_every_pair_of_legs
    def test_form(self, client, version):
        got, _, record = self.post(client, version, "/form/x", """
body = "grant_type=client_credentials&client%5Bsecret%5d=" + env["FORM"] + "&scope=a+b"
""")
        self.assertEqual(got["body"], b"grant_type=client_credentials&client%5Bsecret%5d=form%2BREAL%20value%26%3D%25&scope=a+b")
        self.assertEqual(record["secrets"], [{"name": "FORM", "slot": "form client[secret]"}])
        self.assert_length(got)

    @on_every_pair_of_legs
    def test_multipart(self, client, version):
        box = BOXES[version]
        before = len(ORIGINS[version].got)
        result = box.sh(f"""printf 'file with %s' "$FORM" >file
curl -sS --http{client} --form-string "client[secret]=<$FORM>" -F a=b -F "file=@file;type=text/plain" -F c=d https://{HOSTS[version]}/form/x >&2; echo "$FORM" """, env=VALUES)
        placeholder = result.stdout.strip()
        got = wait_until(lambda: ORIGINS[version].got[before:], what="the request")[0]
        self.assertIn(f"\r\n\r\n<{VALUES['FORM']}>\r\n".encode(), got["body"])
        self.assertIn(f"\r\n\r\nfile with {placeholder}\r\n".encode(), got["body"])
        self.assertTrue(got["body"].endswith(b"--\r\n"))
        self.assert_length(got)

    @on_every_pair_of_legs
    def test_anywhere(self, client, version):
        got, _, record = self.post(client, version, "/body/soap", """
body = "<Password>" + env["BODY"] + "</Password><Again>" + env["BODY"] + "</Again>"
""", "-H 'Content-Type: text/xml'")
        self.assertEqual(got["body"].decode(), f"<Password>{VALUES['BODY']}</Password><Again>{VALUES['BODY']}</Again>")
        self.assertEqual(record["secrets"], [{"name": "BODY", "slot": "body"}])
        self.assertIn("content-length", got["fields"])
        self.assert_length(got)

    @on_every_pair_of_legs
    def test_a_body_of_which_nothing_is_known_or_that_is_empty_passes_as_it_is(self, client, version):
        for script in ("body = b''", "body = bytes(range(256)) * 100", "body = b'{' * 200", "body = json.dumps({'a': 1})"):
            got, _, record = self.post(client, version, "/json/x", script + "\nopen('copy', 'wb').write(body if isinstance(body, bytes) else body.encode())",
                                       "-H 'Content-Type: application/json'")
            self.assertEqual(got["body"], (BOXES[version].work / "copy").read_bytes())
            self.assertEqual(record["secrets"], [])
            self.assert_length(got)

    @on_every_pair_of_legs
    def test_a_placeholder_of_the_values_length_leaves_the_length_as_it_was(self, client, version):
        got, env, _ = self.post(client, version, "/same/x", 'body = json.dumps({"pad": "x" * 300000, "key": env["SAME"]})', "-H 'Content-Type: application/json'")
        self.assertEqual(len(env["SAME"]), len(VALUES["SAME"]))
        self.assertIn("content-length", got["fields"])
        self.assert_length(got)
        self.assertEqual(json.loads(got["body"])["key"], VALUES["SAME"])

    @on_every_pair_of_legs
    def test_a_long_one_is_framed_anew(self, client, version):
        got, _, _ = self.post(client, version, "/body/long", 'body = "x" * 200000 + env["BODY"] + "y" * 200000', "-H 'Content-Type: text/plain'")
        self.assertEqual(got["body"].decode(), "x" * 200000 + VALUES["BODY"] + "y" * 200000)
        self.assert_length(got)

    @on_every_pair_of_legs
    def test_one_that_comes_in_chunks(self, client, version):
        got, _, _ = self.post(client, version, "/body/chunks", 'body = "x" * 100000 + env["BODY"]', "-H 'Transfer-Encoding: chunked' -H 'Content-Type: text/plain'")
        self.assertEqual(got["body"].decode(), "x" * 100000 + VALUES["BODY"])

    @on_every_pair_of_legs
    def test_one_that_waits_for_leave(self, client, version):
        for size in (10, 100000):
            got, _, _ = self.post(client, version, "/body/expect", f'body = "x" * {size} + env["BODY"]', "-H 'Expect: 100-continue' -H 'Content-Type: text/plain'")
            self.assertTrue(got["body"].decode().endswith(VALUES["BODY"]))
            self.assert_length(got)

    @on_every_pair_of_legs
    def test_coded_bodies(self, client, version):
        codings = {"gzip": gzip.decompress, "deflate": zlib.decompress, "br": brotli.decompress}
        for coding, decode in codings.items():
            for size in (10, 300000):
                script = f"""
import sys; sys.path.append("/usr/lib/python3/dist-packages")
import brotli
text = ("x" * {size} + "<" + env["BODY"] + ">").encode()
body = {{"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}}["{coding}"](text)
"""
                got, _, record = self.post(client, version, "/body/coded", script, f"-H 'Content-Encoding: {coding}' -H 'Content-Type: text/plain'")
                self.assertEqual(decode(got["body"]).decode(), "x" * size + f"<{VALUES['BODY']}>")
                self.assertEqual(got["fields"]["content-encoding"], coding)
                self.assert_length(got)
                self.assertEqual(record["secrets"], [{"name": "BODY", "slot": "body"}])

    @on_every_pair_of_legs
    def test_what_cannot_be_decoded_is_refused(self, client, version):
        for coding, script, status in (("snappy", "body = b'x'", "415"), ("gzip", "body = b'x' * 100", "400"), ("gzip", "body = gzip.compress(b'x' * 1000)[:-5]", "400"),
                                       ("gzip", "body = gzip.compress(b'x') + b'more'", "400"), ("gzip", "body = gzip.compress(bytes(1 << 26))", "400")):
            _, _, record = self.post(client, version, "/body/coded", script, f"-H 'Content-Encoding: {coding}'", expected=status)
            self.assertIn("cannot be looked through", record["reason"])

    @on_every_pair_of_legs
    def test_digests_are_computed_anew(self, client, version):
        script = """
body = '{"key": "' + env["BODY"] + '"}'
"""
        raw = 'h() { openssl dgst -$1 -binary body | base64 -w0; }; '
        box = BOXES[version]
        before = len(ORIGINS[version].got)
        (box.work / "prepare.py").write_text("import os\nenv = os.environ" + script + "\nopen('body', 'w').write(body)")
        result = box.sh(raw + f"""/usr/bin/python3 prepare.py; curl -sS --http{client} --data-binary @body -H "Content-MD5: $(h md5)" -H "Digest: SHA-256=$(h sha256),md5=$(h md5)" \
-H "Content-Digest: sha-512=:$(h sha512):" -H "Repr-Digest: sha-256=:$(h sha256):" https://{HOSTS[version]}/body/digest""", env=VALUES)
        self.assertEqual(result.returncode, 0, result.stderr)
        got = wait_until(lambda: ORIGINS[version].got[before:], what="the request")[0]
        self.assertEqual(got["body"].decode(), f'{{"key": "{VALUES["BODY"]}"}}')

        def digest(name):
            return base64.b64encode(hashlib.new(name, got["body"]).digest()).decode()
        self.assertEqual(got["fields"]["content-md5"], digest("md5"))
        self.assertEqual(got["fields"]["digest"].replace(" ", ""), f"SHA-256={digest('sha256')},md5={digest('md5')}")
        self.assertEqual(got["fields"]["content-digest"], f"sha-512=:{digest('sha512')}:")
        self.assertEqual(got["fields"]["repr-digest"], f"sha-256=:{digest('sha256')}:")

    @on_every_pair_of_legs
    def test_what_vouches_for_the_body_as_it_is_lets_it_pass_or_have_it_refused(self, client, version):
        cases = (("-H 'Digest: unixsum=30637'", "digest", 10), ("-H 'Content-Digest: sha-256=:x:'", "digest", 200000), ("-H 'Content-Range: bytes 0-9/100'", "Content-Range", 10),
                 ("-H 'Signature-Input: sig=()'", "signed", 10), ("-H 'X-Amz-Content-Sha256: 0123'", "signed", 10),
                 ("-H 'Authorization: AWS4-HMAC-SHA256 Credential=x'", "signed", 10))
        for arguments, reason, size in cases:
            got, _, _ = self.post(client, version, "/body/fixed", f"body = 'y' * {size}", arguments)
            self.assertEqual(got["bytes"], size)
            self.assert_length(got)
            _, _, record = self.post(client, version, "/body/fixed", f"body = env['BODY'] + 'y' * {size}", arguments, expected="403")
            self.assertIn(reason, record["reason"])

    @on_every_pair_of_legs
    def test_in_disguise_it_stays_what_it_is(self, client, version):
        for script in ("body = json.dumps({'auth': {'keys': [0, base64.b64encode(env['JSON'].encode()).decode()]}})",
                       "body = json.dumps({'auth': {'keys': [0, ''.join('%%%02x' % ord(c) for c in env['JSON'])]}})",
                       "body = json.dumps({'auth': {'keys': [0, json.dumps(env['JSON'] + chr(228))]}}).replace(env['JSON'][:3], ''.join('\\\\\\\\u%04x' % ord(c) for c in env['JSON'][:3]))"):
            got, _, record = self.post(client, version, "/json/x", script, "-H 'Content-Type: application/json'")
            self.assertEqual(record["secrets"], [], script)
            self.assertEqual([m["action"] for m in record["misuse"]], ["passed"], script)
            self.assertEqual(got["body"], (BOXES[version].work / "body").read_bytes())
        # Escapes of JSON itself are no disguise.
        got, _, _ = self.post(client, version, "/json/x", "body = '{\"auth\": {\"keys\": [0, \"' + ''.join('\\\\u%04x' % ord(c) for c in env['JSON']) + '\"]}}'", "-H 'Content-Type: application/json'")
        self.assertEqual(json.loads(got["body"])["auth"]["keys"], [0, VALUES["JSON"]])

    @on_every_pair_of_legs
    def test_elsewhere_in_the_body_it_is_a_misuse(self, client, version):
        for path, script in (("/json/x", "body = json.dumps({'auth': {'keys': [env['JSON'], 0]}})"), ("/json/x", "body = json.dumps({env['JSON']: {'keys': [0, 1]}})"),
                             ("/json/y", "body = json.dumps([env['JSON']])"), ("/other", "body = json.dumps({'auth': {'keys': [0, env['JSON']]}})"),
                             ("/other", "body = env['BODY']")):
            got, _, record = self.post(client, version, path, script, "-H 'Content-Type: application/json'")
            self.assertEqual(record["secrets"], [])
            self.assertEqual(got["body"], (BOXES[version].work / "body").read_bytes())
            self.assertEqual([m["action"] for m in record["misuse"]], ["passed"])
        for script in ("body = env['STRICT']", "body = 'x' * 300000 + env['STRICT']", "body = base64.b64encode(b'x' + env['STRICT'].encode())"):
            _, _, record = self.post(client, version, "/body/x", script, expected="403")
            self.assertIn("STRICT", record["reason"])

    @on_every_pair_of_legs
    def test_strip_takes_it_out(self, client, version):
        for arguments in ("", "-H 'Content-Type: application/json'", "-H 'Transfer-Encoding: chunked'"):
            got, env, record = self.post(client, version, "/strip", "body = json.dumps({'a': 'x' + env['STRIP'] + 'y'})", arguments, boxes=STRIPPED)
            self.assertEqual(json.loads(got["body"]), {"a": "xy"})
            self.assert_length(got)
            self.assertEqual(record["misuse"], [{"name": "STRIP", "place": "body", "action": "stripped"}])

    @on_every_pair_of_legs
    def test_a_response_to_it_is_scrubbed(self, client, version):
        # The origins answer with no echo; that the exchange counts as one with a secret is what is looked at.
        got, _, _ = self.post(client, version, "/body/x", "body = env['BODY']", "-H 'Accept-Encoding: snappy, gzip' -H 'Range: bytes=0-1'")
        self.assertEqual(got["fields"]["accept-encoding"], "gzip")
        self.assertNotIn("range", got["fields"])


class Requests(unittest.TestCase):
    """Python's requests, with bodies in gzip."""

    def test_gzip_both_ways(self):
        for version in HOSTS:
            box = BOXES[version]
            before = len(ORIGINS[version].got)
            result = box.python("""
import gzip, os, requests, sys
body = gzip.compress(('{"pad": "' + "x" * 100000 + '", "key": "' + os.environ["SAME"] + '"}').encode())
answer = requests.post(sys.argv[1], data=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})
print(answer.status_code, answer.headers.get("Content-Encoding"), answer.text)
""", f"https://{HOSTS[version]}/same/requests", env=VALUES)
            self.assertEqual(result.stdout.split()[:2], ["200", "None"], result.stderr)
            got = wait_until(lambda: ORIGINS[version].got[before:], what="the request")[0]
            self.assertEqual(json.loads(gzip.decompress(got["body"])), {"pad": "x" * 100000, "key": VALUES["SAME"]})


class Large(unittest.TestCase):
    @on_every_pair_of_legs
    def test_a_hundred_megabytes_with_a_slot_near_the_end_in_bounded_memory(self, client, version):
        box = BOXES[version]
        before = len(ORIGINS[version].got)
        script = f"""
import json, os, subprocess, sys
process = subprocess.Popen(["curl", "-sS", "-T", "-", "-X", "POST", "--http{client}", "-H", "Content-Type: application/json", "-H", "Expect:", "https://{HOSTS[version]}/json/big"], stdin=subprocess.PIPE)
process.stdin.write(b'{{"data": ["')
for _ in range(100):
    process.stdin.write(b"0123456789abcdef" * 65536 + b'", "')
process.stdin.write(b'"], "auth": {{"keys": [0, "' + os.environ["JSON"].encode() + b'"]}}}}')
process.stdin.close()
sys.exit(process.wait())
"""
        process = box.start(["/usr/bin/python3", "-c", script], env=VALUES, stdout=subprocess.DEVNULL)
        worker, most = processes.worker_of(process), 0
        while process.poll() is None:
            try:
                most = max(most, processes.status(worker, "VmRSS"))
            except (FileNotFoundError, ProcessLookupError, AttributeError):
                break
        self.assertEqual(process.wait(120), 0)
        got = wait_until(lambda: ORIGINS[version].got[before:], 20, what="the request")[0]
        expected = hashlib.sha256(b'{"data": ["' + (b"0123456789abcdef" * 65536 + b'", "') * 100 + b'"], "auth": {"keys": [0, "' + json.dumps(VALUES["JSON"])[1:-1].encode() + b'"]}}').hexdigest()
        self.assertEqual(got["sha256"], expected)
        if not SANITIZED:
            self.assertLess(most, 64 << 10)


if __name__ == "__main__":
    unittest.main(verbosity=2)
