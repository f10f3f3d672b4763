"""Network and mount namespaces of the test network, and processes in them."""
import contextlib
import ctypes
import os
import signal
import subprocess
import time

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18

libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags):
    _check(libc.unshare(flags), "unshare")


def setns(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        _check(libc.setns(fd, 0), "setns")
    finally:
        os.close(fd)


def mount(source, target, kind=None, flags=0, data=None):
    encoded = [str(x).encode() if x is not None else None for x in (source, target, kind)]
    _check(libc.mount(*encoded, flags, data.encode() if data else None), f"mount {target}")


def bind(source, target):
    mount(source, target, flags=MS_BIND)


def make_mounts_private():
    mount(None, "/", flags=MS_REC | MS_PRIVATE)


def ip(*arguments, pid=None):
    prefix = ["nsenter", f"--net=/proc/{pid}/ns/net"] if pid else []
    subprocess.run([*prefix, "ip", *arguments], check=True)


class Space:
    """A network namespace, held by a process that only sleeps."""

    def __init__(self):
        ready, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            unshare(CLONE_NEWNET)
            # It ends with the test program, however that ends.
            libc.prctl(1, signal.SIGKILL)
            os.write(told, b"x")
            while True:
                signal.pause()
        os.close(told)
        os.read(ready, 1)
        os.close(ready)
        ip("link", "set", "lo", "up", pid=self.pid)

    def spawn(self, argv, **options):
        """Starts a program in the namespace, that ends with the test program, however that ends."""
        return subprocess.Popen(["nsenter", f"--net=/proc/{self.pid}/ns/net", *map(str, argv)],
                                preexec_fn=lambda: libc.prctl(1, signal.SIGTERM), **options)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is in the namespace inside the with block: for sockets that are made there."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        setns(f"/proc/{self.pid}/ns/net")
        try:
            yield
        finally:
            _check(libc.setns(own, 0), "setns")
            os.close(own)

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def end(process, seconds=5):
    """Ends a process that the tests started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(condition, seconds=10, what="a condition"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come to be within {seconds} s")
