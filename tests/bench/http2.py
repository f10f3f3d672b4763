#!/usr/bin/python3
"""What HTTP/2 costs in Sallyport, beside nghttpx, HAProxy and nginx, in one run on one machine: as run.py, which see.

All open the client's TLS and open TLS to the same origin, over kept connections: nghttpx and HAProxy over HTTP/2 or HTTP/1.1,
nginx over HTTP/1.1 (it knows no other). Sallyport judges each request, looks for placeholders, and writes a record of it.

    tests/bench/http2.py [--quick] [--rounds N] [--build build/release] [--out FILE]
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench import run as bench  # noqa: E402
from lab import sandbox as lab_sandbox  # noqa: E402
from lab.namespaces import end, wait_until  # noqa: E402
from lab.origins import Nginx  # noqa: E402
from lab.world import World  # noqa: E402

HOST = bench.HOST
H2_ORIGIN, H1_ORIGIN = 443, 444  # ports: of the origin, and of the proxies in front of it
KIB = "x" * 1024
HANG = 8098


class LocalProxy:
    """A proxy on this host's loopback that stands for HOST."""

    def __init__(self, world, origin):
        self.dir = world.dir / f"{self.name}-h2"
        self.dir.mkdir(exist_ok=True)
        hosts = self.dir / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n127.0.0.2 {HOST}\n")
        self.prefix = ["unshare", "--mount", "sh", "-c", f"mount --bind {hosts} /etc/hosts && exec \"$@\"", "sh"]
        self.process = subprocess.Popen(bench.on_cpu(bench.PROXY_CPU, self.command(world, origin)), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.pids = [self.process.pid, *(wait_until(lambda: bench.children(self.process.pid), what=self.name) if self.forks else [])]
        time.sleep(0.5)

    def close(self):
        end(self.process)


class NginxProxy(LocalProxy):
    name, forks, kinds = "nginx", True, (H1_ORIGIN,)

    def command(self, world, origin):
        certificate, key = world.pair(HOST)
        (self.dir / "nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {self.dir}/pid; error_log {self.dir}/error.log warn; user root; worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {self.dir}/b; proxy_temp_path {self.dir}/p;
  fastcgi_temp_path {self.dir}/f; uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/s; http2_max_concurrent_streams 100;
  upstream pool {{ server {origin.address}:{H1_ORIGIN}; keepalive 512; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.2:{H1_ORIGIN} ssl http2; server_name {HOST}; ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_protocols TLSv1.3; location / {{ proxy_pass https://pool; proxy_ssl_server_name on; proxy_ssl_name {HOST}; proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {world.ca}; proxy_ssl_protocols TLSv1.3; proxy_http_version 1.1; proxy_set_header Host $http_host;
      proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 1h; }} }} }}
""")
        return ["nginx", "-p", self.dir, "-e", self.dir / "error.log", "-c", self.dir / "nginx.conf"]


class Nghttpx(LocalProxy):
    name, forks, kinds = "nghttpx", False, (H2_ORIGIN, H1_ORIGIN)

    def command(self, world, origin):
        certificate, key = world.pair(HOST)
        backends = []
        for port, protocol in ((H2_ORIGIN, "h2"), (H1_ORIGIN, "http/1.1")):
            backends += [f"--frontend=127.0.0.2,{port}"]
        # One front end for each origin: by the port in :authority.
        backends += [f"--backend={origin.address},{H1_ORIGIN};{HOST}:{H1_ORIGIN}/;tls;sni={HOST};proto=http/1.1",
                     f"--backend={origin.address},{H2_ORIGIN};;tls;sni={HOST};proto=h2"]
        return ["nghttpx", "--conf=/dev/null", "--workers=1", "--single-process", f"--cacert={world.ca}", "--no-ocsp",
                "--tls-min-proto-version=TLSv1.3", "--backend-connections-per-host=512", "--frontend-http2-max-concurrent-streams=100",
                "--no-via", "--backend-read-timeout=1h", "--frontend-http2-read-timeout=1h", "--stream-read-timeout=1h", *backends,
                key, certificate]


class HAProxy(LocalProxy):
    name, forks, kinds = "HAProxy", False, (H2_ORIGIN, H1_ORIGIN)

    def command(self, world, origin):
        certificate, key = world.pair(HOST)
        both = self.dir / "both.pem"
        both.write_text(Path(certificate).read_text() + Path(key).read_text())
        legs = ""
        for port, protocol in ((H2_ORIGIN, "h2"), (H1_ORIGIN, "http/1.1")):
            legs += f"""
listen port{port}
  bind 127.0.0.2:{port} ssl crt {both} alpn h2,http/1.1
  server origin {origin.address}:{port} ssl verify required ca-file {world.ca} sni str({HOST}) alpn {protocol}
"""
        (self.dir / "haproxy.cfg").write_text(f"""
global
  nbthread 1
  maxconn 4000
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-options ssl-min-ver TLSv1.3
  tune.h2.max-concurrent-streams 100
