"""Slots in the head of a request, and what rules say of credentials: what a real origin gets, over HTTP/1.1 and HTTP/2 on either leg."""
import functools
import itertools
import unittest

from lab.origins import Nginx, Scripted, answer
from lab.sandbox import Sandbox
from lab.world import World

HOSTS = {"1.1": "one.example.com", "2": "two.example.com"}
VALUES = {"SESSION": "s3ss10n.REAL~value!4f8a2c6e", "MAP": "map key+REAL/value?=&%", "BOT": "123456:REAL-bot_value", "KEY": "sk-REALkeyREALkeyREALkey0001",
          "HIDDEN": "hidden-REAL-value-4711", "SECOND": "second-REAL-value-4712"}
KEYS = ("request", "cookie", "authorization", "key", "extra")
TEMPLATE = """
secrets:
  SESSION: {from: env, use: [{at: HOST, slot: cookie session}]}
  MAP: {from: env, use: [{at: https://HOST/tiles/**, slot: 'query auth[key]'}]}
  BOT: {from: env, use: [{at: https://HOST/bot/*/send, slot: path}]}
  KEY: {from: env, use: [{at: https://HOST/**, slot: header X-Key}, {at: https://HOST/**, slot: query api_key}]}
  HIDDEN: {from: env}
  SECOND: {from: env}
rules:
  - allow: https://HOST/set/**
    set: {Authorization: 'Bearer {HIDDEN}', X-Extra: '<{SECOND}>'}
  - {allow: https://HOST/ours/**, credentials: ours}
  - {allow: https://HOST/bot/**, credentials: ours}
  - {allow: https://HOST/none/**, credentials: none}
  - allow: HOST
"""


class Origin(Nginx):
    """It logs what it got in fields of a line."""

    def __init__(self, world, host, **options):
        shown = world.dir / f"shown-{host}"
        super().__init__(world, [host], http="log_format shown escape=none '$request|$http_cookie|$http_authorization|$http_x_key|$http_x_extra';",
                         locations=f"location / {{ access_log {shown} shown; return 200 'ok'; }}", **options)
        self.shown = shown

    def last(self):
        return dict(zip(KEYS, self.shown.read_text().splitlines()[-1].split("|")))


def on_every_pair_of_legs(test):
    @functools.wraps(test)
    def run(self):
        for client, version in itertools.product(("1.1", "2"), HOSTS):
            with self.subTest(client=client, origin=version):
                test(self, client, version)
    return run


def setUpModule():
    global WORLD, ORIGINS, BOXES
    WORLD = World()
    ORIGINS = {version: Origin(WORLD, host, h2=version == "2") for version, host in HOSTS.items()}
    BOXES = {version: Sandbox(WORLD, TEMPLATE.replace("HOST", host)) for version, host in HOSTS.items()}


def tearDownModule():
    for origin in ORIGINS.values():
        origin.close()
    WORLD.close()


