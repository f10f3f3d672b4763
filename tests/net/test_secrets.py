"""Secrets: where they go in, where they do not, that they are nowhere else, and values that cannot be one."""
import base64
import ctypes
import os
import re
import signal
import socket
import subprocess
import time
import unittest

from lab import processes
from lab.namespaces import wait_until
from lab.origins import ByHand, Scripted, answer
from lab.puppet import Puppet
from lab.sandbox import SANITIZED, UID, Sandbox, as_user
from lab.world import World

HOST, OTHER, PLAIN = "api.example.com", "other.example.com", "plain.example.com"
VALUE = "sk-proj-Zq7Rk2Wm9Xv4Tn8Bc3Hf6Jd1Lg5Ps0"
SECOND = "another-value-4f8a2c6e0b1d3957"


def setUpModule():
    global WORLD, ORIGIN, OTHER_ORIGIN, PLAIN_ORIGIN, HANGING
    WORLD = World()
    ORIGIN, OTHER_ORIGIN = Scripted(WORLD, HOST, answer()), Scripted(WORLD, OTHER, answer())
    PLAIN_ORIGIN = Scripted(WORLD, PLAIN, answer(), tls=False)
    # It takes half a minute to be given up: the rest goes on meanwhile.
    HANGING = Sandbox(WORLD, policy(source="{exec: [sleep, '1000']}"))
    HANGING.started = time.monotonic()
    HANGING.process = HANGING.start(["touch", "ran"], stderr=subprocess.PIPE, text=True)


def tearDownModule():
    for origin in (ORIGIN, OTHER_ORIGIN, PLAIN_ORIGIN):
        origin.close()
    WORLD.close()


def policy(source="env", slot="header Authorization", extra="", misuse="block", rules=f"{HOST}, {OTHER}, 'http://{PLAIN}'"):
    return (f"secrets:\n  KEY:\n    from: {source}\n    misuse: {misuse}\n    use: [{{at: {HOST}, slot: {slot}}}]\n{extra}"
            f"rules: [{{allow: [{rules}]}}]\n")


class Served(unittest.TestCase):
    """Tests that look at what the origins got."""

    def setUp(self):
        for origin in (ORIGIN, OTHER_ORIGIN, PLAIN_ORIGIN):
            origin.connections.clear()

    def sandbox(self, text, **files):
        box = Sandbox(WORLD, text)
        for name, content in files.items():
            (box.dir / name).write_bytes(content)
            (box.dir / name).chmod(0o600)
            os.chown(box.dir / name, UID, UID)
        return box

    def curl(self, box, arguments, env=None):
        """curl inside; its status code, and what went wrong."""
        result = box.sh(f"curl -sS --http1.1 -o /dev/null -w '%{{http_code}}' {arguments}", env={"KEY": VALUE, **(env or {})})
        self.assertNotIn(VALUE, result.stdout + result.stderr)
        return result.stdout, result.stderr

    def head(self, origin=None):
        return (origin or ORIGIN).connections[-1].raw.decode("latin-1")

    def last(self, box):
        return box.records(kind="http")[-1]


