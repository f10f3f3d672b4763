"""What runs inside a sandbox for the attack tests: it is sent functions and calls them (see attacker.Inside).

The names in this file are there for those functions. Nothing of the test's own process is.
"""
import ast
import errno
import functools
import os
import socket
import ssl
import struct
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor


def connect(host, port, timeout=15):
    return socket.create_connection((host, port), timeout)


@functools.cache
def context(alpn=("http/1.1",), verify=True):
    made = ssl.create_default_context()
    if alpn:
        made.set_alpn_protocols(list(alpn))
    if not verify:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def secure(host, port=443, name=None, alpn=("http/1.1",), verify=True, to=None, timeout=15):
    """TLS to HOST, or to the address TO, with NAME (HOST if not given) as server name."""
    plain = connect(to or host, port, timeout)
    return context(alpn, verify).wrap_socket(plain, server_hostname=name or host)


def receive(stream, first=15, quiet=0.6, limit=1 << 22):
    """(bytes, how it ended): "eof", "reset", "quiet" (nothing more came), "error" (TLS is broken off)."""
    data = b""
    stream.settimeout(first)
    try:
        while len(data) < limit:
            piece = stream.recv(65536)
            if not piece:
                return data, "eof"
            data += piece
            stream.settimeout(quiet)
    except (TimeoutError, socket.timeout):
        return data, "quiet"
    except ssl.SSLEOFError:
        return data, "eof without close_notify"
    except ssl.SSLError as error:
        return data, f"error {error.reason}"
    except OSError as error:
        return data, "reset" if error.errno in (errno.ECONNRESET, errno.EPIPE) else f"error {error.errno}"
    return data, "limit"


def send_pieces(stream, pieces, pause=0.02):
    """Sends PIECES one by one; what the peer does not want any more is not sent."""
    try:
        for piece in pieces:
            stream.sendall(piece)
            if len(pieces) > 1:
                time.sleep(pause)
    except OSError:
        pass


def exchange(host, pieces, port=443, tls=True, quiet=0.6, first=15):
    """Sends PIECES (bytes, or a list of them) over a new connection; what comes back, as receive() gives it."""
    try:
        stream = secure(host, port) if tls else connect(host, port)
    except OSError as error:
        return b"", f"no connection: {error}"
    with stream:
        send_pieces(stream, [pieces] if isinstance(pieces, bytes) else pieces)
        return receive(stream, first, quiet)


def in_parallel(function, cases, workers=24):
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda case: function(*case), cases))


def errno_name(call, *arguments):
    """The name of the error that CALL raises, or what it returns if it raises none."""
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


def run(argv, timeout=20, **options):
    import subprocess
    done = subprocess.run(argv, capture_output=True, timeout=timeout, **options)
    return done.returncode, done.stdout, done.stderr


def ask(name, kind=1, server="198.18.0.1", port=53, tcp=False, timeout=3, raw=None, family=socket.AF_INET):
    """A DNS question; the whole answer as bytes, or b"" when none came."""
    query = raw if raw is not None else question(name, kind)
    if tcp:
        with socket.create_connection((server, port), timeout) as stream:
            stream.sendall(struct.pack("!H", len(query)) + query)
            answer = b""
            while len(answer) < 2 or len(answer) < 2 + struct.unpack("!H", answer[:2])[0]:
                piece = stream.recv(4096)
                if not piece:
                    return b""
                answer += piece
            return answer[2:]
    with socket.socket(family, socket.SOCK_DGRAM) as stream:
        stream.settimeout(timeout)
        stream.sendto(query, (server, port))
        try:
            return stream.recvfrom(4096)[0]
        except OSError:
            return b""


