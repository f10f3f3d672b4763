#!/usr/bin/python3
"""What it costs to look into bodies: responses scrubbed of ten secrets, plain and compressed, beside the same responses passed on,
and a secret put into 1 MB of JSON, beside the same request passed on. In one run on one machine: as run.py, which see.

    tests/bench/bodies.py [--quick] [--rounds N] [--build build/release] [--out FILE]
"""
import argparse
import gzip
import json
import random
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench import run as bench  # noqa: E402
from lab import sandbox as lab_sandbox  # noqa: E402
from lab.namespaces import end, wait_until  # noqa: E402
from lab.origins import Nginx  # noqa: E402
from lab.world import World  # noqa: E402

HOST = bench.HOST
WORDS = "the quick brown fox jumps over a lazy dog while seven wizards box five daring quacks under some pale lamp".split()
FILES = ("json", "html", "binary")
SECRETS = 10


def value(number):
    return f"sk-{number}Zq7Rk2Wm9Xv4Tn8Bc3Hf6Jd1Lg5Ps0Ay{number}"


class Sallyport(bench.Sallyport):
    """NAME: with how many secrets. One is put into each request that has the placeholder."""

    def __init__(self, world, name, count):
        self.name = name
        lines = "".join(f"  SECRET{i or ''}:\n    from: env\n    use: [{{at: 'https://{HOST}/**', slot: header X-Secret{i}}}, "
                        f"{{at: 'https://{HOST}/json', methods: POST, slot: json /auth/key{i}}}]\n" for i in range(count))
        self.box = lab_sandbox.Sandbox(world, (f"secrets:\n{lines}" if count else "") + f"rules: [{{allow: 'https://{HOST}/**'}}]\n")
        environment = {f"SECRET{i or ''}": value(i) for i in range(count)}
        argv = bench.on_cpu(bench.PROXY_CPU, self.box.command(["sleep", "100000"]))
        self.process = subprocess.Popen(argv, env=self.box.environment(environment), cwd="/")
        self.pids = wait_until(self._find, what="Sallyport")
        self.prefix = self._prefix()
        self.ca = self.box.dir / "ca.pem"
        self.secret = self.token() if count else "none"


def text_of(kind, size):
    """SIZE bytes as such bodies are made of, the same in each run."""
    rng, parts, used = random.Random(kind), [], 0
    while used < size:
        words = " ".join(rng.choices(WORDS, k=12))
        if kind == "json":
            part = json.dumps({"id": rng.randrange(10 ** 9), "text": words, "tags": rng.choices(WORDS, k=3), "score": rng.random()}) + ",\n"
        elif kind == "html":
            part = f'<p class="c{rng.randrange(9)}"><a href="/x?q={words[:9].replace(" ", "%20")}&amp;p={rng.randrange(99)}">{words}</a></p>\n'
        else:
            part = rng.randbytes(4096).decode("latin-1")
        parts.append(part)
        used += len(part)
    return "".join(parts).encode("latin-1")[:size]


class Bodies:
    def __init__(self, size):
        self.size, self.samples = size, {}

    def note(self, workload, proxy, seconds, count):
        self.samples.setdefault(workload, {}).setdefault(proxy.name, []).append(seconds / count)

    def measure(self, proxy, workload, argv, count):
        before = bench.cpu_s(proxy.pids)
        result = subprocess.run(bench.on_cpu(bench.OTHER_CPU, [*proxy.prefix, *argv]), capture_output=True, text=True, check=False)
        if result.returncode:
            raise SystemExit(f"{proxy.name}: {' '.join(map(str, argv))}: {result.stderr or result.stdout}")
        self.note(workload, proxy, bench.cpu_s(proxy.pids) - before, count)

    def round(self, proxy, body):
        curl = ["curl", "-sSf", "--http1.1", "-o", "/dev/null", "--cacert", proxy.ca]
        for kind in FILES:
            self.measure(proxy, f"{kind}, plain, s per GB", [*curl, "-H", f"X-Secret0: {proxy.secret}", f"https://{HOST}/{kind}"], self.size / bench.GB)
        self.measure(proxy, "json, gzip, s per GB when decoded", [*curl, "-H", f"X-Secret0: {proxy.secret}", "-H", "Accept-Encoding: gzip",
                                                                f"https://{HOST}/packed"], self.size / bench.GB)
        body.write_text(json.dumps({"messages": ["x" * 1000] * 1000, "auth": {"key0": proxy.secret}}))
        body.chmod(0o644)
        times = 50
        post = [*curl, "--data-binary", f"@{body}", "-H", "Content-Type: application/json", "-H", "Expect:"]
        self.measure(proxy, "1 MB of JSON with one slot, ms", [*post, *[f"https://{HOST}/json"] * times, *["-o", "/dev/null"] * (times - 1)], times / 1000)


def table(samples):
    lines = ["| | no secrets | ten secrets | ratio of medians |", "|---|---|---|---|"]
    for workload, found in samples.items():
        plain, secret = found["no secrets"], found["ten secrets"]
        lines.append(f"| {workload} | {statistics.median(plain):.2f} [{min(plain):.2f}, {max(plain):.2f}] | "
                     f"{statistics.median(secret):.2f} [{min(secret):.2f}, {max(secret):.2f}] | {statistics.median(secret) / statistics.median(plain):.2f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--build", default=str(Path(__file__).resolve().parent.parent.parent / "build/release"))
    parser.add_argument("--out")
    args = parser.parse_args()
    rounds = args.rounds or (1 if args.quick else 5)
    size = (16 if args.quick else 128) << 20
    lab_sandbox.BINARY = Path(args.build) / "proxy/cli/sallyport"
    about = bench.machine(rounds)
    world = World()
    address = world.name(HOST)
    locations = ("location = /packed { default_type application/json; add_header Content-Encoding gzip; }\n"
                 "location = /json { if ($request_method = POST) { proxy_pass http://127.0.0.1:8099; } }\n"
                 "client_max_body_size 0; client_body_buffer_size 2m;")
    origin = Nginx(world, [HOST], locations=locations, address=address, http="server { listen 127.0.0.1:8099; client_max_body_size 0; location / { return 200; } }")
    for kind in FILES:
        (origin.root / kind).write_bytes(text_of(kind, size))
    (origin.root / "packed").write_bytes(gzip.compress(text_of("json", size), 6))
    bodies = Bodies(size)
    try:
        for number in range(rounds):
            for name, count in (("no secrets", 0), ("ten secrets", SECRETS))[:: 1 if number % 2 else -1]:
                print(f"round {number + 1}: {name}", file=sys.stderr)
                proxy = Sallyport(world, name, count)
                try:
                    bodies.round(proxy, world.dir / "body")
                finally:
                    end(proxy.process)
    finally:
        origin.close()
        world.close()
    text = f"{about}\n\n{table(bodies.samples)}\n"
    print(text)
    if args.out:
        Path(args.out).write_text(text)
        Path(args.out).with_suffix(".json").write_text(json.dumps(bodies.samples, indent=1))


if __name__ == "__main__":
    main()