class Slots(Served):
    def test_header(self):
        for field in ("Authorization: Bearer $KEY", "authorization: $KEY", "AUTHORIZATION: token $KEY, scope=x"):
            with self.subTest(field):
                box = self.sandbox(policy())
                self.assertEqual(self.curl(box, f'-H "{field}" https://{HOST}/x'), ("200", ""))
                self.assertIn(f"\r\n{field.replace('$KEY', VALUE)}\r\n", self.head())
                self.assertEqual(self.last(box)["secrets"], [{"name": "KEY", "slot": "header Authorization"}])

    def test_a_field_of_its_own(self):
        box = self.sandbox(policy(slot="header X-Api-Key"))
        self.assertEqual(self.curl(box, f'-H "X-Api-Key: $KEY" https://{HOST}/x')[0], "200")
        self.assertIn(f"\r\nX-Api-Key: {VALUE}\r\n", self.head())

    def test_basic(self):
        for slot, argument, expected in (("basic user", '-u "$KEY:word"', f"{VALUE}:word"), ("basic password", '-u "me:$KEY"', f"me:{VALUE}"),
                                         ("basic user", '-u "$KEY:"', f"{VALUE}:"), ("basic password", '-u ":$KEY"', f":{VALUE}")):
            with self.subTest(argument):
                box = self.sandbox(policy(slot=slot))
                self.assertEqual(self.curl(box, f"{argument} https://{HOST}/x")[0], "200")
                self.assertIn(base64.b64encode(expected.encode()).decode(), self.head())
                self.assertEqual(self.last(box)["secrets"], [{"name": "KEY", "slot": slot}])

    def test_user_and_password(self):
        extra = f"  SECOND: {{from: env, use: [{{at: {HOST}, slot: basic user}}]}}\n"
        box = self.sandbox(policy(slot="basic password", extra=extra))
        self.assertEqual(self.curl(box, f'-u "$SECOND:$KEY" https://{HOST}/x', env={"SECOND": SECOND})[0], "200")
        self.assertIn(base64.b64encode(f"{SECOND}:{VALUE}".encode()).decode(), self.head())
        self.assertEqual({s["name"] for s in self.last(box)["secrets"]}, {"KEY", "SECOND"})

    def test_several_secrets_in_fields_of_their_own(self):
        extra = f"  SECOND: {{from: env, use: [{{at: {HOST}, slot: header X-Second}}]}}\n"
        box = self.sandbox(policy(extra=extra))
        self.assertEqual(self.curl(box, f'-H "Authorization: $KEY" -H "X-Second: <$SECOND><$SECOND>" https://{HOST}/x',
                                   env={"SECOND": SECOND})[0], "200")
        self.assertIn(f"\r\nAuthorization: {VALUE}\r\n", self.head())
        self.assertIn(f"\r\nX-Second: <{SECOND}><{SECOND}>\r\n", self.head())

    def test_one_secret_with_several_uses(self):
        box = self.sandbox(f"""
secrets:
  KEY:
    from: env
    use:
      - {{at: "https://{HOST}/a/**", methods: POST, slot: header Authorization}}
      - {{at: "{OTHER}", slot: header X-Key}}
rules: [{{allow: [{HOST}, {OTHER}]}}]
""")
        self.assertEqual(self.curl(box, f'-d x -H "Authorization: $KEY" https://{HOST}/a/b')[0], "200")
        self.assertIn(VALUE, self.head())
        self.assertEqual(self.curl(box, f'-H "X-Key: $KEY" https://{OTHER}/')[0], "200")
        self.assertIn(VALUE, self.head(OTHER_ORIGIN))
        for arguments in (f'-H "Authorization: $KEY" https://{HOST}/a/b', f'-d x -H "Authorization: $KEY" https://{HOST}/b',
                          f'-H "X-Key: $KEY" https://{HOST}/a/b', f'-d x -H "Authorization: $KEY" https://{HOST}/a/../b'):
            with self.subTest(arguments):
                self.setUp()
                self.assertEqual(self.curl(box, arguments)[0], "403")
                self.assertEqual(ORIGIN.connections, [])

    def test_not_on_plain_http(self):
        box = self.sandbox(policy(rules=f"{HOST}, 'http://{HOST}'", misuse="pass"))
        plain = Scripted(WORLD, HOST, answer(), tls=False, address=ORIGIN.address)
        self.assertEqual(self.curl(box, f'-H "Authorization: $KEY" http://{HOST}/')[0], "200")
        self.assertNotIn(VALUE, self.head(plain))
        plain.close()

    def test_on_a_connection_that_is_made_anew(self):
        """A request on a stale connection is sent again, with its secret."""
        origin = ByHand(WORLD, "stale.example.com")
        box = self.sandbox(policy().replace(HOST, "stale.example.com"))
        inside = Puppet(box, env={"KEY": VALUE})
        request = (f"GET / HTTP/1.1\r\nHost: stale.example.com\r\nAuthorization: {inside.run('result = os.environ[chr(75)+chr(69)+chr(89)]')}"
                   "\r\n\r\n").encode()
        client = inside.connect("stale.example.com")
        client.send(request)
        first = origin.take()
        self.assertIn(VALUE.encode(), first.read_head())
        first.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        client.response()
        client.send(request)
        self.assertIn(VALUE.encode(), first.read_head())
        first.close()
        self.assertIn(VALUE.encode(), origin.take().read_head())
        origin.forget()
        inside.close()
        origin.close()


    def test_what_was_sent_on_a_first_try_is_in_the_record_though_no_second_one_was_made(self):
        host = "fickle.example.com"

        def serve(connection):
            connection.read_request()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            connection.read_request()
            origin.listener.shutdown(socket.SHUT_RDWR)

        origin = Scripted(WORLD, host, serve)
        text = policy().replace(HOST, host, 1).replace(f"[{HOST}, ", f"[{host}, {HOST}, ")
        box = self.sandbox(text)
        self.assertEqual(self.curl(box, f'https://{host}/1 --next -sS --http1.1 -o /dev/null -w "%{{http_code}}" -H "Authorization: $KEY" https://{host}/2')[0], "200502")
        self.assertIn(VALUE.encode(), origin.raw)
        self.assertEqual([r["secrets"] for r in box.records(kind="http")], [[], [{"name": "KEY", "slot": "header Authorization"}]])