def question(name, kind=1, qclass=1, ident=0x1234):
    """NAME may be bytes of labels already (ending in the root's zero)."""
    if isinstance(name, str):
        labels = [label.encode("latin-1") for label in name.rstrip(".").split(".") if label]
        name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack("!HHHHHH", ident, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", kind, qclass)


def rcode(answer):
    return answer[3] & 15 if len(answer) >= 12 else None


def addresses(answer):
    """The addresses in ANSWER's answer section; names in it may be compressed."""
    if len(answer) < 12:
        return []
    count, at, found = struct.unpack("!H", answer[6:8])[0], 12, []
    while answer[at]:
        at += 1 + answer[at]
    at += 5
    for _ in range(count):
        while answer[at] and answer[at] < 192:
            at += 1 + answer[at]
        at += 2 if answer[at] >= 192 else 1
        kind, _, _, size = struct.unpack("!HHIH", answer[at:at + 10])
        data = answer[at + 10:at + 10 + size]
        if kind in (1, 28):
            found.append(socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, data))
        at += 10 + size
    return found


def vector(size, data):
    return len(data).to_bytes(size, "big") + data


def extension(kind, data):
    return struct.pack("!H", kind) + vector(2, data)


def server_name(*names, kind=0):
    return extension(0, vector(2, b"".join(bytes([kind]) + vector(2, name) for name in names)))


def client_hello(*extensions, name=None, tls13=False, ciphers=(0xc02b, 0xc02c, 0xcca9, 0x1301, 0x1302), version=0x0303, session=b"",
                 compression=b"\0", share=None):
    """A ClientHello message, of TLS 1.2 alone (so that the answer is in the open) or of 1.3 too. NAME (bytes) makes a server_name;
    EXTENSIONS go in front of the usual ones."""
    usual = [extension(10, vector(2, b"\0\x1d\0\x17")), extension(11, b"\1\0"),
             extension(13, vector(2, b"\4\3\5\3\x08\4\4\1")), extension(23, b"")]
    if tls13:
        usual += [extension(43, vector(1, b"\3\4\3\3")), extension(51, vector(2, b"\0\x1d" + vector(2, share or os.urandom(32))))]
    names = [server_name(name)] if name is not None else []
    body = (struct.pack("!H", version) + os.urandom(32) + vector(1, session)
            + vector(2, b"".join(struct.pack("!H", c) for c in ciphers)) + vector(1, compression)
            + vector(2, b"".join([*names, *extensions, *usual])))
    return b"\1" + vector(3, body)


def records(message, size=1 << 14, version=0x0301):
    """MESSAGE in handshake records of SIZE bytes."""
    return [b"\x16" + struct.pack("!H", version) + vector(2, message[i:i + size]) for i in range(0, len(message), size)]


def greet(host, pieces, port=443, quiet=0.4):
    """Sends PIECES (records of a hello, or parts of them); what the answer is: ("certificate", DER), ("hello",) for a ServerHello of
    TLS 1.3, ("alert", number), ("eof",), ("reset",), or ("other", bytes)."""
    stream = connect(host, port)
    with stream:
        send_pieces(stream, pieces)
        return classify(*receive(stream, 15, quiet))


def classify(raw, end="quiet"):
    messages, at = b"", 0
    while len(raw) >= at + 5:
        kind, size = raw[at], struct.unpack("!H", raw[at + 3:at + 5])[0]
        data = raw[at + 5:at + 5 + size]
        if kind == 21 and not messages:
            return "alert", data[1] if len(data) > 1 else None
        if kind == 22:
            messages += data
        at += 5 + size
    at = 0
    while len(messages) >= at + 4:
        kind, size = messages[at], int.from_bytes(messages[at + 1:at + 4], "big")
        body = messages[at + 4:at + 4 + size]
        if kind == 11:
            return "certificate", body[6:6 + int.from_bytes(body[3:6], "big")]
        at += 4 + size
    if messages[:1] == b"\2":
        return ("hello",)
    return (end,) if not raw else ("other", raw[:100])


def _serve():
    commands = os.fdopen(os.dup(0), "r")
    results = os.fdopen(os.dup(1), "w")
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    print("ready", file=results, flush=True)
    for line in commands:
        name, source, arguments = ast.literal_eval(line)
        space = dict(globals()) if name else globals()
        try:
            exec(compile(source, name or "taught", "exec"), space)
            if not name:
                print("('returned', None)", file=results, flush=True)
                continue
            outcome = ("returned", space[name](*arguments))
        except BaseException as error:
            outcome = ("raised", type(error).__name__, getattr(error, "errno", None), str(error))
        print(repr(outcome), file=results, flush=True)


if __name__ == "__main__":
    _serve()
