"""udp:// rules: datagrams that are relayed, and those that are refused, by their verdicts."""
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
import unittest

from lab import processes
from lab.namespaces import wait_until
from lab.sandbox import Sandbox
from lab.world import RESOLVER, World

POLICY = """
rules:
  - allow: ["udp://echo.example:7000", "udp://six.example:7000", "udp://ntp.example:123", "udp://dns.example:5353"]
  - allow: ["udp://93.184.99.9:7001", "udp://closed.example:7002", "udp://both.example:7000", "udp://inner.example:7000", "udp://93.184.200.0/24:7005"]
  - deny: "udp://bad.example:7000"
    reason: known to be bad
  - allow: ["udp://*.many.example:7000", "udp://slow.example:7000"]
"""

PRELUDE = """
import errno, json, socket, sys, time
def say(value):
    print(json.dumps(value), flush=True)
def attempt(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno] if error.errno else str(error)
    return "ok"
def dial(host, port, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect(socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)[0][4])
    return s
"""


class Echo:
    """Answers each datagram with itself, from an address of the world; notes where they came from."""

    def __init__(self, world, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.peers, self.texts, self.answer = [], [], lambda text: [text]
        with world.space.entered():
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
            self.socket.bind((address, port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                text, peer = self.socket.recvfrom(65536)
            except OSError:
                return
            self.peers.append(peer)
            self.texts.append(text)
            for answer in self.answer(text):
                self.socket.sendto(answer, peer)

    def close(self):
        self.socket.close()


def setUpModule():
    global world, echo, six, ntp, literal
    world = World()
    echo = Echo(world, world.name("echo.example"), 7000)
    world.name("six.example", world.address6())
    six = Echo(world, world.names.records["six.example"][0], 7000)
    world.name("both.example", six.socket.getsockname()[0], echo.socket.getsockname()[0])
    world.name("bad.example", echo.socket.getsockname()[0])
    world.name("other.example", echo.socket.getsockname()[0])
    world.name("inner.example", "10.1.2.3")
    world.name("closed.example")
    world.name("slow.example", echo.socket.getsockname()[0])
    ntp = Echo(world, world.name("ntp.example"), 123)
    from lab.namespaces import ip
    ip("addr", "add", "93.184.99.9/32", "dev", "lo", pid=world.space.pid)
    literal = Echo(world, "93.184.99.9", 7001)


def tearDownModule():
    for thing in (echo, six, ntp, literal, world):
        thing.close()


class Case(unittest.TestCase):
    policy = POLICY

    def setUp(self):
        self.box = Sandbox(world, self.policy)
        self.mark = world.recorder.mark()
        for each in (echo, six, ntp, literal):
            each.peers.clear()
            each.texts.clear()
            each.answer = lambda text: [text]

    def inside(self, code):
        done = self.box.python(PRELUDE + code)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[0] if len(lines) == 1 else lines

    def arrived(self):
        return world.recorder.since(self.mark, ignore=(RESOLVER,))

    def refused(self):
        return [r for r in self.box.records(kind="packet") if "host" in r]


class Relayed(Case):
    def test_an_address_of_the_host_is_not_in_a_range(self):
        """The program would choose it, and what the host has there is not meant for it."""
        from lab.namespaces import ip
        ip("addr", "add", "93.184.200.1/32", "dev", "lo")
        service = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(service.close)
        service.bind(("93.184.200.1", 7005))
        service.settimeout(1)
        self.inside("""
s = dial("93.184.200.1", 7005)
say([attempt(s.send, b"x"), attempt(s.recv, 10)])
""")
        with self.assertRaises(TimeoutError):
            service.recv(10)
        record = wait_until(lambda: self.box.records(kind="packet", verdict="deny"), what="a record")[0]
        self.assertIn("may not be dialled: an address of this host itself", record["reason"])

    def test_datagrams_go_both_ways_unchanged(self):
        said = self.inside("""
s = dial("echo.example", 7000)
for size in (0, 1, 512, 1472, 1473, 9000, 65507):
    text = bytes(i * 7 & 255 for i in range(size))
    s.send(text)
    say(s.recv(65536) == text)
""")
        self.assertEqual(said, [True] * 7)
        self.assertEqual([len(t) for t in echo.texts], [0, 1, 512, 1472, 1473, 9000, 65507])
        self.assertEqual(len(set(echo.peers)), 1)  # one flow has one socket

    def test_the_flow_has_one_record(self):
        self.inside("""
s = dial("echo.example", 7000)
for i in range(3):
    s.send(b"12345")
    s.recv(10)
say(1)
""")
        records = self.box.records(kind="udp")
        self.assertEqual(len(records), 1)
        record = records[0]
        self.assertEqual((record["verdict"], record["rule"], record["host"], record["port"], record["ip"]),
                         ("allow", "rules[0]", "echo.example", 7000, echo.socket.getsockname()[0]))
        self.assertEqual((record["bytes"]["up"], record["bytes"]["down"]), (15, 15))
        self.assertGreater(record["ms"]["total"], 0)
        self.assertEqual(self.box.records(kind="packet"), [])

    def test_ipv6_both_inside_and_outside(self):
        said = self.inside("""
for host, family in (("six.example", socket.AF_INET6), ("six.example", socket.AF_INET),
                     ("echo.example", socket.AF_INET6)):
    s = dial(host, 7000, family)
    s.send(b"x" * 9000)
    say(len(s.recv(65536)))
""")
        self.assertEqual(said, [9000] * 3)
        self.assertEqual((len(six.peers), len(echo.peers)), (2, 1))

    def test_the_family_that_the_program_uses_is_preferred(self):
        self.inside("""
for family in (socket.AF_INET, socket.AF_INET6):
    s = dial("both.example", 7000, family)
    s.send(b"x")
    s.recv(10)
say(1)
""")
        self.assertEqual([r["ip"] for r in self.box.records(kind="udp")],
                         [echo.socket.getsockname()[0], six.socket.getsockname()[0]])

    def test_answers_come_from_where_it_was_sent_to(self):
        said = self.inside("""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
there = socket.getaddrinfo("echo.example", 7000, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
s.sendto(b"x", there)
say(s.recvfrom(10)[1] == tuple(there))
""")
        self.assertTrue(said)

    def test_an_address_that_a_rule_names_is_reached_by_itself(self):
        said = self.inside("""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.sendto(b"text", ("93.184.99.9", 7001))
say(s.recv(10).decode())
""")
        self.assertEqual(said, "text")
        self.assertEqual(self.box.records(kind="udp")[0]["host"], "93.184.99.9")

    def test_more_answers_than_questions(self):
        echo.answer = lambda text: [b"%d" % i for i in range(150)]
        said = self.inside("""
s = dial("echo.example", 7000)
s.send(b"x")
say([s.recv(10).decode() for i in range(150)] == [str(i) for i in range(150)])
""")
        self.assertTrue(said)

    def test_a_closed_port_is_told(self):
        said = self.inside("""
for family in (socket.AF_INET, socket.AF_INET6):
    s = dial("closed.example", 7002, family)
    s.send(b"x")
    say(attempt(s.recv, 10))
""")
        self.assertEqual(said, ["ECONNREFUSED"] * 2)

    def test_a_name_that_does_not_exist_is_told(self):
        said = self.inside("""
for family in (socket.AF_INET, socket.AF_INET6):
    s = dial("none.many.example", 7000, family)
    s.send(b"x")
    say(attempt(s.recv, 10))
""")
        self.assertEqual(said, ["EHOSTDOWN", "EACCES"])
        record = self.box.records(kind="udp")[0]
        self.assertEqual((record["verdict"], record["error"]), ("allow", "the name does not exist"))

    def test_what_waits_for_the_name_is_sent_in_order(self):
        real = world.names.records["slow.example"]

        def slowly(name, kind):
            time.sleep(0.3)
            return real
        world.names.records["slow.example"] = slowly
        said = self.inside("""
s = dial("slow.example", 7000)
for i in range(10):
    s.send(b"%d" % i)
say([s.recv(10).decode() for i in range(10)])
""")
        world.names.records["slow.example"] = real
        self.assertEqual(said, [str(i) for i in range(10)])

    def test_ntp_by_a_scripted_client(self):
        ntp.answer = lambda text: [b"\x24" + text[1:24] + text[40:48] + b"\0" * 16]
        said = self.inside("""
s = dial("ntp.example", 123)
s.send(b"\\x23" + b"\\0" * 39 + b"\\x01" * 8)
answer = s.recv(100)
say([answer[0], answer[24:32] == b"\\x01" * 8])
""")
        self.assertEqual(said, [0x24, True])

    def test_dig_asks_another_server_on_another_port(self):
        names = Echo(world, world.name("dns.example"), 5353)
        names.answer = lambda query: [world.names._answer(query)]
        done = self.box.run(["dig", "+short", "+tries=1", "-p", "5353", "@dns.example", "A", "echo.example"])
        names.close()
        self.assertEqual(done.stdout.strip(), echo.socket.getsockname()[0], done.stderr)

    def test_an_idle_flow_ends_and_begins_anew(self):
        process = self.box.start(["/usr/bin/python3", "-c", PRELUDE + """
s = dial("echo.example", 7000)
for i in range(2):
    s.send(b"x")
    s.recv(10)
    say("answered")
    sys.stdin.readline()
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), '"answered"\n')
        wait_until(lambda: self.box.records(kind="udp"), seconds=60, what="the end of the flow")
        print("go", file=process.stdin, flush=True)
        self.assertEqual(process.stdout.readline(), '"answered"\n')
        process.communicate("go\n")
        self.assertEqual(len(self.box.records(kind="udp")), 2)
        self.assertEqual(len(set(echo.peers)), 2)


class Refused(Case):
    def test_by_a_rule_and_by_none(self):
        said = self.inside("""
for host in ("bad.example", "other.example"):
    for family in (socket.AF_INET, socket.AF_INET6):
        s = dial(host, 7000, family)
        s.send(b"x")
        say(attempt(s.recv, 10))
        say(attempt(s.send, b"x"))
""")
        self.assertEqual(said, ["EHOSTUNREACH", "EPERM", "EACCES", "EPERM"] * 2)
        found = [(r["host"], r["port"], r["rule"]) for r in self.refused()]
        self.assertEqual(found, [("bad.example", 7000, "rules[2]")] * 4 + [("other.example", 7000, None)] * 4)
        self.assertIn("known to be bad", self.refused()[0]["reason"])
        self.assertEqual(self.arrived(), [])

    def test_a_port_that_no_rule_names_fails_at_once(self):
        said = self.inside("""
for port in (443, 7003):
    s = dial("echo.example", port)
    say(attempt(s.send, b"x"))
    say(attempt(s.recv, 10))
""")
        self.assertEqual(said, ["EPERM", "EHOSTUNREACH"] * 2)
        self.assertEqual([r["port"] for r in self.refused()], [443, 7003])
        self.assertEqual(self.arrived(), [])

    def test_the_last_packet_of_a_program_is_told(self):
        """The kernel holds it back for a moment; the program is gone by then."""
        for _ in range(10):
            self.inside("""
s = dial("echo.example", 443)
say(attempt(s.send, b"x"))
sys.stdout.flush()
import os
os._exit(0)
""")
        self.assertEqual(len(self.refused()), 10)

    def test_addresses_are_not_names(self):
        """The address of an allowed name is not allowed, nor another synthetic one."""
        address = echo.socket.getsockname()[0]
        self.inside(f"""
for there in ("{address}", "198.18.77.77", "10.1.2.3", "169.254.169.254"):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect((there, 7000))
    s.send(b"x")
    assert attempt(s.recv, 10) == "EHOSTUNREACH", there
say(1)
""")
        self.assertEqual(self.arrived(), [])

    def test_a_name_with_a_private_address_is_refused(self):
        said = self.inside("""
s = dial("inner.example", 7000)
s.send(b"x")
say(attempt(s.recv, 10))
""")
        self.assertEqual(said, "EHOSTUNREACH")
        record = self.box.records(kind="udp")[0]
        self.assertEqual(record["verdict"], "deny")
        self.assertIn("private", record["reason"])
        self.assertEqual(self.arrived(), [])


class Bounds(Case):
    def test_a_flood_to_many_places_is_bounded_and_counted(self):
        self.inside("""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
there = socket.getaddrinfo("echo.example", 7000, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
sockets = []
for i in range(1500):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(2)
    s.connect(there)
    s.send(b"x")
    if i < 1000:
        s.recv(10)
    sockets.append(s)
say(1)
""")
        records = self.box.records(kind="udp")
        self.assertEqual(len([r for r in records if r["verdict"] == "allow"]), 1024)
        refused = [r for r in records if r["verdict"] == "deny"]
        self.assertGreater(len(refused), 0)
        self.assertLess(len(refused), 300)
        counted = len([r for r in refused if "host" in r]) + sum(r.get("packet", {}).get("suppressed", 0) for r in refused)
        self.assertEqual(counted, 1500 - 1024)

    def test_a_flood_that_waits_for_a_name_is_bounded(self):
        world.names.raw["slow.example"] = lambda query: b""
        self.inside("""
there = socket.getaddrinfo("slow.example", 7000, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(100):
    s.sendto(b"x" * 1000, there)
time.sleep(1.5)
say(1)
""")
        del world.names.raw["slow.example"]
        lost = sum(r.get("packet", {}).get("suppressed", 0) for r in self.box.records(kind="udp"))
        self.assertEqual(lost, 100 - 16)


class FailsClosed(Case):
    TALK = PRELUDE + """
s = dial("echo.example", 7000)
s.send(b"before")
s.recv(10)
say("answered")
sys.stdin.readline()
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
other.settimeout(1)
for i in range(5):
    say(attempt(s.send, b"after"))
    say(attempt(s.recv, 10))
    attempt(other.sendto, b"after", ("93.184.99.9", 7001))
    say(attempt(other.recv, 10))
"""

    def test_without_its_worker_nothing_gets_out(self):
        process = self.box.start(["/usr/bin/python3", "-c", self.TALK],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), '"answered"\n')
        mark = world.recorder.mark()
        worker = processes.worker_of(process)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: self.box.records(kind="sandbox", life={}) or [
            r for r in self.box.records(kind="sandbox") if r["life"]["event"] == "worker-lost"], what="the loss")
        out, _ = process.communicate("go\n", timeout=60)
        self.assertNotIn('"ok"\n"ok"', out)
        self.assertEqual(world.recorder.since(mark, ignore=(RESOLVER,)), [])

    def test_a_worker_that_is_stopped_lets_nothing_through(self):
        process = self.box.start(["/usr/bin/python3", "-c", self.TALK],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), '"answered"\n')
        mark = world.recorder.mark()
        worker = processes.worker_of(process)
        os.kill(worker, signal.SIGSTOP)
        try:
            print("go", file=process.stdin, flush=True)
            time.sleep(1)
            self.assertEqual(world.recorder.since(mark, ignore=(RESOLVER,)), [])
        finally:
            os.kill(worker, signal.SIGCONT)
            process.communicate(timeout=60)


class Observed(Case):
    policy = POLICY + "mode: observe\n"

    def test_what_would_be_refused_is_marked(self):
        said = self.inside("""
s = dial("other.example", 7000)
s.send(b"x")
say(s.recv(10).decode())
""")
        self.assertEqual(said, "x")
        record = self.box.records(kind="udp")[0]
        self.assertEqual((record["verdict"], record["would_deny"]), ("allow", True))


class Without(Case):
    policy = "rules: [{allow: echo.example}]\n"

    def test_without_rules_for_datagrams_all_fail_at_once(self):
        said = self.inside("""
s = dial("echo.example", 7000)
say(attempt(s.send, b"x"))
""")
        self.assertEqual(said, "EPERM")
        self.assertEqual(self.arrived(), [])


if __name__ == "__main__":
    unittest.main()
