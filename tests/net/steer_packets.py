"""Where packets go."""

import os
import signal
import socket
import subprocess
import time

import steer_harness as harness
from steer_harness import Case, needs_root


class Outside(Case):
    @needs_root
    def test_the_capture_works(self):
        """Else the other tests would prove nothing by finding it empty."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            plain.sendto(b"canary", ("198.51.100.1", 9))
        found = harness.surroundings.outside.packets()
        self.assertEqual(len(found), 1)
        self.assertIn(b"canary", found[0])


class Tcp(Case):
    def test_the_worker_learns_what_was_dialled(self):
        code = """
            for address, port in ADDRESSES:
                with socket.create_connection((address, port), 5) as s:
                    say(s.makefile().readline())
            """
        addresses = [("93.184.216.34", 443), ("2001:db8:1::2", 80), ("10.0.0.1", 1),
                     ("169.254.169.254", 80), ("100.64.0.1", 65535), ("192.0.2.1", 22), ("::ffff:8.8.8.8", 7)]
        said, _ = self.inside(f"ADDRESSES = {addresses}\n" + "\n".join(
            line[12:] for line in code.splitlines()))
        for (address, port), line in zip(addresses, said):
            words = line.split()
            plain = address.removeprefix("::ffff:")
            self.assertEqual(words[:3], ["to", plain, str(port)])
            self.assertEqual(words[4], "fd73:616c:6c79::1" if ":" in plain else "198.18.0.1")

    def test_bytes_go_both_ways(self):
        said, _ = self.inside("""
            import threading
            s = socket.create_connection(("93.184.216.34", 443), 5)
            f = s.makefile("rb")
            f.readline()
            sent = os.urandom(1 << 20)
            threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(1))).start()
            say(f.read() == sent)
            """)
        self.assertTrue(said)

    def test_a_client_may_have_an_odd_address(self):
        """All addresses are local, so that any can be bound."""
        said, _ = self.inside("""
            for family, own, there in ((socket.AF_INET, "8.8.8.8", "93.184.216.34"),
                                       (socket.AF_INET6, "2001:db8::8", "2001:db8::9"),
                                       (socket.AF_INET, "127.0.0.5", "93.184.216.34")):
                s = socket.socket(family)
                s.settimeout(5)
                if ":" in own:
                    s.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND, for all to use
                s.bind((own, 5000))
                s.connect((there, 443))
                say(s.makefile().readline().split())
            """)
        self.assertEqual([line[4] for line in said], ["8.8.8.8", "2001:db8::8", "127.0.0.5"])

    def test_multipath_tcp_is_tcp(self):
        said, _ = self.inside("""
            try:
                s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
                s.settimeout(5)
                s.connect(("93.184.216.34", 443))
                say(s.makefile().readline().split()[1])
            except OSError as error:
                say("93.184.216.34" if error.errno == errno.EPROTONOSUPPORT else str(error))
            """)
        self.assertEqual(said, "93.184.216.34")

    def test_a_four_tuple_may_be_used_again(self):
        """The worker's end of the old connection is in TIME_WAIT."""
        said, _ = self.inside("""
            for i in range(3):
                s = socket.socket()
                s.settimeout(5)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("198.18.0.1", 40000))
                s.connect(("93.184.216.34", 443))
                f = s.makefile()
                line = f.readline()
                s.sendall(b"bye\\n")
                say([line.split()[1], f.read()])
                f.close()
                s.close()
            """)
        self.assertEqual(said, [["93.184.216.34", ""]] * 3)

    @needs_root
    def test_handshakes_by_cookie_work(self):
        sandbox = harness.Run(harness.script("""
            sys.stdin.readline()
            for address in ("93.184.216.34", "2001:db8::9"):
                s = socket.create_connection((address, 443), 5)
                say(s.makefile().readline().split()[1])
            """), stdin=subprocess.PIPE)
        init = sandbox.pids()[1]
        subprocess.run(["nsenter", "-t", str(init), "-n", "sysctl", "-qw",
                        "net.ipv4.tcp_syncookies=2"], check=True)
        sandbox.process.stdin.write("go\n")
        sandbox.finish()
        self.assertEqual(sandbox.out, '"93.184.216.34"\n"2001:db8::9"\n', sandbox.err)

    def test_a_listener_of_the_sandbox_steals_nothing(self):
        said, _ = self.inside("""
            for own in ("0.0.0.0", "93.184.216.34"):
                listener = socket.socket()
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                listener.bind((own, 8443))
                listener.listen()
                s = socket.create_connection(("93.184.216.34", 8443), 5)
                say(s.makefile().readline().split()[:3])
                listener.settimeout(0.1)
                try:
                    listener.accept()
                    say("stolen")
                except TimeoutError:
                    pass
                listener.close()
            """)
        self.assertEqual(said, [["to", "93.184.216.34", "8443"]] * 2)

    def test_a_server_may_have_the_port_of_a_connection(self):
        """Which the worker's end of that has too."""
        said, _ = self.inside("""
            held = socket.create_connection(("93.184.216.34", 8443), 5)
            held.makefile().readline()
            server = socket.create_server(("0.0.0.0", 8443))
            client = socket.create_connection(("127.0.0.1", 8443), 5)
            server.accept()[0].sendall(b"mine")
            say(client.recv(10).decode())
            """)
        self.assertEqual(said, "mine")

    def test_the_ports_of_the_worker_cannot_be_bound(self):
        said, _ = self.inside("""
            for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET, "127.0.0.1"),
                                    (socket.AF_INET6, "::"), (socket.AF_INET6, "::1")):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    for port in (1, 53):
                        s = socket.socket(family, kind)
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                        say(attempt(s.bind, (address, port)))
            """)
        self.assertEqual(set(said), {"EACCES"})

    def test_the_port_of_the_proxy_is_not_reached_by_its_number(self):
        said, _ = self.inside("""
            for address in ("127.0.0.1", "127.3.2.1", "::1", "198.18.0.1", "fd73:616c:6c79::1"):
                say(attempt(socket.create_connection, (address, 1), 5))
            """)
        self.assertEqual(set(said), {"ECONNREFUSED"})

    def test_a_socket_cannot_be_made_transparent(self):
        said, _ = self.inside("""
            s = socket.socket()
            say(attempt(s.setsockopt, socket.IPPROTO_IP, 19, 1))
            s = socket.socket(socket.AF_INET6)
            say(attempt(s.setsockopt, socket.IPPROTO_IPV6, 75, 1))
            say(attempt(s.setsockopt, socket.IPPROTO_TCP, 19, 1))
            """)
        self.assertEqual(said, ["EPERM"] * 3)


