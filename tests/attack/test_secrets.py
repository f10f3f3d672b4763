"""Getting at a secret, or getting it put somewhere else (design section 3, rules 6 to 8; threats S*).

The real values are searched for in everything that an origin, the wire, the sandbox, the log, the terminal or a process shows.

Not here: S17 to S19 and S26 (no signing and no control API yet), S20 and S33 (test_slots_head.py), S22 (test_tls_client_side.py),
S23 (test_tls_origin_side.py), S31 (test_websocket.py), and S32 (no database is spoken).
"""
import base64
import gzip
import os
import re
import subprocess
import time
import unittest

from lab import processes
from lab.attacker import Inside, Witness, enter, settle, statuses
from lab.namespaces import wait_until
from lab.origins import Scripted, answer
from lab.processes import children, init_of, worker_of
from lab.sandbox import BINARY, UID, Sandbox
from lab.world import World

VALUES = {"KEY": "sk-proj-REALvalueREALvalueREALvalueREALvalue12", "STRICT": "ghp_REALstrictREALstrictREALstrict123456", "STRIP": "REALstripREALstripREALstripREALstrip", "PASS": "REALpassREALpassREALpassREALpassREAL",
          "KILL": "REALkillREALkillREALkillREALkillREAL", "USER": "REALuserREALuserREALuser", "WORD": "REALword-REALword_REALword", "TWICE": "REALtwiceREALtwiceREALtwice", "FORM": "tok-REALformREALform", "ONE": "REALoneREALoneREALoneREALone"}
POLICY = """
secrets:
  KEY: {from: env, use: [{at: https://bound.example/v1/**, methods: [GET, POST], slot: header Authorization}, {at: redirect.example, slot: header Authorization}, {at: echo.example, slot: header Authorization}]}
  STRICT: {from: env, misuse: strict, use: [{at: bound.example, slot: header X-Strict}]}
  STRIP: {from: env, misuse: strip, use: [{at: bound.example, slot: header X-Strip}]}
  PASS: {from: env, misuse: pass, use: [{at: bound.example, slot: header X-Pass}]}
  USER_NAME: {from: {env: USER_VALUE}, use: [{at: basic.example, slot: basic user}]}
  WORD: {from: env, use: [{at: basic.example, slot: basic password}]}
  TWICE: {from: env, use: [{at: bound.example, slot: header X-Twice}, {at: second.example, slot: header X-Twice}, {at: bound.example, slot: basic password}]}
  FORM: {from: env, placeholder: "tok-{random:40}", use: [{at: bound.example, slot: header X-Form}]}
  ONE: {from: env, use: [{at: https://bound.example/one/*, slot: header X-One}]}
rules:
  - {allow: bound.example, methods: [GET, POST, PUT, DELETE]}
  - allow: [other.example, second.example, basic.example, redirect.example, echo.example, "*.wild.example", http://bound.example/**, http://bound.example:443/**, http://other.example/**]
"""
HOSTS = ("bound.example", "other.example", "second.example", "basic.example", "a.wild.example", "redirect.example", "echo.example")
ENVIRONMENT = {"USER_VALUE": VALUES["USER"], **{name: value for name, value in VALUES.items() if name not in ("KILL", "USER")}}
REAL = [value.encode() for value in VALUES.values()]


def forms(value):
    """A value as it might stand somewhere, encoded."""
    return [value, base64.b64encode(value)[2:-4], base64.b64encode(b"x" + value)[4:-4], base64.b64encode(b"xx" + value)[4:-4], value.hex().encode(), value[::-1], value.upper(), value.decode().encode("utf-16-le")]


def leaks(data):
    return [value for value in REAL for form in forms(value) if form in data]


def setUpModule():
    global world, origin, plain, other_plain, box, inside, token
    world = World()
    origin = Witness(world, "bound.example", "other.example", "second.example", "basic.example", "redirect.example", "echo.example", "*.wild.example", hosts=["a.wild.example"],
                     answers={"redirect.example": redirect, "echo.example": echo})
    plain = Scripted(world, "bound.example", answer(), tls=False, address=origin.address)
    box, inside = enter(world, POLICY, env=ENVIRONMENT)
    token = inside.do(variables)


def tearDownModule():
    inside.close()
    faults = inside.faults()
    origin.close()
    plain.close()
    world.close()
    assert not faults, faults


def variables():
    return {name: os.environ[name] for name in ("KEY", "STRICT", "STRIP", "PASS", "USER_NAME", "WORD", "TWICE", "FORM", "ONE") if name in os.environ}


def send(host, data):
    return exchange(host, data if isinstance(data, list) else [data])[0]


def send_plain(host, data):
    return exchange(host, [data], 80, False)[0]


def send_plain_443(data):
    return exchange("bound.example", [data], 443, False)[0]


def send_all(cases):
    return in_parallel(lambda host, data: exchange(host, data if isinstance(data, list) else [data])[0], cases)


