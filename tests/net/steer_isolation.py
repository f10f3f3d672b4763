"""What COMMAND may do beside the network."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import unittest

import steer_harness as harness
from steer_harness import Case, needs_root

LANDLOCK_CREATE_RULESET = 444
SIGNAL_SCOPE_ABI = 6


def landlock_version():
    return harness.libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, 1)


class Rights(Case):
    def test_there_are_none(self):
        said, _ = self.inside("""
            say({line.split(":")[0]: line.split()[1] for line in open("/proc/self/status")
                 if line[:3] in ("Cap", "NoN", "Sec")})
            """)
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(said[name], 16), 0)
        self.assertEqual((said["NoNewPrivs"], said["Seccomp"]), ("1", "2"))

    def test_the_user_is_the_callers(self):
        said, _ = self.inside("say([os.getuid(), os.getgid(), os.geteuid(), os.getegid()])")
        wanted = [harness.UID] * 4 if harness.IS_ROOT else [
            os.getuid(), os.getgid(), os.geteuid(), os.getegid()]
        self.assertEqual(said, wanted)

    def test_other_users_cannot_be_had(self):
        said, _ = self.inside("""
            say(attempt(os.setgroups, []))
            say(attempt(os.setuid, 0))
            say(attempt(os.chroot, "/tmp"))
            say(attempt(socket.sethostname, "x"))
            """)
        self.assertEqual(said[0], "EPERM")
        self.assertIn(said[1], ("EPERM", "EINVAL"))
        self.assertEqual(said[2:], ["EPERM"] * 2)

    def test_the_environment_is_the_plans(self):
        done = harness.run(["env"], environment={"A": "1", "PATH": harness.PATH, "B": "x=y z"})
        self.assertEqual(sorted(done.out.splitlines()),
                         sorted(["A=1", f"PATH={harness.PATH}", "B=x=y z"]))

    def test_no_descriptor_leaks(self):
        reader, writer = os.pipe()
        done = harness.run(["ls", "/proc/self/fd"], pass_fds=(reader, writer))
        self.assertEqual(done.out.split(), ["0", "1", "2", "3"], done.err)  # 3 is the listing's
        os.close(reader)
        os.close(writer)

    def test_limits_are_the_callers(self):
        done = harness.run(["sh", "-c", "ulimit -n; ulimit -u"],
                           prefix=["sh", "-c", 'ulimit -n 500; exec "$@"', "sh"])
        self.assertEqual(done.out.split()[0], "500")


class Processes(Case):
    def test_none_but_its_own_are_seen(self):
        done = harness.run(["sh", "-c", "ls /proc | grep '^[0-9]' | sort -n | head -c 100; ps ax"])
        self.assertLessEqual(len(re.findall(r"^\d+$", done.out, re.M)), 8)
        self.assertNotIn("steer_driver", done.out)
        self.assertIn("sallyport-init", done.out)

    def test_init_shows_nothing_of_the_supervisor(self):
        said, _ = self.inside("""
            say(open("/proc/1/cmdline").read().rstrip("\\0"))
            for name in ("environ", "mem", "maps", "auxv", "stack", "syscall", "fd", "exe", "root",
                         "cwd", "ns/net", "fdinfo", "map_files", "personality", "io"):
                path = f"/proc/1/{name}"
                look = (os.listdir if name in ("fd", "fdinfo", "map_files") else os.readlink
                        if name in ("exe", "root", "cwd", "ns/net") else lambda p: open(p).read(1))
                result = attempt(look, path)
                if result not in ("EACCES", "EPERM", "ENOENT"):
                    say([name, result])
            """)
        self.assertTrue(said.startswith("sallyport-init\0"), said)

    def test_init_forgets_the_environment(self):
        """Its memory is looked into from outside."""
        if not harness.IS_ROOT:
            self.skipTest("needs root to look into a process that is not dumpable")
        user = harness.surroundings.as_user()
        user["env"] = {**user["env"], "SECRET": "hunter2-in-the-environment"}
        sandbox = harness.Run(["sleep", "100"], **user)
        supervisor, init, _ = sandbox.pids()
        sandbox.await_log(["event", "started"])
        needle = b"hunter2-in-the-environment"
        self.assertIn(needle, self.memory(supervisor))
        self.assertNotIn(needle, self.memory(init))
        sandbox.process.kill()
        sandbox.finish()

    @needs_root
    def test_init_holds_nothing_but_its_three_descriptors(self):
        reader, writer = os.pipe()
        sandbox = harness.Run(["sleep", "100"], pass_fds=(reader, writer))
        sandbox.await_log(["event", "started"])
        init = sandbox.pids()[1]
        held = [os.readlink(f"/proc/{init}/fd/{fd}") for fd in os.listdir(f"/proc/{init}/fd")]
        self.assertEqual(sorted(name.split(":")[0] for name in held),
                         ["/dev/null"] * 3 + ["anon_inode", "socket"])
        os.close(reader)
        os.close(writer)

    @needs_root
    def test_init_is_in_the_user_namespace_above(self):
        sandbox = harness.Run(["sleep", "100"])
        sandbox.await_log(["event", "started"])
        init = sandbox.pids()[1]
        command = harness.family_of(init)[1]
        inner, outer, net = (os.readlink(f"/proc/{pid}/ns/{kind}") for pid, kind in
                             ((command, "user"), (init, "user"), (init, "net")))
        self.assertNotEqual(inner, outer)
        self.assertEqual(os.readlink(f"/proc/{command}/ns/net"), net)

    @staticmethod
    def memory(pid):
        found = b""
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
            for line in maps:
                span = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                if not span:
                    continue
                start, end = (int(part, 16) for part in span.groups())
                if end - start > 1 << 30:
                    continue  # a sanitizer's shadow
                with contextlib.suppress(OSError):
                    memory.seek(start)
                    found += memory.read(end - start)
        return found

    def test_init_cannot_be_touched(self):
        said, _ = self.inside("""
            import signal
            for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGSEGV,
                           signal.SIGCHLD, signal.SIGRTMIN):
                attempt(os.kill, 1, number)
            say(syscall(101, 16, 1, 0, 0))                      # PTRACE_ATTACH
            say(syscall(101, 0x4206, 1, 0, 0))                  # PTRACE_SEIZE
            say(syscall(302, 1, 7, 0, 0))                       # prlimit64
            say(syscall(302, (1 << 32) + 1, 7, 0, 0))
            fd = syscall(434, 1, 0)                             # pidfd_open
            say(syscall(438, fd, 0, 0) if isinstance(fd, int) else fd)  # pidfd_getfd
            say(syscall(308, fd, 0x40000000) if isinstance(fd, int) else fd)  # setns
            time.sleep(0.1)
            os.kill(os.getpid(), 0)
            """)
        self.assertEqual(set(said), {"EPERM"})

    @unittest.skipUnless(landlock_version() >= SIGNAL_SCOPE_ABI, "needs Landlock with signal scope")
    def test_signals_stay_inside(self):
        """COMMAND is in the supervisor's process group."""
        sandbox = harness.Run(harness.script("""
            import signal
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            say(attempt(os.kill, 0, signal.SIGTERM))
            say(attempt(os.kill, 1, signal.SIGTERM))
            sys.exit(7)
            """), start_new_session=True)
        sandbox.finish()
        self.assertEqual(sandbox.out, '"ok"\n"EPERM"\n', sandbox.err)
        self.assertEqual(sandbox.status, 7)

    def test_its_own_can_be_traced_and_listed(self):
        for command in (["strace", "-f", "-o", "/dev/null", "true"],
                        ["gdb", "-q", "-batch", "-ex", "run", "/bin/true"]):
            if not shutil.which(command[0], path=harness.PATH):
                continue
            done = harness.run(command)
            self.assertEqual(done.status, 0, done.err)

    def test_memory_shared_with_the_host_is_not(self):
        name = f"/dev/shm/sallyport-net-{os.getpid()}"
        with open(name, "w") as file:
            file.write("x")
        try:
            said, _ = self.inside(f"""
                say(os.path.exists({name!r}))
                say(os.listdir("/dev/shm"))
                open("/dev/shm/mine", "w").write("x")
                say(open("/proc/sysvipc/shm").read().count("\\n"))
                """.replace("                ", ""))
            self.assertEqual(said, [False, [], 1])
            self.assertFalse(os.path.exists("/dev/shm/mine"))
        finally:
            os.unlink(name)


