"""The audit log in real life: verified after traffic, on a disk that is full, moved away, and watched."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
from pathlib import Path

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


class Rotation(unittest.TestCase):
    """The log has a folder of its own, and is rotated by Sallyport."""

    def setUp(self):
        self.box = Sandbox(WORLD, POLICY)
        self.folder = self.box.dir / "logs"
        self.folder.mkdir(mode=0o700)
        os.chown(self.folder, UID, UID)
        self.box.audit_path = self.folder / "audit.jsonl"

    def fill(self, inside, rounds):
        """Requests whose records take some 110 KiB a round."""
        for round in range(rounds):
            statuses = ask(inside, *(f"/{round}-{i}-{'x' * 1900}" for i in range(50)))
            self.assertEqual(set(statuses), {200})

    def parts(self):
        return sorted(p.name for p in self.folder.iterdir())

    def test_a_log_is_rotated_under_load_and_stays_one_chain(self):
        inside = Puppet(self.box, options=("--audit-size", "1MiB", "--audit-keep", "2"))
        self.fill(inside, 38)
        self.assertEqual(inside.close(), 0)
        self.assertEqual(self.parts(), ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"])
        for part in self.folder.iterdir():
            self.assertLessEqual(part.stat().st_size, 1 << 20)
            self.assertEqual(part.stat().st_mode & 0o7777, 0o600)
        found = verify(self.box, "--all", self.box.audit_path)
        self.assertEqual(found.returncode, 1)
        self.assertRegex(found.stdout, r"audit\.jsonl\.2:1: begins with seq \d+, and not as a new log does")
        found = verify(self.box, "--all", "--partial", self.box.audit_path)
        self.assertEqual(found.returncode, 0, found.stdout)
        self.assertRegex(found.stdout, r"audit\.jsonl\.2:1: note: begins with seq \d+, after a file that is not here")
        # The next supervisor goes on with it.
        self.assertEqual(self.box.sh("true").returncode, 0)
        self.assertEqual(verify(self.box, "--all", "--partial", self.box.audit_path).returncode, 0)

    def test_the_folder_of_a_rotated_log_is_hidden_from_the_program(self):
        inside = Puppet(self.box, options=("--audit-size", "1MiB"))
        self.fill(inside, 12)
        self.assertIn("audit.jsonl.1", self.parts())
        seen = inside.run("""
result = [os.listdir(folder)]
for name in ("audit.jsonl", "audit.jsonl.1", "forged"):
    for mode in ("r", "a"):
        try:
            open(os.path.join(folder, name), mode)
            result.append(name)
        except OSError as error:
            pass
try:
    os.rename(folder, folder + ".away")
    result.append("renamed")
except OSError as error:
    pass
