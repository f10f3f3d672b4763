"""Datagrams, where some may go out (threats N1, N2, N5, N6, D3, N9): what is allowed is no way for the rest.

After each attempt the recorder shows what arrived in the world: datagrams to the one allowed place, and nothing else.
"""
import json
import os
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
  - allow: [udp://good.example:7000, udp://rebound.example:7000, udp://host.example:7000]
"""
PRELUDE = """
import errno, json, os, socket, struct, sys, time
def say(value):
    print(json.dumps(value), flush=True)
def attempt(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno] if error.errno else "timed out"
    return "ok"
def make(there, own=None):
    s = socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.settimeout(0.5)
    if own:
        if ":" in own:
            s.setsockopt(socket.IPPROTO_IPV6, 78, 1)
        s.bind((own, 0))
    return s
def exchange(s, data, there):
    s.sendto(data, there)
    return s.recv(65536)
good4 = socket.getaddrinfo("good.example", 7000, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
good6 = socket.getaddrinfo("good.example", 7000, socket.AF_INET6, socket.SOCK_DGRAM)[0][4]
"""


def setUpModule():
    global world, good, evil, texts
    world = World()
    good, evil = world.name("good.example"), world.name("evil.example")
    world.name("rebound.example", "169.254.169.254", "10.0.0.1", "127.0.0.1", "::1", "fd00:ec2::254")
    world.name("host.example", "192.0.2.2", "2001:db8::2")
    texts = []
    with world.space.entered():
        echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        echo.bind((good, 7000))

    def serve():
        while True:
            text, peer = echo.recvfrom(65536)
            texts.append(text)
            echo.sendto(text, peer)
    threading.Thread(target=serve, daemon=True).start()


def tearDownModule():
    world.close()


class Ways(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox(world, POLICY)
        self.mark = world.recorder.mark()
        texts.clear()

    def tearDown(self):
        self.assertLessEqual(self.arrived(), {(17, good)})

    def arrived(self):
        """Without ports: the later fragments of a long datagram have none."""
        return {found[:2] for found in world.recorder.since(self.mark, ignore=(RESOLVER,))}

    def inside(self, code):
        done = self.box.python(PRELUDE + code + "\ntime.sleep(0.1)\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[0] if len(lines) == 1 else lines


class Packets(Ways):
    def test_N1_N2_the_allowed_port_at_other_places(self):
        said = self.inside(f"""
for there in ("{evil}", "{good}", "8.8.8.8", "10.0.0.1", "192.0.2.2", "169.254.169.254", "198.18.255.254", "255.255.255.255", "224.0.0.251",
              "2606:2800:220:1::7", "2001:db8::2", "::ffff:{evil}", "64:ff9b::a9fe:a9fe", "fd73:616c:6c79::c612:fffe", "ff02::fb%lo"):
    s = make(there)
    for i in range(2):
        say([there, attempt(s.sendto, b"evil", (there, 7000)), attempt(s.recv, 10)])
""")
        for there, _, received in said:
            self.assertNotEqual(received, "ok", there)
        self.assertEqual(texts, [])

    def test_N1_between_allowed_datagrams_nothing_slips_through(self):
        said = self.inside(f"""
for i in range(50):
    s = make(good4[0])
    say(exchange(s, b"good", good4) == b"good")
    attempt(s.sendto, b"evil", ("{evil}", 7000))
    attempt(s.sendto, b"evil", (good4[0], 7001))
    attempt(s.sendto, b"evil", ("198.18.255.254", 7000))
""")
        self.assertEqual(said, [True] * 50)
        self.assertEqual(set(texts), {b"good"})

    def test_N1_the_relay_is_not_reached_by_its_own_port(self):
        said = self.inside("""
for there in ("127.0.0.1", "127.9.9.9", "198.18.0.1", "::1", "fd73:616c:6c79::1"):
    s = make(there)
    s.connect((there, 1))
    s.send(b"evil")
    say(attempt(s.recv, 10))
""")
        self.assertEqual(said, ["EHOSTUNREACH"] * 3 + ["EACCES"] * 2)
        # By the rules, before anything is looked up.
        reasons = {r["reason"] for r in self.box.records(kind="udp")}
        self.assertEqual(reasons, {"no rule allows 127.0.0.1", "no rule allows 127.9.9.9", "no rule allows ::1",
                                   "the address stands for no name"})

    def test_N1_marks_and_transparent_sockets_are_not_to_be_had(self):
        said = self.inside("""
s = make("8.8.8.8")
for level, option, value in ((1, 36, 1), (1, 36, 3), (0, 19, 1), (0, 24, 1)):
    say(attempt(s.setsockopt, level, option, value))
control = [(socket.SOL_SOCKET, 36, struct.pack("I", 1))]
say(attempt(s.sendmsg, [b"evil"], control, 0, ("8.8.8.8", 7000)))
""")
        self.assertEqual(said[:3], ["EPERM"] * 3)
        self.assertNotEqual(said[4], "ok")

    def test_N4_an_odd_source_gains_nothing(self):
        said = self.inside(f"""
for own in ("{evil}", "8.8.8.8", "2001:db8::2", "127.0.0.1"):
    there = good6 if ":" in own else good4
    s = make(own, own)
    say(attempt(exchange, s, b"good", there))
    attempt(s.sendto, b"evil", ("2606:2800:220:1::7" if ":" in own else "{evil}", 7000))
""")
        self.assertEqual(said[:3], ["ok"] * 3)
        self.assertEqual(set(texts), {b"good"})

    def test_N5_odd_datagrams(self):
        """Segments, corked pieces, options, routing headers, sizes up to the last."""
        said = self.inside(f"""
s = make(good4[0])
s.setsockopt(17, 103, 100)                      # UDP_SEGMENT
s.sendto(b"good" * 50, good4)
s = make(good4[0])
s.connect(good4)
s.setsockopt(17, 1, 1)                          # UDP_CORK
s.send(b"go")
s.send(b"od")
s.setsockopt(17, 1, 0)
say(s.recv(10).decode())
s = make(good4[0])
attempt(s.setsockopt, 0, 4, b"\\x83\\x07\\x04" + socket.inet_aton("{evil}") + b"\\0")  # loose source route
attempt(s.sendto, b"good", good4)
s = make(good6[0])
header = b"\\0\\x02\\x04\\x01\\0\\0\\0\\0" + socket.inet_pton(socket.AF_INET6, "2606:2800:220:1::7")
attempt(s.setsockopt, 41, 57, header)           # IPV6_RTHDR
attempt(s.sendto, b"good", good6)
for name, option in (("ttl", 2), ("tos", 1)):
    s = make(good4[0])
    attempt(s.setsockopt, 0, option, 1)
    say(exchange(s, b"good", good4).decode())
s = make(good4[0])
say(exchange(s, b"good" * 16376, good4) == b"good" * 16376)
say(attempt(s.sendto, b"x" * 65508, good4))
s = make(good6[0])
attempt(s.sendto, b"good" * 16380, good6)
""")
        self.assertEqual(said, ["good", "good", "good", True, "EMSGSIZE"])
        self.assertEqual({text.replace(b"good", b"") for text in texts}, {b""})

    def test_D3_N9_a_name_leads_to_no_forbidden_address(self):
        said = self.inside("""
for host in ("rebound.example", "host.example"):
    for family in (socket.AF_INET, socket.AF_INET6):
        there = socket.getaddrinfo(host, 7000, family, socket.SOCK_DGRAM)[0][4]
        s = make(there[0])
        s.settimeout(5)
        s.connect(there)
        s.send(b"evil")
        say(attempt(s.recv, 10))
""")
        self.assertEqual(said, ["EHOSTUNREACH", "EACCES"] * 2)
        self.assertEqual({r["verdict"] for r in self.box.records(kind="udp")}, {"deny"})


class FailsClosed(Ways):
    FLOOD = PRELUDE + """
say(exchange(make(good4[0]), b"good", good4).decode())
sys.stdin.readline()
for i in range(3):
    for j in range(200):
        s = make("8.8.8.8")
        s.setblocking(False)
        attempt(s.sendto, b"evil", (f"8.8.{i}.{j}", 7000))
        attempt(s.sendto, b"evil", (f"8.8.{i}.{j}", 443))
say("flooded")
sys.stdin.readline()
"""

    def start(self):
        process = self.box.start(["/usr/bin/python3", "-c", self.FLOOD], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), '"good"\n')
        return process

    def flood(self, process):
        print("go", file=process.stdin, flush=True)
        self.assertEqual(process.stdout.readline(), '"flooded"\n')
        time.sleep(0.3)

    def test_N6_the_queue_is_full_and_nobody_reads_it(self):
        process = self.start()
        worker = processes.worker_of(process)
        os.kill(worker, signal.SIGSTOP)
        try:
            self.flood(process)
            self.assertEqual(self.arrived(), {(17, good)})
        finally:
            os.kill(worker, signal.SIGCONT)
        process.communicate("go\n", timeout=60)
        self.assertEqual(process.returncode, 0)

    def test_N6_nobody_tells_the_kernel_of_verdicts(self):
        process = self.start()
        os.kill(process.pid, signal.SIGSTOP)
        try:
            self.flood(process)
            self.assertEqual(self.arrived(), {(17, good)})
        finally:
            os.kill(process.pid, signal.SIGCONT)
        process.communicate("go\n", timeout=60)
        self.assertEqual(process.returncode, 0)

    def test_N6_the_worker_is_killed(self):
        process = self.start()
        os.kill(processes.worker_of(process), signal.SIGKILL)
        wait_until(lambda: [r for r in self.box.records(kind="sandbox") if r["life"]["event"] == "worker-lost"], what="the loss")
        self.flood(process)
        process.communicate("go\n", timeout=60)
        self.assertEqual(self.arrived(), {(17, good)})


if __name__ == "__main__":
    unittest.main()
