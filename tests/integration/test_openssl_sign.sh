#!/usr/bin/env bash
# Signatures by openssl dgst, pkeyutl and rsautl with token keys, judged by openssl without the provider.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"
. "$INRO_TEST_SOURCE/tests/lib/commands.sh"

by_dgst() {
	local k=$1 md src
	for md in sha1 sha256 sha384 sha512 sha3-256; do
		form "$k"
		must ossl dgst "-$md" -sign "$src" -out sig data
		judged dgst "-$md" -verify "$k.pub" -signature sig data >/dev/null
		must_fail 'Verification failure' openssl dgst "-$md" -verify "$k.pub" -signature sig other
	done
	form "$k"
	must ossl dgst -sha3-256 -prverify "$src" -signature sig data >/dev/null
	must_fail 'Verification failure' ossl dgst -sha3-256 -prverify "$src" -signature sig other
	# Read in many pieces.
	must ossl dgst -sha256 -sign "$src" -hex -out sig.hex big
	must ossl dgst -sha256 -sign "$src" -out sig big
	judged dgst -sha256 -verify "$k.pub" -signature sig big >/dev/null
}

by_pkeyutl() {
	local k=$1 src
	form "$k"
	must ossl pkeyutl -sign -inkey "$src" -in digest -out sig -pkeyopt digest:sha256
	judged pkeyutl -verify -pubin -inkey "$k.pub" -in digest -sigfile sig -pkeyopt digest:sha256 >/dev/null
	judged pkeyutl -verify -certin -inkey "$k.crt" -in digest -sigfile sig -pkeyopt digest:sha256 >/dev/null
	form "$k"
	must ossl pkeyutl -verify -inkey "$src" -in digest -sigfile sig -pkeyopt digest:sha256 >/dev/null
	makes_nothing out '40 bytes is not SHA2-256|invalid digest' ossl pkeyutl -sign -inkey "$src" -in longer \
		-out out -pkeyopt digest:sha256
	must ossl pkeyutl -sign -rawin -digest sha384 -inkey "$src" -in data -out sig
	judged pkeyutl -verify -rawin -digest sha384 -pubin -inkey "$k.pub" -in data -sigfile sig >/dev/null
}

# Ed25519 signs messages and no digests.
messages() {
	local src
	form ed25519
	must ossl pkeyutl -sign -rawin -inkey "$src" -in data -out sig
	judged pkeyutl -verify -rawin -pubin -inkey ed25519.pub -in data -sigfile sig >/dev/null
	form ed25519
	must ossl pkeyutl -verify -rawin -inkey "$src" -in data -sigfile sig >/dev/null
	must_fail 'Signature Verification Failure' ossl pkeyutl -verify -rawin -inkey "$src" -in other -sigfile sig
	form ed25519
	must ossl pkeyutl -sign -rawin -inkey "$src" -in big -out sig
	judged pkeyutl -verify -rawin -pubin -inkey ed25519.pub -in big -sigfile sig >/dev/null
	makes_nothing out 'EdDSA takes no digest|not supported' ossl pkeyutl -sign -rawin -digest sha256 \
		-inkey "$src" -in data -out out
	makes_nothing out 'EdDSA takes no digest|not supported' ossl dgst -sha256 -sign "$src" -out out data
}

pss() {
	local salt src
	local options=(-pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss)
	for salt in digest 32 max auto 20; do
		form rsa
		must ossl pkeyutl -sign -inkey "$src" -in digest -out sig "${options[@]}" -pkeyopt "rsa_pss_saltlen:$salt"
		judged pkeyutl -verify -pubin -inkey rsa.pub -in digest -sigfile sig "${options[@]}" \
			-pkeyopt "rsa_pss_saltlen:${salt/max/auto}" >/dev/null
	done
	must ossl dgst -sha384 -sign "$src" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1 -out sig data
	judged dgst -sha384 -verify rsa.pub -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:48 \
		-signature sig data >/dev/null
	makes_nothing out '' ossl pkeyutl -sign -inkey "$src" -in digest -out out "${options[@]}" \
		-pkeyopt rsa_pss_saltlen:300
}

# What RSA alone has: a signature that gives its message back, and the old command.
rsa_only() {
	local src
	form rsa
	must ossl pkeyutl -sign -inkey "$src" -in data -out sig
	judged pkeyutl -verifyrecover -pubin -inkey rsa.pub -in sig | cmp - data || fail "pkeyutl: another message"
	must ossl pkeyutl -verifyrecover -inkey "$(uri rsa)" -in sig -out recovered
	cmp recovered data || fail "pkeyutl: another message by the token's key"
	must ossl pkeyutl -sign -inkey "$src" -in digest -out sig -pkeyopt digest:sha256
	judged pkeyutl -verifyrecover -pubin -inkey rsa.pub -in sig -pkeyopt digest:sha256 | cmp - digest ||
		fail "pkeyutl: another digest"
	form rsa
	must ossl pkeyutl -verifyrecover -inkey "$src" -in sig -pkeyopt digest:sha256 | cmp - digest ||
		fail "pkeyutl: another digest by the token's key"
	makes_nothing out '' ossl pkeyutl -verifyrecover -inkey "$src" -in sig -pkeyopt digest:sha384 -out out
	form rsa
	must ossl rsautl -sign -inkey "$src" -in data -out sig
	judged rsautl -verify -pubin -inkey rsa.pub -in sig | cmp - data || fail "rsautl: another message"
	must ossl rsautl -verify -inkey "$src" -in sig | cmp - data || fail "rsautl: another message by the token's key"
	form rsa
	must openssl rsautl -encrypt -pubin -inkey rsa.pub -in data -out box
	must ossl rsautl -decrypt -inkey "$src" -in box | cmp - data || fail "rsautl decrypts something else"
	must openssl rsautl -encrypt -oaep -pubin -inkey rsa.pub -in data -out box
	must ossl rsautl -decrypt -oaep -inkey "$src" -in box | cmp - data || fail "rsautl decrypts something else"
}

refusals() {
	local src
	for src in "$(uri ec)" ec.pem; do
		INRO_PIN=999999 makes_nothing out 'wrong PIN' ossl pkeyutl -sign -inkey "$src" -in digest -out out
		must ossl pkey -in ec.pem -noout
	done
	INRO_PIN=999999 makes_nothing out 'wrong PIN' ossl dgst -sha256 -sign ec.pem -out out data
	must ossl pkey -in ec.pem -noout
	makes_nothing out 'a public key|Could not (read|find)|private key' ossl pkeyutl -sign -inkey ec.pub \
		-in digest -out out
	makes_nothing out 'Could not (open|read|find)' ossl dgst -sha256 -sign nothere.pem -out out data
	makes_nothing out '' ossl pkeyutl -sign -inkey ec.pem -in digest -out out -pkeyopt rsa_padding_mode:pss
}

check_module() {
	local k
	keys_at_hand ec rsa ed25519
	head -c 40 /dev/zero >longer
	head -c 300000 /dev/zero >big
	for k in "${kinds[@]}"; do
		[[ $k != ed25519 ]] || continue
		by_dgst "$k"
		by_pkeyutl "$k"
	done
	[[ ${kinds[*]} != *ed25519* ]] || messages
	pss
	rsa_only
	refusals
}

each_module
