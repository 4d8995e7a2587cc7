#!/usr/bin/env bash
# Post-quantum keys of a token under OpenSSL 3.5: ML-DSA, SLH-DSA, ML-KEM, as the everyday commands use them.
#
# tools/check --openssl35 and tests/interop/test_interop_debian13.sh run this; an OpenSSL without such keys skips it.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

[[ $(openssl list -signature-algorithms) == *ML-DSA-65* ]] || skip "$(openssl version) has no ML-DSA"
module=$B/lib/inro-pkcs11.so
export INRO_PIN=$pin INRO_MODULE=$module
cd "$T" || exit 1
echo "what is signed" >data

# A key of that kind in the token, its reference in NAME.pem, its public half in NAME.pub.
make() { # NAME ALGORITHM
	must ossl genpkey -algorithm "$2" -pkeyopt "pkcs11_uri:pkcs11:token=line1;object=$1" -out "$1.pem"
	grep -q 'BEGIN PKCS#11 PROVIDER URI' "$1.pem" || fail "$1.pem is no reference: $(cat "$1.pem")"
	must ossl pkey -in "$(uri "$1")" -pubout -out "$1.pub"
	must ossl pkey -in "$1.pem" -pubout -out "$1.pub2"
	cmp "$1.pub" "$1.pub2" || fail "$1: by reference another key"
	must openssl pkey -pubin -in "$1.pub" -noout -text >"$1.text"
	grep -qi "$2" "$1.text" || fail "$1 is no $2: $(head -1 "$1.text")"
}

# Signed by the token, verified by libcrypto alone; and by libcrypto's own key, verified by ours.
signs() { # NAME ALGORITHM
	local o
	must ossl pkeyutl -sign -rawin -inkey "$1.pem" -in data -out sig
	must openssl pkeyutl -verify -rawin -pubin -inkey "$1.pub" -in data -sigfile sig
	must ossl pkeyutl -verify -rawin -inkey "$1.pem" -in data -sigfile sig
	for o in context-string:ctx deterministic:1; do
		must ossl pkeyutl -sign -rawin -inkey "$(uri "$1")" -in data -out sig -pkeyopt $o
		[[ $o != context* ]] || must_fail '' openssl pkeyutl -verify -rawin -pubin -inkey "$1.pub" -in data -sigfile sig
		[[ $o != context* ]] || must openssl pkeyutl -verify -rawin -pubin -inkey "$1.pub" -in data -sigfile sig -pkeyopt $o
		[[ $o != determ* ]] || must openssl pkeyutl -verify -rawin -pubin -inkey "$1.pub" -in data -sigfile sig
	done
	must ossl pkeyutl -sign -rawin -inkey "$1.pem" -in data -out again -pkeyopt deterministic:1
	cmp sig again || fail "$1: deterministic, and yet another signature"
	must_fail 'message-encoding 0 is not offered' ossl pkeyutl -sign -rawin -inkey "$1.pem" -in data -out no \
		-pkeyopt message-encoding:0
}

# What the store shows, what is written, and what never is.
shows() { # NAME
	must ossl storeutl -keys -noout "pkcs11:token=line1;object=$1" >/dev/null
	must ossl pkey -in "$1.pem" -text -noout >"$1.shown"
	grep -q '^Private-Key in a token: pkcs11:' "$1.shown" || fail "$(head -3 "$1.shown")"
	! grep -qiE '^(priv|seed):' "$1.shown" || fail "$1: a private part is shown"
	must ossl pkey -in "$1.pem" -check -noout >/dev/null
	must ossl pkey -in "$(uri "$1")" -out "$1.out"
	cmp "$1.pem" "$1.out" || fail "$1: another reference"
	must_fail 'stays in its token' ossl pkcs8 -topk8 -nocrypt -in "$1.pem" -outform DER -out no
	[[ ! -s no ]] || fail "$1: something was written"
}

# A root of this kind signs a leaf of another one; each is verified by libcrypto alone.
certificates() {
	must ossl req -x509 -key dsa.pem -subj /CN=root -days 7 -out root.crt -addext basicConstraints=critical,CA:TRUE
	must ossl req -new -key leaf.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost -out leaf.csr
	must openssl req -in leaf.csr -verify -noout
	must ossl x509 -req -in leaf.csr -CA root.crt -CAkey dsa.pem -days 7 -copy_extensions copy -out leaf.crt
	must openssl verify -CAfile root.crt leaf.crt
	must openssl x509 -in leaf.crt -noout -text >leaf.text
	grep -q 'Signature Algorithm: ML-DSA-65' leaf.text || fail "$(cat leaf.text)"
	# a key that signs nothing gets its certificate by its public half
	must ossl x509 -new -force_pubkey kem.pub -subj /CN=kem -CA root.crt -CAkey dsa.pem -days 7 -out kem.crt
	must openssl verify -CAfile root.crt kem.crt
	# an ordinary key under a post-quantum root, and the other way round
	must ossl req -new -key ec.pem -subj /CN=ec -out ec.csr
	must ossl x509 -req -in ec.csr -CA root.crt -CAkey "$(uri dsa)" -days 7 -out ec.crt
	must openssl verify -CAfile root.crt ec.crt
	must ossl req -x509 -key slh.pem -subj /CN=slow -days 7 -out slh.crt
	must openssl verify -CAfile slh.crt slh.crt
}

