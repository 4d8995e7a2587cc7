#!/usr/bin/env bash
# A CA elsewhere that puts off its answer to any message of CMP (RFC 9810 5.3.22): something between us and another
# office of ours, and the stock server, that knows the secret too.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/elsewhere.sh" || exit 1
have_all() { command -v jq && command -v curl && command -v python3; }
have_all >/dev/null || skip "jq, curl or python3 is not installed"

# delayer PORT USER SECRET URL BODY:POLLS ...: a message of that kind is passed on at the poll behind so many, and its
# answer is the one to that message; less than none: polls are lost.
cat >delayer.py <<'END'
import hashlib, hmac, http.server, os, sys, urllib.request

def tlv(tag, *parts):
    v = b"".join(parts)
    n = len(v)
    octets = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([n]) if n < 128 else bytes([0x80 | len(octets)]) + octets) + v

def take(b):
    n, at = b[1], 2
    if n & 0x80:
        at += n & 0x7f
        n = int.from_bytes(b[2:at], "big")
    return b[0], b[at:at + n], b[at + n:]

def elements(b):
    while b:
        tag, value, b = take(b)
        yield tag, value

port, user, secret, url = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode(), sys.argv[4]
delays = {int(d.split(":")[0]): int(d.split(":")[1]) for d in sys.argv[5:]}
held = {}  # transactionID: message, polls left

def protected(id, nonce, body):
    salt, rounds = os.urandom(16), 500
    sha256 = tlv(0x30, bytes.fromhex("0609608648016503040201"))
    pbm = tlv(0x30, tlv(4, salt), sha256, tlv(2, rounds.to_bytes(2, "big")), tlv(0x30, bytes.fromhex("06082a864886f70d0209")))
    name = tlv(0xa4, tlv(0x30))
    header = tlv(0x30, tlv(2, b"\2"), name, name, tlv(0xa1, tlv(0x30, bytes.fromhex("06092a864886f67d07420d"), pbm)),
                 tlv(0xa2, tlv(4, user)), tlv(0xa4, tlv(4, id)), tlv(0xa5, tlv(4, os.urandom(16))), tlv(0xa6, tlv(4, nonce)))
    key = secret + salt
    for _ in range(rounds):
        key = hashlib.sha256(key).digest()
    mac = hmac.new(key, tlv(0x30, header, body), hashlib.sha256).digest()
    return tlv(0x30, header, body, tlv(0xa0, tlv(3, b"\0", mac)))

def forward(message):
    request = urllib.request.Request(url, message, {"Content-Type": "application/pkixcmp"})
    return urllib.request.urlopen(request).read()

def answer(message):
    header, body = list(elements(take(message)[1]))[:2]
    fields = {tag & 31: take(value)[1] for tag, value in elements(header[1]) if tag & 0xa0 == 0xa0}
    kind, id, nonce = body[0] & 31, fields[4], fields[5]
    print(kind, flush=True)
    if kind == 25 and id in held:
        first, left = held[id]
        if left < 0:
            return b""
        if left:
            held[id] = first, left - 1
            return protected(id, nonce, tlv(0xba, tlv(0x30, tlv(0x30, tlv(2, b"\xff"), tlv(2, b"\1")))))
        del held[id]
        return forward(first)
    if kind in delays:
        held[id] = message, delays[kind]
        return protected(id, nonce, tlv(0xb7, tlv(0x30, tlv(0x30, tlv(2, b"\3")))))
    return forward(message)

class Delayer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        said = answer(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200 if said else 503)
        self.send_header("Content-Type", "application/pkixcmp")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

http.server.HTTPServer(("127.0.0.1", port), Delayer).serve_forever()
END
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
answers() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
delays() { # URL USER SECRET BODY:POLLS ...: at $between
	[[ -z ${delayer:-} ]] || {
		kill "$delayer" 2>/dev/null
		wait "$delayer" 2>/dev/null || true
	}
	background delayer.log python3 delayer.py "$port" "$2" "$3" "$1" "${@:4}"
	delayer=$pid
	until_true answers "$port"
}
port=$(free_port)
between=http://127.0.0.1:$port/

# ---- another office: what its certificates are, a request, a revocation ----

make_far issuing
start_server --retry-after 1
cmp=$http/.well-known/cmp/p/issuing.for-others
must near token create office >/dev/null
by=(--user ra --secret "file:$T/ra.psk")
delays "$cmp" ra "$(cat ra.psk)" 21:99
refused 1 "try again later" near ca connect plant --cmp "$between" "${by[@]}"
delays "$cmp" ra "$(cat ra.psk)" 21:1 4:1 11:1
must near ca connect plant --cmp "$between" "${by[@]}" >/dev/null
order plant d1
for _ in 1 2; do
	send plant || fail "$(cat s.out s.err)"
	said waits 1
	[[ $(state "$id") == pending ]] || fail "$(near cert show "id:$id")"
done
sends plant
[[ $(state "$id") == active ]] || fail "$(near cert show "id:$id")"
must near cert revoke "id:$id" >/dev/null
for _ in 1 2; do
	send plant || fail "$(cat s.out s.err)"
	said waits 1
	[[ $(near ca requests plant --json | jq length) == 1 ]] || fail "$(near ca requests plant)"
done
send plant || fail "$(cat s.out s.err)"
said told 1
[[ $(far cert list --json | jq -r '.[] | select(.subject == "CN=d1") | .state') == revoked ]] || fail "$(far cert list)"
[[ $(grep -c '^4$' delayer.log) == 1 && $(grep -c '^11$' delayer.log) == 1 ]] || fail "asked twice: $(cat delayer.log)"

# ---- the stock server: the acknowledgement of what was confirmed, late, lost or never ----

far_root stock
printf 'a shared secret' >stock.psk
mocked=$(free_port)
near ca connect stock --cmp "$between" --cert stock.pem --user stock --secret "file:$T/stock.psk" >/dev/null || fail "not connected"
for polls in 1 -1 99; do
	order stock "m$polls"
	far_sign "m$polls.csr" stock leaf "m$polls.pem"
	background mock.out openssl cmp -port "$mocked" -srv_ref stock -srv_secret pass:"a shared secret" -config '' -rsp_cert "m$polls.pem"
	mock=$pid
	until_true answers "$mocked"
	delays "http://127.0.0.1:$mocked/pkix/" stock "a shared secret" "24:$polls"
	sends stock
	[[ $(state "$id") == active ]] || fail "$(near cert show "id:$id")"
	[[ $(grep -c '^24$' delayer.log) == 1 ]] || fail "$(cat delayer.log)"
	kill "$mock" 2>/dev/null
	wait "$mock" 2>/dev/null || true
done
[[ $(grep -c '^25$' delayer.log) == 4 ]] || fail "polled without end: $(cat delayer.log)"

must near audit verify >/dev/null
must near db check >/dev/null
