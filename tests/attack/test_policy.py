"""The policy, the log and the authority as targets (threats C*).

C8 is in test_tls_client_side.py too (T11_C8), C12's disk in tests/net/test_audit.py. Not here: what C1 says of a reload and C6 of
approvals (there are neither yet: a policy is read once, and a denial waits for nobody), and decompression (C14: nothing is
decompressed yet; what would have to be is refused, in test_secrets.py).
"""
import json
import os
import re
import shutil
import time
import unittest

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from lab.attacker import Inside, Witness, enter, settle, statuses
from lab.namespaces import wait_until
from lab.origins import answer
from lab.processes import worker_of
from lab.sandbox import SANITIZED, UID, Sandbox
from lab.world import World

HOSTS = ("good.example", "other.example", "inner.wide.example", "secret.example")


def setUpModule():
    global world, origin
    world = World()
    origin = Witness(world, *HOSTS, "*.many.example", "*.wide.example", answers={"secret.example": impostor})


def tearDownModule():
    origin.close()
    world.close()


def impostor(connection):
    while connection.read_head():
        connection.sendall(b"HTTP/1.1 200 OK\r\nSallyport-Verdict: deny\r\nContent-Length: 2\r\n\r\nok")


def get(host, path="/", extra="", method="GET"):
    data = exchange(host, f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{extra}Connection: close\r\n\r\n".encode())[0]
    return int(data[9:12]) if data[9:12].isdigit() else 0, data.decode("latin-1")


def issued_by(leaf, authority):
    try:
        authority.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(leaf.signature_hash_algorithm))
    except InvalidSignature:
        return False
    return leaf.issuer == authority.subject


class Attack(unittest.TestCase):
    def setUp(self):
        self.mark = origin.mark()

    def enter(self, policy="", **options):
        box, inside = enter(world, policy, **options)
        inside.teach(get)
        self.addCleanup(self.leave, inside)
        return box, inside

    def leave(self, inside):
        inside.close()
        self.assertEqual(inside.faults(), [])

    def status(self, inside, host, *arguments):
        return inside.do(get, host, *arguments)[0]

    def refused_at_load(self, policy, pattern, head="sallyport: 1\nname: test\n"):
        """`policy check` and `run` say what is wrong and where; nothing is started."""
        box = Sandbox(world)
        box.policy_path.write_bytes(policy if isinstance(policy, bytes) else (head + policy).encode())
        trace = box.work / "trace"
        checked = box.cli("policy", "check", box.policy_path)
        run = box.run(["touch", trace])
        self.assertEqual((checked.returncode, run.returncode), (1, 125), (policy[:200], checked.stderr[:500], run.stderr[:500]))
        for said in (checked.stdout + checked.stderr, run.stderr):
            self.assertRegex(said, r"policy\.yaml(:\d+:\d+)?: ")
            self.assertRegex(said, pattern or "error")
        self.assertFalse(trace.exists())


