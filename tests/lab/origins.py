"""Origins: nginx, Apache, and one whose every byte is scripted."""
import contextlib
import queue
import shutil
import socket
import ssl
import struct
import subprocess
import threading

from . import namespaces
from .namespaces import wait_until


def can_connect(world, address, port):
    def attempt():
        with world.space.entered():
            probe = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        probe.settimeout(1)
        try:
            return probe.connect_ex((address, port)) == 0
        finally:
            probe.close()
    return attempt


HELLO = 'location / { return 200 "hello from $host\\n"; }'


class Nginx:
    """nginx with TLS for HOSTS (and plain HTTP on port 80 when PLAIN) on an address of its own, which the names resolve to; or on
    ADDRESS, and the names are left alone."""

    def __init__(self, world, hosts, locations="", http="", plain=False, port=443, workers=1, address=None,
                 protocols="TLSv1.2 TLSv1.3", h2=False):
        self.world, self.dir = world, world.dir / f"nginx-{hosts[0]}-{port}{'-' + address.replace(':', '-') if address else ''}"
        self.dir.mkdir()
        self.root = self.dir / "root"
        self.root.mkdir()
        self.log = self.dir / "access.log"
        certificate, key = world.pair(*hosts)
        self.address = address or world.name(hosts[0])
        for host in hosts[1:] if not address else []:
            world.name(host, self.address)
        shown = f"[{self.address}]" if ":" in self.address else self.address
        listen = f"listen {shown}:{port} ssl{' http2' if h2 else ''};" + (f" listen {shown}:80;" if plain else "")
        (self.dir / "nginx.conf").write_text(f"""
daemon off; worker_processes {workers}; pid {self.dir}/pid; error_log {self.dir}/error.log warn;
user root; worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  types {{ text/plain txt; application/octet-stream bin; }}
  log_format seen '$request|$host|$http_authorization|$status|$content_length|$ssl_protocol|$ssl_session_reused';
  access_log {self.log} seen; client_max_body_size 0; client_body_temp_path {self.dir}/body; proxy_temp_path {self.dir}/p;
  fastcgi_temp_path {self.dir}/f; uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/s;
  keepalive_requests 1000000; sendfile on;
  {http}
  server {{
    {listen} server_name {' '.join(hosts)};
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols {protocols}; ssl_session_cache shared:x:1m;
    root {self.root};
    {locations or HELLO}
  }}
}}
""")
        self.process = world.space.spawn(["nginx", "-p", self.dir, "-e", self.dir / "error.log", "-c", self.dir / "nginx.conf"])
        wait_until(can_connect(world, self.address, port), what="nginx")

    def requests(self):
        """What was logged: dicts of request, host, authorization, status, length, protocol, reused."""
        keys = ("request", "host", "authorization", "status", "length", "protocol", "reused")
        return [dict(zip(keys, line.split("|"))) for line in self.log.read_text().splitlines()]

    def close(self):
        namespaces.end(self.process)
        shutil.rmtree(self.dir, ignore_errors=True)


class Scripted:
    """An origin that runs SCRIPT(connection) in a thread for each connection; connection has recv, sendall, and `raw`, all bytes
    received so far. TLS unless TLS is False; CONTEXT replaces the default server context."""

    patience = 30  # seconds that a script waits for bytes

    def __init__(self, world, host, script, tls=True, port=None, context=None, address=None):
        self.world, self.script, self.connections = world, script, []
        self.address = address or world.name(host)
        self.port = port or (443 if tls else 80)
        self.context = context
        if tls and not context:
            certificate, key = world.pair(host)
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate, key)
        self.listener = world.listen(self.address, self.port)
        self.accepted = 0
        self.failures = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._run, args=(plain,), daemon=True).start()

    def _run(self, plain):
        plain.settimeout(self.patience)
        try:
            stream = self.context.wrap_socket(plain, server_side=True) if self.context else plain
        except (ssl.SSLError, OSError) as error:
            self.failures.append(str(error))
            plain.close()
            return
        connection = Connection(stream)
        self.connections.append(connection)
        try:
            self.script(connection)
        except (OSError, EOFError) as error:
            self.failures.append(str(error))
        finally:
            connection.finished.set()
            stream.close()

    @property
    def raw(self):
        """All bytes of all connections, in the order of their beginning."""
        return b"".join(c.raw for c in self.connections)

    def close(self):
        self.listener.close()


