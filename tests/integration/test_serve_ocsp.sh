#!/usr/bin/env bash
# OCSP by `inro serve`, asked by stock clients: states of certificates, several CAs, what caches are told, revocations by
# other processes, two servers, and a token that does not open.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
cd "$T"
for p in curl jq openssl; do command -v $p >/dev/null || skip "$p is not installed"; done

make_office
must inro ca create issuing --subject CN=issuing --parent root --token office --type ec-p256 >/dev/null
must inro ca create rsa --subject CN=rsa --parent root --token office --type rsa-3072 >/dev/null
must inro ca create ed --subject CN=ed --parent root --token office --type ed25519 >/dev/null
for ca in issuing rsa ed; do inro ca show $ca --json | jq -r .pem >$ca.pem; done
foreign openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -subj /CN=leaf -out leaf.csr 2>/dev/null
issue() { # CA NAME
	must inro cert issue --ca "$1" --profile tls-client --csr leaf.csr --json >"$2.json"
	jq -r .pem "$2.json" >"$2.pem"
}
for ca in issuing rsa ed; do issue $ca $ca-1; done
issue issuing issuing-2

# asked CA NAME ARG ...: what `openssl ocsp` says of the certificate; its words are in out
asked() {
	local ca=$1 name=$2
	shift 2
	foreign openssl ocsp -issuer "$ca.pem" "$@" -cert "$name.pem" -CAfile root.pem -url "$http/ocsp/$ca" >out 2>&1 || true
	sed -n "s/^$name.pem: //p" out
}
expect() { # STATE CA NAME ARG ...
	local state=$1 is
	shift
	is=$(asked "$@")
	[[ $is == "$state" ]] || fail "$* is '$is', not '$state': $(cat out)"
	grep -q '^Response verify OK' out || fail "$*: the answer is not verified: $(cat out)"
}

start_server
# Who answers is made by the server itself, soon after it has started.
has_signer() { [[ $(inro ca ocsp "$1" --json | jq -r '.keys[0].serial') != null ]]; }
for ca in root issuing rsa ed; do until_true has_signer $ca; done
is_asked() { [[ $(asked "$1" "$2" -no_nonce) == "$3" ]]; } # CA CERTIFICATE STATE
for ca in issuing rsa ed; do
	within_time is_asked $ca $ca-1 good || true # expect tells
	expect good $ca $ca-1
	expect good $ca $ca-1 -no_nonce
	expect good $ca $ca-1 -no_nonce -sha256
	expect good root $ca
done
grep -q WARNING out && fail "without a nonce: $(cat out)"

# ---- GET, and what caches are told ----

foreign openssl ocsp -issuer issuing.pem -cert issuing-1.pem -no_nonce -reqout req.der
curl -sS -H 'Content-Type: application/ocsp-request' --data-binary @req.der -o post.der "$http/ocsp/issuing"
path=$(base64 -w0 <req.der | sed 's/+/%2B/g; s/\//%2F/g; s/=/%3D/g')
raw=$(base64 -w0 <req.der)
curl -sS -D head -o get.der "$http/ocsp/issuing/$path"
curl -sS -o raw.der "$http/ocsp/issuing/$raw"
cmp post.der get.der || fail "GET has another answer than POST"
cmp get.der raw.der || fail "what is not escaped is another question"
grep -qi '^content-type: application/ocsp-response' head || fail "the answer's type: $(cat head)"
grep -qi '^cache-control: max-age=[0-9]*, public, no-transform, must-revalidate' head || fail "caches are not told: $(cat head)"
[[ $(grep -ciE '^(expires|last-modified): ...,' head) == 2 ]] || fail "no dates: $(cat head)"
etag=$(sed -n 's/^ETag: \(.*\)\r$/\1/p' head)
[[ $(status_of -H "If-None-Match: $etag" "$http/ocsp/issuing/$path") == 304 ]] || fail "the answer is sent twice"
[[ $(status_of -H 'If-None-Match: "x"' "$https/ocsp/issuing/$path") == 200 ]] || fail "another tag is the same"
curl -sS -D head -o /dev/null "$http/ocsp/issuing/AAAA"
grep -qi '^cache-control: no-store' head || fail "a refusal is kept: $(cat head)"
# says WORD: why the answer in body is none
says() {
	foreign openssl ocsp -respin body -noverify >out 2>&1 || true
	grep -q "Responder Error: $1" out || fail "not $1: $(cat out)"
}
for bad in AAAA MA== -; do
	[[ $(status_of "$http/ocsp/issuing/$bad") == 200 ]] || fail "$bad is no question to answer"
	says malformedrequest
done
[[ $(status_of "$http/ocsp/issuing/x%00y") == 4?? ]] || fail "a NUL in a path"
head -c 20000 /dev/zero >big
[[ $(status_of -H 'Content-Type: application/ocsp-request' --data-binary @big "$http/ocsp/issuing") == 413 ]] || fail "20000 octets are a request"
[[ $(status_of -H 'Content-Type: text/plain' --data-binary @req.der "$http/ocsp/issuing") == 415 ]] || fail "text is a request"
[[ $(status_of "$http/ocsp/issuing") == 200 ]] || fail "a GET without a request"
says malformedrequest

