#!/usr/bin/env bash
# stunnel, server and client, with keys in a token, as the user stunnel4: docs/howto/stunnel.md as it stands there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need stunnel4 python3
user=stunnel4
. "$INRO_TEST_SOURCE/tests/lib/web.sh"

for key in 'www ec-p256' 'visitor rsa-2048' 'next ec-p256'; do
	# shellcheck disable=SC2086 # two words
	make_identity $key
done
free_port
inside=$port
instead=(8443 "$behind" 8080 "$inside" 8081 "$at" /run/ "$T/run/")
mkdir www run
chmod 777 run
echo page >www/index.html
background inside.log python3 -m http.server --bind 127.0.0.1 --directory www "$inside"

start() { # server|client
	{
		printf 'output = %s\ndebug = info\n' "$T/run/$1.log"
		howto stunnel.md "$1"
	} >"$1.conf"
	rm -f "run/$1.log"
	with_keys must stunnel4 "$1.conf" >/dev/null
	until_true test -s "run/stunnel-$1.pid"
	pid=$(<"run/stunnel-$1.pid")
	pids+=("$pid")
}

# While stunnel takes its configuration anew it listens nowhere for a moment, and drops who has just come.
plain() {
	curl -sS --max-time "$patience" --retry 50 --retry-all-errors --retry-delay 1 "http://127.0.0.1:$at$1"
}

start server
server=$pid
start client
client=$pid
[[ $(stat -c %U "/proc/$server") == stunnel4 ]] || fail "stunnel is $(stat -c %U "/proc/$server")"
until_true plain / >/dev/null 2>&1
[[ $(plain /) == page ]] || fail "nothing comes through"
grep -q 'CN=visitor' run/server.log || fail "the server has not seen the client's certificate"

# ---- many at once, while both are reloaded ----

requests() {
	local i running=()
	for i in 1 2 3 4; do
		plain "/?[1-25]" >"client.$i" 2>&1 &
		running+=("$!")
	done
	kill -HUP "$server" "$client"
	for i in 1 2 3 4; do
		wait "${running[i - 1]}" || fail "client $i: $(tail -3 "client.$i")"
		[[ $(grep -c page "client.$i") == 25 ]] || fail "client $i has not had 25 pages"
	done
}
requests

# ---- another key ----

cp etc/next.crt etc/www.crt
cp etc/next.pem etc/www.pem
kill -HUP "$server"
shows_key "$behind" etc/next.crt
requests
! grep 'inro::' run/server.log run/client.log || fail "a key was not to be had"
ends TERM "$client"
ends TERM "$server"
nothing_left

# ---- no rights: the log says so ----

workers_may_not
start server
server=$pid
! openssl s_client -connect "127.0.0.1:$behind" </dev/null >/dev/null 2>&1 || fail "the key was used without rights"
wait_for "inro::" run/server.log
workers_may
shows_key "$behind" etc/www.crt
ends TERM "$server"

# ---- what goes wrong at the start ----

says() {
	fails_with 1 "$1" stunnel4 server.conf
}
echo 000000 >etc/pin
with_keys says 'inro::.*wrong PIN'
echo "$pin" >etc/pin
INRO_HOME=$T/elsewhere with_keys says 'inro::.*not found'
OPENSSL_CONF=/dev/null says 'DECODER routines::unsupported'
