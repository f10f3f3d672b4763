"""`sallyport run` as a test runs it: as an ordinary user that nobody else is, with a policy and a log of its own."""
import json
import os
import shutil
import subprocess
from pathlib import Path

UID = 61185
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BINARY = Path(os.environ["SALLYPORT"]) if "SALLYPORT" in os.environ else None
# A build with AddressSanitizer keeps 256 MiB of what was released.
SANITIZED = BINARY is not None and b"__asan_init" in BINARY.read_bytes()


def as_user(argv):
    return [shutil.which("setpriv"), f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--", *map(str, argv)]


class Sandbox:
    """A place to run sandboxes from: a home, a copy of the program that the user can reach, a policy, a log."""

    count = 0

    def __init__(self, world, policy="", name=None):
        Sandbox.count += 1
        self.world = world
        self.dir = world.dir / (name or f"sandbox-{Sandbox.count}")
        self.dir.mkdir()
        self.binary = world.dir / "sallyport"
        if not self.binary.exists():
            shutil.copy(BINARY, self.binary)
            self.binary.chmod(0o755)
        self.home = self.dir / "home"
        self.home.mkdir()
        self.work = self.dir / "work"
        self.work.mkdir()
        for path in (self.dir, self.home, self.work):
            os.chown(path, UID, UID)
        self.policy_path = self.dir / "policy.yaml"
        self.audit_path = self.dir / "audit.jsonl"
        self.set_policy(policy)

    def set_policy(self, text):
        """Rules and the like; the head, and the root of the test origins, are added."""
        if "sallyport:" not in text:
            text = "sallyport: 1\nname: test\n" + text
        if "network:" not in text:
            text += f"\nnetwork: {{ca: [{self.world.ca}]}}\n"
        self.policy_path.write_text(text)
        self.policy_path.chmod(0o644)

    def command(self, argv, options=()):
        return as_user([self.binary, "run", "-p", self.policy_path, "--audit", self.audit_path, *options, "--", *argv])

    def environment(self, env=None):
        return {"PATH": PATH, "HOME": str(self.home), "USER": "tester", "TERM": "dumb", "LANG": "C.UTF-8", **(env or {})}

    def start(self, argv, env=None, options=(), **popen):
        return subprocess.Popen(self.command(argv, options), env=self.environment(env), cwd=self.work, **popen)

    def run(self, argv, env=None, options=(), timeout=60, input=None):
        """Runs ARGV inside and waits; stdout and stderr as text."""
        return subprocess.run(self.command(argv, options), env=self.environment(env), cwd=self.work, timeout=timeout,
                              input=input, capture_output=True, text=True, errors="replace")

    def sh(self, script, **options):
        return self.run(["sh", "-c", script], **options)

    def python(self, script, *arguments, **options):
        return self.run(["/usr/bin/python3", "-c", script, *arguments], **options)

    def cli(self, *argv, env=None, timeout=60):
        """Another command of sallyport, outside any sandbox."""
        return subprocess.run(as_user([self.binary, *argv]), env=self.environment(env), cwd=self.work, timeout=timeout,
                              capture_output=True, text=True, errors="replace")

    def records(self, **wanted):
        """The audit records, those whose members are as WANTED."""
        if not self.audit_path.exists():
            return []
        # The last line may be in the making.
        found = [json.loads(line) for line in self.audit_path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [r for r in found if all(r.get(k) == v for k, v in wanted.items())]

    def forget_records(self):
        if self.audit_path.exists():
            self.audit_path.unlink()
