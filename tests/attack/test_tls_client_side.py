"""TLS as the sandbox speaks it: hellos made by hand, fronting, tickets, renegotiation, early data, passed-through connections
(threats T1 to T11, T13, T14; what a leaf says).

Not here: T3's streams (HTTP/2 is not spoken), T12 (test_tls_origin_side.py).
"""
import datetime
import os
import unittest

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from lab.attacker import Witness, enter, settle, statuses
from lab.origins import Scripted
from lab.sandbox import Sandbox
from lab.world import World

POLICY = """
secrets:
  KEY: {from: env, use: [{at: bound.example, slot: header Authorization}]}
rules:
  - allow: [a.example, b.example, front.example, back.example, bound.example, "*.wild.example", tls://pass.example, tls://raw.example]
"""
SECRET = "sk-proj-" + "S" * 40
ALERT = {"close_notify": 0, "unexpected_message": 10, "record_overflow": 22, "handshake_failure": 40, "illegal_parameter": 47, "decode_error": 50,
         "protocol_version": 70, "inappropriate_fallback": 86, "unrecognized_name": 112, "no_application_protocol": 120}


def setUpModule():
    global world, origin, raw, evil, box, inside, other_box, other
    world = World()
    origin = Witness(world, "a.example", "b.example", "bound.example", "pass.example", "denied.example", "front.example", "back.example")
    raw = Scripted(world, "raw.example", keep_all, tls=False, port=443)
    evil = Scripted(world, "evil.example", keep_all, tls=False, port=443)
    box, inside = enter(world, POLICY, env={"KEY": SECRET})
    other_box, other = enter(world, POLICY, env={"KEY": SECRET})


def tearDownModule():
    found = []
    for one in (inside, other):
        one.close()
        found += one.faults()
    for thing in (origin, raw, evil, world):
        thing.close()
    assert not found, found


def keep_all(connection):
    while connection.recv():
        connection.sendall(b"got it")


def request(sni, host, extra=""):
    stream = secure(sni)
    with stream:
        stream.sendall(f"GET /x HTTP/1.1\r\nHost: {host}\r\n{extra}Connection: close\r\n\r\n".encode())
        return receive(stream)[0]


def knock(host, pieces, port=443):
    return greet(host, pieces, port)


def knock_all(cases):
    return in_parallel(greet, cases)


