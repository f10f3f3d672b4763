"""The processes of a running `sallyport run`, as root sees them in /proc."""
import os
import re

from .namespaces import wait_until


def _stat(pid):
    """(parent, session, comm) of a process, or None."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    comm, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
    return int(rest[1]), int(rest[3]), comm


def children(pid):
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and (_stat(name) or (None,))[0] == pid]


def descendants(pid):
    found = children(pid)
    for child in list(found):
        found += descendants(child)
    return found


def is_alive(pid):
    """Whether PID runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def worker_of(process):
    """The engine of the sallyport that PROCESS (from Sandbox.start()) is: the child that leads a session of its own."""
    def find():
        for child in children(process.pid):
            stat = _stat(child)
            if stat and stat[1] == child and stat[2] != "sallyport-init":
                return child
        return None
    return wait_until(find, what="the worker")


def init_of(process):
    """Pid 1 of the sandbox."""
    def find():
        return next((child for child in children(process.pid) if (_stat(child) or (0, 0, ""))[2] == "sallyport-init"), None)
    return wait_until(find, what="the sandbox's init")


def status(pid, field):
    """A number of /proc/PID/status: VmRSS and the like in KiB."""
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(rf"^{field}:\s*(\d+)", file.read(), re.M).group(1))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def places(pid, value):
    """(mapping, its flags) for each mapping of PID that has VALUE in it."""
    found = []
    with open(f"/proc/{pid}/smaps") as file:
        mappings = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)\n(?:.*\n)*?VmFlags:(.*)$", file.read(), re.M)
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end, rights, name, flags in mappings:
            start, end = int(start, 16), int(end, 16)
            # The sanitizers' shadow is terabytes of nothing.
            if "r" not in rights or name in ("[vvar]", "[vsyscall]") or end - start > 1 << 32:
                continue
            at = start
            while at < end:
                try:
                    memory.seek(at)
                    data = memory.read(min(end - at, 64 << 20))
                except (OSError, OverflowError, ValueError):
                    break
                if value in data:
                    found.append((f"{start:x} {name}", flags.strip()))
                    break
                at += len(data) or end
    return found
