"""Real clients, unmodified, against a real nginx and a real Apache with TLS: each is let through, refused, given its secret in
a header and in Basic, and moves a file in both directions."""
import base64
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import unittest

from lab.apache import Apache
from lab.origins import Nginx
from lab.sandbox import Sandbox
from lab.world import World

SECRET = "sk-proj-0123456789abcdefghijklmnop"
PASSWORD = "pw-0123456789abcdefghijklmnopqrst"
FILE = os.urandom(3 << 20)

POLICY = """
secrets:
  KEY: {from: env, use: [{at: api.example.com, slot: header Authorization}]}
  PASSWORD: {from: env, use: [{at: api.example.com, slot: basic password}, {at: git.example.com, slot: basic password}]}
rules:
  - deny: https://api.example.com/forbidden
    reason: this is forbidden
  - allow: [api.example.com, git.example.com]
"""


class Origins:
    """Made once for the program."""

    @classmethod
    def make(cls):
        cls.world = World()
        cls.nginx = Nginx(cls.world, ["api.example.com"], f"""
            location /files/ {{ alias {cls.world.dir}/files/; }}
            location /upload/ {{ root {cls.world.dir}; dav_methods PUT; }}
            location / {{ return 200 "hello from $host\\n"; }}""")
        (cls.world.dir / "files").mkdir()
        (cls.world.dir / "files" / "file.bin").write_bytes(FILE)
        (cls.world.dir / "upload").mkdir()
        cls.box = Sandbox(cls.world, POLICY)
        (cls.box.work / "file.bin").write_bytes(FILE)

    @classmethod
    def close(cls):
        cls.nginx.close()
        cls.world.close()


def setUpModule():
    Origins.make()


def tearDownModule():
    Origins.close()


class Client:
    """What every client must be able to do. script() is a shell script that makes one request, writes the answer's body to `out`
    whatever its status, and ends with 0 if the client takes it for a success. FIELD is an Authorization field, USER and PASSWORD
    are given to the client to make Basic of (as shell words: they name variables)."""

    ENV = {"KEY": SECRET, "PASSWORD": PASSWORD}

    def setUp(self):
        self.box = Origins.box
        self.box.forget_records()

    def fetch(self, url, **wanted):
        """(whether it succeeded, the body, what was printed)"""
        out = self.box.work / "out"
        out.unlink(missing_ok=True)
        result = self.box.sh(self.script(url, **wanted), env=self.ENV)
        return result.returncode == 0, out.read_bytes() if out.exists() else b"", result.stdout + result.stderr

    def last_request(self):
        return Origins.nginx.requests()[-1]

    def test_an_allowed_request_is_answered(self):
        good, body, printed = self.fetch("https://api.example.com/allowed")
        self.assertTrue(good, printed)
        self.assertEqual(body, b"hello from api.example.com\n", printed)
        record = self.box.records(kind="http")[-1]
        self.assertEqual((record["verdict"], record["host"], record["http"]["path"], record["http"]["status"]),
                         ("allow", "api.example.com", "/allowed", 200))

    def test_a_denied_request_is_told_why(self):
        before = len(Origins.nginx.requests())
        good, body, printed = self.fetch("https://api.example.com/forbidden")
        self.assertFalse(good, printed)
        self.assertEqual(json.loads(body)["sallyport"]["reason"], "this is forbidden", printed)
        self.assertEqual(len(Origins.nginx.requests()), before)
        self.assertEqual(self.box.records(kind="http")[-1]["verdict"], "deny")

    def test_a_host_that_no_rule_names_is_told_of(self):
        good, body, printed = self.fetch("https://other.example.com/")
        self.assertFalse(good, printed)
        self.assertIn("no rule allows other.example.com", json.loads(body)["sallyport"]["reason"], printed)
        self.assertNotIn("other.example.com", [name for name, _ in Origins.world.names.questions])

    def test_a_secret_goes_into_a_header(self):
        good, _, printed = self.fetch("https://api.example.com/header", field="Bearer $KEY")
        self.assertTrue(good, printed)
        self.assertEqual(self.last_request()["authorization"], f"Bearer {SECRET}")
        self.assertEqual(self.box.records(kind="http")[-1]["secrets"], [{"name": "KEY", "slot": "header Authorization"}])

    def test_a_secret_goes_into_basic(self):
        good, _, printed = self.fetch("https://api.example.com/basic", user="someone", password="$PASSWORD")
        self.assertTrue(good, printed)
        self.assertEqual(self.last_request()["authorization"], basic("someone", PASSWORD))
        self.assertEqual(self.box.records(kind="http")[-1]["secrets"], [{"name": "PASSWORD", "slot": "basic password"}])

    def test_a_file_is_uploaded_whole(self):
        target = Origins.world.dir / "upload" / type(self).__name__
        good, _, printed = self.fetch(f"https://api.example.com/upload/{target.name}", upload="file.bin")
        self.assertTrue(good, printed)
        self.assertEqual(digest(target.read_bytes()), digest(FILE))
        self.assertEqual(self.box.records(kind="http")[-1]["http"]["request_bytes"], len(FILE))

    def test_a_file_is_downloaded_whole(self):
        good, body, printed = self.fetch("https://api.example.com/files/file.bin")
        self.assertTrue(good, printed)
        self.assertEqual(digest(body), digest(FILE))
        self.assertEqual(self.box.records(kind="http")[-1]["http"]["response_bytes"], len(FILE))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Curl(Client, unittest.TestCase):
    def script(self, url, field=None, user=None, password=None, upload=None):
        options = ["-sS", "--fail-with-body", "-o", "out"]
        if upload:
            options += ["-T", upload]
        return (f"curl {shlex.join(options)} " + (f'-H "Authorization: {field}" ' if field else "")
                + (f'-u "{user}:{password}" ' if user else "") + url)


