#!/usr/bin/env bash
# HAProxy with keys in a token, serving as the user haproxy: docs/howto/haproxy.md as it stands there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need haproxy
user=haproxy
. "$INRO_TEST_SOURCE/tests/lib/web.sh"

for key in 'www ec-p256' 'www-rsa rsa-2048' 'proxy ec-p256' 'next ec-p256'; do
	# shellcheck disable=SC2086 # two words
	make_identity $key
done
file_identity file
run_howto haproxy.md
instead=(/dev/log "stderr format raw" :443 "127.0.0.1:$at" 127.0.0.1:8443 "127.0.0.1:$behind")
howto haproxy.md haproxy >haproxy.cfg
cat etc/file.crt etc/file.key >file-bundle.pem
cat >>haproxy.cfg <<-CFG
	frontend upstream
		bind 127.0.0.1:$behind ssl crt $T/file-bundle.pem ca-file $T/etc/ca.crt verify required
		http-request return status 200 content-type text/plain lf-string "upstream sees %[ssl_c_s_dn(cn)]\n"
CFG

start() {
	with_keys background said haproxy -W -db -f haproxy.cfg -p haproxy.pid
	master=$pid
	until_true loaded 0
}

# The master ends with 143 when it was told to end by SIGTERM.
stop() {
	local status=0
	local workers
	workers=$(children "$master")
	kill -TERM "$master"
	wait "$master" || status=$?
	[[ $status == 0 || $status == 143 ]] || fail "status $status at the end of HAProxy: $(cat said)"
	for p in $workers; do
		until_true gone "$p"
	done
	! grep -iE 'alert.*exited with code (139|134)|segfault|bug' said || fail "HAProxy did not end well"
}

loaded() {
	[[ $(grep -c 'Loading success' said) -gt $1 ]]
}

# A signal that comes just after "Loading success" is lost by HAProxy 2.6: it is sent again then.
reload() {
	local before i
	before=$(grep -c 'Loading success' said)
	for ((i = 0; i < 10 * patience; i++)); do
		((i % 25)) || kill -USR2 "$master"
		! loaded "$before" || return 0
		sleep 0.1
	done
	fail "HAProxy does not reload: $(cat said)"
}

reload_twice() {
	reload
	reload
}

must with_keys haproxy -c -f haproxy.cfg >/dev/null
start
[[ $(stat -c %U "/proc/$(children "$master" | tail -1)") == haproxy ]] || fail "the worker is not the user haproxy"
shows_key "$at" etc/www.crt
shows_key "$at" etc/www-rsa.crt -servername localhost -sigalgs RSA+SHA256:rsa_pss_rsae_sha256
[[ $(get / --cert etc/file.crt --key etc/file.key) == file ]] || fail "the client's certificate is not seen"
[[ $(get /app/) == 'upstream sees proxy' ]] || fail "the upstream says $(get /app/)"
clients 4 25 reload_twice
cat etc/next.crt etc/next.pem >etc/www-bundle.pem.ecdsa
reload
shows_key "$at" etc/next.crt
clients 2 5 true
stop
nothing_left

# ---- no rights for the worker: the log says so; with them the next handshake is well ----

workers_may_not
start
refused_and_told() {
	! get / >client 2>&1 || fail "a worker without rights has used the key"
	grep -q "inro::the token's module failed" said
}
until_true refused_and_told
workers_may
[[ -z $(get /) ]] || fail "it is not well with rights"
stop

# ---- what haproxy -c says ----

says() {
	fails_with 1 "No Private Key found in '$T/etc/www-bundle.pem.ecdsa.key'" haproxy -c -f haproxy.cfg
	fails_with 1 "$1" openssl pkey -in etc/www-bundle.pem.ecdsa -noout
}
echo 000000 >etc/pin
with_keys says "wrong PIN for token 'web'"
echo "$pin" >etc/pin
INRO_HOME=$T/elsewhere with_keys says "no token 'web' in"
OPENSSL_CONF=/dev/null says 'DECODER routines:.*unsupported'
