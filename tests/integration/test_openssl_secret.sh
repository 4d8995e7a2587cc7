#!/usr/bin/env bash
# Secret keys of a token by openssl's commands: mac, and from OpenSSL 3.5 on skeyutl and enc; libcrypto with the same
# key is the judge.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
iv=f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff

secret_uri() {
	printf 'pkcs11_uri:pkcs11:token=line1;object=%s' "$1"
}

import() { # TYPE LABEL ID [--usage-... ...]
	must p11 --token-label line1 --login --pin "$pin" --write-object key.bin --type secrkey ${1:+--key-type "$1"} \
		--label "$2" --id "$3" "${@:4}" >/dev/null
}

macs() {
	must ossl mac -macopt "$(secret_uri mac)" -macopt digest:SHA256 -in data INRO-HMAC >ours
	must openssl mac -macopt "hexkey:$key" -digest SHA256 -in data HMAC >theirs
	cmp ours theirs || fail "another HMAC"
	must ossl mac -macopt "$(secret_uri cmac)" -in data INRO-CMAC >ours
	must openssl mac -macopt "hexkey:$key" -cipher AES-256-CBC -in data CMAC >theirs
	cmp ours theirs || fail "another CMAC"
	must_fail 'no secret key of that name' ossl mac -macopt "$(secret_uri none)" -macopt digest:SHA256 -in data INRO-HMAC
	must_fail 'the key is one of a token' ossl mac -macopt digest:SHA256 -in data INRO-HMAC
}

enc() { # CIPHER LABEL [OPTION...]
	must ossl enc "-INRO-$1" -skeymgmt INRO-AES -skeyopt "$(secret_uri "$2")" -iv "$iv" "${@:3}"
}

# OpenSSL 3.5: keys that a command names and never sees.
opaque_keys() {
	local cipher
	for cipher in AES-256-CBC AES-256-CTR; do
		enc "$cipher" box -in data -out ours
		must openssl enc "-${cipher,,}" -K "$key" -iv "$iv" -in data -out theirs
		cmp ours theirs || fail "$cipher: another ciphertext"
		enc "$cipher" box -d -in theirs | cmp - data || fail "$cipher: another message"
	done
	must ossl skeyutl -genkey -skeymgmt INRO-AES -skeyopt "$(secret_uri new)" -skeyopt key-length:16 >said
	grep -q 'identified by pkcs11:.*object=new;type=secret-key' said || fail "what was made: $(cat said)"
	enc AES-128-CBC new -in data -out sealed
	enc AES-128-CBC new -d -in sealed | cmp - data || fail "the new key opens something else"
	must_fail 'has a key of that label already' ossl skeyutl -genkey -skeymgmt INRO-AES -skeyopt "$(secret_uri new)"
	must_fail 'needs a key of 32 bytes' ossl enc -INRO-AES-256-CBC -skeymgmt INRO-AES -skeyopt "$(secret_uri new)" \
		-iv "$iv" -in data -out sealed
}

check_module() {
	can secret-keys || return 0
	make_token line1
	# shellcheck disable=SC2001,SC2059 # the key is a format
	printf "$(sed 's/../\\x&/g' <<<"$key")" >key.bin
	seq 5000 >data
	import "" mac 01 --usage-sign
	import AES:32 cmac 02 --usage-sign
	import AES:32 box 03 --usage-decrypt
	macs
	! openssl skeyutl -help >/dev/null 2>&1 || opaque_keys
}

each_module