class Head(unittest.TestCase):
    def ask(self, client, version, arguments, target, expected="200"):
        """What the origin got, as a dict, and the record."""
        box = BOXES[version]
        result = box.sh(f"printf '%s\\n' \"$SESSION\" \"$MAP\" \"$BOT\" \"$KEY\" >placeholders; "
                        f"curl -sS -g -o /dev/null -w '%{{http_code}} %{{http_version}}' --http{client} {arguments} \"https://{HOSTS[version]}{target}\"", env=VALUES)
        self.assertEqual(result.stdout, f"{expected} {client}", result.stderr)
        record = box.records(kind="http")[-1]
        text = box.audit_path.read_text()
        for secret in (*VALUES.values(), "map%20key", *(box.work / "placeholders").read_text().splitlines()):
            self.assertNotIn(secret, text)
        return ORIGINS[version].last(), record

    @on_every_pair_of_legs
    def test_cookie(self, client, version):
        got, record = self.ask(client, version, '-H "Cookie: theme=dark; session=$SESSION; z=1"', "/x")
        self.assertEqual(got["cookie"], f"theme=dark; session={VALUES['SESSION']}; z=1")
        self.assertEqual(record["secrets"], [{"name": "SESSION", "slot": "cookie session"}])

    @on_every_pair_of_legs
    def test_query(self, client, version):
        for name in ("auth[key]", "auth%5Bk%65y%5d"):
            got, record = self.ask(client, version, "", f"/tiles/1?a=b&{name}=$MAP&c=d")
            self.assertEqual(got["request"].split()[1], f"/tiles/1?a=b&{name}=map%20key%2BREAL%2Fvalue%3F%3D%26%25&c=d")
            self.assertEqual(record["secrets"], [{"name": "MAP", "slot": "query auth[key]"}])
            self.assertEqual(record["http"]["path"], f"/tiles/1?a=b&{name}={{MAP}}&c=d")

    @on_every_pair_of_legs
    def test_path(self, client, version):
        got, record = self.ask(client, version, "", "/bot/$BOT/send?q=1")
        self.assertEqual(got["request"].split()[1], f"/bot/{VALUES['BOT']}/send?q=1")
        self.assertEqual(record["secrets"], [{"name": "BOT", "slot": "path"}])
        self.assertEqual(record["http"]["path"], "/bot/{BOT}/send?q=1")

    @on_every_pair_of_legs
    def test_several_at_once_and_again_on_one_connection(self, client, version):
        url = f"https://{HOSTS[version]}/y"
        one = f"--http{client} -H \"X-Key: $KEY\" -H \"Cookie: session=$SESSION\" \"{url}?api_key=$KEY\""
        two = f"--http{client} \"{url}?plain\""
        result = BOXES[version].sh(f"curl -sS {one} --next -sS {two} --next -sS {one}", env=VALUES)
        self.assertEqual(result.stdout, "ok" * 3, result.stderr)
        lines = ORIGINS[version].shown.read_text().splitlines()[-3:]
        full = f"GET /y?api_key={VALUES['KEY']} HTTP/{version if version == '1.1' else '2.0'}|session={VALUES['SESSION']}||{VALUES['KEY']}|"
        self.assertEqual([lines[0], lines[2]], [full, full])
        self.assertNotIn("REAL", lines[1])

    @on_every_pair_of_legs
    def test_fields_that_a_rule_sets(self, client, version):
        got, record = self.ask(client, version, "-H 'Authorization: Bearer mine' -H 'x_extra: mine' -H 'X-Key: mine'", "/set/x")
        self.assertEqual((got["authorization"], got["extra"], got["key"]), (f"Bearer {VALUES['HIDDEN']}", f"<{VALUES['SECOND']}>", "mine"))
        self.assertEqual(record["secrets"], [{"name": "HIDDEN", "slot": "set Authorization"}, {"name": "SECOND", "slot": "set X-Extra"}])

    @on_every_pair_of_legs
    def test_ours(self, client, version):
        got, _ = self.ask(client, version, '-H "X-Key: $KEY" -H "Cookie: __cf_bm=theirs; session=$SESSION"', "/ours/x?page=1")
        self.assertEqual((got["key"], got["cookie"]), (VALUES["KEY"], f"session={VALUES['SESSION']}"))
        for arguments, target, where in (("-H 'Authorization: Bearer mine'", "/ours/x", 'field "'), ("-H 'X-Key: mine'", "/ours/x", 'field "'), ("", "/ours/x?api%5Fkey=mine", 'parameter "api%5Fkey"'),
                                         ("", "/bot/mine/send", "placeholder of BOT")):
            _, record = self.ask(client, version, arguments, target, expected="403")
            self.assertIn(where, record["reason"])
            self.assertEqual(record["verdict"], "deny")

    @on_every_pair_of_legs
    def test_none(self, client, version):
        got, record = self.ask(client, version, '-u me:word -H "X-Key: $KEY" -H "Cookie: session=$SESSION; a=b" -H "X-Extra: kept"', "/none/x?a=1&api_key=$KEY&token=mine&b=2")
        self.assertEqual(got["request"].split()[1], "/none/x?a=1&b=2")
        self.assertEqual((got["cookie"], got["authorization"], got["key"], got["extra"]), ("", "", "", "kept"))
        self.assertNotIn("misuse", record)


class Unverified(unittest.TestCase):
    """What is set goes out on a verified leg, or not at all."""

    def test_an_origin_with_a_certificate_that_nobody_vouches_for_gets_nothing(self):
        origin = Scripted(WORLD, "odd.example.com", answer())
        box = Sandbox(WORLD, "secrets: {HIDDEN: {from: env}}\nrules: [{allow: odd.example.com, set: {Authorization: '{HIDDEN}'}}]\nnetwork: {}\n")
        result = box.sh("curl -sS -o /dev/null -w '%{http_code}' https://odd.example.com/", env=VALUES)
        self.assertEqual(result.stdout, "502", result.stderr)
        self.assertEqual(origin.raw, b"")
        self.assertEqual(box.records(kind="http")[-1]["secrets"], [])
        origin.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
