#!/usr/bin/env bash
# Everyday openssl commands with token keys, named by URI and by reference files.
. "$INRO_TEST_SOURCE/tests/lib/shell.sh"
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

# What is written in the key's place: its reference, in PEM and in DER, and nothing of the key.
references() {
	local k=$1
	must ossl pkey -in "$(uri "$k")" -out "$k.pem"
	grep -q -- '-----BEGIN PKCS#11 PROVIDER URI-----' "$k.pem" || fail "no reference: $(cat "$k.pem")"
	must ossl pkey -in "$(uri "$k")" -outform DER -out "$k.ref"
	must openssl asn1parse -inform DER -in "$k.ref" >parsed
	grep -q 'VISIBLESTRING *:PKCS#11 Provider URI v1.0' parsed || fail "DER reference: $(cat parsed)"
	grep -q "UTF8STRING *:pkcs11:serial=[^;]*;token=line1;id=.*;object=$k;type=private" parsed ||
		fail "DER reference: $(cat parsed)"
	must ossl pkey -in "$(uri "$k" "?pin-value=$pin")" >pinned
	grep -v -e ----- pinned | base64 -d | grep -q "$pin" && fail "a PIN in a reference"
	must ossl pkey -in "$(uri "$k")" -text -noout >text
	grep -q 'Private-Key in a token: pkcs11:serial=.*;token=line1' text || fail "text: $(cat text)"
	must_fail 'stays in its token: no PKCS#8 or PKCS#12' ossl pkcs12 -export -inkey "$(uri "$k")" \
		-in "$k.crt" -passout pass:x -out "$k.p12"
	must_fail 'stays in its token' ossl pkey -in "$(uri "$k")" -traditional
	# Behind another block, as in a bundle of key and certificate.
	cat "$k.crt" "$k.pem" "$k.crt" >bundle.pem
	must ossl pkey -in bundle.pem -pubout -out bundle.pub
	must cmp bundle.pub "$k.pub"
	must ossl pkey -in "$k.ref" -pubout -out der.pub
	must cmp der.pub "$k.pub"
	sed 's/^M/!/' "$k.pem" >damaged.pem
	must_fail 'Could not read key' ossl pkey -in damaged.pem -noout
}

certificates() {
	local k=$1 src=$2 curve=$3
	must ossl req -new -key "$src" -subj "/CN=$k" -out "$k.csr"
	must openssl req -in "$k.csr" -verify -noout
	must openssl req -in "$k.csr" -text -noout >csr.txt
	[[ -z $curve ]] || grep -q "ASN1 OID: $curve" csr.txt || fail "no named curve in the request"
	must ossl x509 -req -in "$k.csr" -CA ca.crt -CAkey "$(uri ca)" -days 7 -out "$k.issued" >/dev/null
	must openssl verify -CAfile ca.crt "$k.issued"
	must ossl x509 -in "$k.crt" -signkey "$src" -days 9 -out "$k.again"
	must openssl verify -CAfile "$k.again" "$k.again"
}

# A CA's work: a certificate by its policy, and a revocation list.
authority() {
	local k=$1 src=$2
	rm -rf authority
	mkdir authority
	touch authority/index
	echo 01 >authority/serial
	cat >authority/cnf <<-END
		[ca]
		default_ca = it
		[it]
		database = authority/index
		serial = authority/serial
		crlnumber = authority/serial
		new_certs_dir = authority
		default_md = default
		default_days = 3
		default_crl_days = 3
		policy = policy
		[policy]
		commonName = supplied
	END
	must ossl ca -batch -notext -config authority/cnf -keyfile "$src" -cert "$k.crt" -in leaf.csr -out leaf.crt
	must openssl verify -CAfile "$k.crt" leaf.crt
	must ossl ca -batch -config authority/cnf -keyfile "$src" -cert "$k.crt" -revoke leaf.crt
	must ossl ca -gencrl -config authority/cnf -keyfile "$src" -cert "$k.crt" -out list.crl
	must openssl crl -in list.crl -CAfile "$k.crt" -verify -noout
}

