"""Asks a running server for all that its own OpenAPI document describes, and for much that it does not.

hostile_rest.py URL FOLDER SECONDS SEED

From the document that the server gives, requests are made for each operation from its schemas and with what is there
(rest_made.py), sent as they are and changed in one way, by accounts of each role, by a device, by another tenant's
administrator and by nobody.  Of every answer is looked at (rest_doc.py): no 5xx but 503; a status, type, body and
headers as documented; what breaks the document, a role or another tenant's walls is not done; what is made is where
Location says; GET's ETag holds.  The same seed makes the same requests, as far as the answers are the same.

FOLDER has root.pem; pat, alice, bob, carol are accounts with the password in INRO_PASSWORD; the device's certificate
and key come to dev.pem.  What must not be in a log is written to FOLDER/secrets, a line each.
"""
import http.client
import json
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse

import rest_doc
import rest_made
from rest_doc import JSON, LINES, RANK

DEVICE = "keep-dev"
# Where the names of what is there come from: a list, and which member.
LISTS = {"/v1/devices": "id", "/v1/certificates": "id:{id}", "/v1/secrets": "id", "/v1/cas": "name",
         "/v1/profiles": "name", "/v1/groups": "path", "/v1/users": "name", "/v1/tokens": "id", "/v1/tenants": "name",
         "/v1/jobs": "id", "/v1/proposals": "id", "/v1/errands": "id"}
EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
SAFE_SETTINGS = ["job.megabytes", "audit.reads", "audit.every", "four-eyes.days", "policy", "seal.key", "no.such"]
SECRET_MEMBERS = ("psk", "token", "key", "password", "old_password")
# What this test itself works with, and nobody else is to end.
KEPT = re.compile(r"keep-|alice$|bob$|carol$|pat$|root$|issuing$|tls-client$")
# What cannot come to pass here: it takes a TPM, a key of the audit, a second token, a CA elsewhere; or all hangs on it.
NOT_DONE = {"self-attest", "self-challenge", "audit-sign", "ca-import", "ca-key-add", "ca-key-remove", "ca-links",
            "ca-crl-import", "secret-seal-key-set", "user-own-passwd", "ca-activate"}
SHARED = ("/v1/profiles", "/v1/settings", "/v1/tenants")  # what tenants have in common by name
NOT_BATCHED = rest_made.SESSION_ENDS | {"batch", "audit-export", "job-send"}


class Answer:
    def __init__(self, response, of_head):
        self.status, self.of_head = response.status, of_head
        self.headers = {n.lower(): v for n, v in response.getheaders()}
        self.body = response.read()
        self.kind = self.headers.get("content-type", "")

    def json(self):
        return json.loads(self.body)


class Line:
    """A connection that is kept, and made again when the server ends it."""

    def __init__(self, host, port, tls):
        self.host, self.port, self.tls, self.sock = host, port, tls, None

    def connect(self):
        raw = socket.create_connection((self.host, self.port), 30)
        self.sock = self.tls.wrap_socket(raw, server_hostname=self.host)

    def ask(self, method, target, headers, body, tries=2):
        head = f"{method} {target} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
        head += "".join(f"{n}: {v}\r\n" for n, v in headers.items())
        if body or method in ("POST", "PUT", "PATCH"):
            head += f"Content-Length: {len(body)}\r\n"
        try:
            if not self.sock:
                self.connect()
            self.sock.sendall(head.encode("latin-1", "replace") + b"\r\n" + body)
            response = http.client.HTTPResponse(self.sock, method=method)
            response.begin()
            answer = Answer(response, method == "HEAD")
        except (OSError, http.client.HTTPException):
            self.close()
            if tries > 1:
                return self.ask(method, target, headers, body, tries - 1)
            raise
        if response.will_close:
            self.close()
        return answer

    def close(self):
        if self.sock:
            self.sock.close()
        self.sock = None