# ---- whose certificate it is ----

for other in root none rsa '~none/issuing'; do
	status_of -H 'Content-Type: application/ocsp-request' --data-binary @req.der "$http/ocsp/$other" >/dev/null
	says unauthorized
done
curl -sS -H 'Content-Type: application/ocsp-request' --data-binary @req.der -o body "$http/ocsp/~default/issuing"
cmp body post.der || fail "the tenant by name is another"
foreign openssl ocsp -issuer issuing.pem -serial 0x1234 -CAfile root.pem -url "$http/ocsp/issuing" >out 2>&1
grep -q '^0x1234: unknown' out || fail "what was never issued is known: $(cat out)"
foreign openssl ocsp -issuer issuing.pem -cert issuing-1.pem -cert issuing-2.pem -serial 7 -CAfile root.pem -url "$http/ocsp/issuing" >out 2>&1
[[ $(grep -c ': good$' out) == 2 && $(grep -c '^7: unknown$' out) == 1 ]] || fail "three in one: $(cat out)"

# ---- changes by other processes, on every server within a second ----

first=$server_pid
first_http=$http
start_server
second_http=$http
# seen STATE NAME: on both servers, within a second of the command; on a loaded machine now and then later
late=0 in_time=0
seen() {
	local began=${EPOCHREALTIME/[.,]/} url
	for url in "$first_http" "$second_http"; do
		http=$url
		within_time is_asked issuing "$2" "$1" || fail "$2 is not $1 at $url: $(cat out)"
		((${EPOCHREALTIME/[.,]/} - began < 1000000)) && in_time=$((in_time + 1)) || late=$((late + 1))
	done
}
for http in "$first_http" "$second_http"; do
	expect good issuing issuing-1 -no_nonce
	expect good issuing issuing-2 -no_nonce
done
must inro cert hold "id:$(jq -r .id issuing-2.json)" >/dev/null
seen revoked issuing-2
grep -q 'Reason: certificateHold' out || fail "no reason: $(cat out)"
must inro cert release "id:$(jq -r .id issuing-2.json)" >/dev/null
seen good issuing-2
must inro cert revoke "id:$(jq -r .id issuing-1.json)" --reason affiliationChanged >/dev/null
seen revoked issuing-1
[[ $(grep -cE 'Reason: affiliationChanged|Revocation Time: ' out) == 2 ]] || fail "no reason or time: $(cat out)"
((in_time > 0)) || fail "none of $late changes was seen within a second"

# ---- a server that is killed is followed ----

kill -9 "$first"
wait "$first" 2>/dev/null || true
http=$second_http
expect revoked issuing issuing-1
must inro ca create late --subject CN=late --parent root --token office --type ec-p256 >/dev/null
inro ca show late --json | jq -r .pem >late.pem
issue late late-1
# The duty may still be the killed server's, for a minute.
patience=120 within_time is_asked late late-1 good || true
expect good late late-1

# ---- settings; a key that can't be used ----

must inro ca ocsp ed --minutes 5 --id name >/dev/null
names_responder() {
	asked ed ed-1 -no_nonce -resp_text >/dev/null
	grep -q 'Responder Id: .*CN = OCSP of ed' out
}
within_time names_responder || fail "the responder is not named: $(cat out)"
must inro ca ocsp ed --signer off >/dev/null
is_unauthorized() {
	asked ed ed-1 >/dev/null
	grep -q 'unauthorized' out
}
within_time is_unauthorized || fail "it is answered though nobody is to: $(cat out)"
# Its PIN is not the server's.
INRO_PIN=654321 must inro token create vault >/dev/null
INRO_PIN=654321 must inro ca create vaulted --subject CN=vaulted --token vault --type ec-p256 >/dev/null
inro ca show vaulted --json | jq -r .pem >vaulted.pem
is_put_off() {
	foreign openssl ocsp -issuer vaulted.pem -serial 1 -url "$http/ocsp/vaulted" >out 2>&1 || true
	grep -q 'trylater' out
}
within_time is_put_off || fail "it is answered without the key: $(cat out)"
INRO_PIN=654321 must inro ca crl vaulted --out vaulted.crl >/dev/null # the token is not locked

for _ in {1..10}; do expect revoked issuing issuing-1 -no_nonce; done # by one of its workers twice
curl -sS "$http/metrics" | has '^inro_ocsp_answers_total{how="kept"} [1-9]' || fail "answers are not counted"
stop_server

# ---- the key that answers is gone: who asks is told to come later, and the log why ----

key=$(inro ca ocsp rsa --json | jq -r '.keys[0].key_uri')
must inro key delete "$key" >/dev/null
start_server
foreign openssl ocsp -issuer rsa.pem -serial 1 -url "$http/ocsp/rsa" >out 2>&1 || true
has trylater out || fail "it is answered without the key: $(cat out)"
wait_for '"path":"/ocsp/rsa".*"error":"INRO_E_' "$log"
stop_server