class Calls(Case):
    def test_families_of_sockets(self):
        said, _ = self.inside("""
            for family in range(64):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
                    result = syscall(41, family, kind, 0)
                    if result != "EAFNOSUPPORT":
                        say(family)
            """)
        self.assertEqual(set(said), {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6,
                                     socket.AF_NETLINK})

    def test_bits_above_an_argument_do_not_help(self):
        """The kernel looks at 32 of 64 bits."""
        said, _ = self.inside("""
            for family in (40, 17, 38, 31, 44):
                for bit in (32, 33, 47, 63):
                    say(syscall(41, family | 1 << bit if bit < 63 else family - (1 << 63), 1, 0))
                    say(syscall(53, family | 1 << bit if bit < 63 else family - (1 << 63), 1, 0, 0))
            """)
        self.assertEqual(set(said), {"EAFNOSUPPORT"})

    def test_a_family_with_bits_above_still_works(self):
        said, _ = self.inside("say(type(syscall(41, 2 | 1 << 40, 1, 0)).__name__)")
        self.assertEqual(said, "int")

    def test_netlink_protocols(self):
        said, _ = self.inside("""
            for protocol in range(32):
                if syscall(41, 16, 3, protocol) != "EPROTONOSUPPORT":
                    say(protocol)
                if syscall(41, 16 | 1 << 35, 3, protocol | 1 << 36) != "EPROTONOSUPPORT":
                    say(protocol)
            """)
        self.assertLessEqual(set(said), {0, 4, 15})
        self.assertIn(0, said)

    @unittest.skipUnless(os.uname().machine == "x86_64", "machine code for x86-64")
    def test_calls_of_32_bit_programs(self):
        said, _ = self.inside("""
            import mmap
            def call(number, *arguments):
                '''By int $0x80, which takes the numbers of i386.'''
                ebx, ecx, edx = (list(arguments) + [0, 0, 0])[:3]
                code = (b"\\x53\\xb8" + struct.pack("<I", number) + b"\\xbb" + struct.pack("<I", ebx)
                        + b"\\xb9" + struct.pack("<I", ecx) + b"\\xba" + struct.pack("<I", edx)
                        + b"\\xcd\\x80\\x5b\\xc3")
                page = mmap.mmap(-1, 4096, prot=7)
                page.write(code)
                function = ctypes.CFUNCTYPE(ctypes.c_int)(
                    ctypes.addressof(ctypes.c_char.from_buffer(page)))
                result = function()
                return errno.errorcode[-result] if result < 0 else "ok"
            say(call(20))                     # getpid: are there such calls at all?
            say(call(102, 1, 0))              # socketcall
            say(call(359, 40, 1, 0))          # socket, AF_VSOCK
            say(call(359, 17, 3, 0))          # socket, AF_PACKET
            say(call(360, 40, 1, 0))          # socketpair
            say(call(359, 2, 1, 0))           # socket, AF_INET
            say(call(54, 0, 0x5412, 0))       # ioctl, TIOCSTI
            say(call(425, 1, 0))              # io_uring_setup
            say(call(288, 0))                 # keyctl
            """)
        if said[0] == "ENOSYS":
            self.skipTest("this kernel runs no 32-bit programs")
        self.assertEqual(said, ["ok", "ENOSYS", "EAFNOSUPPORT", "EAFNOSUPPORT", "EAFNOSUPPORT", "ok",
                                "EPERM", "ENOSYS", "ENOSYS"])

    @unittest.skipUnless(os.uname().machine == "x86_64", "numbers of x86-64")
    def test_calls_that_lead_around(self):
        said, _ = self.inside("""
            X32 = 0x40000000
            say([syscall(n, 0, 0, 0) for n in (425, 426, 427)])            # io_uring
            say([syscall(n, 0, 0, 0, 0, 0) for n in (248, 249, 250)])      # keys
            say([syscall(n, 0, 0, 0, 0, 0) for n in (321, 298, 323, 304, 103)])
            say([syscall(16, 0, n, 0) for n in (0x5412, 0x541c, 0x5423)])  # ioctl
            say([syscall(16, 0, n | 1 << 32, 0) for n in (0x5412, 0x541c, 0x5423)])
            say([syscall(X32 | n, 40, 1, 0) for n in (41, 16, 39)])
            """)
        self.assertEqual(said, [["ENOSYS"] * 3, ["ENOSYS"] * 3, ["EPERM"] * 5, ["EPERM"] * 3,
                                ["EPERM"] * 3, ["ENOSYS"] * 3])


