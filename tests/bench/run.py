#!/usr/bin/python3
"""What Sallyport costs, beside nginx as a TLS-to-TLS reverse proxy, in one run on one machine.

Both open the client's TLS, judge or match, replace one field of the request, and open TLS to the same origin from a pool. Sallyport
does it as `sallyport run` does: an ordinary user's sandbox, the client inside, policy, placeholder scan and a record for each
request; the processor time of its supervisor, which writes the log, is counted.

    tests/bench/run.py [--quick] [--rounds N] [--build build/release] [--out FILE]

As root (it makes network namespaces). The proxy has a processor for itself; clients and origin share the other. The figure is
the processor time of the proxy's processes, user and system; cells are medians over the rounds, with the least and the greatest.
"""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from lab import sandbox as lab_sandbox  # noqa: E402
from lab.namespaces import end, wait_until  # noqa: E402
from lab.origins import Nginx  # noqa: E402
from lab.world import World  # noqa: E402

PROXY_CPU, OTHER_CPU = 1, 0
HOST = "origin.example.com"
SECRET = "sk-83b1f6d20c9e4a57b7e0c1d92f4a6835b7e0c1d92f"
GB = 10 ** 9


def on_cpu(cpu, argv):
    return ["taskset", "-c", str(cpu), *map(str, argv)]


def cpu_s(pids):
    """Processor seconds of the processes, by their clocks, with their ended children."""
    total, tick = 0.0, os.sysconf("SC_CLK_TCK")
    for pid in pids:
        try:
            total += time.clock_gettime((~pid << 3) | 2)
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[13]) + int(fields[14])) / tick
        except OSError:
            continue
    return total


def pss_kib(pids):
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss: +(\d+)", text, re.M)[1])
    return total


def children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Sallyport:
    name = "Sallyport"

    def __init__(self, world, origin):
        self.box = lab_sandbox.Sandbox(world, f"""
secrets:
  SECRET: {{from: env, use: [{{at: "https://{HOST}:443/**", slot: header Authorization}}]}}
rules:
  - allow: ["https://{HOST}/**", "https://{HOST}:444/**", "https://{HOST}:445/**"]
""")
        argv = on_cpu(PROXY_CPU, self.box.command(["sleep", "100000"]))
        self.process = subprocess.Popen(argv, env=self.box.environment({"SECRET": SECRET}), cwd="/")
        self.pids = wait_until(self._find, what="Sallyport")
        self.prefix = self._prefix()
        self.ca = self.box.dir / "ca.pem"

    def _find(self):
        family = children(self.process.pid)
        own = os.readlink(f"/proc/{self.process.pid}/ns/net")
        inits = [p for p in family if os.readlink(f"/proc/{p}/ns/net") != own]
        if len(family) < 2 or not inits or not children(inits[0]):
            return None
        self.init, self.sleeper = inits[0], children(inits[0])[0]
        if Path(f"/proc/{self.sleeper}/cmdline").read_bytes().startswith(b"sleep"):
            return [self.process.pid, *family]
        return None

    def _prefix(self):
        for name, source in (("ca.pem", "run/sallyport/ca.pem"), ("resolv.conf", "etc/resolv.conf")):
            (self.box.dir / name).write_bytes(Path(f"/proc/{self.init}/root/{source}").read_bytes())
        script = f"mount --bind {self.box.dir}/resolv.conf /etc/resolv.conf && exec \"$@\""
        return ["nsenter", "--target", str(self.init), "--net", "unshare", "--mount", "sh", "-c", script, "sh"]

    def token(self):
        entries = Path(f"/proc/{self.sleeper}/environ").read_bytes().split(b"\0")
        return next(e for e in entries if e.startswith(b"SECRET="))[7:].decode()

    def port(self, kind):
        return {"pooled": 443, "resumed": 444, "full": 445}[kind]

    def close(self):
        end(self.process)


class NginxProxy:
    """One worker, an upstream pool, the origin verified, one field replaced by a map."""
    name = "nginx"

    def __init__(self, world, origin):
        self.dir = world.dir / "nginx-proxy"
        self.dir.mkdir(exist_ok=True)
        certificate, key = world.pair(HOST)
        common = f"proxy_ssl_server_name on; proxy_ssl_name {HOST}; proxy_ssl_verify on; " \
                 f"proxy_ssl_trusted_certificate {world.ca}; proxy_ssl_protocols TLSv1.3; proxy_http_version 1.1; " \
                 "proxy_set_header Host $http_host; proxy_set_header Authorization $swapped; proxy_buffering off; " \
                 "proxy_request_buffering off; client_max_body_size 0;"
        servers = ""
        for port, upstream, extra in ((443, "pool", 'proxy_set_header Connection "";'),
                                      (444, "resumed", "proxy_ssl_session_reuse on;"),
                                      (445, "full", "proxy_ssl_session_reuse off;")):
            servers += f"""
  server {{ listen 127.0.0.2:{port} ssl; server_name {HOST}; ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_protocols TLSv1.3; location / {{ proxy_pass https://{upstream}; {common} {extra} }} }}"""
        (self.dir / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {self.dir}/pid; error_log {self.dir}/error.log warn; user root; worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {self.dir}/b; proxy_temp_path {self.dir}/p;
  fastcgi_temp_path {self.dir}/f; uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/s;
  map $http_authorization $swapped {{ "Bearer placeholder-0123456789abcdef" "Bearer {SECRET}"; default $http_authorization; }}
  upstream pool {{ server {origin.address}:443; keepalive 512; keepalive_requests 1000000; }}
  upstream resumed {{ server {origin.address}:444; }}
  upstream full {{ server {origin.address}:445; }}
  {servers} }}
