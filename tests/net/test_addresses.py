"""From a name to a connection: name servers, fixed addresses, both IP versions, addresses that are dead, and addresses that may
not be dialled."""
import json
import time
import unittest

from lab.namespaces import ip, wait_until
from lab.origins import Nginx, Scripted, answer
from lab.sandbox import Sandbox
from lab.world import RESOLVER, World

NEVER_ANSWERS = "2606:2800:220:dead::1"  # nobody has it: packets to it are lost
NEVER_ANSWERS4 = "93.184.99.99"


class Addresses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.address6 = cls.world.address6()
        cls.names = cls.world.names
        # One origin that is every name's, at one address of each version.
        cls.hosts = [f"{name}.example.com" for name in
                     ("four", "six", "both", "dead6", "dead4", "refused6", "alldead", "fixed", "private", "mixed", "moving", "cached")]
        cls.origin = Nginx(cls.world, cls.hosts)
        cls.six = Nginx(cls.world, cls.hosts, address=cls.address6)

    @classmethod
    def tearDownClass(cls):
        cls.origin.close()
        cls.six.close()
        cls.world.close()

    def setUp(self):
        self.names.questions.clear()

    def name(self, host, *addresses):
        self.world.name(host, *addresses)

    def fetch(self, host, network="", options="", rules=""):
        """curl's status, body and record for one request to HOST."""
        box = Sandbox(self.world, f"rules: [{{allow: '*.example.com'}}{rules}]\nnetwork:\n  ca: [{self.world.ca}]\n{network}")
        started = time.monotonic()
        result = box.sh(f"curl -sS {options} -w '\\n%{{http_code}}' https://{host}/")
        self.took = time.monotonic() - started
        body, _, status = result.stdout.rpartition("\n")
        records = box.records(kind="http")
        self.assertEqual(len(records), 1, result.stderr)
        return int(status or 0), body, records[0]

    def assert_served(self, outcome, host, address):
        status, body, record = outcome
        self.assertEqual((status, body.strip()), (200, f"hello from {host}"))
        self.assertEqual(record["ip"], address)

    def test_a_name_is_asked_of_the_hosts_name_server(self):
        self.name("four.example.com", self.origin.address)
        self.assert_served(self.fetch("four.example.com"), "four.example.com", self.origin.address)
        self.assertEqual(sorted(self.names.questions), [("four.example.com", 1), ("four.example.com", 28)])

    def test_a_fixed_address_is_used_without_asking(self):
        network = f"  resolve: {{fixed.example.com: {self.origin.address}}}\n"
        self.name("fixed.example.com", NEVER_ANSWERS4)
        self.assert_served(self.fetch("fixed.example.com", network), "fixed.example.com", self.origin.address)
        self.assertEqual(self.names.questions, [])

    def test_a_fixed_ipv6_address_is_used(self):
        network = f"  resolve: {{fixed.example.com: '{self.address6}'}}\n"
        self.assert_served(self.fetch("fixed.example.com", network), "fixed.example.com", self.address6)

    def test_an_ipv6_only_origin_is_reached(self):
        self.name("six.example.com", self.address6)
        self.assert_served(self.fetch("six.example.com"), "six.example.com", self.address6)

    def test_the_clients_ip_version_is_not_the_origins(self):
        self.name("six.example.com", self.address6)
        self.name("four.example.com", self.origin.address)
        self.assert_served(self.fetch("six.example.com", options="-4"), "six.example.com", self.address6)
        self.assert_served(self.fetch("four.example.com", options="-6"), "four.example.com", self.origin.address)

    def test_ipv6_is_preferred_where_there_is_both(self):
        self.name("both.example.com", self.origin.address, self.address6)
        self.assert_served(self.fetch("both.example.com"), "both.example.com", self.address6)

    def test_a_dead_ipv6_address_costs_a_quarter_of_a_second(self):
        self.name("dead6.example.com", NEVER_ANSWERS, self.origin.address)
        self.assert_served(self.fetch("dead6.example.com"), "dead6.example.com", self.origin.address)
        self.assertLess(self.took, 3)

    def test_a_dead_ipv4_address_is_passed_over(self):
        self.name("dead4.example.com", NEVER_ANSWERS4, self.origin.address)
        self.assert_served(self.fetch("dead4.example.com"), "dead4.example.com", self.origin.address)

    def test_an_ipv6_address_that_refuses_is_passed_over(self):
        self.name("refused6.example.com", self.world.address6(), self.origin.address)
        self.assert_served(self.fetch("refused6.example.com"), "refused6.example.com", self.origin.address)

    def test_addresses_that_are_all_dead_are_told_of_in_time(self):
        self.name("alldead.example.com", NEVER_ANSWERS, NEVER_ANSWERS4)
        status, body, record = self.fetch("alldead.example.com")
        self.assertEqual(status, 504)
        self.assertIn("in time", json.loads(body)["sallyport"]["reason"])
        self.assertEqual(json.loads(body)["sallyport"]["verdict"], "error")
        self.assertEqual((record["verdict"], record["http"]["status"]), ("allow", 504))
        self.assertLess(self.took, 20)

    def test_an_origin_that_refuses_is_told_of(self):
        self.name("alldead.example.com", self.world.address())
        status, body, _ = self.fetch("alldead.example.com")
        self.assertEqual(status, 502)
        self.assertIn("Connection refused", json.loads(body)["sallyport"]["reason"])

    def test_a_private_address_is_not_dialled(self):
        ip("addr", "add", "10.11.12.13/32", "dev", "lo", pid=self.world.space.pid)
        private = Scripted(self.world, "private.example.com", answer(), address="10.11.12.13")
        self.name("private.example.com", "10.11.12.13")
        mark = self.world.recorder.mark()
        status, body, record = self.fetch("private.example.com")
        self.assertEqual(status, 403)
        self.assertIn("10.11.12.13 may not be dialled: private", json.loads(body)["sallyport"]["reason"])
        self.assertEqual(record["verdict"], "deny")
        self.assertEqual(self.world.recorder.since(mark, ignore=(RESOLVER,)), [])
        status, _, record = self.fetch("private.example.com", network="  private: [10.11.12.0/24]\n")
        self.assertEqual((status, record["ip"]), (200, "10.11.12.13"))
        status, _, _ = self.fetch("private.example.com", network="  private: [10.11.13.0/24]\n")
        self.assertEqual(status, 403)
        private.close()

    def test_of_mixed_addresses_the_public_one_is_dialled(self):
        self.name("mixed.example.com", "10.11.12.14", "127.0.0.1", "169.254.169.254", "::1", "fd00::1", self.origin.address)
        mark = self.world.recorder.mark()
        self.assert_served(self.fetch("mixed.example.com"), "mixed.example.com", self.origin.address)
        self.assertEqual({t[1] for t in self.world.recorder.since(mark, ignore=(RESOLVER,))}, {self.origin.address})

    def test_an_address_is_reached_when_a_rule_names_it(self):
        address = self.world.address()
        literal = Scripted(self.world, address, answer(b"literal\n"), address=address)
        status, body, record = self.fetch(address, rules=f", {{allow: 'https://{address}'}}")
        self.assertEqual((status, body.strip(), record["ip"]), (200, "literal", address))
        literal.close()

    def test_a_name_that_does_not_exist_is_told_of(self):
        status, body, _ = self.fetch("nowhere.example.com")
        self.assertEqual(status, 502)
        self.assertIn("the name does not exist", json.loads(body)["sallyport"]["reason"])

    def test_a_name_server_that_does_not_answer_is_told_of(self):
        self.world.write_resolv_conf(f"nameserver {NEVER_ANSWERS4}\n")
        self.addCleanup(self.world.write_resolv_conf, f"nameserver {RESOLVER}\n")
        status, body, _ = self.fetch("four.example.com")
        self.assertEqual(status, 504)
        self.assertIn("name server", json.loads(body)["sallyport"]["reason"])
        self.assertLess(self.took, 15)

    def test_the_second_name_server_is_asked_when_the_first_is_dead(self):
        self.name("four.example.com", self.origin.address)
        self.world.write_resolv_conf(f"nameserver {NEVER_ANSWERS4}\nnameserver {RESOLVER}\n")
        self.addCleanup(self.world.write_resolv_conf, f"nameserver {RESOLVER}\n")
        self.assert_served(self.fetch("four.example.com"), "four.example.com", self.origin.address)

    def test_other_name_servers_are_noticed_while_requests_go_on(self):
        """As when a laptop changes networks, and a program in the sandbox tries again and again."""
        self.world.write_resolv_conf(f"nameserver {NEVER_ANSWERS4}\n")
        self.addCleanup(self.world.write_resolv_conf, f"nameserver {RESOLVER}\n")
        self.name("moving.example.com", self.origin.address)
        box = Sandbox(self.world, "rules: [{allow: moving.example.com}]")
        process = box.start(["/usr/bin/python3", "-c", """
import socket, ssl, sys
peer = socket.getaddrinfo("moving.example.com", 443)[0][4]
open("started", "w")
for _ in range(20):
    try:
        with ssl.create_default_context().wrap_socket(socket.create_connection(peer[:2], 1), server_hostname="moving.example.com") as client:
            client.sendall(b"GET / HTTP/1.1\\r\\nHost: moving.example.com\\r\\n\\r\\n")
            if b" 200 " in client.recv(1000):
                sys.exit(0)
    except TimeoutError:
        pass
sys.exit(1)
"""])
        wait_until((box.work / "started").exists, what="the program")
        self.world.write_resolv_conf(f"nameserver {RESOLVER}\n")
        self.assertEqual(process.wait(60), 0)

    def test_an_answer_is_kept(self):
        self.name("cached.example.com", self.origin.address)
        box = Sandbox(self.world, "rules: [{allow: cached.example.com}]")
        result = box.sh("for i in 1 2 3; do curl -sSf https://cached.example.com/ || exit; done")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(self.names.questions), [("cached.example.com", 1), ("cached.example.com", 28)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