class Policy(Attack):
    def test_C1_what_is_loaded_stands_whatever_becomes_of_the_file(self):
        """A bad policy opens nothing, and one that is changed under a sandbox changes nothing for it."""
        box, inside = self.enter("rules: [{allow: good.example}]")
        for text in ("sallyport: 1\nrules: [{allow: '*', wide: true}]\n", "rules: [", ""):
            box.policy_path.write_text(text)
            self.assertEqual([self.status(inside, host) for host in ("good.example", "other.example")], [200, 403])
        box.policy_path.unlink()
        self.assertEqual([self.status(inside, host) for host in ("good.example", "other.example")], [200, 403])
        self.assertEqual(origin.since(self.mark, "other.example"), b"")
        self.refused_at_load("rules: [{allow: good.example}, {alow: other.example}]", "alow")

    def test_C1_the_next_policy_is_not_the_attackers(self):
        """Neither the policy nor a root that it names can be changed, moved away or covered for the next run, by its own name or by
        that of a folder above it."""
        box = Sandbox(world)
        folder = box.home / ".config" / "sallyport"
        folder.mkdir(parents=True)
        box.policy_path = folder / "policy.yaml"
        shutil.copy(world.ca, folder / "roots.pem")
        box.set_policy("rules: [{allow: good.example}]\nnetwork: {ca: [roots.pem]}")
        for path in (box.home / ".config", folder, box.policy_path, folder / "roots.pem"):
            os.chown(path, UID, UID)
        before = {path: path.read_bytes() for path in (box.policy_path, folder / "roots.pem")}
        evil = "sallyport: 1\nrules: [{allow: \"*\", wide: true}]"
        done = box.sh(f"""cd {box.home}
            for f in {box.policy_path} {folder}/roots.pem; do
                echo x >>$f; truncate -s 0 $f; rm -f $f; mv $f $f.old; chmod 666 $f; truncate -s 0 $f; ln -f /etc/passwd $f
                echo x >new; mv -f new $f; unshare -Ur sh -c "mount -o remount,rw $f; umount $f; umount -l $f; echo x >>$f"
            done
            for d in {folder} {box.home}/.config {box.home}; do mv $d $d.old && mkdir -p {folder} && printf '%s' '{evil}' >{box.policy_path}; done
            unshare -Urm sh -c "mv {folder} {folder}.old; umount -l {folder}; umount -l {box.home}/.config; mv {box.home}/.config {box.home}/c2"
            """)
        for path, content in before.items():
            self.assertTrue(path.exists(), done.stderr)
            self.assertEqual(path.read_bytes(), content, path)
            self.assertEqual(path.stat().st_mode & 0o22, 0)

    def test_C10_words_that_other_languages_take_for_something_else_are_names(self):
        """`no` is neither false nor everything."""
        _, inside = self.enter("rules: [{allow: [no, 1e3, yes, off]}]")
        self.assertEqual([self.status(inside, host) for host in HOSTS], [403] * len(HOSTS))

    def test_C2_who_asks_does_not_matter(self):
        for key in ("process", "command", "user", "exe", "pid", "agent"):
            self.refused_at_load(f"rules: [{{allow: good.example, {key}: curl}}]", f'"{key}"')
        box, inside = self.enter("rules: [{allow: good.example}]")

        def disguised():
            import ctypes
            seen = []
            for name in ("curl", "sallyport", "systemd-resolve", "root"):
                ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)
                for host in ("good.example", "other.example"):
                    seen.append(get(host, "/", f"User-Agent: {name}\r\nX-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\nX-Sallyport-Allow: 1\r\n")[0])
            return seen
        self.assertEqual(inside.do(disguised), [200, 403] * 4)
        self.assertEqual(origin.since(self.mark, "other.example"), b"")

    def test_C3_there_is_no_code_in_a_policy(self):
        trace = world.dir / "code-ran"
        box = Sandbox(world, f"""
secrets:
  KEY:
    from: {{exec: [/bin/echo, "$(touch {trace})", "`touch {trace}`;touch {trace}|touch {trace}"]}}
    use: [{{at: good.example, slot: header X-Key}}]
rules: [{{deny: https://good.example/denied, reason: "$(touch {trace}) {{{{7*7}}}} ${{HOME}} %s%n%d"}}, {{allow: good.example}}]
""")
        inside = Inside(box)
        inside.teach(get)
        self.addCleanup(self.leave, inside)
        raw = inside.do(get, "good.example", "/denied")[1]
        self.assertIn(f"$(touch {trace}) {{{{7*7}}}} ${{HOME}} %s%n%d", raw)
        self.assertFalse(trace.exists())
        for text, pattern in (("rules: [{allow: !!python/object/apply:os.system ['id']}]", "tag"), ("rules: !include /etc/passwd", "tag"), ("rules: [{allow: !exec id}]", "tag"),
                              ("secrets: {K: {from: {exec: 'touch x'}, use: [{at: good.example, slot: header A}]}}", "list|sequence"), ("hook: /bin/sh", '"hook"'),
                              ("secrets: {K: {from: env, placeholder: \"{exec:id}\", use: [{at: good.example, slot: header A}]}}", "exec:id")):
            self.refused_at_load(text, pattern)

    def test_C4_what_is_missing_denies(self):
        world.name("private.example", "10.9.8.7")
        for policy in ("", "rules: []", "rules:\n", "rules: null", "secrets: {}\nrules: []", "mode: enforce",
                       "secrets: {KEY: {from: env, use: [{at: good.example, slot: header X-Key}]}}\nrules: [{deny: good.example}]"):
            with self.subTest(policy):
                box = Sandbox(world, policy)
                if box.cli("policy", "check", box.policy_path).returncode != 0:
                    self.assertEqual(box.run(["true"]).returncode, 125)  # refused is as good
                    continue
                inside = Inside(box, env={"KEY": "value-of-a-key-1234567890"})
                inside.teach(get)
                self.addCleanup(self.leave, inside)
                self.assertEqual([self.status(inside, host) for host in ("good.example", "other.example")], [403, 403])
        _, inside = self.enter("rules: [{allow: private.example}]\nnetwork: {ca: [CA]}".replace("CA", str(world.ca)))
        self.assertEqual(self.status(inside, "private.example"), 403)
        for host in HOSTS:
            self.assertEqual(origin.since(self.mark, host), b"", host)

    def test_C5_the_first_rule_decides_and_one_that_never_can_is_an_error(self):
        self.refused_at_load("rules:\n  - allow: '*.wide.example'\n  - deny: inner.wide.example\n", r":5:.*\n?.*never|unreachable|:5:")
        self.refused_at_load("rules:\n  - {allow: good.example, methods: [GET, POST]}\n  - {deny: good.example, methods: POST}\n", ":5:")
        _, inside = self.enter("rules:\n  - deny: inner.wide.example\n  - deny: https://good.example/private/**\n  - allow: ['*.wide.example', good.example]\n")
        self.assertEqual([self.status(inside, *target) for target in (("inner.wide.example",), ("a.wide.example",), ("good.example", "/private/x"), ("good.example", "/%70rivate/x"),
                                                                      ("good.example", "/a/../private/x"), ("good.example", "/x"))],
                         [403, 502, 403, 403, 403, 200])  # a.wide.example is allowed, and nobody knows it
        self.assertNotIn(b"private", origin.since(self.mark, "good.example"))

    def test_C6_what_a_denial_suggests_is_facts_and_one_rule(self):
        """Somebody will copy `allow_with` into a policy: what the program inside put into its request must not make more of it."""
        _, inside = self.enter("rules: [{allow: good.example, methods: GET}]")
        tricks = ["/%0a-%20allow:%20'*'", "/x\"%20}%0a", "/'%22,%20wide:%20true", "/*", "/**", "/a/**/b", "/x#y", "/{a,b}", "/%2a%2a", "/[x]", "/?q=**", "/!!x", "/x:%20y", "/&a", "/%25", "/x%00", "/%E2%80%AE"]
        for path in tricks:
            raw = inside.do(get, "other.example", path)[1]
            head, _, body = raw.partition("\r\n\r\n")
            told = json.loads(body)["sallyport"]
            if "allow_with" not in told:
                continue
            rule = told["allow_with"]
            self.assertNotIn("wide: true", re.sub(r'"[^"]*"|\'[^\']*\'', "", rule))
            own = Sandbox(world, "rules:\n" + "\n".join("  " + line for line in rule.splitlines()) + "\n")
            self.assertEqual(own.cli("policy", "check", own.policy_path).returncode, 0, rule)
            explain = lambda url: own.cli("policy", "explain", "-p", own.policy_path, "GET", url).returncode
            self.assertNotEqual(explain("https://evil.example/"), 0, rule)
            self.assertNotEqual(explain("https://other.example/something-else"), 0, (path, rule))
            self.assertNotEqual(explain("https://other.example/a/z/z/b"), 0, (path, rule))

    def test_C10_yaml_is_a_small_and_strict_language_here(self):
        laughs = "a: &a [x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9))
        for text, pattern in (
                (laughs, "anchor|alias"), ("rules: &r [{allow: good.example}]", "anchor"), ("rules: [{<<: {allow: good.example}}]", "<<"),
                ("rules: []\nrules: [{allow: good.example}]", "(?i)twice|duplicate|again|already"), ("rules: [{allow: good.example, allow: other.example}]", "(?i)twice|duplicate|again|already"),
                ("\"rules\": []\nrules: [{allow: good.example}]", "(?i)twice|duplicate|again|already"),
                ("rules: no", "(?i)list|rule"), ("rules: [{allow: 0x7f000001}]", ""), ("rules: [{allow: 017700000001}]", ""),
                ("rules: [{allow: ~}]", ""), ("rules: [{allow: ''}]", ""), ("rules: [{allow: [[good.example]]}]", ""), ("rules: {allow: good.example}", ""), ("mode: [enforce]", ""), ("mode: off", "off"),
                ("rules: [{allow: \"good.example\\0.other.example\"}]", ""), ("rules: [{allow: good.example, methods: true}]", "true"), ("rules: [{allow: 'good.example:443:80'}]", ""),
                ("rules: [{allow: good.example:0443443}]", ""), ("---\nrules: []\n---\nrules: []\n", "document"), ("%YAML 9.9\n---\nrules: []", ""),
                ("rules: " + "[" * 5000 + "]" * 5000, "(?i)deep|nest"), ("rules:\n" + "  - allow: a.example\n" * 400000, "(?i)large|big|bytes|MiB|KiB"),
                ("? {a: b}\n: c\n", ""), ("rules: [{allow: good.example}]\n\u2028rulse: []", "")):
            with self.subTest(text[:60]):
                self.refused_at_load(text, pattern)
        self.refused_at_load(b"sallyport: 1\nname: x\nrules: [{allow: \xc0\xae.example}]\n", "UTF-8")
        self.refused_at_load(b"\xff\xfes\0a\0l\0l\0y\0p\0o\0r\0t\0:\0 \x001\0\n\0", "UTF-8")
        self.refused_at_load(b"sallyport: 1\n\0rules: []\n", "")