class Files(Case):
    def setUp(self):
        super().setUp()
        self.place = harness.surroundings.new_path("files")
        os.mkdir(self.place)
        self.make("secret.env", "KEY=value\n")
        self.make("policy.yaml", "sallyport: 1\n")
        os.mkdir(f"{self.place}/audit")
        self.make("audit/log", "entries\n")
        for path, directories, files in os.walk(self.place):
            for name in [path] + [os.path.join(path, n) for n in directories + files]:
                harness.surroundings.own(name)

    def make(self, name, text):
        with open(f"{self.place}/{name}", "w") as file:
            file.write(text)

    def masks(self):
        return ["--mask", f"{self.place}/secret.env", "--mask", f"{self.place}/audit",
                "--mask", "/no/such/place", "--read-only", f"{self.place}/policy.yaml",
                "--read-only", "/no/such/place"]

    def test_masked_files_are_empty_and_unreadable(self):
        said, _ = self.inside(f"""
            os.chdir({self.place!r})
            say(attempt(open, "secret.env"))
            say(os.stat("secret.env").st_size)
            say(attempt(os.chmod, "secret.env", 0o644))
            say(os.listdir("audit"))
            say(attempt(open, "audit/new", "w"))
            say(attempt(os.chmod, "audit", 0o755))
            """, self.masks())
        self.assertEqual(said, ["EACCES", 0, "EROFS", [], "EROFS", "EROFS"])

    def test_masks_cannot_be_taken_away(self):
        said, _ = self.inside(f"""
            os.chdir({self.place!r})
            for name in ("secret.env", "audit", "policy.yaml"):
                say(attempt(os.rename, name, "moved"))
                say(attempt(os.rmdir if name == "audit" else os.unlink, name))
            say(syscall(166, b"secret.env", 2))  # umount2
            say(attempt(os.rename, {self.place!r}, {self.place!r} + "-moved"))
            say(attempt(os.rename, os.path.dirname({self.place!r}), "/tmp/moved"))
            """, self.masks())
        self.assertEqual(said[:-1], ["EBUSY"] * 6 + ["EPERM", "EBUSY"])
        self.assertIn(said[-1], ("EBUSY", "EACCES", "EPERM", "EXDEV"))

    def test_masks_hold_in_namespaces_below(self):
        """Where COMMAND is root and mounts as it likes."""
        below = f"""
            cd {self.place}
            try() {{ "$@" 2>/dev/null; grep -rsh -e KEY= -e entries {self.place} /tmp/over /mnt; }}
            try umount secret.env
            try umount -l secret.env
            try umount -l {self.place}/audit
            try umount -R /
            try mount --move secret.env /dev/null
            try mount --bind / /mnt
            try mount --bind {self.place} /mnt
            try mount --rbind {self.place} /mnt
            try mount --bind {os.path.dirname(self.place)} /mnt
            try umount -l /mnt/secret.env
            try mount -t overlay -o lowerdir={self.place}:/etc overlay /mnt
            try mount -o remount,bind,rw policy.yaml
            try mount --make-rshared /
            echo broken >> policy.yaml && cat policy.yaml
            try python3 -c 'import ctypes; l = ctypes.CDLL(None)
            f = l.syscall(428, -100, b"{self.place}", 1)
            l.syscall(429, f, b"", -100, b"/mnt", 4)'
            true
            """
        for prefix in (["unshare", "-Urm"], ["unshare", "-Urmpf"], ["unshare", "-Ur", "unshare", "-m"]):
            done = harness.run([*prefix, "sh", "-c", below], self.masks())
            self.assertEqual((done.status, done.out), (0, ""), done.err)

    def test_a_handle_does_not_lead_past_a_mask(self):
        said, _ = self.inside("""
            handle = ctypes.create_string_buffer(struct.pack("Ii", 8, 1) + bytes(8))
            say(syscall(304, os.open("/", os.O_RDONLY), handle, 0))
            """)
        self.assertEqual(said, "EPERM")

    def test_protected_files_are_read_only(self):
        said, _ = self.inside(f"""
            os.chdir({self.place!r})
            say(open("policy.yaml").read())
            say(attempt(open, "policy.yaml", "w"))
            say(attempt(os.chmod, "policy.yaml", 0o666))
            say(attempt(os.truncate, "policy.yaml", 0))
            """, self.masks())
        self.assertEqual(said, ["sallyport: 1\n"] + ["EROFS"] * 3)

    def test_the_rest_is_shared(self):
        said, _ = self.inside(f"open({self.place!r} + '/new', 'w').write('x'); say(1)")
        self.assertEqual(said, 1)
        self.assertTrue(os.path.exists(f"{self.place}/new"))

    def test_files_of_the_plan_are_seen(self):
        said, _ = self.inside("""
            say(open("/run/sallyport/ca.pem").read())
            say(oct(os.stat("/run/sallyport/ca.pem").st_mode & 0o777))
            say(attempt(open, "/run/sallyport/ca.pem", "w"))
            say(attempt(os.chmod, "/run/sallyport/ca.pem", 0o600))
            say(attempt(os.unlink, "/run/sallyport/ca.pem"))
            say(attempt(os.rename, "/run/sallyport", "/run/other"))
            """, ["--file", "ca.pem=the text"])
        self.assertEqual(said, ["the text", "0o444", "EROFS", "EROFS", "EROFS", "EBUSY"])

    def test_overlays_replace_what_exists(self):
        os.symlink("policy.yaml", f"{self.place}/link")
        said, _ = self.inside(f"""
            for name in ("policy.yaml", "link"):
                say(open({self.place!r} + "/" + name).read())
            say(os.path.exists("/no/such/bundle.pem"))
            """, ["--file", "ca.pem=ours", "--overlay", f"{self.place}/link=ca.pem", "--overlay",
                  f"{self.place}/policy.yaml=ca.pem", "--overlay", "/no/such/bundle.pem=ca.pem"])
        self.assertEqual(said, ["ours", "ours", False])
        with open(f"{self.place}/policy.yaml") as file:
            self.assertEqual(file.read(), "sallyport: 1\n")

    def test_runtime_directories_are_new(self):
        runtime = f"{self.place}/runtime"
        os.mkdir(runtime)
        harness.surroundings.own(runtime)
        self.make("runtime/bus", "")
        said, _ = self.inside(f"""
            say(sorted(os.listdir("/run")))
            say(os.listdir({runtime!r}))
            open({runtime!r} + "/mine", "w")
            open("/run/mine", "w")
            open("/var/run/mine")
            """, environment={"XDG_RUNTIME_DIR": runtime})
        self.assertEqual(said, [["lock", "sallyport", "user"], []])
        self.assertEqual(os.listdir(runtime), ["bus"])

    def test_devices_are_few(self):
        said, _ = self.inside("""
            say(sorted(os.listdir("/dev")))
            say(os.listdir("/dev/pts"))
            open("/dev/null", "w").write("x")
            say(len(open("/dev/urandom", "rb").read(10)))
            say(attempt(open, "/dev/new", "w"))
            say(attempt(os.unlink, "/dev/null"))
            master, slave = os.openpty()
            say(os.ttyname(slave))
            """)
        self.assertLessEqual(set(said[0]), {
            "console", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr",
            "stdin", "stdout", "tty", "urandom", "zero"})
        self.assertEqual(said[1:], [["ptmx"], 10, "EROFS", "EROFS", "/dev/pts/0"])

    def test_sys_is_its_own_and_read_only(self):
        said, _ = self.inside("""
            say(os.listdir("/sys/class/net"))
            say([line.split()[1] for line in open("/proc/self/mounts")
                 if line.split()[1].startswith("/sys") and "ro" in line.split()[3].split(",")
                 or line.split()[1] == "/sys"][-1:])
            say(attempt(open, "/sys/fs/cgroup/cgroup.procs", "w"))
            """)
        self.assertEqual(said[0], ["lo"])
        self.assertIn(said[2], ("EROFS", "EACCES", "ENOENT"))

    def test_settings_of_the_kernel_cannot_be_changed(self):
        said, _ = self.inside("""
            found = ["/proc/sysrq-trigger"]
            for place, _, names in os.walk("/proc/sys"):
                found += [os.path.join(place, name) for name in names]
            for path in found:
                try:
                    value = open(path).read()
                except OSError:
                    value = ""
                try:
                    with open(path, "w") as file:
                        file.write(value)
                    say(path)
                except OSError:
                    pass
            say("end")
            """)
        self.assertEqual(said, "end")


