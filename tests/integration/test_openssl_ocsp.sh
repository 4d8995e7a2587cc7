#!/usr/bin/env bash
# Answers on request: openssl ocsp and ts with the responder's and the time stamper's key in a token.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"
. "$INRO_TEST_SOURCE/tests/lib/commands.sh"

# What openssl ca would have in its index: 01 is good, 02 revoked; the CA is a file.
index() {
	local n day=261121000000Z
	must openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -subj /CN=ca \
		-days 7 -out ca.crt
	for n in 1 2; do
		must openssl x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -set_serial $n -days 2 -out "leaf$n.crt"
	done
	printf 'V\t490101000000Z\t\t01\tunknown\t/CN=leaf\nR\t490101000000Z\t%s,keyCompromise\t02\tunknown\t/CN=leaf\n' \
		"$day" >index
}

# The certificates of a responder and a time stamper, for the key in the token.
delegates() {
	local k=$1
	must ossl req -new -key "$k.pem" -subj "/CN=$k" -out "$k.csr"
	printf '[ocsp]\nextendedKeyUsage = OCSPSigning\n' >extensions
	printf '[tsa]\nkeyUsage = digitalSignature\nextendedKeyUsage = critical, timeStamping\n' >>extensions
	must openssl x509 -req -in "$k.csr" -CA ca.crt -CAkey ca.key -days 2 -extfile extensions \
		-extensions ocsp -out "ocsp-$k.crt"
	must openssl x509 -req -in "$k.csr" -CA ca.crt -CAkey ca.key -days 2 -extfile extensions \
		-extensions tsa -out "tsa-$k.crt"
}

answers() { # TEXT FILE...: what the answer says, verified
	local text=$1
	shift
	judged ocsp "$@" -no_nonce -issuer ca.crt -cert leaf1.crt -cert leaf2.crt -CAfile ca.crt >text
	grep -q 'Response verify OK' "$T/err" || fail "the answer is not verified: $(cat "$T/err")"
	for word in 'leaf1.crt: good' 'leaf2.crt: revoked' 'Reason: keyCompromise'; do
		grep -q "$word" text || fail "$text: no '$word' in: $(cat text)"
	done
}

offline() {
	local k=$1 src
	form "$k"
	must ossl ocsp -issuer ca.crt -cert leaf1.crt -cert leaf2.crt -signer "$k.crt" -signkey "$src" \
		-reqout request.der
	judged ocsp -reqin request.der -text >text
	grep -q 'Requestor Name' text || fail "the request is not signed: $(cat text)"
	form "$k"
	must ossl ocsp -index index -CA ca.crt -rsigner "ocsp-$k.crt" -rkey "$src" -reqin request.der \
		-respout response.der -ndays 1
	answers "$k" -respin response.der
	form "$k"
	must ossl ocsp -index index -CA ca.crt -rsigner "ocsp-$k.crt" -rkey "$src" -reqin request.der \
		-respout response.der \
		-ndays 1 -resp_key_id
	answers "$k by key id" -respin response.der
	must_fail 'Response Verify Failure|verify error' openssl ocsp -respin response.der -no_nonce \
		-issuer ca.crt -cert leaf1.crt \
		-CAfile leaf1.crt
}

# A responder at a port, for two requests; a client signs one of them with its token key.
online() {
	local k=$1 src i
	form "$k"
	rm -f responder.log
	background responder.log ossl ocsp -index index -CA ca.crt -rsigner "ocsp-$k.crt" -rkey "$src" -port 0 \
		-nrequest 2 \
		-ndays 1
	wait_for '^ACCEPT .*' responder.log
	port=$(sed -n 's/^ACCEPT.*:\([0-9]*\)\( .*\)\?$/\1/p' responder.log)
	answers "$k online" -url "http://127.0.0.1:$port"
	form "$k"
	must ossl ocsp -url "http://127.0.0.1:$port" -issuer ca.crt -cert leaf1.crt -signer "$k.crt" -signkey "$src" \
		-CAfile ca.crt >text
	grep -q 'leaf1.crt: good' text || fail "asked by a signed request: $(cat text)"
	wait "$pid" || fail "the responder ends with $?: $(cat responder.log)"
}

# openssl ts takes its key as a PEM file only.
stamps() {
	local k=$1
	rm -f serial
	cat >ts.cnf <<-END
		[t]
		serial = serial
		signer_cert = tsa-$k.crt
		signer_key = $k.pem
		signer_digest = sha256
		ess_cert_id_alg = sha256
		digests = sha256, sha512
		default_policy = 1.2.3
	END
	must openssl ts -query -data data -sha512 -cert -out query
	must ossl ts -reply -config ts.cnf -section t -queryfile query -out reply
	judged ts -verify -data data -in reply -CAfile ca.crt >/dev/null
	judged ts -verify -queryfile query -in reply -CAfile ca.crt >/dev/null
	must_fail 'message imprint mismatch' openssl ts -verify -data other -in reply -CAfile ca.crt
	must ossl ts -reply -config ts.cnf -section t -queryfile query -inkey "$k.pem" -signer "tsa-$k.crt" \
		-token_out -out token
	judged ts -verify -data data -in token -token_in -CAfile ca.crt >/dev/null
}

refusals() {
	makes_nothing out 'key values mismatch|mismatch|does not match|private key' ossl ocsp -index index -CA ca.crt \
		-rsigner ocsp-ec.crt -rkey rsa.pem -reqin request.der -respout out
	INRO_PIN=999999 makes_nothing out 'wrong PIN' ossl ocsp -index index -CA ca.crt -rsigner ocsp-ec.crt \
		-rkey ec.pem \
		-reqin request.der -respout out
	must ossl pkey -in ec.pem -noout
	INRO_PIN=999999 makes_nothing out 'wrong PIN' ossl ts -reply -config ts.cnf -section t \
		-queryfile query -out out
	must ossl pkey -in ec.pem -noout
	makes_nothing out 'cannot load private key' ossl ts -reply -config ts.cnf -section t -queryfile query \
		-inkey "$(uri ec)" -out out
}

check_module() {
	local k
	keys_at_hand rsa ed25519 ec
	file_key leaf ec
	must openssl req -new -key leaf.key -subj /CN=leaf -out leaf.csr
	index
	for k in "${kinds[@]}"; do
		delegates "$k"
		offline "$k"
		online "$k"
		[[ $k == ed25519 ]] || stamps "$k"
	done
	refusals
}

each_module
