"""An origin of HTTP/2 or of HTTP/1.1 that keeps what it was sent by the server name that was asked for."""
import ssl

from . import h2
from .origins import Scripted, answer


class H2Witness(Scripted):
    """For NAMES (wildcards may be among them). Of HTTP/2 requests the fields, as lists of pairs, are in `requests`; SCRIPT(peer, stream)
    answers one whose head is there. With SPEAKS_H1 it speaks HTTP/1.1 only and keeps the bytes."""

    def __init__(self, world, *names, hosts=(), speaks_h1=False, script=None, settings=None, on_open=None):
        self.speaks_h1, self.answer, self.settings, self.on_open = speaks_h1, script or self._ok, settings, on_open
        self.requests = []  # (name, fields, stream, peer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*world.pair(*names))
        context.set_alpn_protocols(["http/1.1"] if speaks_h1 else ["h2"])
        context.sni_callback = lambda stream, name, _: setattr(stream, "asked", name)
        super().__init__(world, names[0], self._speak, context=context, address=world.address())
        for name in [n for n in names if "*" not in n] + list(hosts):
            world.name(name, self.address)

    @staticmethod
    def _ok(peer, number):
        peer.await_end(number)
        peer.respond(number, 200, body=b"ok\n")

    def _speak(self, connection):
        connection.name = getattr(connection.stream, "asked", None)
        if self.speaks_h1:
            answer()(connection)
            return
        peer = connection.peer = h2.serve(connection, self.settings)
        if self.on_open:
            self.on_open(peer)
        while True:
            number = peer.await_request()
            if number is None:
                return
            self.requests.append((connection.name, [(n, v) for _, n, v in peer.fields(number)], number, peer))
            self.answer(peer, number)

    def raw_of(self, name):
        return b"".join(c.raw for c in list(self.connections) if getattr(c, "name", None) == name)

    def requests_of(self, name):
        """[(fields, body, trailers, how it ended)] of the requests for NAME."""
        return [(fields, *peer.stream(number).summary()[1:]) for asked, fields, number, peer in list(self.requests) if asked == name]
