"""Host names and their disguises (threats H*): in the SNI, in Host, in DNS questions and in the policy.

H10 (what may not stand in an authority) is in test_framing.py; H16's spellings inside DNS answers are in test_dns.py.
"""
import unittest

from cryptography import x509
from lab.attacker import Witness, enter, statuses
from lab.sandbox import Sandbox
from lab.world import World

POLICY = """
rules:
  - {deny: blocked.trusted.net, reason: "not this one"}
  - allow: [trusted.net, "*.trusted.net"]
  - allow: "*.below.example"
  - allow: https://port.example:8443/**
  - allow: http://plain.example/**
  - allow: https://ADDRESS/**
  - allow: xn--bcher-kva.example
"""
NUMBER = {"UNRECOGNIZED_NAME": 112}


def setUpModule():
    global world, origin, box, inside
    world = World()
    names = ["trusted.net", "a.trusted.net", "blocked.trusted.net", "x.below.example", "below.example", "port.example",
             "plain.example", "xn--bcher-kva.example", "nottrusted.net", "trusted.net.evil.example", "evil.example"]
    origin = Witness(world, *names, "*.trusted.net", hosts=["a.b.c.trusted.net"])
    box, inside = enter(world, POLICY.replace("ADDRESS", origin.address))


def tearDownModule():
    inside.close()
    faults = inside.faults()
    origin.close()
    world.close()
    assert not faults, faults


def over_tls(host, sni=None, to=None, port=443, path="/"):
    """(how the handshake went, status of a request with HOST in its Host field, what the verdict says)."""
    try:
        stream = secure(host, port, name=sni, to=to)
    except ssl.SSLError as error:
        return error.reason or "broken", None, ""
    with stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        raw = receive(stream)[0]
        return "ok", int(raw[9:12]) if raw else None, raw.decode("latin-1")


def over_http(host, to, port=80):
    stream = connect(to, port)
    with stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
        return receive(stream)[0]