def request(host, *lines, target="/v1/x", method="GET", body=b""):
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n" + "".join(f"{line}\r\n" for line in lines)
    if body:
        head += f"Content-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class Secrets(unittest.TestCase):
    def setUp(self):
        self.mark = origin.mark()

    def since(self, host):
        return origin.since(self.mark, host)

    def refused(self, cases):
        """(host, request) pairs that are all 403, and of which nothing leaves."""
        self.setUp()
        for (host, data), raw in zip(cases, inside.do(send_all, cases)):
            self.assertEqual(statuses(raw), [403], (host, data, raw[:400]))
            self.assertEqual(leaks(raw), [])
        for host in HOSTS:
            self.assertEqual(self.since(host), b"", host)

    def inert(self, cases):
        """Pairs that go out as they are: the placeholder, or its coded form, arrives; no secret does."""
        self.setUp()
        for (host, data), raw in zip(cases, inside.do(send_all, cases)):
            self.assertEqual(statuses(raw), [200], (host, data, raw[:400]))
        for host in HOSTS:
            self.assertEqual(leaks(self.since(host)), [], host)

    def test_the_slot_gets_the_secret_and_nothing_else_does(self):
        raw = inside.do(send, "bound.example", request("bound.example", f"Authorization: Bearer {token['KEY']}", "X-Other: plain"))
        self.assertEqual(statuses(raw), [200])
        self.assertEqual(self.since("bound.example"), request("bound.example", f"Authorization: Bearer {VALUES['KEY']}", "X-Other: plain"))

    def test_S7_S30_a_placeholder_to_a_host_a_method_or_a_path_that_it_is_not_bound_to(self):
        auth = f"Authorization: Bearer {token['KEY']}"
        self.refused([("other.example", request("other.example", auth)), ("a.wild.example", request("a.wild.example", auth)), ("second.example", request("second.example", f"X-Strict: {token['STRICT']}")), ("bound.example", request("bound.example", auth, target="/v2/x")),
                      ("bound.example", request("bound.example", auth, target="/v1")), ("bound.example", request("bound.example", auth, target="/v1/../v2/x")), ("bound.example", request("bound.example", auth, target="/v1/%2e%2e/v2")), ("bound.example", request("bound.example", auth, target="/V1/x")),
                      ("bound.example", request("bound.example", auth, target="//v1/x")), ("bound.example", request("bound.example", auth, target="/v1%2Fx")), ("bound.example", request("bound.example", auth, target="/v2/x?/v1/x")), ("bound.example", request("bound.example", auth, method="PUT")),
                      ("bound.example", request("bound.example", auth, method="DELETE")), ("bound.example", request("bound.example", f"X-Authorization: {token['KEY']}")), ("bound.example", request("bound.example", f"Proxy-Authorization-X: {token['KEY']}")), ("bound.example", request("bound.example", f"Referer: https://x/{token['KEY']}"))])

    def test_S7_every_reading_of_the_path_is_one_that_the_slot_is_for(self):
        one = f"X-One: {token['ONE']}"
        self.assertEqual(statuses(inside.do(send, "bound.example", request("bound.example", one, target="/one/x"))), [200])
        self.assertIn(VALUES["ONE"].encode(), self.since("bound.example"))
        self.refused([("bound.example", request("bound.example", one, target=path)) for path in ("/one/a%2Fb", "/one//x", "/one/a/b", "/one", "/one;/x", "/one/a%2fb;c")])

    def test_S7_a_path_that_stripping_makes_another_is_one_that_the_slot_is_for(self):
        """What is left of `/v1/PLACEHOLDER../v2` once the placeholder is taken out leads out of /v1."""
        for path in ("/v1/{}../v2/x", "/v1/x/{0}../{0}../v2/x", "/v1/.{}./v2/x", "/v1/{}%2e%2e/v2/x"):
            raw = inside.do(send, "bound.example", request("bound.example", f"Authorization: Bearer {token['KEY']}", target=path.format(token["STRIP"])))
            self.assertIn(statuses(raw), ([403], [400]), path)
            self.assertEqual(self.since("bound.example"), b"", path)
        raw = inside.do(send, "bound.example", request("bound.example", f"Authorization: Bearer {token['KEY']}", target=f"/v1/{token['STRIP']}x"))
        self.assertEqual(statuses(raw), [200])
        self.assertIn(f"GET /v1/x HTTP/1.1\r\nHost: bound.example\r\nAuthorization: Bearer {VALUES['KEY']}".encode(), self.since("bound.example"))

    def test_S7_S33_a_placeholder_in_every_other_place(self):
        key, strict = token["KEY"], token["STRICT"]
        coded = base64.b64encode(f"{key}:x".encode()).decode()
        places = lambda t: [request("bound.example", f"Cookie: a={t}; b=c"), request("bound.example", f"X-Api-Key: {t}"), request("bound.example", f"{t}: x") if re.fullmatch("[A-Za-z0-9_-]+", t) else request("bound.example", f"Cookie: {t}"), request("bound.example", target=f"/v1/{t}/x"),
                            request("bound.example", target=f"/v1/x?key={t}"), request("bound.example", target=f"/v1/x?{t}"), request("bound.example", "Authorization: Basic " + base64.b64encode(f"{t}:x".encode()).decode()), request("bound.example", "Authorization: Basic " + base64.b64encode(f"x:{t}".encode()).decode()),
                            request("bound.example", "Authorization: bAsIc  " + base64.b64encode(f"x:{t}:y".encode()).decode()), request("bound.example", f"User-Agent: {t}"), request("bound.example", f"X-Forwarded-For: {t}"), request("bound.example", f"Accept: x{t}x"), request("bound.example", f"Range: {t}")]
        self.refused([("bound.example", data) for t in (key, strict) for data in places(t)] + [("bound.example", request("bound.example", f"X-Basic: Basic {coded}"))])
        for name in ("Host", "Content-Length", "Transfer-Encoding", "Connection", "Cookie", "Upgrade", "TE", "Expect"):
            done = Sandbox(world, f"secrets: {{KEY: {{from: env, use: [{{at: bound.example, slot: header {name}}}]}}}}\nrules: [{{allow: bound.example}}]").run(["true"], env=ENVIRONMENT)
            self.assertEqual(done.returncode, 125, name)

    def test_S7_S15_S28_P13_P14_in_a_body_it_is_text_or_refused_as_the_policy_says(self):
        post = lambda name, prefix="": request("bound.example", method="POST", body=(prefix + token[name]).encode())
        self.inert([("bound.example", post("KEY")), ("bound.example", post("PASS", "a=")), ("other.example", request("other.example", method="POST", body=token["KEY"].encode()))])
        self.assertIn(token["KEY"].encode(), self.since("bound.example"))
        self.setUp()
        half = len(token["STRICT"]) // 2
        head = b"POST /v1/x HTTP/1.1\r\nHost: bound.example\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = lambda text: f"{len(text):x}\r\n{text}\r\n".encode()
        cases = {"whole": [post("STRICT", "x" * 100)], "in chunks": [head + chunk(token["STRICT"][:half]) + chunk(token["STRICT"][half:]) + b"0\r\n\r\n"], "in single bytes": [head, *[chunk(c) for c in token["STRICT"]], b"0\r\n\r\n"],
                 "in segments": [post("STRICT", "x" * 50)[:-half], post("STRICT")[-half:]], "over a large body": [head + chunk("x" * 100000) + chunk("y" * 30000 + token["STRICT"] + "z" * 50000) + b"0\r\n\r\n"]}
        for label, raw in zip(cases, inside.do(send_all, [("bound.example", pieces) for pieces in cases.values()])):
            self.assertIn(statuses(raw), ([403], []), label)
        self.assertNotIn(token["STRICT"].encode(), self.since("bound.example"))
        self.assertNotIn(b"\r\n0\r\n\r\n", self.since("bound.example"))
        coded = request("bound.example", "Content-Encoding: gzip", method="POST", body=gzip.compress(b"<" + token["STRICT"].encode() + b">"))
        self.refused([("bound.example", coded), ("other.example", coded.replace(b"bound", b"other"))])

    def test_S14_what_is_stripped_leaves_a_message_that_adds_up(self):
        t = token["STRIP"]
        nested = t[:10] + t + t[10:]  # taking one out closes up to another
        raw = inside.do(send_all, [("bound.example", request("bound.example", f"X-A: a{t}b{t}", f"X-B: {nested}", method="POST", body=f"<{t}{t}>{nested}!".encode(), target=f"/v1/x?k={t}&m=1")),
                                   ("bound.example", [b"POST /v1/y HTTP/1.1\r\nHost: bound.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<a>\r\n", *[b"1\r\n%c\r\n" % c for c in t.encode()], b"3\r\n</a\r\n0\r\n\r\n"]),
                                   ("bound.example", request("bound.example", method="POST", body=b"x" * 100000 + t.encode() + b"y" * 100000, target="/v1/z"))])
        self.assertEqual([statuses(r) for r in raw], [[200]] * 3)
        seen = self.since("bound.example")
        for start, body in ((b"POST /v1/x?k=&m=1 ", b"<>!"), (b"POST /v1/y ", b"<a></a"), (b"POST /v1/z ", b"x" * 100000 + b"y" * 100000)):
            message = seen[seen.index(start):]
            head, _, rest = message.partition(b"\r\n\r\n")
            if b"Content-Length" in head:
                size = int(re.search(rb"Content-Length: (\d+)", head)[1])
                found = rest[:size]
            else:
                found, at = b"", 0
                while (size := int(rest[at:rest.index(b"\r\n", at)], 16)):
                    at = rest.index(b"\r\n", at) + 2
                    found += rest[at:at + size]
                    at += size + 2
            if start.startswith(b"POST /v1/x"):
                # Over a body one pass is made: what closes up to a placeholder is text by then.
                self.assertTrue(found.startswith(b"<>") and found.endswith(b"!"), found)
                self.assertEqual(re.findall(rb"X-[AB]: (.*)\r\n", head + b"\r\n"), [b"ab", b""])
            else:
                self.assertEqual(found, body)

    def test_S14_stripping_makes_no_field_of_another(self):
        """With the placeholder taken out of its middle, a name would be one that frames or routes the message."""
        t = token["STRIP"]
        names = ["Ho#st: evil.example", "Transfer-#Encoding: chunked", "#Content-Length: 0", "Content-Length#: 5", "Con#nection: close", "X-HTTP-Method-#Override: DELETE", "Author#ization: x", "Ex#pect: 100-continue", "Up#grade: websocket", "#: x"]
        self.refused([("bound.example", request("bound.example", name.replace("#", t), method="POST", body=b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: bound.example\r\n\r\n")) for name in names])
        # Nor does what is left close up to a placeholder that another setting refuses.
        key = token["KEY"]
        split = key[:20] + t + key[20:]
        self.refused([("other.example", request("other.example", f"X-A: {split}")), ("other.example", request("other.example", target=f"/{split}")), ("other.example", request("other.example", target=f"/?{split}")),
                      ("other.example", request("other.example", "Authorization: Basic " + base64.b64encode(f"x:{split}".encode()).decode()))])

    def test_S8_encoded_forms_are_noticed_where_a_server_would_decode_them(self):
        percent = lambda text, which=1: "".join(f"%{c:02x}" if i % which == 0 else chr(c) for i, c in enumerate(text.encode()))
        t = token["KEY"]
        once, twice = percent(t), percent(t).replace("%", "%25")
        self.refused([("bound.example", request("bound.example", target=f"/v1/x?k={once}")), ("bound.example", request("bound.example", target=f"/v1/x?k={twice}")), ("bound.example", request("bound.example", target=f"/v1/x?k={percent(t, 3)}")), ("bound.example", request("bound.example", target=f"/v1/{percent(t, 2)}")),
                      ("bound.example", request("bound.example", target=f"/v1/x?k={once.upper().replace('%2D', '-')}")), ("other.example", request("other.example", "Authorization: Basic " + base64.b64encode(f"a:{t}".encode()).decode())), ("other.example", request("other.example", "Authorization: Basic " + base64.b64encode(f"ab:{t}".encode()).decode())),
                      ("other.example", request("other.example", "Authorization: Basic " + base64.b64encode(f"abc:{t}".encode()).decode()))])
        wide = base64.b64encode(t.encode()).decode()
        self.refused([("bound.example", request("bound.example", line)) for line in (f"X-Coded: {wide}", f"Authorization: Bearer {wide}", f"Authorization: Bearer {once}", f"Authorization: Basic {wide}!!")])
        # What no server decodes to a placeholder is a text like any other; and in a body no decoder of ours turns one into a secret.
        self.inert([("bound.example", request("bound.example", f"Authorization: Bearer {t[:-1]}")),
                    ("bound.example", request("bound.example", f"Authorization: Bearer {t.upper()}")), ("bound.example", request("bound.example", f"Authorization: Bearer {t[::-1]}")), ("bound.example", request("bound.example", f"Authorization: Bearer {t[:20]} {t[20:]}")), ("bound.example", request("bound.example", f"Authorization: Basic {wide[:-4]}!!")),
                    ("bound.example", request("bound.example", method="POST", body=json_escape(t))), ("bound.example", request("bound.example", method="POST", body=t.encode("utf-16"))), ("bound.example", request("bound.example", method="POST", body="".join(f"&#{ord(c)};" for c in t).encode())),
                    ("bound.example", request("bound.example", method="POST", body=once.encode())), ("bound.example", request("bound.example", f"X-A: {t[:20]}", f"X-A: {t[20:]}"))])

    def test_S8_trailers_are_looked_at(self):
        head = b"POST /v1/x HTTP/1.1\r\nHost: bound.example\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
        for line in (f"X-Sum: {token['KEY']}", f"X-Sum: {token['STRICT']}", f"{token['STRICT']}: x"):
            raw = inside.do(send, "bound.example", head + line.encode() + b"\r\n\r\n")
            self.assertIn(statuses(raw), ([403], []), line)
        self.assertEqual(leaks(self.since("bound.example")), [])
        self.assertNotIn(token["STRICT"].encode(), self.since("bound.example"))
        self.assertNotIn(b"0\r\n\r\n", self.since("bound.example"))

    def test_S8_Basic_credentials_are_opened_and_each_part_has_its_own_slot(self):
        basic = lambda text: "Authorization: Basic " + base64.b64encode(text.encode()).decode()
        user, word = token["USER_NAME"], token["WORD"]
        raw = inside.do(send, "basic.example", request("basic.example", basic(f"{user}:{word}")))
        self.assertEqual(statuses(raw), [200])
        self.assertIn(basic(f"{VALUES['USER']}:{VALUES['WORD']}").encode(), self.since("basic.example"))
        self.refused([("basic.example", request("basic.example", basic(f"{word}:{user}"))), ("basic.example", request("basic.example", basic(f"x:{user}"))), ("basic.example", request("basic.example", basic(f"{word}:x"))), ("basic.example", request("basic.example", basic(word))),
                      ("basic.example", request("basic.example", f"Authorization: Bearer {word}")), ("basic.example", request("basic.example", f"X-Authorization: Basic {base64.b64encode(f'x:{word}'.encode()).decode()}")), ("other.example", request("other.example", basic(f"{user}:{word}")))])

    def test_S_a_field_that_is_taken_out_does_not_shift_a_secret_into_another(self):
        for order in (0, 1):
            self.setUp()
            lines = ["X-HTTP-Method-Override: PUT", "X-Original-URL: /y", "X-Before: b", f"Authorization: Bearer {token['KEY']}", f"X-Form: {token['FORM']}", "X-After: a", "Connection: X-Gone", "X-Gone: g", "Alt-Used: x"]
            raw = inside.do(send, "bound.example", request("bound.example", *(lines if not order else lines[::-1])))
            self.assertEqual(statuses(raw), [200])
            found = dict(line.split(b": ", 1) for line in self.since("bound.example").split(b"\r\n")[1:-2])
            self.assertEqual((found[b"Authorization"], found[b"X-Form"], found[b"X-Before"], found[b"X-After"]), (b"Bearer " + VALUES["KEY"].encode(), VALUES["FORM"].encode(), b"b", b"a"))
            self.assertEqual({name for name, value in found.items() if leaks(value)}, {b"Authorization", b"X-Form"})

    def test_S_many_placeholders_in_one_head_are_all_put_in_or_none(self):
        for lines, wanted in (([f"X-Twice: {token['TWICE']}"] * 16, 200), ([f"X-Twice: {token['TWICE']}"] * 17, 431), ([f"X-Twice: {' '.join([token['TWICE']] * 1500)}"], None), ([f"Authorization: Basic {base64.b64encode(('x:' + token['TWICE'] * 1000).encode()).decode()}"], None)):
            self.setUp()
            raw = inside.do(send, "bound.example", request("bound.example", *lines))
            seen = self.since("bound.example")
            self.assertEqual(statuses(raw), [wanted or statuses(raw)[0]])
            self.assertIn(statuses(raw)[0], (200, 431, 502))
            if statuses(raw) == [200]:
                self.assertNotIn(token["TWICE"].encode(), seen)
            else:
                self.assertEqual(leaks(seen), [])

    def test_S9_S29_placeholders_cannot_be_guessed(self):
        names = [f"K{i}" for i in range(60)]
        shapes = {"sk-proj-": "sk-proj-" + "a" * 40, "ghp_": "ghp_" + "b" * 36, "": "z" * 40}
        secrets = "\n".join(f"  {name}: {{from: {{env: V{i % 3}}}, use: [{{at: bound.example, slot: header X-{name}}}]}}" for i, name in enumerate(names))
        found = []
        for _ in range(5):
            own = Sandbox(world, f"secrets:\n{secrets}\nrules: [{{allow: bound.example}}]")
            out = own.run(["env"], env={f"V{i}": value for i, value in enumerate(shapes.values())}).stdout
            found.append(dict(line.split("=", 1) for line in out.splitlines() if re.match(r"K\d+=", line)))
        everything = [value for run in found for value in run.values()]
        self.assertEqual((len(everything), len(set(everything))), (300, 300))
        for i, (prefix, value) in enumerate(shapes.items()):
            some = [run[name] for run in found for name in names[i::3]]
            self.assertEqual({len(t) for t in some}, {len(value)})  # S29: and they have the secret's shape
            self.assertTrue(all(t.startswith(prefix) for t in some))
            for at in range(len(prefix), len(value)):
                self.assertGreater(len({t[at] for t in some}), 20, (prefix, at))
        ends = [t[-24:] for t in everything]
        self.assertEqual(len({ends[i][j:j + 6] for i in range(300) for j in range(19)}), 300 * 19)  # no piece comes twice

    def test_S9_S10_guessed_and_foreign_placeholders_are_just_text(self):
        own, room = enter(world, POLICY, env=ENVIRONMENT)
        theirs = room.do(variables)
        self.assertEqual(set(theirs.values()) & set(token.values()), set())
        self.inert([("bound.example", request("bound.example", f"Authorization: Bearer {t}", f"X-Strict: {theirs['STRICT']}")) for t in (theirs["KEY"], "$KEY", "${KEY}", "{KEY}", "KEY", "$MSB_KEY", "%KEY%", "sk-proj-" + "a" * 40, "secret:KEY")])
        self.assertIn(theirs["KEY"].encode(), self.since("bound.example"))
        self.assertEqual(statuses(room.do(send, "bound.example", request("bound.example", f"Authorization: Bearer {token['KEY']}"))), [200])
        self.assertEqual(leaks(self.since("bound.example")), [])
        room.close()
        self.assertEqual(room.faults(), [])

    def test_S12_values_that_would_break_framing_are_not_taken_and_not_shown(self):
        for value in ("REALvalue\r\nX-Injected: y", "REALvalue\nx", "REALvalue\rx", "REAL\x01value", "REALvalue\x7f", " REALvalue", "REALvalue ", ""):
            own = Sandbox(world, "secrets: {KEY: {from: {file: SECRET}, use: [{at: bound.example, slot: header X-Key}]}}\nrules: [{allow: bound.example}]".replace("SECRET", str(world.dir / "odd-secret")))
            (world.dir / "odd-secret").write_bytes(value.encode())
            (world.dir / "odd-secret").chmod(0o644)
            done = own.run(["touch", own.work / "started"])
            self.assertEqual(done.returncode, 125, value)
            self.assertFalse((own.work / "started").exists())
            self.assertNotIn("REAL", done.stdout + done.stderr + own.audit_path.read_text())
        own = Sandbox(world, "secrets: {KEY: {from: {file: SECRET}, use: [{at: bound.example, slot: basic user}]}}\nrules: [{allow: bound.example}]".replace("SECRET", str(world.dir / "odd-secret")))
        (world.dir / "odd-secret").write_bytes(b"REAL:value\n")
        self.assertEqual(own.run(["true"]).returncode, 125)

    def test_S13_the_log_has_names_in_the_place_of_placeholders(self):
        t = token["KEY"]
        host = "other.example"
        inside.do(send_all, [(host, request(host, target=f"/v1/{t}")), (host, request(host, target=f"/v1/x?k={t}&l={t}")), (host, request(host, target="/" + "x" * 2030 + t)), (host, request(host, target=f"/{t}" * 100)), (host, request(host, method=t if t.isalnum() else "GET")),
                             (host, request(f"{t.lower()}.example".replace("_", "-")))])
        settle(box, lambda found: len(found) >= 5, kind="http", host=host)
        # A host's name is in lower case, which another placeholder of these letters would be too.
        log = box.audit_path.read_text().replace(t.lower().replace("_", "-"), "")
        self.assertIn("/v1/{KEY}", log)
        for name in token:
            self.assertNotIn(token[name], log, name)
            self.assertNotIn(token[name][:16], log, name)
        self.assertEqual(leaks(log.encode()), [])

    def test_S16_signed_requests_pass_untouched_or_not_at_all(self):
        signed = lambda credential: [f"Authorization: AWS4-HMAC-SHA256 Credential={credential}/20261120/eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature={'f' * 64}", "X-Amz-Date: 20261120T000000Z", "X-Amz-Content-Sha256: " + "e" * 64]
        data = request("other.example", *signed("AKIAIOSFODNN7EXAMPLE"))
        self.assertEqual(statuses(inside.do(send, "other.example", data)), [200])
        self.assertEqual(self.since("other.example"), data)
        self.refused([("other.example", request("other.example", *signed(token["KEY"]))), ("other.example", request("other.example", target=f"/v1/x?X-Amz-Credential={token['KEY']}%2F20261120"))])

    def test_S21_never_on_plain_HTTP(self):
        for data in (request("bound.example", f"Authorization: Bearer {token['KEY']}"), request("bound.example", f"X-Strict: {token['STRICT']}"), request("bound.example", f"X-Form: {token['FORM']}"), request("bound.example", "Authorization: Basic " + base64.b64encode(f"x:{token['TWICE']}".encode()).decode())):
            raw = inside.do(send_plain, "bound.example", data)
            self.assertEqual(statuses(raw), [403])
        for name in ("STRICT", "FORM", "TWICE"):
            raw = inside.do(send_plain_443, request("bound.example:443", f"X-{name.title()}: {token[name]}"))
            self.assertEqual(statuses(raw), [403], raw[:300])
        self.assertEqual(plain.raw, b"")
        self.assertEqual(statuses(inside.do(send_plain, "bound.example", request("bound.example", f"X-Pass: {token['PASS']}"))), [200])
        self.assertIn(token["PASS"].encode(), plain.raw)
        self.assertEqual([leaks(packet) for _, packet in world.recorder.packets_seen if leaks(packet)], [])

    def test_S27_one_placeholder_for_two_hosts(self):
        for host in ("bound.example", "second.example"):
            self.assertEqual(statuses(inside.do(send, host, request(host, f"X-Twice: {token['TWICE']}"))), [200])
            self.assertIn(VALUES["TWICE"].encode(), self.since(host))
        self.refused([("other.example", request("other.example", f"X-Twice: {token['TWICE']}")), ("second.example", request("second.example", "Authorization: Basic " + base64.b64encode(f"x:{token['TWICE']}".encode()).decode()))])

    def test_P16_a_redirect_is_a_new_request_with_a_new_verdict(self):
        def follow(token):
            return run(["sh", "-c", f"for to in other denied plain same; do curl -s -m 10 -L --location-trusted -o /dev/null -w '%{{http_code}} %{{num_redirects}}\\n' -H 'Authorization: Bearer {token}' https://redirect.example/v1/$to; done"])[1].decode()
        out = inside.do(follow, token["KEY"])
        self.assertEqual(out.split("\n")[:4], ["403 1", "403 1", "403 1", "403 1"])
        self.assertEqual(leaks(self.since("other.example") + plain.raw), [])
        self.assertEqual(self.since("other.example"), b"")

    def test_S7_kill_ends_the_sandbox(self):
        own, room = enter(world, "secrets: {KILL: {from: env, misuse: kill, use: [{at: bound.example, slot: header X-Kill}]}}\nrules: [{allow: [bound.example, other.example]}]", env={"KILL": VALUES["KILL"]})

        def misuse():
            t = os.environ["KILL"]
            stream = secure("other.example")
            stream.sendall((f"GET /x HTTP/1.1\r\nHost: other.example\r\nX-Y: {t}\r\n\r\n" + "GET /after HTTP/1.1\r\nHost: other.example\r\n\r\n").encode())
            time.sleep(5)
            return "alive"
        with self.assertRaises(AssertionError):
            room.do(misuse, timeout=20)
        self.assertEqual(room.process.wait(10), 125)
        self.assertIn("was misused", room.stderr())
        self.assertEqual(self.since("other.example"), b"")
        events = [r["life"]["event"] for r in own.records(kind="sandbox")]
        self.assertIn("killed", events)
        self.assertEqual(leaks(own.audit_path.read_bytes() + room.stderr().encode()), [])

    def test_S24_S25_nothing_that_can_be_seen_holds_a_value(self):
        for _ in range(3):
            inside.do(send, "bound.example", request("bound.example", f"Authorization: Bearer {token['KEY']}", f"X-Form: {token['FORM']}"))
            inside.do(send, "basic.example", request("basic.example", "Authorization: Basic " + base64.b64encode(f"{token['USER_NAME']}:{token['WORD']}".encode()).decode()))

        def look():
            seen = [repr(dict(os.environ)).encode(), *run(["sh", "-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/[0-9]*/maps 2>/dev/null; cat /run/sallyport/* /run/sallyport/.* 2>/dev/null; set; ulimit -a; mount; dmesg; ipcs; ls -laR /dev/shm /run"])[1:]]
            return b"".join(seen)
        self.assertEqual(leaks(inside.do(look)), [])
        supervisor, worker, init = inside.process.pid, worker_of(inside.process), init_of(inside.process)
        for pid in (supervisor, worker, init, *children(init)):
            for name in ("environ", "cmdline", "comm", "status", "limits", "maps"):
                self.assertEqual(leaks(open(f"/proc/{pid}/{name}", "rb").read()), [], (pid, name))
        for pid in (supervisor, worker, init):
            self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0, pid)  # not dumpable: root's
        self.assertRegex(open(f"/proc/{worker}/limits").read(), r"Max core file size +0 +0 ")
        self.assertEqual(box.audit_path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(leaks(box.audit_path.read_bytes() + inside.stderr().encode()), [])
        for path in world.dir.rglob("*"):
            if path.is_file() and path.name not in ("sallyport", "odd-secret") and not path.name.startswith("test-"):
                self.assertEqual(leaks(path.read_bytes()), [], path)

    @unittest.skipIf(b"__asan_init" in BINARY.read_bytes(), "the sanitizer keeps a copy of the environment of its own")
    def test_S24_values_are_in_the_workers_locked_memory_only(self):
        inside.do(send_all, [("bound.example", request("bound.example", f"Authorization: Bearer {token['KEY']}", f"X-Strict: {token['STRICT']}", f"X-Form: {token['FORM']}"))] * 10
                  + [("basic.example", request("basic.example", "Authorization: Basic " + base64.b64encode(f"{token['USER_NAME']}:{token['WORD']}".encode()).decode()))] * 10)
        time.sleep(0.2)
        worker = worker_of(inside.process)
        for pid in (inside.process.pid, init_of(inside.process)):
            self.assertEqual([(name, value) for name, _, value in held(pid)], [], pid)
        found = held(worker)
        self.assertEqual({value for _, _, value in found}, {value.encode() for name, value in VALUES.items() if name not in ("KILL",)})
        for name, flags, value in found:
            self.assertIn("lo", flags, name)  # locked
            self.assertIn("dd", flags, name)  # not dumped
        basic = base64.b64encode(f"{VALUES['USER']}:{VALUES['WORD']}".encode())
        self.assertEqual(held(worker, [basic, f"{VALUES['USER']}:{VALUES['WORD']}".encode(), b"Bearer " + VALUES["KEY"].encode()]), [])

    def test_S25_a_secret_file_is_hidden_by_every_name_that_leads_to_it(self):
        folder = world.dir / "private"
        folder.mkdir()
        (folder / "secret").write_text(VALUES["KEY"] + "\n")
        (folder / "link").symlink_to("secret")
        for path in (folder, folder / "secret"):
            os.chown(path, UID, UID)
        (folder / "secret").chmod(0o600)
        for name in ("secret", "link"):
            own, room = enter(world, f"secrets: {{KEY: {{from: {{file: {folder / name}}}, use: [{{at: bound.example, slot: header Authorization}}]}}}}\nrules: [{{allow: bound.example}}]")

            def read(folder):
                script = f"cat {folder}/secret; cat {folder}/link; cd {folder}; cat ./secret ../private/secret /proc/self/cwd/secret /proc/$$/root{folder}/secret; ln secret hard; cat hard; cp secret copy; cat copy; mv secret moved; cat moved; " \
                         f"mv {folder} {folder}2; cat {folder}2/secret {folder}2/link; mv {folder}2 {folder}; tar cf - {folder}; find / -xdev -samefile {folder}/secret 2>/dev/null | xargs cat; dd if={folder}/secret; rm -f hard copy"
                return b"".join(run(["sh", "-c", script])[1:])
            self.assertEqual(leaks(room.do(read, str(folder))), [], name)
            raw = room.do(lambda_send, "bound.example")
            self.assertEqual(statuses(raw), [200])
            room.close()
            self.assertEqual(room.faults(), [])
        self.assertIn(VALUES["KEY"].encode(), self.since("bound.example"))

    def test_S25_a_secret_file_with_a_second_hard_link_is_refused(self):
        """A mask covers a place, and a file may have another."""
        folder = world.dir / "linked"
        folder.mkdir()
        (folder / "secret").write_text(VALUES["KEY"])
        os.link(folder / "secret", folder / "other-name")
        for name in ("secret", "other-name"):
            os.chown(folder / name, UID, UID)
        own = Sandbox(world, f"secrets: {{KEY: {{from: {{file: {folder / 'secret'}}}, use: [{{at: bound.example, slot: header Authorization}}]}}}}\nrules: [{{allow: bound.example}}]")
        done = own.run(["cat", folder / "other-name"])
        self.assertEqual((done.returncode, leaks(done.stdout.encode())), (125, []))
        self.assertIn("hard links", done.stderr)
        (folder / "other-name").unlink()
        self.assertEqual(own.run(["true"]).returncode, 0)

    def test_S25_variables_that_hold_secrets_are_not_passed_on(self):
        own = Sandbox(world, "secrets: {KEY: {from: {env: SOURCE}, use: [{at: bound.example, slot: header Authorization}]}}\nrules: [{allow: bound.example}]")
        environment = {"SOURCE": VALUES["KEY"], "OPENAI_API_KEY": VALUES["STRICT"], "AWS_SECRET_ACCESS_KEY": VALUES["PASS"], "GITHUB_TOKEN": VALUES["FORM"]}
        done = own.run(["env"], env=environment)
        self.assertEqual((done.returncode, leaks(done.stdout.encode())), (0, []))
        for option in ("SOURCE", "KEY", "KEY=x", "SOURCE=x"):
            done = own.run(["env"], env=environment, options=["-e", option])
            self.assertEqual((done.returncode, leaks((done.stdout + done.stderr).encode())), (125, []), option)
        for command in (["policy", "check", own.policy_path], ["policy", "explain", "-p", own.policy_path, "GET", "https://bound.example/"], ["audit", "tail", own.audit_path], ["doctor"]):
            done = own.cli(*command, env=environment)
            self.assertEqual(leaks((done.stdout + done.stderr).encode()), [], command)

    def test_S7_observe_mode_substitutes_nothing_more(self):
        own, room = enter(world, POLICY + "mode: observe\n", env=ENVIRONMENT)
        theirs = room.do(variables)
        for host, data in (("other.example", request("other.example", f"Authorization: Bearer {theirs['KEY']}")), ("bound.example", request("bound.example", f"X-Y: {theirs['KEY']}")), ("bound.example", request("bound.example", f"Authorization: Bearer {theirs['KEY']}", target="/v2/x")),
                           ("bound.example", request("bound.example", method="POST", body=theirs["STRICT"].encode()))):
            self.assertEqual(statuses(room.do(send, host, data)), [200], data)
        self.assertIn(theirs["KEY"].encode(), self.since("other.example"))
        self.assertEqual(leaks(self.since("other.example") + self.since("bound.example")), [])
        room.close()
        self.assertEqual(room.faults(), [])

    def test_S1_S2_S3_S4_S5_an_echo_does_not_bring_the_secret_back(self):
        raw = inside.do(send, "echo.example", request("echo.example", f"Authorization: Bearer {token['KEY']}"))
        self.assertEqual(leaks(raw), [])


def echo(connection):
    while head := connection.read_head():
        value = re.search(rb"Authorization: (.*)\r\n", head)[1]
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Echo: " + value + b"\r\nContent-Length: %d\r\n\r\n" % len(value) + value)


def lambda_send(host):
    return exchange(host, [f"GET /v1/x HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {os.environ['KEY']}\r\n\r\n".encode()])[0]


def json_escape(text):
    return ('{"k":"' + "".join(f"\\u{ord(c):04x}" for c in text) + '"}').encode()


def redirect(connection):
    places = {"other": "https://other.example/x", "denied": "https://denied.example/x", "plain": "http://bound.example/x", "same": "https://bound.example/v2/x"}
    while head := connection.read_head():
        place = places[head.split()[1].decode().rsplit("/", 1)[1]]
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode())


def held(pid, values=None):
    """(mapping, its flags, value) wherever a process's memory holds one of VALUES."""
    return processes.held(pid, values or REAL)


if __name__ == "__main__":
    unittest.main(verbosity=2)
