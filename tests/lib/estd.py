#!/usr/bin/python3
"""estd - an EST service that misbehaves on demand, for tests of the agent: estd.py DIR PORTFILE

DIR has ca.pem, ca.key (the CA), tls.pem, tls.key (its own), psk (ID:KEY) and `mode`, a word read
for each request: good, wait (202), lost (issues and closes), foreign (a certificate of another CA,
from other.pem/other.key), otherkey (for another key), expired, html, redirect, error (500), refuse
(400), big, slow, short.  DIR/log has one line a request: method, path, who.  A certificate is valid
for the seconds in DIR/seconds.  DIR/self is what /v1/device/self has (with the status in self.status); DIR/secret and DIR/secret-get are
what it says to requests for a symmetric key and for what is wrapped, DIR/challenge and DIR/attested to
/v1/device/attest/challenge and /certificate (with the status in attested.status; what was asked is in
challenge.asked).  DIR/ahead is by how many seconds the time that it says is ahead.  The same request gets
the same certificate.
"""
import base64
import hashlib
import http.server
import os
import ssl
import subprocess
import sys
import threading
import time

DIR = sys.argv[1]
signing = threading.Lock()


def path(name):
    return os.path.join(DIR, name)


def text(name, otherwise=""):
    try:
        with open(path(name)) as f:
            return f.read().strip()
    except FileNotFoundError:
        return otherwise


def run(*argv, stdin=b""):
    return subprocess.run(argv, input=stdin, check=True, capture_output=True).stdout


def stamp(t):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(t))


def sign(csr, mode):
    """DER of a certificate: by `openssl ca`, which takes dates in seconds."""
    ca = "other" if mode == "foreign" else "ca"
    name = hashlib.sha256(csr + ca.encode()).hexdigest()
    work = path("work-" + name)
    if mode == "otherkey":
        key = run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        csr = run("openssl", "req", "-new", "-key", "/dev/stdin", "-subj", "/CN=dev-1", "-outform", "DER", stdin=key)
    elif os.path.exists(work):
        with open(work, "rb") as f:
            return f.read()
    now = int(time.time()) - 3
    life = int(text("seconds", "3600"))
    if mode == "expired":
        now -= 2 * life
    conf = path("ca.cnf")
    with open(conf, "w") as f:
        f.write(f"""[ca]
default_ca = d
[d]
new_certs_dir = {DIR}
database = {DIR}/index
rand_serial = yes
default_md = sha256
policy = p
unique_subject = no
copy_extensions = copy
[p]
commonName = supplied
""")
    open(path("index"), "a").close()
    pem = run("openssl", "req", "-inform", "DER", stdin=csr)
    out = run("openssl", "ca", "-batch", "-notext", "-config", conf, "-cert", path(ca + ".pem"), "-keyfile",
              path(ca + ".key"), "-in", "/dev/stdin", "-startdate", stamp(now), "-enddate", stamp(now + life), stdin=pem)
    der = run("openssl", "x509", "-outform", "DER", stdin=out)
    if mode != "otherkey":
        with open(work, "wb") as f:
            f.write(der)
    return der


def certs_only(pems):
    files = []
    for i, pem in enumerate(pems):
        name = path(f"p7-{threading.get_ident()}-{i}.pem")  # answers go out side by side
        files += ["-certfile", name]
        with open(name, "wb") as f:
            f.write(pem)
    return base64.encodebytes(run("openssl", "crl2pkcs7", "-nocrl", *files, "-outform", "DER"))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() + int(text("ahead", "0")))

    def note(self):
        cert = self.connection.getpeercert()
        who = "nobody"
        if cert:
            who = "certificate " + dict(x[0] for x in cert["subject"])["commonName"]
        basic = self.headers.get("Authorization", "")
        if basic == "Basic " + base64.b64encode(text("psk").encode()).decode():
            who = "psk"
        with open(path("log"), "a") as f:
            f.write(f"{self.command} {self.path} {who}\n")
        return who

    def give(self, status, kind, body, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.end_headers()
        self.wfile.write(body)

    def odd(self, mode):
        """True when the mode was an answer of its own."""
        if mode == "html":
            self.give(200, "text/html", b"<html>please log in</html>")
        elif mode == "redirect":
            self.give(302, "text/plain", b"", Location="http://portal.example/")
        elif mode == "error":
            self.give(500, "text/plain", b"out of order\n")
        elif mode == "big":
            self.give(200, "application/pkcs7-mime", b"A" * 1000000)
        elif mode == "slow":
            time.sleep(20)
        elif mode == "short":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"MII")
            self.close_connection = True
        else:
            return False
        return True

    def do_GET(self):
        self.note()
        if self.odd(text("mode")):
            return
        if self.path == "/v1/device/self":
            doc = text("self")
            self.give(int(text("self.status", "200" if doc else "404")), "application/json", doc.encode())
            return
        with open(path("ca.pem"), "rb") as f:
            self.give(200, "application/pkcs7-mime", certs_only([f.read()]))

    def do_POST(self):
        who = self.note()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mode = text("mode")
        if self.path.startswith("/v1/device/self/errands/"):
            with open(path("answers"), "a") as f:
                f.write(f"{self.path.split('/')[-1]} {body.decode()}\n")
            self.give(200, "application/json", b"{}")
            return
        if self.path.startswith("/v1/device/attest/"):
            what = "challenge" if self.path.endswith("/challenge") else "attested"
            with open(path(what + ".asked"), "wb") as f:
                f.write(body)
            self.give(int(text(what + ".status", "200")), "application/json", text(what).encode())
            return
        if self.path.startswith("/v1/device/self/secrets"):
            self.give(200, "application/json", text("secret-get" if self.path.endswith("/get") else "secret").encode())
            return
        csr = base64.b64decode(body)
        if self.odd(mode):
            return
        if who == "nobody":
            self.give(401, "text/plain", b"who are you?\n", WWW_Authenticate='Basic realm="est"')
            return
        if mode == "wait":
            self.give(202, "text/plain", b"", Retry_After="1")
            return
        if mode == "refuse":
            self.give(400, "text/plain", b"not like this\n")
            return
        if mode.startswith("forbid ") and mode[7:].encode() in csr:
            self.give(403, "text/plain", b"not this one\n")
            return
        with signing:
            der = sign(csr, mode)
        if mode == "lost":
            self.connection.close()
            return
        pem = run("openssl", "x509", "-inform", "DER", stdin=der)
        self.give(200, "application/pkcs7-mime; smime-type=certs-only", certs_only([pem]))


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("tls.pem"), path("tls.key"))
    context.load_verify_locations(path("ca.pem"))
    context.verify_mode = ssl.CERT_OPTIONAL
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(sys.argv[2] + ".new", "w") as f:
        f.write(str(server.server_address[1]))
    os.rename(sys.argv[2] + ".new", sys.argv[2])
    server.serve_forever()


main()
