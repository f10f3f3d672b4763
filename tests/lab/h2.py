"""HTTP/2 of which every frame is the test's (RFC 9113): the same Peer is the client in a sandbox and the origin outside."""
import socket

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, HAS_PRIORITY = 1, 1, 4, 8, 32
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM,
 CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY, HTTP_1_1_REQUIRED) = range(14)
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8


def make_frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def make_settings(values):
    return b"".join(k.to_bytes(2, "big") + v.to_bytes(4, "big") for k, v in values.items())


def literal(name, value, form=0x10):
    """A field as an HPACK literal with a new name and no Huffman (RFC 7541 section 6.2), so that any byte may be in it."""
    def number(size, bits=7):
        most = (1 << bits) - 1
        if size < most:
            return bytes([size])
        out, size = [most], size - most
        while size >= 128:
            out.append(size & 127 | 128)
            size >>= 7
        return bytes(out + [size])
    return bytes([form]) + number(len(name)) + name + number(len(value)) + value


def as_bytes(text):
    return text if isinstance(text, bytes) else str(text).encode("latin-1")


class Stream:
    def __init__(self):
        self.heads, self.blocks, self.frames, self.body = [], [], [], bytearray()
        self.has_ended, self.reset, self.window = False, None, 65535

    def summary(self):
        """(fields of the last head before the body, body, trailers or None, how it ended): "end", a reset's code, or None."""
        finals = [i for i, head in enumerate(self.heads) if not head.get(":status", "200").startswith("1")]
        first = finals[0] if finals else None
        head = self.heads[first] if finals else {}
        trailers = self.heads[first + 1] if finals and len(self.heads) > first + 1 else None
        return dict(head), bytes(self.body), trailers, "end" if self.has_ended else self.reset


