"""rest_made - requests for the operations of an OpenAPI document: such as it describes, and such as nobody should send.

For hostile_rest.py.  A valid request is made from the schemas, with what a field is called as the hint: real names, PEM
and ids of what is there.  A mutation changes it in one way; whether that broke a rule is for rest_doc.py to say.
"""
import json
import re
import urllib.parse

from rest_doc import JSON, LINES

NO_KEY = "pkcs11:token=office;object=none;type=private"
HARMLESS = {"ca-crl", "ca-certify"}  # also to the CA that this test lives on
SESSION_ENDS = {"user-leave", "user-logout"}


class Wanted:
    """A request before it is sent."""

    def __init__(self, op, who):
        self.op, self.who, self.method = op, who, op.method if op else "GET"
        self.args, self.path, self.query = {}, None, []
        self.headers, self.body, self.kind = {}, b"", None
        self.value = None  # what the body is made from, while it is a mapping
        self.what, self.stray = "as documented", False  # stray: its path is of no operation
        self.foreign = False  # it names what another tenant has

    def target(self):
        path = self.path
        if path is None:
            path = self.op.pattern
            for name, value in self.args.items():
                keep = "/" if name.endswith("...") else ""
                path = path.replace("{%s}" % name, urllib.parse.quote(value, safe=keep))
        query = self.query if isinstance(self.query, str) else urllib.parse.urlencode(self.query)
        return path + ("?" + query if query else "")

    def settle(self):
        if self.value is not None:
            self.body = json.dumps(self.value).encode()
            self.kind = JSON
            self.value = None