class Tester:
    def __init__(self, url, folder, seed):
        at = urllib.parse.urlsplit(url)
        self.folder, self.rng = folder, random.Random(seed)
        self.tls = ssl.create_default_context(cafile=f"{folder}/root.pem")
        self.line, self.device = Line(at.hostname, at.port, self.tls), None
        self.login, self.secrets, self.wrong = {}, set(), {}
        self.asked, self.done, self.seen = 0, {}, {}
        self.doc = self.plain("", "GET", "/v1/openapi.json").json()
        self.ops = rest_doc.operations(self.doc)

    # ---- by whom ----

    def headers_of(self, who):
        if who in ("", "wrong", "dev"):
            return {}
        if who not in self.login:
            name = {"pat": "plant/pat"}.get(who, who)
            body = {"name": name, "password": os.environ["INRO_PASSWORD"]}
            for _ in range(20):
                a = self.plain("", "POST", "/v1/sessions", body)
                if a.status != 503:
                    break
                time.sleep(3)  # too many wrong tries from here: it says so
            self.login[who] = "Bearer " + a.json()["token"]
            self.secrets.add(a.json()["token"])
        return {"Authorization": self.login[who]}

    def plain(self, who, method, target, value=None, headers=()):
        body = b"" if value is None else json.dumps(value).encode()
        headers = {**({"Content-Type": JSON} if body else {}), **self.headers_of(who), **dict(headers)}
        return (self.device if who == "dev" else self.line).ask(method, target, headers, body)

    def must(self, who, method, target, value=None):
        a = self.plain(who, method, target, value)
        if a.status == 401 and self.login.pop(who, None):  # a request has ended its session
            a = self.plain(who, method, target, value)
        if a.status >= 300:
            sys.exit(f"{method} {target} {value}: {a.status} {a.body}")
        return a.json() if a.body else None

    # ---- what is there ----

    def prepare(self):
        issued, pems = [], {"csr": [], "cert": [open(f"{self.folder}/root.pem").read()]}
        self.must("alice", "POST", "/v1/seal-key", {"token": "office"})
        issuing = {"name": "issuing", "subject": "CN=Issuing", "parent": "root", "token": "office"}
        self.must("alice", "POST", "/v1/cas", issuing)
        self.must("alice", "POST", "/v1/groups", {"path": "line1"})
        pems["own"] = self.make_device()
        for i in range(12):
            pems["csr"].append(self.csr(f"h-{i}"))
            self.take_secrets(self.must("bob", "POST", "/v1/devices", {"id": f"h-{i}", "group": "line1"}))
            cert = self.must("bob", "POST", "/v1/certificates",
                             {"csr": pems["csr"][i], "ca": "root", "profile": "tls-client", "device": f"h-{i}"})
            pems["cert"].append(cert["pem"])
            issued.append(f"id:{cert['id']}")
            self.must("bob", "POST", "/v1/secrets", {"device": f"h-{i}", "type": "aes-128"})
            self.must("bob", "POST", "/v1/errands", {"verb": "renew", "device": DEVICE if i % 2 else f"h-{i}"})
        pems.update({"far": self.self_signed(), "password": os.environ["INRO_PASSWORD"], "ca csr": self.csr("Others")})
        self.must("alice", "POST", "/v1/connected-cas", {"name": "far", "cert": pems["far"]})
        pems["profile"] = self.must("carol", "GET", "/v1/profiles/tls-client")["text"]
        pems["slow"] = pems["profile"].replace("name = tls-client", "name = slow") + "\n[issuing]\napprove = yes\n"
        self.must("alice", "POST", "/v1/profiles", {"text": pems["slow"]})
        pems["crl"] = self.must("bob", "POST", "/v1/cas/root/crl")["pem"]
        for i in range(3):
            self.must("pat", "POST", "/v1/devices", {"id": f"plant-{i}", "no_psk": True})
            self.must("pat", "POST", "/v1/groups", {"path": f"plant-{i}"})
        batched = [o for o in self.ops if o.least in ("auditor", "operator") and o.id not in NOT_BATCHED]
        self.maker = rest_made.Maker(self.rng, pems, issued, batched)
        self.plant = self.of_plant()
        self.learn()

    def make_device(self):
        """The device that asks for itself, by a certificate; its request for others, by another key."""
        csr = self.csr(DEVICE, "dev.pem")
        made = self.must("bob", "POST", "/v1/devices",
                         {"id": DEVICE, "no_psk": True, "csr": csr, "ca": "root", "profile": "tls-client"})
        with open(f"{self.folder}/dev.pem", "a") as f:
            f.write(made["certificate"]["pem"])
        tls = ssl.create_default_context(cafile=f"{self.folder}/root.pem")
        tls.load_cert_chain(f"{self.folder}/dev.pem")
        self.device = Line(self.line.host, self.line.port, tls)
        return self.csr(DEVICE)

    def of_plant(self):
        lists = [self.must("pat", "GET", f"/v1/{what}") for what in ("devices", "groups")]
        return [sorted(i.items()) for page in lists for i in page["items"]]

    def openssl(self, *args):
        return subprocess.run(["openssl", *args], check=True, capture_output=True, text=True).stdout

    def csr(self, name, key="any.key"):
        return self.openssl("req", "-new", *EC, "-keyout", f"{self.folder}/{key}", "-subj", f"/CN={name}")

    def self_signed(self):
        return self.openssl("req", "-x509", *EC, "-keyout", f"{self.folder}/far.key", "-subj", "/CN=far",
                            "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def learn(self):
        """The names of what is there, but for what this test lives on."""
        pools = self.maker.pools
        for place, member in LISTS.items():
            items = self.must("carol" if place != "/v1/tokens" else "alice", "GET", place)["items"]
            items = [i for i in items if i.get("kind") != "session"]
            names = [member.format(**i) if "{" in member else str(i[member]) for i in items]
            names = [n for n in names if not KEPT.match(n)]
            pools[place + "/"] = (names[-40:] + names[:5]) or ["none"]
        own = self.must("dev", "GET", "/v1/device/self")
        kept = self.must("carol", "GET", f"/v1/certificates?device={DEVICE}&limit=1")["items"][0]["id"]
        own_certs = [f"id:{c['id']}" for c in own["certificates"] if c["id"] != kept]
        pools["/v1/device/self/certificates/"] = own_certs or ["id:0"]
        pools["/v1/certificates/"] = [c for c in pools["/v1/certificates/"] if c != f"id:{kept}"]
        pools["/v1/device/self/secrets/"] = [str(s["id"]) for s in own["secrets"]] or ["0"]
        pools["/v1/device/self/errands/"] = [str(e["id"]) for e in own["errands"]] or ["0"]
        pools["/v1/settings/"] = SAFE_SETTINGS

    # ---- one request ----

    def role_of(self, who):
        return {"bob": "operator", "carol": "auditor"}.get(who, "administrator")

    def may(self, op, who):
        if op.least == "anybody" or op.least == "device":
            return op.least == "anybody" or who == "dev"
        return who in ("alice", "bob", "carol", "pat") and RANK[self.role_of(who)] >= RANK[op.least]

    def somebody(self, op):
        if self.rng.random() < 0.08:
            return self.rng.choice(["", "alice", "bob", "carol", "pat", "dev"])
        if op.least == "device":
            return "dev"
        return self.rng.choice([w for w in ("alice", "bob", "carol") if self.may(op, w)])

    def next_request(self, op):
        who = self.somebody(op)
        w = self.maker.request(op, who)
        if who == "pat":
            w.foreign = bool(w.args) and not op.pattern.startswith(SHARED)
        elif self.rng.random() < 0.02 and w.args and not op.pattern.startswith("/v1/device/"):
            w.args = dict.fromkeys(w.args, f"plant-{self.rng.randrange(3)}")
            w.foreign = True
        if self.rng.random() < 0.55:
            self.rng.choice(list(rest_made.mutations(w)))(self.rng, w)
        w.settle()
        if op.id == "job-start" and re.search(rb'"where": *" *"', w.body or b""):
            w.body = w.body.replace(b'"where"', b'"why"')  # that is all there is, also what this test lives on
        return w

    def send(self, w):
        headers = {**({"Content-Type": w.kind} if w.kind is not None else {}), **self.headers_of(w.who), **w.headers}
        if w.who == "wrong":
            headers["Authorization"] = w.headers["Authorization"]
        self.asked += 1
        return (self.device if w.who == "dev" else self.line).ask(w.method, w.target(), headers, w.body)

    def forbidden(self, w):
        """Why this must not be done; None: the document has nothing against it."""
        if not self.may(w.op, w.who):
            return f"the role: it is for {w.op.least}"
        if w.foreign:
            return "it names another tenant's"
        if w.headers.get("Sec-Fetch-Site") or w.headers.get("Origin"):
            return "a page of another site" if w.method not in ("GET", "HEAD") else None
        key = w.headers.get("Idempotency-Key")
        if key is not None and not re.fullmatch("[!-~]{1,128}", key) and "Idempotency-Key" in w.op.headers and key:
            return "no Idempotency-Key"
        if w.headers.get("If-Match", "*") != "*" and w.method not in ("GET", "HEAD"):
            return "If-Match does not match"
        pairs = w.query
        if isinstance(pairs, str):
            pairs = [tuple((p + "=").split("=")[:2]) for p in pairs.split("&") if p and p[0] != "="]
        return w.op.breaks_query(pairs) or w.op.breaks_body(w.body, w.kind)

    def faults(self, w, a):
        yield from rest_doc.faults_of_any(a)
        if a.status == 431 and len(w.target()) + sum(map(len, w.headers.values())) > 8000:
            return  # HTTP's own, whatever was asked
        if w.stray:
            if a.status < 400 and not self.is_another(w):
                yield f"{a.status} where nothing is"
            return
        yield from w.op.faults(a)
        if a.status < 300:
            why = self.forbidden(w)
            if why and not (w.foreign and a.kind == JSON and a.json().get("items") == []):
                yield f"it is done ({a.status}), though {why}"

    def is_another(self, w):
        """Another operation of the same path."""
        path = w.target().split("?")[0]
        return any(o.method == w.method.replace("HEAD", "GET") and o.like.fullmatch(path) for o in self.ops)

    # ---- what an answer tells ----

    def take(self, w, a):
        if a.status >= 300 or w.stray or a.of_head:
            return
        self.done[w.op.id] = self.done.get(w.op.id, 0) + 1
        if a.kind == JSON:
            doc = a.json()
            self.take_secrets(doc)
            if doc.get("next") and w.op.is_list:
                self.maker.cursors.setdefault(w.op.pattern, []).append(doc["next"])
        elif a.kind == LINES and w.op.id == "batch":
            for line in a.body.splitlines():
                self.take_secrets(json.loads(line).get("answer") or {})
                self.judge_line(w, json.loads(line))
        if w.op.id in rest_made.SESSION_ENDS or w.op.id == "batch":
            self.login.clear()

    def judge_line(self, w, line):
        if line["status"] >= 500 and line["status"] != 503:
            self.note(w, None, f"a line of the batch gets {line['status']}")

    def take_secrets(self, doc):
        for m in SECRET_MEMBERS:
            value = doc.get(m)
            if isinstance(value, str) and len(value) >= 16 and "pkcs11:" not in value:
                self.secrets.add(max(value.splitlines(), key=len))

    def sent_secrets(self, w):
        for m in ("password", "psk"):
            found = re.search(rb'"%s": "((?:battery staple|Psk-)[^"\\]*)"' % m.encode(), w.body)
            if found:
                self.secrets.add(found[1].decode())

    # ---- follow-ups ----

    def follow(self, w, a):
        """What must hold after an answer."""
        if w.stray or a.of_head:
            return
        if a.status == 201 and "location" in a.headers and w.who != "pat" and w.op.least != "anybody":
            there = self.plain("alice", "GET", a.headers["location"])
            if there.status != 200 and not a.headers["location"].startswith(("/v1/tokens/", "/v1/sessions/")):
                yield f"Location {a.headers['location']} answers {there.status}"
        if a.status == 200 and "etag" in a.headers and w.method == "GET" and w.what == "as documented":
            again = self.plain(w.who, "GET", w.target(), headers={"If-None-Match": a.headers["etag"]})
            if again.status not in (304, 200) or again.status == 304 and again.body:
                yield f"If-None-Match answers {again.status}"
        if "Idempotency-Key" in w.op.headers and w.what == "as documented" and self.rng.random() < 0.2:
            yield from self.twice(w)

    def twice(self, w):
        """The same request by one key is done once; another one by that key is refused."""
        w.headers["Idempotency-Key"] = f"key-{self.maker.serial()}"
        first, second = self.send(w), self.send(w)
        self.take(w, first)
        same = (second.body, second.status) == (first.body, first.status)
        if first.status < 300 and second.status != 409 and not same:
            yield f"sent again it answers {second.status} after {first.status}"
        if first.status < 300 and second.status < 300 and second.headers.get("idempotent-replayed") != "true":
            yield "sent again it is done again"
        yield from w.op.faults(second)
        if first.status < 300 and w.body:
            w.body += b" "
            third = self.send(w)
            if third.status != 422:
                yield f"another body by the same key answers {third.status}"

    # ---- all ----

    def note(self, w, a, fault):
        kind = (w.op.name, re.sub(r"[0-9]+|'[^']*'", "#", fault)[:80])
        if kind in self.wrong:
            return
        said = f"{a.status} {dict(a.headers)} {a.body[:600]!r}" if a else ""
        self.wrong[kind] = True
        print(f"{self.asked}: {w.op.name} ({w.what}) as {w.who or 'nobody'}: {fault}\n"
              f"    {w.method} {w.target()[:300]} {w.headers} {w.kind} {w.body[:500]!r}\n    {said}\n", flush=True)

    def one(self, op):
        w = self.next_request(op)
        self.sent_secrets(w)
        try:
            a = self.send(w)
        except (OSError, http.client.HTTPException) as e:
            self.note(w, None, f"no answer: {e!r}")
            return
        if a.status == 401 and w.who not in ("", "wrong", "dev") and op.id != "user-own-passwd":
            self.login.pop(w.who, None)  # its session has been ended
            a = self.send(w)
        self.seen[a.status] = self.seen.get(a.status, 0) + 1
        for fault in list(self.faults(w, a)) + list(self.follow(w, a)):
            self.note(w, a, fault)
        self.take(w, a)

    def run(self, seconds):
        begin, eyes = time.monotonic(), False
        end, rounds = begin + seconds, 0
        while rounds < 2 or time.monotonic() < end:
            self.rng.shuffle(self.ops)
            for op in self.ops:
                if rounds < 2 or time.monotonic() < end:
                    self.one(op)
            rounds += 1
            self.learn()
            if not eyes and time.monotonic() > begin + seconds * 0.6:  # from here on CAs take four
                eyes = self.plain("alice", "PUT", "/v1/settings/four-eyes.ca", {"value": "1"}).status == 200

    def finish(self):
        if self.of_plant() != self.plant:
            self.wrong["plant"] = True
            print("what the other tenant has is changed:", self.of_plant(), self.plant)
        with open(f"{self.folder}/secrets", "w") as f:
            f.write("".join(s + "\n" for s in sorted(self.secrets)))
        left = sorted({o.id for o in self.ops} - self.done.keys() - NOT_DONE)
        print(f"{self.asked} requests, {sum(self.done.values())} done; by status {dict(sorted(self.seen.items()))}; "
              f"never done: {left}")


def main():
    url, folder, seconds, seed = sys.argv[1:]
    tester = Tester(url, folder, int(seed))
    tester.prepare()
    tester.run(float(seconds))
    tester.finish()
    if tester.wrong:
        sys.exit(f"{len(tester.wrong)} faults, seed {seed}")


if __name__ == "__main__":
    main()
