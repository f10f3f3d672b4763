"""Runs steer_driver in surroundings that are the test's own.

As root: the test process is moved into a network namespace that stands for the host's, joined by a
veth pair to another one, the outside, where every packet that arrives is recorded; and into a mount
namespace with a copy of /etc that tests may change. The driver runs as an ordinary user that nobody
else is. Not as root: the driver runs as the caller, and tests that need more are skipped.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

UID = 61184
CLONE_NEWNS = 0x20000
CLONE_NEWNET = 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18

IS_ROOT = os.geteuid() == 0
PYTHON = "/usr/bin/python3"
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

libc = ctypes.CDLL(None, use_errno=True)


def needs_root(test):
    return unittest.skipUnless(IS_ROOT, "needs root to build its surroundings")(test)


def check(result):
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def unshare(flags):
    check(libc.unshare(flags))


def mount(source, target, flags, kind=None):
    encoded = [part.encode() if part else None for part in (source, target, kind)]
    check(libc.mount(encoded[0], encoded[1], encoded[2], flags, None))


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


class Outside:
    """The network that the host is connected to. Records what arrives."""

    ADDRESS = "192.0.2.1"

    def __init__(self):
        self.reader, writer = os.pipe()
        ready, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            unshare(CLONE_NEWNET)
            os.write(told, b"x")
            self.record(writer)
        os.close(writer)
        os.read(ready, 1)
        ip("link", "add", "uplink", "type", "veth", "peer", "name", "inside", "netns", str(self.pid))
        ip("addr", "add", "192.0.2.2/24", "dev", "uplink")
        # Whatever is sent must not wait for an answer to a question who has the address.
        ip("link", "set", "uplink", "up", "arp", "off")
        ip("route", "add", "default", "via", self.ADDRESS)
        ip("-6", "addr", "add", "2001:db8::2/64", "dev", "uplink", "nodad")
        ip("-6", "route", "add", "default", "via", "2001:db8::1")
        os.set_blocking(self.reader, False)

    @staticmethod
    def record(writer):
        every = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        up = False
        while True:
            if not up:
                up = subprocess.run(["ip", "link", "set", "inside", "up"],
                                    stderr=subprocess.DEVNULL).returncode == 0
                time.sleep(0.01)
                continue
            packet = every.recv(65536)
            os.write(writer, len(packet).to_bytes(4, "big") + packet)

    def packets(self):
        """What arrived since the last call, but what the host's own kernel sends by itself."""
        time.sleep(0.05)
        data = b""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.reader, 65536):
                data += chunk
        found = []
        while data:
            size = int.from_bytes(data[:4], "big")
            found.append(data[4:4 + size])
            data = data[4 + size:]
        return [p for p in found if not self.is_neighbour_discovery(p)]

    @staticmethod
    def is_neighbour_discovery(packet):
        return packet[:1] and packet[0] >> 4 == 6 and packet[6] in (0, 58)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Surroundings:
    def __init__(self, driver):
        self.directory = tempfile.mkdtemp(prefix="sallyport-net-")
        os.chmod(self.directory, 0o755)
        self.driver = shutil.copy(driver, self.directory)
        self.home = os.path.join(self.directory, "home")
        os.mkdir(self.home)
        self.outside = None
        self.count = 0
        if IS_ROOT:
            os.chown(self.home, UID, UID)
            self.take_root_surroundings()

    def take_root_surroundings(self):
        unshare(CLONE_NEWNET | CLONE_NEWNS)
        mount(None, "/", MS_REC | MS_PRIVATE)
        ip("link", "set", "lo", "up")
        self.outside = Outside()
        self.etc = os.path.join(self.directory, "etc")
        subprocess.run(["cp", "-a", "/etc", self.etc], check=True)
        mount(self.etc, "/etc", MS_BIND)

    def close(self):
        if self.outside:
            self.outside.close()
            check(libc.umount2(b"/etc", 2))
        shutil.rmtree(self.directory)

    def new_path(self, name):
        self.count += 1
        return os.path.join(self.home, f"{self.count}-{name}")

    def own(self, path):
        if IS_ROOT:
            os.chown(path, UID, UID)
        return path

    def as_user(self):
        """Arguments for subprocess, to be the ordinary user."""
        identity = {"user": UID, "group": UID, "extra_groups": []} if IS_ROOT else {}
        return {"cwd": self.home, "env": {"PATH": PATH, "HOME": self.home}, **identity}


