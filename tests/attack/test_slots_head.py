"""Slots in cookies, the query and the path, fields that rules set, and credentials of the attacker's own (threats S7, S8, S13, S20, S33, N12).

Every slot is tried under other names, in other places and in disguise; what the origin got is searched for the real values, and so is
what the sandbox, the log and the worker's memory hold.
"""
import base64
import os
import unittest

from lab.attacker import Witness, enter, settle, statuses
from lab.origins import Nginx
from lab.processes import held, worker_of
from lab.sandbox import BINARY, Sandbox
from lab.world import World

VALUES = {"SESSION": "REALsessionREALsessionREAL01", "MAP": "REALmapREALmapREALmapREAL02", "BOT": "REALbotREALbotREALbotREAL03", "KEY": "sk-proj-REALkeyREALkeyREALkeyREALkey04", "STRIP": "REALstripREALstripREALstrip05",
          "PASSING": "REALpassREALpassREALpass06", "HIDDEN": "REALhiddenREALhiddenREAL07", "WORD": "REALwordREALwordREALword08"}
POLICY = """
secrets:
  SESSION: {from: env, use: [{at: bound.example, slot: cookie session}]}
  MAP: {from: env, use: [{at: https://bound.example/tiles/**, slot: query key}]}
  BOT: {from: env, use: [{at: https://bound.example/bot/*/send, slot: path}]}
  KEY: {from: env, use: [{at: https://bound.example/v1/**, slot: header X-Key}, {at: https://bound.example/ours/**, slot: header Authorization}]}
  WORD: {from: env, use: [{at: https://bound.example/ours/**, slot: basic password}]}
  STRIP: {from: env, misuse: strip, use: [{at: bound.example, slot: header X-Strip}]}
  PASSING: {from: env, misuse: pass, use: [{at: bound.example, slot: header X-Pass}]}
  HIDDEN: {from: env}
rules:
  - {allow: https://bound.example/ours/**, credentials: ours}
  - {allow: https://bound.example/bot/**, credentials: ours}
  - {allow: [https://bound.example/none/**], credentials: none}
  - {allow: https://bound.example/set/**, set: {Authorization: 'Bearer {HIDDEN}'}}
  - allow: [bound.example, other.example]
"""
REAL = [value.encode() for value in VALUES.values()]


def leaks(data):
    return [value for value in REAL for form in (value, base64.b64encode(value)[2:-4], base64.b64encode(b"x" + value)[4:-4], base64.b64encode(b"xx" + value)[4:-4], value.hex().encode(), value[::-1], value.upper()) if form in data]


def setUpModule():
    global world, origin, two, box, inside, token
    world = World()
    origin = Witness(world, "bound.example", "other.example")
    two = Nginx(world, ["two.example"], h2=True)
    box, inside = enter(world, POLICY, env=VALUES)
    token = inside.do(variables)


def tearDownModule():
    inside.close()
    faults = inside.faults()
    origin.close()
    two.close()
    world.close()
    assert not faults, faults


def variables():
    return {name: os.environ[name] for name in ("SESSION", "MAP", "BOT", "KEY", "STRIP", "PASSING", "WORD")}


def send_all(cases):
    return in_parallel(lambda host, data: exchange(host, [data])[0], cases)


def request(*lines, target="/x", host="bound.example", method="GET"):
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{''.join(f'{line}{chr(13)}{chr(10)}' for line in lines)}\r\n".encode()


def basic(text):
    return "Authorization: Basic " + base64.b64encode(text.encode()).decode()


def percent(text, sign="%", each=1):
    return "".join(f"{sign}{ord(c):02x}" if i % each == 0 else c for i, c in enumerate(text))


def disguises(text):
    """Ways to write TEXT that a server behind the origin might decode, and that no slot reads."""
    twice = [percent(text, "%25", each) for each in (1, 2, 3, 7)] + [percent(percent(text))]
    blobs = [base64.b64encode(("ab"[:n] + text + ";x").encode()).decode() for n in range(3)]
    urlsafe = [base64.urlsafe_b64encode(("ab"[:n] + text + ";x").encode()).decode().rstrip("=") for n in range(3)]
    return twice + blobs + urlsafe + [percent(blob) for blob in blobs] + [percent(blob, each=4) for blob in urlsafe] + [
        text.encode().hex(), text.encode().hex().upper(), percent(text.encode().hex(), each=3), "%FE%FF" + "".join(f"%00{c}" for c in text)]


