"""WebSocket frames of which every bit is the test's (RFC 6455), for a client in a sandbox and an origin outside alike."""
import base64
import hashlib
import os
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = base64.b64encode(b"0123456789abcdef")


def accept(key):
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def mask_bytes(data, mask):
    whole = (mask * (len(data) // 4 + 1))[:len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(len(data), "big")


def frame(opcode, payload=b"", fin=True, masked=False, rsv=0, length=None, form=None):
    """LENGTH: what the head says instead of the payload's; FORM: 0, 2 or 8 bytes for it instead of the shortest."""
    size = len(payload) if length is None else length
    if form is None:
        form = 0 if size < 126 else 2 if size < 65536 else 8
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode, (0x80 if masked else 0) | (size if form == 0 else 126 if form == 2 else 127)])
    head += {0: b"", 2: struct.pack("!H", size & 0xffff), 8: struct.pack("!Q", size)}[form]
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + mask_bytes(payload, mask)


def text(payload, masked=False, **options):
    return frame(TEXT, payload.encode() if isinstance(payload, str) else payload, masked=masked, **options)


def close(code=1000, reason=b"", masked=False):
    return frame(CLOSE, struct.pack("!H", code) + reason, masked=masked)


class Frames:
    """Frames out of RECEIVE(), which gives some bytes, or b"" at the end. REST: what was read already."""

    def __init__(self, receive, rest=b""):
        self.receive, self.rest, self.masks = receive, rest, []
        self.begun = (None, b"")  # a message whose end has not come

    def _exactly(self, size):
        while len(self.rest) < size:
            data = self.receive()
            if not data:
                raise EOFError(f"the stream ended within a frame, after {self.rest!r}")
            self.rest += data
        found, self.rest = self.rest[:size], self.rest[size:]
        return found

    def next(self):
        """(opcode, payload, whether it is final, whether it was masked); None at the end."""
        if not self.rest:
            self.rest = self.receive()
            if not self.rest:
                return None
        first, second = self._exactly(2)
        size = second & 127
        if size == 126:
            size = struct.unpack("!H", self._exactly(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", self._exactly(8))[0]
        if first & 0x70:
            raise ValueError("a reserved bit")
        mask = self._exactly(4) if second & 128 else None
        if mask:
            self.masks.append(mask)
        payload = self._exactly(size)
        return first & 15, mask_bytes(payload, mask) if mask else payload, bool(first & 128), mask is not None

    def message(self):
        """(opcode, payload) of the next message or control frame; None at the end."""
        while True:
            found = self.next()
            if found is None:
                return None
            kind, data, final, _ = found
            if kind >= 8:
                return kind, data
            opcode, payload = self.begun[0] or kind, self.begun[1] + data
            self.begun = (None, b"") if final else (opcode, payload)
            if final:
                return opcode, payload

    def all(self):
        """Every message until the end, a close frame among them."""
        found = []
        while True:
            message = self.message()
            if message is None:
                return found
            found.append(message)


def request(host, path="/ws", fields=b"", key=KEY, version=b"13", method=b"GET", upgrade=b"websocket"):
    return (method + b" " + path.encode() + b" HTTP/1.1\r\nHost: " + host.encode() + b"\r\nConnection: Upgrade\r\nUpgrade: " + upgrade
            + b"\r\nSec-WebSocket-Key: " + key + b"\r\nSec-WebSocket-Version: " + version + b"\r\n" + fields + b"\r\n")


def response(head, fields=b"", status=b"101 Switching Protocols", answer=None):
    """The origin's answer to the request HEAD; ANSWER instead of the right accept."""
    key = [line.split(b": ", 1)[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: ")][0]
    return (b"HTTP/1.1 " + status + b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            + (answer or accept(key)) + b"\r\n" + fields + b"\r\n")


def origin(script, fields=b""):
    """For lab.origins.Scripted: agrees, and runs SCRIPT(connection, frames). The request's head is in connection.head."""
    def run(connection):
        connection.head = connection.read_head()
        connection.sendall(response(connection.head, fields))

        def receive():
            try:
                return connection.recv()
            except OSError:
                return b""
        script(connection, Frames(receive, connection.rest))
    return run


def echo(connection, frames):
    """Sends every message back whole, answers pings, and closes as it is told."""
    connection.messages, connection.frames = [], frames
    while True:
        message = frames.message()
        if message is None:
            return
        connection.messages.append(message)
        opcode, payload = message
        if opcode == PING:
            connection.sendall(frame(PONG, payload))
        elif opcode == CLOSE:
            connection.sendall(frame(CLOSE, payload))
            return
        elif opcode != PONG:
            connection.sendall(frame(opcode, payload))


# Run in a sandbox by lab.puppet.Puppet.run(): a WebSocket over HTTP/2 (RFC 8441) with the methods of Puppet's clients.
OVER_HTTP2 = """
import h2.config, h2.connection, h2.events

class OverHttp2:
    def __init__(self, client):
        self.client, self.rest, self.head, self.how, self.settings = client, b"", None, None, {}
        self.codec = h2.connection.H2Connection(h2.config.H2Configuration(
            validate_outbound_headers=False, normalize_outbound_headers=False, validate_inbound_headers=False))
        self.codec.initiate_connection()
        self.flush()
        while 3 not in self.settings:
            self.read()

    def flush(self):
        self.client.send(self.codec.data_to_send())

    def read(self):
        data = self.client.receive()
        if not data:
            self.how = self.how or "the connection's " + str(self.client.how)
            return
        for event in self.codec.receive_data(data):
            if isinstance(event, h2.events.RemoteSettingsChanged):
                self.settings.update({int(k): v.new_value for k, v in event.changed_settings.items()})
            elif isinstance(event, h2.events.ResponseReceived):
                self.head = {(k if isinstance(k, str) else k.decode()): (v if isinstance(v, str) else v.decode()) for k, v in event.headers}
            elif isinstance(event, h2.events.DataReceived):
                self.rest += event.data
                self.codec.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.how = "end"
            elif isinstance(event, h2.events.StreamReset):
                self.how = self.how or "reset"
        self.flush()

    def request(self, fields, end=False):
        \"\"\"The head of the answer, or how it ended without one.\"\"\"
        self.stream = self.codec.get_next_available_stream_id()
        self.codec.send_headers(self.stream, fields, end)
        self.flush()
        while self.head is None and not self.how:
            self.read()
        return self.head or self.how

    def announced(self):
        return self.settings

    def send(self, data):
        while data:
            room = min(self.codec.local_flow_control_window(self.stream), self.codec.max_outbound_frame_size, len(data))
            if room == 0:
                self.read()
                continue
            self.codec.send_data(self.stream, data[:room])
            data = data[room:]
            self.flush()

    def end(self):
        self.codec.end_stream(self.stream)
        self.flush()

    def reset(self):
        self.codec.reset_stream(self.stream)
        self.flush()

    def some(self):
        while not self.rest and not self.how:
            self.read()
        found, self.rest = self.rest, b""
        return found

    def to_end(self):
        found = b""
        while True:
            data = self.some()
            if not data:
                return found, self.how
            found += data

    def close(self):
        self.client.close()

clients[number] = OverHttp2(clients[number])
"""


def over_http2(inside, host):
    """A connection of HTTP/2 in the sandbox, on which request() makes a WebSocket of one stream."""
    client = inside.connect(host, alpn=["h2"])
    inside.run(OVER_HTTP2, number=client.number)
    return client


def connect_fields(host, path="/ws", fields=(), protocol="websocket"):
    """The head of an extended CONNECT."""
    return [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "https"), (":authority", host), (":path", path),
            ("sec-websocket-version", "13"), *fields]
