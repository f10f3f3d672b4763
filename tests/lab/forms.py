"""Forms in which a secret may come back: name -> function of the value that gives the text."""
import base64
import binascii
import json
import urllib.parse

PAD = {0: b"", 1: b"u", 2: b"me"}


def _base64(before, after, urlsafe=False, strip=False):
    def form(value):
        coded = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(PAD[before] + value + b"z" * after)
        return coded.rstrip(b"=") if strip else coded
    return form


def _percent(which, twice=False):
    def form(value):
        text = b"".join(b"%%%02X" % c if which(i, c) else bytes([c]) for i, c in enumerate(value))
        return text.replace(b"%", b"%25") if twice else text
    return form


def _all(i, c):
    return True


def _odd(i, c):
    return i % 2 == 1


def _marks(i, c):
    return not chr(c).isalnum()


def _escaped(pattern, which=_all):
    return lambda value: b"".join(pattern % c if which(i, c) else bytes([c]) for i, c in enumerate(value))


def _password_of_a_user(value):
    return b"Basic " + base64.b64encode(b"user:" + value)


FORMS = {
    "raw": lambda v: v,
    "upper case": lambda v: v.upper(),
    "lower case": lambda v: v.lower(),
    "backwards": lambda v: v[::-1],
    "in quotes": lambda v: b'"' + v + b'"',
    "bearer": lambda v: b"Authorization: Bearer " + v,
    "percent, marks only": lambda v: urllib.parse.quote(v, safe="").encode(),
    "percent, all, capitals": _percent(_all),
    "percent, every other one": _percent(_odd),
    "percent, twice": _percent(_all, twice=True),
    "percent, small letters": lambda v: b"".join(b"%%%02x" % c for c in v),
    "form": lambda v: urllib.parse.quote_plus(v).encode(),
    "json": lambda v: json.dumps(v.decode()).encode(),
    "json, all escaped": _escaped(b"\\u%04x"),
    "json, all escaped, capitals": _escaped(b"\\u%04X"),
    "json, every other one": _escaped(b"\\u%04x", _odd),
    "json, slashes": lambda v: json.dumps(v.decode()).replace("/", "\\/").encode(),
    "json in json": lambda v: json.dumps(json.dumps({"k": v.decode()})).encode(),
    "hex": binascii.hexlify,
    "hex, capitals": lambda v: binascii.hexlify(v).upper(),
    "backslash x": _escaped(b"\\x%02x"),
    "html, decimal": _escaped(b"&#%d;"),
    "html, hex": _escaped(b"&#x%x;"),
    "html, marks only": _escaped(b"&#x%x;", _marks),
    "utf-16 le": lambda v: v.decode().encode("utf-16-le"),
    "utf-16 be": lambda v: v.decode().encode("utf-16-be"),
    "basic, as a user": lambda v: b"Basic " + base64.b64encode(v + b":"),
    "basic, as a password": lambda v: b"Basic " + base64.b64encode(b":" + v),
    "basic, as a password of a user": _password_of_a_user,
    **{f"base64 at {before}, {after} behind{', url' if urlsafe else ''}{', no padding' if strip else ''}": _base64(before, after, urlsafe, strip)
       for before in range(3) for after in (0, 1) for urlsafe in (False, True) for strip in (False, True) if not (strip and after)},
}
