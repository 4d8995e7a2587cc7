#!/usr/bin/env bash
# Python's ssl with keys in a token, server and client, threads and children: docs/howto/python.md as it stands there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
token=app
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need /usr/bin/python3

free_port
instead=(8443 "$port" localhost 127.0.0.1)
run_howto python.md
make_identity client rsa-2048
make_identity other ec-p256
howto python.md python 1 >server.py
howto python.md python 2 >client.py

python() {
	with_keys must /usr/bin/python3 "$@"
}

# ---- one client, and twenty in threads on one context ----

with_keys background server.log /usr/bin/python3 server.py
shows_key "$port" etc/server.crt
[[ $(python client.py) == 200 ]] || fail "the how-to's client: $(cat out server.log)"
cat >many.py <<END
import concurrent.futures
import sys
number = int(sys.argv[1])
exec(open('client.py').read())
def get(_):
    with urllib.request.urlopen('https://127.0.0.1:$port/', context=context) as answer:
        return answer.status
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    context.minimum_version = context.maximum_version = version
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert list(pool.map(get, range(number))) == [200] * number
END
python many.py 40 >/dev/null
kill "$pid"
wait "$pid" || true

# ---- a server whose children do the handshakes, and that goes on with another key ----

cat >fork.py <<END
import signal
import socketserver
head, end = open('server.py').read().split('server = ')
exec(head)
context.verify_mode = ssl.CERT_NONE
class Server(socketserver.ForkingMixIn, http.server.HTTPServer):
    def finish_request(self, request, address):
        with context.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, address)
def reload(*_):
    context.load_cert_chain('etc/other.crt', 'etc/other.pem')
    print('loaded', flush=True)
signal.signal(signal.SIGHUP, reload)
Server(('127.0.0.1', $port), http.server.SimpleHTTPRequestHandler).serve_forever()
END
with_keys background fork.log /usr/bin/python3 fork.py
shows_key "$port" etc/server.crt
python many.py 4 >/dev/null
kill -HUP "$pid"
wait_for '^loaded$' fork.log
shows_key "$port" etc/other.crt
python many.py 4 >/dev/null

# ---- the PIN from the program; what goes wrong ----

cat >pin.py <<END
import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
def read_pin():
    return open('pin').read()
END
howto python.md python 3 >>pin.py
sed -i '/^pin = /d' etc/openssl.cnf
printf %s "$pin" >pin
python pin.py
# raises EXCEPTION: this and no other, on its last line.
raises() {
	with_keys fails_with 1 "^$1" /usr/bin/python3 "${@:2}"
}
printf 000000 >pin
raises 'PermissionError: \[Errno 13\]' pin.py
printf %s "$pin" >pin
INRO_HOME=$T/elsewhere raises 'FileNotFoundError: \[Errno 2\]' pin.py
echo "pin = file:$T/nothing" >>etc/openssl.cnf
raises 'FileNotFoundError: \[Errno 2\]' server.py
sed -i 's/server.crt/other.crt/' pin.py
sed -i '/^pin = /d' etc/openssl.cnf
raises 'ssl.SSLError: \[X509: KEY_VALUES_MISMATCH\]' pin.py
OPENSSL_CONF=/dev/null fails_with 1 '^ssl.SSLError: \[SSL\] PEM lib' /usr/bin/python3 server.py