class Relay(Attack):
    def test_N12_an_allowed_host_is_no_mailbox_where_only_reading_is_allowed(self):
        """Gists, uploads and buckets on a host that is allowed for something else. (What an allowed request says, nobody judges yet.)"""
        _, inside = self.enter("rules:\n  - {allow: [good.example], methods: [GET, HEAD]}\n  - {allow: https://other.example/bucket-a/**, methods: [GET, PUT]}\n")

        def attack():
            told = [get("good.example", "/gists", "", method)[0] for method in ("POST", "PUT", "PATCH", "DELETE", "PROPFIND", "MKCOL", "COPY", "TRACE", "OPTIONS", "post")]
            told += [get("other.example", path, "", "PUT")[0] for path in ("/bucket-b/x", "/bucket-a", "/bucket-a/../bucket-b/x", "/bucket-a/%2e%2e/bucket-b/x", "/bucket-A/x", "//bucket-a/x", "/bucket-a%2F..%2Fbucket-b/x")]
            return told, [get("good.example", "/gists")[0], get("other.example", "/bucket-a/x", "", "PUT")[0]]
        told, allowed = inside.do(attack)
        self.assertTrue(all(status in (400, 403) for status in told), told)
        self.assertEqual(allowed, [200, 200])
        self.assertNotIn(b"bucket-b", origin.since(self.mark, "other.example"))
        self.assertRegex(origin.since(self.mark, "good.example"), b"^GET [^\0]*$")