# A key that signs messages and no digests.
messages() {
	local k=$1 src=$2
	must ossl pkeyutl -sign -rawin -inkey "$src" -in data -out sig
	must openssl pkeyutl -verify -rawin -pubin -inkey "$k.pub" -in data -sigfile sig
	must ossl pkeyutl -verify -rawin -inkey "$src" -in data -sigfile sig
	must_fail 'Signature Verification Failure' ossl pkeyutl -verify -rawin -inkey "$src" -in other -sigfile sig
}

signatures() {
	local k=$1 src=$2 md
	for md in sha1 sha256 sha384 sha512; do
		must ossl dgst "-$md" -sign "$src" -out sig data
		must openssl dgst "-$md" -verify "$k.pub" -signature sig data
		must ossl dgst "-$md" -verify "$k.pub" -signature sig data
		must_fail '' ossl dgst "-$md" -verify "$k.pub" -signature sig other
	done
	must ossl pkeyutl -sign -inkey "$src" -in digest -out sig -pkeyopt digest:sha256
	must openssl pkeyutl -verify -pubin -inkey "$k.pub" -in digest -sigfile sig -pkeyopt digest:sha256
	must ossl pkeyutl -verify -inkey "$src" -in digest -sigfile sig -pkeyopt digest:sha256
	must_fail '40 bytes is not SHA2-256|invalid digest' ossl pkeyutl -sign -inkey "$src" -in longer \
		-out sig -pkeyopt digest:sha256
	must ossl cms -sign -in data -inkey "$src" -signer "$k.crt" -out cms
	must openssl cms -verify -in cms -CAfile "$k.crt" -purpose any -out /dev/null
}

pss() {
	local src=$1 salt
	local options=(-pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss)
	for salt in digest max auto 20 32; do
		must ossl pkeyutl -sign -inkey "$src" -in digest -out sig "${options[@]}" \
			-pkeyopt "rsa_pss_saltlen:$salt"
		must openssl pkeyutl -verify -pubin -inkey rsa.pub -in digest -sigfile sig "${options[@]}" \
			-pkeyopt "rsa_pss_saltlen:${salt/max/auto}"
	done
	must ossl dgst -sha384 -sign "$src" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1 -out sig data
	must openssl dgst -sha384 -verify rsa.pub -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:48 \
		-signature sig data
	must ossl req -new -key "$src" -subj /CN=pss -sigopt rsa_padding_mode:pss -out pss.csr
	must openssl req -in pss.csr -verify -noout
}

check_module() {
	local k src
	make_token line1
	make_key line1 EC:secp384r1 ca 01
	make_key line1 EC:prime256v1 p256 02
	make_key line1 EC:secp384r1 p384 03
	make_key line1 rsa:2048 rsa 04
	make_key line1 EC:edwards25519 ed25519 05
	make_cert "$(uri ca)" CA ca.crt
	echo data >data
	echo other >other
	openssl dgst -sha256 -binary -out digest data
	head -c 40 /dev/zero >longer
	must openssl req -new -newkey ed25519 -nodes -keyout leaf.key -subj /CN=leaf -out leaf.csr
	for k in p256 p384 rsa ed25519; do
		must ossl pkey -in "$(uri "$k")" -pubout -out "$k.pub"
		must openssl pkey -pubin -in "$k.pub" -text -noout >text
		must ossl pkey -in "$(uri "$k")" -text_pub -noout | cmp - text
		must ossl pkey -in "$(uri "$k")" -check -noout >checked
		grep -q 'Key is valid' checked || fail "check: $(cat checked)"
		make_cert "$(uri "$k")" "$k" "$k.crt"
		references "$k"
		for src in "$(uri "$k")" "$k.pem"; do
			case $k in
			p256) certificates "$k" "$src" prime256v1 ;;
			p384) certificates "$k" "$src" secp384r1 ;;
			rsa) certificates "$k" "$src" '' && pss "$src" ;;
			ed25519) certificates "$k" "$src" '' && messages "$k" "$src" ;;
			esac
			[[ $k == ed25519 ]] || signatures "$k" "$src"
		done
		authority "$k" "$k.pem"
	done
}

each_module
