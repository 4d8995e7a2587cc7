#!/usr/bin/env bash
# Every kind of key by the command: made, listed, and for those that sign a request, a CA, a certificate.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
cd "$T" || exit
export INRO_PIN=123456 INRO_SO_PIN=87654321
must inro token create line1 >/dev/null

# What this libcrypto has no ML-DSA for is refused by the token, by name.
has() {
	[[ $1 != ml-* || $(openssl list -public-key-algorithms) == *"${1^^}"* ]]
}

certified() {
	local kind=$1
	must inro csr create --key "pkcs11:token=line1;object=$kind;type=private" --subject "/CN=$kind" --out "$kind.csr" >/dev/null
	must openssl req -in "$kind.csr" -verify -noout >/dev/null
	must inro ca create "ca-$kind" --subject "/CN=CA $kind" --token line1 --type "$2" >/dev/null
	must inro cert issue --ca "ca-$kind" --profile tls-client --csr "$kind.csr" --out "$kind.pem" >/dev/null
	must inro ca show "ca-$kind" --out ca.pem >/dev/null
	must openssl verify -CAfile ca.pem "$kind.pem" >/dev/null
}

while read -r kind ca; do
	if ! has "$kind"; then
		refused 1 'not offered' inro key generate --token line1 --label "$kind" --type "$kind"
		continue
	fi
	must inro key generate --token line1 --label "$kind" --type "$kind" >/dev/null
	must inro key show "pkcs11:token=line1;object=$kind" --login >shown
	grep -qE "^Type +$kind\$" shown || fail "$kind is shown as another: $(cat shown)"
	[[ $ca == - ]] || certified "$kind" "$ca"
done <<'KINDS'
ec-p256 ed25519
ec-p384 ec-p521
ec-p521 ec-p384
rsa-2048 rsa-3072
ed25519 ec-p256
ed448 ed448
x25519 -
x448 -
ml-dsa-44 ml-dsa-87
ml-dsa-65 ec-p256
ml-dsa-87 ml-dsa-44
ml-kem-768 -
aes-128 -
aes-256 -
twine-80 -
twine-128 -
chacha20 -
hmac-256 -
hmac-512 -
generic-256 -
KINDS

refused 1 'sign' inro csr create --key 'pkcs11:token=line1;object=x25519;type=private' --subject /CN=x --out x.csr
refused 2 'duplicable' inro key generate --token line1 --label d --type aes-128 --duplicable
refused 2 'aes-257' inro key generate --token line1 --label d --type aes-257