class ByHand(Scripted):
    """An origin whose connections are handed to the test, which closes them."""

    patience = 10

    def __init__(self, world, host, **options):
        self.waiting = queue.Queue()
        super().__init__(world, host, self._hand_over, **options)

    def _hand_over(self, connection):
        connection.released = threading.Event()
        self.waiting.put(connection)
        connection.released.wait()

    def take(self, seconds=10):
        """The next connection that was made and not taken yet."""
        try:
            return self.waiting.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError("no connection came") from None

    def forget(self):
        """Closes all connections."""
        for connection in self.connections:
            connection.close()
        self.connections.clear()
        while not self.waiting.empty():
            self.waiting.get()


class Connection:
    def __init__(self, stream):
        self.stream, self.raw, self.rest = stream, b"", b""
        self.finished = threading.Event()

    def recv(self, size=65536):
        data = self.stream.recv(size)
        self.raw += data
        return data

    def sendall(self, data):
        self.stream.sendall(data)

    def close(self, how="orderly"):
        """HOW: orderly (close_notify and FIN), fin (FIN alone), reset."""
        with contextlib.suppress(OSError, ValueError):
            if how == "orderly" and isinstance(self.stream, ssl.SSLSocket):
                self.stream.settimeout(0.2)
                self.stream.unwrap()
        with contextlib.suppress(OSError):
            if how == "reset":
                self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                socket.socket.shutdown(self.stream, socket.SHUT_WR)
        self.stream.close()
        if hasattr(self, "released"):
            self.released.set()

    def read_head(self):
        """The next request head, with its empty line; b"" at the end of the stream."""
        while b"\r\n\r\n" not in self.rest:
            data = self.recv()
            if not data:
                return b""
            self.rest += data
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        return head + b"\r\n\r\n"

    def _receive_more(self):
        data = self.recv()
        if not data:
            raise EOFError("the stream ended early")
        self.rest += data

    def read_exactly(self, size):
        while len(self.rest) < size:
            self._receive_more()
        body, self.rest = self.rest[:size], self.rest[size:]
        return body

    def read_request(self):
        """(head, body) with the body's framing undone; (b"", b"") at the end."""
        head = self.read_head()
        lower = head.lower()
        if b"\r\ntransfer-encoding: chunked" in lower:
            body = b""
            while True:
                while b"\r\n" not in self.rest:
                    self._receive_more()
                size, self.rest = self.rest.split(b"\r\n", 1)
                size = int(size, 16)
                if size == 0:
                    while not (self.rest.startswith(b"\r\n") or b"\r\n\r\n" in self.rest):
                        self._receive_more()
                    self.rest = self.rest[2:] if self.rest.startswith(b"\r\n") else self.rest.split(b"\r\n\r\n", 1)[1]
                    return head, body
                body += self.read_exactly(size)
                self.read_exactly(2)
        if b"\r\ncontent-length:" in lower:
            size = int(lower.split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0])
            return head, self.read_exactly(size)
        return head, b""


def answer(body=b"ok\n", status=b"200 OK", fields=b""):
    """A script that answers every request alike."""
    def script(connection):
        while connection.read_request()[0]:
            connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n"
                               + fields + b"\r\n" + body)
    return script


def have(program):
    return shutil.which(program) is not None


def run(argv, **options):
    return subprocess.run(argv, capture_output=True, text=True, check=True, **options)
