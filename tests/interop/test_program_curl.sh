#!/usr/bin/env bash
# curl and libcurl with keys in a token: docs/howto/curl.md as it stands there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need curl /usr/bin/python3
[[ $(curl --version) == *OpenSSL* ]] || skip "this curl does not use OpenSSL"

make_identity visitor ec-p256
make_identity visitor2 rsa-2048
file_identity server
cat etc/visitor.crt etc/visitor.pem >etc/visitor-bundle.pem
free_port
at=$port
instead=(localhost:8443 "localhost:$at")
cat >server.py <<'PY'
import http.server, ssl, sys

class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        text = dict(x[0] for x in self.connection.getpeercert()['subject'])['commonName'].encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Page)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile='etc/ca.crt')
context.load_cert_chain('etc/server.crt', 'etc/server.key')
context.verify_mode = ssl.CERT_REQUIRED
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print('ready', flush=True)
server.serve_forever()
PY
background server.log /usr/bin/python3 server.py "$at"
wait_for '^ready' server.log

web() { # ARGUMENT ...
	with_keys curl -sS --max-time "$patience" --cacert etc/ca.crt "$@" "https://localhost:$at/" >page 2>said
}

howto curl.md command >command.sh
must bash command.sh >page
[[ $(<page) == visitor ]] || fail "the server has not seen the certificate: $(cat page)"
! web || fail "the server lets in who has no certificate"
web --cert etc/visitor2.crt --key etc/visitor2.pem || fail "RSA: $(cat said)"
web --cert etc/visitor2.crt --key etc/visitor2.pem --tls-max 1.2 || fail "RSA with TLS 1.2: $(cat said)"
web --cert etc/visitor-bundle.pem || fail "a bundle: $(cat said)"

# ---- libcurl: files and memory, connections used again, threads ----

keys() { # KEY file|blob THREADS
	with_keys "$B/tests/curl_keys" "https://localhost:$at/" etc/ca.crt "etc/$1.crt" "etc/$1.pem" "$2" "$3"
}
for how in file blob; do
	[[ $(must keys visitor "$how" 1) == '4 requests, 3 connections' ]] || fail "not used again: $(cat out)"
	[[ $(must keys visitor2 "$how" 4) == '16 requests, 12 connections' ]] || fail "not used again: $(cat out)"
done

# ---- --pass is the PIN, where nothing else says it ----

sed '/^pin = /d' etc/openssl.cnf >ask.cnf
OPENSSL_CONF=$T/ask.cnf must curl -sS --max-time "$patience" --cacert etc/ca.crt --cert etc/visitor.crt --key etc/visitor.pem \
	--pass "$pin" "https://localhost:$at/" >page

# ---- what goes wrong ----

says() {
	fails_with 58 'unable to set private key file' curl -sS --cacert etc/ca.crt --cert etc/visitor.crt \
		--key etc/visitor.pem "https://localhost:$at/"
	fails_with 1 "$1" openssl pkey -in etc/visitor.pem -noout
}
echo 000000 >etc/pin
with_keys says "wrong PIN for token 'web'"
echo "$pin" >etc/pin
INRO_HOME=$T/elsewhere with_keys says "no token 'web' in"
OPENSSL_CONF=/dev/null says 'DECODER routines:.*unsupported'
OPENSSL_CONF=/dev/null fails_with 1 . "$B/tests/curl_keys" "https://localhost:$at/" etc/ca.crt etc/visitor.crt etc/visitor.pem file 1