class Wget(Client, unittest.TestCase):
    def script(self, url, field=None, user=None, password=None, upload=None):
        return ("wget -nv -O out --content-on-error " + (f'--header="Authorization: {field}" ' if field else "")
                + (f'--auth-no-challenge --user={user} --password="{password}" ' if user else "")
                + (f"--method=PUT --body-file={upload} " if upload else "") + url)


class ByScript(Client):
    """A client that is given its wishes as arguments: URL FIELD USER PASSWORD UPLOAD."""

    def script(self, url, field="", user="", password="", upload=""):
        (self.box.work / self.NAME).write_text(self.SOURCE)
        return f'{self.RUN} {url} "{field}" "{user}" "{password}" "{upload}"'


class PythonUrllib(ByScript, unittest.TestCase):
    NAME, RUN = "fetch_urllib.py", "/usr/bin/python3 fetch_urllib.py"
    SOURCE = """
import base64, sys, urllib.error, urllib.request
url, field, user, password, upload = sys.argv[1:]
request = urllib.request.Request(url)
if upload:
    request = urllib.request.Request(url, data=open(upload, "rb").read(), method="PUT")
if field:
    request.add_header("Authorization", field)
opener = urllib.request.build_opener()
if user:
    passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
    passwords.add_password(None, url, user, password, is_authenticated=True)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
try:
    answer, status = opener.open(request), 0
except urllib.error.HTTPError as error:
    answer, status = error, 1
open("out", "wb").write(answer.read())
sys.exit(status)
"""


class PythonRequests(ByScript, unittest.TestCase):
    NAME, RUN = "fetch_requests.py", "/usr/bin/python3 fetch_requests.py"
    SOURCE = """
import sys, requests
url, field, user, password, upload = sys.argv[1:]
answer = requests.request("PUT" if upload else "GET", url, headers={"Authorization": field} if field else {},
                          auth=(user, password) if user else None, data=open(upload, "rb") if upload else None)
open("out", "wb").write(answer.content)
sys.exit(not answer.ok)
"""


class NodeFetch(ByScript, unittest.TestCase):
    NAME, RUN = "fetch.mjs", "node fetch.mjs"
    SOURCE = """
import { readFileSync, writeFileSync } from "node:fs";
const [url, field, user, password, upload] = process.argv.slice(2);
const authorization = field || (user ? "Basic " + btoa(`${user}:${password}`) : undefined);
const answer = await fetch(url, { method: upload ? "PUT" : "GET", headers: authorization ? { authorization } : {},
                                  body: upload ? readFileSync(upload) : undefined });
writeFileSync("out", Buffer.from(await answer.arrayBuffer()));
process.exit(answer.ok ? 0 : 1);
"""