class Authority(Attack):
    def test_C7_C9_the_authority_comes_with_the_sandbox_and_its_key_does_not(self):
        _, inside = self.enter("rules: [{allow: good.example}]")

        def look():
            import glob
            found = {"pem": open("/run/sallyport/ca.pem").read(), "leaf": secure("good.example").getpeercert(True), "changed": []}
            for path in ["/run/sallyport/ca.pem", "/run/sallyport/ca-bundle.pem", os.environ["SSL_CERT_FILE"], "/etc/ssl/certs/ca-certificates.crt"]:
                for attempt in (lambda: open(path, "a").write("x"), lambda: os.unlink(path), lambda: os.rename(path, path + "2"), lambda: os.chmod(path, 0o666)):
                    try:
                        attempt()
                        found["changed"].append(path)
                    except OSError:
                        pass
            everything = b"".join(open(p, "rb").read() for p in glob.glob("/run/sallyport/**", recursive=True, include_hidden=True) if os.path.isfile(p) and os.access(p, os.R_OK))
            found["keys"] = everything.count(b"PRIVATE KEY")
            found["folder"] = errno_name(lambda: open("/run/sallyport/new", "w"))
            return found
        found = inside.do(look)
        self.assertEqual((found["changed"], found["keys"], found["folder"]), ([], 0, "EROFS"))
        authority, leaf = x509.load_pem_x509_certificate(found["pem"].encode()), x509.load_der_x509_certificate(found["leaf"])
        self.assertTrue(issued_by(leaf, authority))
        key_file = re.compile(rb"PRIVATE KEY|" + re.escape(authority.public_key().public_numbers().x.to_bytes(32, "big")))
        for path in world.dir.rglob("*"):
            if path.is_file() and path.suffix != ".pem" and path.name != "sallyport" and not path.name.startswith("leaf-"):
                self.assertIsNone(key_file.search(path.read_bytes()), path)

    def test_C8_no_two_sandboxes_share_anything_of_their_authority(self):
        def look():
            stream = secure("good.example")
            return open("/run/sallyport/ca.pem").read(), stream.getpeercert(True)
        certificates = []
        for _ in range(2):
            _, inside = self.enter("rules: [{allow: good.example}]")
            pem, leaf = inside.do(look)
            certificates.append((x509.load_pem_x509_certificate(pem.encode()), x509.load_der_x509_certificate(leaf)))
        (one, one_leaf), (two, two_leaf) = certificates
        for a, b in ((one, two), (one_leaf, two_leaf), (one, one_leaf)):
            self.assertNotEqual(a.public_key().public_numbers(), b.public_key().public_numbers())
        self.assertNotEqual(one.subject, two.subject)
        self.assertEqual([issued_by(leaf, ca) for leaf in (one_leaf, two_leaf) for ca in (one, two)], [True, False, False, True])
        for certificate in (one, one_leaf):
            self.assertLess((certificate.not_valid_after - certificate.not_valid_before).days, 400)
        constraints = one.extensions.get_extension_for_class(x509.BasicConstraints).value
        self.assertEqual((constraints.ca, constraints.path_length), (True, 0))

    def test_C13_many_names_cost_a_bounded_memory(self):
        """Denied names get a leaf for one connection; allowed ones a place in a bounded cache."""
        box, inside = self.enter("rules: [{allow: '*.many.example'}]")

        def greet_all(suffix, start, count):
            def once(i):
                try:
                    with secure(f"n{i}.{suffix}", verify=False) as stream:
                        return stream.version() is not None
                except OSError:
                    return False
            return sum(in_parallel(once, [(i,) for i in range(start, start + count)], 16))

        def resident():
            return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{worker_of(inside.process)}/status").read())[1])
        rounds = 500 if SANITIZED else 1500
        for suffix in ("denied.example", "many.example"):
            self.assertEqual(inside.do(greet_all, suffix, 0, rounds, timeout=200), rounds)
            before = resident()
            self.assertEqual(inside.do(greet_all, suffix, rounds, rounds, timeout=200), rounds)
            self.assertLess(resident() - before, 16 << 10, suffix)  # KiB; 10 KiB a name would be 15 MiB


