#!/usr/bin/env bash
# A device that lives with the service: its agent enrols with the registry's pre-shared key and renews a mosquitto
# client's certificate again and again while messages flow without a gap; then disabled, stolen and away.
# shellcheck disable=SC2119 # functions of serve.sh without arguments
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$S/tests/lib/agent.sh"
. "$S/tests/lib/serve.sh"
command -v mosquitto >/dev/null || skip "there is no mosquitto"

make_office
start_server
printf '123456\n' >"$T/pin"
must inro token create dev --pin-source "$T/pin" >/dev/null
must inro group add line1 --policy '{"renew_days": 3}' >/dev/null
must inro device add dev-1 --group line1 --json >"$T/device"
sed -n 's/.*"psk": *"\([^"]*\)".*/\1/p' "$T/device" >"$T/psk"
[[ -s $T/psk ]] || fail "no pre-shared key was told: $(cat "$T/device")"
agent_conf "form = pem"
sed -i "s|^server = .*|server = $https|; s|^trust = .*|trust = $T/root.pem|; s|^label = .*|label = root.tls-client|" "$T/agent.conf"

must agent check >/dev/null
must agent once --json >"$T/once"
good_pair
# What its group says holds at once, and not from the second round on; the jitter is an hour at most.
jq -e '((.not_after | fromdate) - (.renew_at | fromdate)) as $left | $left >= 3 * 86400 and $left <= 3 * 86400 + 3600' "$T/once" >/dev/null ||
	fail "it is not to be renewed as its group says: $(cat "$T/once")"
must inro cert list --device dev-1 >"$T/certs"
grep -q active "$T/certs" || fail "the back office knows no active certificate: $(cat "$T/certs")"

# ---- a broker, a subscriber that stays, a publisher that connects anew for each message ----
cat >"$T/openssl.cnf" <<E2
openssl_conf = init
[init]
providers = both
[both]
default = on
inro = inro
[on]
activate = 1
[inro]
module = $B/lib/inro.so
activate = 1
E2
must openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/broker.key" -out "$T/broker.pem" \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2 2>/dev/null
chmod 644 "$T/broker.key"
free_port_of() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
at=$(free_port_of)
printf '%s\n' "listener $at 127.0.0.1" "cafile $T/root.pem" "certfile $T/broker.pem" "keyfile $T/broker.key" \
	'require_certificate true' 'use_identity_as_username true' 'log_dest stderr' "user $(id -un)" >"$T/broker.conf"
background "$T/broker.log" mosquitto -c "$T/broker.conf"
wait_for 'running$' "$T/broker.log"
mosquitto=(env OPENSSL_CONF="$T/openssl.cnf" ${runtime:+LD_PRELOAD="$runtime" ASAN_OPTIONS=detect_leaks=0})
mqtt() { # PROGRAM FOLDER [OPTION...]: with the pair in the folder
	local program=$1 pair=$2
	shift 2
	exec "${mosquitto[@]}" "$program" -h localhost -p "$at" --cafile "$T/broker.pem" --cert "$pair/clcert.pem" \
		--key "$pair/ckey.pem" -q 1 -t line1 "$@"
}
background "$T/heard" mqtt mosquitto_sub "$T/agent/live" -c -i watcher
wait_for 'as watcher' "$T/broker.log"

printf '%s\n' 'renew-every = 6s' 'poll = 1s' >>"$T/agent.conf"
background "$T/agent.out" "$B/bin/inro" agent run --config "$T/agent.conf"
watcher=$pid
first=$(readlink "$T/agent/live")
want=gen-$((${first#gen-} + 3))
started=$SECONDS
for ((sent = 1; sent <= 2000; sent++)); do
	# The link is resolved once, as docs/howto/agent.md says: it may be replaced between the certificate and the key.
	pair=$(readlink -f "$T/agent/live")
	(mqtt mosquitto_pub "$pair" -m "$sent") || fail "message $sent was not taken: $(tail -3 "$T/broker.log") $(cat "$T/agent.out")"
	[[ $(readlink "$T/agent/live") != "$want" ]] || break
	[[ $((SECONDS - started)) -lt 120 ]] || fail "three renewals take too long: $(cat "$T/agent.out")"
done
kill "$watcher"
wait "$watcher" || fail "the agent did not end well"
wait_for "^$sent\$" "$T/heard"
seq 1 "$sent" | diff - "$T/heard" >/dev/null || fail "messages got lost on the way"
[[ $((SECONDS - started)) -ge 12 ]] || fail "it renews more often than it was told to"
printf 'three renewals in %s s, %s messages\n' "$((SECONDS - started))" "$sent"
good_pair
[[ $(inro cert list --device dev-1 --json | grep -o '"state": "active"' | wc -l) -ge 1 ]] || fail "no active certificate"

# ---- what an operator asks the device for ----
echo "command = hello=echo said >>$T/ran" >>"$T/agent.conf"
must inro errand send run --device dev-1 --name hello >/dev/null
must inro errand send status --where 'state=active' >/dev/null
must inro errand send run --device dev-1 --name hello >/dev/null # it is open already
must inro errand send run --device dev-1 --name other >/dev/null
refused 2 . inro errand send dance --device dev-1
refused 1 . inro errand send renew --device nobody
must agent once >/dev/null
[[ $(cat "$T/ran") == said ]] || fail "the command did not run once"
must inro errand list >"$T/errands"
[[ $(grep -c 'done' "$T/errands") == 2 && $(grep -c 'no command' "$T/errands") == 1 ]] || fail "errands: $(cat "$T/errands")"
must inro errand send renew --device dev-1 >/dev/null
before=$(readlink "$T/agent/live")
must agent once >/dev/null
[[ $(readlink "$T/agent/live") != "$before" ]] || fail "the renewal that was asked for did not come"
must inro errand send clear --device dev-1 >/dev/null
must agent once >/dev/null
must inro errand send renew --device dev-1 --json >/dev/null
id=$(inro errand list --open --json | sed -n 's/.*"id": *\([0-9]*\).*/\1/p')
must inro errand cancel "$id" >/dev/null
refused 1 'done already' inro errand cancel 1
must inro errand list --open >"$T/errands"
has 'no device is asked' "$T/errands" || fail "still open: $(cat "$T/errands")"
good_pair

# ---- the service dies in the middle of it and comes back: the agent goes on ----
kill -9 "$server_pid"
wait "$server_pid" 2>/dev/null || true
refused 1 "can't be reached" inro agent renew --config "$T/agent.conf"
start_server
sed -i "s|^server = .*|server = $https|" "$T/agent.conf"
must agent renew >/dev/null
good_pair

# ---- disabled: nothing is given, nothing is lost; enabled again it goes on ----
before=$(readlink "$T/agent/live")
must inro device disable dev-1 >/dev/null
refused 1 . inro agent renew --config "$T/agent.conf"
[[ $(readlink "$T/agent/live") == "$before" ]] || fail "a disabled device got a certificate"
must inro device enable dev-1 >/dev/null
must agent renew >/dev/null
good_pair

# ---- stolen: deleted, and its certificate opens nothing ----
must inro device delete dev-1 >/dev/null
refused 1 . inro agent renew --config "$T/agent.conf"
stop_server
