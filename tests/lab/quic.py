"""A client's first QUIC packets (RFC 9000, RFC 9001 section 5), sealed as they are on the wire."""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SALT = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")


def expand(secret, label, size):
    label = b"tls13 " + label
    return hmac.new(secret, struct.pack(">HB", size, len(label)) + label + b"\0\1", hashlib.sha256).digest()[:size]


def initial(identity, number, frames, size=1200):
    """Packet NUMBER of the client whose first destination id is IDENTITY, padded to SIZE bytes."""
    head = b"\xc3\0\0\0\1" + bytes([len(identity)]) + identity + b"\0\0"
    frames += bytes(size - len(head) - 2 - 4 - len(frames) - 16)
    head += struct.pack(">HI", 0x4000 | (4 + len(frames) + 16), number)
    client = expand(hmac.new(SALT, identity, hashlib.sha256).digest(), b"client in", 32)
    key, start, header_key = expand(client, b"quic key", 16), expand(client, b"quic iv", 12), expand(client, b"quic hp", 16)
    nonce = bytes(a ^ b for a, b in zip(start, struct.pack(">QI", 0, number)))
    sealed = AESGCM(key).encrypt(nonce, frames, head)
    mask = Cipher(algorithms.AES(header_key), modes.ECB()).encryptor().update(sealed[:16])
    bare = bytearray(head)
    bare[0] ^= mask[0] & 15
    for i in range(4):
        bare[len(bare) - 4 + i] ^= mask[1 + i]
    return bytes(bare) + sealed


def crypto(offset, data):
    """A CRYPTO frame."""
    return b"\6" + struct.pack(">HH", 0x4000 | offset, 0x4000 | len(data)) + data


def hello_in_two(name, identity=b"eight..."):
    """Two datagrams with a ClientHello for NAME whose key share is as large as those of post-quantum exchanges."""
    def extension(kind, data):
        return struct.pack(">HH", kind, len(data)) + data
    share = struct.pack(">HHH", 4 + 1216, 0x11ec, 1216) + b"k" * 1216
    server = struct.pack(">HBH", 3 + len(name), 0, len(name)) + name
    extensions = extension(51, share) + extension(43, b"\2\3\4") + extension(0, server) + extension(16, b"\0\3\2h3") + extension(0x39, b"")
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack(">H", len(extensions)) + extensions
    message = b"\1" + len(body).to_bytes(3, "big") + body
    return [initial(identity, 0, crypto(600, message[600:1200]) + b"\1" + crypto(0, message[:400])),
            initial(identity, 1, crypto(1200, message[1200:]) + crypto(400, message[400:600]))]
