"""How a sandbox begins and ends."""

import ctypes
import os
import shutil
import signal
import struct
import subprocess
import time
import unittest

import steer_harness as harness
from steer_harness import Case, needs_root

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 38, 22


class Outcome(Case):
    def test_the_status_is_the_commands(self):
        for status in (0, 1, 42, 255):
            done = harness.run(["sh", "-c", f"exit {status}"])
            self.assertEqual(done.status, status)
            self.assertEqual(done.events(), [("started", "0"), ("exited", str(status << 8))])

    def test_a_signal_shows_in_the_status(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
            done = harness.run(["sh", "-c", f"ulimit -c 0; kill -{int(number)} $$"])
            self.assertEqual(done.status, 128 + number)

    def test_a_command_that_is_not_there(self):
        for name in ("no-such-command", "/no/such/command", "./no-such-command"):
            done = harness.run([name])
            self.assertEqual((done.status, done.events()), (127, [("exec-failed", "2")]))

    def test_a_command_that_cannot_be_executed(self):
        path = harness.surroundings.new_path("plain")
        with open(path, "w") as file:
            file.write("text\n")
        for name in (path, "/"):
            done = harness.run([name])
            self.assertEqual((done.status, done.events()), (126, [("exec-failed", "13")]))

    def test_a_script_without_an_interpreter_is_the_shells(self):
        path = harness.surroundings.new_path("script")
        with open(path, "w") as file:
            file.write("exit 9\n")
        os.chmod(path, 0o755)
        self.assertEqual(harness.run([path]).status, 9)

    def test_the_path_is_that_of_the_plan(self):
        done = harness.run(["true"], environment={"PATH": "/nowhere"})
        self.assertEqual(done.status, 127)

    def test_the_working_directory_is_the_callers_or_the_plans(self):
        done = harness.run(["pwd"])
        self.assertEqual(done.out.strip(), harness.surroundings.home)
        done = harness.run(["pwd"], ["--workdir", "/usr/share"])
        self.assertEqual(done.out.strip(), "/usr/share")

    def test_orphans_are_reaped_and_end_with_the_command(self):
        said, done = self.inside("""
            for i in range(20):
                if os.fork() == 0:
                    if os.fork() == 0:
                        time.sleep(0.01)
                    os._exit(0)
                os.wait()
            time.sleep(0.3)
            say([p for p in os.listdir("/proc") if p.isdigit()
                 and " Z " in open(f"/proc/{p}/stat").read()])
            if os.fork() == 0:
                os.setsid()
                os.close(0), os.close(1), os.close(2)
                time.sleep(1000)
            """)
        self.assertEqual(said, [])
        self.await_gone(done.pids())


class Signals(Case):
    def test_are_forwarded(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1,
                       signal.SIGWINCH):
            sandbox = harness.Run(["sh", "-c", f"trap 'echo got; exit 3' {int(number)}; echo ready;"
                                               " while :; do sleep 0.05; done"])
            self.assertEqual(sandbox.process.stdout.readline(), "ready\n")
            sandbox.process.send_signal(number)
            sandbox.finish()
            self.assertEqual((sandbox.status, sandbox.out), (3, "got\n"))

    def test_dispositions_are_the_defaults(self):
        done = harness.run(["cat", "/proc/self/status"],
                           prefix=["sh", "-c", 'trap "" TERM USR1 PIPE; exec "$@"', "sh"])
        state = dict(line.split(":", 1) for line in done.out.splitlines())
        for name in ("SigBlk", "SigIgn", "SigCgt"):
            self.assertEqual(int(state[name], 16), 0)

    def test_a_stop_is_told_and_passed_on(self):
        sandbox = harness.Run(["sh", "-c", "kill -STOP $$; sleep 0.3; echo back"])
        init = sandbox.pids()[1]
        _, status = os.waitpid(sandbox.process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status))
        self.assertIn(("stopped", str(int(signal.SIGSTOP))), sandbox.events())
        self.assertTrue(harness.is_alive(init))
        sandbox.process.send_signal(signal.SIGCONT)
        sandbox.finish()
        self.assertEqual((sandbox.status, sandbox.out), (0, "back\n"))
        self.assertIn(("continued", "0"), sandbox.events())


