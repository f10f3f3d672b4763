"""HTTP/2 with real clients in the sandbox and real servers outside; what ALPN offers; what is under way is bounded."""
import json
import re
import ssl
import time
import unittest
from pathlib import Path

import h2.config
import h2.connection
import h2.events

from lab import h2 as frames, namespaces, processes
from lab.namespaces import wait_until
from lab.origins import ByHand, Nginx, Scripted, can_connect, answer
from lab.puppet import Puppet
from lab.sandbox import SANITIZED, Sandbox
from lab.world import World

HOST, OLD, NODE, LIBRARY, SLOW = "nginx.example.com", "old.example.com", "node.example.com", "library.example.com", "slow.example.com"
DENIED = "denied.example.com"
KINDS = {"none": (), "h1": ("http/1.1",), "h2": ("h2",), "both": ("h2", "http/1.1")}
POLICY = f"""
secrets:
  KEY: {{from: env, use: [{{at: {HOST}, slot: header Authorization}}, {{at: {LIBRARY}, slot: header Authorization}}]}}
rules:
  - {{deny: "https://*.example.com/denied/**", reason: no}}
  - {{deny: "https://{DENIED}/**", reason: no}}
  - allow: "*.example.com"
"""
SECRET = "sk-proj-0123456789abcdefghijklmnop"
MB = 1 << 20


def setUpModule():
    global WORLD
    WORLD = World()


def tearDownModule():
    WORLD.close()


def speaking(host, *protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*WORLD.pair(host))
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def serve_both(connection):
    """Answers in the protocol that was chosen."""
    if connection.stream.selected_alpn_protocol() != "h2":
        return answer()(connection)
    peer = frames.serve(connection)
    while True:
        number = peer.await_request()
        if number is None:
            return None
        peer.respond(number, 200, body=b"ok\n")


class Alpn(unittest.TestCase):
    """The sixteen pairs of what a client offers and an origin speaks, each before and after it is known what the origin speaks."""

    @classmethod
    def setUpClass(cls):
        cls.box = Sandbox(WORLD, POLICY)
        cls.inside = Puppet(cls.box, env={"KEY": SECRET})

    @classmethod
    def tearDownClass(cls):
        cls.inside.close()

    def ask(self, host, offered, path):
        """(what ALPN chose, status, body)"""
        client = self.inside.connect(host, alpn=list(offered) or None)
        chosen = self.inside.run("result = clients[number].tls.selected_alpn_protocol()", number=client.number)
        if chosen == "h2":
            client.close()
            peer = frames.open_inside(self.inside, host, alpn=offered)
            head, body, _, _ = peer.get("GET", path, host)
            peer.close()
            return chosen, int(head[":status"]), body
        client.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        status, _, body, _, _ = client.response()
        client.close()
        return chosen, status, body

    def test_what_is_chosen_follows_what_the_origin_is_known_to_speak(self):
        for theirs, spoken in KINDS.items():
            for mine, offered in KINDS.items():
                with self.subTest(client=mine, origin=theirs):
                    host = f"c{mine}-o{theirs}.example.com"
                    origin = Scripted(WORLD, host, serve_both, context=speaking(host, *spoken))
                    upstream = {"none": None, "h1": "http/1.1", "h2": "h2", "both": "h2"}[theirs]
                    # Unknown yet, HTTP/2 is preferred; then what the origin speaks; what is offered alone is taken.
                    first = {"none": None, "h1": "http/1.1", "h2": "h2", "both": "h2"}[mine]
                    second = first if mine != "both" or upstream == "h2" else "http/1.1"
                    self.assertEqual(self.ask(host, offered, "/first"), (first, 200, b"ok\n"))
                    self.assertEqual(self.ask(host, offered, "/second"), (second, 200, b"ok\n"))
                    for path, chosen in (("/first", first), ("/second", second)):
                        record = wait_until(lambda: [r for r in self.box.records(kind="http", host=host) if r["http"]["path"] == path],
                                            what="the record")[0]
                        self.assertEqual((record["tls"].get("alpn"), record["upstream"].get("alpn"), record["http"]["version"]),
                                         (chosen, upstream, "2" if chosen == "h2" else "1.1"))
                    self.assertEqual({c.stream.selected_alpn_protocol() for c in origin.connections}, {upstream})
                    origin.close()


