"""Apache as an origin: Basic authentication, CGI, and git over HTTP."""
import pwd
import shutil
import subprocess

from . import namespaces
from .namespaces import wait_until
from .origins import can_connect

MODULES = "/usr/lib/apache2/modules"
ALWAYS = ("mpm_event", "authz_core", "authz_user", "authn_core", "authn_file", "auth_basic", "alias", "cgid", "env", "mime", "dir",
          "headers", "ssl", "socache_shmcb")
KEYS = ("request", "host", "authorization", "status", "user")


class Apache:
    """Apache with TLS for HOST (and plain HTTP on port 80 when PLAIN). CONFIG goes into its virtual host, MODULES are loaded
    besides those above; CONFIG may name {dir}, {root} and {passwords}. USERS: Basic users and their passwords."""

    def __init__(self, world, host, config="", modules=(), users=(), plain=False):
        self.world, self.host = world, host
        self.dir = world.dir / f"apache-{host}"
        self.root = self.dir / "root"
        self.root.mkdir(parents=True)
        self.log = self.dir / "access.log"
        self.passwords = self.dir / "passwords"
        self.passwords.write_text("".join(f"{user}:{_hash(password)}\n" for user, password in users))
        self.address = world.name(host)
        certificate, key = world.pair(host)
        places = {"dir": self.dir, "root": self.root, "passwords": self.passwords}
        for name, place in places.items():
            config = config.replace("{" + name + "}", str(place))
        hosts = [(443, f"SSLEngine on\nSSLCertificateFile {certificate}\nSSLCertificateKeyFile {key}\n")] + [(80, "")] * plain
        (self.dir / "apache.conf").write_text(
            f"ServerRoot {self.dir}\nPidFile {self.dir}/pid\nServerName {host}\nUser www-data\nGroup www-data\n"
            f"ErrorLog {self.dir}/error.log\nDefaultRuntimeDir {self.dir}\nScriptSock {self.dir}/cgid\nTimeout 30\n"
            + "".join(f"LoadModule {m}_module {MODULES}/mod_{m}.so\n" for m in (*ALWAYS, *modules))
            + 'LogFormat "%r|%{Host}i|%{Authorization}i|%>s|%u" seen\n' + f"CustomLog {self.log} seen\nTypesConfig /etc/mime.types\n"
            + f"DocumentRoot {self.root}\n<Directory {self.root}>\nRequire all granted\n</Directory>\n"
            + "".join(f"Listen {self.address}:{port}\n<VirtualHost {self.address}:{port}>\nServerName {host}\n{tls}{config}\n"
                      f"</VirtualHost>\n" for port, tls in hosts))
        self.own(self.root)
        self.process = world.space.spawn(["apache2", "-f", self.dir / "apache.conf", "-DFOREGROUND"])
        wait_until(can_connect(world, self.address, 443), what="Apache")

    def own(self, path):
        """Gives PATH and all below it to the user that Apache serves as."""
        user = pwd.getpwnam("www-data")
        subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", path], check=True)

    def requests(self):
        return [dict(zip(KEYS, line.split("|"))) for line in self.log.read_text().splitlines()]

    def close(self):
        namespaces.end(self.process)
        shutil.rmtree(self.dir, ignore_errors=True)


def _hash(password):
    return subprocess.run(["openssl", "passwd", "-apr1", password], capture_output=True, text=True, check=True).stdout.strip()
