#!/usr/bin/env bash
# mosquitto's broker, bridge and clients with keys in a token: docs/howto/mosquitto.md as it stands there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
token=mqtt
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need mosquitto mosquitto_pub mosquitto_sub
[[ $(id -u) != 0 ]] || id mosquitto >/dev/null 2>&1 || skip "there is no user mosquitto"

free_port
at=$port
instead=(/var/lib/mosquitto/inro "$T/home" 'listener 8883' "listener $at 127.0.0.1" localhost:8883 "127.0.0.1:$at" '-p 8883' "-p $at")
run_howto mosquitto.md
make_identity dev1 rsa-2048
make_identity bridge ec-p256
make_identity next ec-p256
file_identity file
give_rights mosquitto

howto mosquitto.md conf >broker.conf
printf '%s\n' 'log_type all' 'log_dest stderr' >>broker.conf

broker() {
	rm -f broker.log
	with_keys background broker.log mosquitto -c broker.conf
	broker=$pid
	wait_for 'version 2.* running$' broker.log
}

# ends PID: the program has a clean end.
ends() {
	local status=0
	kill "$1"
	wait "$1" || status=$?
	[[ $status == 0 ]] || fail "status $status at the end of mosquitto: $(cat broker.log)"
}

client() { # pub|sub KEY ARGUMENT ...
	with_keys timeout "$patience" "mosquitto_$1" -h localhost -p "$at" --cafile etc/ca.crt --cert "etc/${2%.*}.crt" \
		--key "etc/$2" "${@:3}"
}

# ---- TLS 1.2 and 1.3, keys in the token on both sides; who has no certificate stays outside ----

broker
for version in tlsv1.2 tlsv1.3; do
	must client pub dev1.pem -t status/dev1 -m on --tls-version "$version"
	must client pub file.key -t status/file -m on --tls-version "$version"
done
wait_for "u'dev1'" broker.log
wait_for "u'file'" broker.log
! with_keys timeout "$patience" mosquitto_pub -h localhost -p "$at" --cafile etc/ca.crt -t status/x -m on 2>/dev/null ||
	fail "a client without a certificate got in"

# ---- twenty clients at once, and one that listens as the how-to has it ----

howto mosquitto.md console >clients.sh
grep mosquitto_sub clients.sh | sed 's/^/exec /; s/$/ -q 1 -v/' >listen.sh
grep mosquitto_pub clients.sh >publish.sh
with_keys background heard bash listen.sh
wait_for 'Sending SUBACK' broker.log
publishers=()
for i in {1..20}; do
	client pub dev1.pem -q 1 -t "status/$i" -m "number $i" >"pub.$i" 2>&1 &
	publishers+=("$!")
done
for i in {1..20}; do
	wait "${publishers[i - 1]}" || fail "client $i: $(cat "pub.$i")"
	wait_for "^status/$i number $i\$" heard
done

# ---- the broker restarts: who listens comes back by itself ----

ends "$broker"
broker
wait_for 'Sending SUBACK' broker.log
with_keys must bash publish.sh
wait_for '^status/dev1 on$' heard

# ---- a bridge, which comes back too ----

free_port
printf 'listener %s 127.0.0.1\nallow_anonymous true\nlog_dest stderr\nlog_type all\n' "$port" >bridge.conf
howto mosquitto.md bridge >>bridge.conf
near=$port
with_keys background bridge.log mosquitto -c bridge.conf
bridge=$pid
wait_for "u'bridge'" broker.log
must mosquitto_pub -p "$near" -q 1 -t status/near -m 'over the bridge'
wait_for '^status/near over the bridge$' heard
ends "$broker"
broker
wait_for "u'bridge'" broker.log
must mosquitto_pub -p "$near" -q 1 -t status/near -m 'over it again'
wait_for '^status/near over it again$' heard
ends "$bridge"

# ---- another key, without a restart ----

shows_key "$at" etc/broker.crt
mv etc/next.crt etc/broker.crt
mv etc/next.pem etc/broker.pem
kill -HUP "$broker"
wait_for 'Reloading config' broker.log
shows_key "$at" etc/broker.crt
must client pub dev1.pem -t status/dev1 -m on
ends "$broker"

# ---- what goes wrong ----

# both_say REASON: broker and client end at once, and say why.
both_say() {
	with_keys fails_with 1 'Unable to load server key file' mosquitto -c broker.conf
	grep -qF "$1" said || fail "the broker says $(cat said)"
	with_keys fails_with 1 . mosquitto_pub -h localhost -p "$at" --cafile etc/ca.crt --cert etc/dev1.crt \
		--key etc/dev1.pem -t status/dev1 -m on
}
echo 000000 >etc/pin
both_say 'inro::wrong PIN'
rm etc/pin
both_say 'inro::token, key or PIN file not found'
echo "$pin" >etc/pin
if [[ $(id -u) == 0 ]]; then
	chmod 600 etc/pin
	chown root etc/pin
	with_keys fails_with 1 'inro::no permission' mosquitto -c broker.conf
	chown mosquitto etc/pin
fi
INRO_HOME=$T/elsewhere both_say 'inro::token, key or PIN file not found'
OPENSSL_CONF=/dev/null fails_with 1 'DECODER routines::unsupported' mosquitto -c broker.conf
