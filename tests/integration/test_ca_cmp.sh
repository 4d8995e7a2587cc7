#!/usr/bin/env bash
# A CA elsewhere that is asked by CMP: another office of ours, and the stock server of `openssl cmp`.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/elsewhere.sh" || exit 1
have_all() { command -v jq && command -v curl && command -v python3; }
have_all >/dev/null || skip "jq, curl or python3 is not installed"

# ---- another office of ours, under a shared secret ----

make_far issuing second
far ca show issuing --json | jq -r .pem >issuing.pem
start_server --retry-after 1
cmp=$http/.well-known/cmp/p
INRO_HOME=$T/near
must near token create office >/dev/null

by=(--user ra --secret "file:$T/ra.psk")
refused 2 "exclude each other" near ca connect plant --cmp "$cmp/issuing" --est "$https" "${by[@]}"
refused 1 "begins with http" near ca connect plant --cmp "ftp://x/" "${by[@]}"
must near ca connect plant --cmp "$cmp/issuing.for-others" "${by[@]}" >/dev/null
[[ $(near ca show plant --chain | grep -c BEGIN) == 2 ]] || fail "the chain is not what the server named"
! grep -q "$(cat ra.psk)" "$T/near/"*.db* || fail "the password is in the database"
order plant d1
sends plant
[[ $(state "$id") == active ]] || fail "$(near cert show "id:$id")"
order plant d2
mv ra.psk kept.psk
echo nonsense >ra.psk
fails plant "the CA refuses it"
# Who asks is said anew, and it stays this CA by this protocol.
refused 1 "there is a CA 'plant' already" near ca connect plant --est "$https" --trust root.pem "${by[@]}"
refused 1 "there is a CA 'plant' already" near ca connect plant --cmp "$cmp/issuing.for-others" --cert root.pem --user ra --secret "file:$T/kept.psk"
refused 1 "none of them" near ca connect plant --cmp "$cmp/second.for-others" --user ra --secret "file:$T/kept.psk"
refused 1 "refuses it" near ca connect plant --cmp "$cmp/issuing.for-others" "${by[@]}"
must near ca connect plant --cmp "$cmp/issuing.for-others" --user ra --secret "file:$T/kept.psk" >/dev/null
sends plant
near audit list --json >s.out
grep -q ca.way s.out || fail "no event tells of the new way"
mv kept.psk ra.psk
must near ca connect plant --cmp "$cmp/issuing.for-others" --cert issuing.pem "${by[@]}" >/dev/null

# What is revoked here is revoked there; what is held, people tell.
there() { far cert list --json | jq -r ".[] | select(.subject == \"CN=$1\") | .state"; }
waiting() { near ca requests plant --json; }
must near cert hold "id:$id" >s.out
grep -q "tell it" s.out || fail "a hold is told by itself: $(cat s.out)"
[[ $(waiting | jq length) == 0 ]] || fail "$(waiting)"
must near cert release "id:$id" >s.out
must near cert revoke "id:$id" --reason keyCompromise >s.out
! grep -q "tell it" s.out || fail "$(cat s.out)"
waiting | jq -e '.[0] | .what == "revoke" and .pem == null and .tries == 0' >/dev/null || fail "$(waiting)"
mkdir none
must near ca requests plant --out-dir none >/dev/null
[[ -z $(ls none) ]] || fail "a revocation is written as a request: $(ls none)"
mv ra.psk kept.psk
echo nonsense >ra.psk
send plant && fail "told by another secret: $(cat s.out)"
grep -q "the CA refuses it" s.err || fail "$(cat s.err)"
waiting | jq -e '.[0] | .what == "revoke" and .tries == 1 and (.why | test("refuses"))' >/dev/null || fail "$(waiting)"
[[ $(there d2) == active ]] || fail "$(far cert list)"
mv kept.psk ra.psk
order plant d3
send plant || fail "$(cat s.out s.err)"
said came 1
said told 1
[[ $(there d2) == revoked && $(waiting | jq length) == 0 ]] || fail "$(far cert list; waiting)"
far cert show "id:$(far cert list --json | jq '.[] | select(.subject == "CN=d2") | .id')" --json | jq -e '.reason == "keyCompromise"' >/dev/null ||
	fail "for another reason"