class NodeOrigin:
    def __init__(self, host, *arguments):
        self.address = WORLD.name(host)
        script = Path(frames.__file__).with_name("origin_h2.js")
        self.process = WORLD.space.spawn(["node", script, self.address, *WORLD.pair(host), *arguments])
        wait_until(can_connect(WORLD, self.address, 443), what="node")

    def close(self):
        namespaces.end(self.process)


def by_library(connection):
    """An origin of python3-h2's, which is strict about what it is sent."""
    machine = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    machine.initiate_connection()
    connection.sendall(machine.data_to_send())
    while True:
        data = connection.recv()
        if not data:
            return
        for event in machine.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                machine.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                machine.send_headers(event.stream_id, [(":status", "200"), ("x-origin", "library")])
                machine.send_data(event.stream_id, b"from the library", end_stream=True)
        connection.sendall(machine.data_to_send())


class Peers(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        locations = ('location = /1k { return 200 "' + "x" * 1024 + '"; } location = /204 { return 204; } '
                     f'location /upload/ {{ root {WORLD.dir}; dav_methods PUT; }} location / {{ }}')
        (WORLD.dir / "upload").mkdir(exist_ok=True)
        cls.nginx = Nginx(WORLD, [HOST], locations, h2=True)
        cls.old = Nginx(WORLD, [OLD], locations)
        for origin in (cls.nginx, cls.old):
            with open(origin.root / "big", "wb") as file:
                file.truncate(256 * MB)
            (origin.root / "text.txt").write_text("hello\n")
        cls.node = NodeOrigin(NODE)
        cls.library = Scripted(WORLD, LIBRARY, by_library, context=speaking(LIBRARY, "h2"))
        WORLD.name(DENIED)
        cls.box = Sandbox(WORLD, POLICY)
        cls.inside = Puppet(cls.box, env={"KEY": SECRET})
        cls.worker = processes.worker_of(cls.inside.process)

    @classmethod
    def tearDownClass(cls):
        cls.inside.close()
        for origin in (cls.nginx, cls.old, cls.node, cls.library):
            origin.close()

    def sh(self, script, timeout=120):
        result = self.inside.run("import subprocess\nd = subprocess.run(['sh', '-c', script], capture_output=True, timeout=timeout)\n"
                                 "result = (d.returncode, d.stdout, d.stderr.decode(errors='replace'))", script=script, timeout=timeout)
        self.assertTrue(processes.is_alive(self.worker), "the worker is gone")
        return result

    def ok(self, script, **options):
        status, out, err = self.sh(script, **options)
        self.assertEqual(status, 0, err)
        return out.decode(errors="replace")

    def test_curl_speaks_http_2_to_every_origin(self):
        for host, path in ((HOST, "/text.txt"), (OLD, "/text.txt"), (NODE, "/"), (LIBRARY, "/")):
            with self.subTest(host):
                out = self.ok(f"curl -sS --http2 -w '%{{http_version}} %{{http_code}}\\n' https://{host}{path}")
                self.assertRegex(out, r"(hello\n?|from the library)(2|1\.1) 200\n" if host == OLD else r"(hello\n?|from the library)2 200\n")

    def test_curl_downloads_and_uploads_much(self):
        for host in (HOST, OLD):
            with self.subTest(host):
                out = self.ok(f"curl -sS --http2 -o /dev/null -w '%{{size_download}} %{{http_code}}' https://{host}/big")
                self.assertEqual(out, f"{256 * MB} 200")
                out = self.ok(f"head -c {64 * MB} /dev/zero | curl -sS --http2 -o /dev/null -w '%{{http_code}}' -T - "
                              f"https://{host}/upload/{host}")
                self.assertRegex(out, "^20[14]$")
                self.assertEqual((WORLD.dir / "upload" / host).stat().st_size, 64 * MB)

    def test_node_passes_a_body_both_ways_with_trailers(self):
        out = self.ok(f"head -c {8 * MB} /dev/zero | curl -sS --http2 -D /dev/stderr -T - -X POST https://{NODE}/echo 2>/tmp/head | wc -c; "
                      "cat /tmp/head")
        self.assertTrue(out.startswith(f"{8 * MB}\n"), out[:200])
        self.assertIn("x-method: POST", out)
        self.assertIn(f"x-sum: {8 * MB}", out)

    def test_nghttp_asks_many_at_once(self):
        urls = " ".join(f"https://{HOST}/1k?{i}" for i in range(60))
        out = self.ok(f"nghttp -n -s -m 2 {urls} https://{HOST}/denied/x")
        codes = re.findall(r"^\s*\d+\s+\+\S+\s+\+\S+\s+\S+\s+(\d+)", out, re.M)
        self.assertEqual((codes.count("200"), codes.count("403")), (120, 2), out[-500:])

    def test_h2load_thousands_of_requests(self):
        for host, path, total in ((HOST, "/1k", 5000), (OLD, "/1k", 3000), (NODE, "/", 2000), (HOST, "/204", 3000),
                                  (HOST, "/denied/x", 3000)):
            with self.subTest(host=host, path=path):
                out = self.ok(f"h2load -n {total} -c 8 -m 100 https://{host}{path}")
                wanted = f"{total} total, {total} started, {total} done, " + ("0 succeeded" if "denied" in path else f"{total} succeeded")
                self.assertIn(wanted, out)
                self.assertIn("0 errored, 0 timeout", out)

    def test_h2load_uploads(self):
        out = self.ok("head -c 100000 /dev/zero > /tmp/body; " + f"h2load -n 500 -c 4 -m 20 -d /tmp/body https://{NODE}/echo")
        self.assertIn("500 succeeded", out)
        self.assertIn("0 errored, 0 timeout", out)

    def test_a_node_client(self):
        self.box.work.joinpath("client.js").write_text("""
const http2 = require('http2');
const session = http2.connect('https://' + process.argv[2]);
session.on('error', (e) => console.log('session', e.code));
function ask(headers, body) {
  return new Promise((resolve) => {
    const seen = { hints: 0 };
    const stream = session.request(headers, { endStream: body === undefined });
    stream.on('headers', () => seen.hints++);
    stream.on('response', (h) => { seen.status = h[':status']; });
    stream.on('trailers', (t) => { seen.sum = t['x-sum']; });
    stream.on('error', (e) => { seen.error = e.code; });
    let size = 0;
    stream.on('data', (d) => { size += d.length; });
    stream.on('close', () => { seen.size = size; resolve(seen); });
    if (body !== undefined) stream.end(body);
  });
}
(async () => {
  console.log(JSON.stringify(await Promise.all([
    ask({ ':path': '/' }),
    ask({ ':path': '/echo', ':method': 'POST' }, Buffer.alloc(3000000, 'y')),
    ask({ ':path': '/big/20000000' }),
    ask({ ':path': '/hints' }),
    ask({ ':path': '/push' }),
    ask({ ':path': '/denied/x' }),
    ask({ ':path': '/reset' }),
    ask({ ':path': '/', ':authority': 'other.example.com' }),
  ])));
  console.log(JSON.stringify(await ask({ ':path': '/goaway' })));
  console.log(JSON.stringify(await ask({ ':path': '/' })));
  session.close();
})();
""")
        out = [json.loads(line) for line in self.ok(f"node client.js {NODE}").splitlines()]
        many, last, after = out
        self.assertEqual([(m["status"], m["size"]) for m in many[:5]],
                         [(200, 5), (200, 3000000), (200, 20000000), (200, 6), (200, len("not allowed"))])
        self.assertEqual((many[1]["sum"], many[3]["hints"]), ("3000000", 1))
        self.assertEqual([m["status"] for m in many[5:]], [403, 502, 421])
        self.assertEqual([(m["status"], m["size"]) for m in (last, after)], [(200, 4), (200, 5)])

    def test_a_secret_goes_into_every_request_of_a_connection(self):
        out = self.ok(f"for i in 1 2 3; do set -- \"$@\" https://{HOST}/1k?s$i; done; "
                      "curl -sS --http2 --parallel -H \"Authorization: Bearer $KEY\" -o /dev/null -o /dev/null -o /dev/null \"$@\"")
        found = wait_until(lambda: (lambda r: r if len(r) == 3 else None)([r for r in self.nginx.requests() if "?s" in r["request"]]),
                           what="the requests")
        self.assertEqual({r["authorization"] for r in found}, {f"Bearer {SECRET}"})

    def test_http_1_clients_use_an_origins_http_2(self):
        out = self.ok(f"curl -sS --http1.1 -o /dev/null -o /dev/null -w '%{{http_version}} %{{http_code}} %{{size_download}}\\n' "
                      f"https://{HOST}/big https://{HOST}/1k")
        self.assertEqual(out, f"1.1 200 {256 * MB}\n1.1 200 1024\n")
        record = [r for r in self.box.records(kind="http", host=HOST) if r["http"]["version"] == "1.1"][-1]
        self.assertEqual(record["upstream"]["alpn"], "h2")
        out = self.ok(f"head -c {8 * MB} /dev/zero | curl -sS --http1.1 -T - -X POST https://{NODE}/echo | wc -c")
        self.assertEqual(out.strip(), str(8 * MB))


class Memory(unittest.TestCase):
    """One side is fast and the other slow: the worker's memory stays where it was."""

    ROOM_KIB = (512 if SANITIZED else 40) << 10  # of 100 streams

    @classmethod
    def setUpClass(cls):
        cls.nginx = Nginx(WORLD, [HOST], "location / { }", h2=True)
        with open(cls.nginx.root / "big", "wb") as file:
            file.truncate(1 << 30)
        cls.slow = ByHand(WORLD, SLOW, context=speaking(SLOW, "h2"))
        cls.box = Sandbox(WORLD, POLICY)
        cls.inside = Puppet(cls.box, env={"KEY": SECRET})
        cls.worker = processes.worker_of(cls.inside.process)

    @classmethod
    def tearDownClass(cls):
        cls.inside.close()
        cls.nginx.close()
        cls.slow.forget()
        cls.slow.close()

    def highest(self, seconds):
        most, deadline = 0, time.monotonic() + seconds
        while time.monotonic() < deadline:
            most = max(most, processes.status(self.worker, "VmRSS"))
            time.sleep(0.02)
        return most

    def test_slow_clients_of_a_fast_origin(self):
        client = frames.open_inside(self.inside, HOST)
        client.get("HEAD", "/big", HOST)
        before = processes.status(self.worker, "VmRSS")
        client.set("replenishes", False)
        streams = [client.request("GET", f"/big?{i}", HOST) for i in range(100)]
        most = self.highest(3)
        self.assertLess(most - before, self.ROOM_KIB)
        for number in streams:
            client.reset(number)
        self.assertTrue(client.await_pong())
        # It is given back, as far as the allocator does.
        client.set("replenishes", True)
        client.update(0, 65535)
        head, body, _, end = client.get("GET", "/big", HOST, [("range", "bytes=0-99999")])
        self.assertEqual((head[":status"], len(body), end), ("206", 100000, "end"))
        client.reset_connection()

    def test_a_client_that_reads_nothing_while_windows_are_wide(self):
        client = frames.open_inside(self.inside, HOST, {frames.INITIAL_WINDOW_SIZE: (1 << 31) - 1})
        client.get("HEAD", "/big", HOST)
        before = processes.status(self.worker, "VmRSS")
        client.update(0, (1 << 31) - 65536)
        for i in range(100):
            client.request("GET", f"/big?{i}", HOST)
        most = self.highest(3)
        self.assertLess(most - before, self.ROOM_KIB)
        client.reset_connection()

    def test_a_slow_origin_of_fast_clients(self):
        client = frames.open_inside(self.inside, SLOW)
        first = client.request("GET", "/", SLOW)
        origin = frames.serve(self.slow.take())
        origin.respond(origin.await_request())
        client.await_end(first)
        before = processes.status(self.worker, "VmRSS")
        self.inside.run("""
peer = peers[number]
streams = [peer.request("POST", "/slow", host, end=False) for _ in range(100)]
def upload():
    while peer.how is None:
        for s in streams:
            room = min(peer.room(s), 16384)
            if room > 0:
                peer.data(s, b"x" * room)
                peer.window -= room
                peer.stream(s).window -= room
                break
        else:
            try:
                peer.read()
            except OSError:
                break
threading.Thread(target=upload, daemon=True).start()
""", number=client.number, host=SLOW)
        most = self.highest(3)
        self.assertLess(most - before, self.ROOM_KIB)
        client.reset_connection()


if __name__ == "__main__":
    unittest.main()