class NodeHttps(ByScript, unittest.TestCase):
    NAME, RUN = "https.mjs", "node https.mjs"
    SOURCE = """
import https from "node:https";
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
const [url, field, user, password, upload] = process.argv.slice(2);
const request = https.request(url, { method: upload ? "PUT" : "GET", headers: field ? { authorization: field } : {},
                                     auth: user ? `${user}:${password}` : undefined });
request.on("response", async (answer) => {
  await pipeline(answer, createWriteStream("out"));
  process.exit(answer.statusCode < 300 ? 0 : 1);
});
if (upload) createReadStream(upload).pipe(request); else request.end();
"""


class OpensslSClient(ByScript, unittest.TestCase):
    """Python speaks HTTP here, and openssl s_client the TLS."""
    NAME, RUN = "s_client.py", "/usr/bin/python3 s_client.py"
    SOURCE = """
import base64, subprocess, sys
url, field, user, password, upload = sys.argv[1:]
host, path = url.removeprefix("https://").split("/", 1)
if user:
    field = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
data = open(upload, "rb").read() if upload else b""
head = f"{'PUT' if upload else 'GET'} /{path} HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n"
head += (f"Authorization: {field}\\r\\n" if field else "") + (f"Content-Length: {len(data)}\\r\\n" if upload else "") + "\\r\\n"
client = subprocess.run(["openssl", "s_client", "-quiet", "-ign_eof", "-verify_return_error", "-verify_hostname", host, "-servername",
                         host, "-connect", host + ":443"], input=head.encode() + data, stdout=subprocess.PIPE)
answer, body = client.stdout.split(b"\\r\\n\\r\\n", 1)
if b"chunked" in answer:
    raise SystemExit("a body in chunks")
open("out", "wb").write(body)
sys.exit(client.returncode or not answer.startswith(b"HTTP/1.1 2"))
"""


JAVA = shutil.which("java") and shutil.which("javac")


@unittest.skipUnless(JAVA, "NOT RUN: there is no JDK on this machine")
class Java(ByScript, unittest.TestCase):
    """java.net.http, which reads the trust store that JAVA_TOOL_OPTIONS names."""
    NAME, RUN = "Fetch.java", "java -XX:TieredStopAtLevel=1 -cp . Fetch"
    SOURCE = """
import java.net.*;
import java.net.http.*;
import java.nio.file.*;
import java.util.Base64;

public class Fetch {
    public static void main(String[] wanted) throws Exception {
        String field = wanted[1], user = wanted[2], upload = wanted[4];
        if (!user.isEmpty())
            field = "Basic " + Base64.getEncoder().encodeToString((user + ":" + wanted[3]).getBytes());
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(wanted[0]));
        if (!field.isEmpty())
            request.header("Authorization", field);
        if (!upload.isEmpty())
            request.PUT(HttpRequest.BodyPublishers.ofFile(Path.of(upload)));
        HttpResponse<Path> answer = HttpClient.newHttpClient().send(request.build(),
            HttpResponse.BodyHandlers.ofFile(Path.of("out")));
        System.exit(answer.statusCode() < 300 ? 0 : 1);
    }
}
"""

    @classmethod
    def setUpClass(cls):
        source = Origins.box.work / cls.NAME
        source.write_text(cls.SOURCE)
        subprocess.run(["javac", "-d", source.parent, source], check=True)