""")
        self.hosts = self.dir / "hosts"
        self.hosts.write_text(f"127.0.0.1 localhost\n127.0.0.2 {HOST}\n")
        self.ca = world.ca
        argv = ["nginx", "-p", self.dir, "-e", self.dir / "error.log", "-c", self.dir / "nginx.conf"]
        self.process = subprocess.Popen(on_cpu(PROXY_CPU, argv))
        self.pids = [self.process.pid, *wait_until(lambda: children(self.process.pid), what="nginx")]
        self.prefix = ["unshare", "--mount", "sh", "-c", f"mount --bind {self.hosts} /etc/hosts && exec \"$@\"", "sh"]

    def token(self):
        return "placeholder-0123456789abcdef"

    def port(self, kind):
        return {"pooled": 443, "resumed": 444, "full": 445}[kind]

    def close(self):
        end(self.process)


class Bench:
    def __init__(self, world, origin, client, quick):
        self.world, self.origin, self.client, self.quick = world, origin, client, quick
        self.samples = {}

    def note(self, proxy, workload, value):
        self.samples.setdefault(workload, {}).setdefault(proxy.name, []).append(value)

    def inside(self, proxy, argv, **options):
        result = subprocess.run(on_cpu(OTHER_CPU, [*proxy.prefix, *argv]), capture_output=True, text=True, **options)
        if result.returncode:
            raise SystemExit(f"{proxy.name}: {' '.join(map(str, argv))}: {result.stderr or result.stdout}")
        return result.stdout

    def wrk(self, proxy, connections, seconds, token=None):
        field = ["-H", f"Authorization: Bearer {token}"] if token else []
        out = self.inside(proxy, ["wrk", "-t", 1, "-c", connections, "-d", f"{seconds}s", "--latency", *field,
                                  f"https://{HOST}{'/auth' if token else '/1k'}"])
        if "Non-2xx" in out or "Socket errors" in out:
            raise SystemExit(f"{proxy.name}: {out}")
        count = int(re.search(r"(\d+) requests in", out)[1])
        p50 = re.search(r"50%\s+([\d.]+)(us|ms|s)", out)
        return count, float(p50[1]) * {"us": 1, "ms": 1000, "s": 1e6}[p50[2]]

    def keepalive(self, proxy, name, token=None):
        seconds = 2 if self.quick else 6
        self.wrk(proxy, 64, 1, token)
        before = cpu_s(proxy.pids)
        count, _ = self.wrk(proxy, 64, seconds, token)
        self.note(proxy, name, (cpu_s(proxy.pids) - before) / count * 1e6)

    def new_connections(self, proxy, kind):
        count = 400 if self.quick else 2000
        argv = [self.client, "new", HOST, proxy.port(kind), proxy.ca]
        self.inside(proxy, [*argv, 16, 4])
        before = cpu_s(proxy.pids)
        done = int(self.inside(proxy, [*argv, count, 8]))
        self.note(proxy, f"new connection, upstream {kind}", (cpu_s(proxy.pids) - before) / done * 1e6)

    def bulk(self, proxy):
        size = (256 if self.quick else 1024) << 20
        before = cpu_s(proxy.pids)
        self.inside(proxy, ["curl", "-sS", "-o", "/dev/null", "--cacert", proxy.ca, "-r", f"0-{size - 1}", f"https://{HOST}/big"])
        self.note(proxy, "download", (cpu_s(proxy.pids) - before) / size * GB * 1e3)
        before = cpu_s(proxy.pids)
        self.inside(proxy, ["sh", "-c", f"head -c {size // 2} /dev/zero | curl -sS -o /dev/null --cacert {proxy.ca} -T - "
                                        f"-H 'Content-Length: {size // 2}' -H 'Transfer-Encoding:' https://{HOST}/upload"])
        self.note(proxy, "upload", (cpu_s(proxy.pids) - before) / (size // 2) * GB * 1e3)

    def idle(self, proxy):
        count = 200 if self.quick else 1000
        self.inside(proxy, [self.client, "new", HOST, 443, proxy.ca, 20, 1])
        before = pss_kib(proxy.pids)
        holder = subprocess.Popen(on_cpu(OTHER_CPU, [*proxy.prefix, self.client, "hold", HOST, 443, proxy.ca, count]),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if holder.stdout.readline() != "held\n":
            raise SystemExit(f"{proxy.name}: idle connections could not be held")
        time.sleep(0.5)
        self.note(proxy, "idle connection", (pss_kib(proxy.pids) - before) / count)
        holder.communicate("")

    def latency(self, proxy):
        self.wrk(proxy, 1, 1)
        _, p50 = self.wrk(proxy, 1, 2 if self.quick else 5)
        self.note(proxy, "p50, one connection", p50)

    def round(self, proxy_class):
        proxy = proxy_class(self.world, self.origin)
        try:
            self.idle(proxy)
            self.keepalive(proxy, "request")
            self.keepalive(proxy, "request, field replaced", proxy.token())
            for kind in ("pooled", "resumed", "full"):
                self.new_connections(proxy, kind)
            self.bulk(proxy)
            self.latency(proxy)
        finally:
            proxy.close()


ROWS = [("request", "µs of processor"), ("request, field replaced", "µs of processor"),
        ("new connection, upstream pooled", "µs of processor"), ("new connection, upstream resumed", "µs of processor"),
        ("new connection, upstream full", "µs of processor"), ("download", "ms of processor per GB"),
        ("upload", "ms of processor per GB"), ("idle connection", "KiB"), ("p50, one connection", "µs")]


def cell(values):
    digits = 1 if statistics.median(values) < 100 else 0
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


def table(samples):
    lines = ["| | unit | Sallyport | nginx | ratio of medians |", "|---|---|---|---|---|"]
    for row, unit in ROWS:
        ours, theirs = samples[row]["Sallyport"], samples[row]["nginx"]
        ratio = statistics.median(ours) / statistics.median(theirs)
        lines.append(f"| {row} | {unit} | {cell(ours)} | {cell(theirs)} | {ratio:.2f} |")
    return "\n".join(lines)


def machine(rounds):
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=False).stdout.split(" (")[0].strip()
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False).stderr.strip().split(": ")[-1]
    return f"{os.cpu_count()} processors ({cpu[1] if cpu else platform.machine()}), Linux {platform.release()}, {openssl}, {nginx}; " \
           f"{rounds} rounds; load average at the start {Path('/proc/loadavg').read_text().split()[0]}"


KIB = "x" * 1024
LOCATIONS = f"""
    location = /1k {{ return 200 "{KIB}"; }}
    location = /auth {{ if ($http_authorization != "Bearer {SECRET}") {{ return 403; }} return 200 "{KIB}"; }}
    location = /big {{ }}
    # The whole body is read before the answer; nginx alone would answer at once.
    location = /upload {{ proxy_pass http://127.0.0.1:8099/; proxy_pass_request_body off; proxy_set_header Content-Length ""; }}
"""


def further_ports(world, address):
    """The origin's other ports: 444 closes after each answer, 445 has no sessions to resume either."""
    certificate, key = world.pair(HOST)
    common = f"server_name {HOST}; ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3; " \
             f'keepalive_timeout 0; location / {{ return 200 "{KIB}"; }}'
    return f"""
  server {{ listen {address}:444 ssl; {common} ssl_session_cache shared:y:1m; }}
  server {{ listen {address}:445 ssl; {common} ssl_session_tickets off; ssl_session_cache off; }}
  server {{ listen 127.0.0.1:8099; location / {{ return 200 "stored"; }} }}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--build", default=str(Path(__file__).resolve().parent.parent.parent / "build/release"))
    parser.add_argument("--out")
    args = parser.parse_args()
    rounds = args.rounds or (1 if args.quick else 5)
    build = Path(args.build)
    lab_sandbox.BINARY = build / "proxy/cli/sallyport"
    about = machine(rounds)
    world = World()
    address = world.name(HOST)
    origin = Nginx(world, [HOST], locations=LOCATIONS, http=further_ports(world, address), address=address)
    (origin.root / "big").write_bytes(b"")
    os.truncate(origin.root / "big", 1 << 30)
    bench = Bench(world, origin, build / "tests/bench/bench_tls_client", args.quick)
    try:
        for number in range(rounds):
            for proxy_class in ((Sallyport, NginxProxy), (NginxProxy, Sallyport))[number % 2]:
                print(f"round {number + 1}: {proxy_class.name}", file=sys.stderr)
                bench.round(proxy_class)
    finally:
        origin.close()
        world.close()
    text = f"{about}\n\n{table(bench.samples)}\n"
    print(text)
    if args.out:
        Path(args.out).write_text(text)
        Path(args.out).with_suffix(".json").write_text(json.dumps(bench.samples, indent=1))


if __name__ == "__main__":
    main()
