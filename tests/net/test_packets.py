"""Refused packets are named for what they are; of QUIC, a real client's ClientHello is read."""
import unittest

from lab.namespaces import wait_until
from lab.puppet import Puppet
from lab.quic import hello_in_two
from lab.sandbox import Sandbox
from lab.world import World

ALLOWED = "api.example.com"
POLICY = f"""
rules:
  - allow: {ALLOWED}
"""

SEND = """
result = []
for address, port, data in packets:
    client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    try:
        client.sendto(data, (address, port) if ":" not in address else (address, port, 0, 1))
        result.append("sent")
    except OSError as error:
        result.append(type(error).__name__)
"""
CLIENT = """
import subprocess
done = subprocess.run(["gtlsclient", "-q", *options, host, "443", "https://quic.example.org/"], capture_output=True, text=True)
result = done.stderr
"""


def setUpModule():
    global WORLD
    WORLD = World()


def tearDownModule():
    WORLD.close()


class Packets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.box = Sandbox(WORLD, POLICY)
        cls.inside = Puppet(cls.box)

    @classmethod
    def tearDownClass(cls):
        if cls.inside.close():
            raise AssertionError("the program inside failed")

    def setUp(self):
        self.known = len(self.box.records())
        self.mark = WORLD.recorder.mark()

    def packets(self, enough):
        """Records of packets of this test, once they are ENOUGH."""
        def look():
            found = [r for r in self.box.records()[self.known:] if r["kind"] == "packet"]
            return found if enough(found) else None
        return wait_until(look, what="records of packets")

    def assert_nothing_left(self):
        self.assertEqual(WORLD.recorder.since(self.mark), [])

    def send(self, *packets):
        self.assertEqual(self.inside.run(SEND, packets=list(packets)), ["PermissionError"] * len(packets))
        found = self.packets(lambda found: len(found) >= len(packets))
        self.assert_nothing_left()
        return found

    def send_one(self, address, port, data):
        """The record of the first packet to that ADDRESS and PORT in this test."""
        self.assertEqual(self.inside.run(SEND, packets=[(address, port, data)]), ["PermissionError"])

        def match(found):
            return [r for r in found if (r["packet"].get("destination"), r["packet"].get("destination_port")) == (address, port)]
        return match(self.packets(match))[0]

    def test_a_quic_client_is_told_at_once_and_its_name_is_logged(self):
        for host, sni in (("quic.example.org", "quic.example.org"), (ALLOWED, ALLOWED), ("93.184.55.66", "localhost")):
            with self.subTest(host):
                self.setUp()
                said = self.inside.run(CLIENT, host=host, options=[])
                self.assertIn("sendmsg: Operation not permitted", said)
                record = self.packets(lambda found: any(r.get("tls") for r in found))[0]
                self.assertEqual(record["verdict"], "deny")
                self.assertEqual((record["tls"]["sni"], record["host"], record["port"]), (sni, sni, 443))
                self.assertIsNone(record["tls"]["version"])
                self.assertEqual((record["packet"]["protocol"], record["packet"]["service"]), ("udp", "quic"))
                self.assertIn("clients fall back to TCP", record["reason"])
                self.assert_nothing_left()

    def test_a_clienthello_in_two_datagrams_is_named_in_the_record_of_the_second(self):
        for first, second in ((0, 1), (1, 0)):
            with self.subTest(first=first):
                self.setUp()
                datagrams = hello_in_two(b"large.example.org", b"hello %d." % first)
                found = self.send(("93.184.55.66", 443, datagrams[first]), ("93.184.55.66", 443, datagrams[second]))
                self.assertEqual(["tls" in r for r in found], [False, True])
                self.assertEqual((found[1]["tls"]["sni"], found[1]["host"]), ("large.example.org",) * 2)

    def test_datagrams_that_offload_would_cut_are_read_as_one(self):
        """One call sends both (UDP_SEGMENT); the packet filter sees them in one piece."""
        said = self.inside.run("""
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(socket.IPPROTO_UDP, 103, 1200)
try:
    result = client.sendto(data, ("93.184.55.66", 443))
except OSError as error:
    result = type(error).__name__
""", data=b"".join(hello_in_two(b"offload.example.org")))
        self.assertEqual(said, "PermissionError")
        self.assertEqual([r["tls"]["sni"] for r in self.packets(lambda found: found)], ["offload.example.org"])
        self.assert_nothing_left()

    def test_what_cannot_be_opened_is_quic_all_the_same(self):
        self.inside.run(CLIENT, host="quic.example.org", options=["--version=v2draft"])
        record = self.packets(lambda found: found)[0]
        self.assertEqual(record["packet"]["service"], "quic")
        self.assertEqual(record["host"], "quic.example.org")  # by the address that was given out for it
        self.assertIn("a draft of QUIC", record["error"])
        record = self.send_one("93.184.55.66", 443, b"\xc0\0\0\0\1\x08abcdefgh\0\0\x41\0" + bytes(256))
        self.assertEqual(record["packet"]["service"], "quic")
        self.assertIn("its seal does not fit", record["error"])
        self.assertNotIn("tls", record)

    def test_services_are_named(self):
        rows = [("8.8.8.8", 853, "doq"), ("224.0.0.251", 5353, "mdns"), ("ff02::fb", 5353, "mdns"), ("224.0.0.252", 5355, "llmnr"), ("ff02::1:3", 5355, "llmnr"),
                ("93.184.55.66", 137, "netbios"), ("239.255.255.250", 1900, "ssdp"), ("93.184.55.66", 123, "ntp"), ("93.184.55.66", 3478, "stun"),
                ("93.184.55.66", 51820, "wireguard"), ("255.255.255.255", 67, "dhcp"), ("224.0.0.1", 9, "multicast")]
        found = self.send(*((address, port, b"\xe3 data") for address, port, _ in rows))
        self.assertEqual([(r["packet"]["destination"], r["packet"]["destination_port"], r["packet"]["service"]) for r in found[-len(rows):]], rows)
        self.assertTrue(all(r["reason"] and "error" not in r and "tls" not in r for r in found))
        record = self.send_one("93.184.55.66", 9, b"x")
        self.assertNotIn("service", record["packet"])
        self.assertEqual(record["reason"], "no rule allows 93.184.55.66")

    def test_a_packet_of_the_last_moment_has_its_record(self):
        """The sandbox ends right behind it."""
        box = Sandbox(WORLD, POLICY)
        box.sh("gtlsclient -q 93.184.55.66 443 https://quic.example.org/")
        self.assertEqual([r["tls"]["sni"] for r in box.records(kind="packet") if "tls" in r], ["localhost"])

    def test_a_ping_is_named(self):
        self.inside.run("""
import subprocess
result = subprocess.run(["ping", "-c1", "-W2", "93.184.55.66"], capture_output=True).returncode
""")
        record = self.packets(lambda found: found)[0]
        self.assertEqual((record["packet"]["service"], record["reason"]), ("ping", "a ping (ICMP echo): there is no way out for it"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
