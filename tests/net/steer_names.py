"""How names are resolved."""

import os
import shutil
import subprocess
import unittest

import steer_harness as harness
from steer_harness import Case, needs_root

RESOLVE = """
    say(sorted({entry[4][0] for entry in socket.getaddrinfo("name.example", 80)}))
    """
ANSWERS = ["2001:db8::7", "203.0.113.7"]

ASK = """
    QUERY = b"\\x12\\x34\\x01\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4name\\7example\\0\\0\\1\\0\\1"
    def ask(there, own=None):
        s = socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(5)
        if own:
            if ":" in own:
                s.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND, for all to use
            s.bind((own, 5353))
        s.sendto(QUERY, (there, 53))
        answer, peer = s.recvfrom(1500)
        say([socket.inet_ntoa(answer[-4:]), peer[0], peer[1]])
    """


class Anywhere(Case):
    """Every address has a name server."""

    def test_the_answer_comes_from_where_the_query_went(self):
        servers = ["198.18.0.1", "8.8.8.8", "127.0.0.53", "127.0.0.1", "10.0.0.53", "192.0.2.1",
                   "2001:4860:4860::8888", "::1", "fd73:616c:6c79::1", "fe80::53"]
        said, done = self.inside(ASK + f"""
    for server in {servers}:
        ask(server)
    """)
        self.assertEqual(said, [["203.0.113.7", server, 53] for server in servers])
        self.assertEqual(done.refused(), [])

    def test_a_client_may_have_an_odd_address(self):
        said, _ = self.inside(ASK + """
    ask("9.9.9.9", "8.8.4.4")
    ask("2001:db8::9", "2001:db8::8")
    """)
        self.assertEqual([line[1] for line in said], ["9.9.9.9", "2001:db8::9"])

    def test_tcp_leads_there_too(self):
        said, _ = self.inside(ASK + """
    for server in ("8.8.8.8", "127.0.0.53", "2001:4860:4860::8888", "::1"):
        s = socket.create_connection((server, 53), 5)
        s.sendall(len(QUERY).to_bytes(2, "big") + QUERY)
        say(socket.inet_ntoa(s.makefile("rb").read()[-4:]))
    """)
        self.assertEqual(said, ["203.0.113.7"] * 4)

    def test_the_systems_resolver_works(self):
        said, _ = self.inside(RESOLVE)
        self.assertEqual(said, ANSWERS)

    @unittest.skipUnless(shutil.which("node", path=harness.PATH), "needs node")
    def test_c_ares_works(self):
        done = harness.run(["node", "-e", """
            require("dns").resolve4("name.example", (error, answer) =>
                console.log(error || answer.join()))"""])
        self.assertEqual(done.out, "203.0.113.7\n", done.err)

    @unittest.skipUnless(shutil.which("busybox", path=harness.PATH), "needs busybox")
    def test_a_resolver_of_its_own_works(self):
        done = harness.run(["busybox", "nslookup", "name.example"])
        self.assertIn("203.0.113.7", done.out, done.err)


@needs_root
class OddHosts(Case):
    """Whatever the host's own files say."""

    def setUp(self):
        super().setUp()
        self.saved = {}
        for name in ("resolv.conf", "nsswitch.conf", "hosts"):
            self.saved[name] = self.read(name)
        self.stub = "/run/sallyport-net-test"

    def tearDown(self):
        for name, text in self.saved.items():
            self.remove(name)
            self.write(name, text)
        shutil.rmtree(self.stub, ignore_errors=True)
        super().tearDown()

    @staticmethod
    def read(name):
        with open(f"/etc/{name}") as file:
            return file.read()

    @staticmethod
    def remove(name):
        if os.path.lexists(f"/etc/{name}"):
            os.unlink(f"/etc/{name}")

    @staticmethod
    def write(name, text):
        with open(f"/etc/{name}", "w") as file:
            file.write(text)

    def link(self, name, target):
        self.remove(name)
        os.symlink(target, f"/etc/{name}")

    def expect_names(self):
        said, done = self.inside(RESOLVE)
        self.assertEqual(said, ANSWERS)
        self.assertEqual(done.refused(), [])

    def test_a_stub_on_loopback(self):
        self.write("resolv.conf", "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch corp\n")
        self.expect_names()

    def test_a_link_into_run(self):
        os.mkdir(self.stub)
        with open(f"{self.stub}/stub.conf", "w") as file:
            file.write("nameserver 127.0.0.53\nsearch corp.example\n")
        self.link("resolv.conf", f"..{self.stub}/stub.conf")
        self.expect_names()
        done = harness.run(["cat", "/etc/resolv.conf"])
        self.assertEqual(done.out, "nameserver 198.18.0.1\n", done.err)

    def test_a_link_by_var_run_to_nothing(self):
        self.link("resolv.conf", "/var/run/nothing/here/resolv.conf")
        self.expect_names()

    def test_a_link_to_nothing(self):
        self.link("resolv.conf", "/nowhere/resolv.conf")
        self.expect_names()

    def test_no_file_at_all(self):
        self.remove("resolv.conf")
        self.remove("nsswitch.conf")
        self.remove("hosts")
        self.expect_names()

    def test_a_resolver_socket_in_nsswitch(self):
        self.write("nsswitch.conf",
                   "passwd: files\nhosts: resolve [!UNAVAIL=return] mymachines myhostname\n")
        self.expect_names()
        done = harness.run(["cat", "/etc/nsswitch.conf"])
        self.assertEqual(done.out, "hosts: files dns\npasswd: files\n", done.err)

    def test_the_hosts_file_is_not_the_hosts(self):
        self.write("hosts", "127.0.0.1 localhost\n192.0.2.66 secret.internal\n")
        done = harness.run(["cat", "/etc/hosts"])
        self.assertNotIn("secret.internal", done.out)
        self.assertIn("198.18.0.1\tdriven", done.out)

    def test_names_are_not_searched_for_under_the_hosts_domains(self):
        self.write("resolv.conf", "nameserver 127.0.0.1\nsearch corp.example other.example\n")
        done = harness.run(["cat", "/etc/resolv.conf"])
        self.assertEqual(done.out, "nameserver 198.18.0.1\n")
        self.assertEqual(subprocess.run(["cat", "/etc/resolv.conf"], capture_output=True,
                                        text=True, check=True).stdout.count("search"), 1)
