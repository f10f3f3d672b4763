#!/usr/bin/python3
"""A small HTTPS origin for the demonstration: it answers every GET, and notes the Authorization field that it got."""
import http.server
import ssl
import sys

port, certificate, key, notes = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with open(notes, "a", encoding="ascii", errors="replace") as file:
            file.write(f"{self.path} {self.headers.get('Authorization')}\n")
        body = b'{"answer": "hello from the origin"}\n'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