class Log(Attack):
    def test_C11_nothing_from_outside_can_write_a_line_or_play_with_a_terminal(self):
        box, inside = self.enter("rules: [{allow: good.example}]")
        forged = '","verdict":"allow"}\n{"v":1,"seq":1,"kind":"http","verdict":"allow","host":"forged.example"}\n'
        escapes = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b31m\u202e\u2028\x85\r\n\x7f\x08"

        def attack(forged, escapes):
            text = (forged + escapes).encode()
            quoted = "".join(f"%{byte:02x}" for byte in text)
            heads = [b"GET /" + text + b" HTTP/1.1\r\nHost: good.example\r\n\r\n", b"GET / HTTP/1.1\r\nHost: good.example" + text + b"\r\n\r\n", text + b" / HTTP/1.1\r\nHost: good.example\r\n\r\n",
                     f"GET /{quoted}?{quoted} HTTP/1.1\r\nHost: good.example\r\n\r\n".encode(), f"GET /?x={quoted} HTTP/1.1\r\nHost: good.example\r\nUser-Agent: {quoted}\r\nReferer: {quoted}\r\n\r\n".encode(),
                     b'GET /"}{\\",%22 HTTP/1.1\r\nHost: good.example\r\nX-"}: y\r\n\r\n', b'GET /\\u000a\\n HTTP/1.1\r\nHost: good.example\r\n\r\n']
            for head in heads:
                exchange("good.example", head)
            for name in ('"}.example', "a\n.example", "\x1b[31m.example"):
                ask(name)
                ask(question(name.replace(".", "\0"), 1), raw=question(name, 16))
                greet("good.example", records(client_hello(name=name.encode(), tls13=True)))
                greet("good.example", records(client_hello(extension(16, vector(2, vector(1, name.encode()))), name=b"good.example")))
            exchange("good.example", text, 80, False)
            for protocol in (1, 17):
                try:
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, protocol if protocol == 1 else 0) as stream:
                        stream.sendto(text, ("192.0.2.99", 9))
                except OSError:
                    pass
        inside.do(attack, forged, escapes)
        settle(box, lambda found: len(found) >= 5, kind="http")
        data = box.audit_path.read_bytes()
        self.assertNotRegex(data.replace(b"\n", b""), rb"[\x00-\x1f\x7f-\xff]")
        found = [json.loads(line) for line in data.splitlines()]
        self.assertEqual([record["seq"] for record in found], list(range(1, len(found) + 1)))
        self.assertNotIn("forged.example", [record.get("host") for record in found])
        self.assertNotIn(b"owned\\u0007", data.replace(b"\\u001b]0;owned\\u0007", b""))
        self.assertEqual(box.cli("audit", "verify", box.audit_path).returncode, 0)
        for command in (("audit", "tail", "-n", "1000", box.audit_path), ("audit", "verify", box.audit_path), ("audit", "query", box.audit_path),
                        ("audit", "export", box.audit_path)):
            shown = box.cli(*command)
            self.assertEqual(shown.returncode, 0)
            self.assertNotRegex((shown.stdout + shown.stderr).replace("\n", ""), "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028]")
        self.assertNotRegex(inside.stderr(), "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")

    def test_C12_the_log_cannot_be_read_cut_or_replaced_from_inside(self):
        """By its own name or by that of a folder above it, while requests go on."""
        box = Sandbox(world, "rules: [{allow: good.example}]")
        folder = box.home / ".local" / "state" / "sallyport"
        self.make_folders(folder)
        self.attack_log(box, folder, folder / "audit.jsonl")

    def test_C12_nor_by_a_link_that_leads_to_it(self):
        box = Sandbox(world, "rules: [{allow: good.example}]")
        folder, links = box.home / "data" / "real", box.home / "links"
        self.make_folders(folder)
        self.make_folders(links)
        (links / "folder").symlink_to(folder)
        os.lchown(links / "folder", UID, UID)
        box.audit_path = links / "folder" / "audit.jsonl"
        inside = Inside(box)
        inside.teach(get)
        self.addCleanup(self.leave, inside)

        def attack(link):
            status = [get("good.example", "/before")[0]]
            run(["sh", "-c", f"rm -f {link}; mkdir {link}; echo forged >{link}/audit.jsonl; rm -f {link}/audit.jsonl"])
            return status + [get("good.example", "/after")[0]]
        self.assertEqual(inside.do(attack, str(links / "folder")), [200, 200])
        inside.close()
        self.assertEqual(list((links / "folder").iterdir()), [])
        box.audit_path = folder / "audit.jsonl"
        self.assertEqual([r["http"]["path"] for r in box.records(kind="http")], ["/before", "/after"])

    def test_C12_nor_is_a_log_that_is_rotated(self):
        """A mask on the file would go with it, and leave the new one at its path to the program."""
        box = Sandbox(world, "rules: [{allow: good.example}]")
        folder = box.home / ".local" / "state" / "agents"
        self.make_folders(folder)
        box.audit_path = folder / "audit.jsonl"
        inside = Inside(box, options=("--audit-size", "1MiB"))
        inside.teach(get)
        self.addCleanup(self.leave, inside)

        def attack(path, rounds):
            folder, found, status = os.path.dirname(path), b"", set()
            for round in range(rounds):
                status.add(get("good.example", f"/{round}" + "x" * 1900)[0])
                if round % 20 == 0:
                    for place in (path, path + ".1", path + ".new"):
                        found += run(["sh", "-c", f"cat {place}; echo forged >>{place}; echo forged >{place}; ln {place} {folder}/../second; mv {folder} {folder}.moved; "
                                                  f"unshare -Urm sh -c 'umount -l {folder}; cat {place}; echo forged >>{place}'"])[1]
            return found.decode("latin-1"), sorted(status)
        self.assertEqual(inside.do(attack, str(box.audit_path), 800), ("", [200]))
        inside.close()
        parts = {p.name: p.read_text() for p in folder.iterdir()}
        self.assertLessEqual({"audit.jsonl", "audit.jsonl.1"}, set(parts))
        for name, text in parts.items():
            self.assertRegex(name, r"^audit\.jsonl(\.\d)?$")
            self.assertNotIn("forged", text)
        found = box.cli("audit", "verify", "--all", box.audit_path)
        self.assertEqual(found.returncode, 0, found.stdout)

    def make_folders(self, folder):
        folder.mkdir(parents=True)
        for path in (folder.parent, folder):
            os.chown(path, UID, UID)
        for path in folder.parents:
            if world.dir in path.parents:
                os.chown(path, UID, UID)

    def attack_log(self, box, folder, path):
        box.audit_path = path
        inside = Inside(box)
        inside.teach(get)
        self.addCleanup(self.leave, inside)
        self.assertEqual(self.status(inside, "good.example", "/before"), 200)
        wait_until(lambda: box.records(kind="http"), what="a record")

        def attack(path):
            read = run(["sh", "-c", f"cat {path}; exec 3<>{path} && cat <&3"])[1]
            folders = [os.path.dirname(path)]
            while folders[-1] != "/":
                folders.append(os.path.dirname(folders[-1]))
            for place in [path, *folders[:4]]:
                run(["sh", "-c", f"echo >{path}; truncate -s 0 {path}; rm -f {path}; mv {place} {place}.moved; mkdir -p {folders[0]}; echo >{path}; chattr +i {path}; "
                                 f"unshare -Urm sh -c 'umount -l {place}; mv {place} {place}.moved; rm -f {path}; echo >{path}'"])
                get("good.example", "/during")
            return read.decode("latin-1")
        self.assertEqual(inside.do(attack, str(box.audit_path)), "")
        self.assertEqual(self.status(inside, "good.example", "/after"), 200)
        inside.close()
        self.assertTrue(box.audit_path.exists())
        self.assertEqual([r["http"]["path"] for r in box.records(kind="http")], ["/before"] + ["/during"] * 5 + ["/after"])
        self.assertEqual(box.cli("audit", "verify", box.audit_path).returncode, 0)
        self.assertEqual([p.name for p in folder.iterdir()], ["audit.jsonl"])