# revoked there first; its number is one that begins with a set bit or not
must far cert revoke "id:$(far cert list --json | jq '.[] | select(.subject == "CN=d3") | .id')" >/dev/null
must near cert revoke "id:$id" >/dev/null
send plant || fail "$(cat s.out s.err)"
said told 1
# on the CA's list already
order plant d4
sends plant
must near cert revoke "id:$id" >/dev/null
must far cert revoke "id:$(far cert list --json | jq '.[] | select(.subject == "CN=d4") | .id')" >/dev/null
send plant || fail "$(cat s.out s.err)"
near audit list --json >s.out
grep -q certificate.told s.out || fail "no event tells it"
# told once, whatever becomes of the record
must near cert retire "id:$id" >/dev/null
must near cert archive "id:$id" >/dev/null
[[ $(waiting | jq length) == 0 ]] || fail "told again: $(waiting)"
# on the list that came by other ways
order plant d5
sends plant
must near cert revoke "id:$id" >/dev/null
[[ $(waiting | jq length) == 1 ]] || fail "$(waiting)"
must far cert revoke "id:$(far cert list --json | jq '.[] | select(.subject == "CN=d5") | .id')" >/dev/null
must far ca crl issuing --out far.crl >/dev/null
must near ca crl-import plant far.crl >/dev/null
[[ $(waiting | jq length) == 0 ]] || fail "its own list is no answer: $(waiting)"

# Killed between sending and storing: the same transaction, one certificate.
for ((n = 0; n < 4; n++)); do
	order plant "k$n"
	INRO_HOME=$T/near "$B/bin/inro" ca send plant >/dev/null 2>&1 &
	p=$!
	sleep "0.$(printf '%03d' $((RANDOM % 150)))"
	kill -9 "$p" 2>/dev/null || true
	wait "$p" 2>/dev/null || true
	send plant || fail "$(cat s.out s.err)"
	[[ $(state "$id") == active ]] || fail "killed, and lost: $(near cert show "id:$id")"
	[[ $(far cert list --json | jq "[.[] | select(.subject == \"CN=k$n\")] | length") == 1 ]] || fail "k$n has more than one certificate"
done

# Out of use, it makes no certificates, but what it made is revoked.
ended=$id
order plant r1
must near ca retire plant >/dev/null
must near cert revoke "id:$ended" >s.out
! grep -q "tell it" s.out || fail "$(cat s.out)"
send plant --due || fail "$(cat s.out s.err)"
said told 1
said came 0
said later 1
[[ $(there k3) == revoked && $(state "$id") == pending ]] || fail "$(far cert list; waiting)"

# ---- signed by a certificate whose key is in a token; answers by who signs for the CA there ----

INRO_HOME=$T/far
must far key generate --token office --label cmp --type ec-p256 >/dev/null
must far csr create --key 'pkcs11:token=office;object=cmp;type=private' --subject CN=cmp.example --out cmp.csr >/dev/null
must far cert issue --ca second --profile ra-signer --csr cmp.csr --key 'pkcs11:token=office;object=cmp;type=private' --out cmp.crt >/dev/null
must near key generate --token office --label ra --type ec-p256 >/dev/null
must near csr create --key 'pkcs11:token=office;object=ra' --subject CN=ra --out ra.csr >/dev/null
must far cert issue --ca second --profile tls-client --csr ra.csr --device ra --out ra.pem >/dev/null
must far ca show second --json | jq -r .pem >second.pem
INRO_HOME=$T/near
by=(--client-cert ra.pem --key 'pkcs11:token=office;object=ra')
refused 1 "neither the CA" near ca connect second --cmp "$cmp/second.for-others" "${by[@]}"
must near ca connect second --cmp "$cmp/second.for-others" --cert second.pem --chain root.pem "${by[@]}" >/dev/null
order second t1
sends second
INRO_HOME=$T/far
stop_server "$server_pid"
INRO_HOME=$T/near
order second t2
fails second "can't be reached"

# ---- the stock server: polling, confirmation, refusals, another CA's certificate ----

