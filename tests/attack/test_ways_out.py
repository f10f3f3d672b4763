"""Every other way out that anybody could think of (threats N*): packets, rules, namespaces, sockets of the host, system calls.

After each attempt the recorder shows that nothing but allowed traffic arrived in the world, and where a packet was refused the log
has a record of it.

Not here: N2's router advertisements and N4's tap (there is no interface but lo); N5's fragments and overlapping segments need raw
sockets, which are not to be had (N1); N6's queue (none is used here: packets are refused by the
table itself; test_datagrams.py has it); N7 (policies are not reloaded yet); N12 (methods and paths: test_framing.py;
rules that look into bodies or count are not there yet); N13 (out of scope); N14 (test_policy.py); N15 (rules cannot count yet).
"""
import os
import pty
import socket
import subprocess
import termios
import time
import unittest

from lab.attacker import PYTHON, HostService, Inside, Witness, enter, settle, statuses
from lab.namespaces import Space, end, wait_until
from lab.origins import Scripted, answer
from lab.processes import is_alive, worker_of
from lab.sandbox import UID, Sandbox
from lab.world import HOST_ADDRESS, World

POLICY = """
rules:
  - allow: [good.example, http://good.example/**]
"""


def setUpModule():
    global world, origin, plain, evil, box, inside, host_service, unix
    world = World()
    origin = Witness(world, "good.example")
    plain = Scripted(world, "good.example", answer(), tls=False, address=origin.address)
    evil = Scripted(world, "evil.example", lambda connection: connection.recv(), tls=False, port=80)
    host_service = HostService(8080)
    unix = UnixServices(world.dir)
    box, inside = enter(world, POLICY, env={"HTTP_PROXY": "http://192.0.2.2:8080", "ALL_PROXY": "socks5://192.0.2.2:8080", "no_proxy": "*", "SSH_AUTH_SOCK": str(unix.paths["stream"])})


def tearDownModule():
    inside.close()
    faults = inside.faults()
    for thing in (origin, plain, evil, unix, world):
        thing.close()
    assert not faults, faults


class UnixServices:
    """Unix sockets of the host, as its daemons have them, that anybody may connect to."""

    def __init__(self, directory):
        self.listeners, self.paths = [], {}
        self.folder = directory / "sockets"
        self.folder.mkdir()
        self.folder.chmod(0o777)
        for name, kind in (("stream", socket.SOCK_STREAM), ("packet", socket.SOCK_SEQPACKET), ("datagram", socket.SOCK_DGRAM)):
            self.paths[name] = self.bind(str(self.folder / name), kind)
        self.bind("\0sallyport-test-abstract", socket.SOCK_STREAM)

    def bind(self, path, kind=socket.SOCK_STREAM):
        listener = socket.socket(socket.AF_UNIX, kind)
        listener.bind(path)
        if kind != socket.SOCK_DGRAM:
            listener.listen(10)
        if not path.startswith("\0"):
            os.chmod(path, 0o777)
        listener.setblocking(False)
        self.listeners.append(listener)
        return path

    def close(self):
        for listener in self.listeners:
            listener.close()


def reach(path, kind=socket.SOCK_STREAM):
    """How a unix socket answers: the name of the error, or None."""
    stream = socket.socket(socket.AF_UNIX, kind)
    stream.settimeout(5)
    return errno_name(stream.connect, path) or errno_name(stream.send, b"out")


def get(host, to=None, port=80):
    with connect(to or host, port) as stream:
        stream.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return receive(stream)[0]


class Ways(unittest.TestCase):
    def setUp(self):
        self.mark = world.recorder.mark()

    def tearDown(self):
        self.assertEqual(world.recorder.since(self.mark, ignore=(origin.address, "8.8.4.4")), [])
        self.assertEqual(host_service.reached, [])
        self.assertEqual((evil.accepted, evil.raw), (0, b""))

    def shell(self, script, timeout=30):
        """(status, output) of a script inside."""
        def sh(script):
            return run(["sh", "-c", script + " 2>&1"], 25)
        status, out, _ = inside.do(sh, script, timeout=timeout)
        return status, out.decode(errors="replace")


