"""The audit log in real life: verified after traffic, on a disk that is full, moved away, and watched."""
import json
import os
import re
import signal
import subprocess
import time
import unittest

from lab import namespaces, processes
from lab.namespaces import wait_until
from lab.origins import ByHand, Nginx
from lab.puppet import Puppet
from lab.sandbox import UID, Sandbox, as_user
from lab.world import World

HOST, PASSED, RELAYED = "api.example.com", "passed.example.com", "relayed.example.com"
POLICY = f"rules: [{{allow: {HOST}}}, {{allow: ['tls://{PASSED}', 'tcp://{RELAYED}:443']}}]\n"
DISK_BYTES = 8 << 20


def setUpModule():
    global WORLD, ORIGIN, PASSED_ORIGIN
    WORLD = World()
    ORIGIN = Nginx(WORLD, [HOST])
    PASSED_ORIGIN = Nginx(WORLD, [PASSED, RELAYED])


def tearDownModule():
    ORIGIN.close()
    PASSED_ORIGIN.close()
    WORLD.close()


def verify(box, *paths):
    return box.cli("audit", "verify", *(paths or [box.audit_path]))


class Log(unittest.TestCase):
    def test_real_traffic_leaves_a_sound_log_with_every_verdict(self):
        box = Sandbox(WORLD, POLICY)
        result = box.sh(f"""
            for i in 1 2 3; do curl -s -o /dev/null https://{HOST}/ok$i; done
            curl -s -o /dev/null https://{HOST}:8443/port
            curl -s -o /dev/null https://denied.example.com/
            curl -s -o /dev/null http://{HOST}/plain
            curl -s -o /dev/null --cacert {WORLD.ca} https://{PASSED}/
            dig +tries=1 +timeout=1 {HOST} MX >/dev/null
            ping -c1 -W1 93.184.1.1 >/dev/null
            curl -s -m 5 telnet://{HOST}:25 </dev/null >/dev/null
            exit 3""")
        self.assertEqual(result.returncode, 3, result.stderr)
        records = box.records()
        self.assertEqual([r["seq"] for r in records], list(range(1, len(records) + 1)))
        self.assertEqual({r["v"] for r in records}, {1})
        self.assertEqual(len({r["sandbox"] for r in records}), 1)
        seen = {(r["kind"], r["verdict"]) for r in records}
        for wanted in (("http", "allow"), ("http", "deny"), ("tls", "allow"), ("dns", "allow"), ("dns", "deny"), ("packet", "deny"),
                       ("tcp", "deny"), ("sandbox", None)):
            self.assertIn(wanted, seen)
        for record in records:
            self.assertRegex(record["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
            self.assertLessEqual({"v", "seq", "time", "sandbox", "kind", "verdict", "rule", "reason", "prev"}, set(record))
            if record["verdict"] == "deny":
                self.assertTrue(record["reason"], record)
        self.assertEqual((records[0]["life"]["event"], records[-1]["life"]["event"], records[-1]["life"]["status"]), ("start", "end", 3))
        found = verify(box)
        self.assertEqual(found.returncode, 0, found.stdout)
        self.assertRegex(found.stdout, f"sound; .*--expect-lines {len(records)} --expect [0-9a-f]{{64}}")

    def test_a_changed_line_is_found(self):
        box = Sandbox(WORLD, POLICY)
        box.sh(f"curl -s -o /dev/null https://{HOST}/honest; curl -s -o /dev/null https://{HOST}/more")
        text = box.audit_path.read_text()
        box.audit_path.write_text(text.replace("/honest", "/forged", 1))
        found = verify(box)
        self.assertEqual(found.returncode, 1)
        line = 1 + next(i for i, l in enumerate(text.splitlines()) if "/honest" in l)
        self.assertIn(f":{line}: changed after it was written", found.stdout + found.stderr)

    def test_a_log_that_is_moved_away_goes_on_in_a_new_file(self):
        box = Sandbox(WORLD, POLICY)
        inside = Puppet(box)
        ask(inside, "/before")
        wait_until(lambda: "/before" in box.audit_path.read_text(), what="the record")
        moved = box.dir / "audit.jsonl.1"
        box.audit_path.rename(moved)
        ask(inside, "/after")
        inside.close()
        self.assertIn("/before", moved.read_text())
        self.assertIn("/after", box.audit_path.read_text())
        self.assertNotIn("/before", box.audit_path.read_text())
        self.assertEqual(verify(box, moved, box.audit_path).returncode, 0)

    def test_hostile_text_is_one_line_and_harmless(self):
        box = Sandbox(WORLD, POLICY)
        inside = Puppet(box)
        client = inside.connect(HOST)
        client.send(b"GET /%0a%1b[31m?x=\xe2\x80\xae\x1b HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
        self.assertEqual(client.response()[0], 400)
        client = inside.connect(HOST)
        client.send(b"GET /?a\"b}{%22%0a HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: \xff\xfe\r\n\r\n")
        client.response()
        inside.close()
        data = box.audit_path.read_bytes()
        self.assertNotRegex(data.replace(b"\n", b""), rb"[\x00-\x1f\x7f-\xff]")
        self.assertEqual(verify(box).returncode, 0)
        shown = box.cli("audit", "tail", box.audit_path).stdout
        self.assertNotRegex(shown.replace("\n", ""), "[\x00-\x1f\x7f-\x9f\u202e]")


def ask(inside, *paths, host=HOST):
    """The status of each request, all on one connection as long as it stays. Names are asked once, as programs keep them."""
    return inside.run("""
addresses = globals().setdefault("addresses", {})
result, client = [], None
for path in paths:
    try:
        addresses[host] = addresses.get(host) or socket.getaddrinfo(host, 443)[0][4][0]
        client = client or Client(host, address=addresses[host])
        client.send(f"GET {path} HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n".encode())
        status, fields, body, _, _ = client.response()
        result.append(status)
        if fields.get("connection") == "close":
            client = None
    except Exception as error:
        result.append(type(error).__name__)
        client = None
""", paths=list(paths), host=host)


class FullDisk(unittest.TestCase):
    """The log is on a small disk of its own."""

    policy = POLICY

    def setUp(self):
        self.box = Sandbox(WORLD, self.policy)
        self.disk = self.box.dir / "disk"
        self.disk.mkdir()
        namespaces.mount("none", self.disk, "tmpfs", data=f"size={DISK_BYTES},uid={UID},mode=700")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)
        self.box.audit_path = self.disk / "audit.jsonl"
        self.filler = self.disk / "filler"

    def start(self):
        self.said = open(self.box.dir / "said", "w+")
        self.addCleanup(self.said.close)
        self.inside = Puppet(self.box, stderr=self.said)
        self.answered = []

    def ask(self, *paths):
        """Statuses, and notes which paths were let through."""
        statuses = ask(self.inside, *paths)
        self.answered += [p for p, s in zip(paths, statuses) if s == 200]
        return statuses

    def fill(self):
        subprocess.run(as_user(["sh", "-c", f"cat /dev/zero >{self.filler} 2>/dev/null"]))

    def stderr(self):
        self.said.flush()
        return (self.box.dir / "said").read_text()

    def ask_until_blocked(self):
        """What was set aside is used up first."""
        for round in range(200):
            statuses = self.ask(*(f"/{round}-{i}-{'x' * 500}" for i in range(50)))
            if 503 in statuses:
                return
        raise AssertionError("the log is never full")

    def paths_in_log(self):
        return [r["http"]["path"] for r in self.box.records(kind="http")]

    def query(self):
        return self.inside.run("""
import subprocess
result = subprocess.run(["dig", "+tries=1", "+timeout=3", name, "A"], capture_output=True, text=True).stdout
""", name=f"n{time.monotonic_ns()}.example.com")

    def find_passed(self):
        """While names are still answered."""
        self.addresses = self.inside.run("result = {name: socket.getaddrinfo(name, 443)[0][4][0] for name in names}", names=[PASSED, RELAYED])

    def passed(self, host=PASSED):
        return self.inside.run("""
import subprocess
result = subprocess.run(["curl", "-s", "-m", "5", "-o", "/dev/null", "--cacert", ca, "--resolve", to, url]).returncode
""", ca=str(WORLD.ca), url=f"https://{host}/{time.monotonic_ns()}", to=f"{host}:443:{self.addresses[host]}")


class Blocked(FullDisk):
    def test_a_full_disk_blocks_until_there_is_room_and_nothing_is_lost(self):
        self.start()
        self.assertEqual(self.ask("/first"), [200])
        self.assertEqual(ask(self.inside, "/", host="denied.example.com"), [403])
        addresses = self.inside.run("result = addresses")
        self.find_passed()
        self.fill()
        self.ask_until_blocked()
        # Requests are refused with the reason.
        client = self.inside.connect(HOST, address=addresses[HOST])
        client.send(f"GET /blocked HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        status, fields, body, _, _ = client.response()
        facts = json.loads(body)
        self.assertEqual((status, fields["sallyport-verdict"]), (503, "error"))
        self.assertIn("audit log", facts["sallyport"]["reason"])
        self.assertEqual(facts["error"]["type"], "sallyport_failed")
        self.assertNotIn("/blocked", [r["request"].split(" ")[1] for r in ORIGIN.requests()])
        # So are denials, names, and connections that would be passed through or relayed.
        self.assertEqual(ask(self.inside, "/", host="denied.example.com"), [503])
        self.assertIn("status: SERVFAIL", self.query())
        before = len(PASSED_ORIGIN.requests())
        self.assertNotEqual(self.passed(), 0)
        self.assertNotEqual(self.passed(RELAYED), 0)
        self.assertEqual(len(PASSED_ORIGIN.requests()), before)
        self.assertIn("no room for the audit log", self.stderr())
        self.assertEqual(self.stderr().count("no room"), 1)
        # With room, all goes on.
        self.filler.unlink()
        wait_until(lambda: self.ask("/again") == [200], 10, "going on")
        self.assertIn("status: NOERROR", self.query())
        self.assertEqual(self.passed(), 0)
        self.assertEqual(self.passed(RELAYED), 0)
        self.assertIn("can be written again", self.stderr())
        self.assertEqual(self.inside.close(), 0)
        self.assertEqual([p for p in self.paths_in_log() if p in set(self.answered)], self.answered)
        self.assertIn("log-resumed", [r["life"]["event"] for r in self.box.records(kind="sandbox")])
        found = verify(self.box)
        self.assertEqual(found.returncode, 0, found.stdout)

    def test_what_was_under_way_when_the_disk_became_full_is_recorded(self):
        self.box.set_policy(POLICY.replace(HOST, "slow.example.com, " + HOST).replace("{allow: slow.example.com, ", "{allow: [slow.example.com, ")
                            .replace(f"{HOST}}}", f"{HOST}]}}", 1))
        slow = ByHand(WORLD, "slow.example.com")
        self.start()
        clients = []
        for i in range(20):
            client = self.inside.connect("slow.example.com")
            client.send(f"GET /underway{i} HTTP/1.1\r\nHost: slow.example.com\r\n\r\n".encode())
            clients.append(client)
        origins = [slow.take() for _ in clients]
        self.fill()
        self.ask_until_blocked()
        for origin in origins:
            origin.read_head()
            origin.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual({client.response()[0] for client in clients}, {200})
        wait_until(lambda: sum("/underway" in p for p in self.paths_in_log()) == 20, what="the records")
        self.filler.unlink()
        self.inside.close()
        slow.forget()
        slow.close()
        self.assertEqual(verify(self.box).returncode, 0)

    def test_a_full_disk_is_refused_at_the_start(self):
        self.fill()
        result = self.box.sh("touch ran")
        self.assertEqual(result.returncode, 125)
        self.assertIn("no room for the audit log", result.stderr)
        self.assertFalse((self.box.work / "ran").exists())

    def test_a_run_ends_while_the_disk_is_full(self):
        self.start()
        self.fill()
        self.ask_until_blocked()
        started = time.monotonic()
        self.assertEqual(self.inside.close(), 0)
        self.assertLess(time.monotonic() - started, 15)
        self.filler.unlink()
        self.assertEqual(verify(self.box).returncode, 0)


class Continued(FullDisk):
    policy = POLICY + "audit: {when_full: continue}\n"

    def test_with_when_full_continue_all_goes_on_without_a_log(self):
        self.start()
        self.find_passed()
        self.fill()
        for round in range(100):
            statuses = self.ask(*(f"/{round}-{i}-{'x' * 500}" for i in range(50)))
            self.assertEqual(set(statuses), {200})
            if "no room" in self.stderr():
                break
        self.assertEqual(self.ask("/unlogged"), [200])
        self.assertIn("status: NOERROR", self.query())
        self.assertEqual(ask(self.inside, "/", host="denied.example.com"), [403])
        self.assertEqual(self.passed(), 0)
        self.filler.unlink()
        wait_until(lambda: "can be written again" in self.stderr(), 10, "room")
        self.assertEqual(self.ask("/logged"), [200])
        self.assertEqual(self.passed(), 0)
        self.inside.close()
        self.assertIn("/logged", self.paths_in_log())
        self.assertNotIn("/unlogged", self.paths_in_log())
        self.assertEqual(verify(self.box).returncode, 0)


class Tail(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox(WORLD, POLICY)

    def follow(self, *options):
        process = subprocess.Popen(as_user([self.box.binary, "audit", "tail", "-f", *options, self.box.audit_path]), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, env=self.box.environment(), cwd=self.box.work)
        os.set_blocking(process.stdout.fileno(), False)
        self.addCleanup(process.stdout.close)
        self.addCleanup(namespaces.end, process)
        self.shown = ""

        def read():
            self.shown += (process.stdout.read() or b"").decode()
            return self.shown
        return process, read

    def test_records_are_shown_as_they_come(self):
        process, read = self.follow()
        inside = Puppet(self.box)
        wait_until(lambda: "START sandbox" in read(), what="the start")
        for i in range(3):
            ask(inside, f"/now{i}")
            wait_until(lambda: f"ALLOW GET https://{HOST}/now{i} 200" in read(), 2, "the request")
        ask(inside, "/", host="denied.example.com")
        wait_until(lambda: "DENY  GET https://denied.example.com/ 403" in read(), 2, "the denial")
        self.assertIn("no rule allows denied.example.com", self.shown)
        # It goes on in the file that takes the place of this one.
        self.box.audit_path.rename(self.box.dir / "moved")
        ask(inside, "/moved")
        wait_until(lambda: f"https://{HOST}/moved" in read(), 5, "the request in the new file")
        inside.close()
        wait_until(lambda: re.search(r"END +sandbox .*status 0", read()), 5, "the end")
        process.send_signal(signal.SIGINT)
        self.assertIn(process.wait(5), (0, -2, 130))

    def test_only_denials(self):
        process, read = self.follow("--denied")
        self.box.sh(f"curl -s -o /dev/null https://{HOST}/fine; curl -s -o /dev/null https://denied.example.com/")
        wait_until(lambda: "denied.example.com" in read(), 5, "the denial")
        self.assertNotIn("/fine", self.shown)

    def test_its_reader_leaves(self):
        process, read = self.follow()
        self.box.sh("true")
        wait_until(lambda: "START" in read(), 5, "a record")
        process.stdout.close()
        self.box.sh("true")
        self.assertIsNotNone(process.wait(10))


if __name__ == "__main__":
    unittest.main(verbosity=2)