surroundings = None


def set_up(driver):
    global surroundings
    surroundings = Surroundings(driver)


def tear_down():
    surroundings.close()


class Run:
    """A run of the driver."""

    started = []

    def __init__(self, command, options=(), environment=None, **arguments):
        self.log_path = surroundings.new_path("log")
        environment = {"PATH": PATH, "HOME": surroundings.home} if environment is None \
            else environment
        variables = [x for k, v in environment.items() for x in ("--env", f"{k}={v}")]
        arguments = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                     "stderr": subprocess.PIPE, "text": True, **surroundings.as_user(), **arguments}
        self.prefix = arguments.pop("prefix", [])
        self.process = subprocess.Popen(
            [*self.prefix, surroundings.driver, "--log", self.log_path, *variables, *options,
             *command], **arguments)
        Run.started.append(self)

    @classmethod
    def end_all(cls):
        """Those that a test left behind, be it because it failed."""
        for left in cls.started:
            if left.process.poll() is None:
                left.process.kill()
                left.process.wait()
        cls.started.clear()

    def finish(self, timeout=30):
        try:
            self.out, self.err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"hangs; its log: {self.log()}")
        self.status = self.process.returncode
        return self

    def log(self):
        with contextlib.suppress(FileNotFoundError), open(self.log_path) as file:
            return [line.split() for line in file.read().splitlines()]
        return []

    def events(self):
        return [tuple(line[1:]) for line in self.log() if line[0] == "event"]

    def refused(self):
        """Packets: (protocol, destination, port)."""
        return [(int(line[1]), line[4], int(line[5])) for line in self.log() if line[0] == "packet"]

    def await_log(self, wanted, timeout=10):
        """Waits until a line begins with the words WANTED, and returns it."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for line in self.log():
                if line[:len(wanted)] == list(wanted):
                    return line
            time.sleep(0.01)
        raise AssertionError(f"no {wanted} in {self.log()}")

    def pids(self):
        """Of supervisor, INIT and worker."""
        return [int(word) for word in self.await_log(["pids"])[1:]]


def run(command, options=(), **arguments):
    return Run(command, options, **arguments).finish()


PRELUDE = """
import ctypes, errno, json, os, socket, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def attempt(function, *arguments):
    '''"ok" or the name of the errno.'''
    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno] if error.errno else str(error)
    return "ok"
def syscall(*arguments):
    '''The result, or the name of the errno.'''
    ctypes.set_errno(0)
    result = libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    return errno.errorcode[ctypes.get_errno()] if result == -1 else result
def say(value):
    print(json.dumps(value), flush=True)
"""


def script(code):
    return [PYTHON, "-c", PRELUDE + textwrap.dedent(code)]


class Case(unittest.TestCase):
    """A test whose sandboxes must never reach the outside."""

    def setUp(self):
        if surroundings.outside:
            surroundings.outside.packets()

    def tearDown(self):
        Run.end_all()
        if surroundings.outside:
            self.assertEqual(surroundings.outside.packets(), [])

    def inside(self, code, options=(), **arguments):
        """Runs CODE in a sandbox. Returns what it says, and the run."""
        done = run(script(code), options, **arguments)
        self.assertEqual((done.status, done.err), (0, ""), done.out)
        lines = [json.loads(line) for line in done.out.splitlines()]
        return (lines[0] if len(lines) == 1 else lines), done

    def await_gone(self, pids, timeout=5):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            left = [pid for pid in pids if is_alive(pid)]
            if not left:
                return
            time.sleep(0.01)
        self.fail(f"still there: {left}")


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def family_of(pid):
    """PID and all that descend from it."""
    found = [pid]
    with contextlib.suppress(FileNotFoundError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                for child in file.read().split():
                    found += family_of(int(child))
    return found


def main(modules):
    set_up(sys.argv.pop(1))
    try:
        suite = unittest.TestSuite(
            unittest.defaultTestLoader.loadTestsFromModule(module) for module in modules)
        if len(sys.argv) > 1:
            suite = unittest.TestSuite(
                test for test in flatten(suite) if any(word in test.id() for word in sys.argv[1:]))
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    finally:
        tear_down()
    return 0 if result.wasSuccessful() else 1


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test