class Placeholders(Served):
    def test_they_have_the_values_shape_and_are_new_each_time(self):
        seen = set()
        for value, shape in ((VALUE, r"sk-proj-[A-Za-z0-9_-]{30}"), ("ghp_" + "a1" * 18, r"ghp_[A-Za-z0-9]{36}"),
                             ("0123456789abcdef" * 4, "[0-9a-f]{64}"), ("brief-8b", ".{16,}")):
            for _ in range(2):
                found = self.sandbox(policy()).sh('printf %s "$KEY"', env={"KEY": value}).stdout
                self.assertRegex(found, f"^{shape}$")
                self.assertNotIn(found, seen)
                self.assertNotEqual(found, value)
                seen.add(found)

    def test_a_template(self):
        text = policy().replace("    misuse", '    placeholder: "tok_{random:20}_x"\n    misuse')
        self.assertRegex(self.sandbox(text).sh('printf %s "$KEY"', env={"KEY": VALUE}).stdout, "^tok_[A-Za-z0-9]{20}_x$")

    def test_another_sandboxs_placeholder_is_just_text(self):
        box = self.sandbox(policy(misuse="kill"))
        other = self.sandbox(policy()).sh('printf %s "$KEY"', env={"KEY": VALUE}).stdout
        self.assertEqual(self.curl(box, f'-H "Authorization: {other}" https://{HOST}/')[0], "200")
        self.assertIn(other, self.head())
        self.assertNotIn("misuse", self.last(box))


