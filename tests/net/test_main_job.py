"""The main job, shortest form."""
import unittest

from lab.origins import Nginx
from lab.sandbox import Sandbox
from lab.world import World


class MainJob(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.origin = Nginx(cls.world, ["api.example.com"])

    @classmethod
    def tearDownClass(cls):
        cls.origin.close()
        cls.world.close()

    def test_curl_is_let_through_with_the_secret(self):
        box = Sandbox(self.world, """
secrets:
  KEY: {from: env, use: [{at: api.example.com, slot: header Authorization}]}
rules: [{allow: api.example.com}]
""")
        mark = self.world.recorder.mark()
        result = box.sh('curl -sS -H "Authorization: Bearer $KEY" https://api.example.com/x',
                        env={"KEY": "sk-proj-0123456789abcdefghijklmnop"})
        self.assertEqual(result.stdout, "hello from api.example.com\n", result.stderr)
        self.assertEqual(self.origin.requests()[-1]["authorization"], "Bearer sk-proj-0123456789abcdefghijklmnop")
        self.assertEqual(box.records(kind="http")[0]["verdict"], "allow")
        self.assertEqual(self.world.recorder.since(mark, ignore=(self.origin.address, "8.8.4.4")), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
