"""Certificates for test origins, by python3-cryptography."""
import datetime
import ipaddress
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOUR = datetime.timedelta(hours=1)


def now():
    return datetime.datetime.utcnow()


def key():
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(private):
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())


def rsa_key(bits=2048, exponent=65537):
    return rsa.generate_private_key(exponent, bits)


def pem(certificate):
    """CERTIFICATE may be DER bytes that python3-cryptography would not take."""
    if isinstance(certificate, bytes):
        return ssl.DER_cert_to_PEM_cert(certificate).encode()
    return certificate.public_bytes(serialization.Encoding.PEM)


def common_name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """A root or intermediate authority. Keyword arguments of leaf() bend the leaf for attack tests."""

    def __init__(self, name="test root", parent=None, private=None, path_length=None, is_ca=True, extensions=(),
                 not_before=None, not_after=None, algorithm=None, key_usage=True, basic_constraints=True):
        self.key = private or key()
        self.parent = parent
        builder = (x509.CertificateBuilder().subject_name(common_name(name))
                   .issuer_name(parent.certificate.subject if parent else common_name(name))
                   .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(not_before or now() - HOUR).not_valid_after(not_after or now() + 48 * HOUR)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False))
        if basic_constraints:
            builder = builder.add_extension(x509.BasicConstraints(is_ca, path_length if is_ca else None), True)
        if key_usage:
            builder = builder.add_extension(x509.KeyUsage(True, False, False, False, False, True, True, False, False),
                                            True)
        signer = parent.key if parent else self.key
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        self.certificate = builder.sign(signer, algorithm or hashes.SHA256())

    def leaf(self, names, subject=None, private=None, not_before=None, not_after=None, usages=None, key_usage=True,
             extensions=(), algorithm=None, signer=None):
        """(certificate, key). NAMES: the SAN, [] for none."""
        private = private or key()
        builder = (x509.CertificateBuilder().subject_name(common_name(subject or (names[0] if names else "leaf")))
                   .issuer_name(self.certificate.subject).public_key(private.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(not_before or now() - HOUR).not_valid_after(not_after or now() + 24 * HOUR)
                   .add_extension(x509.BasicConstraints(False, None), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
                   .add_extension(x509.ExtendedKeyUsage(usages or [ExtendedKeyUsageOID.SERVER_AUTH]), False))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([alternative(n) for n in names]), False)
        if key_usage is not None:
            usage = x509.KeyUsage(bool(key_usage), False, not key_usage, False, False, False, False, False, False)
            builder = builder.add_extension(usage, True)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer or self.key, algorithm or hashes.SHA256()), private

    def write(self, directory):
        path = directory / "origin-root.pem"
        path.write_bytes(pem(self.certificate))
        path.chmod(0o644)
        return path


def write_pair(directory, name, certificate, private, chain=()):
    """Writes NAME.pem (with CHAIN behind the leaf) and NAME.key; returns their paths."""
    cert_path, key_path = directory / f"{name}.pem", directory / f"{name}.key"
    cert_path.write_bytes(pem(certificate) + b"".join(pem(c) for c in chain))
    key_path.write_bytes(key_pem(private))
    return cert_path, key_path


# What no honest authority makes: bytes of our own in a certificate.

SPARE = x509.ObjectIdentifier("2.5.29.99")  # as long as those of the usual extensions, to be replaced by one of them
SPARE_DER, NAMES_DER, CONSTRAINTS_DER = b"\x06\x03\x55\x1d\x63", b"\x06\x03\x55\x1d\x11", b"\x06\x03\x55\x1d\x13"


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def raw_names(*names, critical=False):
    """A subjectAltName of (tag, bytes) pairs, unchecked: 0x82 is a DNS name, 0x87 an address."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), der(0x30, *[der(tag, data) for tag, data in names])), critical


def spare(data=b"\x05\x00"):
    return x509.UnrecognizedExtension(SPARE, data), False


def resign(certificate, private, change, algorithm=None):
    """CERTIFICATE as DER with its signed part changed by CHANGE (bytes to bytes of the same length), signed anew."""
    algorithm = algorithm or hashes.SHA256()
    whole, signed = certificate.public_bytes(serialization.Encoding.DER), certificate.tbs_certificate_bytes
    behind = whole[whole.index(signed) + len(signed):]
    identifier = behind[:2 + behind[1]]
    changed = change(signed)
    assert len(changed) == len(signed) and changed != signed
    if isinstance(private, rsa.RSAPrivateKey):
        signature = private.sign(changed, padding.PKCS1v15(), algorithm)
    else:
        signature = private.sign(changed, ec.ECDSA(algorithm))
    return der(0x30, changed, identifier, der(3, b"\0", signature))


def spoil(certificate):
    """The same with a bit of its signature changed."""
    whole = bytearray(certificate.public_bytes(serialization.Encoding.DER))
    whole[-1] ^= 1
    return bytes(whole)
