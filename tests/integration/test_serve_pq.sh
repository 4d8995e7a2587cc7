#!/usr/bin/env bash
# test_serve_pq - an office whose keys are post-quantum, under OpenSSL 3.5: a root of SLH-DSA, a CA of ML-DSA below it,
# the server's TLS by ML-DSA and ML-KEM, and devices with such keys over EST, CMP and by their agent; revocation by list
# and by OCSP.  The clients are the stock ones.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
. "$INRO_TEST_SOURCE/tests/lib/agent.sh"
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
need curl jq /usr/bin/python3
[[ $(openssl list -signature-algorithms) == *ML-DSA-65* ]] || skip "$(openssl version) has no ML-DSA"
cd "$T"

must inro token create office >/dev/null
must inro ca create root --subject CN=root --token office --type slh-dsa-sha2-128f >/dev/null
must inro ca create issuing --subject CN=issuing --token office --type ml-dsa-65 --parent root >/dev/null
must inro key generate --token office --label tls --type ml-dsa-44 >/dev/null
for ca in root issuing; do must inro ca show $ca --out $ca.pem >/dev/null; done
must openssl verify -CAfile root.pem issuing.pem >/dev/null
must inro device add dev-1 --json >one.json
must inro device add dev-2 --json >two.json
jq -r .psk one.json >psk
start_server --tls-ca issuing --tls-name localhost --tls-name 127.0.0.1 --label issuing --retry-after 1

# ---- TLS: what is negotiated ----

for group in '' X25519MLKEM768 X25519 secp384r1; do
	openssl s_client -connect "${https#https://}" -tls1_3 ${group:+-groups $group} -CAfile root.pem -verify_return_error </dev/null >said 2>&1 ||
		fail "no handshake by $group: $(cat said)"
	has -i 'Peer signature type: mldsa44' said || fail "$group: not signed by ML-DSA: $(cat said)"
	has -E "TLS1.3 group: ${group:-X25519MLKEM768}\$|Temp Key: .*${group:-none}," said || fail "$group: another group: $(cat said)"
done
must ask /healthz >/dev/null

# ---- EST: first certificate, renewal by it ----

p10() { openssl req -new -key "$1" -subj "/CN=$2" -outform DER | openssl base64; }
crt() { openssl base64 -d -in "$1" | openssl pkcs7 -inform DER -print_certs -out "$2"; }
for kind in ml-dsa-44 ml-dsa-65 ml-dsa-87; do
	must openssl genpkey -algorithm $kind -out dev.key
	p10 dev.key dev-1 >dev.p10
	must ask /.well-known/est/issuing/simpleenroll --fail-with-body --user "dev-1:$(cat psk)" -H 'Content-Type: application/pkcs10' \
		--data-binary @dev.p10 -o dev.p7
	crt dev.p7 dev.pem
	must openssl verify -CAfile root.pem -untrusted issuing.pem dev.pem >/dev/null
	must openssl genpkey -algorithm $kind -out next.key
	p10 next.key dev-1 >next.p10
	must ask /.well-known/est/issuing/simplereenroll --fail-with-body --cert dev.pem --key dev.key -H 'Content-Type: application/pkcs10' \
		--data-binary @next.p10 -o next.p7
	crt next.p7 next.pem
	must openssl verify -CAfile root.pem -untrusted issuing.pem next.pem >/dev/null
done
must ask /.well-known/est/issuing/cacerts -o cas.p7
crt cas.p7 cas.pem
[[ $(grep -c BEGIN cas.pem) == 2 ]] || fail "not both CAs: $(cat cas.pem)"
must ask /.well-known/est/issuing/csrattrs --fail-with-body >/dev/null

# ---- a key that is made at the server ----

must inro group add plain --policy '{"plain_keys": true}' >/dev/null
must inro device update dev-1 --group plain >/dev/null
must ask /.well-known/est/issuing/serverkeygen --fail-with-body --cert next.pem --key next.key -D head \
	-H 'Content-Type: application/pkcs10' --data-binary @next.p10 -o made.mime