class Misuse(Served):
    """A placeholder outside its slots."""

    PLACES = {
        "header": ('-H "X-Other: $KEY"', HOST, ""), "cookie": ('-H "Cookie: a=$KEY"', HOST, ""), "query": ("", HOST, "?k=$KEY"),
        "path": ("", HOST, "x/$KEY"), "basic": ('-u "me:$KEY"', HOST, ""), "other host": ('-H "Authorization: Bearer $KEY"', OTHER, ""),
        "encoded query": ("", HOST, "?k=$(printf %s $KEY | sed s/-/%2D/g)"), "body": ("-d \"<$KEY>\"", HOST, ""),
        "chunked body": ("-H 'Transfer-Encoding: chunked' -d \"<$KEY>\"", HOST, ""),
    }
    IN_RECORD = {"other host": "header", "encoded query": "query", "chunked body": "body"}

    def ask(self, misuse, place):
        box = self.sandbox(policy(misuse=misuse))
        options, host, rest = self.PLACES[place]
        result = box.sh(f'printf %s "$KEY" >placeholder; curl -sS --http1.1 -o /dev/null -w "%{{http_code}}" {options} "https://{host}/{rest}"',
                        env={"KEY": VALUE})
        placeholder = (box.work / "placeholder").read_text()
        connections = (ORIGIN if host == HOST else OTHER_ORIGIN).connections
        received = connections[-1].raw.decode("latin-1") if connections else None
        if received:
            self.assertNotIn(VALUE, received)
            self.assertNotIn(base64.b64encode(f"me:{VALUE}".encode()).decode(), received)
        text = box.audit_path.read_text()
        self.assertNotIn(VALUE, text)
        self.assertNotIn(placeholder, text)
        return box, result, received, placeholder

    def assert_noted(self, box, place, action):
        record = self.last(box)
        self.assertEqual(record.get("misuse"), [{"name": "KEY", "place": self.IN_RECORD.get(place, place), "action": action}])
        self.assertEqual(record["secrets"] if "secrets" in record else [], [])
        return record

    def test_block(self):
        for place in self.PLACES:
            with self.subTest(place):
                self.setUp()
                box, result, received, placeholder = self.ask("block", place)
                if "body" in place:
                    self.assertEqual(result.stdout, "200")
                    self.assertIn(f"<{placeholder}>", received)
                    self.assert_noted(box, place, "passed")
                else:
                    self.assertEqual((result.stdout, received), ("403", None))
                    record = self.assert_noted(box, place, "blocked")
                    self.assertIn("the placeholder of KEY stands in the", record["reason"])

    def test_strict(self):
        for place in self.PLACES:
            with self.subTest(place):
                self.setUp()
                box, result, received, placeholder = self.ask("strict", place)
                self.assertEqual(result.stdout, "403")
                if received:
                    self.assertNotIn(placeholder, received)
                self.assert_noted(box, place, "blocked")

    def test_strip(self):
        for place in self.PLACES:
            with self.subTest(place):
                self.setUp()
                box, result, received, placeholder = self.ask("strip", place)
                self.assertEqual(result.stdout, "200", result.stderr)
                self.assertNotIn(placeholder, received)
                if "body" in place:
                    wait_until(lambda: "<>" in ORIGIN.connections[-1].raw.decode("latin-1"), what="the body")
                self.assert_noted(box, place, "stripped")

    def test_pass(self):
        for place in self.PLACES:
            with self.subTest(place):
                self.setUp()
                box, result, received, placeholder = self.ask("pass", place)
                self.assertEqual(result.stdout, "200")
                if place == "basic":
                    self.assertIn(base64.b64encode(f"me:{placeholder}".encode()).decode(), received)
                elif place != "encoded query":
                    self.assertIn(placeholder, received)
                self.assert_noted(box, place, "passed")

    def test_kill(self):
        for place in self.PLACES:
            with self.subTest(place):
                self.setUp()
                box = self.sandbox(policy(misuse="kill"))
                options, host, rest = self.PLACES[place]
                started = time.monotonic()
                result = box.sh(f'curl -s {options} "https://{host}/{rest}"; sleep 20; touch survived', env={"KEY": VALUE})
                self.assertLess(time.monotonic() - started, 10)
                self.assertEqual(result.returncode, 125, result.stderr)
                self.assertIn("the placeholder of KEY was misused", result.stderr)
                self.assertFalse((box.work / "survived").exists())
                events = [r["life"]["event"] for r in box.records(kind="sandbox")]
                self.assertEqual(events, ["start", "killed", "end"])
                self.assertEqual(self.last(box)["misuse"][0]["action"], "killed")

    def test_observe_lets_bodies_pass_however_often_a_placeholder_is_in_them(self):
        for misuse in ("strict", "kill"):
            for extra in ("", f"  SLOT: {{from: env, use: [{{at: {HOST}, slot: json /slot}}]}}\n"):
                for framing in ("", "-H 'Transfer-Encoding: chunked'"):
                    with self.subTest(misuse, extra=extra, framing=framing):
                        ORIGIN.connections.clear()
                        box = self.sandbox(policy(misuse=misuse, extra=extra) + "mode: observe\n")
                        result = box.sh(f"""curl -sS --http1.1 -o /dev/null -w '%{{http_code}}' {framing} -H 'Content-Type: application/json' --data-binary '{{"a": "'$KEY'", "b": ["'$KEY'", "'$KEY'"]}}' https://{HOST}/x""",
                                        env={"KEY": VALUE, "SLOT": SECOND})
                        self.assertEqual((result.stdout, result.stderr), ("200", ""))
                        record = self.last(box)
                        self.assertEqual((record["verdict"], record["would_deny"]), ("allow", True))
                        self.assertNotIn(VALUE.encode(), ORIGIN.raw)

    def test_a_slot_is_no_misuse(self):
        for misuse in ("block", "strict", "strip", "pass", "kill"):
            with self.subTest(misuse):
                box = self.sandbox(policy(misuse=misuse))
                self.assertEqual(self.curl(box, f'-H "Authorization: Bearer $KEY" https://{HOST}/')[0], "200")
                self.assertIn(VALUE, self.head())
                self.assertNotIn("misuse", self.last(box))

    def test_a_compressed_body_is_decoded_where_bodies_must_be_seen(self):
        for misuse, inside, broken, unknown in (("block", "200", "200", "200"), ("strict", "403", "400", "415"), ("strip", "200", "400", "415"),
                                                ("kill", "403", "400", "415"), ("pass", "200", "200", "200")):
            with self.subTest(misuse):
                box = self.sandbox(policy(misuse=misuse))
                gzip = "-H 'Content-Encoding: gzip'"
                self.assertEqual(self.curl(box, f"{gzip} -d x https://{HOST}/")[0], broken)
                self.assertEqual(self.curl(box, f"-H 'Content-Encoding: snappy' -d x https://{HOST}/")[0], unknown)
                result = box.sh(f"""printf x | gzip >plain; printf '<%s>' "$KEY" | gzip >coded
for file in plain coded; do curl -sS --http1.1 -o /dev/null -w '%{{http_code}} ' {gzip} --data-binary @$file https://{HOST}/; done""", env={"KEY": VALUE})
                if misuse != "kill":
                    self.assertEqual(result.stdout.split(), ["200", inside], result.stderr)