class Killed(Case):
    """Whoever of us is killed, nothing goes on alone."""

    COMMAND = ["sh", "-c", "setsid sleep 1000 & sleep 1000 & echo ready; wait"]

    def start(self):
        sandbox = harness.Run(self.COMMAND)
        self.assertEqual(sandbox.process.stdout.readline(), "ready\n")
        supervisor, init, worker = sandbox.pids()
        return sandbox, supervisor, init, worker, harness.family_of(init)

    def test_the_supervisor(self):
        sandbox, supervisor, _, _, family = self.start()
        self.assertGreaterEqual(len(family), 4)
        os.kill(supervisor, signal.SIGKILL)
        self.await_gone(family)
        sandbox.finish()

    def test_init(self):
        sandbox, _, init, _, family = self.start()
        os.kill(init, signal.SIGKILL)
        self.await_gone(family)
        sandbox.finish()
        self.assertEqual(sandbox.status, 125)
        self.assertEqual(sandbox.events()[-1][0], "lost")

    def test_the_supervisor_while_it_launches(self):
        """At any moment, so that no step is without the ties."""
        for delay in range(0, 60, 3):
            sandbox = harness.Run(["sleep", "1000"])
            time.sleep(delay / 10000)
            sandbox.process.kill()
            family = [pid for line in sandbox.log() if line[0] == "pids"
                      for pid in map(int, line[2:])]
            sandbox.finish()
            self.await_gone(family)
        time.sleep(0.5)
        left = subprocess.run(["pgrep", "-f", harness.surroundings.driver], capture_output=True,
                              text=True, check=False).stdout
        self.assertEqual(left, "")


def forbid_netlink(protocol):
    """A seccomp filter like a container's: no netlink socket of PROTOCOL."""
    load, equal, give = 0x20, 0x15, 0x06
    errno_eperm, allow = 0x50001, 0x7fff0000
    program = [(load, 0, 0, 0), (equal, 0, 5, 41), (load, 0, 0, 16), (equal, 0, 3, 16),
               (load, 0, 0, 32), (equal, 0, 1, protocol), (give, 0, 0, errno_eperm),
               (give, 0, 0, allow)]
    return install(program)


def forbid_family(family):
    load, equal, give = 0x20, 0x15, 0x06
    return install([(load, 0, 0, 0), (equal, 0, 3, 41), (load, 0, 0, 16), (equal, 0, 1, family),
                    (give, 0, 0, 0x50061), (give, 0, 0, 0x7fff0000)])


def forbid_namespaces():
    load, equal, test, give = 0x20, 0x15, 0x45, 0x06
    program = [(load, 0, 0, 0), (equal, 0, 3, 56), (load, 0, 0, 16), (test, 0, 1, 0x10000000),
               (give, 0, 0, 0x50001), (give, 0, 0, 0x7fff0000)]
    return install(program)


