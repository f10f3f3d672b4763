"""Certificates for test origins, by python3-cryptography."""
import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOUR = datetime.timedelta(hours=1)


def now():
    return datetime.datetime.utcnow()


def key():
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(private):
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())


def pem(certificate):
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
