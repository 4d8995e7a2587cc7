#!/usr/bin/env bash
# nginx with keys in a token, its workers as www-data: docs/howto/nginx.md as it stands there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need nginx
program=$(command -v nginx) # it executes itself again
. "$INRO_TEST_SOURCE/tests/lib/web.sh"

instead=(/var/lib/inro-web "$T/home" 'listen 443' "listen 127.0.0.1:$at" 127.0.0.1:8443 "127.0.0.1:$behind" 'http {' "http {
	access_log off; client_body_temp_path $T/tmp1; proxy_temp_path $T/tmp2;
	fastcgi_temp_path $T/tmp3; uwsgi_temp_path $T/tmp4; scgi_temp_path $T/tmp5;
	server {
		listen 127.0.0.1:$behind ssl;
		ssl_certificate $T/etc/file.crt; ssl_certificate_key $T/etc/file.key;
		ssl_client_certificate $T/etc/ca.crt; ssl_verify_client on;
		return 200 \"upstream sees \$ssl_client_s_dn\n\";
	}")
run_howto nginx.md
file_identity file
make_identity next ec-p256
howto nginx.md nginx >nginx.conf
{
	howto nginx.md env
	cat nginx.conf
} >upgrade.conf

globals="pid $T/nginx.pid; error_log $T/error.log info;"
nginx_with() { # CONFIGURATION ARGUMENT ...
	with_keys "$program" -c "$T/$1" -g "$globals" "${@:2}"
}

start() {
	rm -f error.log
	with_keys background said "$program" -c "$T/nginx.conf" -g "daemon off; $globals"
	master=$pid
	wait_for 'start worker process [0-9]+$' error.log
	until_true test -s nginx.pid
}

stop() {
	ends QUIT "$master"
	! grep -E 'exited on signal|exited with code [^0]|\[alert\]|\[emerg\]' error.log || fail "nginx did not end well"
}

no_crit() {
	! grep -E '\[(crit|alert|emerg)\]' error.log || fail "see above"
}

# ---- both certificates, clients with one, an upstream that asks for one ----

INRO_PIN=$pin INRO_SO_PIN=$so_pin must inro token create second >/dev/null
must nginx_with nginx.conf -t
start
shows_key "$at" etc/www.crt
shows_key "$at" etc/www-rsa.crt -sigalgs rsa_pss_rsae_sha256
shows_key "$at" etc/www-rsa.crt -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256
[[ -z $(get /) ]] || fail "who has shown no certificate has a name"
[[ $(get / --cert etc/file.crt --key etc/file.key) == CN=file ]] || fail "the client's certificate is not seen"
[[ $(get /app/) == 'upstream sees CN=proxy' ]] || fail "the upstream says $(get /app/)"

# ---- handshakes without a pause, while it is reloaded ----

reload_twice() {
	kill -HUP "$master"
	sleep 0.5
	kill -HUP "$master"
}
clients 4 50 reload_twice
no_crit

# ---- another key: the next handshake after the reload shows it, the old one can go ----

cp etc/next.crt etc/www.crt
cp etc/next.pem etc/www.pem
must nginx_with nginx.conf -t
kill -HUP "$master"
shows_key "$at" etc/next.crt
INRO_PIN=$pin must inro key delete 'pkcs11:token=web;object=www;type=private' >/dev/null
clients 2 10 true
no_crit

# ---- a worker is killed: another one takes its place ----

until_true child_killed
wait_for "worker process $victim exited on signal 9" error.log
sed -i '/exited on signal 9/d; /\[alert\]/d' error.log
two_workers() {
	[[ $(children "$master" | wc -l) == 2 ]]
}
until_true two_workers
clients 2 10 true
no_crit
stop
nothing_left

# ---- the program itself is exchanged under way: what the new one has of the environment is what the file names ----

rm error.log
nginx_with upgrade.conf
wait_for 'start worker process [0-9]+$' error.log
until_true test -s nginx.pid
old=$(<nginx.pid)
pids+=("$old")
kill -USR2 "$old"
until_true test -s nginx.pid.oldbin
until_true test -s nginx.pid
kill -QUIT "$old"
until_true gone "$old"
master=$(<nginx.pid)
pids+=("$master")
clients 2 10 true
no_crit
stop

# ---- the PIN by a credential of the service, which the workers neither know of nor may read ----

mkdir -m 700 credentials
cp etc/pin credentials/inro-pin
cp etc/openssl.cnf openssl.cnf
sed -i '/^pin = /d' etc/openssl.cnf
CREDENTIALS_DIRECTORY=$T/credentials start
clients 2 5 true
no_crit
stop

# ---- the PIN by nginx's own file of passphrases ----

sed "s#^http {#&\nssl_password_file $T/etc/pin;#" nginx.conf >passwords.conf
grep -q ssl_password_file passwords.conf || fail "the setting is not in: $(cat passwords.conf)"
mv nginx.conf nginx.conf.own
mv passwords.conf nginx.conf
start
clients 2 5 true
no_crit
stop
mv nginx.conf.own nginx.conf
mv openssl.cnf etc/openssl.cnf

# ---- no rights for the workers: the log says so; with them the next handshake is well ----

workers_may_not
start
! get / 2>client || fail "a worker without rights has used the key"
wait_for "inro::.*$T/home/tokens can't be read by user $(id -u www-data): .* must belong to the user" error.log
workers_may
[[ -z $(get /) ]] || fail "there is a name"
chown root "$T"/home/tokens/*.token
kill -HUP "$master"
wait_for "gracefully shutting down" error.log
get_nothing() {
	! get / >client 2>&1
}
until_true get_nothing
wait_for "inro::.*[0-9].token can't be read by user $(id -u www-data): .* must belong to the user" error.log
workers_may
[[ -z $(get /) ]] || fail "there is a name"
stop

# ---- what nginx -t says ----

says() {
	fails_with 1 "$1" "$program" -c "$T/nginx.conf" -g "$globals" -t
	grep -q 'cannot load certificate key' said || fail "nginx says $(cat said)"
}
echo 000000 >etc/pin
with_keys says "inro::wrong PIN:wrong PIN for token 'web': 9 of 10 tries left"
for i in {1..9}; do
	! nginx_with nginx.conf -t 2>/dev/null || fail "a wrong PIN was right"
done
echo "$pin" >etc/pin
with_keys says 'inro::.*locked'
INRO_HOME=$T/elsewhere with_keys says "no token 'web' in"
OPENSSL_CONF=/dev/null says 'DECODER routines::unsupported'
