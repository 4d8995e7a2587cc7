#!/usr/bin/env bash
# Mutual TLS by the stock openssl programs, token keys on both sides, whichever provider is named first.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

# handshake VERSION GROUPS SERVER CLIENT: the server's page must arrive.
handshake() {
	local version=$1 groups=$2 server=$3 client=$4
	can two-programs || client="file"
	serve ossl s_server -accept 127.0.0.1:0 -naccept 1 -www \
		-key "$(uri "$server")" -cert "$server.crt" -CAfile "$client.crt" -Verify 1 -verify_return_error
	printf 'GET / HTTP/1.0\r\n\r\n' | ossl s_client -connect "127.0.0.1:$port" "-$version" \
		-groups "$groups" -key "$client.pem" -cert "$client.crt" -CAfile "$server.crt" \
		-verify_return_error -ign_eof >client.log 2>&1 ||
		fail "$version $groups $server $client: $(cat client.log server.log)"
	grep -q 'HTTP/1.0 200 ok' client.log || fail "no page: $(cat client.log)"
	wait "$pid" || fail "the server ends with $?: $(cat server.log)"
}

# The server as a machine would run it: only files, and a configuration that activates the provider.
by_configuration() {
	cat >openssl.cnf <<-END
		openssl_conf = init
		[init]
		providers = list
		[list]
		default = default_provider
		inro = inro_provider
		[default_provider]
		activate = 1
		[inro_provider]
		pkcs11-module-path = $module
		pin = file:$PWD/pin
		activate = 1
	END
	printf '%s\n' "$pin" >pin
	(
		unset INRO_PIN INRO_MODULE
		export OPENSSL_CONF=$PWD/openssl.cnf OPENSSL_MODULES=$B/lib
		provider=()
		uri() { printf '%s.pem' "$1"; }
		handshake tls1_3 X25519 ec client
		handshake tls1_2 P-256:P-384 rsa client
	)
}

# TLS 1.2 without (EC)DHE: the key in the token decrypts what the client has chosen.
rsa_key_exchange() {
	local cipher
	for cipher in AES128-SHA256 AES256-GCM-SHA384 AES128-SHA; do
		serve ossl s_server -accept 127.0.0.1:0 -naccept 1 -www -key "$1" -cert rsa.crt \
			-cipher 'kRSA:@SECLEVEL=1'
		printf 'GET / HTTP/1.0\r\n\r\n' | ossl s_client -connect "127.0.0.1:$port" -tls1_2 \
			-cipher "$cipher" -CAfile rsa.crt -verify_return_error -ign_eof >client.log 2>&1 ||
			fail "$cipher: $(cat client.log server.log)"
		grep -q 'HTTP/1.0 200 ok' client.log || fail "no page: $(cat client.log)"
		grep -q "Cipher is $cipher\$" client.log || fail "another cipher: $(cat client.log)"
		wait "$pid" || fail "the server ends with $?: $(cat server.log)"
	done
}

check_module() {
	local k order
	make_token line1
	make_key line1 EC:prime256v1 ec 01
	make_key line1 rsa:2048 rsa 02
	make_key line1 EC:secp384r1 client 03
	local keys=(ec rsa client)
	if can eddsa; then
		make_key line1 EC:edwards25519 ed 04
		keys+=(ed)
	fi
	for k in "${keys[@]}"; do
		make_cert "$(uri "$k")" "$k" "$k.crt"
		must ossl pkey -in "$(uri "$k")" -out "$k.pem"
	done
	must openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout file.pem -subj /CN=file -days 7 -out file.crt
	for order in "inro default" "default inro"; do
		# shellcheck disable=SC2206 # two words
		order=($order)
		provider=(-provider-path "$B/lib" -provider "${order[0]}" -provider "${order[1]}")
		handshake tls1_3 X25519 ec client
		handshake tls1_3 P-256 rsa client
		if can eddsa; then
			handshake tls1_3 X25519 ed ed
			handshake tls1_2 X25519:P-384 ed client
		fi
		handshake tls1_2 X25519:P-256:P-384 ec client
		handshake tls1_2 P-256:P-384 rsa rsa
		rsa_key_exchange rsa.pem
	done
	by_configuration
}

each_module
