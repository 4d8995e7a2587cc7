#!/usr/bin/env bash
# GnuTLS with a token's keys: docs/howto/gnutls.md as it stands there; TLS 1.2 and 1.3 with the keys
# of every kind.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/interop/lib.sh"
need p11tool certtool gnutls-serv gnutls-cli

export GNUTLS_PIN=$pin
tool() {
	p11tool --batch --provider "$module" "$@"
}

# serve PRIORITY KEY CERTIFICATE: a server on a port that is free, in $port.
serve() {
	local try
	for try in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 12000))
		rm -f server
		background server gnutls-serv --provider "$module" --port "$port" --echo --priority "$1" \
			--x509keyfile "$2" --x509certfile "$3"
		wait_for 'listening on|rror|bind' server
		sleep 0.1
		kill -0 "$pid" 2>/dev/null && return
	done
	fail "no server after $try tries: $(cat server)"
}

# greet PRIORITY CA WANT: the server answers under this priority, by an exchange like WANT.
greet() {
	echo 'the greeting' | timeout "$patience" gnutls-cli --port "$port" --priority "$1" --x509cafile "$2" localhost \
		>client 2>&1 || fail "$1: $(cat client server)"
	grep -q '^the greeting' client || fail "$1: no answer: $(cat client)"
	grep -qE -- "- Description: $3" client || fail "$1: another exchange: $(cat client)"
}

tls13=NORMAL:-VERS-ALL:+VERS-TLS1.3
tls12=NORMAL:-VERS-ALL:+VERS-TLS1.2
static=$tls12:-KX-ALL:+RSA

# ---- the how-to; the server that it ends with runs until the test ends ----

gnutls-serv() {
	# shellcheck disable=SC2317 # the how-to calls it
	printf '%q ' "$@" >serve
}
export -f gnutls-serv
export PORT=1
howto gnutls.md
unset -f gnutls-serv
same_key web.pub again.pub
[[ $(grep -c 'ok$' howto.err howto.out | awk -F: '{ n += $2 } END { print n }') -ge 2 ]] ||
	fail "test-sign: $(cat howto.err)"
must openssl req -in web.csr -verify -noout
must openssl verify -check_ss_sig -CAfile web.crt web.crt >/dev/null
cert='pkcs11:token=t1;object=web;type=cert'
grep -qF "$(printf '%q' "$cert")" serve || fail "the how-to serves another certificate: $(cat serve)"
serve NORMAL "$(uri web)" "$cert"
greet "$tls13" web.crt '\(TLS1.3-X.509\)-.*-\(ECDSA-SECP256R1-SHA256\)'
greet "$tls12" web.crt '\(TLS1.2-X.509\)-.*-\(ECDSA-SHA256\)'

# ---- keys of other kinds: made, tried, exported, served ----

# other LABEL KIND OPTION ...: for Ed25519 p11tool must be told the hash that is within.
other() {
	local label=$1 hash=()
	[[ $2 != ed25519 ]] || hash=(--hash=sha512)
	must tool --login --generate-privkey="$2" "${@:3}" --label "$label" --outfile "$label.pub" 'pkcs11:token=t1'
	must tool --login --test-sign "${hash[@]}" "$(uri "$label")"
	must tool --export-pubkey --outfile "$label.again" "pkcs11:token=t1;object=$label;type=public"
	same_key "$label.pub" "$label.again"
	echo encryption_key | cat web.tmpl - >"$label.tmpl"
	must certtool --provider "$module" --generate-self-signed --template "$label.tmpl" --outfile "$label.crt" \
		--load-privkey "$(uri "$label")" --load-pubkey "pkcs11:token=t1;object=$label;type=public"
	serve NORMAL:+RSA "$(uri "$label")" "$label.crt"
}
other rsa rsa --bits=2048
greet "$tls13" rsa.crt '\(TLS1.3-X.509\)-.*-\(RSA-PSS-RSAE-SHA256\)'
greet "$tls12" rsa.crt '\(TLS1.2-X.509\)-.*-\(RSA-SHA256\)'
other p384 ecdsa --curve=secp384r1
greet "$tls13" p384.crt '\(TLS1.3-X.509\)-.*-\(ECDSA-SECP384R1-SHA384\)'

# ---- a client that offers nothing but RSA encryption: the token decrypts ----

serve NORMAL:+RSA "$(uri rsa)" rsa.crt
greet "$static" rsa.crt '\(TLS1.2-X.509\)-\(RSA\)'
other ed ed25519
greet "$tls13" ed.crt '\(TLS1.3-X.509\)-.*-\(EdDSA-Ed25519\)'
