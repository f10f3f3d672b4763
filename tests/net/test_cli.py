"""What a person meets beside `run`: doctor, help, manuals, completion; and hosts on which nothing can be run, which are told so."""
import re
import resource
import subprocess
import unittest
from pathlib import Path

from lab.sandbox import Sandbox, as_user
from lab.world import World
from steer_lifecycle import forbid_namespaces, forbid_netlink

ROOT = Path(__file__).parents[2]
COMMANDS = ("run", "policy check", "policy explain", "audit verify", "audit tail", "doctor")


def setUpModule():
    global WORLD
    WORLD = World()


def tearDownModule():
    WORLD.close()


def limit(what, value):
    return lambda: resource.setrlimit(what, (value, value))


def own_limits(name):
    """Run in a user namespace of its own in which no namespaces of a kind may be made."""
    return ["unshare", "-Ur", "sh", "-c", f'echo 0 >/proc/sys/user/{name} && exec "$@"', "sh"]


class Hosts(unittest.TestCase):
    """Each thing that a host may lack: doctor says which and how to mend it, and `run` says it too and starts nothing."""

    def setUp(self):
        self.box = Sandbox(WORLD, "rules: []")

    def call(self, argv, prefix=(), **options):
        return subprocess.run(as_user([*prefix, *argv]), env=self.box.environment(), cwd=self.box.work,
                              capture_output=True, text=True, timeout=60, **options)

    def lacks(self, line, mend, **options):
        told = self.call([self.box.binary, "doctor"], **options)
        self.assertEqual(told.returncode, 1, told.stdout + told.stderr)
        self.assertRegex(told.stdout, rf"(?m)^FAILS +{line} .*(?:{mend})")
        run = self.call([self.box.binary, "run", "-p", self.box.policy_path, "--audit", self.box.audit_path, "--", "touch", "trace"], **options)
        self.assertEqual(run.returncode, 125, run.stderr)
        self.assertRegex(run.stderr, mend)
        self.assertEqual(list(self.box.work.iterdir()), [])

    def test_a_host_that_has_all(self):
        told = self.box.cli("doctor")
        self.assertEqual(told.returncode, 0, told.stdout)
        self.assertNotIn("FAILS", told.stdout)
        for name in ("caller", "user namespaces", "own /proc", "nftables", "TPROXY", "packet log", "CA trust", "locked memory", "open files", "netfilter queue", "KVM"):
            self.assertRegex(told.stdout, rf"(?m)^(ok|missing) +{name} ")

    def test_no_user_namespaces(self):
        self.lacks("user namespaces", r"user\.max_user_namespaces.*sysctl -w", prefix=own_limits("max_user_namespaces"))
        self.lacks("user namespaces", "a seccomp filter forbids it", preexec_fn=forbid_namespaces())

    def test_nft_refused(self):
        self.lacks("nftables", "modprobe", preexec_fn=forbid_netlink(12))

    def test_no_locked_memory(self):
        self.lacks("locked memory", "ulimit -l|memlock", preexec_fn=limit(resource.RLIMIT_MEMLOCK, 0))

    def test_too_few_descriptors_are_told_of(self):
        told = self.call([self.box.binary, "doctor"], preexec_fn=limit(resource.RLIMIT_NOFILE, 64))
        self.assertRegex(told.stdout, r"(?m)^FAILS +open files .*limits\.conf")

    def test_root(self):
        told = subprocess.run([self.box.binary, "doctor"], capture_output=True, text=True)
        self.assertEqual(told.returncode, 1)
        self.assertRegex(told.stdout, r"(?m)^FAILS +caller .*runuser -u NAME")


class Words(unittest.TestCase):
    """Help, manual and completion say the same."""

    def setUp(self):
        self.box = Sandbox(WORLD)

    def help(self, command):
        told = self.box.cli(*command.split(), "--help")
        self.assertEqual((told.returncode, told.stderr), (0, ""), command)
        return told.stdout

    def options(self, command):
        return set(re.findall(r"^ +(?:-\w, | +)(--[\w-]+)", self.help(command), re.M)) - {"--vm"}

    def test_every_command_has_help(self):
        for command in ("", "policy", "audit", *COMMANDS):
            self.assertIn("usage: sallyport", self.help(command))
        for command in COMMANDS:
            self.assertIn(command.split()[0], self.help(""))

    def test_the_manual_has_every_command_and_option_of_run(self):
        text = (ROOT / "docs/man/sallyport.1").read_text()
        for command in COMMANDS:
            self.assertRegex(text, rf"\.Cm {command}\b|\.It Cm {command}\b")
        for option in self.options("run") - {"--help"}:
            self.assertIn("Fl " + option[1:], text, option)

    def test_manuals_are_rendered_without_a_complaint(self):
        for page in ("sallyport.1", "sallyport-policy.5"):
            done = subprocess.run(["groff", "-mandoc", "-Tutf8", "-ww", "-z", ROOT / "docs/man" / page], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)

    def complete(self, *words):
        script = f'. {ROOT}/completion/sallyport.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sallyport; printf "%s\\n" "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", script, "bash", "sallyport", *words], capture_output=True, text=True, cwd=self.box.work)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_completion_knows_every_command_and_option(self):
        for command in COMMANDS:
            first, *second = command.split()
            self.assertIn(first, self.complete(""))
            if second:
                self.assertIn(second[0], self.complete(first, ""))
            missing = self.options(command) - self.complete(*command.split(), "-")
            self.assertEqual(missing, set(), command)

    def test_completion_of_files(self):
        (self.box.work / "some-policy.yaml").touch()
        for words in (("run", "-p", "some"), ("policy", "check", "some"), ("policy", "explain", "-p", "some"), ("audit", "verify", "some")):
            self.assertIn("some-policy.yaml", self.complete(*words), words)


if __name__ == "__main__":
    unittest.main(verbosity=2)