class Own(Case):
    """The sandbox's own addresses are its own business."""

    def test_servers_inside_are_reached(self):
        said, _ = self.inside("""
            for own in ("127.0.0.1", "127.9.9.9", "198.18.0.1", "::1", "fd73:616c:6c79::1"):
                server = socket.create_server((own, 8080), family=socket.AF_INET6 if ":" in own
                                              else socket.AF_INET)
                client = socket.create_connection((own, 8080), 5)
                peer, _ = server.accept()
                peer.sendall(own.encode())
                peer.close()
                say(client.recv(100).decode())
            """)
        self.assertEqual(said, ["127.0.0.1", "127.9.9.9", "198.18.0.1", "::1", "fd73:616c:6c79::1"])

    def test_a_port_without_a_server_refuses(self):
        said, _ = self.inside("""
            for own in ("127.0.0.1", "198.18.0.1", "::1"):
                say(attempt(socket.create_connection, (own, 8080), 5))
                s = socket.socket(socket.AF_INET6 if ":" in own else socket.AF_INET,
                                  socket.SOCK_DGRAM)
                s.settimeout(5)
                s.connect((own, 8080))
                s.send(b"x")
                say(attempt(s.recv, 1))
            """)
        self.assertEqual(set(said), {"ECONNREFUSED"})

    def test_datagrams_pass(self):
        said, done = self.inside("""
            for own in ("127.0.0.1", "198.18.0.1", "::1"):
                family = socket.AF_INET6 if ":" in own else socket.AF_INET
                server = socket.socket(family, socket.SOCK_DGRAM)
                server.bind((own, 8080))
                server.settimeout(5)
                socket.socket(family, socket.SOCK_DGRAM).sendto(b"x" * 60000, (own, 8080))
                say(len(server.recv(65536)))
            """)
        self.assertEqual(said, [60000] * 3)
        self.assertEqual(done.refused(), [])

    def test_localhost_is_known(self):
        said, _ = self.inside("""
            say(socket.gethostbyname("localhost"))
            say(socket.gethostname())
            say(socket.gethostbyname(socket.gethostname()))
            """)
        self.assertEqual(said, ["127.0.0.1", "driven", "198.18.0.1"])


