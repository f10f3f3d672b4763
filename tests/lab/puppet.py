"""A program in a sandbox that does what the test says, so that a test can move the client and the origin by turns."""
import ast
import subprocess

AGENT = r'''
import ast, hashlib, os, socket, ssl, struct, sys, threading, time

class Client:
    """A connection of which every byte is the test's. TLS is done in memory, so that its end and TCP's can be told apart."""

    def __init__(self, host, port=None, tls=True, sni=None, address=None, session=None, alpn=None, local=None):
        port = port or (443 if tls else 80)
        self.host, self.rest, self.how = host, b"", None
        self.socket = socket.create_connection((address or host, port), 20)
        self.socket.settimeout(60)
        self.tls = None
        if tls:
            self.context = session.context if session else ssl.create_default_context()
            self.context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # Python's default: the end without close_notify is hidden
            self.context.check_hostname = sni is None
            if alpn:
                self.context.set_alpn_protocols(alpn)
            self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = self.context.wrap_bio(self.incoming, self.outgoing, server_hostname=host if sni is None else (sni or None),
                                             session=session.tls.session if session else None)
            self._do(self.tls.do_handshake)

    def _flush(self):
        data = self.outgoing.read()
        if data:
            self.socket.sendall(data)

    def _do(self, step, *arguments):
        while True:
            try:
                value = step(*arguments)
                self._flush()
                return value
            except ssl.SSLWantReadError:
                self._flush()
                data = self.socket.recv(65536)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()

    def send(self, data):
        if self.tls:
            self.tls.write(data)
            self._flush()
        else:
            self.socket.sendall(data)

    def receive(self, size=65536):
        """Some bytes; b"" at the end, and then `how` says which: close_notify, fin, truncated (FIN without close_notify), reset."""
        if self.how:
            return b""
        try:
            data = self._do(self.tls.read, size) if self.tls else self.socket.recv(size)
            if not data:
                self.how = "close_notify" if self.tls else "fin"
            return data
        except ConnectionResetError:
            self.how = "reset"
        except ssl.SSLZeroReturnError:
            self.how = "close_notify"
        except ssl.SSLError as error:
            self.how = "truncated" if "EOF" in str(error) else str(error)
        return b""

    def until(self, marker):
        while marker not in self.rest:
            data = self.receive()
            if not data:
                raise EOFError(f"{self.how}, after {self.rest!r}")
            self.rest += data
        found, self.rest = self.rest.split(marker, 1)
        return found + marker

    def exactly(self, size):
        while len(self.rest) < size:
            data = self.receive()
            if not data:
                raise EOFError(f"{self.how}, after {len(self.rest)} of {size} bytes")
            self.rest += data
        found, self.rest = self.rest[:size], self.rest[size:]
        return found

    def some(self):
        """Some bytes, those first that until() has read too far; b"" at the end."""
        found, self.rest = self.rest or self.receive(), b""
        return found

    def to_end(self):
        """(all that comes, how it ended)"""
        while True:
            data = self.receive()
            if not data:
                found, self.rest = self.rest, b""
                return found, self.how
            self.rest += data

    def response(self, method="GET"):
        """(status, fields in lower case, body, trailer fields, how it ended when the end of the connection ends it)"""
        head = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        fields = {}
        for line in head[1:]:
            if line:
                name, value = line.split(": ", 1)
                fields.setdefault(name.lower(), []).append(value)
        fields = {name: ", ".join(values) for name, values in fields.items()}
        if method == "HEAD" or status < 200 or status in (204, 304):
            return status, fields, b"", {}, None
        if "content-length" in fields:
            return status, fields, self.exactly(int(fields["content-length"])), {}, None
        if fields.get("transfer-encoding") == "chunked":
            body, trailers = b"", {}
            while True:
                size = int(self.until(b"\r\n"), 16)
                if size == 0:
                    break
                body += self.exactly(size)
                if self.exactly(2) != b"\r\n":
                    raise ValueError("a chunk that does not end")
            while True:
                line = self.until(b"\r\n")[:-2].decode("latin-1")
                if not line:
                    return status, fields, body, trailers, None
                name, value = line.split(": ", 1)
                trailers[name.lower()] = value
        body, how = self.to_end()
        return status, fields, body, {}, how

    def quiet(self, seconds):
        """Whether nothing comes for so long."""
        if self.rest or (self.tls and self.tls.pending()):
            return False
        self.socket.settimeout(seconds)
        try:
            data = self.receive()
            self.rest += data
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(60)

    def finish(self):
        """Closes our half: close_notify, then FIN."""
        if self.tls:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass
            self._flush()
        self.socket.shutdown(socket.SHUT_WR)

    def fin(self):
        """Closes our half by FIN alone."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        if self.socket.fileno() < 0:
            return
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def resumed(self):
        return self.tls.session_reused

    def version(self):
        return self.tls.version()

    def certificate(self):
        return self.tls.getpeercert()

clients, scope = {}, {}
scope.update(globals())

def call(kind, *arguments):
    if kind == "open":
        number, values = arguments
        if "session" in values:
            values["session"] = clients[values["session"]]
        clients[number] = Client(**values)
        return None
    if kind == "client":
        number, name, values = arguments
        return getattr(clients[number], name)(*values)
    code, values = arguments
    scope.update(values)
    scope.pop("result", None)
    exec(code, scope)
    return scope.get("result")

for line in sys.stdin:
    try:
        answer = ("ok", call(*ast.literal_eval(line)))
    except Exception as error:
        answer = ("error", type(error).__name__, str(error))
    print(repr(answer), flush=True)
os._exit(0)  # whatever threads are left
'''


class RemoteError(Exception):
    """An exception in the sandbox; `kind` is its class."""

    def __init__(self, kind, text):
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Puppet:
    """The program. One call at a time; run() may leave threads behind."""

    def __init__(self, box, env=None, options=(), stderr=None):
        self.box, self.opened = box, 0
        self.process = box.start(["/usr/bin/python3", "-u", "-c", AGENT], env=env, options=options, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.run("")

    def _call(self, *call):
        self.process.stdin.write(repr(call) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise EOFError(f"the program ended with {self.process.wait(10)}")
        answer = ast.literal_eval(line)
        if answer[0] == "error":
            raise RemoteError(*answer[1:])
        return answer[1]

    def run(self, code, **values):
        """Executes CODE with the names in VALUES; what it assigns to `result`."""
        return self._call("run", code, values)

    def connect(self, host, **values):
        self.opened += 1
        if "session" in values:
            values["session"] = values["session"].number
        self._call("open", self.opened, {"host": host, **values})
        return RemoteClient(self, self.opened)

    def close(self):
        """The exit status."""
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(30)


class RemoteClient:
    """The methods of Client, above."""

    def __init__(self, inside, number):
        self.inside, self.number = inside, number

    def __getattr__(self, name):
        return lambda *values: self.inside._call("client", self.number, name, values)