class Head(unittest.TestCase):
    def setUp(self):
        self.mark = origin.mark()

    def since(self, host="bound.example"):
        return origin.since(self.mark, host)

    def send(self, data, host="bound.example"):
        return inside.do(send_all, [(host, data)])[0]

    def refused(self, cases, host="bound.example"):
        """Requests that are all 403, and of which nothing leaves."""
        self.setUp()
        for data, raw in zip(cases, inside.do(send_all, [(host, data) for data in cases])):
            self.assertEqual(statuses(raw), [403], (data, raw[:400]))
            self.assertEqual(leaks(raw), [])
        self.assertEqual(self.since(host), b"")

    def reason(self, text):
        """Some record gives TEXT as a reason."""
        known = lambda records: any(text in (record["reason"] or "") for record in records)
        self.assertTrue(known(settle(box, known, kind="http")), text)

    def passed(self, data, expected, host="bound.example"):
        """DATA is answered, and what the origin got is EXPECTED."""
        self.setUp()
        self.assertEqual(statuses(self.send(data, host)), [200], data)
        self.assertEqual(self.since(host), expected)

    def test_S33_each_slot_gets_its_secret_alone(self):
        self.passed(request(f"Cookie: a=b; session={token['SESSION']}"), request(f"Cookie: a=b; session={VALUES['SESSION']}"))
        self.passed(request(target=f"/tiles/1?key={token['MAP']}&a"), request(target=f"/tiles/1?key={VALUES['MAP']}&a"))
        self.passed(request(target=f"/bot/{token['BOT']}/send"), request(target=f"/bot/{VALUES['BOT']}/send"))

    def test_S7_S33_a_cookie_by_another_name_or_in_another_place(self):
        t = token["SESSION"]
        self.refused([request(f"Cookie: {value}") for value in (f"Session={t}", f"SESSION={t}", f"session2={t}", f"a=session={t}", f"{t}=session", t, f"x=1, session={t}", f"session%3D={t}", f"%73ession={t}", f"session[]={t}", f"xsession={t}")]
                     + [request(line) for line in (f"Cookie2: session={t}", f"Set-Cookie: session={t}", f"X-Cookie: session={t}", f"Authorization: session={t}", basic(f"session:{t}"))]
                     + [request(target=target) for target in (f"/x?session={t}", f"/{t}", f"/x;session={t}")])
        self.refused([request(f"Cookie: session={t}", host="other.example")], host="other.example")

    def test_S7_S33_a_parameter_by_another_name_or_in_another_place(self):
        t = token["MAP"]
        self.refused([request(target=f"/tiles/1?{query}") for query in (f"Key={t}", f"KEY={t}", f"keys={t}", f"key[]={t}", f"%256bey={t}", f"a=key={t}", f"{t}=key", t, f"a;key={t}", f"?key={t}", f"+key={t}", f"key%20={t}", f"key%00={t}")]
                     + [request(target=target) for target in (f"/tiles2/1?key={t}", f"/x?key={t}", f"/tiles/../x?key={t}", f"/tiles/{t}", f"/tiles/1;key={t}", f"/Tiles/1?key={t}")]
                     + [request(f"Referer: https://bound.example/tiles/1?key={t}", target="/tiles/1"), request(f"Cookie: key={t}", target="/tiles/1"), request(f"Key: {t}", target="/tiles/1")])

    def test_S7_S33_a_part_of_a_segment_or_another_path(self):
        t = token["BOT"]
        self.refused([request(target=target) for target in (f"/bot/x{t}/send", f"/bot/{t}x/send", f"/bot/{t};a/send", f"/bot/a%2F{t}/send", f"/bot/{t}%2Fsend", f"/bot/{t}/other", f"/bot/{t}", f"/{t}/send", f"/bot//{t}/send", f"/bot/{t}//send",
                                                            f"/bot/x/send?{t}", f"/bot/x/send?key={t}", f"/BOT/{t}/send", f"/bot/{t}/../x/send/{t}")])

    def test_S8_disguises_in_every_part_of_a_head(self):
        for name in ("SESSION", "MAP", "BOT", "KEY", "STRIP"):
            for text in disguises(token[name]):
                cases = [request(target=f"/tiles/1?key={text}"), request(target=f"/tiles/1?{text}"), request(f"Cookie: session={text}"), request(f"X-Key: {text}", target="/v1/x"), request(f"Authorization: Bearer {text}"), request(basic(f"x:{text}"))]
                if "%25" not in text and "%00" not in text:
                    cases.append(request(target=f"/bot/{text.replace('=', '%3D')}/send"))
                if text.isalnum():
                    cases.append(request(f"X-{text}: y"))
                self.refused(cases)

    def test_S8_disguises_are_never_replaced_where_misuse_is_let_pass(self):
        self.setUp()
        for text in disguises(token["PASSING"]):
            raw = self.send(request(f"X-Pass: {text}", target=f"/x?a={text}"))
            self.assertEqual(statuses(raw), [200], text)
        self.assertEqual(leaks(self.since()), [])

    def test_S7_a_path_that_something_is_taken_out_of_has_the_secrets_of_what_is_left(self):
        strip, key = token["STRIP"], token["KEY"]
        self.refused([request(f"X-Key: {key}", target=target) for target in (f"/v1/.{strip}./v2", f"/v1/%2e{strip}./v2/x", f"/v1/x/.{strip}./.{strip}./.{strip}./v2", f"/v{strip}2/x")])
        self.passed(request(f"X-Key: {key}", target=f"/v2/.{strip}./v1/x"), request(f"X-Key: {VALUES['KEY']}", target="/v1/x"))

    def test_S20_N12_the_attackers_own_credential_where_only_ours_are_taken(self):
        key, word = token["KEY"], token["WORD"]
        self.passed(request(f"Authorization: Bearer {key}", "X-Csrf-Token: a", target="/ours/x?q=token"), request(f"Authorization: Bearer {VALUES['KEY']}", "X-Csrf-Token: a", target="/ours/x?q=token"))
        self.passed(request(basic(f"me:{word}"), target="/ours/x"), request(basic(f"me:{VALUES['WORD']}"), target="/ours/x"))
        fields = ["Authorization: Bearer mine", "authorization: mine", "AUTHORIZATION:mine", "X-Api-Key: mine", "x_api_key: mine", "X-API_KEY: mine", "Api-Key: mine", "X-Goog-Api-Key: mine", "X-Auth-Token: mine", "Private-Token: mine", "X-Amz-Security-Token: mine", "xi-api-key: mine",
                  "X-Anything: Bearer mine", basic("me:mine"), "X-Anything: Basic bWluZTptaW5l", f"Authorization: Bearer mine {key}", f"Authorization: Bearer {key} mine", f"Authorization: Bearer {key}, Bearer mine", f"Authorization: Bearer {key}mine", basic(f"ghp_mine:{word}"), basic(f"{'x' * 80}:{word}"),
                  basic(f"me:{word}mine"), "Sec-WebSocket-Protocol: openai-insecure-api-key.mine", "Signature: sig1=:mine:", "Authorization: AWS4-HMAC-SHA256 Credential=mine, Signature=mine"]
        queries = ["access_token=mine", "api_key=mine", "apikey=mine", "API-KEY=mine", "key=mine", "token=mine", "%74oken=mine", "%2574oken=mine", "tok%65n=mine", "token[]=mine", "a;token=mine", "+token=mine", "api.key=mine", "api+key=mine", "a=b&&token=mine", "tok%00en=mine"]
        self.refused([request(field, target="/ours/x") for field in fields] + [request(target=f"/ours/x?{query}") for query in queries] + [request(target=f"/bot/{other}/send") for other in ("123:mine", "%6dine")]
                     + [request(target=f"/ours/x?{query}", method="POST") for query in ("sig=mine", "X-Amz-Signature=mine", "a=b&Signature=mine&Key-Pair-Id=x")]
                     + [request(f"Authorization: Bearer {key}", "X-Api-Key: mine", target="/ours/x"), request(f"Authorization: Bearer {key}", target="/ours/x?token=mine")])
        self.reason("takes no other credentials")
        # A signed address may be read: downloads are redirected to such.
        self.passed(request(target="/ours/x?X-Amz-Signature=theirs"), request(target="/ours/x?X-Amz-Signature=theirs"))
        # Cookies come back unasked from programs that keep them: they are taken out.
        self.passed(request("Cookie: sid=mine; session=mine", "Cookie2: mine", "Accept: a", target="/ours/x"), request("Accept: a", target="/ours/x"))
        self.passed(request(f"Cookie: sid=mine; session={token['SESSION']}; session=mine", target="/ours/x"), request(f"Cookie: session={VALUES['SESSION']}", target="/ours/x"))

    def test_S20_N12_trailers_hold_no_credential_where_only_ours_or_none_are_taken(self):
        for where, kept in (("ours", False), ("none", False), ("any", True)):
            self.setUp()
            head = f"POST /{where}/x HTTP/1.1\r\nHost: bound.example\r\nTransfer-Encoding: chunked\r\nTrailer: X-Api-Key\r\n\r\n2\r\nok\r\n0\r\n"
            raw = self.send((head + "X-Api-Key: mine\r\nx_auth_token: mine\r\nX-Sum: kept\r\n\r\n").encode())
            self.assertEqual(statuses(raw), [200])
            self.assertIn(b"X-Sum: kept\r\n", self.since())
            self.assertEqual(b"mine" in self.since(), kept, where)

    def test_S20_N12_every_credential_is_taken_out_where_none_is_wanted(self):
        for lines, query, left in ((["Authorization: Bearer mine", "Accept: a"], "a=1&token=mine&b", "?a=1&b"), (["x_api_key: mine", "COOKIE: a=mine", "X-Any: bearer mine", "Accept: a"], "%74oken=mine", ""), ([basic("a:mine"), "X-Goog-API-key: mine", "Accept: a"], "x&a;pwd=mine&key=", "?x&key="),
                                   ([f"Authorization: Bearer {token['KEY']}", f"Cookie: session={token['SESSION']}", "Accept: a"], f"api_key={token['MAP']}", "")):
            self.passed(request(*lines, target=f"/none/x?{query}"), request("Accept: a", target=f"/none/x{left}"))

    def test_S16_a_signature_over_a_placeholder_is_refused_with_the_reason(self):
        key = token["KEY"]
        self.refused([request(f"X-Key: {key}", line, target="/v1/x") for line in ("Authorization: AWS4-HMAC-SHA256 Credential=a/b/s3/aws4_request, SignedHeaders=host;x-key, Signature=c", "Signature-Input: sig1=(\"x-key\")", "Authorization: Digest username=\"a\"")]
                     + [request(target=f"/tiles/1?key={token['MAP']}&X-Amz-Signature=a"), request(f"Cookie: session={token['SESSION']}", "Authorization: AWS a:b")])
        self.reason("made over the placeholder")
        line = "Authorization: AWS4-HMAC-SHA256 Credential=a, Signature=c"
        self.passed(request(line), request(line))

    def test_S20_what_a_rule_sets_cannot_be_overridden_or_had_elsewhere(self):
        sent = f"Authorization: Bearer {VALUES['HIDDEN']}"
        for lines in ([], ["Authorization: Bearer mine"], ["authorization: mine"], ["Connection: Authorization", "Authorization: mine"], [f"Authorization: {token['STRIP']}"], [basic("a:b")]):
            self.passed(request(*lines, target="/set/x"), request(sent, target="/set/x"))
        self.passed(request(target="/setx/x"), request(target="/setx/x"))
        self.passed(request(target="/set/../x"), request(target="/x"))
        for target in ("/set%2Fx", "/set;a/x", "//set/x", "/set/..%2fx"):
            self.setUp()
            self.send(request(target=target))
            self.assertEqual(leaks(self.since()), [], target)

    def test_S13_S24_nothing_that_is_shown_has_a_value_or_a_placeholder(self):
        self.test_S33_each_slot_gets_its_secret_alone()
        self.refused([request(target=f"/tiles/2?other={token['MAP']}"), request(target=f"/bot/{token['BOT']}/other"), request(f"X-Other: {percent(token['KEY'], '%25')}")])
        text = box.audit_path.read_bytes() + inside.stderr().encode()
        self.assertEqual(leaks(text), [])
        for placeholder in token.values():
            for form in (placeholder, percent(placeholder, "%25")):
                self.assertNotIn(form.encode(), text)
        paths = {record["http"]["path"] for record in box.records(kind="http")}
        self.assertLessEqual({"/tiles/1?key={MAP}&a", "/bot/{BOT}/send", "/tiles/2?other={MAP}", "/bot/{BOT}/other"}, paths)

    @unittest.skipIf(b"__asan_init" in BINARY.read_bytes(), "the sanitizer keeps a copy of the environment of its own")
    def test_S24_over_HTTP_2_values_are_in_locked_memory_alone(self):
        """No compression table, and no joined path, keeps one."""
        own = Sandbox(world, POLICY.replace("bound.example", "two.example").replace(", other.example", ""))
        process = own.start(["sh", "-c", "for i in 1 2 3; do for target in \"tiles/1?key=$MAP\" \"bot/$BOT/send\" v1/x set/x; do curl -sS -g -o /dev/null -H \"Cookie: session=$SESSION\" -H \"X-Key: $([ $target = v1/x ] && echo $KEY)\" \"https://two.example/$target\"; done; done; "
                                          "echo done; read x"], env=VALUES, stdin=-1, stdout=-1, text=True)
        self.assertEqual(process.stdout.readline(), "done\n")
        requests = [line["request"] for line in two.requests()]
        self.assertEqual(len(requests), 12)
        self.assertTrue(all("HTTP/2" in line for line in requests))
        self.assertEqual(sum(VALUES["MAP"] in line or VALUES["BOT"] in line for line in requests), 6)
        found = held(worker_of(process), REAL)
        self.assertEqual({value for _, _, value in found}, set(REAL))
        for name, flags, value in found:
            self.assertIn("lo", flags, (name, value))
            self.assertIn("dd", flags, (name, value))
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
