"""Holds HTTP/2 connections open, for http2.py: h2_hold.py HOST PORT CONNECTIONS STREAMS PATH. Each has been served once; STREAMS more
requests for PATH are under way on each. Says "held" and ends with its standard input."""
import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor

from lab.h2 import END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, literal, make_frame

HOST, PORT, CONNECTIONS, STREAMS, PATH = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]


def head(stream, path):
    fields = ((b":method", b"GET"), (b":scheme", b"https"), (b":authority", f"{HOST}:{PORT}".encode()), (b":path", path.encode()))
    return make_frame(HEADERS, END_HEADERS | END_STREAM, stream, b"".join(literal(n, v) for n, v in fields))


def open_one(_):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    stream = context.wrap_socket(socket.create_connection((HOST, PORT), 20), server_hostname=HOST)
    stream.sendall(PREFACE + make_frame(SETTINGS) + head(1, "/1k"))
    seen = b""
    while b"x" * 1024 not in seen:
        data = stream.recv(65536)
        if not data:
            raise EOFError("the connection ended")
        seen += data
    stream.sendall(make_frame(SETTINGS, 1) + b"".join(head(3 + 2 * i, PATH) for i in range(STREAMS)))
    return stream


with ThreadPoolExecutor(4) as pool:
    held = list(pool.map(open_one, range(CONNECTIONS)))
print("held", flush=True)
sys.stdin.read()
