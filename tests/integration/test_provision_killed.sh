#!/usr/bin/env bash
# A run of "device provision" or "ca create" that is killed, early or late, is completed by the next one.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

export INRO_PIN=123456 INRO_SO_PIN=87654321
cd "$T"
must inro token create ca
must inro token create line
must inro ca create root --token ca --subject "/O=Example/CN=Root"

# ARGUMENTS…: an inro that is killed after $delay seconds
killed() {
	"$B/bin/inro" "$@" >/dev/null 2>&1 &
	local pid=$!
	sleep "$delay"
	kill -9 "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
}

# COMMAND…: succeeds now, or everything was done already
completed() {
	"$@" >out 2>&1 || grep -qE 'which certificate [0-9]+ is for|there is a CA' out || fail "after $delay s: $(cat out)"
}

start=$EPOCHREALTIME
must inro device add whole
must inro device provision whole --token line --ca root --profile tls-client
took=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
for i in {1..12}; do
	delay=$(awk -v t="$took" -v i="$i" 'BEGIN { printf "%.3f", t * i / 14 }')
	must inro device add "d-$i"
	killed device provision "d-$i" --token line --ca root --profile tls-client
	completed inro device provision "d-$i" --token line --ca root --profile tls-client
	[[ $(inro cert list --device "d-$i" --state active --json | grep -c '"serial"') == 1 ]] ||
		fail "after $delay s: $(inro cert list --device "d-$i")"
	inro cert show "$(inro cert list --device "d-$i" --json | sed -n 's/.*"serial": "\([^"]*\)".*/\1/p')" \
		--format der >recorded.der
	foreign pkcs11-tool --module "$B/lib/inro-pkcs11.so" --token-label line --read-object --type cert --label "d-$i" \
		--output-file stored.der >/dev/null 2>&1 || fail "after $delay s: the token has no certificate"
	cmp recorded.der stored.der || fail "after $delay s: the token has another certificate"
	killed ca create "ca-$i" --token ca --subject "/O=Example/CN=CA $i"
	completed inro ca create "ca-$i" --token ca --subject "/O=Example/CN=CA $i"
	inro ca list | has -E "^ca-$i +active" || fail "after $delay s: $(inro ca list)"
done
[[ $(inro key list --token line --json | grep -c '"label"') == 13 ]] ||
	fail "keys are left over: $(inro key list --token line)"
must inro audit verify