class Maker:
    """Valid requests.  `pools`: for a path up to a parameter, what can stand there."""

    def __init__(self, rng, pems, issued, batched):
        self.rng, self.pems, self.n = rng, pems, 0
        self.issued, self.batched = issued, batched  # certificates for pems["csr"]; what a batch may have
        self.pools, self.cursors = {}, {}
        self.at = None
        self.hints = {**self.names(), **self.texts(), **self.numbers()}

    def names(self):
        """What is there, or is to be."""
        one = self.rng.choice
        return {
            "id": lambda: self.name("h"), "name": lambda: self.name("n"), "label": lambda: self.name("l"),
            "request_id": lambda: self.name("r"), "subject": lambda: "CN=" + self.name("s"),
            "path": lambda: one(["", "line1/"]) + self.name("g"), "group": lambda: self.known("/v1/groups/"),
            "under": lambda: self.known("/v1/groups/"), "device": lambda: self.known("/v1/devices/"),
            "account": lambda: self.known("/v1/users/"), "ca": lambda: one(["root", "issuing"]),
            "parent": lambda: "root", "token": lambda: "office", "actor": lambda: "alice",
            "profile": lambda: one(["tls-client", "tls-client", "mqtt-client", "slow", "none"]),
            "proposal": lambda: int(self.known("/v1/proposals/").replace("none", "1")),
        }

    def texts(self):
        one, pems = self.rng.choice, self.pems
        certificates = dict.fromkeys(
            ("cert", "issuer", "chain", "trust", "client_cert", "renews", "certificates", "past"),
            lambda: one(pems["cert"]))
        return {
            **certificates, "csr": lambda: one(pems["csr"]), "crl": lambda: pems["crl"],
            "text": lambda: re.sub("(?m)^name = .*", "name = " + self.name("p"), pems["profile"]),
            "where": self.where,
            "after": lambda: one(self.cursors.get(self.at, ["1"])),
            "password": lambda: f"battery staple {self.serial()}", "old_password": lambda: "wrong battery",
            "psk": lambda: f"Psk-{self.serial()}-Zq8#vM2x!pL7", "value": lambda: one(["1", "yes", "no", "30", "{}"]),
            "key": self.key, "key_uri": lambda: NO_KEY, "type": self.type, "kind": self.kind,
            "mac": lambda: "00" * 16, "message": lambda: "00ff", "nonce": lambda: "00" * 32,
            "answer": lambda: "00" * 32,
            "anchor": lambda: f"serial:maker:{self.serial()}", "ip": lambda: f"192.0.2.{self.rng.randint(1, 254)}",
            "hostname": lambda: "host.example", "est": lambda: "https://192.0.2.1", "cmp": lambda: "http://192.0.2.1/x",
            "commands": lambda: "device *", "command": lambda: "device list", "action": lambda: "device.add",
            "user": lambda: "somebody", "why": lambda: "it is over", "reason": lambda: "superseded",
            "encoding": lambda: "utf-8", "cause": lambda: "replaced", "form": lambda: "raw",
            "crl_url": lambda: f"http://pki.example/{self.serial()}.crl",
            "delta_url": lambda: f"http://pki.example/{self.serial()}.delta.crl",
        }

    def numbers(self):
        return {
            "limit": lambda: self.rng.randint(1, 5), "days": lambda: self.rng.randint(1, 30), "timeout": lambda: 1,
            "crl_shards": lambda: 0, "policy": lambda: {"renew_days": self.rng.randint(1, 90)},
            "attrs": lambda: {"line": self.rng.randint(0, 9), "where": "hall"}, "sans": lambda: ["DNS:host.example"],
            "permit": lambda: ["DNS:example.com"], "exclude": lambda: ["DNS:bad.example"],
        }

    def serial(self):
        self.n += 1
        return self.n

    def name(self, kind):
        return f"h-{kind}{self.serial()}"

    def known(self, place):
        return self.rng.choice(self.pools.get(place) or ["none"])

    def where(self):
        """Of jobs what this test does not live on."""
        all_over = ["state=active", "device.group=line1", "not_after<30d", "outcome=refused"]
        return self.rng.choice(["id^=h-d", "id=none", "device=h-1"] + ([] if "jobs" in self.at else all_over))

    def key(self):
        return "00" * 16 if "secrets" in self.at else NO_KEY

    def type(self):
        return self.rng.choice(["aes-128", "aes-256", "twine-80", "hmac-256"] if "secrets" in self.at else ["ec-p256"])

    def kind(self):
        return self.rng.choice("disable enable register update renew revoke export rekey issue".split())

    def value(self, name, schema):
        """Such as the schema allows; mostly one that makes sense."""
        rng, hint = self.rng, self.hints.get(name)
        if "enum" in schema:
            return rng.choice([w for w in schema["enum"] if w is not None])
        kind = schema.get("type")
        kind = kind[0] if isinstance(kind, list) else kind
        if hint and rng.random() < 0.95:
            made = hint()
            if not (kind == "string") or isinstance(made, str):
                return made
        if kind == "integer":
            low, high = schema.get("minimum", 0), schema.get("maximum", 1 << 31)
            return rng.choice([low, high, rng.randint(low, min(high, low + 100))])
        if kind == "boolean":
            return rng.random() < 0.5
        if schema.get("format") == "date-time":
            return "2026-01-01T00:00:00Z"
        if kind == "array":
            return []
        if kind == "object":
            return {}
        return self.any_text(schema)

    def any_text(self, schema):
        rng, low, high = self.rng, schema.get("minLength", 0), schema.get("maxLength", 4096)
        n = rng.choice([low, min(high, 12), min(high, 12), min(high, 300), min(high, 4096)])
        letters = rng.choice(["abc", "a'\"\\%_;-- ", "äß漢🔑", "<>&\u2028\u202e", "../", "${x}%s%n"])
        return "".join(rng.choice(letters) for _ in range(max(n, low)))

    def mapping(self, schema):
        given, properties = {}, schema.get("properties", {})
        for name, of in properties.items():
            if name in schema.get("required", []) or self.rng.random() < 0.3:
                given[name] = self.value(name, of)
        if self.rng.random() < 0.5:
            given.pop("proposal", None)
        pairs = (("key", "token"), ("device", "where"), ("mac", "key"))
        for one, other in pairs:
            if one in given and other in given and one not in schema.get("required", []):
                given.pop(one if self.rng.random() < 0.8 else other)
        return given

    def args_of(self, op):
        place, given = "", {}
        for name in op.path:
            place = op.pattern[:op.pattern.index("{%s}" % name)]
            given[name] = self.known(place)
            if place == "/v1/cas/" and (op.method == "GET" or op.id in HARMLESS) and self.rng.random() < 0.5:
                given[name] = "root"
        return given

    def good(self, op, w):
        """What the schema alone does not find: members that belong together.  None: nothing is known."""
        i = self.rng.randrange(len(self.issued))
        csr, device = self.pems["csr"][i], f"h-{i}"
        issue = {"csr": csr, "ca": "root", "profile": self.rng.choice(["tls-client", "slow"])}
        key = {"token": "office", "type": "ec-p256"}
        bodies = {
            "cert-issue": {**issue, "device": device}, "cert-renew": {"csr": csr},
            "cert-make-key": {"ca": "root", "profile": "tls-client", "device": device, "keep": True},
            "self-issue": {**issue, "csr": self.pems["own"]}, "self-renew": {"csr": self.pems["own"]},
            "device-add": {"id": self.name("d"), "name": "a device"}, "ca-set": {"crl_days": 7},
            "ca-create": {"name": self.name("ca"), "subject": "CN=x", "external": self.rng.random() < 0.5, **key},
            "ca-certify": {"csr": self.pems["ca csr"]}, "ca-rollover": {**key, "label": self.name("k")},
            "ca-connect": {"name": self.name("far"), "cert": self.pems["far"]},
            "user-login": {"name": "carol", "password": self.pems["password"]}, "user-set": {"role": "operator"},
            "user-add": {"name": self.name("u"), "role": "auditor", "password": f"battery staple {self.serial()}"},
            "user-token-add": {"name": self.name("t"), "role": "auditor"}, "profile-set": {"text": self.pems["slow"]},
            "job-start": self.rng.choice([{"kind": "disable", "where": "id^=h-d"},
                                          {"kind": "export", "where": "device=h-1"},
                                          {"kind": "enable", "where": "id^=h-d", "wait": True}]),
            "secret-get": {"form": "raw"}, "psk-issue": {}, "device-enable": {}, "user-enable": {},
        }
        if op.id == "cert-renew":
            w.args = {"cert": self.issued[i]}
        return bodies.get(op.id)

    def request(self, op, who):
        w = Wanted(op, who)
        self.at = op.pattern
        w.args = self.args_of(op)
        rows = self.rng.random() < 0.2 and any(k != JSON for k in op.bodies)
        if op.query and (op.method in ("GET", "DELETE") or rows):
            for name, p in op.query.items():
                if p.get("required") or self.rng.random() < 0.2 or (rows and name == "kind"):
                    value = self.value(name, p["schema"])
                    w.query.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
        if LINES in op.bodies and JSON not in op.bodies and op.id == "batch":
            w.kind, w.body = LINES, self.lines()
        elif rows or (op.bodies and JSON not in op.bodies):
            w.kind, w.body = self.rows()
        elif JSON in op.bodies:
            schema = op.bodies[JSON]
            w.value = (self.good(op, w) if self.rng.random() < 0.5 else None) or self.mapping(schema)
            if not w.value and not op.needs_body:
                w.value = None
        if op.is_list and self.rng.random() < 0.15:
            w.headers["Accept"] = LINES
        return w

    def rows(self):
        if self.rng.random() < 0.5:
            return "text/csv", f"id,name\n{self.name('c')},bulk\n{self.name('c')},bulk\n".encode()
        return LINES, b"".join(json.dumps({"id": self.name("c")}).encode() + b"\n" for _ in range(3))

    def lines(self):
        lines = []
        for _ in range(self.rng.randint(1, 6)):
            op = self.rng.choice(self.batched)
            self.at = op.pattern
            of = {"command": op.id, "args": list(self.args_of(op).values())}
            if JSON in op.bodies:
                of["in"] = self.mapping(op.bodies[JSON])
            lines.append(json.dumps(of).encode())
        return b"\n".join(lines) + b"\n"


