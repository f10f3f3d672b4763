#!/usr/bin/python3
"""What clients that people use make of our leaves, with the variables that a sandbox is given.

Usage: test_clients.py LEAF_SERVER. Each client must accept a leaf by name and by address, and
refuse one for another name; clients that are not installed are skipped, and said to be.
"""

import datetime
import os
import shutil
import subprocess
import sys
import tempfile

NAME = "leaf.test"
failures = []


def check(what, holds, detail=""):
    print(("ok      " if holds else "FAILED  ") + what)
    if not holds:
        failures.append(what)
        print(detail)


def skip(what):
    print("SKIPPED " + what + ": not installed here")


class Sandbox:
    """The server, and the environment and files that its clients are given."""

    def __init__(self, server):
        self.folder = tempfile.TemporaryDirectory(prefix="sallyport-test-")
        self.process = subprocess.Popen([server, self.folder.name], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.port = self.process.stdout.readline().decode().strip()
        self.variables = dict(line.rstrip("\n").split("=", 1)
                              for line in open(self.path("environment"), encoding="utf-8"))

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def run(self, command, trusting=True, text=""):
        """The exit status and the output of COMMAND, which trusts our CA or only others."""
        environment = {key: value for key, value in os.environ.items()
                       if key not in self.variables}
        environment["HOME"] = self.folder.name
        if trusting:
            environment.update(self.variables)
        done = subprocess.run(command, env=environment, input=text.encode(), timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout.decode(errors="replace")

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()


def refused(status, _output):
    return status != 0


def check_client(sandbox, what, command, is_refusal=refused, text=""):
    """COMMAND(name, trusting) is the command line that connects to the server under that name; one
    that reads no variable must be told by it whether to trust our CA. IS_REFUSAL(status, output)
    tells a refused certificate from other trouble."""
    for name, trusting, accepts in ((NAME, True, True), ("127.0.0.1", True, True),
                                    ("wrong." + NAME, True, False), (NAME, False, False)):
        status, output = sandbox.run(command(name, trusting), trusting, text)
        check(f"{what} {'accepts' if accepts else 'refuses'} our leaf when asking for {name}" +
              ("" if trusting else " without our CA"),
              is_refusal(status, output) != accepts, output)


def check_openssl(sandbox):
    for name, option, value in (("leaf.pem", "-verify_hostname", NAME),
                                ("leaf_ipv4.pem", "-verify_ip", "127.0.0.1"),
                                ("leaf_ipv6.pem", "-verify_ip", "2001:db8::1")):
        status, output = sandbox.run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver",
                                      option, value, "-CAfile", sandbox.path("ca.pem"),
                                      sandbox.path(name)])
        check(f"openssl verify -x509_strict accepts {name}", status == 0, output)
    status, output = sandbox.run(["openssl", "verify", "-x509_strict", "-CAfile",
                                  sandbox.path("ca.pem"), sandbox.path("ca.pem")])
    check("openssl verify -x509_strict accepts the CA", status == 0, output)


def check_certtool(sandbox):
    chain = open(sandbox.path("leaf.pem")).read() + open(sandbox.path("ca.pem")).read()
    status, output = sandbox.run(["certtool", "--verify", "--load-ca-certificate",
                                  sandbox.path("ca.pem"), "--verify-hostname", NAME], text=chain)
    check("certtool --verify accepts a leaf", status == 0, output)


def check_curl(sandbox):
    check_client(sandbox, "curl",
                 lambda name, _trusting: ["curl", "-sS", "--fail", "--resolve",
                                          f"{name}:{sandbox.port}:127.0.0.1",
                                          f"https://{name}:{sandbox.port}/"])


def check_git(sandbox):
    # The server is no git server; what counts is that git gets so far as to find that out.
    check_client(sandbox, "git",
                 lambda name, _trusting: ["git", "-c", "http.curloptResolve=" +
                                          f"{name}:{sandbox.port}:127.0.0.1",
                                          "ls-remote", f"https://{name}:{sandbox.port}/x"],
                 lambda _status, output: "is this a git repository?" not in output)


def check_gnutls_cli(sandbox):
    def command(name, trusting):
        sni = ["--disable-sni"] if name == "127.0.0.1" else ["--sni-hostname", name]
        trust = ["--x509cafile", sandbox.path("ca.pem")] if trusting else []
        return ["gnutls-cli", "--port", sandbox.port, "--verify-hostname", name, *sni, *trust,
                "127.0.0.1"]

    check_client(sandbox, "gnutls-cli", command, text="GET /\n")


PYTHON = """
import socket, ssl, sys
name, port = sys.argv[1:]
context = ssl.create_default_context()
context.verify_flags |= ssl.VERIFY_X509_STRICT
raw = socket.create_connection(("127.0.0.1", int(port)))
tls = context.wrap_socket(raw, server_hostname=name)
tls.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
assert tls.recv(100).startswith(b"HTTP/1.1 200")
"""

