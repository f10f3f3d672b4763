"""WebSockets: Python's websockets and Node's ws on both sides, secrets in messages, what comes back, and the log."""
import asyncio
import base64
import contextlib
import itertools
import json
import ssl
import subprocess
import threading
import time
import unittest

from lab import namespaces, websocket
from lab.attacker import settle
from lab.namespaces import wait_until
from lab.origins import Scripted
from lab.puppet import Puppet
from lab.sandbox import Sandbox
from lab.websocket import BINARY, CLOSE, PING, PONG, TEXT, frame
from lab.world import World

HOST, ECHO, NODE = "raw.example.com", "python.example.com", "node.example.com"
SLOW_BYTES = 32 << 20
PATHS = itertools.count()
VALUE = "sk-proj-Zq7Rk2Wm9Xv4Tn8Bc3Hf6Jd1Lg5Ps0"
POLICY = "rules:\n" + "".join(f"  - {{allow: {host}, websocket: true}}\n" for host in (HOST, ECHO, NODE))


def setUpModule():
    global WORLD
    WORLD = World()


def tearDownModule():
    WORLD.close()


def stalls(count):
    """COUNT(), once it no longer grows."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 1:
        now = count()
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.05)
    return last


class PythonOrigin:
    """websockets.serve(), with what it was sent. It compresses if it may."""

    def __init__(self, host, **options):
        import websockets
        self.address = WORLD.name(host)
        listener = WORLD.listen(self.address, 443)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*WORLD.pair(host))
        self.loop = asyncio.new_event_loop()

        async def serve(connection, path):
            try:
                async for message in connection:
                    if message == "ping me":
                        await (await connection.ping(b"are you there"))
                        await connection.send("you are")
                    elif message == "close me":
                        await connection.close(4001, "as you wish")
                    else:
                        await connection.send(message)
            except websockets.ConnectionClosed:
                pass

        async def start():
            self.server = await websockets.serve(serve, sock=listener, ssl=context, max_size=None, **options)
        self.loop.run_until_complete(start())
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)


class NodeOrigin:
    """A server of ws that compresses if it may."""

    SCRIPT = """
const https = require('https'), fs = require('fs'), ws = require('/usr/share/nodejs/ws');
const [address, cert, key] = process.argv.slice(1);
const server = https.createServer({cert: fs.readFileSync(cert), key: fs.readFileSync(key)});
const sockets = new ws.WebSocketServer({server, perMessageDeflate: true, maxPayload: 1 << 28,
                                        handleProtocols: (offered) => offered.has('chat.v2') ? 'chat.v2' : false});
sockets.on('connection', (socket, request) => {
  socket.on('message', (data, binary) => socket.send(data, {binary}));
});
server.listen(443, address, () => console.log('ready'));
"""

    def __init__(self, host):
        self.address = WORLD.name(host)
        certificate, key = WORLD.pair(host)
        self.process = WORLD.space.spawn(["node", "-e", self.SCRIPT, self.address, str(certificate), str(key)], stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"

    def close(self):
        self.process.stdout.close()
        namespaces.end(self.process)


PYTHON_CLIENT = """
import asyncio, json, os, sys, websockets
async def main():
    uri, options, steps = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
    async with websockets.connect(uri, max_size=None, **options) as connection:
        said = {"extensions": [e.name for e in connection.extensions], "protocol": connection.subprotocol}
        scope = {"connection": connection, "said": said, "asyncio": asyncio, "os": os}
        exec("async def run():\\n" + "\\n".join("    " + line for line in steps.splitlines()), scope)
        await scope["run"]()
    said["code"] = connection.close_code
    print(json.dumps(said))
asyncio.run(main())
"""

NODE_CLIENT = """
const ws = require('/usr/share/nodejs/ws');
const [uri, options, steps] = [process.argv[1], JSON.parse(process.argv[2]), process.argv[3]];
const said = {}, socket = new ws(uri, options.protocols || [], {perMessageDeflate: true});
socket.on('open', () => { said.extensions = socket.extensions; said.protocol = socket.protocol; eval(steps); });
socket.on('error', (error) => { said.error = error.message; });
socket.on('close', (code, reason) => { said.code = code; said.reason = reason.toString(); console.log(JSON.stringify(said)); });
"""


class Clients(unittest.TestCase):
    """Each client with each server."""

    @classmethod
    def setUpClass(cls):
        cls.origins = {ECHO: PythonOrigin(ECHO, subprotocols=["chat.v2"]), NODE: NodeOrigin(NODE)}

    @classmethod
    def tearDownClass(cls):
        for origin in cls.origins.values():
            origin.close()

    def setUp(self):
        self.box = Sandbox(WORLD, POLICY)

    def python(self, host, steps, **options):
        result = self.box.python(PYTHON_CLIENT, f"wss://{host}/ws", json.dumps(options), steps)
        self.assertEqual(result.stderr, "")
        return json.loads(result.stdout)

    def node(self, host, steps, **options):
        result = self.box.run(["node", "-e", NODE_CLIENT, f"wss://{host}/ws", json.dumps(options), steps])
        self.assertEqual(result.stderr, "")
        return json.loads(result.stdout)

    def record(self):
        found = settle(self.box, kind="http")
        self.assertEqual(len(found), 1)
        return found[0]

    def test_python_sends_text_binary_and_fragments(self):
        for host in (ECHO, NODE):
            with self.subTest(host):
                self.box.forget_records()
                said = self.python(host, """