# Mutual, the key of each side in the token; and what the two sides say that they did.
tls() {
	local group
	for group in X25519MLKEM768 X25519 P-256; do
		serve openssl s_server "${provider[@]}" -accept 127.0.0.1:0 -key leaf.pem -cert leaf.crt \
			-CAfile root.crt -Verify 2 -verify_return_error -naccept 1 -www
		must ossl s_client -connect "127.0.0.1:$port" -tls1_3 -groups $group -CAfile root.crt -verify_return_error \
			-key "$(uri leaf)" -cert leaf.crt </dev/null >client.log
		wait "$pid" || fail "the server ends with $?: $(cat server.log)"
		grep -q 'Verification: OK' client.log || fail "$(cat client.log)"
		grep -qi 'Peer signature type: mldsa65' client.log || fail "not signed by ML-DSA: $(cat client.log)"
	done
	# libcrypto's own client and key against ours
	must openssl genpkey -algorithm ML-DSA-44 -out soft.pem
	must openssl req -x509 -key soft.pem -subj /CN=soft -days 7 -out soft.crt
	serve openssl s_server "${provider[@]}" -accept 127.0.0.1:0 -key leaf.pem -cert leaf.crt \
		-CAfile soft.crt -Verify 2 -verify_return_error -naccept 1 -www
	must openssl s_client -connect "127.0.0.1:$port" -tls1_3 -CAfile root.crt -verify_return_error \
		-key soft.pem -cert soft.crt </dev/null >client.log
	wait "$pid" || fail "the server ends with $?: $(cat server.log)"
}

# OpenSSL 3.5 signs CMS by ML-DSA when a digest is named, and has no CMS recipients of ML-KEM (docs/limits.md).
cms() {
	must ossl cms -sign -in data -signer leaf.crt -inkey leaf.pem -md sha512 -binary -nodetach -out box
	must openssl cms -verify -in box -CAfile root.crt -purpose any -binary -out opened >/dev/null
	cmp data opened || fail "CMS gives back something else"
	must ossl cms -sign -in data -signer leaf.crt -inkey "$(uri leaf)" -md sha512 -binary -outform DER -out box
	must openssl cms -verify -inform DER -in box -content data -CAfile root.crt -purpose any -binary >/dev/null
	must_fail 'no default digest' ossl cms -sign -in data -signer leaf.crt -inkey leaf.pem -binary -out no
	must_fail 'operation not supported' ossl cms -encrypt -in data -out no -aes256 kem.crt
}

# Revocation by a post-quantum CA, and its answers.
authority() {
	mkdir -p ca
	: >ca/index
	echo 01 >ca/serial
	echo 01 >ca/crlnumber
	printf '[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=ca\ndatabase=ca/index\nserial=ca/serial\ncrlnumber=ca/crlnumber\n' >ca.cnf
	printf 'policy=p\ndefault_md=default\ndefault_days=7\ndefault_crl_days=7\n[p]\ncommonName=supplied\n' >>ca.cnf
	must ossl ca -config ca.cnf -batch -notext -cert root.crt -keyfile dsa.pem -in leaf.csr -out by-ca.crt
	must openssl verify -CAfile root.crt by-ca.crt
	must ossl ca -config ca.cnf -cert root.crt -keyfile "$(uri dsa)" -revoke by-ca.crt
	must ossl ca -config ca.cnf -cert root.crt -keyfile dsa.pem -gencrl -out ca.crl
	must openssl crl -in ca.crl -CAfile root.crt -noout
	must_fail 'certificate revoked' openssl verify -CAfile root.crt -CRLfile ca.crl -crl_check by-ca.crt
}

encapsulates() { # NAME
	must ossl pkeyutl -encap -inkey "$1.pub" -pubin -out box -secret sent
	must ossl pkeyutl -decap -inkey "$1.pem" -in box -secret got
	cmp sent got || fail "$1: another secret comes out"
	must openssl pkeyutl -encap -inkey "$1.pub" -pubin -out box -secret sent
	must ossl pkeyutl -decap -inkey "$(uri "$1")" -in box -secret got
	cmp sent got || fail "$1: another secret comes out of libcrypto's"
	# implicit rejection (FIPS 203 6.3): a box that is none opens as something else, of a wrong length not at all
	LC_ALL=C tr -c x x <box >wrong
	must ossl pkeyutl -decap -inkey "$1.pem" -in wrong -secret got
	! cmp -s sent got || fail "$1: a wrong box gives the secret"
	head -c 100 box >short
	must_fail '' ossl pkeyutl -decap -inkey "$1.pem" -in short -secret no
}

INRO_SO_PIN=$so_pin must inro token create line1 >/dev/null
make dsa ML-DSA-65
make leaf ML-DSA-65
make dsa44 ML-DSA-44
make dsa87 ML-DSA-87
make slh SLH-DSA-SHA2-128f
make kem ML-KEM-768
make kem5 ML-KEM-512
make kem10 ML-KEM-1024
must ossl genpkey -algorithm EC -pkeyopt group:P-256 -pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=ec' -out ec.pem
for k in dsa dsa44 dsa87 slh; do signs $k; done
for k in dsa slh kem; do shows $k; done
for k in kem kem5 kem10; do encapsulates $k; done
certificates
tls
cms
authority
