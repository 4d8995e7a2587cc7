#!/bin/sh
# arm_first_use - the first steps of README with the program that $INRO runs: a token, keys, a CA, a certificate.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export INRO_HOME="$dir/home" INRO_PIN=123456 INRO_SO_PIN=12345678
$INRO token create line1
$INRO key generate --token line1 --label dev
$INRO key generate --token line1 --label rsa --type rsa-2048
$INRO ca create root --subject CN=root --token line1 --type ec-p256
$INRO csr create --key 'pkcs11:token=line1;object=dev;type=private' --subject CN=dev --out "$dir/csr"
$INRO cert issue --ca root --profile tls-client --csr "$dir/csr" --out "$dir/cert"
$INRO ca show root --json | sed -n 's/.*"pem": *"\([^"]*\)".*/\1/p' | sed 's/\\n/\n/g' >"$dir/root"
openssl verify -CAfile "$dir/root" "$dir/cert"
$INRO cert list
$INRO audit verify
