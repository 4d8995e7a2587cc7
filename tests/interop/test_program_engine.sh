#!/usr/bin/env bash
# mosquitto's broker and curl with libp11's engine on our module: docs/howto/openssl-engine.md as it stands there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need mosquitto mosquitto_pub curl
instead=(/usr/lib/x86_64-linux-gnu/pkcs11 "$B/lib")
howto openssl-engine.md cnf >etc/engine.cnf
with_engine() {
	OPENSSL_CONF=$T/etc/engine.cnf "$@"
}
with_engine openssl engine pkcs11 >/dev/null 2>&1 ||
	skip "libengine-pkcs11-openssl is not installed: tools/check installs it"

make_identity broker ec-p256
make_identity dev1 rsa-2048
file_identity other

# ---- the broker ----

free_port
cat >broker.conf <<-END
	listener $port 127.0.0.1
	cafile $T/etc/ca.crt
	certfile $T/etc/broker.crt
	require_certificate true
	use_identity_as_username true
	log_type all
	log_dest stderr
END
[[ $(id -u) != 0 ]] || echo 'user root' >>broker.conf
howto openssl-engine.md conf >>broker.conf
with_engine background broker.log mosquitto -c broker.conf
broker=$pid
wait_for 'version 2.* running$' broker.log
publish() {
	mosquitto_pub -h localhost -p "$port" --cafile etc/ca.crt --cert "$@" -t status -m on
}
for version in tlsv1.2 tlsv1.3; do
	must publish etc/other.crt --key etc/other.key --tls-version "$version"
done
with_engine fails_with 1 'Problem setting TLS options: File not found' mosquitto_pub -h localhost -p "$port" \
	--cafile etc/ca.crt --cert etc/dev1.crt --tls-engine pkcs11 --keyform engine \
	--key 'pkcs11:token=web;object=dev1;type=private' -t status -m on
kill "$broker"
wait "$broker" || fail "status $? at the end of mosquitto: $(cat broker.log)"
INRO_HOME=$T/elsewhere with_engine fails_with 1 'Unable to load engine private key file' mosquitto -c broker.conf

# ---- curl ----

free_port
background server.log openssl s_server -accept "127.0.0.1:$port" -cert etc/other.crt -key etc/other.key \
	-CAfile etc/ca.crt -Verify 1 -verify_return_error -www
wait_for '^ACCEPT' server.log
instead+=(8443 "$port")
howto openssl-engine.md console >get.sh
with_engine must bash get.sh >page
grep -q '^Ciphers supported in s_server binary' page || fail "curl: $(cat page)"
INRO_HOME=$T/elsewhere with_engine fails_with 58 'failed to load private key from crypto engine' bash get.sh