class Git(unittest.TestCase):
    """git over HTTPS, against Apache and git http-backend, which asks for a password."""

    @classmethod
    def setUpClass(cls):
        cls.apache = Apache(Origins.world, "git.example.com", """
            SetEnv GIT_PROJECT_ROOT {dir}/git
            SetEnv GIT_HTTP_EXPORT_ALL
            ScriptAlias /public/ /usr/lib/git-core/git-http-backend/
            ScriptAlias /private/ /usr/lib/git-core/git-http-backend/
            <Directory /usr/lib/git-core>
            Require all granted
            </Directory>
            <Location /private/>
            AuthType Basic
            AuthName git
            AuthUserFile {passwords}
            Require valid-user
            </Location>""", users=[("robot", PASSWORD)])
        cls.repository = cls.apache.dir / "git" / "project.git"
        cls.make_repository()
        cls.box = Origins.box

    @classmethod
    def tearDownClass(cls):
        cls.apache.close()

    @classmethod
    def make_repository(cls):
        work = cls.apache.dir / "seed"
        script = f"""set -e
            git init -q --bare -b main {cls.repository}
            git -C {cls.repository} config http.receivepack true
            git clone -q {cls.repository} {work}
            cd {work}
            head -c 5000000 /dev/urandom >big
            git add big
            git -c user.name=a -c user.email=a@example.com commit -q -m first
            git push -q origin HEAD:main"""
        subprocess.run(["sh", "-c", script], check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}, capture_output=True)
        cls.apache.own(cls.apache.dir / "git")

    def git(self, script, password=PASSWORD):
        return self.box.sh(f"export GIT_TERMINAL_PROMPT=0; {script}", env={"KEY": SECRET, "PASSWORD": password})

    def head(self):
        return subprocess.run(["git", "-c", "safe.directory=*", "-C", self.repository, "log", "-1", "--format=%s"], capture_output=True,
                              text=True).stdout.strip()

    def test_clone(self):
        result = self.git("git clone -q https://git.example.com/public/project.git cloned && git -C cloned log --format=%s -1 "
                          "&& git -C cloned fsck --full --strict")
        self.assertEqual((result.returncode, result.stdout), (0, "first\n"), result.stderr)

    def test_push_with_the_secret_in_basic(self):
        result = self.git("""set -e
            git clone -q "https://robot:$PASSWORD@git.example.com/private/project.git" pushed
            cd pushed
            head -c 3000000 /dev/urandom >more
            git add more
            git -c user.name=a -c user.email=a@example.com commit -q -m second
            git push -q origin HEAD:main
            grep -c sallyport .git/config || true""")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.head(), "second")
        self.assertIn(basic("robot", PASSWORD), {r["authorization"] for r in self.apache.requests()})
        self.assertNotIn(PASSWORD, (self.box.work / "pushed" / ".git" / "config").read_text())

    def test_push_with_the_wrong_secret_is_refused_by_the_origin(self):
        result = self.git('git ls-remote "https://robot:$PASSWORD@git.example.com/private/project.git"', password="wrong-" + PASSWORD)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("Authentication failed", result.stderr)

    def test_clone_from_a_host_that_is_not_allowed_says_so(self):
        result = self.git("git clone -q https://github.example.org/x/y.git")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("403", result.stderr)


class Apt(unittest.TestCase):
    """apt over plain HTTP."""

    @classmethod
    def setUpClass(cls):
        world = Origins.world
        cls.apache = Apache(world, "mirror.example.com", plain=True)
        tree = world.dir / "package" / "DEBIAN"
        tree.mkdir(parents=True)
        (tree / "control").write_text("Package: a-test\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@example.com>\n"
                                      "Description: a test\n")
        subprocess.run(["dpkg-deb", "-b", str(tree.parent), str(cls.apache.root / "a-test.deb")], check=True, capture_output=True)
        package = (cls.apache.root / "a-test.deb").read_bytes()
        (cls.apache.root / "Packages").write_text((tree / "control").read_text() + f"Filename: ./a-test.deb\nSize: {len(package)}\n"
                                                  f"SHA256: {hashlib.sha256(package).hexdigest()}\n\n")

    @classmethod
    def tearDownClass(cls):
        cls.apache.close()

    def apt(self, source):
        box = Sandbox(Origins.world, "rules: [{allow: 'http://mirror.example.com/**', methods: [GET, HEAD]}]")
        return box, box.sh(f"""mkdir -p apt/lists/partial apt/archives/partial apt/etc/preferences.d apt/etc/apt.conf.d
            echo 'deb [trusted=yes] {source} ./' >apt/sources
            touch apt/status
            options="-o Dir::Etc=$PWD/apt/etc -o Dir::Etc::sourcelist=$PWD/apt/sources -o Dir::Etc::sourceparts=-
                -o Dir::State=$PWD/apt -o Dir::State::status=$PWD/apt/status -o Dir::Cache=$PWD/apt"
            apt-get $options update && apt-get $options download a-test && dpkg-deb -f a-test_1.0_all.deb Package""")

    def test_update_and_download(self):
        box, result = self.apt("http://mirror.example.com/")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertTrue(result.stdout.endswith("a-test\n"), result.stdout)
        self.assertNotIn("deny", {r["verdict"] for r in box.records(kind="http")})

    def test_another_mirror_is_refused_and_apt_says_why(self):
        _, result = self.apt("http://elsewhere.example.com/")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("403", result.stdout + result.stderr)