await connection.send("héllo")
said["text"] = await connection.recv()
await connection.send(bytes(range(256)))
said["binary"] = list(await connection.recv())
await connection.send(["one ", "two ", "", "thrée"])
said["fragments"] = await connection.recv()
await (await connection.ping(b"x"))
said["latency"] = connection.latency >= 0
""")
                self.assertEqual((said["text"], said["binary"], said["fragments"], said["latency"], said["code"]),
                                 ("héllo", list(range(256)), "one two thrée", True, 1000))
                self.assertEqual(said["extensions"], [])
                record = self.record()
                self.assertEqual((record["verdict"], record["http"]["status"], record["http"]["method"]), ("allow", 101, "GET"))
                self.assertEqual(record["websocket"], {"protocol": None, "messages_up": 3, "messages_down": 3, "bytes_up": 276,
                                                       "bytes_down": 276, "close": 1000, "closed_by": "client"})
                self.assertNotIn("error", record)

    def test_node_sends_text_and_binary(self):
        for host in (ECHO, NODE):
            with self.subTest(host):
                self.box.forget_records()
                said = self.node(host, """
said.got = [];
socket.on('message', (data, binary) => {
  said.got.push(binary ? [...data] : data.toString());
  if (said.got.length == 2) socket.ping('x');
});
socket.on('pong', (data) => { said.pong = data.toString(); socket.close(4567, 'enough'); });
socket.send('héllo'); socket.send(Buffer.from([0, 1, 255]));
""")
                self.assertEqual((said["got"], said["pong"], said["code"], said["reason"]), (["héllo", [0, 1, 255]], "x", 4567, "enough"))
                self.assertEqual(said["extensions"], "")
                self.assertEqual((self.record()["websocket"]["close"], self.record()["websocket"]["closed_by"]), (4567, "client"))

    def test_ten_megabytes(self):
        for host in (ECHO, NODE):
            with self.subTest(host):
                self.box.forget_records()
                said = self.python(host, """
text, binary = "aé" * 3500000, os.urandom(10 << 20)
await connection.send(text)
said["text"] = await connection.recv() == text
await connection.send(binary)
said["binary"] = await connection.recv() == binary
""")
                self.assertEqual((said["text"], said["binary"], said["code"]), (True, True, 1000))
                self.assertEqual(self.record()["websocket"]["bytes_up"], 10500000 + (10 << 20))

    def test_the_origin_pings_and_closes(self):
        said = self.python(ECHO, """
await connection.send("ping me")
said["answer"] = await connection.recv()
await connection.send("close me")
try:
    await connection.recv()
except Exception as error:
    said["error"] = str(error)
""")
        self.assertEqual((said["answer"], said["code"]), ("you are", 4001))
        self.assertIn("as you wish", said["error"])
        self.assertEqual((self.record()["websocket"]["close"], self.record()["websocket"]["closed_by"]), (4001, "origin"))

    def test_a_subprotocol_is_agreed_on(self):
        for host in (ECHO, NODE):
            with self.subTest(host):
                self.box.forget_records()
                self.assertEqual(self.python(host, "pass", subprotocols=["chat.v1", "chat.v2"])["protocol"], "chat.v2")
                self.assertEqual(self.record()["websocket"]["protocol"], "chat.v2")
                self.box.forget_records()
                self.assertEqual(self.node(host, "socket.close()", protocols=["chat.v2"])["protocol"], "chat.v2")
        self.assertIsNone(self.python(ECHO, "pass", subprotocols=["chat.v1"])["protocol"])

    def test_many_at_once(self):
        said = self.python(ECHO, """
import websockets
async def one(i):
    async with websockets.connect("wss://python.example.com/ws") as other:
        for j in range(20):
            await other.send(f"{i} {j}")
            assert await other.recv() == f"{i} {j}"