class Tls(unittest.TestCase):
    def setUp(self):
        self.mark, self.asked = world.recorder.mark(), len(world.names.questions)

    def nothing_left(self):
        self.assertEqual((world.recorder.since(self.mark), world.names.questions[self.asked:]), ([], []))

    def hello(self, *extensions, **options):
        """A hello as bytes, made out here by the functions of inside.py."""
        from lab import inside as made
        options.setdefault("name", b"a.example")
        return made.client_hello(*extensions, **options)

    def records(self, message, *rest, **options):
        from lab import inside as made
        return made.records(message, *rest, **options)

    def leaf(self, answer):
        self.assertEqual(answer[0], "certificate", answer)
        return x509.load_der_x509_certificate(answer[1])

    def names(self, leaf):
        return [n.value for n in leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value]

    def all_refused(self, table, host="a.example"):
        """TABLE: label -> (pieces, alert or kind of end)."""
        answers = inside.do(knock_all, [(host, pieces) for pieces, _ in table.values()])
        for (label, (_, expected)), answer in zip(table.items(), answers):
            wanted = ("alert", ALERT[expected]) if expected in ALERT else (expected,)
            self.assertEqual(answer, wanted, label)
        self.nothing_left()

    def test_T1_fronting_is_misdirected_whichever_way_round(self):
        for sni, host in (("front.example", "back.example"), ("back.example", "front.example"), ("front.example", "denied.example"), ("front.example", "evil.example"), ("front.example", "front.example:8443"),
                          ("front.example", "sub.front.example"), ("x.wild.example", "y.wild.example"), ("x.wild.example", "wild.example")):
            self.assertEqual(statuses(inside.do(request, sni, host)), [421], (sni, host))
        self.assertEqual(statuses(inside.do(request, "denied.example", "front.example")), [403])
        self.nothing_left()
        self.assertEqual(origin.of("front.example") + origin.of("back.example"), b"")
        self.assertEqual({r["verdict"] for r in settle(box, kind="http", host="back.example")}, {"deny"})

    def test_T3_T1_on_one_connection_every_request_is_held_against_the_name(self):
        def change(first, second):
            stream = secure(first)
            for host in (first, second, first):
                stream.sendall(f"GET /kept HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            return receive(stream)[0]
        self.assertEqual(statuses(inside.do(change, "front.example", "back.example")), [200, 421])
        self.assertEqual(origin.of("back.example"), b"")

    def test_T2_the_secret_follows_the_one_authority(self):
        def steal(sni, host, placeholder):
            stream = secure(sni)
            stream.sendall(f"GET https://{host}/ HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {placeholder}\r\n\r\n".encode())
            return receive(stream)[0]

        def placeholder():
            return os.environ["KEY"]
        token = inside.do(placeholder)
        self.assertEqual(statuses(inside.do(steal, "a.example", "bound.example", token)), [421])
        self.assertEqual(statuses(inside.do(steal, "bound.example", "a.example", token)), [421])
        self.nothing_left()
        self.assertEqual(statuses(inside.do(steal, "bound.example", "bound.example", token)), [200])
        self.assertIn(SECRET.encode(), origin.of("bound.example"))
        self.assertNotIn(SECRET.encode(), origin.of("a.example") + origin.of("b.example"))

    def test_T4_no_name_or_an_odd_one(self):
        from lab.inside import extension, server_name, vector
        # Without a name the address's own would do; it is told so by a leaf for that.
        self.assertEqual(self.names(self.leaf(inside.do(knock, "a.example", self.records(self.hello(name=None))))), ["a.example"])

        def nameless(host):
            made = context(verify=False).wrap_socket(connect(host, 443))
            made.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            return receive(made)[0]
        answer = inside.do(nameless, "a.example")
        self.assertEqual(statuses(answer), [403])
        self.assertIn(b"no SNI", answer)
        two = server_name(b"a.example", b"evil.example")
        self.all_refused({"empty": (self.records(self.hello(name=b"")), "unrecognized_name"), "IPv4": (self.records(self.hello(name=b"93.184.0.11")), "unrecognized_name"),
                          "IPv6": (self.records(self.hello(name=b"::1")), "unrecognized_name"), "IPv6 in brackets": (self.records(self.hello(name=b"[::1]")), "unrecognized_name"),
                          "two names": (self.records(self.hello(two, name=None)), "unrecognized_name"), "two alike": (self.records(self.hello(server_name(b"a.example", b"a.example"), name=None)), "unrecognized_name"),
                          "twice": (self.records(self.hello(server_name(b"evil.example"))), "illegal_parameter"), "another type": (self.records(self.hello(server_name(b"a.example", kind=1), name=None)), "unrecognized_name"),
                          "no list": (self.records(self.hello(extension(0, b""), name=None)), "decode_error"), "empty list": (self.records(self.hello(extension(0, b"\0\0"), name=None)), "unrecognized_name"),
                          "list too long": (self.records(self.hello(extension(0, b"\0\x20\0\0\x09a.example"), name=None)), "decode_error"), "bytes behind": (self.records(self.hello(extension(0, vector(2, b"\0" + vector(2, b"a.example")) + b"x"), name=None)), "decode_error")})

    def test_T4_T5_the_name_that_was_resolved_and_the_one_in_the_hello_agree(self):
        answer = inside.do(knock, "a.example", self.records(self.hello(name=b"b.example")))
        self.assertEqual(self.names(self.leaf(answer)), ["b.example"])

        def other_name():
            stream = secure("b.example", to="a.example")
            stream.sendall(b"GET / HTTP/1.1\r\nHost: b.example\r\n\r\n")
            return receive(stream)[0]
        self.assertEqual(statuses(inside.do(other_name)), [421])
        self.nothing_left()

    def test_T5_T6_a_hello_split_anyhow_is_the_same_hello(self):
        message = self.hello()
        whole = self.records(message)[0]
        cases = {"bytes": [whole[i:i + 1] for i in range(len(whole))], "in the name": [whole[:whole.index(b"a.exam") + 3], whole[whole.index(b"a.exam") + 3:]],
                 "in the header": [whole[:3], whole[3:7], whole[7:]], "a name cut off": [whole[:whole.index(b"a.exam") + 2], whole[whole.index(b"a.exam") + 2:][:4], whole[whole.index(b"a.exam") + 6:]],
                 **{f"records of {size}": [b"".join(self.records(message, size))] for size in (1, 2, 3, 4, 5, 17, 64, 100)},
                 "records and segments": [r[i:i + 2] for r in self.records(message, 30) for i in range(0, len(r), 2)]}
        answers = inside.do(knock_all, [("a.example", pieces) for pieces in cases.values()])
        for label, answer in zip(cases, answers):
            self.assertEqual(self.names(self.leaf(answer)), ["a.example"], label)
        # A forbidden name is not hidden by it either.
        message = self.hello(name=b"denied.example")
        for pieces in ([b"".join(self.records(message, 1))], self.records(message, 20)):
            self.assertEqual(self.names(self.leaf(inside.do(knock, "denied.example", pieces))), ["denied.example"])

        def denied():
            return request("denied.example", "denied.example")
        inside.teach(request)
        self.assertEqual(statuses(inside.do(denied)), [403])
        self.nothing_left()

    def test_T7_large_hellos_and_a_name_at_their_end(self):
        from lab.inside import extension, server_name, vector
        pad = [extension(0xfa00 + i, b"x" * 9000) for i in range(7)]
        cases = {"padding": self.hello(extension(21, b"\0" * 2000)), "post-quantum share": self.hello(extension(51, vector(2, b"\x11\xec" + vector(2, b"k" * 1216)))),
                 "name last": self.hello(extension(21, b"\0" * 1500), server_name(b"a.example"), name=None), "16 KiB": self.hello(*pad[:2], server_name(b"a.example"), name=None),
                 "60 KiB": self.hello(*pad[:6], server_name(b"a.example"), name=None), "1000 extensions": self.hello(*[extension(0x1000 + i, b"") for i in range(1000)])}
        for label, message in cases.items():
            answer = inside.do(knock, "a.example", self.records(message))
            # OpenSSL takes hellos of any size that a record layer carries; ours are bounded by 64 KiB.
            self.assertEqual(self.names(self.leaf(answer)), ["a.example"], label)
        many = self.hello(*pad[:2], ciphers=[0xc02b] * 30000)
        self.all_refused({"over 64 KiB": (self.records(many), "decode_error"), "length over 64 KiB": ([b"\x16\3\1\0\5\1\2\0\0\0"], "decode_error"), "16 MiB": ([b"\x16\3\1\0\5\1\xff\xff\xff\0"], "decode_error")})

    def test_T6_malformed_hellos(self):
        from lab.inside import extension, vector
        good = self.hello()
        record = self.records(good)[0]
        change = lambda at, *new: [record[:at] + bytes(new) + record[at + len(new):]]
        self.all_refused({
            "SSL 3.0 record": (self.records(good, version=0x0300), "protocol_version"), "record of version 4": (self.records(good, version=0x0400), "protocol_version"),
            "empty record": ([b"\x16\3\1\0\0" + record], "record_overflow"), "record too long": ([b"\x16\3\1\x40\1" + b"\1" * 100], "record_overflow"),
            "an alert first": ([b"\x15\3\1\0\2\1\0" + record], "reset"), "an alert between": ([self.records(good, 50)[0] + b"\x15\3\1\0\2\1\0" + b"".join(self.records(good, 50)[1:])], "unexpected_message"),
            "data first": ([b"\x17\3\3\0\1x"], "reset"), "CCS between": ([self.records(good, 50)[0] + b"\x14\3\3\0\1\1" + b"".join(self.records(good, 50)[1:])], "unexpected_message"),
            "another message": (change(5, 2), "unexpected_message"), "two hellos in a record": ([b"\x16\3\1" + vector(2, good + good)], "unexpected_message"),
            "SSL 2.0": ([b"\x80\x2e\1\3\1\0\x15\0\0\0\x10" + b"\0" * 37], "protocol_version"), "too short a message": ([b"\x16\3\1\0\4\1\0\0\0"], "decode_error"),
            "version SSL 3.0": (self.records(self.hello(version=0x0300)), "protocol_version"), "version 1.4": (self.records(self.hello(version=0x0305)), "protocol_version"),
            "compression only": (self.records(self.hello(compression=b"\1")), "illegal_parameter"), "no compression": (self.records(self.hello(compression=b"")), "decode_error"),
            "session of 33": (self.records(self.hello(session=b"s" * 33)), "decode_error"), "no ciphers": (self.records(self.hello(ciphers=())), "decode_error"),
            "an extension twice": (self.records(self.hello(extension(99, b""), extension(99, b""))), "illegal_parameter"), "PSK not last": (self.records(self.hello(extension(41, vector(2, vector(2, b"i") + b"\0\0\0\0") + vector(2, vector(1, b"b" * 32))))), "illegal_parameter"),
            "extension too long": ([b"\x16\3\1" + vector(2, good[:-2] + b"\xff\xff")], "decode_error"), "renegotiation": (self.records(self.hello(extension(0xff01, vector(1, b"v" * 12)))), "handshake_failure"),
            "inner ECH": (self.records(self.hello(extension(0xfe0d, b"\1"))), "illegal_parameter"), "empty ALPN name": (self.records(self.hello(extension(16, vector(2, b"\0")))), "decode_error"),
            "empty ALPN": (self.records(self.hello(extension(16, b"\0\0"))), "decode_error"), "odd versions": (self.records(self.hello(extension(43, b"\3\3\4\3"))), "decode_error")})

    def test_T6_no_hello_at_all(self):
        for first in (b"\0\1\2\3", b"\x13BitTorrent protocol", b"\5\1\0", b"\4\1\1\xbb\x5d\xb8\0\x0b\0", b"\x7fELF", b"\xff\xff", b"\x16\x16\x16\x16\x16\x16", b"ssh", b"\r\n"):
            answer = inside.do(knock, "a.example", [first])
            self.assertIn(answer[0], ("reset", "alert"), first)
        self.nothing_left()

    def test_T6_weak_offers_are_refused_by_the_handshake(self):
        from lab.inside import extension, vector
        self.all_refused({"RC4, 3DES, CBC": (self.records(self.hello(ciphers=(0x0005, 0x000a, 0x002f, 0xc009, 0xc013))), "handshake_failure"), "NULL": (self.records(self.hello(ciphers=(0, 1, 2, 0xc006))), "handshake_failure"),
                          "anonymous": (self.records(self.hello(ciphers=(0x0034, 0xc018))), "handshake_failure"), "export": (self.records(self.hello(ciphers=(3, 6, 8))), "handshake_failure"),
                          "TLS 1.0": (self.records(self.hello(version=0x0301)), "protocol_version"), "TLS 1.1": (self.records(self.hello(version=0x0302)), "protocol_version"),
                          "only version 1.1": (self.records(self.hello(extension(43, vector(1, b"\3\2")))), "protocol_version"), "fallback": (self.records(self.hello(extension(43, vector(1, b"\3\3")), ciphers=(0xc02b, 0x5600))), "inappropriate_fallback"),
                          "unknown ALPN": (self.records(self.hello(extension(16, vector(2, vector(1, b"x" * 255))))), "no_application_protocol"),
                          "h3 and h2c": (self.records(self.hello(extension(16, vector(2, vector(1, b"h3") + vector(1, b"h2c"))))), "no_application_protocol")})

    def test_T8_ECH_may_be_filler_where_we_open_and_is_refused_where_we_do_not(self):
        from lab.inside import extension, vector
        ech = extension(0xfe0d, b"\0\0\1\0\1\x2a" + vector(2, b"e" * 32) + vector(2, b"p" * 160))
        self.assertEqual(self.names(self.leaf(inside.do(knock, "a.example", self.records(self.hello(ech))))), ["a.example"])
        self.assertEqual(inside.do(knock, "pass.example", self.records(self.hello(ech, name=b"pass.example"))), ("alert", ALERT["handshake_failure"]))
        self.nothing_left()
        self.assertIn("ECH", settle(box, kind="tls", host="pass.example", verdict="deny")[0]["reason"])

    def test_T9_what_is_passed_through_goes_to_the_named_host_only_and_unchanged(self):
        def fake(address):
            message = records(client_hello(name=b"raw.example"))[0]
            junk = b"SSH-2.0-tunnel\r\n" + bytes(range(256)) * 100
            stream = connect(address, 443)
            stream.sendall(message + junk[:10])
            answer = stream.recv(100)
            stream.sendall(junk[10:])
            stream.settimeout(3)
            stream.recv(100)
            stream.close()
            return message + junk, answer
        sent, answer = inside.do(fake, evil.address)
        self.assertEqual(answer, b"got it")
        self.assertEqual(raw.raw, sent)
        self.assertEqual((evil.accepted, evil.raw), (0, b""))
        record = settle(box, kind="tls", host="raw.example", verdict="allow")[0]
        self.assertEqual((record["ip"], record["bytes"]["up"]), (raw.address, len(sent)))

    def test_T9_garbage_behind_a_hello_gets_nowhere_where_we_open(self):
        def garbage():
            stream = connect("a.example", 443)
            stream.sendall(records(client_hello(name=b"a.example", tls13=True))[0] + b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n" * 3)
            return receive(stream)[1]
        self.assertIn(inside.do(garbage), ("eof", "reset"))
        self.nothing_left()

    def test_T10_no_TLS_inside_TLS_and_no_CONNECT(self):
        def nested(host):
            stream = secure(host)
            stream.sendall(records(client_hello(name=b"evil.example"))[0])
            inner = receive(stream)
            tunnel = secure(host)
            tunnel.sendall(b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n")
            return inner, receive(tunnel)
        (inner, _), (tunnel, _) = inside.do(nested, "a.example")
        self.assertEqual((statuses(inner), statuses(tunnel)), ([400], [405]))
        self.nothing_left()

    def test_T10_HTTP2_in_the_open_is_not_spoken(self):
        def prior_knowledge():
            made = ssl.create_default_context().wrap_socket(connect("a.example", 443), server_hostname="a.example")
            made.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
            plain = connect("a.example", 80)
            plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
            return receive(made)[0], receive(plain)[0]
        self.assertEqual([statuses(raw) for raw in inside.do(prior_knowledge)], [[505], [505]])
        self.nothing_left()

    def test_T11_a_ticket_is_for_one_name_and_one_sandbox(self):
        def tickets():
            found = {}
            for label, version in (("1.2", ssl.TLSVersion.TLSv1_2), ("1.3", ssl.TLSVersion.TLSv1_3)):
                made = ssl.create_default_context()
                made.maximum_version = made.minimum_version = version

                def visit(name, session=None):
                    stream = made.wrap_socket(connect(name, 443), server_hostname=name, session=session)
                    stream.sendall(f"GET /t HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
                    raw = receive(stream, 15, 0.2)[0]
                    kept = stream.session
                    reused = stream.session_reused
                    stream.unwrap()
                    return kept, reused, raw[9:12]
                first, _, _ = visit("a.example")
                found[label] = [visit("a.example", first)[1:], visit("b.example", first)[1:], visit("bound.example", first)[1:]]
            return found
        for version, ((same, _), (different, status), (bound, _)) in inside.do(tickets).items():
            self.assertEqual((same, different, bound, status), (True, False, False, b"200"), version)

    def test_T11_C8_tickets_leaves_and_keys_of_another_sandbox_are_worth_nothing(self):
        def s_client(path, save):
            option = "-sess_out" if save else "-sess_in"
            status, out, err = run(["openssl", "s_client", "-connect", "a.example:443", "-servername", "a.example", "-tls1_2", option, path], input=b"Q\n")
            return out.decode("latin-1")

        def tls13(path, save):
            option = ["-sess_out", path] if save else ["-sess_in", path]
            status, out, err = run(["sh", "-c", "(printf 'GET / HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n'; sleep 1) | openssl s_client -connect a.example:443 -servername a.example -tls1_3 " + " ".join(option)])
            return out.decode("latin-1")
        for function, name in ((s_client, "two"), (tls13, "three")):
            path = str(box.work / f"session-{name}")
            self.assertIn("New, TLS", inside.do(function, path, True))
            self.assertIn("Reused, TLS", inside.do(function, path, False))
            os.chmod(path, 0o644)
            said = other.do(function, path, False)
            self.assertNotIn("Reused, TLS", said)
            self.assertIn("Verify return code: 0", said)

        def certificate(host):
            return greet(host, records(client_hello(name=host.encode())))[1], open("/run/sallyport/ca.pem").read()
        (mine, my_ca), (theirs, their_ca) = inside.do(certificate, "a.example"), other.do(certificate, "a.example")
        mine, theirs = x509.load_der_x509_certificate(mine), x509.load_der_x509_certificate(theirs)
        self.assertNotEqual(my_ca, their_ca)
        self.assertNotEqual(mine.public_key().public_numbers(), theirs.public_key().public_numbers())
        ca = x509.load_pem_x509_certificate(their_ca.encode())
        with self.assertRaises(InvalidSignature):
            ca.public_key().verify(mine.signature, mine.tbs_certificate_bytes, ec.ECDSA(mine.signature_hash_algorithm))

    def test_T11_no_renegotiation_and_no_early_data(self):
        def renegotiate():
            return run(["sh", "-c", "(printf 'GET /1 HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n'; sleep 0.7; echo R; sleep 0.7; printf 'GET /2 HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n'; sleep 0.5)"
                                   " | openssl s_client -connect a.example:443 -servername a.example -tls1_2 2>&1"])[1].decode("latin-1")
        said = inside.do(renegotiate)
        self.assertIn("RENEGOTIATING", said)
        self.assertRegex(said, "no renegotiation|handshake failure|unexpected message|Connection reset|errno")
        self.assertNotIn(b"GET /2", origin.of("a.example"))

        def early():
            session, data = os.path.join(os.getcwd(), "early-session"), os.path.join(os.getcwd(), "early-data")
            open(data, "w").write("GET /early HTTP/1.1\r\nHost: a.example\r\n\r\n")
            first = run(["sh", "-c", "(printf 'GET /first HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n'; sleep 1) | openssl s_client -connect a.example:443 -servername a.example -tls1_3 -sess_out " + session])
            return first[1].decode("latin-1") + run(["sh", "-c", f"(sleep 1) | openssl s_client -connect a.example:443 -servername a.example -tls1_3 -sess_in {session} -early_data {data}"])[1].decode("latin-1")
        said = inside.do(early)
        self.assertIn("Max Early Data: 0", said)
        self.assertNotIn("Early data was accepted", said)
        self.assertNotIn(b"/early", origin.of("a.example"))

    def test_T11_early_data_that_is_sent_unasked_is_never_read_as_a_request(self):
        from lab.inside import extension, vector
        psk = extension(41, vector(2, vector(2, b"ticket" * 20) + b"\0\0\0\0") + vector(2, vector(1, b"b" * 32)))
        message = self.hello(extension(42, b""), extension(45, b"\1\1"), tls13=True)
        # pre_shared_key must be the last extension: it is put at the end by hand.
        body = message[4:]
        at = body.index(b"\0\0\0\x0e\0\x0c\0\0\x09a.example") - 2
        extensions = body[at + 2:] + psk
        message = b"\1" + vector(3, body[:at] + vector(2, extensions))
        early = b"\x17\3\3" + vector(2, b"GET /early HTTP/1.1\r\nHost: a.example\r\n\r\n")
        answer = inside.do(knock, "a.example", [self.records(message)[0] + early])
        self.assertEqual(answer, ("hello",))
        self.nothing_left()

    def test_T11_a_second_hello_with_another_name_changes_nothing(self):
        """A hello without a usable share is answered by a HelloRetryRequest; the second one says another name."""
        from lab.inside import extension, vector
        versions, groups = extension(43, vector(1, b"\3\4")), extension(51, vector(2, b""))

        def twice(first, second):
            stream = connect("a.example", 443)
            stream.sendall(first)
            retry = stream.recv(4096)
            stream.sendall(second)
            return classify(*receive(stream, 15, 0.4)), retry[:6]
        first = self.records(self.hello(versions, groups))[0]
        share = extension(51, vector(2, b"\0\x1d" + vector(2, b"\x09" + b"\0" * 31)))
        second = self.records(self.hello(versions, share, name=b"denied.example"))[0]
        answer, retry = inside.do(twice, first, second)
        self.assertEqual(retry[:1] + retry[5:6], b"\x16\2")
        self.assertIn(answer[0], ("hello", "alert", "eof"))
        self.nothing_left()
        for record in settle(box, kind="tls", host="a.example"):
            self.assertNotEqual(record.get("host"), "denied.example")

    def test_T13_S22_what_is_passed_through_has_no_secret(self):
        for rules, use in (("[{allow: tls://bound.example}]", "bound.example"), ("[{allow: tls://bound.example}, {allow: bound.example}]", "bound.example"), ("[{allow: http://bound.example/**}]", "bound.example"),
                           ("[{allow: bound.example}]", "http://bound.example/**"), ("[{allow: bound.example}]", "tls://bound.example"), ("[]", "bound.example"), ("[{allow: tls://*.bound.example}]", "x.bound.example"),
                           ("[{allow: tcp://bound.example:443}]", "bound.example"), ("[{allow: tcp://bound.example:443}, {allow: bound.example}]", "bound.example"), ("[{allow: bound.example}]", "tcp://bound.example:443")):
            bad = Sandbox(world, f"secrets: {{KEY: {{from: env, use: [{{at: '{use}', slot: header Authorization}}]}}}}\nrules: {rules}")
            done = bad.run(["true"], env={"KEY": SECRET})
            self.assertEqual(done.returncode, 125, rules)
            self.assertNotIn(SECRET, done.stdout + done.stderr)

    def test_T14_no_STARTTLS_and_no_protocol_in_which_the_server_speaks_first(self):
        def speak(port, *lines):
            stream = connect("a.example", port)
            send_pieces(stream, lines, 0.1)
            return receive(stream, 4, 0.4)
        for port, lines in ((25, (b"EHLO x\r\n", b"STARTTLS\r\n\r\n")), (587, (b"EHLO x\r\n", b"STARTTLS\r\n\r\n")), (143, (b"a STARTTLS\r\n\r\n",)), (110, (b"STLS\r\n\r\n",)), (21, (b"AUTH TLS\r\n\r\n",)), (389, (b"0\x1d\2\1\1w",)),
                            (5432, (b"\0\0\0\x08\x04\xd2\x16\x2f",)), (3306, ()), (22, (b"SSH-2.0-x\r\n\r\n",)), (6379, (b"*1\r\n$4\r\nPING\r\n",))):
            answer, end = inside.do(speak, port, *lines)
            self.assertTrue(end in ("reset", "eof") and (not answer or answer.startswith(b"HTTP/1.1 4")), (port, answer, end))
        self.nothing_left()

    def test_a_leaf_says_one_name_and_little_else(self):
        def leaves():
            found = [greet("a.example", records(client_hello(name=b"a.example")))[1] for _ in range(2)]
            found += [greet("denied.example", records(client_hello(name=b"denied.example")))[1] for _ in range(2)]
            found.append(greet("x.wild.example", records(client_hello(name=b"x.wild.example")))[1])
            return found, open("/run/sallyport/ca.pem").read()
        found, ca = inside.do(leaves)
        ca = x509.load_pem_x509_certificate(ca.encode())
        found = [x509.load_der_x509_certificate(leaf) for leaf in found]
        for leaf, name in zip(found, ("a.example", "a.example", "denied.example", "denied.example", "x.wild.example")):
            self.assertEqual(self.names(leaf), [name])
            self.assertFalse(leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign)
            self.assertEqual(list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value), [ExtendedKeyUsageOID.SERVER_AUTH])
            self.assertLess(leaf.not_valid_after - leaf.not_valid_before, datetime.timedelta(hours=24))
            self.assertLessEqual(leaf.not_valid_after, ca.not_valid_after)
            self.assertGreater(leaf.serial_number.bit_length(), 64)
            self.assertEqual(leaf.issuer, ca.subject)
            with self.assertRaises(x509.ExtensionNotFound):
                leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
        self.assertEqual(found[0].serial_number, found[1].serial_number)       # kept
        self.assertNotEqual(found[2].serial_number, found[3].serial_number)    # for one connection alone
        constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints)
        self.assertEqual((constraints.critical, constraints.value.ca, constraints.value.path_length), (True, True, 0))

    def test_a_flood_of_key_updates_and_empty_records_does_no_harm(self):
        def flood():
            return run(["sh", "-c", "(for i in $(seq 60); do echo k; done; sleep 0.5; printf 'GET /after HTTP/1.1\\r\\nHost: a.example\\r\\nConnection: close\\r\\n\\r\\n'; sleep 1)"
                                    " | openssl s_client -connect a.example:443 -servername a.example -tls1_3 2>&1"])[1].decode("latin-1")
        inside.do(flood)

        def empty():
            stream = connect("a.example", 443)
            stream.sendall(records(client_hello(name=b"a.example"))[0])
            receive(stream, 15, 0.3)
            try:
                stream.sendall(b"\x16\3\3\0\0" * 5000)
            except OSError:
                pass
            return receive(stream, 5, 0.3)[1]
        self.assertIn(inside.do(empty), ("eof", "reset", "quiet"))
        self.assertEqual(statuses(inside.do(request, "a.example", "a.example")), [200])


if __name__ == "__main__":
    unittest.main(verbosity=2)
