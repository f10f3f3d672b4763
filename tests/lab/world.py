"""What is outside: addresses, a name server that notes every question, and a recorder of every packet."""
import os
import shutil
import socket
import struct
import tempfile
import threading
import time
from pathlib import Path

from . import namespaces, pki
from .namespaces import CLONE_NEWNET, CLONE_NEWNS, ip

HOST_ADDRESS, GATEWAY = "192.0.2.2", "192.0.2.1"
HOST_ADDRESS6, GATEWAY6 = "2001:db8::2", "2001:db8::1"
RESOLVER = "8.8.4.4"


class World:
    """Made once for a test program. Everything in it is gone when the program ends."""

    def __init__(self):
        if os.geteuid() != 0:
            raise SystemExit("this test makes network namespaces: run it as root")
        self.dir = Path(tempfile.mkdtemp(prefix="sallyport-test."))
        self.dir.chmod(0o755)
        namespaces.unshare(CLONE_NEWNET | CLONE_NEWNS)
        namespaces.make_mounts_private()
        ip("link", "set", "lo", "up")
        self.space = namespaces.Space()
        self._connect()
        self.root = pki.Authority()
        self.ca = self.root.write(self.dir)
        self.next_address = 10
        self.names = NameServer(self.space)
        self.recorder = Recorder(self.space)
        self.write_resolv_conf(f"nameserver {RESOLVER}\n")

    def _connect(self):
        pid = self.space.pid
        ip("link", "add", "uplink", "type", "veth", "peer", "name", "world", "netns", str(pid))
        ip("addr", "add", f"{HOST_ADDRESS}/24", "dev", "uplink")
        ip("-6", "addr", "add", f"{HOST_ADDRESS6}/64", "dev", "uplink", "nodad")
        ip("link", "set", "uplink", "up")
        ip("addr", "add", f"{GATEWAY}/24", "dev", "world", pid=pid)
        ip("-6", "addr", "add", f"{GATEWAY6}/64", "dev", "world", "nodad", pid=pid)
        ip("link", "set", "world", "up", pid=pid)
        ip("route", "add", "default", "via", GATEWAY)
        ip("-6", "route", "add", "default", "via", GATEWAY6)
        ip("addr", "add", f"{RESOLVER}/32", "dev", "lo", pid=pid)

    def write_resolv_conf(self, text):
        """The host's resolv.conf, as far as this test program and what it starts can see."""
        path = self.dir / "resolv.conf"
        first = not path.exists()
        path.write_text(text)
        path.chmod(0o644)
        if first:
            namespaces.bind(path, os.path.realpath("/etc/resolv.conf"))

    def address(self):
        """A new public-looking address of the world."""
        self.next_address += 1
        address = f"93.184.{self.next_address >> 8}.{self.next_address & 255}"
        ip("addr", "add", f"{address}/32", "dev", "lo", pid=self.space.pid)
        return address

    def address6(self):
        self.next_address += 1
        address = f"2606:2800:220:1::{self.next_address:x}"
        ip("-6", "addr", "add", f"{address}/128", "dev", "lo", "nodad", pid=self.space.pid)
        return address

    def name(self, host, *addresses):
        """Makes HOST resolve to ADDRESSES (a new one, when none is given); returns the first."""
        chosen = list(addresses) or [self.address()]
        self.names.records[host] = chosen
        return chosen[0]

    def pair(self, *names, **options):
        """Certificate and key files for a good leaf with NAMES."""
        certificate, private = self.root.leaf(list(names), **options)
        return pki.write_pair(self.dir, f"leaf-{names[0].replace('*', 'star').replace(':', '-')}", certificate, private)

    def listen(self, address, port):
        """A listening TCP socket in the world."""
        with self.space.entered():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(1024)
        return listener

    def close(self):
        self.names.close()
        self.recorder.close()
        self.space.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class NameServer:
    """Answers A and AAAA over UDP by `records`, and notes every question in `questions`."""

    def __init__(self, space):
        self.records = {}   # name -> addresses; a callable is called with (name, type) and gives addresses
        self.ttls = {}      # name -> seconds, where it is not 60
        self.raw = {}       # name -> what makes the whole answer of the query's bytes
        self.questions = []
        with space.entered():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind((RESOLVER, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            try:
                self.socket.sendto(self._answer(query), peer)
            except (OSError, IndexError, struct.error):
                continue

    def _answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
            at += 1 + query[at]
        kind = struct.unpack("!H", query[at + 1:at + 3])[0]
        name = ".".join(labels).lower()
        self.questions.append((name, kind))
        if name in self.raw:
            return self.raw[name](query)
        found = self.records.get(name)
        if callable(found):
            found = found(name, kind)
        family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
        data = [socket.inet_pton(family, a) for a in found or [] if (":" in a) == (size == 16)]
        if kind not in (1, 28):
            data = []
        rcode = 0 if found is not None else 3
        header = query[:2] + struct.pack("!HHHHH", 0x8180 | rcode, 1, len(data), 0, 0)
        answers = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, self.ttls.get(name, 60), size) + d for d in data)
        return header + query[12:at + 5] + answers

    def close(self):
        self.socket.close()


class Recorder:
    """Every packet that arrives in the world from the host."""

    def __init__(self, space):
        self.packets_seen = []
        with space.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
            self.socket.bind(("world", 0))
        threading.Thread(target=self._record, daemon=True).start()

    def _record(self):
        while True:
            try:
                packet, (_, protocol, kind, _, _) = self.socket.recvfrom(65536)
            except OSError:
                return
            if kind != socket.PACKET_OUTGOING:
                self.packets_seen.append((protocol, packet))

    def mark(self):
        time.sleep(0.05)
        return len(self.packets_seen)

    def since(self, mark, ignore=()):
        """Destinations of IP packets since MARK, as (protocol number, address, port), but for IGNORE (addresses). The host's own
        neighbour discovery is not told."""
        time.sleep(0.1)
        found = []
        for protocol, packet in self.packets_seen[mark:]:
            target = parse(protocol, packet)
            if target and target[1] not in ignore:
                found.append(target)
        return found

    def close(self):
        self.socket.close()


def parse(protocol, packet):
    if protocol == 0x0800:
        size = (packet[0] & 15) * 4
        number, address = packet[9], socket.inet_ntop(socket.AF_INET, packet[16:20])
    elif protocol == 0x86DD:
        size, number, address = 40, packet[6], socket.inet_ntop(socket.AF_INET6, packet[24:40])
        if number in (0, 58):  # multicast listener reports and neighbour discovery
            return None
    else:
        return None
    port = struct.unpack("!H", packet[size + 2:size + 4])[0] if number in (6, 17) and len(packet) >= size + 4 else 0
    return number, address, port