class Sources(Served):
    def assert_value(self, box, value, env=None):
        result = box.sh(f'curl -sS --http1.1 -H "Authorization: $KEY" https://{HOST}/', env=env)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f"\r\nAuthorization: {value}\r\n", self.head())
        self.assertEqual(box.records(kind="http")[-1]["secrets"], [{"name": "KEY", "slot": "header Authorization"}])

    def test_another_variable(self):
        box = self.sandbox(policy(source="{env: REAL}"))
        self.assert_value(box, VALUE, env={"REAL": VALUE})
        self.assertEqual(box.sh('echo "[$REAL]"', env={"REAL": VALUE}).stdout, "[]\n")

    def test_two_secrets_from_one_variable(self):
        extra = f"  SECOND: {{from: {{env: REAL}}, use: [{{at: {OTHER}, slot: header X-Second}}]}}\n"
        self.assert_value(self.sandbox(policy(source="{env: REAL}", extra=extra)), VALUE, env={"REAL": VALUE})

    def test_a_file(self):
        for content in (VALUE, VALUE + "\n", VALUE + "\r\n"):
            with self.subTest(content):
                box = self.sandbox(policy(source="{file: key.txt}"), **{"key.txt": content.encode()})
                self.assert_value(box, VALUE)
                result = box.sh(f"cat {box.dir}/key.txt; ls -l {box.dir}")
                self.assertNotIn(VALUE, result.stdout)

    def test_a_file_by_an_absolute_path(self):
        place = WORLD.dir / "absolute-key"
        place.write_text(VALUE)
        place.chmod(0o644)
        box = self.sandbox(policy(source=f"{{file: {place}}}"))
        self.assert_value(box, VALUE)
        self.assertEqual(box.sh(f"cat {place}").stdout, "")

    def test_a_command(self):
        for command in (f"[echo, '{VALUE}']", f"[sh, -c, \"printf '{VALUE}'\"]", "[./give]"):
            with self.subTest(command):
                box = self.sandbox(policy(source=f"{{exec: {command}}}"), give=f"#!/bin/sh\necho {VALUE}\n".encode())
                (box.dir / "give").chmod(0o755)
                self.assert_value(box, VALUE)

    def test_what_a_command_says_to_stderr_is_seen(self):
        box = self.sandbox(policy(source="{exec: [sh, -c, 'echo look here >&2; exit 3']}"))
        result = box.sh("true")
        self.assertEqual(result.returncode, 125)
        self.assertIn("look here", result.stderr)