class Refused(Case):
    """What is neither TCP nor DNS fails at once, and is logged."""

    def test_datagrams_fail_at_once(self):
        said, done = self.inside("""
            start = time.monotonic()
            for there in ("8.8.8.8", "2001:db8::8", "10.0.0.1", "169.254.169.254", "192.0.2.1"):
                s = socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET,
                                  socket.SOCK_DGRAM)
                say(attempt(s.sendto, b"x", (there, 443)))
                s.connect((there, 4433))
                say(attempt(s.send, b"x"))
            say(time.monotonic() - start < 1)
            """)
        self.assertEqual(said, ["EPERM"] * 10 + [True])
        self.assertEqual(done.refused(), [
            (17, there, port) for there in
            ("8.8.8.8", "2001:db8::8", "10.0.0.1", "169.254.169.254", "192.0.2.1")
            for port in (443, 4433)])

    def test_a_waiting_program_is_told_by_icmp(self):
        said, _ = self.inside("""
            for there in ("8.8.8.8", "2001:db8::8"):
                s = socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET,
                                  socket.SOCK_DGRAM)
                s.settimeout(5)
                s.connect((there, 443))
                attempt(s.send, b"x")
                say(attempt(s.recv, 1))
            """)
        self.assertEqual(said, ["EHOSTUNREACH", "EACCES"])

    def test_multicast_and_broadcast_fail(self):
        said, done = self.inside("""
            for there in ("224.0.0.251", "239.255.255.250", "255.255.255.255", "198.18.255.255"):
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                say(attempt(s.sendto, b"x", (there, 5353)))
            for there in ("ff02::fb", "ff05::1"):
                s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                say(attempt(s.sendto, b"x", (there, 5353, 0, 1)))
            """)
        self.assertEqual(set(said), {"EPERM"})
        self.assertEqual(len(done.refused()), 6)

    def test_a_source_port_does_not_help(self):
        """Only DNS's sockets may answer from port 53."""
        said, _ = self.inside("""
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            say(attempt(s.bind, ("0.0.0.0", 53)))
            s.bind(("9.9.9.9", 5353))
            say(attempt(s.sendto, b"x", ("8.8.8.8", 5353)))
            """)
        self.assertEqual(said, ["EACCES", "EPERM"])

    def test_other_protocols_fail(self):
        said, done = self.inside("""
            for protocol in (136, 33, 132, 47, 4):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET, 6,
                             socket.SOCK_RAW):
                    try:
                        s = socket.socket(socket.AF_INET, kind, protocol)
                        s.settimeout(1)
                        s.connect(("8.8.8.8", 443))
                        s.send(b"x")
                        say("sent")
                    except OSError as error:
                        say(errno.errorcode[error.errno])
            """)
        self.assertLessEqual(set(said), {"EPERM", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT"})
        self.assertLessEqual({packet[0] for packet in done.refused()}, {136, 33, 132})

    def test_echo_requests_fail_and_are_logged(self):
        said, done = self.inside("""
            for family, protocol, kind, there in ((socket.AF_INET, 1, 8, "8.8.8.8"),
                                                  (socket.AF_INET6, 58, 128, "2001:db8::8")):
                try:
                    s = socket.socket(family, socket.SOCK_DGRAM, protocol)
                except PermissionError:
                    say("no socket")
                    continue
                s.settimeout(5)
                s.connect((there, 0))
                say(attempt(s.send, struct.pack("!BBHHH", kind, 0, 0, 0, 1)))
                say(attempt(s.recv, 100))
            """)
        if "no socket" in said:
            self.skipTest("/proc/sys is read-only here")
        self.assertEqual(said[:2], ["EPERM", "EHOSTUNREACH"])
        # The kernel forgets the error of a send of this one kind; the ICMP error comes at once.
        self.assertIn(said[2], ["EPERM", "ok"])
        self.assertEqual(said[3], "EACCES")
        self.assertEqual(done.refused(), [(1, "8.8.8.8", 0), (58, "2001:db8::8", 0)])

    def test_ping_does_not_appear_to_succeed(self):
        for there in ("8.8.8.8", "2001:db8::8"):
            done = harness.run(["ping", "-c", "1", "-W", "1", there])
            self.assertEqual(done.status, 1, done.err)  # it ran, and was told
            self.assertNotIn("1 received", done.out)

    def test_raw_and_packet_sockets_are_not_to_be_had(self):
        said, _ = self.inside("""
            for family in (socket.AF_INET, socket.AF_INET6):
                for protocol in (255, 1, 6, 17):
                    say(attempt(socket.socket, family, socket.SOCK_RAW, protocol))
            """)
        self.assertEqual(set(said), {"EPERM"})

    def test_a_flood_is_counted(self):
        """More packets than the log has room for, while nobody reads it."""
        sandbox = harness.Run(harness.script("""
            sys.stdin.readline()
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for i in range(20000):
                attempt(s.sendto, b"x", ("8.8.8.8", 443))
            say("flooded")
            sys.stdin.readline()
            attempt(s.sendto, b"x", ("8.8.8.8", 444))
            """), stdin=subprocess.PIPE)
        worker = sandbox.pids()[2]
        os.kill(worker, signal.SIGSTOP)
        print("go", file=sandbox.process.stdin, flush=True)
        self.assertEqual(sandbox.process.stdout.readline(), '"flooded"\n')
        os.kill(worker, signal.SIGCONT)
        time.sleep(0.3)
        print("go", file=sandbox.process.stdin, flush=True)
        sandbox.finish()
        lost = [int(line[1]) for line in sandbox.log() if line[0] == "lost"]
        self.assertGreater(lost[-1], 0)
        self.assertEqual(len(sandbox.refused()) + lost[-1], 20001)
        self.assertEqual(sandbox.refused()[-1], (17, "8.8.8.8", 444))


class Relayed(Case):
    """Datagrams to a port that some rule names: the worker judges the first to each destination."""

    PORTS = ["--datagrams", "5000", "--datagrams", "123"]

    def test_allowed_ones_are_answered_from_where_they_went(self):
        said, done = self.inside("""
            for there in ("8.8.8.8", "2001:db8::8"):
                family = socket.AF_INET6 if ":" in there else socket.AF_INET
                for port in (5000, 123):
                    s = socket.socket(family, socket.SOCK_DGRAM)
                    s.settimeout(5)
                    s.connect((there, port))
                    for text in (b"one", b"two", b"", b"x" * 9001, b"y" * (65507 if port == 123 and ":" not in there else 65488)):
                        s.send(text)
                        say(s.recv(65536) == text.upper())
                    free = socket.socket(family, socket.SOCK_DGRAM)
                    free.settimeout(5)
                    free.sendto(b"free", (there, port))
                    say([free.recvfrom(100)[1][:2] == (there, port)])
            """, self.PORTS)
        self.assertEqual(said, ([True] * 5 + [[True]]) * 4)
        self.assertEqual(done.refused(), [])

    def test_only_the_first_to_a_destination_is_queued(self):
        _, done = self.inside("""
            for there in ("8.8.8.8", "2001:db8::8"):
                for i in range(20):
                    s = socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET, socket.SOCK_DGRAM)
                    s.settimeout(5)
                    s.connect((there, 5000))
                    s.send(b"x")
                    s.recv(1)
            say(1)
            """, self.PORTS)
        self.assertEqual([line for line in done.log() if line[0] == "queued"],
                         [["queued", "17", "8.8.8.8", "5000"], ["queued", "17", "2001:db8::8", "5000"]])

    def test_a_client_may_have_an_odd_address(self):
        said, _ = self.inside("""
            for family, own, there in ((socket.AF_INET, "9.9.9.9", "8.8.8.8"), (socket.AF_INET6, "2001:db8::9", "2001:db8::8")):
                s = socket.socket(family, socket.SOCK_DGRAM)
                s.settimeout(5)
                if ":" in own:
                    s.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND, for all to use
                s.bind((own, 4000))
                s.sendto(b"odd", (there, 5000))
                say(s.recv(10).decode())
                s.sendto(b"no port", (there, 5000))
                s.connect((there, 5000))
                s.send(b"no port")
                say(attempt(s.recv, 10))
            """, self.PORTS)
        self.assertEqual(said, ["ODD", "ECONNREFUSED"] * 2)

    def test_refused_ones_are_told_and_then_fail_at_once(self):
        said, done = self.inside("""
            for there in ("8.8.8.9", "2001:db8::9"):
                s = socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET, socket.SOCK_DGRAM)
                s.settimeout(5)
                s.connect((there, 5000))
                s.send(b"x")
                say(attempt(s.recv, 1))
                say(attempt(s.send, b"x"))
                free = socket.socket(s.family, socket.SOCK_DGRAM)
                say(attempt(free.sendto, b"x", (there, 5000)))
            """, self.PORTS)
        self.assertEqual(said, ["EHOSTUNREACH", "EPERM", "EPERM", "EACCES", "EPERM", "EPERM"])
        self.assertEqual(done.refused(), [(17, "8.8.8.9", 5000)] * 3 + [(17, "2001:db8::9", 5000)] * 3)
        self.assertEqual(len([line for line in done.log() if line[0] == "queued"]), 2)

    def test_a_port_that_no_rule_names_is_not_queued(self):
        said, done = self.inside("""
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            say(attempt(s.sendto, b"x", ("8.8.8.8", 443)))
            """, self.PORTS)
        self.assertEqual(said, "EPERM")
        self.assertEqual(done.refused(), [(17, "8.8.8.8", 443)])
        self.assertEqual([line for line in done.log() if line[0] == "queued"], [])

    def test_own_addresses_stay_the_sandboxs(self):
        said, done = self.inside("""
            for own in ("127.0.0.1", "198.18.0.1", "::1", "fd73:616c:6c79::1"):
                family = socket.AF_INET6 if ":" in own else socket.AF_INET
                server = socket.socket(family, socket.SOCK_DGRAM)
                server.bind((own, 5000))
                server.settimeout(5)
                socket.socket(family, socket.SOCK_DGRAM).sendto(b"mine", (own, 5000))
                say(server.recv(10).decode())
            """, self.PORTS)
        self.assertEqual(said, ["mine"] * 4)
        self.assertEqual([line for line in done.log() if line[0] == "queued"], [])

    def test_a_server_of_the_sandbox_steals_nothing(self):
        said, _ = self.inside("""
            for own, there in (("0.0.0.0", "8.8.8.8"), ("8.8.8.8", "8.8.8.8"), ("::", "2001:db8::8")):
                family = socket.AF_INET6 if ":" in own else socket.AF_INET
                thief = socket.socket(family, socket.SOCK_DGRAM)
                thief.bind((own, 5000))
                s = socket.socket(family, socket.SOCK_DGRAM)
                s.settimeout(5)
                s.sendto(b"text", (there, 5000))
                say(s.recv(10).decode())
                thief.settimeout(0.1)
                try:
                    thief.recv(10)
                    say("stolen")
                except TimeoutError:
                    pass
            """, self.PORTS)
        self.assertEqual(said, ["TEXT"] * 3)

    def test_segments_of_one_send_arrive_as_datagrams(self):
        said, done = self.inside("""
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.settimeout(5)
            s.setsockopt(17, 103, 1000)  # UDP_SEGMENT
            s.connect(("8.8.8.8", 5000))
            s.send(b"a" * 1000 + b"b" * 1000 + b"c" * 10)
            say([s.recv(65536).decode() for i in range(3)] == ["A" * 1000, "B" * 1000, "C" * 10])
            """, self.PORTS)
        self.assertTrue(said)

    def test_a_full_queue_drops(self):
        """While nobody gives verdicts; what waits gets them later."""
        sandbox = harness.Run(harness.script("""
            sys.stdin.readline()
            # What waits counts against its socket's room.
            sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for i in range(20)]
            for i in range(2000):
                sockets[i // 100].sendto(b"x", (f"8.8.{i // 100}.{2 * (i % 100)}", 5000))
            say("flooded")
            count = 0
            for s in sockets:
                s.settimeout(0.2)
                try:
                    while True:
                        s.recv(10)
                        count += 1
                except TimeoutError:
                    pass
            say(count)
            sockets[0].sendto(b"x", ("8.8.99.98", 5000))
            sockets[0].settimeout(5)
            sockets[0].recv(10)
            """), self.PORTS, stdin=subprocess.PIPE)
        worker = sandbox.pids()[2]
        os.kill(worker, signal.SIGSTOP)
        print("go", file=sandbox.process.stdin, flush=True)
        self.assertEqual(sandbox.process.stdout.readline(), '"flooded"\n')
        os.kill(worker, signal.SIGCONT)
        sandbox.finish()
        queued = len([line for line in sandbox.log() if line[0] == "queued"])
        self.assertEqual(int(sandbox.out), queued - 1)
        dropped = [int(line[1]) for line in sandbox.log() if line[0] == "dropped"]
        self.assertGreater(dropped[-1], 1000)
        self.assertEqual(queued + dropped[-1], 2001)

    def test_without_a_worker_they_are_dropped(self):
        said, _ = self.inside("""
            for there in ("8.8.8.8", "2001:db8::8"):
                family = socket.AF_INET6 if ":" in there else socket.AF_INET
                own = socket.socket(family, socket.SOCK_DGRAM)
                if ":" in there:
                    own.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND, for all to use
                own.bind((there, 5000))
                own.settimeout(0.2)
                s = socket.socket(family, socket.SOCK_DGRAM)
                attempt(s.sendto, b"x", (there, 5000))
                say(attempt(own.recv, 1))
            """, [*self.PORTS, "--no-worker"])
        self.assertEqual(said, ["timed out"] * 2)

    def test_when_the_worker_dies_what_it_allowed_is_refused(self):
        sandbox = harness.Run(harness.script("""
            sockets = []
            for there in ("8.8.8.8", "2001:db8::8"):
                s = socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET, socket.SOCK_DGRAM)
                s.settimeout(5)
                s.connect((there, 5000))
                s.send(b"x")
                s.recv(1)
                sockets.append(s)
            say("answered")
            sys.stdin.readline()
            for s in sockets:
                s.send(b"x")
                say(attempt(s.recv, 1))
            """), self.PORTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(sandbox.process.stdout.readline(), '"answered"\n')
        os.kill(sandbox.pids()[2], signal.SIGKILL)
        self.await_gone([sandbox.pids()[2]])
        print("go", file=sandbox.process.stdin, flush=True)
        sandbox.finish()
        self.assertEqual(sandbox.out.split(), ['"EHOSTUNREACH"', '"EACCES"'], sandbox.err)


class Dead(Case):
    """Without a worker."""

    CONNECT = """
        start = time.monotonic()
        for there in ("93.184.216.34", "2001:db8::9"):
            say(attempt(socket.create_connection, (there, 8443), 5))
        listener = socket.create_server(("", 8443))
        say(attempt(socket.create_connection, ("93.184.216.34", 8443), 5))
        listener = socket.create_server(("::", 8444), family=socket.AF_INET6)
        say(attempt(socket.create_connection, ("2001:db8::9", 8444), 5))
        say(attempt(socket.create_connection, ("93.184.216.34", 53), 5))
        for there in ("8.8.8.8", "2001:db8::8"):
            s = socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET,
                              socket.SOCK_DGRAM)
            s.settimeout(5)
            s.connect((there, 53))
            s.send(b"x")
            say(attempt(s.recv, 1))
        for own, there in (("9.9.9.9", "8.8.8.8"), ("2001:db8::9", "2001:db8::8")):
            s = socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET,
                              socket.SOCK_DGRAM)
            if ":" in own:
                s.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND, for all to use
            s.settimeout(5)
            s.bind((own, 5353))
            s.connect((there, 53))
            s.send(b"x")
            say(attempt(s.recv, 1))
        say(time.monotonic() - start < 2)
        """

    def test_all_is_refused_at_once(self):
        said, _ = self.inside(self.CONNECT, ["--no-worker"])
        self.assertEqual(said, ["ECONNREFUSED"] * 9 + [True])

    def test_killing_the_worker_breaks_what_there_is(self):
        sandbox = harness.Run(harness.script("""
            s = socket.create_connection(("93.184.216.34", 443), 5)
            f = s.makefile()
            f.readline()
            say("connected")
            try:
                say(f.read())
            except ConnectionResetError:
                say("")
            """ + "\n".join("    " + line for line in self.CONNECT.splitlines())),
            stdout=subprocess.PIPE)
        self.assertEqual(sandbox.process.stdout.readline(), '"connected"\n')
        os.kill(sandbox.pids()[2], signal.SIGKILL)
        start = time.monotonic()
        sandbox.finish()
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(sandbox.out.split(),
                         ['""'] + ['"ECONNREFUSED"'] * 9 + ["true"], sandbox.err)

    def test_what_is_refused_is_refused_without_a_log(self):
        said, _ = self.inside("""
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            say(attempt(s.sendto, b"x", ("8.8.8.8", 443)))
            """, ["--no-worker"])
        self.assertEqual(said, "EPERM")


class Nested(Case):
    """Namespaces that COMMAND makes inside."""

    def test_have_no_way_out_either(self):
        done = harness.run(["unshare", "-Urn", harness.PYTHON, "-c", """if True:
            import socket
            for there in ("93.184.216.34", "2001:db8::9", "127.0.0.1"):
                try:
                    socket.create_connection((there, 443), 5)
                    print("connected")
                except OSError:
                    pass
            """])
        self.assertEqual((done.status, done.out), (0, ""), done.err)

    def test_give_no_rights_over_ours(self):
        for command in (["ip", "link", "add", "d", "type", "dummy"],
                        ["ip", "addr", "add", "10.0.0.1/24", "dev", "lo"],
                        ["ip", "route", "del", "local", "default", "table", "local"],
                        ["ip", "link", "set", "lo", "down"],
                        ["nft", "flush", "ruleset"],
                        ["nft", "delete", "table", "inet", "sallyport"],
                        ["sysctl", "-w", "net.ipv4.ip_unprivileged_port_start=0"]):
            for prefix in ([], ["unshare", "-Ur"]):
                with self.subTest(command=prefix + command):
                    self.assertNotEqual(harness.run(prefix + command).status, 0)

    def test_cannot_be_joined_to_ours_by_a_cable(self):
        done = harness.run(["unshare", "-Urn", "ip", "link", "add", "a", "type", "veth", "peer",
                            "name", "b", "netns", "1"])
        self.assertNotEqual(done.status, 0)