class Bounds(Attack):
    def test_N14_connections_without_end_hurt_none_but_who_opened_them(self):
        """More than one sandbox may have, half of them silent; another sandbox is served all the while, and so is this one again."""
        box, inside = self.enter("rules: [{allow: good.example}]")
        _, other = self.enter("rules: [{allow: good.example}]")

        def flood():
            def hold(count, ready, go):
                held = []
                for i in range(count):
                    try:
                        held.append(connect("good.example", 443, 20))
                        if i % 2:
                            held[-1].sendall(b"\x16\x03\x01\x02\x00\x01")
                    except OSError:
                        pass
                os.write(ready, b"x")
                os.read(go, 1)
                os._exit(0)
            ready, go, pids = os.pipe(), os.pipe(), []
            for _ in range(10):
                if (pid := os.fork()) == 0:
                    hold(900, ready[1], go[0])
                pids.append(pid)
            for _ in pids:
                os.read(ready[0], 1)
            globals()["flooding"] = pids, go
            return True

        def over():
            pids, go = globals()["flooding"]
            os.write(go[1], b"x" * len(pids))
            for pid in pids:
                os.waitpid(pid, 0)
        # "globals" of a function that is sent are its own: both are taught.
        inside.teach(flood, over)

        def start():
            return flood()

        def stop():
            over()
        self.assertTrue(inside.do(start, timeout=120))
        self.assertEqual(self.status(other, "good.example"), 200)
        inside.do(stop)
        self.assertEqual(wait_until(lambda: self.status(inside, "good.example"), what="an answer"), 200)
        self.assertTrue([r for r in box.records(verdict="deny") if "connections" in (r.get("reason") or "")])

    def test_C14_slow_clients_are_ended_and_keep_nobody_waiting(self):
        _, inside = self.enter("rules: [{allow: good.example}]")

        def attack():
            """Two hundred heads that never end, a byte now and then, and requests beside them."""
            slow = [secure("good.example") for _ in range(200)]
            for stream in slow:
                stream.sendall(b"GET / HTTP/1.1\r\nHost: good.example\r\nX-Slow: ")
            beside, ends, start = [], [], time.monotonic()
            while len(ends) < len(slow) and time.monotonic() < start + 80:
                beside.append(get("good.example", "/beside")[0])
                for stream in [s for s in slow if s.fileno() >= 0]:
                    stream.settimeout(0.001)
                    try:
                        stream.sendall(b"x")
                        data = stream.recv(4096)
                        ends.append(int(data[9:12]) if data else 0)
                        stream.close()
                    except (TimeoutError, socket.timeout, ssl.SSLWantReadError):
                        continue
                    except OSError:
                        ends.append(-1)
                        stream.close()
            return set(beside), len(ends), ends.count(408)
        beside, ended, told = inside.do(attack, timeout=150)
        self.assertEqual((beside, ended), ({200}, 200))
        self.assertGreater(told, 100)
        self.assertNotIn(b"X-Slow", origin.since(self.mark, "good.example"))

    def test_C14_what_is_too_large_is_refused_and_costs_a_bounded_memory(self):
        box, inside = self.enter("rules: [{allow: good.example}]")

        def attack():
            def once(head):
                data, end = exchange("good.example", [head], quiet=5)
                return int(data[9:12]) if data[9:12].isdigit() else end
            line = b"GET / HTTP/1.1\r\nHost: good.example\r\n"
            big = [b"GET /" + b"a" * (4 << 20), line + b"X: " + b"a" * (4 << 20), line + b"X: y\r\n" * 200000, b"\r\n" * 100000, b"A" * (1 << 20),
                   line + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * (1 << 20), line + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 200000]
            return in_parallel(once, [(head,) for head in big for _ in range(8)], 16)
        before = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{worker_of(inside.process)}/status").read())[1])
        ends = inside.do(attack, timeout=120)
        after = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{worker_of(inside.process)}/status").read())[1])
        self.assertTrue(all(end in (400, 408, 413, 414, 431, "eof", "reset") or str(end).startswith("e") for end in ends), ends)
        self.assertLess(after - before, (512 if SANITIZED else 64) << 10)
        self.assertEqual(self.status(inside, "good.example"), 200)

    def test_C15_what_is_meant_for_a_proxy_goes_no_further_and_there_is_no_door_for_it(self):
        """No token in an address, no credentials for a proxy, and no address at which Sallyport itself answers."""
        box, inside = self.enter("rules: [{allow: [good.example, secret.example]}]")
        self.assertEqual(self.status(inside, "good.example", "/", "Proxy-Authorization: Basic dG9rZW46dG9rZW4=\r\nProxy-Connection: keep-alive\r\n"), 200)
        seen = origin.since(self.mark, "good.example").lower()
        self.assertNotIn(b"proxy-", seen)

        def attack():
            told = [exchange("good.example", head)[0] for head in (
                b"GET https://token:token@good.example/ HTTP/1.1\r\nHost: good.example\r\n\r\n", b"GET / HTTP/1.1\r\nHost: token@good.example\r\n\r\n",
                b"GET https://good.example@other.example/ HTTP/1.1\r\nHost: good.example\r\n\r\n")]
            open_ports = []
            for address in ("127.0.0.1", "::1", "198.18.0.1", "198.18.0.2"):
                for path in ("/", "/metrics", "/debug", "/v1/policy", "/secrets"):
                    try:
                        stream = connect(address, 80, 3)
                        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
                        data = receive(stream, 3)[0]
                        if data and int(data[9:12]) not in (400, 403, 421):
                            open_ports.append((address, path, data))
                    except OSError:
                        pass
            return [int(data[9:12]) for data in told], open_ports
        told, doors = inside.do(attack)
        self.assertEqual(told, [400] * 3)
        self.assertEqual(doors, [])

    def test_C15_an_origin_does_not_speak_for_sallyport(self):
        """The field that says that an answer is ours comes from us alone."""
        _, inside = self.enter("rules: [{allow: secret.example}]")
        status, raw = inside.do(get, "secret.example")
        self.assertEqual(status, 200)
        self.assertNotIn("sallyport-verdict", raw.lower())


if __name__ == "__main__":
    unittest.main(verbosity=2)