# ---- what nobody should send ----

LONG = "x" * 5000
WEIRD = [None, 0, -1, 1.5, 1e308, 2 ** 63, -2 ** 63 - 1, True, "", " ", LONG, [], {}, [None], {"a": {}}, "\u0000",
         "a\nb", "\u202e", "../../etc/passwd", "' OR 1=1 --", "%s%n", "h-\u00e9", "\ud800", ["\udfff"], "x" * 140000]
BODIES = [b"", b"{}", b"[]", b"null", b'""', b"0", b"{", b"{}{}", b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"[" * 2000,
          b'{"a":' * 2000, b'{"a":' * 16 + b"1" + b"}" * 16, b'{"\\ud800":1}', b'{"\\u0000":1}', b'{"a":\xc0\x80}',
          b'{"a":"\xff"}', b"NaN", b'{"a":1e999}', b'{"a":-0}', b"a=b&c=d", b"<a/>", b'{"__proto__":{}}', b"\x00" * 10,
          b'{"a":1,}', b"{'a':1}"]
KINDS = ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/xml", "", "*/*", LINES,
         "multipart/form-data; boundary=x", JSON + "; charset=utf-16", JSON + ";", "text/csv", "a" * 3000]
ARGS = ["none", "0", "-1", "99999999999999999999", "9223372036854775807", "id:0", "id:-1", "id:", "a" * 300, "a" * 6000,
        " ", "'", "%", "é", "id:1 OR 1=1", "..", "a..b", "null", "true", "*", "id:1,2", "root\u202e", "default/alice",
        "plant/h", "漢字"]
PATHS = """//v1/devices /v1//devices /v1/./devices /v1/x/../devices /v1/%2e%2e/v1/devices /v1/devices/ /V1/devices
    /v1/Devices /v1/devices%2f /v1/devices%00 /v1/devices/%00 /v1/devices/%ff
    /v1/devices/%c0%af /v1/devices/% /v1/devices/%zz
    /v1/devices/a%2fb /v1/devices;x=1 /v1/devices/..;/users /v1 /v1/ /v2/devices / /v1/devices/a/b/c/d
    /v1/groups/ /v1/groups//  /v1/groups/%2e%2e/x /v1/groups/a%0ab /v1/%64evices /v1/openapi.json/ *""".split()
QUERIES = """x=1 limit=0 limit=-1 limit=1001 limit=99999999999999999999 limit=1e3 limit= limit=1&limit=2 after=none
    after=%00 after=%ff after=-1 after=9223372036854775807 where=%27 where=a%3D%3D where=(((( where=id%3D%22
    sort=colour all=maybe
    =1 &&& a limit %=1 format=xml from=yesterday from=2026-02-30T00:00:00Z from=9999-12-31T23:59:59Z version=-1
    generation=0 state=none due_days=0""".split() + [
    "&".join(f"a{i}=1" for i in range(40)), "where=" + "id%3Da%20" * 100, "q=" + "a" * 9000]
METHODS = "OPTIONS TRACE PUT PATCH DELETE POST GET PROPFIND get CONNECT X HEAD".split()
HEADERS = [("If-Match", "*"), ("If-Match", '"0000000000000000"'), ("If-Match", "none"), ("If-Match", 'W/"a", "b"'),
           ("If-None-Match", "*"), ("If-None-Match", '"a"'), ("Idempotency-Key", ""), ("Idempotency-Key", "a b"),
           ("Idempotency-Key", "k" * 129), ("Origin", "https://elsewhere.example"), ("Origin", "null"),
           ("Sec-Fetch-Site", "cross-site"), ("X-HTTP-Method-Override", "DELETE"), ("X-Forwarded-For", "127.0.0.1"),
           ("Accept", "text/html"), ("Accept", LINES), ("Range", "bytes=0-1"), ("Api-Key", "inro_key_00"),
           ("Content-Encoding", "gzip"), ("Expect", "100-continue"), ("Cookie", "a=b"), ("Accept-Encoding", "gzip"),
           ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:01 GMT"), ("Forwarded", "for=127.0.0.1")]
LOGINS = ["", "Basic", "Basic !!!", "Basic Og==", "Bearer", "Bearer ", "Bearer x", "Bearer inro_session_00",
          "Bearer inro_token_00", "Digest a=b", "Negotiate AAAA", "Bearer inro_session_" + "f" * 64, "basic \u00ff",
          "Bearer " + "a" * 4000, "Bearer a, Bearer b"]


def mutate_member(rng, w):
    """One member of the body gets what it is not for, is left out, or is one too many."""
    if w.value is None:
        w.value = {}
    properties = list(w.op.bodies[JSON].get("properties", {})) or ["x"]
    name = rng.choice(properties)
    how = rng.choice(["weird", "weird", "weird", "drop", "extra", "long", "near"])
    w.what = f"member {name}: {how}"
    if how == "drop":
        w.value.pop(name, None)
    elif how == "extra":
        extra = rng.choice(["x", "", "id ", "ID", "__proto__", "a" * 300, "\ud800", "tenant", "role_"])
        w.value[extra] = rng.choice(WEIRD)
    elif how == "long":
        schema = w.op.bodies[JSON]["properties"].get(name, {})
        w.value[name] = "a" * (schema.get("maxLength", 100) + 1)
    elif how == "near":
        schema = w.op.bodies[JSON]["properties"].get(name, {})
        w.value[name] = rng.choice([schema.get("maximum", 0), schema.get("minimum", 1)]) + rng.choice([-1, 1])
    else:
        w.value[name] = rng.choice(WEIRD)


def mutate_body(rng, w):
    how = rng.choice(["other", "cut", "twice", "tail", "byte", "kind"])
    w.what = f"body: {how}"
    w.settle()
    if how == "other":
        w.body, w.kind = rng.choice(BODIES), w.kind or JSON
    elif how == "cut":
        w.body = w.body[:rng.randrange(len(w.body) + 1)]
    elif how == "twice" and w.body[:1] == b"{" and len(w.body) > 2:
        w.body = w.body[:-1] + b"," + w.body[1:]
    elif how == "tail":
        w.body += rng.choice([b"{}", b"x", b"\x00", b","])
    elif how == "byte" and w.body:
        at = rng.randrange(len(w.body))
        w.body = w.body[:at] + bytes([rng.randrange(256)]) + w.body[at + 1:]
    else:
        w.kind, w.body = rng.choice(KINDS), w.body or b"{}"


def mutate_arg(rng, w):
    name = rng.choice(list(w.args))
    w.what = f"path: {name}"
    w.args[name] = rng.choice(ARGS)
    w.stray = w.args[name] in (".", "..") or (name.endswith("...") and ".." in w.args[name])


def mutate_query(rng, w):
    w.what = "query"
    w.query = rng.choice(QUERIES)


def mutate_header(rng, w):
    name, value = rng.choice(HEADERS)
    w.what = f"header {name}"
    w.headers[name] = value


def mutate_login(rng, w):
    w.what, w.who = "login", "wrong"
    w.headers["Authorization"] = rng.choice(LOGINS)


def mutate_path(rng, w):
    w.what, w.path, w.stray, w.args = "path", rng.choice(PATHS), True, {}


def mutate_slash(rng, w):
    w.what, w.stray = "path: slash", True
    w.path = w.target().split("?")[0] + rng.choice(["/", "//", "/.", "%00", "%0a", "/%2e%2e", ";"])


def mutate_method(rng, w):
    w.settle()
    w.method = rng.choice(METHODS)
    w.what, w.stray = "method", w.method != w.op.method and not (w.method == "HEAD" and w.op.method == "GET")


def mutations(w):
    """Those that can be done to it."""
    yield from (mutate_header, mutate_login, mutate_path, mutate_slash, mutate_method, mutate_query)
    if w.args:
        yield from (mutate_arg, mutate_arg)
    if JSON in w.op.bodies:
        yield from (mutate_member,) * 8 + (mutate_body,) * 3
    elif w.op.bodies:
        yield from (mutate_body,) * 3