defaults
  mode http
  http-reuse always
  option http-keep-alive
  timeout connect 10s
  timeout client 1h
  timeout server 1h
{legs}""")
        return ["haproxy", "-db", "-f", self.dir / "haproxy.cfg"]


class Sallyport(bench.Sallyport):
    kinds = (H2_ORIGIN, H1_ORIGIN)


KINDS = (Sallyport, Nghttpx, HAProxy, NginxProxy)


class Bench:
    def __init__(self, quick):
        self.quick, self.samples = quick, {}

    def note(self, proxy, row, value):
        self.samples.setdefault(row, {}).setdefault(proxy.name, []).append(value)

    def load(self, proxy, port, requests, connections, streams):
        out = subprocess.run(bench.on_cpu(bench.OTHER_CPU, [
            *proxy.prefix, "h2load", "-n", requests, "-c", connections, "-m", streams, "--npn-list=h2", f"https://{HOST}:{port}/1k"]),
            capture_output=True, text=True, check=True).stdout
        if f"{requests} succeeded" not in out or "Application protocol: h2" not in out:
            raise SystemExit(f"{proxy.name}: {out}")

    def requests(self, proxy, port, row, connections, streams):
        count = 4000 if self.quick else 40000
        self.load(proxy, port, 500, connections, streams)
        before = bench.cpu_s(proxy.pids)
        self.load(proxy, port, count, connections, streams)
        self.note(proxy, row, (bench.cpu_s(proxy.pids) - before) / count * 1e6)

    def hold(self, proxy, port, connections, streams):
        """The memory, in KiB, of so many connections with so many streams each, and their number."""
        self.load(proxy, port, 200, 10, 10)
        before = bench.pss_kib(proxy.pids)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        holder = subprocess.Popen(bench.on_cpu(bench.OTHER_CPU, [
            *proxy.prefix, "/usr/bin/python3", Path(__file__).with_name("h2_hold.py"), HOST, port, connections, streams, "/hang"]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        if holder.stdout.readline() != "held\n":
            raise SystemExit(f"{proxy.name}: connections could not be held")
        time.sleep(1)
        grown = bench.pss_kib(proxy.pids) - before
        holder.communicate("")
        time.sleep(0.5)
        return grown

    def streams(self, proxy):
        self.note(proxy, "open stream", self.hold(proxy, proxy.kinds[0], 8, 99) / (8 * 99))

    def round(self, proxy):
        idle = 100 if self.quick else 500
        port = proxy.kinds[0]
        self.note(proxy, "idle connection", self.hold(proxy, port, idle, 0) / idle)
        for port in proxy.kinds:
            to = "h2 to h2" if port == H2_ORIGIN else "h2 to h1"
            self.requests(proxy, port, f"{to}, 10 connections of 10 streams", 10, 10)
            self.requests(proxy, port, f"{to}, 1 connection of 100 streams", 1, 100)
            self.requests(proxy, port, f"{to}, 10 connections of 1 stream", 10, 1)


def cell(values):
    return bench.cell(values) if values else "-"


def table(samples):
    names = ("Sallyport", "nghttpx", "HAProxy", "nginx")
    lines = [f"| | unit | {' | '.join(names)} | to nghttpx |", "|---" * 7 + "|"]
    for row in sorted(samples):
        found = [samples[row].get(name) for name in names]
        ratio = f"{statistics.median(found[0]) / statistics.median(found[1]):.2f}" if found[0] and found[1] else "-"
        unit = "µs of processor" if row.startswith("h2") else "KiB"
        lines.append(f"| {row} | {unit} | {' | '.join(map(cell, found))} | {ratio} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--build", default=str(Path(__file__).resolve().parent.parent.parent / "build/release"))
    parser.add_argument("--out")
    args = parser.parse_args()
    rounds = args.rounds or (1 if args.quick else 5)
    lab_sandbox.BINARY = Path(args.build) / "proxy/cli/sallyport"
    version = re.search(r"nghttp2/\S+", subprocess.run(["nghttpx", "--version"], capture_output=True, text=True, check=True).stdout)
    about = f"{bench.machine(rounds)}, nghttpx of {version[0] if version else '?'}"
    world = World()
    address = world.name(HOST)
    certificate, key = world.pair(HOST)
    locations = f"""location = /1k {{ return 200 "{KIB}"; }}
    location = /hang {{ proxy_pass http://127.0.0.1:{HANG}/; proxy_read_timeout 1h; }}"""
    silent = world.listen("127.0.0.1", HANG)
    # Of HTTP/1.1 alone; the same otherwise.
    more = f"server {{ listen {address}:{H1_ORIGIN} ssl; server_name {HOST}; ssl_certificate {certificate}; ssl_certificate_key {key}; " \
           f"ssl_protocols TLSv1.3; {locations} }} http2_max_concurrent_streams 128;"
    origin = Nginx(world, [HOST], locations=locations, http=more, address=address, h2=True)
    measured = Bench(args.quick)
    try:
        for number in range(rounds):
            first = number % len(KINDS)
            for kind in KINDS[first:] + KINDS[:first]:
                print(f"round {number + 1}: {kind.name}", file=sys.stderr)
                # Each in a heap of its own: what one leaves there would hide what the other takes.
                for part in (measured.streams, measured.round):
                    proxy = kind(world, origin)
                    try:
                        part(proxy)
                    finally:
                        proxy.close()
    finally:
        silent.close()
        origin.close()
        world.close()
    text = f"{about}\n\n{table(measured.samples)}\n"
    print(text)
    if args.out:
        Path(args.out).write_text(text)
        Path(args.out).with_suffix(".json").write_text(json.dumps(measured.samples, indent=1))


if __name__ == "__main__":
    main()