class BadValues(Served):
    """Nothing is started, the message names the secret and the source, and never the value."""

    def assert_refused(self, text, message, env=None, prepare=None, **files):
        box = self.sandbox(text, **files)
        if prepare:
            prepare(box)
        started = time.monotonic()
        result = box.sh("touch ran", env=env)
        self.assertLess(time.monotonic() - started, 5)
        self.assertEqual(result.returncode, 125, result.stderr)
        self.assertRegex(result.stderr, f"secret KEY: .*{message}")
        self.assertNotIn("Zq7Rk2Wm9Xv4", result.stderr)
        self.assertFalse((box.work / "ran").exists())
        self.assertEqual(box.records(kind="sandbox"), [])

    def test_unset_and_empty_variables(self):
        self.assert_refused(policy(), "the environment variable KEY is not set")
        self.assert_refused(policy(), "the environment variable KEY is empty", env={"KEY": ""})

    def test_line_ends_and_control_characters(self):
        for value, message in ((f"{VALUE}\rx", "the value has a carriage return"), (f"{VALUE}\nx", "the value has a line feed"),
                               (f"{VALUE}\tx", "the value has a control character"), (f" {VALUE}", "space"),
                               (f"{VALUE}\n", "the value has a line feed")):
            with self.subTest(value):
                self.assert_refused(policy(), message, env={"KEY": value})

    def test_files(self):
        source = policy(source="{file: key.txt}")
        self.assert_refused(source, ".*key.txt is empty", **{"key.txt": b""})
        self.assert_refused(source, ".*key.txt is empty", **{"key.txt": b"\n"})
        self.assert_refused(source, "the value has a NUL byte", **{"key.txt": VALUE.encode() + b"\0x"})
        self.assert_refused(source, "the value has a line feed", **{"key.txt": VALUE.encode() + b"\n\n"})
        self.assert_refused(source, "more than the 32768", **{"key.txt": b"x" * (1 << 20)})
        self.assert_refused(source, "cannot open .*key.txt: No such file")
        self.assert_refused(source, ".*key.txt is a directory", prepare=lambda box: (box.dir / "key.txt").mkdir())
        self.assert_refused(source, "cannot open .*key.txt: Permission denied", prepare=lambda box: self.unreadable(box.dir / "key.txt"))

    def unreadable(self, path):
        path.write_text(VALUE)
        path.chmod(0o600)

    def test_commands(self):
        for command, message in (("[false]", "the command false failed with status 1"), ("[no-such-command]", "no-such-command was not found"),
                                 ("[/dev/null]", "/dev/null cannot be run"), ("[true]", "the command true printed nothing"),
                                 ("[sh, -c, 'kill -9 $$']", "the command sh was ended by signal 9"),
                                 ("[yes]", "the command yes printed more than a secret can hold"),
                                 ("[printf, 'a\\nb']", "the value has a line feed")):
            with self.subTest(command):
                self.assert_refused(policy(source=f"{{exec: {command}}}"), message)

    def test_a_command_that_prints_and_does_not_end_is_given_up(self):
        box = self.sandbox(policy(source="{exec: [sh, -c, 'echo value; exec sleep 1000 >&-']}"))
        process = box.start(["touch", "ran"], stderr=subprocess.PIPE, text=True)
        HANGING.others = getattr(HANGING, "others", []) + [(box, process)]

    def test_a_user_of_basic_with_a_colon(self):
        self.assert_refused(policy(slot="basic user"), "colon", env={"KEY": "a:" + VALUE})