""", folder=str(self.folder))
        self.assertEqual(seen, [[]])
        inside.close()
        self.assertEqual(verify(self.box, "--all", self.box.audit_path).returncode, 0)

    def test_a_folder_that_the_program_needs_is_refused(self):
        self.box.audit_path = self.box.work / "audit.jsonl"
        result = self.box.sh("touch ran", options=("--audit-size", "1MiB"))
        self.assertEqual(result.returncode, 125)
        self.assertIn("name a log in a folder of its own", result.stderr)
        self.assertFalse((self.box.work / "ran").exists())

    def test_wrong_bounds_are_refused(self):
        for options, why in ((("--audit-size", "100KiB"), "is no size of 1MiB or more"), (("--audit-keep", "3"), "give --audit-size too"),
                             (("--audit-size", "1MiB", "--audit-keep", "0"), "is not a number from 1 to 999")):
            result = self.box.sh("true", options=options)
            self.assertEqual(result.returncode, 125)
            self.assertIn(why, result.stderr)

    def test_a_log_that_was_moved_is_reopened_without_traffic(self):
        inside = Puppet(self.box)
        ask(inside, "/before")
        wait_until(lambda: "/before" in self.box.audit_path.read_text(), what="the record")
        self.box.audit_path.rename(self.folder / "audit.jsonl.1")
        wait_until(lambda: self.box.records(kind="sandbox"), 15, "the new file")
        self.assertEqual([r["life"]["event"] for r in self.box.records(kind="sandbox")], ["log-reopened"])
        inside.close()
        self.assertEqual(verify(self.box, "--all", self.box.audit_path).returncode, 0)

    def test_supervisors_killed_under_load_leave_one_chain(self):
        for round in range(4):
            inside = Puppet(self.box, options=("--audit-size", "1MiB"))
            self.fill(inside, 5)
            sender = threading.Thread(target=self.send_until_killed, args=(inside,))
            sender.start()
            before = self.parts()
            wait_until(lambda: self.parts() != before or not sender.is_alive(), 30, "a rotation")
            inside.process.kill()
            sender.join()
            inside.process.wait()
        self.assertEqual(self.box.sh("true", options=("--audit-size", "1MiB")).returncode, 0)
        found = verify(self.box, "--all", self.box.audit_path)
        self.assertEqual(found.returncode, 0, found.stdout)

    def send_until_killed(self, inside):
        with contextlib.suppress(Exception):
            self.fill(inside, 100)

    def test_the_default_log_s_folder_is_hidden(self):
        state = self.box.home / ".local" / "state" / "sallyport"
        result = subprocess.run(as_user([self.box.binary, "run", "-p", self.box.policy_path, "--", "sh", "-c", f"ls -A {state} && echo x >{state}/forged"]),
                                env=self.box.environment(), cwd=self.box.work, capture_output=True, text=True, timeout=60)
        self.assertEqual(result.stdout, "")
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual([p.name for p in state.iterdir()], ["audit.jsonl"])
        self.assertEqual(self.box.cli("audit", "verify").returncode, 0)

    def test_it_is_hidden_from_a_program_whose_own_log_is_another_one(self):
        state = self.box.home / ".local" / "state" / "sallyport"
        self.assertEqual(self.box.cli("run", "-p", self.box.policy_path, "--", "true").returncode, 0)
        for options in ((), ("--audit", state / "other.jsonl"), ("--audit", state / "audit.jsonl")):
            result = self.box.sh(f"cat {state}/*; echo x >>{state}/audit.jsonl", options=options)
            self.assertEqual(result.stdout, "")
            self.assertNotEqual(result.returncode, 0)
            found = self.box.cli("audit", "verify")
            self.assertEqual(found.returncode, 0, found.stdout)


class Outputs(unittest.TestCase):
    """Where the log goes beside its file."""

    def setUp(self):
        self.box = Sandbox(WORLD, POLICY)

    def own_dev(self):
        """A /dev for this program and what it starts, with nobody's syslog in it."""
        old = self.box.dir / "dev"
        old.mkdir()
        namespaces.mount("/dev", old, flags=namespaces.MS_BIND | namespaces.MS_REC)
        self.addCleanup(subprocess.run, ["umount", "-l", old], check=True)
        namespaces.mount("none", "/dev", "tmpfs", data="mode=755")
        self.addCleanup(subprocess.run, ["umount", "-l", "/dev"], check=True)
        for entry in old.iterdir():
            place = Path("/dev") / entry.name
            if entry.is_symlink():
                place.symlink_to(os.readlink(entry))
            elif entry.is_dir():
                place.mkdir()
                namespaces.mount(entry, place, flags=namespaces.MS_BIND | namespaces.MS_REC)
            elif entry.is_char_device():
                place.touch()
                namespaces.bind(entry, place)

    def syslog(self):
        """A daemon, of which the test is the reader."""
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        daemon.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        daemon.settimeout(10)
        self.addCleanup(daemon.close)
        return daemon

    def messages(self, daemon, count):
        return [daemon.recv(65536).decode() for _ in range(count)]

    def test_syslog_gets_every_line_of_the_file(self):
        self.own_dev()
        daemon = self.syslog()
        result = self.box.sh(f"curl -s -o /dev/null https://{HOST}/fine; curl -s -o /dev/null https://denied.example.com/",
                             options=("--audit", "syslog:local3"))
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = self.box.audit_path.read_text().splitlines()
        messages = self.messages(daemon, len(lines))
        self.assertEqual([m.split("] ", 1)[1] for m in messages], lines)
        for seq, (message, line) in enumerate(zip(messages, lines), 1):
            severity = 5 if '"verdict":"deny"' in line else 6
            self.assertRegex(message, rf'^<{19 * 8 + severity}>1 {json.loads(line)["time"]} \S+ sallyport \d+ audit \[meta sequenceId="{seq}"\] ')

    def test_without_its_syslog_the_sandbox_is_blocked_and_nothing_is_lost(self):
        self.own_dev()
        daemon = self.syslog()
        said = open(self.box.dir / "said", "w+")
        self.addCleanup(said.close)
        inside = Puppet(self.box, options=("--audit", "syslog"), stderr=said)
        self.assertEqual(ask(inside, "/first"), [200])
        daemon.close()
        os.unlink("/dev/log")
        for round in range(20):
            statuses = ask(inside, *(f"/{round}-{i}-{'x' * 1900}" for i in range(50)))
            if 503 in statuses:
                break
        self.assertIn(503, statuses)
        self.assertIn("cannot be sent on by --audit syslog: No such file or directory; until then, what cannot be logged is refused",
                      (self.box.dir / "said").read_text())
        daemon = self.syslog()
        received = []
        reader = threading.Thread(target=self.read_all, args=(daemon, received))
        reader.start()
        wait_until(lambda: ask(inside, "/again") == [200], 20, "going on")
        self.assertEqual(inside.close(), 0)
        lines = self.box.audit_path.read_text().splitlines()
        # The first ones went to the first daemon; no line is left out.
        wait_until(lambda: received and received[-1] == lines[-1], 10, "the last line")
        daemon.shutdown(socket.SHUT_RDWR)
        reader.join()
        self.assertEqual(received, lines[len(lines) - len(received):])
        self.assertIn("/0-1-x", "".join(received))
        self.assertEqual(verify(self.box).returncode, 0)

    def read_all(self, daemon, received):
        daemon.settimeout(None)
        while True:
            message = daemon.recv(65536).decode()
            if not message:
                return
            received.append(message.split("] ", 1)[1])

    def test_a_descriptor_gets_every_line_and_the_program_none_of_it(self):
        output = self.box.dir / "copy"
        with open(output, "w") as file:
            process = self.box.start(["sh", "-c", f"ls /proc/self/fd; curl -s -o /dev/null https://{HOST}/fine"],
                                     options=("--audit", f"fd:{file.fileno()}"), pass_fds=[file.fileno()], stdout=subprocess.PIPE, text=True)
            shown, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(output.read_text(), self.box.audit_path.read_text())
        self.assertEqual(shown.split(), ["0", "1", "2", "3"])
        self.assertEqual(verify(self.box, output).returncode, 0)

    def test_what_cannot_be_an_output_is_refused_at_the_start(self):
        self.own_dev()
        for output, why in (("-", "standard output is COMMAND's"), ("syslog", "no daemon listens at /dev/log"), ("syslog:nobody", "no facility is called so"),
                            ("fd:2", "a descriptor from 3 on"), ("fd:77", "it is not open for writing"),
                            # Those that Sallyport itself will have open, such as the log's file.
                            *((f"fd:{n}", "it is not open for writing") for n in range(3, 12))):
            result = self.box.sh("touch ran", options=("--audit", output))
            self.assertEqual(result.returncode, 125, output)
            self.assertIn(why, result.stderr)
        self.assertFalse((self.box.work / "ran").exists())