REQUESTS = """
import socket, sys, requests
name, port = sys.argv[1:]
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **named: resolve("127.0.0.1", *rest, **named)
assert requests.get(f"https://{name}:{port}/").text == "ok\\n"
"""

NODE = """
const tls = require('tls'), net = require('net');
const [name, port] = process.argv.slice(1);
const raw = net.connect({host: '127.0.0.1', port});
tls.connect({socket: raw, host: name, servername: net.isIP(name) ? '' : name},
  function () { process.exit(this.authorized ? 0 : 1); })
  .on('error', error => { console.log(error.message); process.exit(1); });
"""

JAVA = """
import javax.net.ssl.*;
import java.net.*;
public class Client {
    public static void main(String[] a) throws Exception {
        int port = Integer.parseInt(a[1]);
        SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
        Socket raw = new Socket("127.0.0.1", port);
        SSLSocket tls = (SSLSocket) factory.createSocket(raw, a[0], port, true);
        SSLParameters parameters = tls.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        tls.setSSLParameters(parameters);
        tls.startHandshake();
    }
}
"""

GO = """
package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
)

func main() {
	raw, err := net.Dial("tcp", "127.0.0.1:"+os.Args[2])
	if err == nil {
		err = tls.Client(raw, &tls.Config{ServerName: os.Args[1]}).Handshake()
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
"""


def check_script(sandbox, what, program, script, suffix):
    path = sandbox.path("client" + suffix)
    with open(path, "w", encoding="utf-8") as file:
        file.write(script)
    check_client(sandbox, what, lambda name, _trusting: [program, path, name, sandbox.port])


def check_node(sandbox):
    check_client(sandbox, "node",
                 lambda name, _trusting: ["node", "-e", NODE, "--", name, sandbox.port])


def check_go(sandbox):
    source, program = sandbox.path("client.go"), sandbox.path("client")
    with open(source, "w", encoding="utf-8") as file:
        file.write(GO)
    status, output = sandbox.run(["go", "build", "-o", program, source])
    check("the Go client builds", status == 0, output)
    check_client(sandbox, "Go", lambda name, _trusting: [program, name, sandbox.port])


def check_keytool(sandbox):
    status, output = sandbox.run(["keytool", "-list", "-v", "-keystore", sandbox.path("store.p12"),
                                  "-storepass", "changeit"])
    roots = open(sandbox.path("bundle.pem")).read().count("BEGIN CERTIFICATE")
    check("keytool lists every certificate as trusted", status == 0 and
          f"contains {roots} entries" in output.replace("entry", "entries") and
          output.count("Entry type: trustedCertEntry") == roots, output[-2000:])


def check_fields(sandbox):
    """The fields as another library reads them."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    ca = x509.load_pem_x509_certificate(open(sandbox.path("ca.pem"), "rb").read())
    leaf = x509.load_pem_x509_certificate(open(sandbox.path("leaf.pem"), "rb").read())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    check("cryptography: one name, critical",
          names.critical and list(names.value) == [x509.DNSName(NAME)])
    check("cryptography: the subject is empty", len(leaf.subject) == 0)
    check("cryptography: the issuer is the CA", leaf.issuer == ca.subject)
    check("cryptography: five extensions and three", len(leaf.extensions) == 5 and
          len(ca.extensions) == 3)
    check("cryptography: at most twelve hours",
          leaf.not_valid_after - leaf.not_valid_before <= datetime.timedelta(hours=12))
    check("cryptography: the key id is the CA's",
          leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
          == ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest)
    ca.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    address = x509.load_pem_x509_certificate(open(sandbox.path("leaf_ipv6.pem"), "rb").read())
    value = address.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    check("cryptography: an address is an address",
          str(value.get_values_for_type(x509.IPAddress)[0]) == "2001:db8::1" and len(value) == 1)


def can_import(module):
    return subprocess.run(["/usr/bin/python3", "-c", "import " + module], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0


CLIENTS = [
    ("openssl", check_openssl),
    ("certtool", check_certtool),
    ("curl", check_curl),
    ("git", check_git),
    ("gnutls-cli", check_gnutls_cli),
    ("node", check_node),
    ("go", check_go),
    ("keytool", check_keytool),
    ("java", lambda sandbox: check_script(sandbox, "Java", "java", JAVA, ".java")),
]

MODULES = [
    ("ssl", lambda sandbox: check_script(sandbox, "Python's ssl", "/usr/bin/python3", PYTHON,
                                         ".py")),
    ("requests", lambda sandbox: check_script(sandbox, "Python's requests", "/usr/bin/python3",
                                              REQUESTS, "_requests.py")),
    ("cryptography", check_fields),
]


def main():
    sandbox = Sandbox(sys.argv[1])
    for tool, function in CLIENTS:
        if shutil.which(tool):
            function(sandbox)
        else:
            skip(tool)
    for module, function in MODULES:
        if can_import(module):
            function(sandbox)
        else:
            skip("Python's " + module)
    sandbox.close()
    print(f"{len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