class Peer:
    """One end. SEND(bytes), RECEIVE(): some bytes, b"" at the end. Frames are read when a method waits for something."""

    def __init__(self, send, receive, is_client, settings=None, opens=True):
        self._send, self._receive, self.is_client = send, receive, is_client
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 24
        self.encoder.header_table_size = 4096
        self.rest, self.streams, self.frames, self.raw = b"", {}, [], b""
        self.settings, self.goaway, self.how = {}, None, None
        self.window, self.initial_window = 65535, 65535
        self.replenishes = True
        self.acks = self.pongs = 0
        self.saw_preface = is_client
        self.block = None
        self.next_id = 1
        if opens:
            self.open(settings or {})

    # Sending.

    def send(self, data):
        """False: the other end is gone."""
        try:
            self._send(data)
            return True
        except (OSError, ValueError, EOFError) as error:
            self.how = self.how or type(error).__name__
            return False

    def open(self, settings=None):
        self.send((PREFACE if self.is_client else b"") + make_frame(SETTINGS, 0, 0, make_settings(settings or {})))

    def frame(self, kind, flags=0, stream=0, payload=b""):
        return self.send(make_frame(kind, flags, stream, payload))

    def encode(self, fields, huffman=True):
        return self.encoder.encode([(as_bytes(n), as_bytes(v)) for n, v in fields], huffman=huffman)

    def literals(self, fields):
        return b"".join(literal(as_bytes(n), as_bytes(v)) for n, v in fields)

    def headers(self, stream, fields, end=False, raw=False):
        """FIELDS: pairs; RAW: as literals with any bytes. Big heads take CONTINUATION frames."""
        block = self.literals(fields) if raw else self.encode(fields)
        return self.head_block(stream, block, end)

    def head_block(self, stream, block, end=False, size=16384):
        pieces = [block[i:i + size] for i in range(0, len(block), size)] or [b""]
        out = b""
        for i, piece in enumerate(pieces):
            last = END_HEADERS if i == len(pieces) - 1 else 0
            out += make_frame(CONTINUATION if i else HEADERS, last | (END_STREAM if end and not i else 0), stream, piece)
        return self.send(out)

    def request(self, method="GET", path="/", authority="api.example.com", fields=(), end=True, scheme="https", raw=False):
        """The id of a new stream."""
        stream, self.next_id = self.next_id, self.next_id + 2
        self.headers(stream, [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path), *fields], end, raw)
        return stream

    def respond(self, stream, status=200, fields=(), body=None, end=True):
        """A head, and BODY if there is one."""
        self.headers(stream, [(":status", str(status)), *fields], end and body is None)
        if body is not None:
            self.upload(stream, body, end)

    def data(self, stream, data=b"", end=False, padding=None):
        flags = (END_STREAM if end else 0) | (PADDED if padding is not None else 0)
        if padding is not None:
            data = bytes([padding]) + data + bytes(padding)
        return self.frame(DATA, flags, stream, data)

    def room(self, stream):
        return min(self.window, self.stream(stream).window)

    def upload(self, stream, data, end=True):
        """Sends DATA within the windows; the bytes sent, less than all when the stream ends first."""
        sent, state = 0, self.stream(stream)
        while sent < len(data) and state.reset is None:
            room = min(self.room(stream), 16384, len(data) - sent)
            if room <= 0:
                if not self.read():
                    return sent
                continue
            last = end and sent + room == len(data)
            if not self.data(stream, data[sent:sent + room], last):
                return sent
            self.window -= room
            state.window -= room
            sent += room
        if not data and end:
            self.data(stream, b"", True)
        return sent

    def reset(self, stream, code=CANCEL):
        return self.frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))

    def leave(self, last, code=NO_ERROR, text=b""):
        return self.frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + text)

    def update(self, stream, size):
        return self.frame(WINDOW_UPDATE, 0, stream, size.to_bytes(4, "big"))

    def setting(self, values):
        return self.frame(SETTINGS, 0, 0, make_settings(values))

    def ping(self, data=b"12345678", flags=0):
        return self.frame(PING, flags, 0, data)

    # Receiving.

    def stream(self, number):
        if number not in self.streams:
            self.streams[number] = Stream()
            self.streams[number].window = self.initial_window
        return self.streams[number]

    def _fill(self, size):
        while len(self.rest) < size:
            try:
                data = self._receive()
            except TimeoutError:
                raise
            except (OSError, ValueError) as error:
                self.how = self.how or type(error).__name__
                return False
            if not data:
                self.how = self.how or "closed"
                return False
            self.rest += data
            self.raw += data[:max(0, (1 << 20) - len(self.raw))]
        return True

    def read(self):
        """Reads and notes one frame; it, or None at the end."""
        if not self.saw_preface:
            if not self._fill(len(PREFACE)):
                return None
            if not self.rest.startswith(PREFACE):
                raise ValueError(f"no preface: {self.rest[:24]!r}")
            self.rest, self.saw_preface = self.rest[len(PREFACE):], True
        if not self._fill(9):
            return None
        size = int.from_bytes(self.rest[:3], "big")
        if not self._fill(9 + size):
            return None
        frame = (self.rest[3], self.rest[4], int.from_bytes(self.rest[5:9], "big"), self.rest[9:9 + size])
        self.rest = self.rest[9 + size:]
        if len(self.frames) < 100000:
            self.frames.append((*frame[:3], len(frame[3])))
        self._note(*frame)
        return frame

    def _note(self, kind, flags, number, payload):
        if kind in (DATA, HEADERS) and flags & PADDED:
            payload = payload[1:len(payload) - payload[0]]
        if kind == HEADERS and flags & HAS_PRIORITY:
            payload = payload[5:]
        if kind == DATA:
            self.stream(number).body += payload
            if payload and self.replenishes:
                self.update(0, len(payload))
                if not flags & END_STREAM:
                    self.update(number, len(payload))
        elif kind == HEADERS:
            self.block = [number, flags, payload]
        elif kind == CONTINUATION:
            self.block[2] += payload
        elif kind == RST_STREAM:
            self.stream(number).reset = int.from_bytes(payload, "big")
        elif kind == SETTINGS and flags & ACK:
            self.acks += 1
        elif kind == SETTINGS:
            self._take_settings(payload)
        elif kind == PING and flags & ACK:
            self.pongs += 1
        elif kind == PING:
            self.ping(payload, ACK)
        elif kind == GOAWAY:
            self.goaway = (int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big"))
        elif kind == WINDOW_UPDATE and number:
            self.stream(number).window += int.from_bytes(payload, "big")
        elif kind == WINDOW_UPDATE:
            self.window += int.from_bytes(payload, "big")
        if kind in (HEADERS, CONTINUATION) and flags & END_HEADERS:
            number, first, block = self.block
            fields = self.decoder.decode(block, raw=True)
            stream = self.stream(number)
            stream.blocks.append(block)
            stream.frames.append([(type(f).__name__, bytes(f[0]), bytes(f[1])) for f in fields])
            head = {}
            for name, value in fields:
                name, value = bytes(name).decode("latin-1"), bytes(value).decode("latin-1")
                head[name] = f"{head[name]}, {value}" if name in head else value
            stream.heads.append(head)
            if first & END_STREAM:
                stream.has_ended = True
        if kind == DATA and flags & END_STREAM:
            self.stream(number).has_ended = True

    def _take_settings(self, payload):
        for i in range(0, len(payload), 6):
            key, value = int.from_bytes(payload[i:i + 2], "big"), int.from_bytes(payload[i + 2:i + 6], "big")
            self.settings[key] = value
            if key == INITIAL_WINDOW_SIZE:
                for stream in self.streams.values():
                    stream.window += value - self.initial_window
                self.initial_window = value
            if key == HEADER_TABLE_SIZE:
                self.encoder.header_table_size = min(value, 4096)
        self.frame(SETTINGS, ACK)

    def until(self, condition):
        """Reads until CONDITION() holds; False when the connection ends first."""
        while not condition():
            if not self.read():
                return bool(condition())
        return True

    def await_head(self, number, count=1):
        """The COUNTth head of a stream; None when there is none."""
        state = self.stream(number)
        self.until(lambda: len(state.heads) >= count or state.reset is not None)
        return state.heads[count - 1] if len(state.heads) >= count else None

    def await_body(self, number, size):
        state = self.stream(number)
        self.until(lambda: len(state.body) >= size or state.has_ended or state.reset is not None)
        return bytes(state.body)

    def await_end(self, number):
        """What Stream.summary() says, once it has ended, was reset, or the connection ended."""
        state = self.stream(number)
        self.until(lambda: state.has_ended or state.reset is not None)
        return state.summary()

    def await_reset(self, number):
        state = self.stream(number)
        self.until(lambda: state.reset is not None)
        return state.reset

    def await_goaway(self):
        self.until(lambda: self.goaway is not None)
        return self.goaway

    def to_end(self):
        """Reads to the end of the connection: (GOAWAY or None, how it ended)."""
        while self.read():
            pass
        return self.goaway, self.how

    def await_pong(self, data=b"12345678"):
        """Whether everything sent until now was taken."""
        wanted = self.pongs + 1
        self.ping(data)
        return self.until(lambda: self.pongs >= wanted)

    def await_request(self, known=None):
        """The id of the next stream whose head comes, of those that are not in KNOWN (those of earlier calls)."""
        self.known = known if known is not None else getattr(self, "known", set())
        def new():
            return [n for n, s in self.streams.items() if s.heads and n not in self.known]
        self.until(new)
        found = new()
        if not found:
            return None
        self.known.add(found[0])
        return found[0]

    def head(self, number, index=0):
        return self.streams[number].heads[index]

    def fields(self, number, index=0):
        """(kind of representation, name, value) of each field, in order."""
        return self.streams[number].frames[index]

    def state(self, number):
        return self.stream(number).summary()

    def get(self, *arguments, **options):
        return self.await_end(self.request(*arguments, **options))

    def value(self, name):
        return getattr(self, name)

    def set(self, name, value):
        setattr(self, name, value)


def inside_source():
    """This module, for a program in a sandbox."""
    with open(__file__) as file:
        return file.read()


def strike(client, data, streams=(1,), patience=5, settings=None, preface=True):
    """Sends DATA behind the preface over CLIENT (of the puppet) and looks at what comes of it, once STREAMS are done with:
    (whether a PING is answered then, GOAWAY's code, {stream: (status, body, reset's code, whether it ended)}, how it ended)."""
    client.socket.settimeout(patience)
    peer = Peer(client.send, client.receive, True, settings, preface)
    lives = peer.send(data)
    try:
        peer.until(lambda: all(n in peer.streams and (peer.streams[n].has_ended or peer.streams[n].reset is not None) for n in streams)
                   or (peer.goaway and peer.goaway[1]))
        lives = not (peer.goaway and peer.goaway[1]) and peer.await_pong(b"are you?")
        if not lives:
            peer.to_end()
    except TimeoutError:
        lives = "timeout"
    except Exception as error:
        lives = repr(error)
    found = {}
    for number, stream in peer.streams.items():
        finals = [h[":status"] for h in stream.heads if not h.get(":status", "1").startswith("1")]
        found[number] = (int(finals[0]) if finals else None, bytes(stream.body)[:300], stream.reset, stream.has_ended)
    client.reset()
    return lives, peer.goaway[1] if peer.goaway else None, found, client.how or peer.how


def strike_all(inside, cases, workers=12):
    """Each of CASES, (host, bytes, options of strike()), over a connection of its own from the puppet INSIDE."""
    if not getattr(inside, "knows_h2", False):
        inside.run(inside_source() + "\npeers = {}\n")
        inside.knows_h2 = True
    return inside.run("""
from concurrent.futures import ThreadPoolExecutor
def one(case):
    host, data, options = case
    return strike(Client(host, alpn=["h2"]), data, **options)
with ThreadPoolExecutor(workers) as pool:
    result = list(pool.map(one, cases))
""", cases=cases, workers=workers)


class RemotePeer:
    """The methods of a Peer in the sandbox."""

    def __init__(self, inside, client):
        self.inside, self.client, self.number = inside, client, client.number

    def __getattr__(self, name):
        return lambda *values, **named: self.inside.run(
            "result = getattr(peers[number], name)(*values, **named)", number=self.number, name=name, values=values, named=named)


def open_inside(inside, host, settings=None, opens=True, alpn=("h2",), **options):
    """A Peer in the sandbox of the puppet INSIDE, over a new connection, as an object with its methods."""
    if not getattr(inside, "knows_h2", False):
        inside.run(inside_source() + "\npeers = {}\n")
        inside.knows_h2 = True
    client = inside.connect(host, alpn=list(alpn), **options)
    inside.run("c = clients[number]\nc.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\nassert not alpn or c.tls.selected_alpn_protocol() == 'h2'\n"
               "peers[number] = Peer(c.send, c.receive, True, settings, opens)\n"
               "peers[number].reset_connection, peers[number].close, peers[number].quiet = c.reset, c.close, c.quiet",
               number=client.number, settings=settings, opens=opens, alpn=alpn)
    return RemotePeer(inside, client)


def serve(connection, settings=None, opens=True):
    """A Peer that is the origin's end of CONNECTION (lab.origins.Connection)."""
    connection.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer = Peer(connection.sendall, connection.recv, False, settings, opens)
    peer.connection = connection
    return peer
