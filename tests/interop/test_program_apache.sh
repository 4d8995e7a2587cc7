#!/usr/bin/env bash
# Apache httpd with keys in a token, its children as www-data: docs/howto/apache.md as it stands there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need apache2 setsid
. "$INRO_TEST_SOURCE/tests/lib/web.sh"

for key in 'www ec-p256' 'www-rsa rsa-2048' 'next ec-p256'; do
	# shellcheck disable=SC2086 # two words
	make_identity $key
done
file_identity file
instead=(':443' ":$at")

# MPM: prefork or event
configure() {
	cat <<-CONF
		ServerRoot $T
		ServerName localhost
		DefaultRuntimeDir $T
		PidFile $T/apache.pid
		ErrorLog $T/error.log
		LogLevel info
		User www-data
		Group www-data
		Listen 127.0.0.1:$at
		StartServers 2
		DocumentRoot $T/www
		ErrorDocument 404 "none\n"
		<Directory $T/www>
			Require all granted
		</Directory>
	CONF
	for m in "mpm_$1" authz_core authz_host ssl dir; do
		echo "LoadModule ${m}_module /usr/lib/apache2/modules/mod_$m.so"
	done
	howto apache.md apache
}
mkdir www
echo page >www/index.html
chmod 755 www

apache() {
	with_keys apache2 -d "$T" -f "$T/apache.conf" "$@"
}

# It sends signals to all its process group: in one of its own.
start() {
	rm -f error.log
	with_keys background said setsid apache2 -d "$T" -f "$T/apache.conf" -DFOREGROUND
	master=$pid
	wait_for 'resuming normal operations' error.log
}

# SIGTERM would do, but a child of prefork then calls exit() in the signal's handler, whatever it was at.
stop() {
	ends WINCH "$master"
	! grep -E 'exit signal|exited with|\[(mpm_[a-z]*|core|ssl):(emerg|alert|crit)\]|\[ssl:error\]' error.log ||
		fail "Apache did not end well: $(cat error.log)"
}

gracefully_twice() {
	kill -USR1 "$master"
	sleep 0.7
	kill -USR1 "$master"
}

for mpm in prefork event; do
	configure "$mpm" >apache.conf
	must apache -t
	start
	shows_key "$at" etc/www.crt
	shows_key "$at" etc/www-rsa.crt -sigalgs rsa_pss_rsae_sha256
	[[ $(get / --cert etc/file.crt --key etc/file.key) == page ]] || fail "no answer to a client with a certificate"
	clients 4 25 gracefully_twice
	until_true child_killed
	until_true gone "$victim"
	clients 2 5 true
	for new in next www; do # there and back
		cp "etc/$new.crt" etc/now.crt
		cp "etc/$new.pem" etc/now.pem
		sed "s#etc/www\.#etc/now.#" apache.conf >apache.new
		mv apache.new apache.conf
		kill -USR1 "$master"
		shows_key "$at" "etc/$new.crt"
	done
	stop
done
nothing_left

# ---- no rights for the children: the log says so; with them the next handshake is well ----

workers_may_not
start
! get / >client 2>&1 || fail "a child without rights has used the key"
wait_for "inro::.*$T/home/tokens can't be read by user $(id -u www-data)" error.log
workers_may
[[ $(get /) == page ]] || fail "it is not well with rights"
sed -i '/ssl:error/d; /SSL Library Error/d' error.log
stop

# ---- a wrong PIN, no token, no provider: it does not start; openssl says why ----

says() {
	rm -f error.log
	! timeout "$patience" setsid -w apache2 -d "$T" -f "$T/apache.conf" -DFOREGROUND 2>said || fail "Apache has started"
	grep -q 'AH02579: Init: Private key not found' error.log || fail "Apache says $(cat error.log)"
	fails_with 1 "$1" openssl pkey -in etc/www.pem -noout
}
echo 000000 >etc/pin
with_keys says "wrong PIN for token 'web'"
echo "$pin" >etc/pin
INRO_HOME=$T/elsewhere with_keys says "no token 'web' in"
OPENSSL_CONF=/dev/null says 'DECODER routines:.*unsupported'
