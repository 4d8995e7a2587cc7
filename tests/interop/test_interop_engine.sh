#!/usr/bin/env bash
# openssl with libp11's engine, and openvpn, on our module.  The engine makes itself the process's
# RSA and EC method: the module, which uses libcrypto too, must not come back to the engine.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/interop/lib.sh"
need openvpn

cat >engine.cnf <<END
openssl_conf = start
[start]
engines = engines
[engines]
pkcs11 = pkcs11
[pkcs11]
engine_id = pkcs11
MODULE_PATH = $module
PIN = $pin
init = 0
END
engine() { # engine COMMAND ARGUMENTS
	local command=$1
	shift
	OPENSSL_CONF=$T/engine.cnf foreign openssl "$command" -engine pkcs11 "$@"
}
OPENSSL_CONF=$T/engine.cnf foreign openssl engine pkcs11 >/dev/null 2>&1 ||
	skip "libengine-pkcs11-openssl is not installed: tools/check installs it"

must user --keypairgen --key-type EC:prime256v1 --label ec --id 01 >/dev/null
must user --keypairgen --key-type rsa:2048 --label rsa --id 02 >/dev/null
head -c 5000 /dev/urandom >message

for key in ec rsa; do
	must engine req -x509 -keyform engine -key "$(uri "$key")" -subj "/CN=$key" -days 2 -out "$key.pem"
	must openssl verify -check_ss_sig -CAfile "$key.pem" "$key.pem" >/dev/null
	must engine req -new -keyform engine -key "$(uri "$key")" -subj "/CN=$key" -out "$key.csr"
	must openssl req -in "$key.csr" -verify -noout
	must engine dgst -sha256 -keyform engine -sign "$(uri "$key")" -out sig message
	openssl x509 -in "$key.pem" -noout -pubkey >"$key.pub"
	must openssl dgst -sha256 -verify "$key.pub" -signature sig message >/dev/null
done
must engine dgst -sha384 -keyform engine -sign "$(uri rsa)" -sigopt rsa_padding_mode:pss \
	-sigopt rsa_pss_saltlen:-1 -out sig message
must openssl dgst -sha384 -verify rsa.pub -sigopt rsa_padding_mode:pss -signature sig message >/dev/null

# ---- docs/howto/openvpn.md as it stands there ----

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca 2>"$T/err"
certify() {
	# shellcheck disable=SC2317 # the how-to calls it
	openssl x509 -req -in "$1" -CA ca.pem -CAkey ca.key -days 2 -out "$2"
}
# shellcheck disable=SC2317 # the how-to calls them
pkcs11-tool() {
	foreign command pkcs11-tool "$@"
}
# shellcheck disable=SC2317
openvpn() {
	foreign command openvpn "$@"
}
export runtime
export -f foreign pkcs11-tool openvpn certify
howto openvpn.md
[[ $(grep -c '^Certificate$' howto.out) == 1 ]] || fail "not one certificate: $(cat howto.out)"
grep -q 'DN: *CN=vpn$' howto.out || fail "another certificate: $(cat howto.out)"
grep -qE 'Serialized id: *Inro/Inro\\x20(soft|tpm)/[0-9a-f]{16}/t1/0A$' howto.out || fail "another id: $(cat howto.out)"
