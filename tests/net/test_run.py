"""`sallyport run` as a command: statuses, signals, streams, the terminal, the environment, what it refuses, and its death."""
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time
import unittest
from fcntl import ioctl
from pathlib import Path

from lab import processes
from lab.namespaces import wait_until
from lab.origins import Nginx, Scripted
from lab.puppet import Puppet
from lab.sandbox import PATH, UID, Sandbox, as_user
from lab.world import RESOLVER, World

HOST = "api.example.com"
POLICY = f"rules: [{{allow: {HOST}}}]"
MANUAL = Path(__file__).parents[2] / "docs" / "man" / "sallyport.1"


def setUpModule():
    global WORLD, ORIGIN
    WORLD = World()
    ORIGIN = Nginx(WORLD, [HOST])


def tearDownModule():
    ORIGIN.close()
    WORLD.close()


def end_of(box):
    """The status in the last record, which is of the end."""
    life = box.records()[-1]["life"]
    assert life["event"] == "end", life
    return life["status"]


class Statuses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.box = Sandbox(WORLD, POLICY)

    def status(self, *argv, **options):
        result = self.box.run(argv, **options)
        self.said = result.stderr
        return result.returncode

    def test_the_commands_own(self):
        for status in (0, 1, 2, 77, 125, 255):
            self.assertEqual(self.status("sh", "-c", f"exit {status}"), status)
            self.assertEqual(self.said, "")
            self.assertEqual(self.box.records(kind="sandbox")[-1]["life"]["status"], status)

    def test_127_when_it_is_not_found(self):
        for name in ("no-such-command", "/no/such/command", "./no-such-command"):
            self.assertEqual(self.status(name), 127)
            self.assertIn(f"cannot run {name}: it was not found", self.said)

    def test_126_when_it_cannot_be_run(self):
        (self.box.work / "plain").write_text("x")
        for name in ("./plain", "/etc", "/etc/passwd"):
            self.assertEqual(self.status(name), 126)
            self.assertIn(f"cannot run {name}: ", self.said)

    def test_128_and_the_signal_that_ended_it(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGPIPE, signal.SIGUSR1):
            self.assertEqual(self.status("sh", "-c", f"kill -{int(number)} $$"), 128 + number)

    def test_a_script_without_a_path_is_looked_up_in_path(self):
        self.assertEqual(self.status("true"), 0)
        self.assertEqual(self.status("true", env={"PATH": "/nowhere"}), 127)

    def test_what_it_left_running_is_ended(self):
        mark = f"9{os.getpid()}"
        started = time.monotonic()
        self.assertEqual(self.status("sh", "-c", f"sleep {mark} & setsid sleep {mark} & (trap '' TERM HUP; sleep {mark}) & exit 5"), 5)
        self.assertLess(time.monotonic() - started, 5)
        self.assertNotEqual(subprocess.run(["pgrep", "-f", f"sleep {mark}"]).returncode, 0)

    def test_help_and_wrong_usage(self):
        self.assertEqual(self.box.cli("run", "--help").returncode, 0)
        for arguments, message in ((["run"], "no COMMAND was given"), (["run", "--"], "no COMMAND was given"),
                                   (["run", "--polcy", "x"], "did you mean --policy?"), (["run", "-p"], "-p"),
                                   (["run", "--vm", "--", "true"], "not supported yet")):
            result = self.box.cli(*arguments)
            self.assertEqual(result.returncode, 125, arguments)
            self.assertIn(message, result.stderr)

    def test_options_of_the_command_are_the_commands(self):
        result = self.box.run(["printf", "%s ", "-p", "--help", "-e"])
        self.assertEqual(result.stdout, "-p --help -e ")