await asyncio.gather(*[one(i) for i in range(50)])
""")
        self.assertEqual(said["code"], 1000)
        self.assertEqual(len(settle(self.box, lambda found: len(found) == 51, kind="http")), 51)


class ByHand(unittest.TestCase):
    """A client of which every byte is the test's, and an origin that notes what it gets."""

    @classmethod
    def setUpClass(cls):
        cls.origin = Scripted(WORLD, HOST, lambda connection: cls.script(connection))

    @classmethod
    def tearDownClass(cls):
        cls.origin.close()

    def setUp(self):
        type(self).script = staticmethod(websocket.origin(websocket.echo))
        self.origin.connections.clear()

    def enter(self, policy=POLICY, env=None):
        self.box = Sandbox(WORLD, policy)
        self.inside = Puppet(self.box, env=env)
        self.addCleanup(self.inside.close)

    def open(self, path=None, fields=b"", **options):
        """An open WebSocket: (client, frames)."""
        self.path = path or f"/ws/{next(PATHS)}"
        path = self.path
        client = self.inside.connect(HOST, **options)
        client.send(websocket.request(HOST, path, fields))
        self.head = client.until(b"\r\n\r\n")
        self.assertTrue(self.head.startswith(b"HTTP/1.1 101 "), self.head)
        return client, websocket.Frames(client.some)

    def record(self):
        """Of the WebSocket that was opened last."""
        def mine():
            return [r for r in self.box.records(kind="http") if r["http"]["path"] == self.path]
        wait_until(mine, what="the record")
        return mine()[-1]

    @property
    def connection(self):
        return self.origin.connections[-1]