class Sockets(Case):
    """Of the host, with a path."""

    def setUp(self):
        super().setUp()
        self.place = harness.surroundings.new_path("sockets")
        os.mkdir(self.place)
        os.chmod(self.place, 0o777)
        self.opened = []

    def tearDown(self):
        for opened in self.opened:
            opened.close()
        super().tearDown()

    def listen(self, path, kind=socket.SOCK_STREAM):
        listener = socket.socket(socket.AF_UNIX, kind)
        listener.bind(path)
        if not path.startswith("\0"):
            os.chmod(path, 0o777)
        if kind != socket.SOCK_DGRAM:
            listener.listen()
        self.opened.append(listener)
        return path

    CONNECT = """
        for path, kind in PATHS:
            s = socket.socket(socket.AF_UNIX, kind)
            say(attempt(s.connect, path))
        """

    def connect(self, *paths):
        code = f"PATHS = {[(p, int(k)) for p, k in paths]}\n" + "\n".join(
            line[8:] for line in self.CONNECT.splitlines())
        return self.inside(code)[0]

    def test_are_not_reached(self):
        stream = self.listen(f"{self.place}/stream")
        packets = self.listen(f"{self.place}/packets", socket.SOCK_SEQPACKET)
        datagrams = self.listen(f"{self.place}/with space", socket.SOCK_DGRAM)
        said = self.connect((stream, socket.SOCK_STREAM), (packets, socket.SOCK_SEQPACKET),
                            (datagrams, socket.SOCK_DGRAM))
        self.assertEqual(said, ["ECONNREFUSED"] * 3)

    def test_are_not_reached_from_namespaces_below(self):
        path = self.listen(f"{self.place}/stream")
        done = harness.run(["unshare", "-Urm", "sh", "-c", f"""
            umount -l {path}; mount --rbind {self.place} /mnt; rm -f {path}
            {harness.PYTHON} -c 'import socket
            for p in ("{path}", "/mnt/stream"):
                try:
                    socket.socket(socket.AF_UNIX).connect(p)
                    print("connected")
                except OSError:
                    pass
            '""".replace("\n            ", "\n")])
        self.assertEqual(done.out, "", done.err)
        self.assertTrue(os.path.exists(path))

    def test_abstract_names_are_the_sandboxs_own(self):
        name = f"\0sallyport-net-{os.getpid()}"
        self.listen(name)
        said = self.connect((name, socket.SOCK_STREAM), ("/" + name[1:], socket.SOCK_STREAM))
        self.assertEqual(said, ["ECONNREFUSED", "ENOENT"])

    def test_inside_both_kinds_work(self):
        said, _ = self.inside(f"""
            for name in ({self.place!r} + "/own", "\\0own"):
                server = socket.socket(socket.AF_UNIX)
                server.bind(name)
                server.listen()
                say(attempt(socket.socket(socket.AF_UNIX).connect, name))
            """)
        self.assertEqual(said, ["ok", "ok"])

    def test_directories_of_sockets_are_covered_whole(self):
        uid = harness.UID if harness.IS_ROOT else os.getuid()
        directory = f"/tmp/tmux-{uid}"
        if os.path.exists(directory):
            self.skipTest(f"{directory} is somebody's")
        os.mkdir(directory, 0o700)
        harness.surroundings.own(directory)
        try:
            sandbox = harness.Run(["sh", "-c", f"read go; ls -A {directory}; echo > {directory}/x"],
                                  stdin=subprocess.PIPE)
            sandbox.await_log(["event", "started"])
            self.listen(f"{directory}/default")
            sandbox.process.stdin.write("go\n")
            sandbox.finish()
            self.assertEqual((sandbox.status, sandbox.out), (0, ""), sandbox.err)
            self.assertEqual(os.listdir(directory), ["default"])
        finally:
            shutil.rmtree(directory)


