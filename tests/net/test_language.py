"""What the language asks of the supervisor: secrets that stay outside, files that cannot be written to."""
import hashlib
import os
import unittest

from lab.sandbox import UID, Sandbox
from lab.world import World

VALUE = "sk-proj-0123456789abcdefghijklmnop"


class Language(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def test_a_secret_that_only_rules_use_is_not_in_the_sandbox(self):
        box = Sandbox(self.world, """
secrets:
  HIDDEN: {from: env}
  SHOWN: {from: env, use: [{at: api.example.com, slot: header X-Shown}]}
rules: [{allow: api.example.com, set: {Authorization: "Bearer {HIDDEN}"}}]
""")
        result = box.sh('echo "hidden:${HIDDEN-unset} shown:${SHOWN-unset}"; tr "\\0" "\\n" </proc/self/environ',
                        env={"HIDDEN": VALUE, "SHOWN": VALUE})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stdout.startswith("hidden:unset shown:sk-proj-"), result.stdout)
        self.assertNotIn("HIDDEN=", result.stdout)
        self.assertNotIn(VALUE, result.stdout)

    def test_included_files_are_read_only_and_in_the_digest(self):
        box = Sandbox(self.world, "include: [extra.yaml]\n")
        extra = box.dir / "extra.yaml"
        extra.write_text("sallyport: 1\nrules: [{allow: api.example.com}]\n")
        os.chown(extra, UID, UID)
        result = box.sh(f"for f in {box.policy_path} {extra}; do echo x >>$f && echo written; done; true")
        self.assertNotIn("written", result.stdout)
        self.assertNotIn("x\n", extra.read_text())
        files = [hashlib.sha256(path.read_bytes()).digest() for path in (box.policy_path, extra)]
        self.assertEqual(box.records(kind="sandbox")[0]["life"]["policy_sha256"],
                         hashlib.sha256(b"".join(files)).hexdigest())


if __name__ == "__main__":
    unittest.main(verbosity=2)