/usr/bin/python3 - <<'PY' || fail "the parts can't be read: $(cat made.mime)"
import email, re
kind = re.search(r'(?im)^content-type: (.*?)\r?$', open('head').read()).group(1)
parts = email.message_from_string('Content-Type: %s\n\n%s' % (kind, open('made.mime').read())).get_payload()
for name, part in zip(('made.key', 'made.p7'), parts):
    open(name, 'wb').write(part.get_payload(decode=True))
PY
openssl pkcs7 -inform DER -in made.p7 -print_certs -out made.pem
[[ $(openssl x509 -in made.pem -noout -pubkey) == "$(openssl pkey -inform DER -in made.key -pubout)" ]] || fail "key and certificate don't fit"
openssl pkey -inform DER -in made.key -noout -text | has 'ML-DSA-87' || fail "another kind of key"

# ---- CMP: by the pre-shared key, then by the certificate; the server's signer has the CA's kind of key ----

at=(-server "${http#http://}" -path .well-known/cmp/p/issuing)
asked() { openssl cmp "${at[@]}" "$@" >said 2>&1 || fail "openssl cmp $*: $(cat said)"; }
signs() { [[ -n $(inro ca cmp issuing --json | jq -r '.serial // empty') ]]; }
until_true signs
for key in two three; do must openssl genpkey -algorithm ML-DSA-65 -out $key.key; done
asked -cmd ir -ref dev-2 -secret "pass:$(jq -r .psk two.json)" -newkey two.key -subject /CN=dev-2 -certout two.pem
asked -cmd kur -cert two.pem -key two.key -trusted root.pem -newkey three.key -certout three.pem -rspout answer.der
must openssl verify -CAfile root.pem -untrusted issuing.pem three.pem >/dev/null
openssl asn1parse -inform DER -in answer.der | # protectionAlg of the header
	awk '/d=[012] / { on = /d=2 .*cont \[ 1 \]/ } on' | has ML-DSA-65 || fail "the answer is not protected by ML-DSA"

# ---- OCSP and lists ----

is() {
	openssl ocsp -issuer issuing.pem -cert three.pem -CAfile root.pem -url "$http/ocsp/issuing" -resp_text >said 2>&1 || true
	has "three.pem: $1" said
}
until_true is good
has 'Response verify OK' said || fail "the answer is not verified: $(cat said)"
has 'Signature Algorithm: ML-DSA-65' said || fail "another signature: $(cat said)"
must inro cert revoke "$(openssl x509 -in three.pem -noout -serial | cut -d= -f2)" --reason keyCompromise >/dev/null
until_true is revoked
for ca in issuing root; do
	curl -sS --max-time 20 "$http/crl/$ca.crl" | openssl crl -inform DER -CAfile $ca.pem -noout >said 2>&1 || true
	has 'verify OK' said || fail "the list of $ca: $(cat said)"
	must inro ca crl $ca --out $ca.crl >/dev/null
done
openssl verify -crl_check -CAfile root.pem -untrusted issuing.pem -CRLfile issuing.crl three.pem >said 2>&1 && fail "revoked, and good"
has 'certificate revoked' said || fail "$(cat said)"
must openssl verify -crl_check_all -CAfile root.pem -untrusted issuing.pem -CRLfile issuing.crl -CRLfile root.crl next.pem >/dev/null

# ---- the agent ----

printf '123456\n' >pin
must inro token create dev --pin-source "$T/pin" >/dev/null
agent_conf 'key-type = ml-dsa-65'
sed -i "s|^server = .*|server = $https|; s|^trust = .*|trust = $T/root.pem|; s|^label = .*|label = issuing.tls-client|" agent.conf
must agent check >/dev/null
must agent once >/dev/null
good_pair
must agent renew >/dev/null
good_pair
openssl x509 -in agent/live/clcert.pem -noout -text | has 'Public Key Algorithm: ML-DSA-65' || fail "another key"
must inro audit verify >/dev/null
must inro db check >/dev/null
stop_server
