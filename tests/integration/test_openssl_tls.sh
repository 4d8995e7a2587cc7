#!/usr/bin/env bash
# Connections of openssl s_server and s_client beyond the first handshake, token keys on both sides: resumption,
# renegotiation, authentication after the handshake, a server with two keys.  Handshakes: test_provider_tls.sh.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"
. "$INRO_TEST_SOURCE/tests/lib/commands.sh"

# connect OPTION...: the client fetches the server's page; what it prints is in client.log.
connect() {
	printf 'GET / HTTP/1.0\r\n\r\n' | ossl s_client -connect "127.0.0.1:$port" -CAfile all.crt -verify_return_error \
		-ign_eof "$@" >client.log 2>&1 || fail "s_client $*: $(cat client.log server.log)"
	grep -q 'HTTP/1.0 200 ok' client.log || fail "no page: $(cat client.log)"
}

says() {
	grep -qE "$1" client.log || fail "the client says nothing like '$1': $(cat client.log)"
}

ended() {
	wait "$pid" || fail "the server ends with $?: $(cat server.log)"
}

# By a session that the client kept: no key is used for the second connection of TLS 1.3, by ticket or by id in 1.2.
resumed() { # KIND VERSION SERVER-OPTION...
	local k=$1 version=$2 src server
	form "$k"
	server=$src
	form "$k"
	rm -f session
	serve ossl s_server -accept 127.0.0.1:0 -naccept 2 -www -key "$server" -cert "$k.crt" -CAfile all.crt -Verify 1 \
		-verify_return_error "${@:3}"
	connect "-$version" -key "$src" -cert "$k.crt" -sess_out session
	says '^New, TLSv1'
	connect "-$version" -key "$src" -cert "$k.crt" -sess_in session
	says '^Reused, TLSv1'
	ended
}

# One client, six connections, five of them resumed by the session's id.
reconnects() {
	local src
	form ec
	serve ossl s_server -accept 127.0.0.1:0 -naccept 6 -www -key "$src" -cert ec.crt -CAfile all.crt -Verify 1 -no_ticket
	ossl s_client -connect "127.0.0.1:$port" -tls1_2 -reconnect -key rsa.pem -cert rsa.crt -CAfile all.crt \
		-verify_return_error </dev/null >client.log 2>&1 || fail "$(cat client.log server.log)"
	[[ $(grep -c ^New, client.log) == 1 && $(grep -c ^Reused, client.log) == 5 ]] || fail "not resumed: $(cat client.log)"
	ended
}

# A program in the background reads its commands from this descriptor.
told_by() {
	local fd=$1
	shift
	"$@" <&"$fd"
}

# asked_later VERSION COMMAND: the client has to show its certificate when the server gives the command.
asked_later() {
	local version=$1 command=$2 src client
	form ec
	rm -f to_server to_client
	mkfifo to_server to_client
	exec {to_server}<>to_server {to_client}<>to_client
	serve told_by "$to_server" ossl s_server -accept 127.0.0.1:0 -naccept 1 -key "$src" -cert ec.crt \
		-CAfile all.crt -verify 1 "-$version"
	form rsa
	background client.log told_by "$to_client" ossl s_client -connect "127.0.0.1:$port" -enable_pha \
		-key "$src" -cert rsa.crt -CAfile all.crt -verify_return_error "-$version"
	client=$pid
	wait_for '^    Verify return code: 0|^Verify return code: 0|Verification: OK' client.log
	wait_for '^CIPHER is' server.log
	printf '%s\n' "$command" >&"$to_server"
	wait_for 'SSL_do_handshake -> 1' server.log
	printf 'to the end\n' >&"$to_client"
	wait_for 'to the end' server.log
	grep -q 'subject=CN = rsa\|subject=CN=rsa' server.log || fail "no certificate of the client: $(cat server.log)"
	printf 'Q\n' >&"$to_client"
	wait "$client" || fail "the client ends with $?: $(cat client.log)"
	exec {to_server}>&- {to_client}>&-
}

# A server with an RSA and an EC key, another for a name; the client takes its pick.
two_keys() {
	local src first
	form rsa
	first=$src
	form ec
	serve ossl s_server -accept 127.0.0.1:0 -naccept 3 -www -key "$first" -cert rsa.crt -dkey "$src" -dcert ec.crt \
		-servername other.test -cert2 p384.crt -key2 p384.pem
	connect -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
	says 'Peer signature type: (RSA|rsa)'
	connect -tls1_3 -sigalgs ECDSA+SHA256
	says 'Peer signature type: (ECDSA|ecdsa)'
	connect -tls1_2 -servername other.test
	says '^subject=CN ?= ?p384'
	ended
}

refusals() {
	must_fail 'mismatch|not match' ossl s_server -accept 127.0.0.1:0 -key rsa.pem -cert ec.crt
	INRO_PIN=999999 must_fail 'wrong PIN' ossl s_server -accept 127.0.0.1:0 -key ec.pem -cert ec.crt
	must ossl pkey -in ec.pem -noout
	INRO_PIN=999999 must_fail 'wrong PIN' ossl s_client -connect 127.0.0.1:1 -key "$(uri ec)" -cert ec.crt
	must ossl pkey -in ec.pem -noout
	# Without a certificate, and with one that the server does not know.
	serve ossl s_server -accept 127.0.0.1:0 -naccept 2 -www -key ec.ref -cert ec.crt -CAfile rsa.crt -Verify 1 \
		-verify_return_error
	must_fail 'alert|error' ossl s_client -connect "127.0.0.1:$port" -tls1_2 -CAfile all.crt
	must_fail 'alert|error' ossl s_client -connect "127.0.0.1:$port" -tls1_2 -CAfile all.crt -key p384.pem -cert p384.crt
	ended
}

check_module() {
	local k
	can two-programs || return 0
	keys_at_hand rsa ed25519 ec
	make_key line1 EC:secp384r1 p384 20 --usage-sign
	must ossl pkey -in "$(uri p384)" -out p384.pem
	make_cert p384.pem p384 p384.crt
	cat ./*.crt >all.crt
	for k in "${kinds[@]}"; do
		resumed "$k" tls1_3
		resumed "$k" tls1_2
	done
	resumed ec tls1_2 -no_ticket
	resumed ec tls1_3 -no_ticket
	reconnects
	asked_later tls1_3 c
	asked_later tls1_2 R
	two_keys
	refusals
}

each_module
