"""The attacker's side of the attack tests: functions that run inside a sandbox, and origins that keep every byte by name."""
import ast
import errno
import inspect
import select
import shutil
import socket
import textwrap
import threading
import time
from pathlib import Path

from . import namespaces
from .origins import Scripted, answer
from .sandbox import Sandbox

PYTHON = "/usr/bin/python3"


class Raised(AssertionError):
    """What a function inside raised."""

    def __init__(self, kind, number, text):
        super().__init__(f"inside the sandbox: {kind}: {text}")
        self.kind, self.errno, self.text = kind, number, text


class Inside:
    """A process inside a sandbox that is sent functions: do(FUNCTION, ...) calls it there, with the names of inside.py around it
    and none of the test's. What it returns must be made of literals."""

    def __init__(self, box, env=None, options=()):
        self.box = box
        program = box.world.dir / "inside.py"
        if not program.exists():
            shutil.copy(Path(__file__).with_name("inside.py"), program)
            program.chmod(0o644)
        self.errors = box.dir / f"inside-{time.monotonic_ns()}.err"
        with open(self.errors, "wb") as errors:
            self.process = box.start([PYTHON, "-u", program], env=env, options=options, stdin=-1, stdout=-1, stderr=errors,
                                     text=True)
        if self._read(60) != "ready":
            raise AssertionError("the sandbox did not start: " + self.stderr())

    def _read(self, timeout):
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            raise AssertionError(f"no answer from inside within {timeout} s; {self.stderr()}")
        return self.process.stdout.readline().strip()

    def do(self, function, *arguments, timeout=90):
        source = textwrap.dedent(inspect.getsource(function))
        self.process.stdin.write(repr((function.__name__, source, arguments)) + "\n")
        self.process.stdin.flush()
        line = self._read(timeout)
        if not line:
            raise AssertionError("the process inside is gone; " + self.stderr())
        how, *rest = ast.literal_eval(line)
        if how == "raised":
            raise Raised(*rest)
        return rest[0]

    def teach(self, *functions):
        """Makes FUNCTIONS known to those that are sent later."""
        for function in functions:
            source = textwrap.dedent(inspect.getsource(function))
            self.process.stdin.write(repr((None, source, ())) + "\n")
            self.process.stdin.flush()
            self._read(30)

    def error_of(self, function, *arguments, timeout=90):
        """The name of the error (EPERM ...) or of the exception that FUNCTION raises inside; None if it raises none."""
        try:
            self.do(function, *arguments, timeout=timeout)
        except Raised as raised:
            return errno.errorcode.get(raised.errno, raised.kind)
        return None

    def stderr(self):
        return self.errors.read_text(errors="replace")

    def close(self):
        """Ends the sandbox; its exit status."""
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(30)
            except Exception:
                namespaces.end(self.process)
        self.process.stdout.close()
        return self.process.returncode

    def faults(self):
        """Signs that the engine itself was broken: what a sanitizer says, or the loss of the worker."""
        said = self.stderr()
        marks = ("AddressSanitizer", "runtime error:", "engine has ended", "damaged", "LeakSanitizer")
        found = [line for line in said.splitlines() if any(mark in line for mark in marks)]
        return found + [r for r in self.box.records(kind="sandbox") if r.get("life", {}).get("event") == "worker-lost"]


def enter(world, policy="", env=None, **options):
    """A sandbox under POLICY, with a process inside: (box, inside)."""
    box = Sandbox(world, policy)
    return box, Inside(box, env=env, **options)


class Witness(Scripted):
    """A TLS origin with one certificate for NAMES (wildcards may be among them) that keeps every byte by the server name that
    was asked for. ANSWERS: server name -> script(connection); others get 200 for every request."""

    def __init__(self, world, *names, answers=None, hosts=(), port=443, script=None):
        self.answers, self.other = answers or {}, script or answer()
        certificate, key = world.pair(*names)
        context = namespaces_context(certificate, key)
        context.sni_callback = lambda stream, name, _: setattr(stream, "asked", name)
        super().__init__(world, names[0], self._speak, port=port, context=context, address=world.address())
        for name in [n for n in names if "*" not in n] + list(hosts):
            world.name(name, self.address)

    def _speak(self, connection):
        name = getattr(connection.stream, "asked", None)
        connection.name = name
        self.answers.get(name, self.other)(connection)

    def of(self, name):
        """Every byte that came for NAME, over all connections."""
        return b"".join(c.raw for c in self.connections if getattr(c.stream, "asked", None) == name)

    def mark(self):
        """What has been seen so far, for since(): connections are kept and used again."""
        return {id(c): len(c.raw) for c in list(self.connections)}

    def since(self, mark, name):
        return b"".join(c.raw[mark.get(id(c), 0):] for c in list(self.connections) if getattr(c.stream, "asked", None) == name)

    def count(self, name):
        return sum(getattr(c.stream, "asked", None) == name for c in self.connections)


class HostService:
    """What listens on all of the host's own addresses, and must never be reached."""

    def __init__(self, port=443):
        self.reached = []
        self.listener = socket.socket(socket.AF_INET6)
        self.listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.listener.bind(("::", port))
        self.listener.listen(100)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            connection, peer = self.listener.accept()
            self.reached.append(peer)
            connection.close()


def namespaces_context(certificate, key):
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def settle(box, *conditions, seconds=5, **wanted):
    """The records that are as WANTED, once there is at least one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = box.records(**wanted)
        if found and all(condition(found) for condition in conditions):
            return found
        time.sleep(0.05)
    return box.records(**wanted)


def statuses(raw):
    """The status codes of the responses that a client's parser finds in RAW, by their own framing; "cut" where one ends early,
    "junk" where something else stands."""
    found = []
    while raw:
        if not raw.startswith(b"HTTP/1."):
            return found + ["junk"]
        head, mark, rest = raw.partition(b"\r\n\r\n")
        if not mark:
            return found + ["cut"]
        status = int(head[9:12])
        fields = {name.strip().lower(): value.strip() for name, _, value in
                  (line.partition(b":") for line in head.split(b"\r\n")[1:])}
        found.append(status)
        if status < 200 or status in (204, 304):
            raw = rest
        elif b"chunked" in fields.get(b"transfer-encoding", b""):
            raw = after_chunks(rest)
            if raw is None:
                return found + ["cut"]
        elif b"content-length" in fields:
            size = int(fields[b"content-length"])
            if len(rest) < size:
                return found + ["cut"]
            raw = rest[size:]
        else:
            return found
    return found


def after_chunks(rest):
    while True:
        line, mark, rest = rest.partition(b"\r\n")
        if not mark:
            return None
        size = int(line.split(b";")[0], 16)
        if size == 0:
            end = rest.find(b"\r\n") if rest.startswith(b"\r\n") else rest.find(b"\r\n\r\n") + 2
            return rest[end + 2:] if end >= 0 and rest else None
        if len(rest) < size + 2:
            return None
        rest = rest[size + 2:]