far_root stock
far_root stranger
cp "$T/ra.psk" stock.psk
printf 'a shared secret' >stock.psk
shared=(-srv_ref stock -srv_secret pass:"a shared secret")
mock() { # ARGUMENT ...: `openssl cmp` as a server with what it answers, at $port
	[[ -z ${mock_pid:-} ]] || {
		kill "$mock_pid" 2>/dev/null
		wait "$mock_pid" 2>/dev/null || true
	}
	background mock.out openssl cmp -port "$port" "${shared[@]}" -config '' "$@"
	mock_pid=$pid
	until_true nc_port
}
nc_port() { (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
near ca connect stock --cmp "http://127.0.0.1:$port/pkix/" --cert stock.pem --user stock --secret "file:$T/stock.psk" >/dev/null ||
	fail "not connected"
order stock m1
fails stock "can't be reached"

# Who knows no secret ends no transaction: neither by what is no message nor by an error.
cat >liar.py <<'END'
import http.server, re, sys
class Liar(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        id = re.search(rb"\xa4\x12\x04\x10(.{16})", body, re.S).group(1)
        with open("liar.log", "a") as f:
            f.write(id.hex() + "\n")
        header = b"\x02\x01\x02" + 2 * b"\xa4\x02\x30\x00" + b"\xa4\x12\x04\x10"
        header += bytes(16) if sys.argv[2] == "other" else id
        message = b"\x30" + bytes([len(header)]) + header + b"\xb7\x07\x30\x05\x30\x03\x02\x01\x02"
        message = b"\x30" + bytes([len(message)]) + message if sys.argv[2] != "junk" else b"junk"
        self.send_response(200)
        self.send_header("Content-Type", "application/pkixcmp")
        self.send_header("Content-Length", str(len(message)))
        self.end_headers()
        self.wfile.write(message)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Liar).serve_forever()
END
lies() { # WHAT REGEX
	background liar.out python3 liar.py "$port" "$1"
	until_true nc_port
	fails stock "$2"
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null || true
}
lies junk .
lies error "the CA refuses it"
lies other "to another message"
lies error "the CA refuses it"
[[ $(wc -l <liar.log) == 4 && $(sort -u liar.log | wc -l) == 1 ]] || fail "a transaction was ended by anybody: $(cat liar.log)"
: >stock.psk
fails stock "is empty"
printf 'a shared secret' >stock.psk

far_sign m1.csr stock leaf m1.pem
far_sign m1.csr stock sub above.pem
far_sign m1.csr stranger leaf strange.pem
request other
far_sign other.csr stock leaf other.pem
mock -rsp_cert m1.pem -send_error
fails stock "the CA refuses it"
mock -rsp_cert m1.pem -pkistatus 2 -statusstring "not today"
fails stock "not today"
mock -rsp_cert strange.pem
fails stock "elsewhere"
mock -rsp_cert other.pem
fails stock "another key than that of the request"
mock -rsp_cert above.pem
fails stock "is a CA's"
mock -rsp_cert m1.pem -poll_count 1 -check_after 1
send stock || fail "$(cat s.out s.err)"
said waits 1
sends stock
[[ $(state "$id") == active ]] || fail "$(near cert show "id:$id")"
order stock m2
far_sign m2.csr stock leaf m2.pem
mock -rsp_cert m2.pem -grant_implicitconf
sends stock
must near cert revoke "id:$id" >/dev/null
mock -rsp_cert m2.pem -pkistatus 2 -statusstring "not on Sundays"
send stock && fail "told who refuses: $(cat s.out)"
grep -q "not on Sundays" s.err || fail "$(cat s.err)"
for status in 4 6; do # announced, and what no revocation is answered by
	mock -rsp_cert m2.pem -pkistatus "$status"
	send stock && fail "told by status $status: $(cat s.out)"
	grep -q "status $status" s.err || fail "$(cat s.err)"
done
mock -rsp_cert m2.pem -pkistatus 5
send stock || fail "$(cat s.out s.err)"
said told 1
order stock m3
mock -rsp_cert m2.pem -srv_secret pass:another
fails stock "another secret|refuses it"

# Answers that are signed: by a certificate that signs messages, or by none that is believed.
printf '%s\n' '[agrees]' 'keyUsage = critical,keyAgreement' '[signs]' 'keyUsage = critical,digitalSignature' >>ca.cnf
request speaker
by=(--client-cert ra.pem --key 'pkcs11:token=office;object=ra')
far_root spoken
for use in agrees signs; do far_sign speaker.csr spoken $use $use.pem; done
cat agrees.pem signs.pem >speakers.pem
near ca connect spoken --cmp "http://127.0.0.1:$port/pkix/" --cert spoken.pem --trust speakers.pem "${by[@]}" >s.out || fail "not connected"
order spoken m4
far_sign m4.csr spoken leaf m4.pem
shared=(-srv_trusted root.pem -srv_untrusted second.pem)
signed_mock() { mock -srv_cert "$1.pem" -srv_key speaker.key -rsp_cert m4.pem -grant_implicitconf; }
signed_mock agrees
fails spoken "without digitalSignature"
signed_mock signs
sends spoken

must near audit verify >/dev/null
must near db check >/dev/null
