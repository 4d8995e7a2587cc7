#!/usr/bin/env bash
# paho-mqtt C with keys in a token, its two clients: docs/howto/paho.md as it stands there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
token=device
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need mosquitto mosquitto_sub

run_howto paho.md
make_identity dev2 rsa-2048
file_identity broker
for program in client async; do
	while read -r line; do
		grep -qF -- "$line" "$S/tests/interop/paho_$program.c" || fail "paho_$program.c lacks the how-to's line: $line"
	done < <(howto paho.md c)
done

free_port
cat >broker.conf <<-END
	listener $port 127.0.0.1
	cafile $T/etc/ca.crt
	certfile $T/etc/broker.crt
	keyfile $T/etc/broker.key
	require_certificate true
	use_identity_as_username true
	log_type all
	log_dest stderr
END
[[ $(id -u) != 0 ]] || echo 'user root' >>broker.conf
start() {
	rm -f broker.log
	background broker.log mosquitto -c broker.conf
	broker=$pid
	wait_for 'version 2.* running$' broker.log
}
start
background heard mosquitto_sub -h localhost -p "$port" --cafile etc/ca.crt --cert etc/broker.crt --key etc/broker.key \
	-q 1 -v -t '#'
wait_for 'Sending SUBACK' broker.log

client() { # KEY MESSAGE
	"$B/tests/paho_client" "ssl://localhost:$port" etc/ca.crt "etc/$1.crt" "etc/$1.pem" sync "$2"
}
clients=()
for i in {1..20}; do
	with_keys client "dev$((i % 2 + 1))" "number $i" >"client.$i" 2>&1 &
	clients+=("$!")
done
for i in {1..20}; do
	wait "${clients[i - 1]}" || fail "client $i: $(cat "client.$i")"
	wait_for "^sync number $i\$" heard
done
wait_for "u'dev1'" broker.log
wait_for "u'dev2'" broker.log

# ---- the broker goes away and comes back; the client connects again by itself ----

echo once | with_keys must "$B/tests/paho_async" "ssl://localhost:$port" etc/ca.crt etc/dev1.crt etc/dev1.pem async
wait_for '^async once$' heard
mkfifo lines
exec 3<>lines
with_keys background async.log bash -c 'exec "$0" "$@" <lines' \
	"$B/tests/paho_async" "ssl://localhost:$port" etc/ca.crt etc/dev1.crt etc/dev1.pem async
echo before >&3
wait_for '^async before$' heard
kill "$broker"
wait "$broker" || true
start
wait_for 'Sending SUBACK' broker.log
echo after >&3
wait_for '^async after$' heard

# ---- what goes wrong ----

says() { # what libcrypto says last; the how-to tells why
	fails_with 1 'PEM lib' "$B/tests/paho_client" "ssl://localhost:$port" etc/ca.crt etc/dev1.crt etc/dev1.pem sync x
	grep -q '^paho: -1$' said || fail "paho says another thing: $(cat said)"
}
INRO_HOME=$T/elsewhere with_keys says
OPENSSL_CONF=/dev/null says
echo 000000 >etc/pin
with_keys says
