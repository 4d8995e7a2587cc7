#!/usr/bin/env bash
# Decryption and key agreement by the openssl commands: pkeyutl, cms and smime with keys in a token.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

oaep() {
	local options=("" "-pkeyopt rsa_oaep_md:sha1")
	! can oaep-sha256 || options+=(
		"-pkeyopt rsa_oaep_md:sha256" "-pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256")
	printf '%s\n' "${options[@]}"
}

by_pkeyutl() {
	local src=$1 option
	must openssl pkeyutl -encrypt -pubin -inkey rsa.pub -in data -out box
	must ossl pkeyutl -decrypt -inkey "$src" -in box -out plain
	must cmp plain data
	must ossl pkeyutl -encrypt -pubin -inkey rsa.pub -in data -out box
	must ossl pkeyutl -decrypt -inkey "$src" -in box -out plain
	must cmp plain data
	while read -r option; do
		# shellcheck disable=SC2086 # words
		must openssl pkeyutl -encrypt -pubin -inkey rsa.pub -in data -out box \
			-pkeyopt rsa_padding_mode:oaep $option
		# shellcheck disable=SC2086
		must ossl pkeyutl -decrypt -inkey "$src" -in box -out plain \
			-pkeyopt rsa_padding_mode:oaep $option
		must cmp plain data
	done < <(oaep)
	must_fail "can't be decrypted" ossl pkeyutl -decrypt -inkey "$src" -in other_box \
		-pkeyopt rsa_padding_mode:oaep
}

by_cms() {
	local src=$1 padding
	for padding in pkcs1 oaep; do
		must openssl cms -encrypt -in data -binary -aes256 -recip rsa.crt \
			-keyopt "rsa_padding_mode:$padding" -outform PEM -out cms
		must ossl cms -decrypt -in cms -inform PEM -recip rsa.crt -inkey "$src" -out plain
		must cmp plain data
	done
	must openssl smime -encrypt -in data -binary -aes128 -out smime rsa.crt
	must ossl smime -decrypt -in smime -recip rsa.crt -inkey "$src" -out plain
	must cmp plain data
}

# KEY CURVE SOURCE: agreed with a key in a file, both ways the same; X9.63 for CMS in software.
agreement() {
	local key=$1 curve=$2 src=$3 md
	must openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$curve" -out peer.key 2>/dev/null
	must openssl pkey -in peer.key -pubout -out peer.pub
	must ossl pkeyutl -derive -inkey "$src" -peerkey peer.pub -out ours
	must openssl pkeyutl -derive -inkey peer.key -peerkey "$key.pub" -out theirs
	must cmp ours theirs
	for md in sha1 sha256 sha384; do
		must openssl cms -encrypt -in data -binary -aes256 -recip "$key.crt" \
			-keyopt "ecdh_kdf_md:$md" -outform DER -out cms
		must ossl cms -decrypt -in cms -inform DER -recip "$key.crt" -inkey "$src" -out plain
		must cmp plain data
	done
	must openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out peer.key 2>/dev/null
	must openssl pkey -in peer.key -pubout -out peer.pub
	must_fail '' ossl pkeyutl -derive -inkey "$src" -peerkey peer.pub -out ours
}

# KEY SOURCE OPERATION: encapsulated to its public half, by libcrypto's provider and by ours, opened by the token.
encapsulation() {
	local key=$1 src=$2 op=$3 by
	for by in openssl ossl; do
		must "$by" pkeyutl -encap -kemop "$op" -pubin -inkey "$key.pub" -out box -secret sent
		must ossl pkeyutl -decap -kemop "$op" -inkey "$src" -in box -secret got
		must cmp sent got
	done
	head -c 30 box >short
	must_fail 'are no ciphertext for this key' ossl pkeyutl -decap -kemop "$op" -inkey "$src" -in short -secret no
}

encapsulations() {
	openssl pkeyutl -help 2>help || true
	if ! has -F -- -encap help; then
		echo "$(openssl version) has no pkeyutl -encap"
		return 0
	fi
	# Our token has to be told that a key may do without padding.
	if [[ $module_name == inro ]]; then
		make_key line1 rsa:2048 raw 05 --usage-decrypt --allowed-mechanisms RSA-X-509
		must ossl pkey -in "$(uri raw)" -pubout -out raw.pub
		encapsulation raw "$(uri raw)" RSASVE
		must openssl pkeyutl -encap -kemop RSASVE -pubin -inkey rsa.pub -out box -secret sent
		must_fail 'not among those allowed for the key' ossl pkeyutl -decap -kemop RSASVE -inkey rsa.pem -in box -secret no
	elif [[ $module_name == softhsm ]]; then
		encapsulation rsa "$(uri rsa)" RSASVE
	fi
	! can ecdh || encapsulation p256 "$(uri p256)" DHKEM
	! can ecdh || encapsulation p384 p384.pem DHKEM
	if can ecdh; then
		must openssl pkeyutl -encap -kemop DHKEM -pubin -inkey signs.pub -out box -secret sent
		must_fail 'key .*object=signs' ossl pkeyutl -decap -kemop DHKEM -inkey signs.pem -in box -secret no
	fi
}

check_module() {
	local k src
	make_token line1
	make_key line1 rsa:2048 rsa 01 --usage-decrypt --usage-sign
	make_key line1 EC:prime256v1 p256 02 --usage-derive --usage-sign
	make_key line1 EC:secp384r1 p384 03 --usage-derive --usage-sign
	make_key line1 EC:prime256v1 signs 04 --usage-sign
	head -c 100 /dev/urandom >data
	for k in rsa p256 p384 signs; do
		must ossl pkey -in "$(uri "$k")" -pubout -out "$k.pub"
		must ossl pkey -in "$(uri "$k")" -out "$k.pem"
		make_cert "$(uri "$k")" "$k" "$k.crt"
	done
	head -c 256 rsa.crt >other_box
	for src in "$(uri rsa)" rsa.pem; do
		by_pkeyutl "$src"
		by_cms "$src"
	done
	if can ecdh; then
		agreement p256 P-256 "$(uri p256)"
		agreement p384 P-384 p384.pem
	fi
	encapsulations
	must_fail 'key .*object=signs' ossl pkeyutl -derive -inkey "$(uri signs)" -peerkey p256.pub -out ours
}

each_module