class Handshake(ByHand):
    def test_the_request_is_written_anew_with_a_key_of_ours(self):
        self.enter()
        client, frames = self.open("/a?b=c", b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nOrigin: https://x\r\n"
                                             b"Sec-WebSocket-Protocol: one, two\r\nCookie: a=b\r\n")
        self.assertIn(b"\r\nSec-WebSocket-Accept: " + websocket.accept(websocket.KEY) + b"\r\n", self.head)
        self.assertIn(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", self.head)
        lines = self.connection.head.split(b"\r\n")
        self.assertEqual(lines[0], b"GET /a?b=c HTTP/1.1")
        self.assertEqual([l for l in lines if l.startswith(b"Sec-WebSocket-Version")], [b"Sec-WebSocket-Version: 13"])
        self.assertNotIn(b"permessage-deflate", self.connection.head)
        self.assertNotIn(websocket.KEY, self.connection.head)
        for line in (b"Upgrade: websocket", b"Connection: Upgrade", b"Origin: https://x", b"Sec-WebSocket-Protocol: one, two", b"Cookie: a=b"):
            self.assertEqual(lines.count(line), 1, line)
        client.close()

    def test_frames_are_masked_anew(self):
        self.enter()
        masks = set()

        def script(connection, frames):
            websocket.echo(connection, frames)
            masks.update(frames.masks)
        type(self).script = staticmethod(websocket.origin(script))
        client, frames = self.open()
        for i in range(3):
            client.send(b"\x81\x85\0\0\0\0hello")
            self.assertEqual(frames.next(), (TEXT, b"hello", True, False))
        client.send(websocket.close(masked=True))
        self.assertEqual(frames.next()[:2], (CLOSE, b"\x03\xe8"))
        self.assertEqual(client.to_end()[1], "close_notify")
        wait_until(lambda: self.connection.finished.is_set(), what="the origin's end")
        self.assertEqual(len(masks), 4)
        self.assertNotIn(b"\0\0\0\0", masks)

    def test_a_rule_that_does_not_say_so_lets_none_through(self):
        self.enter(f"rules: [{{allow: {HOST}}}]\n")
        client = self.inside.connect(HOST)
        client.send(websocket.request(HOST))
        status, _, body, _, _ = client.response()
        self.assertEqual(status, 403)
        self.assertIn(b"websocket: true", body)
        self.assertEqual(self.origin.connections, [])

    def test_an_origin_that_does_not_agree_is_passed_on(self):
        def script(connection):
            while connection.read_request()[0]:
                connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\nWWW-Authenticate: Bearer\r\n\r\nno!\n")
        type(self).script = staticmethod(script)
        self.enter()
        client = self.inside.connect(HOST)
        for i in range(2):
            client.send(websocket.request(HOST))
            status, fields, body, _, _ = client.response()
            self.assertEqual((status, fields["www-authenticate"], body), (401, "Bearer", b"no!\n"))
        # A connection that began with a handshake is never used for another request.
        client.send(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        self.assertEqual(client.response()[0], 401)
        self.assertEqual(len(self.origin.connections), 3)

    def test_an_origin_that_prefers_http_2_is_asked_in_http_1(self):
        """Also while a connection is being made that will turn out to be HTTP/2."""
        both, spoken, name = threading.Barrier(2), [], "prefers.example.com"

        def script(connection):
            spoken.append(connection.stream.selected_alpn_protocol())
            if spoken[-1] == "h2":
                connection.recv()
            else:
                websocket.origin(websocket.echo)(connection)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*WORLD.pair(name))
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.sni_callback = lambda *_: (both.wait(10), None)[1]
        origin = Scripted(WORLD, name, script, context=context)
        self.addCleanup(origin.close)
        self.enter(f"rules: [{{allow: {name}, websocket: true}}]\n")
        other, client = self.inside.connect(name), self.inside.connect(name)
        other.send(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        client.send(websocket.request(name))
        self.assertTrue(client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 "))
        wait_until(lambda: len(spoken) == 2, what="both connections")
        self.assertEqual(sorted(spoken), ["h2", "http/1.1"])

    def test_secrets_are_put_into_the_handshake(self):
        self.enter(f"secrets: {{KEY: {{from: env, use: [{{at: {HOST}, slot: header Authorization}}]}}}}\n" + POLICY, env={"KEY": VALUE})
        placeholder = self.inside.run("result = os.environ['KEY']")
        client, frames = self.open(fields=f"Authorization: Bearer {placeholder}\r\n".encode())
        self.assertIn(f"\r\nAuthorization: Bearer {VALUE}\r\n".encode(), self.connection.head)
        client.close()
        self.assertEqual(self.record()["secrets"], [{"name": "KEY", "slot": "header Authorization"}])

    def test_it_may_be_without_tls(self):
        plain = Scripted(WORLD, "plain.example.com", websocket.origin(websocket.echo), tls=False)
        self.addCleanup(plain.close)
        self.enter("rules: [{allow: 'http://plain.example.com', websocket: true}]\n")
        client = self.inside.connect("plain.example.com", tls=False)
        client.send(websocket.request("plain.example.com"))
        self.assertTrue(client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 "))
        client.send(websocket.text("x", masked=True))
        self.assertEqual(websocket.Frames(client.some).message(), (TEXT, b"x"))


class Flow(ByHand):
    def test_a_fragment_passes_before_the_next_one_is_sent(self):
        got = []

        def script(connection, frames):
            for _ in range(2):
                got.append(frames.next()[:3])
                connection.sendall(frame(TEXT, b"<", fin=False) if len(got) == 1 else frame(0, b">"))
        type(self).script = staticmethod(websocket.origin(script))
        self.enter()
        client, frames = self.open()
        client.send(frame(BINARY, b"one", fin=False, masked=True))
        self.assertEqual(frames.next()[:3], (TEXT, b"<", False))
        client.send(frame(0, b"two", masked=True))
        self.assertEqual(frames.next()[:3], (0, b">", True))
        self.assertEqual(got, [(BINARY, b"one", False), (0, b"two", True)])

    def test_control_frames_pass_within_a_message(self):
        self.enter()
        client, frames = self.open()
        client.send(frame(TEXT, b"a", fin=False, masked=True) + frame(PING, b"p", masked=True))
        self.assertEqual(frames.next()[:2], (PONG, b"p"))
        client.send(frame(0, b"b", masked=True))
        self.assertEqual(frames.message(), (TEXT, b"ab"))

    def test_a_client_that_reads_slowly_stops_the_origin(self):
        """What is under way stays far below what is to be sent, and all of it arrives in the end."""
        sent = [0]

        def pour(connection, frames):
            for _ in range(SLOW_BYTES >> 16):
                connection.sendall(frame(BINARY, bytes(1 << 16)))
                sent[0] += 1 << 16
            connection.sendall(websocket.close())
            frames.next()
        type(self).script = staticmethod(websocket.origin(pour))
        self.enter()
        for over in ("HTTP/1.1", "HTTP/2"):
            with self.subTest(over):
                sent[0] = 0
                client, frames = self.open() if over == "HTTP/1.1" else OverHttp2.open_h2(self)
                self.assertLess(stalls(lambda: sent[0]), SLOW_BYTES * 3 // 4)
                size = self.inside.run("""
size = 0
while True:
    data = clients[number].some()
    size += len(data)
    if data.endswith(b"\\x88\\x02\\x03\\xe8") or not data:
        break
result = size
""", number=client.number)
                self.assertGreater(size, SLOW_BYTES)
                client.send(websocket.close(masked=True))

    def test_an_origin_that_reads_slowly_stops_the_client(self):
        hold, got = threading.Event(), [0]

        def script(connection, frames):
            hold.wait(60)
            while got[0] <= SLOW_BYTES:  # with the frames' heads it is more
                got[0] += len(connection.stream.recv(65536))
            connection.sendall(websocket.close())
        type(self).script = staticmethod(websocket.origin(script))
        self.enter()
        for over in ("HTTP/1.1", "HTTP/2"):
            with self.subTest(over):
                hold.clear()
                got[0] = 0
                client, frames = self.open() if over == "HTTP/1.1" else OverHttp2.open_h2(self)
                self.inside.run("""
def pour(client, count):
    global sent
    sent = 0
    for _ in range(count):
        client.send(b"\\x82\\xff" + (1 << 16).to_bytes(8, "big") + bytes(4) + bytes(1 << 16))
        sent += 1 << 16
    client.send(b"\\x88\\x82" + bytes(4) + b"\\x03\\xe8")
threading.Thread(target=pour, args=(clients[number], count), daemon=True).start()
""", number=client.number, count=SLOW_BYTES >> 16)
                self.assertLess(stalls(lambda: self.inside.run("result = sent")), SLOW_BYTES * 3 // 4)
                hold.set()
                wait_until(lambda: got[0] > SLOW_BYTES, 30, "all of it")

    def test_an_end_without_a_close_frame_is_passed_on_as_one(self):
        type(self).script = staticmethod(websocket.origin(lambda connection, frames: frames.next()))
        self.enter()
        client, frames = self.open()
        client.send(websocket.text("x", masked=True))
        self.assertIn(client.to_end(), [(b"", "reset"), (b"", "truncated")])
        record = self.record()
        self.assertEqual((record["error"], record["websocket"]["close"], record["websocket"]["closed_by"]),
                         ("the origin ended without a close frame", None, None))
        type(self).script = staticmethod(websocket.origin(websocket.echo))
        client, frames = self.open()
        client.finish()
        wait_until(lambda: self.connection.finished.is_set(), what="the origin's end")
        self.assertEqual(self.connection.messages, [])

    def test_a_close_frame_that_is_not_answered_is_not_waited_for_for_ever(self):
        hold = threading.Event()
        type(self).script = staticmethod(websocket.origin(lambda connection, frames: (frames.next(), hold.wait(60))))
        self.enter()
        client, frames = self.open()
        client.send(websocket.close(masked=True))
        self.assertEqual(client.to_end(), (b"", "close_notify"))
        hold.set()
        self.assertEqual(self.record()["error"], "a close frame was not answered in time")

    def test_what_is_sent_behind_the_handshakes_answer_is_not_lost(self):
        def script(connection):
            head = connection.read_head()
            connection.sendall(websocket.response(head) + frame(TEXT, b"early"))
            connection.recv()
        type(self).script = staticmethod(script)
        self.enter()
        client, frames = self.open()
        self.assertEqual(frames.message(), (TEXT, b"early"))


class OverHttp2(ByHand):
    """RFC 8441 on the client's leg; the origin is asked in HTTP/1.1."""

    def open_h2(self, path=None, fields=()):
        self.path = path or f"/ws/{next(PATHS)}"
        path = self.path
        client = websocket.over_http2(self.inside, HOST)
        self.head = client.request(websocket.connect_fields(HOST, path, fields))
        self.assertEqual(self.head[":status"], "200", self.head)
        return client, websocket.Frames(client.some)

    def test_messages_go_both_ways(self):
        self.enter()
        client, frames = self.open_h2("/a?b", [("origin", "https://x"), ("sec-websocket-extensions", "permessage-deflate"),
                                               ("cookie", "a=b"), ("sec-websocket-protocol", "one")])
        self.assertEqual(client.announced()[8], 1)
        head = self.connection.head
        self.assertTrue(head.startswith(b"GET /a?b HTTP/1.1\r\n"), head)
        for line in (b"Upgrade: websocket", b"Connection: Upgrade", b"origin: https://x", b"Sec-WebSocket-Version: 13", b"sec-websocket-protocol: one"):
            self.assertIn(b"\r\n" + line + b"\r\n", head)
        self.assertNotIn(b"permessage-deflate", head)
        self.assertFalse({"sec-websocket-accept", "upgrade", "connection"} & set(self.head), self.head)
        client.send(websocket.text("héllo", masked=True) + frame(PING, b"p", masked=True))
        self.assertEqual([frames.message(), frames.message()], [(TEXT, "héllo".encode()), (PONG, b"p")])
        client.send(frame(BINARY, bytes(3 << 20), masked=True))
        self.assertEqual(frames.message(), (BINARY, bytes(3 << 20)))
        client.send(websocket.close(1001, b"bye", masked=True))
        self.assertEqual(frames.message(), (CLOSE, b"\x03\xe9bye"))
        self.assertEqual(client.to_end(), (b"", "end"))
        record = self.record()
        self.assertEqual((record["http"]["version"], record["http"]["method"], record["http"]["status"], record["tls"]["alpn"]),
                         ("2", "GET", 200, "h2"))
        self.assertEqual((record["websocket"]["messages_up"], record["websocket"]["close"], record["websocket"]["closed_by"]), (2, 1001, "client"))

    def test_a_reset_ends_it(self):
        self.enter()
        client, frames = self.open_h2()
        client.reset()
        wait_until(lambda: self.connection.finished.is_set(), what="the origin's end")
        self.assertEqual(self.record()["error"], "the client reset the stream")

    def test_an_end_without_a_close_frame_is_passed_on_as_one(self):
        self.enter()
        client, frames = self.open_h2()
        client.end()
        wait_until(lambda: self.connection.finished.is_set(), what="the origin's end")
        self.assertEqual(self.connection.messages, [])
        self.assertEqual(self.record()["error"], "the client ended without a close frame")
        type(self).script = staticmethod(websocket.origin(lambda connection, frames: None))
        client, frames = self.open_h2()
        self.assertEqual(client.to_end(), (b"", "reset"))

    def test_secrets(self):
        self.enter(f"secrets: {{KEY: {{from: env, use: [{{at: {HOST}, slot: ws}}, {{at: {HOST}, slot: query key}}]}}}}\n" + POLICY, env={"KEY": VALUE})
        placeholder = self.inside.run("result = os.environ['KEY']").encode()
        client, frames = self.open_h2()
        client.send(websocket.text(b"<" + placeholder + b">", masked=True) + websocket.close(masked=True))
        client.to_end()
        wait_until(lambda: self.connection.finished.is_set(), what="the origin's end")
        self.assertEqual(self.connection.messages[0], (TEXT, f"<{VALUE}>".encode()))

    def test_a_refusal_of_the_origin_is_passed_on(self):
        type(self).script = staticmethod(lambda c: (c.read_head(), c.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n")))
        self.enter()
        client = websocket.over_http2(self.inside, HOST)
        self.assertEqual(client.request(websocket.connect_fields(HOST))[":status"], "403")
        self.assertEqual(client.to_end()[0], b"no\n")


class Secrets(ByHand):
    def enter_with(self, slot="ws", misuse="block", extra="", mode="enforce", **env):
        use = f"{{at: {HOST}, slot: {slot}}}"
        self.enter(f"mode: {mode}\nsecrets:\n  KEY: {{from: env, misuse: {misuse}, use: [{use}]}}\n{extra}" + POLICY,
                   env={"KEY": VALUE, **env})
        self.placeholder = self.inside.run("result = os.environ['KEY']").encode()

    def sent(self, *messages):
        """What the origin got of MESSAGES, and the record."""
        client, frames = self.open()
        for message in messages:
            client.send(message)
        client.send(websocket.close(masked=True))
        client.to_end()
        wait_until(lambda: self.connection.finished.is_set(), what="the origin's end")
        return [m for m in self.connection.messages if m[0] != CLOSE], self.record()

    def test_a_secret_is_put_into_text(self):
        self.enter_with()
        got, record = self.sent(websocket.text(b"auth " + self.placeholder + b" and " + self.placeholder, masked=True),
                                websocket.text("nothing", masked=True))
        self.assertEqual(got, [(TEXT, f"auth {VALUE} and {VALUE}".encode()), (TEXT, b"nothing")])
        self.assertEqual(record["secrets"], [{"name": "KEY", "slot": "ws"}])
        self.assertNotIn(VALUE, json.dumps(record))
        self.assertNotIn(self.placeholder.decode(), json.dumps(record))

    def test_it_is_found_over_fragments_and_pieces(self):
        self.enter_with()
        message = b"<" + self.placeholder + b">"
        for size in (1, 7, len(message) - 2):
            with self.subTest(size):
                pieces = [message[i:i + size] for i in range(0, len(message), size)]
                frames = [frame(0 if i else TEXT, piece, fin=i == len(pieces) - 1, masked=True) for i, piece in enumerate(pieces)]
                got, _ = self.sent(*[f for f in frames])
                self.assertEqual(got, [(TEXT, f"<{VALUE}>".encode())])

    def test_a_long_message_with_a_secret_at_its_end(self):
        self.enter_with()
        got, _ = self.sent(websocket.text(b"x" * 3000000 + self.placeholder, masked=True))
        self.assertEqual(got, [(TEXT, b"x" * 3000000 + VALUE.encode())])

    def test_a_pointer_says_where(self):
        """Put in at the pointer, escaped as JSON; elsewhere, and in what is no JSON, it is text."""
        value = 'quote " and \\ and é ' + VALUE
        self.enter_with("ws /auth/token", KEY=value)
        put_in = json.dumps({"auth": {"token": value}, "id": 1}, ensure_ascii=False)
        placeholder = self.placeholder.decode()
        for sent, expected in ((json.dumps({"auth": {"token": placeholder}, "id": 1}), put_in),
                               ('{"auth": {"to\\u006ben": "' + placeholder + '"}}', '{"auth": {"to\\u006ben": ' + json.dumps(value, ensure_ascii=False) + '}}'),
                               (json.dumps({"auth": {"other": placeholder}}), None), (json.dumps({"token": placeholder}), None),
                               (json.dumps([{"auth": {"token": placeholder}}]), None), (placeholder, None),
                               ('auth.token = ' + placeholder, None)):
            with self.subTest(sent):
                got, record = self.sent(websocket.text(sent, masked=True))
                self.assertEqual(got, [(TEXT, (expected or sent).encode())])
                self.assertEqual(record["secrets"], [{"name": "KEY", "slot": "ws /auth/token"}] if expected else [])
                self.assertEqual("misuse" in record, expected is None)

    def test_a_long_json_message_with_a_slot_at_its_end(self):
        self.enter_with("ws /token")
        message = '{"filler": [' + ", ".join(f'"{i}"' for i in range(200000)) + '], "token": "%s"}'
        got, _ = self.sent(websocket.text(message % self.placeholder.decode(), masked=True))
        self.assertEqual(got, [(TEXT, (message % VALUE).encode())])

    def test_what_comes_back_is_scrubbed(self):
        """In every kind of frame, wherever they are cut, and as it was sent or encoded."""
        self.enter_with()
        spoken = {"text": VALUE, "base64": base64.b64encode(f"x{VALUE}".encode()).decode(), "percent": VALUE.replace("-", "%2D"),
                  "hex": VALUE.encode().hex()}
        for what, form in spoken.items():
            message = f"<{form}>".encode()
            cuts = [[message], [message[:9], message[9:]], [message[i:i + 1] for i in range(len(message))]]
            for opcode in (TEXT, BINARY):
                for pieces in cuts:
                    with self.subTest(what=what, opcode=opcode, pieces=len(pieces)):
                        def script(connection, frames):
                            connection.sendall(b"".join(frame(0 if i else opcode, p, fin=i == len(pieces) - 1) for i, p in enumerate(pieces)))
                            connection.sendall(websocket.close())
                            frames.all()
                        type(self).script = staticmethod(websocket.origin(script))
                        client, frames = self.open()
                        opcode_got, got = frames.message()
                        client.send(websocket.close(masked=True))
                        self.assertEqual((opcode_got, got[:1], got[-1:]), (opcode, b"<", b">"))
                        self.assertNotIn(form.encode(), got)
                        if what == "text":
                            self.assertEqual(got, b"<" + self.placeholder + b">")
                        self.assertEqual(self.record()["scrubbed"], 1)

    def test_control_frames_are_scrubbed_too(self):
        self.enter_with()

        def script(connection, frames):
            connection.sendall(frame(PING, VALUE.encode()) + websocket.close(1000, VALUE.encode()))
            frames.all()
        type(self).script = staticmethod(websocket.origin(script))
        client, frames = self.open()
        self.assertEqual(frames.message(), (PING, self.placeholder))
        self.assertEqual(frames.message(), (CLOSE, b"\x03\xe8" + self.placeholder))

    def test_an_echo_comes_back_as_it_was_sent(self):
        self.enter_with()
        client, frames = self.open()
        message = b"auth " + self.placeholder
        client.send(websocket.text(message, masked=True))
        self.assertEqual(frames.message(), (TEXT, message))
        self.assertEqual(self.connection.messages, [(TEXT, f"auth {VALUE}".encode())])

    def test_a_token_among_the_subprotocols(self):
        """As browsers send it, who can set no field; the origin may choose it, and so say it."""
        self.enter_with("header Sec-WebSocket-Protocol")
        value = VALUE.encode()

        def script(connection):
            connection.head = connection.read_head()
            connection.sendall(websocket.response(connection.head, b"Sec-WebSocket-Protocol: " + value + b"\r\n"))
            websocket.echo(connection, websocket.Frames(connection.recv, connection.rest))
        type(self).script = staticmethod(script)
        client, frames = self.open(fields=b"Sec-WebSocket-Protocol: chat, " + self.placeholder + b"\r\n")
        self.assertIn(b"\r\nSec-WebSocket-Protocol: chat, " + value + b"\r\n", self.connection.head)
        self.assertIn(b"\r\nSec-WebSocket-Protocol: " + self.placeholder + b"\r\n", self.head)
        client.send(websocket.close(masked=True))
        self.assertEqual(self.record()["websocket"]["protocol"], "{KEY}")

    def test_a_disguise_is_never_replaced(self):
        self.enter_with(misuse="strict")
        disguised = b"%" + b"%".join(b"%02x" % c for c in self.placeholder)
        client, frames = self.open()
        client.send(websocket.text(disguised, masked=True))
        self.assertEqual(frames.message()[1][:2], b"\x03\xf0")
        wait_until(lambda: self.connection.finished.is_set(), what="the origin's end")
        self.assertEqual([m[0] for m in self.connection.messages], [CLOSE])

    def test_another_path_is_no_slot(self):
        self.enter_with()
        self.box.set_policy(f"secrets:\n  KEY: {{from: env, use: [{{at: {HOST}/other, slot: ws}}]}}\n" + POLICY)
        inside = Puppet(self.box, env={"KEY": VALUE})
        self.addCleanup(inside.close)
        self.inside, self.placeholder = inside, inside.run("result = os.environ['KEY']").encode()
        got, record = self.sent(websocket.text(self.placeholder, masked=True))
        self.assertEqual(got, [(TEXT, self.placeholder)])
        self.assertEqual((record["secrets"], record["misuse"]), ([], [{"name": "KEY", "place": "body", "action": "passed"}]))

    def test_misuse(self):
        for misuse, expected, code, action in (("block", "as it is", 1000, "passed"), ("pass", "as it is", 1000, "passed"),
                                               ("strip", "out", 1000, "stripped"), ("strict", None, 1008, "blocked")):
            for kind in (TEXT, BINARY, PING):
                with self.subTest(misuse=misuse, kind=kind):
                    self.enter_with("header Authorization", misuse)
                    client, frames = self.open()
                    client.send(frame(kind, b"<" + self.placeholder + b">", masked=True))
                    client.send(websocket.close(masked=True))
                    answers = frames.all()
                    self.assertEqual(int.from_bytes(answers[-1][1][:2], "big"), code, answers)
                    wait_until(lambda: self.connection.finished.is_set(), what="the origin's end")
                    got = [m for m in self.connection.messages if m[0] == kind]
                    self.assertEqual(got, {"as it is": [(kind, b"<" + self.placeholder + b">")], "out": [(kind, b"<>")], None: []}[expected])
                    record = self.record()
                    self.assertEqual(record["misuse"], [{"name": "KEY", "place": "body", "action": action}])
                    self.assertEqual(record["verdict"], "deny" if code == 1008 else "allow")
                    if code == 1008:
                        self.assertIn(b"KEY", answers[-1][1])
                        self.assertEqual(record["websocket"]["closed_by"], "sallyport")

    def test_kill_ends_the_sandbox(self):
        self.enter_with("header Authorization", "kill")
        client, frames = self.open()
        with contextlib.suppress(EOFError):  # the client may be gone before it can say that it has sent
            client.send(websocket.text(self.placeholder, masked=True))
        wait_until(lambda: any(r["life"]["event"] == "killed" for r in self.box.records(kind="sandbox")), what="the end of the sandbox")

    def test_observe_lets_a_misuse_pass_and_marks_it(self):
        self.enter_with("header Authorization", "strict", mode="observe")
        got, record = self.sent(websocket.text(self.placeholder, masked=True), frame(BINARY, self.placeholder, masked=True))
        self.assertEqual(got, [(TEXT, self.placeholder), (BINARY, self.placeholder)])
        self.assertEqual((record["verdict"], record["would_deny"]), ("allow", True))

    def test_binary_messages_are_no_slot(self):
        self.enter_with()
        got, record = self.sent(frame(BINARY, self.placeholder, masked=True))
        self.assertEqual((got, record["secrets"]), ([(BINARY, self.placeholder)], []))
        self.assertEqual(record["misuse"], [{"name": "KEY", "place": "body", "action": "passed"}])


if __name__ == "__main__":
    unittest.main()
