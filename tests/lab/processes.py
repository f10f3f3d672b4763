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


def held(pid, values):
    """(mapping, its flags, value) wherever a process's memory holds one of VALUES."""
    found, spans, flags = [], [], {}
    with open(f"/proc/{pid}/smaps") as maps:
        for line in maps:
            if span := re.match(r"([0-9a-f]+)-([0-9a-f]+) (r\S+) \S+ \S+ \S+\s*(.*)", line):
                spans.append((int(span[1], 16), int(span[2], 16), span[4]))
                flags[spans[-1][0]] = []
                current = spans[-1][0]
            elif re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                current = None
            elif line.startswith("VmFlags:") and current:
                flags[current] = line.split()[1:]
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for start, end, name in spans:
            if name in ("[vvar]", "[vsyscall]") or end - start > 1 << 30:
                continue  # the latter: a sanitizer's shadow
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except (OSError, ValueError):
                continue
            found += [(name or hex(start), flags[start], value) for value in values if value in data]
    return found