@unittest.skipUnless(shutil.which("npm"), "npm is not installed")
class Npm(unittest.TestCase):
    """npm against a registry that wants a token."""

    TOKEN = "npm_0123456789abcdefghijklmnopqrstuvwxyz"
    HOST = "registry.example.com"

    @classmethod
    def setUpClass(cls):
        world = Origins.world
        tree = world.dir / "a-package" / "package"
        tree.mkdir(parents=True)
        (tree / "package.json").write_text(json.dumps({"name": "a-package", "version": "1.0.0", "main": "index.js"}))
        (tree / "index.js").write_text("module.exports = 'from the package';\n")
        tarball = world.dir / "a-package-1.0.0.tgz"
        subprocess.run(["tar", "-czf", tarball, "-C", tree.parent, "package"], check=True)
        digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
        about = {"name": "a-package", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
            "name": "a-package", "version": "1.0.0", "dist": {"tarball": f"https://{cls.HOST}/a-package/-/a-package-1.0.0.tgz", "integrity": f"sha512-{digest}"}}}}
        guard = f'if ($http_authorization != "Bearer {cls.TOKEN}") {{ return 401; }}'
        cls.nginx = Nginx(world, [cls.HOST], f"""
            location = /a-package {{ {guard} default_type application/json; return 200 '{json.dumps(about)}'; }}
            location = /a-package/-/a-package-1.0.0.tgz {{ {guard} alias {tarball}; }}""", h2=True)
        cls.box = Sandbox(world, f"secrets: {{NPM_TOKEN: {{from: env, use: [{{at: {cls.HOST}, slot: header Authorization}}]}}}}\n"
                                 f"rules: [{{allow: {cls.HOST}, methods: [GET, HEAD]}}]")

    @classmethod
    def tearDownClass(cls):
        cls.nginx.close()

    def install(self, registry):
        (self.box.work / ".npmrc").write_text(f"registry=https://{registry}/\n//{registry}/:_authToken=${{NPM_TOKEN}}\naudit=false\nfund=false\n"
                                              "update-notifier=false\nfetch-retries=0\n")
        return self.box.sh("npm install --no-package-lock a-package && node -p 'require(\"a-package\")'", env={"NPM_TOKEN": self.TOKEN})

    def test_install_with_a_token(self):
        result = self.install(self.HOST)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertTrue(result.stdout.endswith("from the package\n"), result.stdout)
        self.assertEqual({s["name"] for r in self.box.records(kind="http") for s in r["secrets"]}, {"NPM_TOKEN"})

    def test_from_another_registry_is_refused(self):
        result = self.install("elsewhere.example.com")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("403", result.stderr)


class ManyAtOnce(unittest.TestCase):
    """A thousand requests at the same time, by clients that are made for it."""

    def setUp(self):
        self.box = Origins.box
        self.box.forget_records()

    def assert_all_recorded(self, count):
        records = self.box.records(kind="http")
        self.assertEqual(len(records), count)
        self.assertEqual({(r["verdict"], r["http"]["status"]) for r in records}, {("allow", 200)})
        self.assertEqual(len({r["http"]["path"] for r in records}), count)

    def test_a_thousand_by_curl(self):
        result = self.box.sh('curl -sS --parallel --parallel-immediate --parallel-max 300 -o /dev/null -w "%{http_code}\n" '
                             '"https://api.example.com/[1-1000]" | sort | uniq -c', env=Client.ENV)
        others = [r for r in self.box.records() if r["kind"] not in ("http", "dns")]
        self.assertEqual(result.stdout.split(), ["1000", "200"], f"{result.stderr[-500:]} {others}")
        self.assert_all_recorded(1000)

    def test_a_thousand_by_node(self):
        (self.box.work / "many.mjs").write_text("""
const answers = await Promise.all([...Array(1000).keys()].map((i) => fetch(`https://api.example.com/${i}`).then(async (answer) =>
  [answer.status, await answer.text()].join(" "))));
console.log(answers.length, new Set(answers).size, answers[0]);
process.exit(0);
""")
        result = self.box.run(["node", "many.mjs"], env=Client.ENV)
        self.assertEqual(result.stdout.split("\n")[0], "1000 1 200 hello from api.example.com", result.stderr)
        self.assert_all_recorded(1000)


if __name__ == "__main__":
    if not JAVA:
        print("NOT RUN: Java, as there is no JDK on this machine", file=sys.stderr)
    unittest.main(verbosity=2)