def install(program):
    code = b"".join(struct.pack("HBBI", *line) for line in program)

    def before_exec():
        memory = ctypes.create_string_buffer(code)
        filter_of = struct.pack("HxxxxxxP", len(program), ctypes.addressof(memory))
        harness.check(harness.libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        harness.check(harness.libc.prctl(PR_SET_SECCOMP, 2, filter_of, 0, 0))
    return before_exec


class Refusals(Case):
    """Launches that fail say what, where, and how to mend it."""

    def refuse(self, wanted, command=("true",), options=(), **arguments):
        done = harness.run(list(command), options, **arguments)
        self.assertEqual(done.status, 125, done.err)
        for words in wanted:
            self.assertIn(words, done.err)
        self.assertEqual(done.events(), [])

    @needs_root
    def test_root(self):
        self.refuse(["refusing to run as root", "runuser -u NAME"], user=0, group=0)

    def test_a_working_directory_that_is_not_there(self):
        self.refuse(["/no/such/directory", "No such file"], options=["--workdir",
                                                                      "/no/such/directory"])

    def test_a_working_directory_that_is_hidden(self):
        place = harness.surroundings.new_path("hidden")
        os.makedirs(f"{place}/inner")
        self.refuse([f"{place}/inner", "inside the sandbox"],
                    options=["--workdir", f"{place}/inner", "--mask", place])

    def test_a_limit_of_no_namespaces(self):
        self.refuse(["user.max_user_namespaces allows none", "sysctl -w"],
                    prefix=["unshare", "-Ur", "sh", "-c",
                            'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"', "sh"])
        self.refuse(["user.max_net_namespaces allows none"],
                    prefix=["unshare", "-Ur", "sh", "-c",
                            'echo 0 > /proc/sys/user/max_net_namespaces; exec "$@"', "sh"])

    @unittest.skipUnless(os.uname().machine == "x86_64", "numbers of x86-64")
    def test_a_filter_of_a_container(self):
        self.refuse(["a seccomp filter forbids it", "--security-opt seccomp=unconfined"],
                    preexec_fn=forbid_namespaces())

    @unittest.skipUnless(os.uname().machine == "x86_64", "numbers of x86-64")
    def test_no_netfilter(self):
        self.refuse(["netfilter", "modprobe"], preexec_fn=forbid_netlink(12))

    def test_a_proc_with_hidden_parts(self):
        """As containers have it."""
        self.refuse(["/proc", "systempaths=unconfined"],
                    prefix=["unshare", "-Urm", "sh", "-c",
                            'mount -t tmpfs none /proc/sys && exec "$@"', "sh"])


class Lacking(Case):
    """Hosts that lack something that is not needed."""

    CONNECT = """
        s = socket.create_connection(("93.184.216.34", 443), 5)
        say(s.makefile().readline().split()[1])
        say(socket.getaddrinfo("name.example", 80, socket.AF_INET)[0][4][0])
        """

    def expect_network(self, **arguments):
        said, _ = self.inside(self.CONNECT, **arguments)
        self.assertEqual(said, ["93.184.216.34", "203.0.113.7"])

    @unittest.skipUnless(os.uname().machine == "x86_64", "numbers of x86-64")
    def test_ipv6(self):
        self.expect_network(preexec_fn=forbid_family(10))

    def test_a_sys_that_may_be_replaced(self):
        """Parts of it are hidden, as containers have it."""
        self.expect_network(prefix=["unshare", "-Urm", "sh", "-c",
                                    'mount -t tmpfs none /sys/kernel && exec "$@"', "sh"])

    def test_libraries_that_are_elsewhere(self):
        """INIT executes the program anew, and has to find them too."""
        library = subprocess.run(["sh", "-c", f"ldd {harness.surroundings.driver} | "
                                              "awk '/libmnl/ {print $3}'"],
                                 capture_output=True, text=True, check=True).stdout.strip()
        place = harness.surroundings.new_path("libraries")
        os.mkdir(place)
        shutil.copy(library, place)
        sandbox = harness.Run(["sleep", "100"], prefix=["env", f"LD_LIBRARY_PATH={place}"])
        sandbox.await_log(["event", "started"])
        if harness.IS_ROOT:
            with open(f"/proc/{sandbox.pids()[1]}/maps") as maps:
                self.assertIn(place, maps.read())

    def test_a_terminal_and_a_home(self):
        self.expect_network(environment={}, start_new_session=True)


class Container(Case):
    """Root of a user namespace is not root."""

    PREFIX = ["unshare", "-Ur"]

    def test_runs(self):
        said, _ = self.inside("""
            say([os.getuid(), os.getgid()])
            say([line.split()[1] for line in open("/proc/self/status") if line[:3] == "Cap"])
            s = socket.create_connection(("93.184.216.34", 443), 5)
            say(s.makefile().readline().split()[1])
            say(attempt(socket.sethostname, "x"))
            """, prefix=self.PREFIX)
        self.assertEqual(said, [[0, 0], ["0" * 16] * 5, "93.184.216.34", "EPERM"])

    def test_the_uid_gives_no_rights_over_sysctls(self):
        said, _ = self.inside("""
            for name in ("net/ipv4/ip_unprivileged_port_start", "net/ipv4/ip_forward",
                         "net/ipv6/conf/all/forwarding", "net/ipv4/ping_group_range",
                         "kernel/shmmax", "fs/mqueue/msg_max"):
                say(attempt(open, "/proc/sys/" + name, "w"))
            s = socket.socket()
            say(attempt(s.bind, ("127.0.0.1", 1)))
            """, prefix=self.PREFIX)
        self.assertEqual(set(said), {"EACCES"})

    def test_the_hosts_sysctls_are_not_inherited(self):
        """A host that lets everybody bind low ports."""
        if not harness.IS_ROOT:
            self.skipTest("needs root")
        path = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
        with open(path, "r+") as file:
            before = file.read()
            file.write("0")
        try:
            said, _ = self.inside("""
                s = socket.socket()
                say(attempt(s.bind, ("127.0.0.1", 1)))
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                say(attempt(s.bind, ("127.0.0.1", 53)))
                """)
            self.assertEqual(said, ["EACCES"] * 2)
        finally:
            with open(path, "w") as file:
                file.write(before)