class Names(unittest.TestCase):
    def setUp(self):
        self.mark, self.asked = world.recorder.mark(), len(world.names.questions)

    def nothing_left(self):
        """No packet went out, and no name was asked for."""
        self.assertEqual(world.recorder.since(self.mark), [])
        self.assertEqual(world.names.questions[self.asked:], [])

    def denied(self, host, **options):
        how, status, raw = inside.do(over_tls, host, *options.values())
        self.assertEqual((how, status), ("ok", 403), raw)
        self.nothing_left()
        return raw

    def san(self, answer):
        self.assertEqual(answer[0], "certificate", answer)
        leaf = x509.load_der_x509_certificate(answer[1])
        return [name.value for name in leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value]

    def greet(self, name, host="trusted.net", **options):
        def knock(host, name):
            return greet(host, records(client_hello(name=name)))
        return inside.do(knock, host, name)

    def test_H1_a_NUL_ends_no_name(self):
        for name in (b"trusted.net\0.evil.example", b"evil.example\0.trusted.net", b"trusted.net\0", b"\0trusted.net", b"tru\0sted.net"):
            self.assertEqual(self.greet(name), ("alert", NUMBER["UNRECOGNIZED_NAME"]), name)
        self.nothing_left()

        def look_up():
            return [rcode(ask(question(name), raw=question(name))) for name in
                    (b"\x0ctrusted\0.net\0", b"\x08trusted\0\3net\0", b"\x0btrusted.net\0")]
        self.assertEqual(inside.do(look_up), [3, 3, 3])
        self.nothing_left()

    def test_H2_C4_no_rules_allow_nothing(self):
        for policy in ("", "rules: []"):
            empty, room = enter(world, policy)
            mark, asked = world.recorder.mark(), len(world.names.questions)
            self.assertEqual(room.do(over_tls, "trusted.net")[:2], ("ok", 403))
            self.assertTrue(room.do(over_http, b"trusted.net", "trusted.net").startswith(b"HTTP/1.1 403"))
            self.assertEqual((world.recorder.since(mark), world.names.questions[asked:]), ([], []))
            room.close()
            self.assertEqual(room.faults(), [])
            self.assertEqual({r["verdict"] for r in empty.records(kind="http")}, {"deny"})

    def test_H3_a_blank_entry_is_an_error_and_nothing_starts(self):
        for rules in ('- allow: ""', "- allow:", "- allow: [a.example, ]\n  methods: [GET, ]\n- allow: ~", '- allow: [a.example, ""]', '- allow: [a.example, " "]', "-",
                      "- allow: null", "- allow: []", "- {allow: a.example, methods: []}", '- {allow: a.example, methods: [""]}', "- allow: https://", '- allow: "."',
                      '- allow: "*."', "- deny: ''", "- {}"):
            bad = Sandbox(world, "rules:\n" + "\n".join("  " + line for line in rules.splitlines()))
            done = bad.run(["/bin/touch", str(bad.work / "started")])
            self.assertEqual(done.returncode, 125, rules)
            self.assertIn("policy.yaml:", done.stderr, rules)
            self.assertFalse((bad.work / "started").exists(), rules)

    def test_H4_a_suffix_ends_at_a_dot(self):
        for host in ("nottrusted.net", "xtrusted.net", "trusted.net.evil.example", "trusted.net-evil.example", "evil-trusted.net", "trusted.nett", "rusted.net", "net"):
            self.assertIn("no rule allows " + host, self.denied(host))

    def test_H5_a_wildcard_is_for_names_below_only(self):
        self.denied("below.example")
        self.assertEqual(inside.do(over_tls, "x.below.example")[:2], ("ok", 200))
        self.assertEqual(inside.do(over_tls, "a.b.c.trusted.net")[1], 502)  # allowed; the origin's certificate is for one label
        self.assertEqual(inside.do(over_tls, "blocked.trusted.net")[1], 403)

    def test_H6_one_dot_at_the_end_is_no_other_name_and_two_are_none(self):
        before = origin.count("trusted.net")
        self.assertEqual(self.san(self.greet(b"trusted.net.")), ["trusted.net"])
        for name in (b"trusted.net..", b".trusted.net", b"trusted..net", b"."):
            self.assertEqual(self.greet(name), ("alert", 112), name)

        def with_dot():
            stream = secure("trusted.net")
            stream.sendall(b"GET /dot HTTP/1.1\r\nHost: trusted.net.\r\nConnection: close\r\n\r\n")
            return receive(stream)[0]
        self.assertEqual(statuses(inside.do(with_dot)), [200])
        self.assertIn(b"GET /dot HTTP/1.1\r\nHost: trusted.net\r\n", origin.of("trusted.net"))
        self.assertGreater(origin.count("trusted.net"), before)
        self.assertEqual({name for name, _ in world.names.questions[self.asked:]}, {"trusted.net"})
        for rule in ("trusted.net..", ".trusted.net", '"*..net"'):
            self.assertEqual(Sandbox(world, f"rules: [{{allow: {rule}}}]").run(["true"]).returncode, 125, rule)

    def test_H7_brackets_are_for_addresses(self):
        for rule in ('"[trusted.net]"', '"[93.184.0.1]"', '"[trusted.net"', '"trusted.net]"', '"[::1"', '"[fe80::1%25eth0]"'):
            self.assertEqual(Sandbox(world, f"rules: [{{allow: {rule}}}]").run(["true"]).returncode, 125, rule)
        for host in (b"[trusted.net]", b"[93.184.0.11]", b"[trusted.net", b"trusted.net]"):
            self.assertTrue(inside.do(over_http, host, "trusted.net").startswith(b"HTTP/1.1 400"), host)
        self.nothing_left()

    def test_H8_upper_case_names_are_the_same_host(self):
        for name in (b"TRUSTED.NET", b"Trusted.Net", b"tRUSTED.nET"):
            self.assertEqual(self.san(self.greet(name)), ["trusted.net"])

        def shout():
            stream = secure("TRUSTED.NET")
            stream.sendall(b"GET /loud HTTP/1.1\r\nHost: TrUsTeD.NeT\r\nConnection: close\r\n\r\n")
            return receive(stream)[0], addresses(ask("TRUSTED.net")) == addresses(ask("trusted.NET")) != []
        raw, same = inside.do(shout)
        self.assertEqual((statuses(raw), same), ([200], True))
        self.assertIn(b"GET /loud HTTP/1.1\r\nHost: trusted.net\r\n", origin.of("trusted.net"))
        self.setUp()
        self.assertEqual(self.denied("BLOCKED.trusted.net").count("not this one"), 2)

    def test_H9_only_A_labels_are_names(self):
        self.assertEqual(inside.do(over_tls, "xn--bcher-kva.example")[:2], ("ok", 200))
        self.mark, self.asked = world.recorder.mark(), len(world.names.questions)
        for name in ("bücher.example".encode(), "trusted。net".encode(), "truѕted.net".encode(), b"b\xfccher.example", "ｔrusted.net".encode(), "trus\u00adted.net".encode()):
            self.assertEqual(self.greet(name), ("alert", 112), name)
            self.assertTrue(inside.do(over_http, name, "trusted.net").startswith(b"HTTP/1.1 400"), name)
        self.nothing_left()
        self.denied("xn--trusted-1of.net")
        for rule in ("bücher.example", "truѕted.net", "trusted。net"):
            self.assertEqual(Sandbox(world, f"rules: [{{allow: {rule}}}]").run(["true"]).returncode, 125, rule)

    def test_H11_names_that_are_none(self):
        long = b"a" * 63
        for name in (b"a" * 64 + b".trusted.net", b".".join([long] * 4) + b".trusted.net", b"_dmarc.trusted.net", b"-a.trusted.net", b"a-.trusted.net", b"a b.trusted.net",
                     b"a/b.trusted.net", b"*.trusted.net", b"a@trusted.net", b"a:b.trusted.net", b"a%2e.trusted.net", b"trusted.net:443", b"", b"trusted.123", b"a.0x1f"):
            self.assertEqual(self.greet(name), ("alert", 112), name)
        self.nothing_left()
        self.assertEqual(self.san(self.greet(long + b".trusted.net")), [(long + b".trusted.net").decode()])

    def test_H12_H13_wide_wildcards_are_said_to_be(self):
        for rule, status in (('"*"', 125), ('"*.com"', 125), ('"*.co.uk"', 125), ('"*.net"', 125), ('"*.*.example"', 125), ('"a*.example.com"', 125), ('"**"', 125),
                             ('"*.example.*"', 125), ('"*.com", wide: true', 0), ('"*", wide: true', 0)):
            self.assertEqual(Sandbox(world, f"rules: [{{allow: {rule}}}]").run(["true"]).returncode, status, rule)
        for rule in ('"*.github.io"', '"*.cloudfront.net"', '"*.s3.amazonaws.com"', '"*.herokuapp.com"'):
            shared = Sandbox(world, f"rules: [{{allow: {rule}}}]")
            self.assertIn("warning: anybody can get a name below this one", shared.cli("policy", "check", shared.policy_path).stderr, rule)

    def test_H12_a_star_allows_names_and_no_addresses(self):
        wide, room = enter(world, 'rules: [{allow: "*", wide: true}]')
        self.assertEqual(room.do(over_tls, "trusted.net")[:2], ("ok", 200))
        mark = world.recorder.mark()

        def by_address(address):
            stream = connect(address, 443)
            made = context(verify=False).wrap_socket(stream)
            made.sendall(f"GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
            return receive(made)[0]
        for address in (origin.address, "169.254.169.254", "10.0.0.1", "192.0.2.1"):
            self.assertTrue(room.do(by_address, address).startswith(b"HTTP/1.1 403"), address)
        self.assertEqual(world.recorder.since(mark), [])
        room.close()
        self.assertEqual(room.faults(), [])

    def test_H14_the_port_and_the_scheme_are_part_of_a_target(self):
        self.denied("port.example")
        self.assertEqual(inside.do(over_tls, "trusted.net", None, None, 8443)[1], 403)

        def at_port(host, port, said):
            stream = secure(host, port)
            stream.sendall(f"GET / HTTP/1.1\r\nHost: {said}\r\nConnection: close\r\n\r\n".encode())
            return receive(stream)[0]
        self.assertEqual(statuses(inside.do(at_port, "trusted.net", 8443, "trusted.net:8443")), [403])
        self.assertEqual(statuses(inside.do(at_port, "port.example", 443, "port.example:8443")), [403])
        self.assertEqual(statuses(inside.do(at_port, "port.example", 8443, "port.example")), [421])
        self.denied("plain.example")
        for host, port in ((b"trusted.net", 80), (b"port.example:8443", 8443), (b"plain.example:443", 443), (b"trusted.net:443", 443), (b"plain.example:8080", 8080)):
            self.assertTrue(inside.do(over_http, host, host.split(b":")[0].decode(), port).startswith(b"HTTP/1.1 403"), (host, port))
        self.nothing_left()
        self.assertEqual(statuses(inside.do(at_port, "port.example", 8443, "port.example:8443")), [502])  # allowed, nobody listens
        self.assertIn((6, origin.address, 8443), world.recorder.since(self.mark))

    def test_H15_an_address_is_denied_unless_a_rule_names_it(self):
        def by_address(address, sni, said):
            stream = connect(address, 443)
            try:
                made = context(verify=False).wrap_socket(stream, server_hostname=sni)
            except ssl.SSLError as error:
                return str(error).encode()
            made.sendall(f"GET / HTTP/1.1\r\nHost: {said}\r\nConnection: close\r\n\r\n".encode())
            return receive(made)[0]
        other = world.name("other.example")
        self.mark, self.asked = world.recorder.mark(), len(world.names.questions)
        self.assertEqual(statuses(inside.do(by_address, other, None, other)), [403])
        self.assertEqual(statuses(inside.do(by_address, other, None, "trusted.net")), [403])
        self.assertEqual(statuses(inside.do(by_address, other, "evil.example", "evil.example")), [403])
        self.assertTrue(inside.do(over_http, other.encode(), other).startswith(b"HTTP/1.1 403"))
        self.assertEqual(self.greet(other.encode()), ("alert", 112))
        self.assertEqual(self.greet(b"[2606:2800:220:1::1]"), ("alert", 112))
        # "*" is every name, and a range is for its port.
        def by_port(address, port):
            try:
                with connect(address, port) as stream:
                    return receive(stream)
            except ConnectionResetError:  # so soon that we were not yet told of the connection
                return b"", "reset"
        _, wide = enter(world, "rules: [{allow: ['tcp://*:7', 'tcp://93.184.7.0/24:8'], wide: true}]")
        for address, port in ((other, 7), (other, 8), ("93.184.7.7", 7), ("93.184.8.7", 8), ("2606:2800:220:1::1", 7)):
            self.assertEqual(wide.do(by_port, address, port), (b"", "reset"), (address, port))
        wide.close()
        self.nothing_left()
        # Named by a rule it is dialled, and its certificate must be for the address: this one is not.
        raw = inside.do(by_address, origin.address, None, origin.address)
        self.assertEqual(statuses(raw), [502])
        self.assertIn(b"mismatch", raw)
        self.assertEqual(origin.of(None), b"")

    def test_H16_odd_spellings_of_addresses_are_no_hosts(self):
        a, b, c, d = (int(part) for part in origin.address.split("."))
        value = a << 24 | b << 16 | c << 8 | d
        spellings = [str(value), hex(value), "0" + oct(value)[2:], f"{a}.{b}.{c * 256 + d}", f"{a}.{(b << 16) + c * 256 + d}", f"0x{a:x}.0x{b:x}.{c}.{d}",
                     f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"{a}.{b}.{c}.0{d}", f"{a}.{b}.{c}.{d}.", f"{a}.{b}.{c}.{d + 256}", f"[::ffff:{origin.address}]",
                     f"[::ffff:{a:02x}{b:02x}:{c:02x}{d:02x}]", f"[64:ff9b::{origin.address}]", f"[::{origin.address}]", "0", "0x0", "127.1", "0.0.0.0x0", f"{a}.{b}.{c}",
                     f"%{a}.{b}.{c}.{d}", f"{a}。{b}。{c}。{d}", f"{a}.{b}.{c}.{d}%0", f"[{origin.address}]", "①②⑦.⓪.⓪.①"]
        for text in spellings:
            raw = inside.do(over_http, text.encode(), origin.address)
            self.assertTrue(raw.startswith(b"HTTP/1.1 400"), (text, raw[:60]))
            self.assertEqual(self.greet(text.encode())[0], "alert", text)
            self.assertEqual(Sandbox(world, f'rules: [{{allow: "https://{text}/**"}}]').run(["true"]).returncode, 125, text)
        self.nothing_left()

        def literal(address):
            stream = socket.socket(socket.AF_INET6)
            stream.settimeout(5)
            stream.connect((address, 80))
            stream.sendall(b"GET / HTTP/1.1\r\nHost: " + address.encode() + b"\r\n\r\n")
            return receive(stream)[0][:12]
        for address in (f"::ffff:{origin.address}", f"64:ff9b::{origin.address}", "2002:5db8:000b::1", "::", "0:0:0:0:0:ffff:a9fe:a9fe"):
            try:
                self.assertEqual(inside.do(literal, address), b"HTTP/1.1 400", address)
            except AssertionError as error:
                self.assertIn("inside the sandbox", str(error))
        self.nothing_left()


if __name__ == "__main__":
    unittest.main(verbosity=2)
