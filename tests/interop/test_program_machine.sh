#!/usr/bin/env bash
# What is installed for all programs of a machine disturbs none of them: nginx, curl and Python with files only, run by a user who
# may neither look at the tokens nor read the PIN, and with default_properties = ?provider=inro, too.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need nginx curl /usr/bin/python3 setpriv
[[ $(id -u) == 0 ]] || skip "becoming another user needs root"
setpriv --reuid=nobody --regid=nogroup --clear-groups test -r "$B/lib/inro.so" ||
	skip "nobody may not read $B/lib: build in a folder that all may enter"

file_identity ec
must openssl req -new -newkey rsa:2048 -nodes -keyout etc/rsa.key -subj /CN=rsa -out rsa.csr 2>/dev/null
must certify rsa.csr etc/rsa.crt >/dev/null
make_identity token ec-p256
grep -qx 'key-kinds = in-use' etc/openssl.cnf || fail "another configuration: $(cat etc/openssl.cnf)"
# All that is the programs' own; the rest is root's.
mkdir own
cp etc/{ec,rsa}.{crt,key} etc/ca.crt etc/token.{crt,pem} own/
chmod 700 home
chmod 600 etc/pin
chmod 711 "$T" etc

cat >own/files.py <<'PY'
import hashlib, hmac, ssl, sys, threading, socket, secrets

folder = sys.argv[1]

def context(side, name):
    c = ssl.SSLContext(side)
    c.load_cert_chain(f'{folder}/{name}.crt', f'{folder}/{name}.key')
    c.load_verify_locations(f'{folder}/ca.crt')
    c.verify_mode = ssl.CERT_REQUIRED
    return c

def serve(end, c):
    with c.wrap_socket(end, server_side=True) as s:
        s.sendall(s.recv(100))

for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    for name in 'ec', 'rsa':
        server, client = context(ssl.PROTOCOL_TLS_SERVER, name), context(ssl.PROTOCOL_TLS_CLIENT, name)
        client.minimum_version = client.maximum_version = version
        for _ in range(5):
            a, b = socket.socketpair()
            thread = threading.Thread(target=serve, args=(a, server))
            thread.start()
            with client.wrap_socket(b, server_hostname='localhost') as s:
                s.sendall(b'well')
                assert s.recv(100) == b'well'
            thread.join()
assert hashlib.sha256(b'').hexdigest().startswith('e3b0c442')
hmac.new(b'key', b'data', 'sha384').digest()
secrets.token_bytes(8)
# Only a key of the token is not to be had here.
try:
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(f'{folder}/token.crt', f'{folder}/token.pem')
except ssl.SSLError:
    print('refused')
PY

everything() {
	local key version
	local anybody=(setpriv --reuid=nobody --regid=nogroup --clear-groups env "OPENSSL_CONF=$T/etc/$settings" "INRO_HOME=$T/home")
	rm -f own/error.log
	background said "${anybody[@]}" nginx -p "$T/own" -c own.conf -g 'daemon off;'
	wait_for 'start worker process [0-9]+$' own/error.log
	for key in ec rsa; do
		for version in 1.2 1.3; do
			"${anybody[@]}" curl -sS --max-time "$patience" --cacert own/ca.crt --cert own/$key.crt --key own/$key.key \
				--tls-max $version "https://localhost:$at/[1-3]" >page ||
				fail "$settings, $key, TLS $version: $(cat page own/error.log)"
			[[ $(sort -u page) == "CN=$key" ]] || fail "$settings: the server sees $(cat page)"
		done
	done
	kill -QUIT "$pid"
	wait "$pid" || fail "nginx ended with $?"
	! grep -E '\[(crit|alert|emerg)\]|inro' own/error.log || fail "$settings: see above"
	must "${anybody[@]}" /usr/bin/python3 own/files.py own >told
	[[ $(<told) == refused ]] || fail "$settings: the token's key is told otherwise: $(cat told)"
}

free_port
at=$port
cat >own/own.conf <<END
pid $T/own/nginx.pid;
error_log $T/own/error.log info;
worker_processes 2;
events { }
http {
	access_log off;
	client_body_temp_path $T/own/1; proxy_temp_path $T/own/2; fastcgi_temp_path $T/own/3;
	uwsgi_temp_path $T/own/4; scgi_temp_path $T/own/5;
	server {
		listen 127.0.0.1:$at ssl;
		ssl_certificate ec.crt; ssl_certificate_key ec.key;
		ssl_certificate rsa.crt; ssl_certificate_key rsa.key;
		ssl_client_certificate ca.crt; ssl_verify_client on;
		return 200 "\$ssl_client_s_dn\n";
	}
}
END
chown -R nobody own
{
	cat etc/openssl.cnf
	printf '[openssl_init]\nalg_section = algorithms\n[algorithms]\ndefault_properties = ?provider=inro\n'
} >etc/preferred.cnf
for settings in openssl.cnf preferred.cnf; do
	everything
done