class Signals(unittest.TestCase):
    def test_signals_are_passed_on(self):
        box = Sandbox(WORLD, POLICY)
        names = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2")
        script = "".join(f'trap "echo got {n}" {n}; ' for n in names) + "echo ready; while :; do sleep 0.05; done"
        process = box.start(["sh", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.assertEqual(process.stdout.readline(), "ready\n")
        for name in names:
            process.send_signal(getattr(signal, "SIG" + name))
            self.assertEqual(process.stdout.readline(), f"got {name}\n")
        process.send_signal(signal.SIGTERM)
        self.assertIsNone(process.poll())
        os.kill(processes.children(processes.init_of(process))[0], signal.SIGKILL)
        self.assertEqual(process.wait(10), 137)
        process.stdout.close()

    def test_a_signal_ends_a_command_that_does_not_catch_it(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            box = Sandbox(WORLD, POLICY)
            process = box.start(["sleep", "100"])
            wait_until(lambda: box.records(kind="sandbox"), what="the start")
            time.sleep(0.2)
            process.send_signal(number)
            self.assertEqual(process.wait(10), 128 + number)
            self.assertEqual(end_of(box), 128 + number)


class Streams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.box = Sandbox(WORLD, POLICY)

    def run_raw(self, argv, **options):
        return subprocess.run(self.box.command(argv), env=self.box.environment(), cwd=self.box.work, capture_output=True, timeout=60, **options)

    def test_input_and_output_pass_byte_by_byte(self):
        data = os.urandom(20 << 20)
        result = self.run_raw(["cat"], input=data)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertTrue(result.stdout == data)

    def test_errors_are_apart(self):
        result = self.run_raw(["sh", "-c", "echo out; echo err >&2"])
        self.assertEqual((result.stdout, result.stderr), (b"out\n", b"err\n"))

    def test_files_as_streams(self):
        (self.box.work / "in").write_text("from a file\n")
        with open(self.box.work / "in") as source, open(self.box.work / "out", "w") as target:
            status = subprocess.run(self.box.command(["cat"]), env=self.box.environment(), cwd=self.box.work, stdin=source, stdout=target)
        self.assertEqual(status.returncode, 0)
        self.assertEqual((self.box.work / "out").read_text(), "from a file\n")

    def test_closed_streams(self):
        command = " ".join(f"'{x}'" for x in self.box.command(["sh", "-c", "read x; echo status $? >result; echo y"]))
        result = subprocess.run(f"{command} <&- >&- 2>&-", shell=True, env=self.box.environment(), cwd=self.box.work)
        self.assertEqual(result.returncode, 0)
        self.assertEqual((self.box.work / "result").read_text(), "status 1\n")

    def test_a_reader_that_leaves(self):
        command = " ".join(f"'{x}'" for x in self.box.command(["yes"]))
        result = subprocess.run(["bash", "-c", f"{command} | head -1; echo ${{PIPESTATUS[0]}}"], env=self.box.environment(), cwd=self.box.work,
                                capture_output=True, text=True)
        self.assertEqual(result.stdout, "y\n141\n", result.stderr)

    def test_other_descriptors_are_not_passed_on(self):
        secret = os.open("/etc/shadow", os.O_RDONLY)
        os.set_inheritable(secret, True)
        self.addCleanup(os.close, secret)
        process = subprocess.Popen(self.box.command(["ls", "/proc/self/fd"]), env=self.box.environment(), cwd=self.box.work, close_fds=False,
                                   stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.communicate()[0].split(), ["0", "1", "2", "3"])

    def test_a_socket_to_the_network_as_a_stream_is_refused(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX)
        with WORLD.space.entered():
            listener = socket.create_server(("127.0.0.1", 0))
            client = socket.create_connection(listener.getsockname())
        for stream in (client, ):
            result = self.run_raw(["true"], stdin=stream.fileno())
            self.assertEqual(result.returncode, 125)
            self.assertIn(b"standard input", result.stderr)
        for opened in (ours, theirs, listener, client):
            opened.close()


class Terminal:
    """A terminal, and a session of the user's on it."""

    def __init__(self, argv, env, cwd):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(as_user(argv)[0], as_user(argv), env)
        self.seen = ""
        self.resize(24, 80)

    def resize(self, rows, columns):
        ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern, seconds=10):
        """Waits for PATTERN in what comes; what came up to it is used up."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            if not select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{pattern!r} did not come, but {self.seen!r}")
            try:
                self.seen += os.read(self.fd, 65536).decode(errors="replace").replace("\r", "")
            except OSError:
                raise AssertionError(f"{pattern!r} did not come before the end, but {self.seen!r}") from None
        self.seen = self.seen[found.end():]
        return found

    def wait(self):
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


class JobControl(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox(WORLD, POLICY)

    def open(self, argv):
        env = self.box.environment({"PS1": "[prompt]", "TERM": "dumb"})
        return Terminal(argv, env, self.box.work)

    def run_inside(self, *argv):
        return self.open([self.box.binary, "run", "-p", self.box.policy_path, "--audit", self.box.audit_path, "-e", "PS1", "--", *argv])

    def test_a_shell_inside(self):
        terminal = self.run_inside("bash", "--norc", "-i")
        terminal.expect(r"\[prompt\]")
        terminal.type("sleep 100\n")
        time.sleep(0.5)
        terminal.type("\x1a")
        terminal.expect(r"\[1\]\+  Stopped +sleep 100")
        terminal.expect(r"\[prompt\]")
        terminal.type("fg\n")
        terminal.expect("sleep 100\n")
        time.sleep(0.3)
        terminal.type("\x03")
        terminal.expect(r"\[prompt\]")
        terminal.type("echo status=$?\n")
        terminal.expect("status=130\n")
        terminal.type("stty size; tty\n")
        terminal.expect("\n24 80\n")
        terminal.resize(50, 132)
        time.sleep(0.2)
        terminal.type("stty size\n")
        terminal.expect("\n50 132\n")
        terminal.type("exit 7\n")
        terminal.expect("exit")
        self.assertEqual(terminal.wait(), 7)

    def test_a_change_of_the_windows_size_is_told(self):
        terminal = self.run_inside("bash", "-c", "trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.1; done")
        terminal.expect("ready")
        terminal.resize(33, 99)
        terminal.expect("33 99")
        self.assertEqual(terminal.wait(), 3)

    def test_control_c_ends_the_command(self):
        terminal = self.run_inside("sh", "-c", "echo ready; sleep 100")
        terminal.expect("ready")
        time.sleep(0.3)  # a shell that is interrupted as it forks forgets it
        terminal.type("\x03")
        self.assertEqual(terminal.wait(), 130)

    def test_control_c_comes_once(self):
        terminal = self.run_inside("sh", "-c", "trap 'echo caught; n=$((n+1))' INT; echo ready; sleep 1; sleep 1; echo n=$n")
        terminal.expect("ready")
        time.sleep(0.2)
        terminal.type("\x03")
        terminal.expect("caught")
        terminal.expect("n=1\n")
        self.assertEqual(terminal.wait(), 0)

    def test_a_program_that_reads_the_terminal_raw(self):
        terminal = self.run_inside("/usr/bin/python3", "-c",
                                   "import os, tty; tty.setraw(0); print('ready', flush=True); print(os.read(0, 3), flush=True)")
        terminal.expect("ready")
        terminal.type("\x03\x1a\x04")
        terminal.expect(re.escape(r"b'\x03\x1a\x04'"))
        self.assertEqual(terminal.wait(), 0)

    def test_as_a_job_of_a_shell(self):
        terminal = self.open(["bash", "--norc", "-i"])
        terminal.expect(r"\[prompt\]")
        run = f"{self.box.binary} run -p {self.box.policy_path} --audit {self.box.audit_path} -- "
        terminal.type(run + "sh -c 'echo ready; sleep 100; echo done'\n")
        terminal.expect("\nready\n")
        time.sleep(0.3)  # a shell that is stopped as it forks stays so
        terminal.type("\x1a")
        terminal.expect(r"\[1\]\+  Stopped")
        terminal.type("bg\n")
        terminal.expect(r"\[1\]\+")
        terminal.type("jobs\n")
        terminal.expect(r"\[1\]\+  Running")
        terminal.type("fg\n")
        terminal.expect("sleep 100")
        time.sleep(0.3)
        terminal.type("\x03")
        terminal.expect(r"\[prompt\]")
        terminal.type("echo status=$?\n")
        terminal.expect("status=130\n")
        # And the shell has its terminal again.
        terminal.type(run + "true; echo again=$?\n")
        terminal.expect("again=0\n")
        terminal.type("exit\n")
        self.assertEqual(terminal.wait(), 0)

    def test_in_a_pipeline_of_a_shell(self):
        terminal = self.open(["bash", "--norc", "-i"])
        terminal.expect(r"\[prompt\]")
        terminal.type(f"echo abc | {self.box.binary} run -p {self.box.policy_path} --audit {self.box.audit_path} -- cat | tr a-z A-Z\n")
        terminal.expect("\nABC\n")
        terminal.type("exit\n")
        self.assertEqual(terminal.wait(), 0)


class Environment(unittest.TestCase):
    KEPT = {"HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_TIME", "LOGNAME", "PATH", "PWD", "SHELL", "SHLVL", "TERM", "TERMINFO", "TMPDIR", "TZ",
            "USER", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "COLUMNS", "EDITOR", "FORCE_COLOR", "LINES", "LS_COLORS", "NO_COLOR", "PAGER",
            "VISUAL", "CARGO_HOME", "GOPATH", "GOROOT", "JAVA_HOME", "LD_LIBRARY_PATH", "MANPATH", "NODE_PATH", "NVM_DIR", "PYTHONPATH",
            "RUSTUP_HOME", "VIRTUAL_ENV", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "CI", "DEBIAN_FRONTEND",
            "MAKEFLAGS", "NODE_ENV", "SOURCE_DATE_EPOCH"}
    DROPPED = {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY",
               "WAYLAND_DISPLAY", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "LD_PRELOAD_", "OPENAI_API_KEY", "SSL_CERT_DIR",
               "BASH_ENV", "NODE_OPTIONS", "PYTHONSTARTUP", "GIT_ASKPASS", "KUBECONFIG", "SECRETLC_", "LC", "DOCKER_HOST", "SALLYPORT_X"}

    def inside(self, env=None, options=(), policy=POLICY):
        box = Sandbox(WORLD, policy)
        result = subprocess.run(box.command(["/usr/bin/env", "-0"], options), env=env, cwd=box.work, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        return dict(entry.split("=", 1) for entry in result.stdout.split("\0") if entry)

    def documented(self):
        """The variables that the manual says are set inside."""
        section = MANUAL.read_text().split("In the sandbox:")[1].split("Of the caller:")[0]
        return {name for line in re.findall(r"^\.It Ev (.*)$", section, re.M) for name in line.split(" , ")}

    def test_only_what_is_harmless_is_passed_on(self):
        given = {name: f"value of {name}" for name in self.KEPT | self.DROPPED}
        given["PATH"] = PATH
        found = self.inside(given)
        self.assertEqual({k: v for k, v in found.items() if k in given}, {k: v for k, v in given.items() if k in self.KEPT})

    def test_what_is_set_is_what_the_manual_lists(self):
        found = self.inside({"PATH": PATH, "JAVA_HOME": "/usr"})
        self.assertEqual(set(found), {"PATH", "JAVA_HOME"} | self.documented())
        self.assertRegex(found["SALLYPORT_SANDBOX"], "^[0-9a-f]{8}$")
        self.assertEqual(found["SSL_CERT_FILE"], "/run/sallyport/ca-bundle.pem")
        self.assertEqual(found["NODE_EXTRA_CA_CERTS"], "/run/sallyport/ca.pem")

    def test_the_trust_store_of_java_only_where_there_is_a_java(self):
        self.assertNotIn("JAVA_TOOL_OPTIONS", self.inside({"PATH": "/nowhere"}))

    def test_e_passes_a_variable_on_or_sets_one(self):
        found = self.inside({"PATH": PATH, "GITHUB_TOKEN": "given", "EMPTY": ""},
                            options=["-e", "GITHUB_TOKEN", "--env", "NEW=a=b c\n", "-eSHORT=1", "--env=LONG=2", "-e", "EMPTY", "-e", "NONE="])
        self.assertEqual({k: found.get(k) for k in ("GITHUB_TOKEN", "NEW", "SHORT", "LONG", "EMPTY", "NONE")},
                         {"GITHUB_TOKEN": "given", "NEW": "a=b c\n", "SHORT": "1", "LONG": "2", "EMPTY": "", "NONE": ""})

    def test_e_that_makes_no_sense_is_refused(self):
        box = Sandbox(WORLD, POLICY)
        for option, message in (("UNSET_VARIABLE", "is not set"), ("=x", "expected NAME"), ("", "expected NAME")):
            result = box.run(["touch", "ran"], options=["-e", option])
            self.assertEqual(result.returncode, 125)
            self.assertIn(message, result.stderr)
            self.assertFalse((box.work / "ran").exists())

    def test_the_user_the_folder_and_the_files_are_the_callers(self):
        box = Sandbox(WORLD, POLICY)
        result = box.sh("id -u; id -g; pwd; touch made; cat /proc/1/comm; hostname")
        self.assertEqual(result.stdout.splitlines()[:4], [str(UID), str(UID), str(box.work), "sallyport-init"])
        self.assertIn(box.records()[0]["sandbox"], result.stdout.splitlines()[4])
        self.assertEqual(os.stat(box.work / "made").st_uid, UID)


class Policies(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox(WORLD, POLICY)
        self.trace = self.box.work / "ran"

    def run_with(self, *arguments, env=None):
        return self.box.cli("run", "--audit", self.box.audit_path, *arguments, "--", "touch", self.trace, env=env)

    def assert_refused(self, message, *arguments, env=None):
        result = self.run_with(*arguments, env=env)
        self.assertEqual(result.returncode, 125, result.stderr)
        self.assertRegex(result.stderr, message)
        self.assertFalse(self.trace.exists())

    def place(self, folder):
        folder.mkdir(parents=True)
        shutil.copy(self.box.policy_path, folder / "policy.yaml")

    def test_the_default_places(self):
        self.assert_refused("no policy: name one by -p FILE")
        self.place(self.box.home / ".config" / "sallyport")
        self.assertEqual(self.run_with().returncode, 0)
        self.trace.unlink()
        self.assert_refused("no policy", env={"XDG_CONFIG_HOME": str(self.box.dir / "config")})
        self.place(self.box.dir / "config" / "sallyport")
        self.assertEqual(self.run_with(env={"XDG_CONFIG_HOME": str(self.box.dir / "config")}).returncode, 0)

    def test_never_one_in_the_current_folder(self):
        for name in ("policy.yaml", "sallyport.yaml", ".sallyport.yaml"):
            shutil.copy(self.box.policy_path, self.box.work / name)
        self.place(self.box.work / "sallyport")
        for env in ({}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "."}, {"HOME": "."}, {"HOME": ""}):
            self.assert_refused("no policy", env=env)

    def test_files_that_cannot_be_read(self):
        self.assert_refused("No such file", "-p", self.box.dir / "missing.yaml")
        self.assert_refused("(?i)directory|folder", "-p", self.box.dir)
        unreadable = self.box.dir / "unreadable.yaml"
        unreadable.write_text("sallyport: 1\n")
        unreadable.chmod(0o000)
        self.assert_refused("(?i)permission denied", "-p", unreadable)

    def test_files_that_are_no_policy(self):
        for content, message in ((b"\xff\xfe", "UTF-8"), (b"sallyport: 1\nrules: [{allow: \xc3\x28}]\n", ":2:.*UTF-8"), (b"", "sallyport"),
                                 (b"[1, 2]\n", "policy.yaml:1:1: error"), (b"sallyport: 2\n", "policy.yaml:1:12: error"),
                                 (b"sallyport: 1\nrulse: []\n", 'policy.yaml:2:1: error: unknown key "rulse".*\n(.*\n)*.*rules'),
                                 (b"sallyport: 1\nrules:\n  - allow: [a.example, '']\n", "policy.yaml:3:24: error"),
                                 (b"sallyport: 1\nrules: [\n", "policy.yaml:")):
            with self.subTest(content):
                path = self.box.dir / "policy.yaml"
                path.write_bytes(content)
                self.assert_refused(message, "-p", path)
                self.assertFalse(self.box.audit_path.exists())

    def test_a_policy_without_rules_denies_all(self):
        self.box.set_policy("")
        result = self.box.sh(f"curl -s -o /dev/null -w '%{{http_code}}' https://{HOST}/")
        self.assertEqual(result.stdout, "403")

    def test_roots_that_cannot_be_read(self):
        self.box.policy_path.write_text("sallyport: 1\nrules: []\nnetwork: {ca: [missing.pem]}\n")
        self.assert_refused("missing.pem", "-p", self.box.policy_path)

    def test_root_is_refused(self):
        command = self.box.command(["touch", self.trace])
        result = subprocess.run(command[command.index("--") + 1:], env=self.box.environment(), cwd=self.box.work, capture_output=True, text=True)
        self.assertEqual(result.returncode, 125)
        self.assertIn("root", result.stderr)
        self.assertFalse(self.trace.exists())

    def test_the_policy_cannot_be_written_inside(self):
        os.chown(self.box.policy_path, UID, UID)
        self.box.policy_path.chmod(0o600)
        before = self.box.policy_path.read_text()
        self.box.sh(f"echo x >>{self.box.policy_path}; chmod 666 {self.box.policy_path}; rm -f {self.box.policy_path}")
        self.assertEqual(self.box.policy_path.read_text(), before)


class AuditFiles(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox(WORLD, POLICY)

    def run_with(self, *options, env=None):
        return self.box.cli("run", "-p", self.box.policy_path, *options, "--", "true", env=env)

    def test_the_default_place(self):
        self.assertEqual(self.run_with().returncode, 0)
        path = self.box.home / ".local" / "state" / "sallyport" / "audit.jsonl"
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(path.parent).st_mode & 0o777, 0o700)
        self.assertEqual([json.loads(line)["life"]["event"] for line in path.read_text().splitlines()], ["start", "end"])
        self.assertEqual(self.run_with(env={"XDG_STATE_HOME": str(self.box.dir / "state")}).returncode, 0)
        self.assertTrue((self.box.dir / "state" / "sallyport" / "audit.jsonl").exists())

    def test_files_that_cannot_be_written(self):
        (self.box.dir / "other.txt").write_text("something else\n")
        os.chown(self.box.dir / "other.txt", UID, UID)
        locked = self.box.dir / "locked"
        locked.mkdir()
        for path, message in (("/proc/audit", "cannot"), (locked / "audit.jsonl", "permission denied"), (self.box.dir, "it is a folder"),
                              (self.box.dir / "missing" / "audit.jsonl", "its folder does not exist"), ("/dev/null", "not a regular file"),
                              (self.box.dir / "other.txt", "is no audit log")):
            with self.subTest(path):
                result = self.run_with("--audit", path)
                self.assertEqual(result.returncode, 125)
                self.assertIn(message, result.stderr)
        self.assertEqual((self.box.dir / "other.txt").read_text(), "something else\n")

    def test_the_log_cannot_be_seen_or_written_inside(self):
        result = self.box.sh(f"cat {self.box.audit_path}; echo x >>{self.box.audit_path}; rm -f {self.box.audit_path}")
        self.assertEqual(result.stdout, "")
        self.assertEqual([r["life"]["event"] for r in self.box.records()], ["start", "end"])

    def test_two_runs_at_once_write_one_log(self):
        script = f"for i in $(seq 40); do curl -s -o /dev/null https://{HOST}/$i; done"
        running = [self.box.start(["sh", "-c", script]) for _ in range(3)]
        self.assertEqual([p.wait(60) for p in running], [0, 0, 0])
        records = self.box.records(kind="http")
        self.assertEqual(len(records), 120)
        self.assertEqual(len({r["sandbox"] for r in records}), 3)
        result = self.box.cli("audit", "verify", self.box.audit_path)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


class Nested(unittest.TestCase):
    def test_a_sandbox_within_a_sandbox_fails_clearly(self):
        box = Sandbox(WORLD, POLICY)
        inner = " ".join(f"'{x}'" for x in [box.binary, "run", "-p", box.policy_path, "--audit", box.work / "inner.jsonl", "--", "touch", "ran"])
        started = time.monotonic()
        result = box.sh(f"{inner}; echo status $?")
        self.assertLess(time.monotonic() - started, 10)
        self.assertEqual(result.stdout, "status 125\n", result.stderr)
        self.assertIn("sallyport: ", result.stderr)
        self.assertIn("sandbox within a sandbox", result.stderr)
        self.assertFalse((box.work / "ran").exists())


class Deaths(unittest.TestCase):
    """kill -9 of each process under load: connections break, nothing hangs, nothing gets out."""

    @classmethod
    def setUpClass(cls):
        # Each connection gets one byte every 20 ms for as long as it likes.
        def script(connection):
            connection.read_head()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            for _ in range(3000):
                connection.sendall(b"x")
                time.sleep(0.02)
        cls.endless = Scripted(WORLD, "endless.example.com", script)

    @classmethod
    def tearDownClass(cls):
        cls.endless.close()

    def setUp(self):
        self.box = Sandbox(WORLD, f"rules: [{{allow: [{HOST}, endless.example.com, 'tls://pass.example.com']}}]")
        self.inside = Puppet(self.box)
        self.process = self.inside.process
        self.worker, self.init = processes.worker_of(self.process), processes.init_of(self.process)
        self.command = processes.children(self.init)[0]
        self.inside.run("""
done, busy = [], []
def read_endlessly():
    try:
        client = Client("endless.example.com")
        client.send(b"GET / HTTP/1.1\\r\\nHost: endless.example.com\\r\\n\\r\\n")
        busy.append(1)
        done.append(client.to_end()[1])
    except Exception as error:
        done.append(type(error).__name__)
def ask_again():
    while not stop:
        try:
            client = Client(host)
            client.send(f"GET / HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n\\r\\n".encode())
            asked.append(client.response()[0])
        except Exception as error:
            asked.append(type(error).__name__)
            time.sleep(0.01)
stop, asked = False, []
for _ in range(20):
    threading.Thread(target=read_endlessly, daemon=True).start()
for _ in range(4):
    threading.Thread(target=ask_again, daemon=True).start()
while len(busy) < 20 or len(asked) < 20:
    time.sleep(0.01)
""", host=HOST)
        wait_until(lambda: len(self.endless.connections) >= 20, what="the load")

    def tearDown(self):
        self.endless.connections.clear()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            stream.close()

    def assert_nothing_leaves(self):
        """Closing packets of what was open are let pass; then there is silence."""
        time.sleep(0.5)
        mark = WORLD.recorder.mark()
        time.sleep(1)
        self.assertEqual(WORLD.recorder.since(mark), [])

    def assert_gone(self, *pids):
        wait_until(lambda: not any(processes.is_alive(pid) for pid in pids), 5, "the death of all")

    def test_the_worker(self):
        os.kill(self.worker, signal.SIGKILL)
        ends = self.inside.run("""
deadline = time.monotonic() + 10
while len(done) < 20 and time.monotonic() < deadline:
    time.sleep(0.01)
result = done
""")
        self.assertLessEqual(set(ends), {"reset", "truncated"})
        self.assertEqual(len(ends), 20)
        # What is tried after it fails at once.
        outcomes = self.inside.run("""
result = []
for attempt in (lambda: Client(host), lambda: Client(host, address="93.184.1.2"), lambda: Client(host, address="2606:2800:220:1::2")):
    started = time.monotonic()
    try:
        attempt()
        result.append(("connected", 0))
    except Exception as error:
        result.append((type(error).__name__, round(time.monotonic() - started)))
""", host=HOST)
        self.assertEqual(outcomes, [("gaierror", 0), ("ConnectionRefusedError", 0), ("ConnectionRefusedError", 0)])
        self.assert_nothing_leaves()
        self.assertTrue(processes.is_alive(self.command))
        self.inside.run("stop = True")
        self.assertEqual(self.inside.close(), 0)
        lives = [r["life"] for r in self.box.records(kind="sandbox")]
        self.assertEqual([life["event"] for life in lives], ["start", "worker-lost", "end"])
        self.assertGreaterEqual(lives[1]["lost"], 20)
        self.assertEqual(self.box.cli("audit", "verify", self.box.audit_path).returncode, 0)

    def test_the_supervisor(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.assert_gone(self.worker, self.init, self.command)
        self.assert_nothing_leaves()
        # What it had written is sound, and the next run goes on from it.
        result = self.box.cli("audit", "verify", self.box.audit_path)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertEqual(self.box.sh(f"curl -sS https://{HOST}/").returncode, 0)
        self.assertEqual(self.box.cli("audit", "verify", self.box.audit_path).returncode, 0)

    def test_the_sandboxs_init(self):
        os.kill(self.init, signal.SIGKILL)
        self.assertEqual(self.process.wait(10), 125)
        self.assert_gone(self.worker, self.command)
        self.assert_nothing_leaves()
        self.assertEqual(end_of(self.box), 125)
        # All that was under way is recorded.
        self.assertEqual(len([r for r in self.box.records(kind="http") if r["host"] == "endless.example.com"]), 20)
        self.assertEqual(self.box.cli("audit", "verify", self.box.audit_path).returncode, 0)

    def test_the_command(self):
        os.kill(self.command, signal.SIGKILL)
        self.assertEqual(self.process.wait(10), 137)
        self.assert_gone(self.worker, self.init)
        self.assert_nothing_leaves()
        self.assertEqual(len([r for r in self.box.records(kind="http") if r["host"] == "endless.example.com"]), 20)

    def test_a_worker_that_speaks_nonsense_to_its_supervisor_is_ended(self):
        """Root speaks for it, as an engine that was taken over could."""
        descriptor = self.worker_socket()
        descriptor.send(b"\xff" * 100)
        descriptor.close()
        self.assert_gone(self.worker)
        self.inside.run("stop = True")
        self.assertEqual(self.inside.close(), 0)
        self.assertEqual([r["life"]["event"] for r in self.box.records(kind="sandbox")], ["start", "worker-lost", "end"])

    def worker_socket(self):
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        holder = os.pidfd_open(self.worker)
        for name in sorted(os.listdir(f"/proc/{self.worker}/fd"), key=int):
            if int(name) > 2 and os.readlink(f"/proc/{self.worker}/fd/{name}").startswith("socket:"):
                number = libc.syscall(438, holder, int(name), 0)  # pidfd_getfd
                found = socket.socket(fileno=number)
                if found.family == socket.AF_UNIX:
                    os.close(holder)
                    return found
                found.close()
        raise AssertionError("no control socket")


class Many(unittest.TestCase):
    def test_twenty_at_once(self):
        box = Sandbox(WORLD, POLICY)
        running = [box.start(["curl", "-sS", f"https://{HOST}/"], stdout=subprocess.PIPE, text=True) for _ in range(20)]
        self.assertEqual({p.communicate(timeout=60)[0] for p in running}, {f"hello from {HOST}\n"})
        self.assertEqual({p.returncode for p in running}, {0})
        self.assertEqual(len({r["sandbox"] for r in box.records()}), 20)
        self.assertEqual(box.cli("audit", "verify", box.audit_path).returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
