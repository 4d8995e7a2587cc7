#!/usr/bin/env bash
# openssl cms and smime with token keys: signed, encrypted, both; judged by openssl without the provider.
# What decryption there is for a key is in test_provider_decrypt.sh.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"
. "$INRO_TEST_SOURCE/tests/lib/commands.sh"

# checked FILE OPTION...: a signed message of the form DER, and what is in it.
checked() {
	local file=$1
	shift
	judged cms -verify -in "$file" -inform DER -CAfile all.crt -purpose any -out plain "$@"
	cmp -s plain data || fail "$file: something else was signed"
}

# Rows: what is signed differently, and what its reader has to be told.
ways='
-binary -nodetach
-binary -nodetach -md sha384
-binary -nodetach -noattr
-binary -nodetach -nocerts      | -certfile KIND.crt
-binary -nodetach -cades        | -cades
-binary -nodetach -keyid
-binary -nodetach -stream
-binary                         | -binary -content data
'

signed() {
	local k=$1 how reader src
	while IFS='|' read -r how reader; do
		[[ -n $how ]] || continue
		form "$k"
		# shellcheck disable=SC2086 # words
		must ossl cms -sign -in data -inkey "$src" -signer "$k.crt" -outform DER -out cms $how
		# shellcheck disable=SC2086
		checked cms ${reader//KIND/$k}
	done <<<"$ways"
	must_fail 'Verification failure|verify error|digest' openssl cms -verify -in cms -inform DER -CAfile all.crt \
		-purpose any -binary -content other -out plain
	form "$k"
	must ossl cms -sign -in data -text -inkey "$src" -signer "$k.crt" -out message
	judged cms -verify -in message -text -CAfile all.crt -purpose any -out plain
}

# One message, several signers; another one later.
several() {
	local src first
	form ec
	first=$src
	form rsa
	must ossl cms -sign -in data -binary -nodetach -outform DER -signer ec.crt -inkey "$first" \
		-signer rsa.crt -inkey "$src" -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:-1 -out cms
	checked cms
	form rsa
	must ossl cms -sign -in data -binary -nodetach -outform DER -signer ec.crt -inkey "$first" -out cms
	must ossl cms -resign -in cms -inform DER -outform DER -signer rsa.crt -inkey "$src" -out again
	checked again
	judged cms -cmsout -print -noout -in again -inform DER >printed
	[[ $(grep -c 'd.issuerAndSerialNumber:' printed) == 2 ]] || fail "not two signers"
}

# Signed, then encrypted, and the way back; each recipient opens it with its own key.
both() {
	local k src
	form ec
	must ossl cms -sign -in data -binary -nodetach -outform DER -signer ec.crt -inkey "$src" -out signed
	must openssl cms -encrypt -in signed -binary -aes-256-gcm -outform DER -out box -recip rsa.crt \
		-recip ec.crt -recip file.crt
	for k in rsa ${1:-}; do
		form "$k"
		must ossl cms -decrypt -in box -inform DER -inkey "$src" -recip "$k.crt" -out opened
		checked opened
		form "$k"
		must ossl cms -decrypt -in box -inform DER -inkey "$src" -out opened
		checked opened
	done
	judged cms -decrypt -in box -inform DER -inkey file.key -out opened
	checked opened
	makes_nothing out '' ossl cms -decrypt -in elsewhere -inform DER -inkey rsa.pem -recip rsa.crt -out out
}

mail() {
	local k=$1 src
	form "$k"
	must ossl smime -sign -in data -inkey "$src" -signer "$k.crt" -out message
	judged smime -verify -in message -CAfile all.crt -purpose any -out plain
	form "$k"
	must ossl smime -sign -in data -binary -nodetach -nocerts -md sha512 -inkey "$src" -signer "$k.crt" \
		-outform PEM -out message
	judged smime -verify -in message -inform PEM -certfile "$k.crt" -CAfile all.crt -purpose any -out plain
	cmp -s plain data || fail "$k: another message by smime"
	must_fail 'verify|Verification' openssl smime -verify -in message -inform PEM -certfile "$k.crt" \
		-CAfile file.crt \
		-purpose any -out plain
	[[ $k == rsa ]] || return 0
	must openssl smime -encrypt -in data -binary -aes256 -out message rsa.crt
	form rsa
	must ossl smime -decrypt -in message -inkey "$src" -recip rsa.crt -out plain
	cmp -s plain data || fail "smime decrypts something else"
}

# Neither command of OpenSSL 3.0 signs with Ed25519, whoever has the key; cms of 3.5 does if a digest is named.
not_ed25519() {
	makes_nothing out 'no default digest' ossl cms -sign -in data -inkey ed25519.pem -signer ed25519.crt -out out
	makes_nothing out '' ossl smime -sign -in data -inkey ed25519.ref -signer ed25519.crt -out out
	[[ $(openssl version) != 'OpenSSL 3.'[0-4].* ]] || return 0
	must ossl cms -sign -in data -binary -nodetach -md sha512 -inkey ed25519.pem -signer ed25519.crt -outform DER \
		-out cms
	cat ed25519.crt >>all.crt
	checked cms
	makes_nothing out 'and no digests of them' ossl cms -sign -in data -noattr -md sha512 -outform DER -inkey ed25519.pem \
		-signer ed25519.crt -out out
}

refusals() {
	makes_nothing out 'key values mismatch|does not match' ossl cms -sign -in data -inkey ec.pem \
		-signer rsa.crt -out out
	INRO_PIN=999999 makes_nothing out 'wrong PIN' ossl cms -sign -in data -inkey ec.pem -signer ec.crt -out out
	must ossl pkey -in ec.pem -noout
	INRO_PIN=999999 makes_nothing out 'wrong PIN' ossl smime -sign -in data -inkey "$(uri ec)" \
		-signer ec.crt -out out
	must ossl pkey -in ec.pem -noout
	INRO_PIN=999999 makes_nothing out 'wrong PIN' ossl cms -decrypt -in box -inform DER -inkey rsa.pem \
		-recip rsa.crt -out out
	must ossl pkey -in ec.pem -noout
}

check_module() {
	local k
	keys_at_hand rsa ec ed25519
	file_key file ec
	cat rsa.crt ec.crt >all.crt
	must openssl cms -encrypt -in data -binary -aes256 -outform DER -out elsewhere -recip file.crt
	for k in rsa ec; do
		signed "$k"
		mail "$k"
	done
	several
	both "$(can ecdh && echo ec)"
	[[ ${kinds[*]} != *ed25519* ]] || not_ed25519
	refusals
}

each_module