class Export(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox(WORLD, POLICY)
        self.box.sh(f"""
            curl -s -o /dev/null https://{HOST}/ok?a=b
            curl -s -o /dev/null -X PATCH https://denied.example.com/
            curl -s -o /dev/null --cacert {WORLD.ca} https://{PASSED}/
            dig +tries=1 +timeout=1 {HOST} MX >/dev/null
            ping -c1 -W1 93.184.1.1 >/dev/null""")
        self.records = self.box.records()

    def export(self, *options):
        result = self.box.cli("audit", "export", *options, self.box.audit_path)
        self.assertEqual(result.returncode, 0, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def test_every_record_is_an_event_of_ocsf(self):
        events = self.export()
        self.assertEqual([e["unmapped"]["seq"] for e in events], [r["seq"] for r in self.records])
        previous = "0" * 64
        for event, record in zip(events, self.records):
            for name in ("activity_id", "category_uid", "class_uid", "severity_id", "time", "type_uid", "status_id"):
                self.assertIs(type(event[name]), int, name)
            self.assertEqual(event["type_uid"], event["class_uid"] * 100 + event["activity_id"])
            self.assertEqual(event["class_uid"] // 1000, event["category_uid"])
            self.assertEqual(event["metadata"]["version"], "1.5.0")
            # The events can be held against the log.
            self.assertEqual(event["unmapped"]["prev"], previous)
            previous = event["metadata"]["uid"]
            if event["category_uid"] == 4:
                self.assertEqual(event["src_endpoint"]["uid"], record["sandbox"])
                self.assertEqual((event["action_id"], event["disposition_id"]), (1, 1) if record["verdict"] == "allow" else (2, 2))
        classes = {r["kind"]: e["class_uid"] for r, e in zip(self.records, events)}
        self.assertEqual(classes, {"sandbox": 6002, "dns": 4003, "http": 4002, "tls": 4001, "packet": 4001} | {k: 4001 for k in classes if k in ("tcp", "icmp")})
        allowed = next(e for e in events if e["class_uid"] == 4002 and e["action_id"] == 1)
        self.assertEqual(allowed["http_request"]["http_method"], "GET")
        self.assertEqual(allowed["http_request"]["url"]["url_string"], f"https://{HOST}/ok?a=b")
        self.assertEqual(allowed["http_response"]["code"], 200)
        self.assertEqual(allowed["tls"]["sni"], HOST)
        denied = next(e for e in events if e["class_uid"] == 4002 and e["action_id"] == 2)
        self.assertEqual((denied["activity_id"], denied["activity_name"], denied["http_response"]["code"]), (99, "PATCH", 403))
        self.assertIn("no rule allows denied.example.com", denied["status_detail"])

    def test_only_what_was_asked_for_is_exported(self):
        self.assertEqual(self.export("--format", "jsonl"), self.records)
        denied = [r for r in self.records if r["verdict"] == "deny"]
        self.assertEqual(self.export("--format", "jsonl", "--verdict", "deny"), denied)
        self.assertEqual(self.export("--until", "1h"), [])
        middle = self.records[len(self.records) // 2]["time"]
        self.assertEqual(self.export("--format", "jsonl", "--since", middle), [r for r in self.records if r["time"] >= middle])
        shown = self.box.cli("audit", "query", "--host", "denied.example.com", "--kind", "http", self.box.audit_path)
        self.assertRegex(shown.stdout, r"DENY  PATCH https://denied.example.com/ 403 .*no rule allows denied.example.com")
        self.assertEqual(shown.stdout.count("DENY"), 1)


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