class Streams(Case):
    """Standard streams that would lead out are refused."""

    def refuse(self, wanted, **arguments):
        done = harness.run(["true"], **arguments)
        self.assertEqual(done.status, 125)
        self.assertIn(wanted, done.err)

    def test_a_directory(self):
        fd = os.open("/", os.O_RDONLY)
        self.refuse("standard input is a directory", stdin=fd)
        os.close(fd)

    def test_a_network_socket(self):
        with socket.socket() as plain:
            self.refuse("standard input is a network socket", stdin=plain)
            self.refuse("standard output is a network socket", stdout=plain)

    def test_a_datagram_socket(self):
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.refuse("standard input is a network socket", stdin=one)
        one.close()
        other.close()

    def test_a_closed_one_becomes_null(self):
        done = harness.run(["sh", "-c", "ls -l /proc/$$/fd/ | grep -c /dev/null"],
                           prefix=["sh", "-c", 'exec "$@" <&- 2>&-', "sh"])
        self.assertEqual((done.status, done.out), (0, "2\n"))

    def test_a_pair_of_stream_sockets_passes(self):
        one, other = socket.socketpair()
        done = harness.run(["echo", "x"], stdout=one)
        self.assertEqual(done.status, 0)
        self.assertEqual(other.recv(10), b"x\n")
        one.close()
        other.close()