class Packets(Ways):
    def test_N1_raw_and_odd_sockets(self):
        def open_all():
            found = {}
            for label, arguments in (("raw", (2, 3, 255)), ("raw icmp", (2, 3, 1)), ("raw tcp", (2, 3, 6)), ("gre", (2, 3, 47)), ("ipip", (2, 3, 4)), ("esp", (2, 3, 50)), ("igmp", (2, 3, 2)), ("raw6", (10, 3, 58)),
                                     ("packet", (17, 3, 768)), ("packet datagram", (17, 2, 768)), ("vsock", (40, 1, 0)), ("vsock datagram", (40, 2, 0)), ("bluetooth", (31, 3, 0)), ("alg", (38, 5, 0)), ("tipc", (30, 1, 0)), ("can", (29, 3, 1)),
                                     ("x25", (9, 5, 0)), ("appletalk", (5, 2, 0)), ("ipx", (4, 2, 0)), ("key", (15, 3, 2)), ("rds", (21, 5, 0)), ("nfc", (39, 5, 0)), ("kcm", (41, 5, 0)), ("smc", (43, 1, 0)), ("xdp", (44, 3, 0)), ("mctp", (45, 2, 0)),
                                     ("qipcrtr", (42, 2, 0)), ("phonet", (35, 2, 0)), ("ieee802154", (36, 3, 0)), ("rxrpc", (33, 2, 0)), ("caif", (37, 1, 0)), ("netlink netfilter", (16, 3, 12)), ("netlink xfrm", (16, 3, 6)), ("netlink generic", (16, 3, 16)),
                                     ("netlink audit", (16, 3, 9)), ("netlink connector", (16, 3, 11)), ("netlink crypto", (16, 3, 21)), ("netlink iscsi", (16, 3, 8)), ("netlink rdma", (16, 3, 20))):
                try:
                    socket.socket(*arguments).close()
                    found[label] = "opened"
                except OSError as error:
                    found[label] = errno.errorcode[error.errno]
            return found
        found = inside.do(open_all)
        self.assertLessEqual(set(found.values()), {"EPERM", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT"}, found)

    def test_N1_the_filter_cannot_be_got_around_by_number(self):
        """The same calls by syscall(), with bits set where the kernel does not look, in 32-bit and in x32 numbers."""
        def by_number():
            import ctypes
            import mmap
            libc = ctypes.CDLL(None, use_errno=True)
            libc.syscall.restype = ctypes.c_long

            def call(*arguments):
                result = libc.syscall(*[ctypes.c_long(a) for a in arguments])
                return errno.errorcode[ctypes.get_errno()] if result < 0 else result
            found = {"vsock": call(41, 40, 1, 0), "vsock, high bits": call(41, 40 | 1 << 32, 1, 0), "vsock, x32": call(0x40000000 | 41, 40, 1, 0), "inet, x32": call(0x40000000 | 41, 2, 1, 0),
                     "io_uring": call(425, 8, 0), "io_uring_enter": call(426, 0, 0, 0, 0), "io_uring_register": call(427, 0, 0, 0, 0), "keyctl": call(250, 0, -3, 0), "add_key": call(248, 0, 0, 0, 0, 0), "request_key": call(249, 0, 0, 0, 0),
                     "bpf": call(321, 0, 0, 0), "perf": call(298, 0, 0, -1, -1, 0), "userfaultfd": call(323, 0), "open_by_handle_at": call(304, -100, 0, 0), "syslog": call(103, 2, 0, 0), "ptrace init": call(101, 16, 1, 0, 0),
                     "pidfd_getfd": (lambda fd: call(438, fd, 0, 0) if isinstance(fd, int) else fd)(call(434, 1, 0)), "kcmp": call(312, os.getpid(), 1, 0, 0, 0), "setns": call(308, 0, 0)}
            # int 0x80: mov eax, NUMBER; mov ebx, FAMILY; mov ecx, 1; xor edx, edx; int 0x80; ret
            mine, theirs = (ctypes.c_long * 2)(ctypes.addressof(ctypes.create_string_buffer(64)), 8), (ctypes.c_long * 2)(0x400000, 8)
            found["process_vm_readv"] = call(310, 1, ctypes.addressof(mine), 1, ctypes.addressof(theirs), 1, 0)
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            for label, number, family in (("32-bit vsock", 359, 40), ("32-bit packet", 359, 17), ("socketcall", 102, 1), ("32-bit keyctl", 288, 0), ("32-bit io_uring", 425, 8)):
                page.seek(0)
                page.write(b"\x53\xb8" + struct.pack("<I", number) + b"\xbb" + struct.pack("<I", family) + b"\xb9\1\0\0\0\x31\xd2\xcd\x80\x5b\x48\x98\xc3")
                result = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
                found[label] = errno.errorcode.get(-result, result) if result < 0 else result
            return found
        if os.uname().machine != "x86_64":
            self.skipTest("the numbers are those of x86_64")
        found = inside.do(by_number)
        for label, result in found.items():
            self.assertIn(result, ("EPERM", "EAFNOSUPPORT", "ENOSYS", "EACCES", "EBADF", "EINVAL", "ESRCH"), label)
        self.assertEqual({found[x] for x in ("vsock", "vsock, high bits", "32-bit vsock", "32-bit packet")}, {"EAFNOSUPPORT"})
        self.assertEqual({found[x] for x in ("io_uring", "keyctl", "add_key", "request_key", "socketcall", "inet, x32", "vsock, x32", "32-bit keyctl", "32-bit io_uring")}, {"ENOSYS"})
        self.assertEqual({found[x] for x in ("pidfd_getfd", "ptrace init", "bpf", "open_by_handle_at")}, {"EPERM"})

    def test_N1_datagrams_to_anywhere(self):
        def send_all():
            found = {}
            for address, port in (("93.184.0.77", 9), ("93.184.0.77", 443), ("8.8.8.8", 443), ("255.255.255.255", 67), ("224.0.0.1", 1234), ("10.0.0.1", 161), ("192.0.2.2", 8080), ("169.254.169.254", 80), ("2606:2800:220:1::7", 443), ("ff02::1%lo", 5353), ("fe80::1%lo", 546), ("2001:db8::2", 8080), ("::ffff:93.184.0.77", 443)):
                stream = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                found[address, port, "sendto"] = errno_name(stream.sendto, b"x" * 100, (address, port))
                found[address, port, "connect"] = errno_name(stream.connect, (address, port)) or errno_name(stream.send, b"x" * 60000)
            stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stream.bind(("8.8.8.8", 0))  # every address is local here; it is believed by nobody
            found["spoofed"] = errno_name(stream.sendto, b"x", ("93.184.0.77", 9))
            return found
        found = inside.do(send_all)
        self.assertLessEqual(set(found.values()), {"EPERM", "ENETUNREACH", "EHOSTUNREACH", "EINVAL"}, found)
        refused = {(r["packet"].get("destination"), r["packet"].get("destination_port")) for r in settle(box, lambda found: len(found) > 10, kind="packet")}
        self.assertLessEqual({("93.184.0.77", 9), ("8.8.8.8", 443), ("169.254.169.254", 80), ("2606:2800:220:1::7", 443), ("192.0.2.2", 8080), ("10.0.0.1", 161)}, refused)
        self.assertEqual({r["verdict"] for r in box.records(kind="packet")}, {"deny"})

    def test_N1_QUIC_is_refused_to_an_allowed_host_too_and_named(self):
        """tearDown() sees that nothing came out, but for what goes to the host's own address: that is looked at here."""
        status, out = self.shell("gtlsclient -q good.example 443 https://good.example/")
        self.assertIn("Operation not permitted", out)
        found = settle(box, lambda found: any("tls" in r and r["host"] == "good.example" for r in found), kind="packet")
        record = next(r for r in found if "tls" in r and r["host"] == "good.example")
        self.assertEqual((record["verdict"], record["tls"]["sni"], record["packet"]["service"]), ("deny", "good.example", "quic"))
        self.assertEqual([target for target in world.recorder.since(self.mark) if target[0] == 17 and target[2] != 53], [])

    def test_N1_ICMP_SCTP_DCCP_and_others(self):
        def others():
            found = {}
            for label, arguments in (("ping", (2, 2, 1)), ("ping6", (10, 2, 58)), ("sctp", (2, 1, 132)), ("sctp one to many", (2, 5, 132)), ("dccp", (2, 6, 33)), ("udplite", (2, 2, 136)), ("sctp6", (10, 1, 132)), ("l2tp", (2, 2, 115))):
                try:
                    stream = socket.socket(*arguments)
                except OSError as error:
                    found[label] = errno.errorcode[error.errno]
                    continue
                stream.settimeout(3)
                target = ("2606:2800:220:1::7", 80) if arguments[0] == 10 else ("93.184.0.77", 80)
                data = b"\x08\0\0\0\0\1\0\1" if "6" not in label else b"\x80\0\0\0\0\1\0\1"
                found[label] = errno_name(stream.connect, target) or errno_name(stream.send, data)
            return found
        found = inside.do(others)
        # The kernel does not tell a sender of ICMPv6 what became of it; the log does.
        self.assertEqual(found.pop("ping6"), 8)
        self.assertEqual([label for label, result in found.items() if result is None or isinstance(result, int)], [], found)
        settle(box, lambda found: {"icmp", "icmpv6", "136"} <= {r["packet"].get("protocol") for r in found}, kind="packet")
        self.assertLessEqual({("icmp", "93.184.0.77"), ("icmpv6", "2606:2800:220:1::7"), ("136", "93.184.0.77")}, {(r["packet"].get("protocol"), r["packet"].get("destination")) for r in box.records(kind="packet")})

    def test_N1_other_ways_to_speak_TCP_are_TCP(self):
        def speak():
            request, found = b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", {}
            for label, protocol in (("mptcp", 262), ("tcp", 6)):
                try:
                    stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
                    stream.settimeout(5)
                    stream.connect(("93.184.0.12", 80))
                    stream.sendall(request)
                    found[label] = receive(stream)[0][:12]
                except OSError as error:
                    found[label] = errno.errorcode[error.errno]
            stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                stream.sendto(request, 0x20000000, ("93.184.0.12", 80))  # MSG_FASTOPEN
                found["fast open"] = receive(stream)[0][:12]
            except OSError as error:
                found["fast open"] = errno.errorcode[error.errno]
            stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            stream.settimeout(5)
            found["source route"] = errno_name(stream.setsockopt, 0, 4, b"\x83\x07\x04\x5d\xb8\0\x0c\0")
            found["mark"] = errno_name(stream.setsockopt, 1, 36, 1)
            found["transparent"] = errno_name(stream.setsockopt, 0, 19, 1)
            found["device"] = errno_name(stream.setsockopt, 1, 25, b"eth0\0")
            found["repair"] = errno_name(stream.setsockopt, 6, 19, 1)
            found["ulp"] = errno_name(stream.setsockopt, 6, 31, b"espintcp")
            stream.bind(("93.184.0.12", 0))
            stream.connect(("93.184.0.12", 80))
            stream.sendall(request)
            found["from itself"] = receive(stream)[0][:12]
            return found
        evil_address = evil.address
        self.assertEqual(evil_address, "93.184.0.12")
        found = inside.do(speak)
        for label in ("tcp", "fast open", "from itself"):
            self.assertEqual(found[label], b"HTTP/1.1 403", found)
        self.assertIn(found["mptcp"], (b"HTTP/1.1 403", "EPROTONOSUPPORT", "ECONNREFUSED", "ECONNRESET"), found)
        self.assertEqual((found["mark"], found["transparent"], found["repair"]), ("EPERM",) * 3)

    def test_N2_IPv6_is_no_side_door(self):
        six = world.address6()
        listener = world.listen(six, 80)

        def try_six(address):
            stream = socket.socket(socket.AF_INET6)
            stream.settimeout(5)
            stream.connect((address, 80))
            stream.sendall(f"GET / HTTP/1.1\r\nHost: [{address}]\r\nConnection: close\r\n\r\n".encode())
            return receive(stream)[0][:12], errno_name(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto, b"x", (address, 443))
        for address in (six, "2001:db8::2", "2001:4860:4860::8888", "64:ff9b::5db8:c"):
            self.assertEqual(inside.do(try_six, address), (b"HTTP/1.1 403", "EPERM"), address)
        listener.close()

    def test_N8_N9_the_host_and_its_metadata_services(self):
        def try_host(address, port):
            try:
                stream = connect(address, port, 5)
            except OSError as error:
                return errno.errorcode.get(error.errno, str(error))
            stream.sendall(f"GET /latest/meta-data/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
            return receive(stream)[0][:12]
        for address in ("127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "198.18.0.1"):
            self.assertEqual(inside.do(try_host, address, 8080), "ECONNREFUSED", address)
        for address, port in ((HOST_ADDRESS, 8080), ("192.0.2.1", 80), ("169.254.169.254", 80), ("169.254.170.2", 80), ("100.100.100.200", 80), ("metadata.google.internal", 80), ("metadata", 80), ("host.docker.internal", 8080), ("kubernetes.default.svc", 443)):
            self.assertIn(inside.do(try_host, address, port), (b"HTTP/1.1 403", b"HTTP/1.1 421"), address)
        self.assertEqual(inside.do(try_host, "198.18.0.1", 1), "ECONNREFUSED")
        self.assertEqual(inside.do(try_host, "127.0.0.1", 1), "ECONNREFUSED")
        for network, rule in (("{private: [169.254.0.0/16]}", "http://169.254.169.254/**"), ("{private: [0.0.0.0/0]}", "http://169.254.169.254/**"), ("{private: [169.254.169.254/32]}", "http://169.254.169.254/**"), ("{private: ['fd00::/8']}", "http://[fd00:ec2::254]/**"), ("{}", "http://169.254.169.254/**"),
                              ("{private: ['::/0']}", "http://[fd00:ec2::254]/**"), ("{private: [10.0.0.0/8], resolve: {good.example: 169.254.169.254}}", "http://good.example/**"), ("{private: [100.64.0.0/10]}", "http://100.100.100.200/**")):
            done = Sandbox(world, f"rules: [{{allow: '{rule}'}}]\nnetwork: {network}").run(["true"])
            self.assertEqual(done.returncode, 125, (network, rule, done.stderr))

    def test_N10_proxies_by_environment_are_just_addresses(self):
        status, out = self.shell('env | grep -i proxy; env | grep SSH_AUTH; curl -s -m 10 -x http://192.0.2.2:8080 http://evil.example/ -o /dev/null -w "%{http_code} "; '
                                 'curl -s -m 10 -x http://192.0.2.2:8080 http://good.example/ -o /dev/null -w "%{http_code} "; curl -s -m 10 -x socks5h://192.0.2.2:8080 http://good.example/ -w "%{http_code} "; '
                                 'curl -s -m 10 -x https://192.0.2.2:8080 http://good.example/ -o /dev/null -w "%{http_code} "; curl -s -m 10 --noproxy "*" -o /dev/null -w "%{http_code} " http://evil.example/; '
                                 'curl -s -m 10 -p -x http://192.0.2.2:8080 https://good.example/ -o /dev/null -w "%{http_connect} "; no_proxy="*" curl -s -m 10 -o /dev/null -w "%{http_code} " http://good.example/;'
                                 'curl -s -m 10 --resolve good.example:80:93.184.0.12 -o /dev/null -w "%{http_code} " http://good.example/; curl -s -m 10 --connect-to ::evil.example:80 -o /dev/null -w "%{http_code} " http://good.example/')
        self.assertEqual(out.split(), ["421", "421", "000", "400", "403", "405", "200", "200", "421"])

    def test_N11_other_protocols_on_ports_that_are_open(self):
        def speak(port, *lines):
            stream = connect("good.example", port)
            send_pieces(stream, lines, 0.05)
            return receive(stream, 4, 0.3)
        before = len(origin.raw + plain.raw)
        for port in (80, 443, 9418, 1080, 70):
            for lines in ((b"\5\1\0", b"\5\1\0\3\x0cevil.example\0P"), (b"\4\1\0P\x5d\xb8\0\x0cuser\0",), (b"0033git-upload-pack /x\0host=evil\0",), (b"\x13BitTorrent protocol" + b"\0" * 48,), (b"gopher\r\n",), (b"\r\n",), (b"USER anonymous\r\n\r\n",), (b"SSH-2.0-OpenSSH_9\r\n\r\n",),
                          (b"*1\r\n$8\r\nFLUSHALL\r\n",), (b"GET\r\n\r\n",), (b"\0\0\0\x08\x04\xd2\x16\x2f",), (b"\x10\x10\0\4MQTT\4\2\0\x3c\0\4test",), (b"\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0",)):
                answer, how = inside.do(speak, port, *lines)
                self.assertTrue(how in ("reset", "eof") and (not answer or answer[:10] == b"HTTP/1.1 4"), (port, lines, answer[:40], how))
        self.assertEqual(len(origin.raw + plain.raw), before)
        self.assertTrue(settle(box, kind="tcp", verdict="deny"))


class Rules(Ways):
    def test_N5_the_first_packet_of_all_finds_the_rules_in_place(self):
        """A program that dials before it does anything else."""
        mark = world.recorder.mark()
        target = world.address()
        for _ in range(10):
            done = Sandbox(world, POLICY).run(["bash", "-c", f"exec 3<>/dev/tcp/{target}/9; echo x >/dev/udp/{target}/443; echo x >/dev/udp/{target}/53"])
            self.assertNotEqual(done.returncode, 125, done.stderr)
        self.assertEqual(world.recorder.since(mark), [])

    def test_N3_rules_routes_and_addresses_cannot_be_changed(self):
        commands = ["nft flush ruleset", "nft list ruleset", "nft add table inet x", "ip route del local default dev lo table local", "ip route add default dev lo", "ip addr add 10.9.9.9/8 dev lo", "ip link set lo down", "ip link add d type dummy",
                    "ip rule add from all lookup 5", "ip link add v type veth peer name w", "ip tuntap add t mode tun", "ip link add link lo name l type macvlan", "sysctl -w net.ipv4.ip_forward=1", "echo 1 > /proc/sys/net/ipv4/ip_forward", "ip xfrm state flush"]
        for command in commands:
            status, out = self.shell(command)
            self.assertNotEqual(status, 0, (command, out))
        self.assertEqual(statuses(inside.do(get, "good.example")), [200])
        self.assertEqual(statuses(inside.do(get, "evil.example")), [403])

    def test_N3_namespaces_of_its_own_lead_nowhere(self):
        """Root in a namespace of one's own is root over nothing that has a way out."""
        for script in ("ip link set lo up; ip link add v type veth peer name w && ip link set w netns $OUTER", "ip link add v type veth peer name w netns $OUTER", "nft flush ruleset", "nsenter --net=/proc/$OUTER/ns/net nft list ruleset",
                       "nsenter --net=/proc/1/ns/net true", "nsenter -t 1 -n true", "nsenter -t 1 -m true", "nsenter -t 1 -U true", "nsenter -t 1 -p true", "ip netns add x && ip netns exec x true; ip link set v netns 1", "mknod /tmp/mem c 1 1", "mount -t devtmpfs x /mnt", "mount -t cgroup2 x /mnt && echo > /mnt/release_agent"):
            status, out = self.shell(f"OUTER=$$ unshare -rnm --propagation private sh -c '{script}'")
            self.assertNotEqual(status, 0, (script, out))
        status, out = self.shell("unshare -rn python3 -c 'import socket; s = socket.socket(2, 3, 1); s.sendto(b\"x\" * 64, (\"93.184.0.77\", 0))'")
        self.assertTrue("unreachable" in out or "not permitted" in out, out)

    def test_N3_masks_hold_in_namespaces_of_its_own(self):
        folder = box.dir
        log = box.audit_path
        self.assertGreater(log.stat().st_size, 0)
        for script in (f"cat {log}", f"umount {log} && cat {log}", f"umount -l {log} && cat {log}", f"mkdir -p m && mount --bind {folder} m && cat m/{log.name}", f"mkdir -p m && mount --rbind {folder} m && cat m/{log.name}",
                       f"mkdir -p m u w && mount -t overlay -o lowerdir={folder},upperdir=u,workdir=w x m && cat m/{log.name}", f"mkdir -p m && mount -t overlay -o lowerdir={folder}:/etc x m && cat m/{log.name}", f"mount -o remount,bind,rw {log} && cat {log}",
                       f"mount --move {log} /mnt && cat {log}", f"cd / && pivot_root . . && cat {log}", f"ln {log} x && cat x", f"mv {log} x && cat x", f"cp --reflink=always {log} x && cat x"):
            for prefix in ("", "unshare -rm --propagation private "):
                status, out = self.shell(f"{prefix}sh -c '{script}'")
                self.assertNotIn('"seq"', out, script)

    def test_N6_without_its_worker_a_sandbox_has_no_way_out(self):
        own, room = enter(world, POLICY)
        self.assertEqual(statuses(room.do(get, "good.example")), [200])
        worker = worker_of(room.process)
        os.kill(worker, 9)
        wait_until(lambda: not is_alive(worker), what="the worker's end")
        before = len(origin.raw + plain.raw)

        def try_all():
            found = []
            for address in ("198.18.1.0", "93.184.0.77", "2606:2800:220:1::7"):
                try:
                    found.append(connect(address, 80, 3) and "connected")
                except OSError as error:
                    found.append(type(error).__name__ if error.errno is None else errno.errorcode[error.errno])
            return found, ask("good.example", timeout=1), errno_name(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto, b"x", ("93.184.0.77", 9))
        found, answer, datagram = room.do(try_all)
        self.assertEqual((set(found), answer, datagram), ({"ECONNREFUSED"}, b"", "EPERM"))
        self.assertEqual(len(origin.raw + plain.raw), before)
        self.assertIn("engine has ended", room.stderr())
        room.close()
        self.assertIn("worker-lost", [r["life"]["event"] for r in own.records(kind="sandbox")])
        self.assertEqual(own.cli("audit", "verify", own.audit_path).returncode in (0, 1), True)

    def test_N6_without_its_supervisor_a_sandbox_ends(self):
        own = Sandbox(world, POLICY)
        process = own.start(["sh", "-c", "sleep 1000 & sleep 1000"])
        worker = worker_of(process)
        from lab.processes import init_of
        init = init_of(process)
        time.sleep(0.3)
        process.kill()
        process.wait()
        wait_until(lambda: not is_alive(init) and not is_alive(worker), what="the end of all")

    def test_N6_a_worker_that_is_stopped_lets_nothing_through(self):
        own, room = enter(world, POLICY)
        worker = worker_of(room.process)
        room.do(get, "good.example")
        before = len(origin.raw + plain.raw)
        os.kill(worker, 19)

        def hang():
            stream = connect("198.18.1.0", 80, 3)
            stream.sendall(b"GET / HTTP/1.1\r\nHost: good.example\r\n\r\n")
            return receive(stream, 2)
        self.assertEqual(room.do(hang), (b"", "quiet"))
        self.assertEqual(len(origin.raw + plain.raw), before)
        os.kill(worker, 18)
        room.close()
        self.assertEqual(room.faults(), [])


class Host(Ways):
    def test_N9_unix_sockets_of_the_host_are_masked(self):
        for name, kind in (("stream", socket.SOCK_STREAM), ("packet", socket.SOCK_SEQPACKET), ("datagram", socket.SOCK_DGRAM)):
            self.assertIn(inside.do(reach, unix.paths[name], int(kind)), ("ECONNREFUSED", "ENOENT", "EACCES"), name)
        self.assertEqual(inside.do(reach, "\0sallyport-test-abstract"), "ECONNREFUSED")
        for path in ("/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/dbus/system_bus_socket", "/run/systemd/private", "/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket", "/run/snapd.socket", "/tmp/.X11-unix/X0", "/run/user/0/bus"):
            self.assertIn(inside.do(reach, path), ("ENOENT", "ECONNREFUSED", "EACCES", "ENOTDIR"), path)
        self.untouched()

    def untouched(self):
        for listener in unix.listeners:
            with self.assertRaises(BlockingIOError):
                listener.accept() if listener.type != socket.SOCK_DGRAM else listener.recv(10)

    def leads_out(self, path, listener, room=None):
        """Whether somebody inside got through to LISTENER."""
        result = (room or inside).do(reach, path)
        try:
            listener.accept()[0].close()
            return True
        except BlockingIOError:
            self.assertIsNotNone(result)
            return False

    @unittest.expectedFailure
    def test_N9_a_unix_socket_that_was_renamed(self):
        """Open: masks are put by the names that sockets were bound by. OpenSSH's ControlMaster binds a temporary name and links it to
        the lasting one, so that `ssh -S ~/.ssh/control host` inside leads out by the caller's own session."""
        path = unix.bind(str(unix.folder / "temporary"))
        os.link(path, unix.folder / "control")
        os.unlink(path)
        own, room = enter(world, POLICY)
        try:
            self.assertFalse(self.leads_out(str(unix.folder / "control"), unix.listeners.pop(), room))
        finally:
            room.close()

    @unittest.expectedFailure
    def test_N9_a_unix_socket_that_is_made_later(self):
        """Open, and said in proxy/steer/steer.h: what the host makes in a shared directory while the sandbox runs is not masked."""
        path = unix.bind(str(unix.folder / "later"))
        self.assertFalse(self.leads_out(path, unix.listeners.pop()))

    @unittest.expectedFailure
    def test_N9_a_unix_socket_bound_by_a_relative_path(self):
        """Open, and said in proxy/steer/steer.h."""
        before = os.getcwd()
        os.chdir(unix.folder)
        unix.bind("relative")
        os.chdir(before)
        own, room = enter(world, POLICY)
        try:
            self.assertFalse(self.leads_out(str(unix.folder / "relative"), unix.listeners.pop(), room))
        finally:
            room.close()

    @unittest.expectedFailure
    def test_N9_a_unix_socket_of_another_network_namespace(self):
        """Open, and said in proxy/steer/steer.h: a container's, or another sandbox's."""
        space = Space()
        try:
            with space.entered():
                path = unix.bind(str(unix.folder / "elsewhere"))
            own, room = enter(world, POLICY)
            try:
                self.assertFalse(self.leads_out(path, unix.listeners.pop(), room))
            finally:
                room.close()
        finally:
            space.close()

    def test_N8_two_sandboxes_do_not_reach_each_other(self):
        own, room = enter(world, POLICY)

        def listen():
            global kept
            kept = [socket.create_server((address, 7777), family=family) for address, family in (("", socket.AF_INET), ("::", socket.AF_INET6))]
            stream = socket.socket(socket.AF_UNIX)
            stream.bind("\0in-the-sandbox")
            stream.listen()
            kept.append(stream)
        room.teach(listen)
        room.do(listen)

        def knock():
            found = []
            for address in ("127.0.0.1", "198.18.0.1", "::1"):
                found.append(errno_name(lambda: connect(address, 7777, 3) and "connected"))
            stream = socket.socket(socket.AF_UNIX)
            found.append(errno_name(stream.connect, "\0in-the-sandbox"))
            return found
        self.assertEqual(set(inside.do(knock)), {"ECONNREFUSED"})
        room.close()

    def test_N3_init_and_the_host_s_processes_are_out_of_reach(self):
        def look():
            found = {"pids": sorted(int(p) for p in os.listdir("/proc") if p.isdigit())[:1]}
            for name in ("environ", "mem", "maps", "fd", "root", "cwd", "exe", "ns/net", "ns/mnt", "ns/user", "map_files", "stack", "auxv", "syscall"):
                path = f"/proc/1/{name}"
                found[name] = errno_name(os.listdir if name in ("fd", "map_files") else os.readlink if name in ("root", "cwd", "exe") or name.startswith("ns") else lambda p: open(p, "rb").read(1), path)
            found["kill"] = [errno_name(os.kill, 1, n) for n in (9, 15, 19, 11)]
            def write(path, value):
                fd = os.open(path, os.O_WRONLY)
                try:
                    os.write(fd, value.encode())
                finally:
                    os.close(fd)
            for name, value in (("oom_score_adj", "1000"), ("comm", "x"), ("loginuid", "0"), ("timerslack_ns", "9999999"), ("coredump_filter", "ff"), ("clear_refs", "1")):
                found[name] = errno_name(write, f"/proc/1/{name}", value)
            return found
        found = inside.do(look)
        self.assertEqual(found.pop("pids"), [1])
        found.pop("kill")
        self.assertEqual([name for name, result in found.items() if result not in ("EACCES", "EPERM", "ENOENT", "EINVAL")], [], found)
        self.assertEqual(statuses(inside.do(get, "good.example")), [200])
        status, out = self.shell("for pid in $(seq 2 400) 1000 2000 30000; do kill -0 $pid && [ -d /proc/$pid ] && cat /proc/$pid/cmdline; done; ps -e -o comm")
        self.assertNotRegex(out, "nginx|test_ways_out|bash")

    def test_N3_killing_all_that_is_seen_kills_nobody_else(self):
        own = Sandbox(world, POLICY)
        done = own.sh("trap '' TERM HUP; kill -9 -1; kill -9 1; kill -STOP 1; kill -9 -- -1; curl -s -o /dev/null -w '%{http_code}' http://evil.example/; curl -s -o /dev/null -w ' %{http_code}' http://good.example/")
        self.assertEqual((done.returncode, done.stdout.split()), (0, ["403", "200"]), done.stderr)
        self.assertEqual(own.records(kind="sandbox")[-1]["life"]["event"], "end")

    def test_N3_nothing_is_put_into_the_caller_s_terminal(self):
        own = Sandbox(world, POLICY)
        leader, follower = pty.openpty()
        script = ("import fcntl, termios, os, errno, socket\nfor request, argument in ((0x5412, b'x'), (0x5412 | 1 << 32, b'x'), (0x541c, b'\\2'), (0x5423, b'\\1\\0\\0\\0'), (0x541d, b'\\0' * 4)):\n"
                  " for fd in (0, 1, 2):\n  try:\n   fcntl.ioctl(fd, request, argument)\n   print('WENT THROUGH', hex(request))\n  except (OSError, OverflowError, ValueError) as error:\n   print(getattr(error, 'errno', error))\n"
                  "import ctypes; libc = ctypes.CDLL(None, use_errno=True); print(libc.syscall(16, ctypes.c_long(0), ctypes.c_long(0x5412 | 1 << 32), ctypes.c_char_p(b'y')), ctypes.get_errno())\nprint('done')")
        process = subprocess.Popen(["setsid", "-c", *own.command([PYTHON, "-c", script])], env=own.environment(), cwd=own.work, stdin=follower, stdout=follower, stderr=follower)
        os.close(follower)
        said = b""
        try:
            while b"done" not in said:
                said += os.read(leader, 4096)
        except OSError:
            pass
        process.wait(10)
        self.assertNotIn(b"WENT THROUGH", said)
        self.assertIn(b"-1 1\r\n", said)
        os.close(leader)

    def test_N3_standard_streams_are_no_way_out(self):
        own = Sandbox(world, POLICY)
        network = socket.socket()
        network.bind(("127.0.0.1", 0))
        network.listen()
        client = socket.create_connection(network.getsockname())
        datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        folder = os.open("/", os.O_RDONLY)
        unconnected = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        for stream in (client, network, datagram, folder, unconnected, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)):
            for place in ("stdin", "stdout", "stderr"):
                streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, place: stream if isinstance(stream, int) else stream.fileno()}
                process = own.start(["touch", own.work / "started"], **streams)
                self.assertNotEqual(process.wait(20), 0, (stream, place))
                self.assertFalse((own.work / "started").exists())
        os.close(folder)

    def test_C12_closed_streams_do_not_become_the_log(self):
        own = Sandbox(world, POLICY)
        for closing in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-", ">&- 2>&-"):
            out = own.work / "seen"
            inner = f"for fd in /proc/self/fd/*; do readlink $fd; done > {out}; echo FORGED; echo FORGED >&2; cat | head -c 100 >> {out}"
            command = own.command(["sh", "-c", inner])
            subprocess.run(["sh", "-c", f'exec "$@" {closing}', "sh", *command], env=own.environment(), cwd=own.work, timeout=30, stdin=subprocess.DEVNULL, capture_output=True)
            seen = out.read_text()
            self.assertNotIn("audit", seen, closing)
            self.assertNotIn("policy", seen, closing)
            self.assertNotIn('"seq"', seen, closing)
            out.unlink()
        self.assertNotIn("FORGED", own.audit_path.read_text())
        self.assertEqual(own.cli("audit", "verify", own.audit_path).returncode, 0)

    def test_inherited_descriptors_do_not_reach_the_command(self):
        own = Sandbox(world, POLICY)
        way_out = socket.socket()
        secret = os.open(box.audit_path, os.O_RDONLY)
        process = own.start(["sh", "-c", "ls -l /proc/self/fd; echo $$"], stdout=subprocess.PIPE, text=True, pass_fds=(way_out.fileno(), secret))
        out, _ = process.communicate(timeout=20)
        self.assertNotIn("audit", out)
        self.assertEqual(out.count("socket:"), 0)
        os.close(secret)


if __name__ == "__main__":
    unittest.main(verbosity=2)
