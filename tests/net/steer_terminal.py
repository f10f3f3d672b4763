"""COMMAND on the caller's terminal."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import termios
import time
import unittest

import steer_harness as harness
from steer_harness import Case

BASH = ["bash", "--norc", "--noprofile", "-i"]


class Terminal:
    """A program on a pseudo-terminal, and somebody who types."""

    def __init__(self, command):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if harness.IS_ROOT:
                os.fchown(0, harness.UID, -1)
                os.setgroups([])
                os.setgid(harness.UID)
                os.setuid(harness.UID)
            os.chdir(harness.surroundings.home)
            os.execvpe(command[0], command, {
                "PATH": harness.PATH, "HOME": harness.surroundings.home, "PS1": "outer> ",
                "TERM": "dumb", "DRIVER": self.driver(), "LC_ALL": "C"})

    @staticmethod
    def driver():
        return (f"{harness.surroundings.driver} --env PATH={harness.PATH} --env PS1=inner>"
                f" --env HOME={harness.surroundings.home} --env TERM=dumb --env LC_ALL=C")

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, timeout):
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            chunk = os.read(self.fd, 4096)
        except OSError:
            return False
        self.seen += chunk.decode(errors="replace")
        return bool(chunk)

    def expect(self, pattern, timeout=10):
        """Waits for PATTERN in what has not been looked at yet. What was typed is seen as well, and
        before or after a prompt: patterns must not fit it (hence the quotes in what is typed)."""
        deadline = time.monotonic() + timeout
        while not (found := re.search(pattern, self.seen)):
            if time.monotonic() > deadline:
                raise AssertionError(f"no {pattern!r} in {self.seen!r}")
            self.read(0.1)
        self.seen = self.seen[found.end():]
        return found

    def end(self):
        """The status, once the terminal is left."""
        os.kill(self.pid, signal.SIGHUP)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class OnTerminal(Case):
    def setUp(self):
        super().setUp()
        self.terminals = []

    def tearDown(self):
        for terminal in self.terminals:
            terminal.end()
        super().tearDown()

    def open(self, command):
        self.terminals.append(Terminal(command))
        return self.terminals[-1]

    def outer_shell(self):
        terminal = self.open(BASH)
        terminal.expect("outer> ")
        return terminal


class Keys(OnTerminal):
    """A program that knows nothing of jobs, run by a shell that does."""

    def test_interrupt(self):
        terminal = self.outer_shell()
        terminal.type("$DRIVER sleep 1000; echo status=$?\n")
        time.sleep(0.3)
        terminal.type("\x03")
        terminal.expect(r"\^Cstatus=130\b")

    def test_quit(self):
        terminal = self.outer_shell()
        terminal.type("ulimit -c 0; $DRIVER sleep 1000; echo status=$?\n")
        time.sleep(0.3)
        terminal.type("\x1c")
        terminal.expect(r"\^\\status=131\b")

    def test_stop_and_continue(self):
        terminal = self.outer_shell()
        terminal.type("$DRIVER cat\n")
        for turn in ("one", "two"):
            time.sleep(0.3)
            terminal.type(f"{turn}\n")
            terminal.expect(f"{turn}\r\n{turn}")
            terminal.type("\x1a")
            terminal.expect("Stopped")
            terminal.expect("outer> ")
            terminal.type("echo bet''ween\n")
            terminal.expect("between")
            terminal.type("fg\n")
            terminal.expect("cat\r\n")
        terminal.type("\x04")
        terminal.expect("outer> ")

    def test_continue_in_the_background(self):
        terminal = self.outer_shell()
        terminal.type("$DRIVER sh -c 'sleep 0.7; echo slept; exit 5'; true\n")
        time.sleep(0.3)
        terminal.type("\x1a")
        terminal.expect("Stopped")
        terminal.type("bg\n")
        terminal.expect("slept")
        terminal.type("wait %1; echo status=$?\n")
        terminal.expect(r"status=5\b")

    def test_reading_in_the_background_stops(self):
        terminal = self.outer_shell()
        terminal.type("$DRIVER cat &\n")
        terminal.expect("outer> ")
        time.sleep(0.5)
        terminal.type("jobs\n")
        terminal.expect("Stopped")
        terminal.type("fg\n")
        terminal.expect("cat\r\n")
        time.sleep(0.3)
        terminal.type("back\n")
        terminal.expect("back\r\nback")
        terminal.type("\x03")
        terminal.expect("outer> ")

    def test_size(self):
        terminal = self.outer_shell()
        terminal.type("$DRIVER sh -c 'trap \"stty size; exit\" WINCH; echo ready;"
                      " while :; do sleep 0.05; done'\n")
        terminal.expect("\nready")
        fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
        terminal.expect("33 111")

    def test_the_name_of_the_terminal(self):
        terminal = self.outer_shell()
        terminal.type("$DRIVER sh -c 'tty; echo written > $(tty); echo also > /dev/tty'\n")
        terminal.expect("\n/dev/console\r\nwritten\r\nalso")

    def test_input_cannot_be_typed_for_the_caller(self):
        terminal = self.outer_shell()
        terminal.type(f"$DRIVER {harness.PYTHON} -c 'import fcntl, os\n"
                      "for path in (\"/dev/tty\", \"/dev/console\"):\n"
                      "  for call in (0x5412, 0x541c):\n"
                      "    try: fcntl.ioctl(os.open(path, os.O_RDWR), call, b\"x\")\n"
                      "    except PermissionError: print(\"refused\")\n"
                      "'\n")
        terminal.expect("(\nrefused\r){4}")
        terminal.type("echo cle''an\n")
        terminal.expect("clean")


class Jobs(OnTerminal):
    """A shell inside."""

    def try_jobs(self, shell, statuses="6"):
        terminal = self.outer_shell()
        terminal.type(f"$DRIVER {shell}\n")
        terminal.expect("inner>")
        terminal.type("sleep 1000\n")
        time.sleep(0.3)
        terminal.type("\x1a")
        terminal.expect("Stopped")
        terminal.type("fg\n")
        terminal.expect("sleep 1000\r\n")
        time.sleep(0.2)
        terminal.type("\x03")
        terminal.expect("inner>")
        terminal.type("echo status=$?\n")
        terminal.expect(r"status=130\b")
        terminal.type("sleep 0.1 & wait; echo wai''ted\n")
        terminal.expect("waited")
        terminal.type("sh -c 'kill -STOP $$'; jobs; fg; echo en''ded\n")
        terminal.expect("ended")
        terminal.type("exit 6\n")
        terminal.expect("outer> ")
        terminal.type("echo status=$?\n")
        terminal.expect(rf"status=({statuses})\b")

    def test_in_bash(self):
        self.try_jobs(" ".join(BASH))

    @unittest.skipUnless(shutil.which("dash"), "needs dash")
    def test_in_dash(self):
        # At its end it wants to give the terminal to the group that it found there, whose number
        # is unknown in its pid namespace, and complains.
        self.try_jobs("dash -i", "6|2")

    def test_no_complaint_of_bash(self):
        terminal = self.outer_shell()
        terminal.type("$DRIVER bash --norc --noprofile -i\n")
        found = terminal.expect("(?s)(.*)inner>")
        self.assertNotIn("job control", found.group(1))
        terminal.type("exit\n")
        terminal.expect("outer> ")

    def test_the_terminal_comes_back_to_a_script(self):
        """Which has no job control to take it back with."""
        terminal = self.open(["sh", "-c", "$DRIVER bash --norc --noprofile -i; echo next;"
                                          " read line; echo got $line"])
        terminal.expect("inner>")
        terminal.type("exit\n")
        terminal.expect("\nnext")
        terminal.type("text\n")
        terminal.expect("\ngot text")

    def test_killing_the_supervisor_leaves_the_terminal_usable(self):
        terminal = self.outer_shell()
        terminal.type(f"$DRIVER {' '.join(BASH)}\n")
        terminal.expect("inner>")
        terminal.type("echo\n")
        terminal.expect("inner>")
        log = os.popen(f"pgrep -P {terminal.pid} -x steer_driver").read().split()
        self.assertEqual(len(log), 1)
        os.kill(int(log[0]), signal.SIGKILL)
        terminal.expect("outer> ")
        terminal.type("echo ali''ve\n")
        terminal.expect("alive")