class ZHanging(unittest.TestCase):
    """Last, as they take half a minute since the program began."""

    def test_a_command_that_hangs_is_given_up(self):
        self.assertEqual(HANGING.process.wait(45), 125)
        self.assertLess(time.monotonic() - HANGING.started, 60)
        self.assertIn("secret KEY: the command sleep did not finish within 30 seconds", HANGING.process.stderr.read())
        self.assertFalse((HANGING.work / "ran").exists())

    def test_a_command_that_hangs_with_its_output_closed_is_given_up(self):
        for box, process in getattr(HANGING, "others", []):
            try:
                self.assertEqual(process.wait(40), 125)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            self.assertIn("did not finish within 30 seconds", process.stderr.read())
            self.assertFalse((box.work / "ran").exists())


class Nowhere(Served):
    """The value is in no place that the sandbox, or its user, could look at."""

    @classmethod
    def setUpClass(cls):
        super().setUp(cls)
        cls.box = Sandbox(WORLD, policy(extra=f"  FILED: {{from: {{file: key.txt}}, use: [{{at: {HOST}, slot: header X-Filed}}]}}\n"))
        key = cls.box.dir / "key.txt"
        key.write_text(SECOND)
        key.chmod(0o600)
        os.chown(key, UID, UID)
        cls.inside = Puppet(cls.box, env={"KEY": VALUE})
        cls.supervisor = cls.inside.process.pid
        cls.worker, cls.init = processes.worker_of(cls.inside.process), processes.init_of(cls.inside.process)
        cls.inside.run("""
import subprocess
for i in range(5):
    subprocess.run(["curl", "-sS", "-H", "Authorization: " + os.environ["KEY"], "-H", "X-Filed: " + os.environ["FILED"], "-o", "/dev/null", url], check=True)
""", url=f"https://{HOST}/")

    @classmethod
    def tearDownClass(cls):
        cls.inside.close()

    def setUp(self):
        pass

    def test_the_values_did_arrive(self):
        self.assertIn(f"\r\nAuthorization: {VALUE}\r\n", self.head())
        self.assertIn(f"\r\nX-Filed: {SECOND}\r\n", self.head())

    def test_not_inside(self):
        """Neither in the environment, nor in any file or process that is to be seen there."""
        looker = Puppet(self.box, env={"KEY": VALUE})
        found = looker.run("""
import glob
wanted = [bytes(reversed(w)) for w in wanted]
found, looked = [], 0
roots = [os.environ["HOME"], os.getcwd(), os.path.dirname(os.getcwd()), "/run", "/dev/shm", "/etc/resolv.conf", "/etc/hosts"]
paths = [p for root in roots for p in ([root] if os.path.isfile(root) else glob.glob(root + "/**", recursive=True, include_hidden=True))]
paths += [f"/proc/{pid}/{name}" for pid in os.listdir("/proc") if pid.isdigit() for name in ("environ", "cmdline", "stat", "status", "maps")]
for path in paths:
    try:
        data = open(path, "rb").read() if os.path.isfile(path) else b""
    except OSError:
        continue
    looked += 1
    found += [(path, i) for i, w in enumerate(wanted) if w in data]
result = looked, found
""", wanted=[VALUE.encode()[::-1], SECOND.encode()[::-1]])
        looker.close()
        self.assertGreater(found[0], 10)
        self.assertEqual(found[1], [])

    def test_not_in_the_log(self):
        text = self.box.audit_path.read_text()
        for value in (VALUE, SECOND, self.inside.run("result = os.environ['KEY']")):
            self.assertNotIn(value, text)
        self.assertIn('"KEY"', text)

    def test_the_users_other_processes_cannot_look_into_ours(self):
        """Those outside the sandbox, as the same user."""
        script = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for pid in map(int, sys.argv[1:]):
    for name in ("environ", "mem", "maps", "auxv"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                print(pid, name, "opened", len(file.read(1)))
        except OSError:
            pass
    try:
        print(pid, "fd", os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        pass
    if libc.ptrace(16, pid, 0, 0) == 0:
        print(pid, "ptrace")
    class Vector(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
    buffer = ctypes.create_string_buffer(16)
    here, there = Vector(ctypes.addressof(buffer), 16), Vector(0x400000, 16)
    libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    if ctypes.get_errno() != 1:
        print(pid, "process_vm_readv", ctypes.get_errno())
print("done")
"""
        pids = [self.supervisor, self.worker]
        result = subprocess.run(as_user(["/usr/bin/python3", "-c", script, *pids]), capture_output=True, text=True, check=True)
        self.assertEqual(result.stdout, "done\n")
        for pid in pids:
            self.assertNotIn(VALUE.encode(), open(f"/proc/{pid}/cmdline", "rb").read())

    def test_not_in_the_environments_that_root_sees(self):
        for pid in processes.descendants(self.supervisor) + [self.supervisor]:
            with open(f"/proc/{pid}/environ", "rb") as file:
                self.assertNotIn(VALUE.encode(), file.read())
        with open(f"/proc/{self.worker}/environ", "rb") as file:
            self.assertEqual(file.read().strip(b"\0"), b"")

    def test_only_in_locked_memory_of_the_worker(self):
        """Root looks through the memory of all that belongs to the sandbox."""
        for pid in [self.supervisor, self.init, *processes.descendants(self.init)]:
            # The sanitizers' run time has a copy of the environment.
            for value in (SECOND,) if SANITIZED else (VALUE, SECOND):
                self.assertEqual(processes.held(pid, [value.encode()]), [], f"process {pid}")
        for value in (SECOND,) if SANITIZED else (VALUE, SECOND):
            found = processes.held(self.worker, [value.encode()])
            self.assertNotEqual(found, [])
            self.assertEqual([p for p in found if "lo" not in p[1] or "dd" not in p[1]], [])

    def test_no_core_dumps(self):
        for pid in (self.worker, self.supervisor, self.init):
            # What is not dumpable has a /proc of root's.
            self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0)
        with open(f"/proc/{self.worker}/limits") as file:
            self.assertRegex(file.read(), r"Max core file size\s+0\s+0\s")

    def test_a_worker_that_crashes_leaves_no_core(self):
        box = Sandbox(WORLD, policy())
        try:
            unlimited_core()
        except ValueError:
            self.skipTest("this machine forbids core dumps (ulimit -Hc) and does not let root allow them")
        process = box.start(["sleep", "30"], env={"KEY": VALUE}, preexec_fn=unlimited_core, stderr=subprocess.DEVNULL)
        os.kill(processes.worker_of(process), signal.SIGSEGV)
        time.sleep(0.5)
        process.terminate()
        process.wait(10)
        self.assertEqual([p.name for p in box.work.iterdir()], [])

    def test_a_secrets_variable_is_not_passed_on_by_e(self):
        for option in ("KEY", f"KEY={VALUE}"):
            result = Sandbox(WORLD, policy()).run(["true"], env={"KEY": VALUE}, options=["-e", option])
            self.assertEqual(result.returncode, 125)
            self.assertIn("-e KEY: the policy's secret KEY", result.stderr)
            self.assertNotIn(VALUE, result.stderr)
        result = Sandbox(WORLD, policy(source="{env: REAL}")).run(["true"], env={"REAL": VALUE}, options=["-e", "REAL"])
        self.assertEqual(result.returncode, 125)


def unlimited_core():
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    unittest.main(verbosity=2)
