#!/usr/bin/env bash
# A device that has nothing but its TPM: registered with its endorsement key, its agent enrols by attestation and
# renews by its certificate; another TPM, another tenant and a disabled device get nothing.
# shellcheck disable=SC2119 # functions of serve.sh without arguments
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$S/tests/lib/agent.sh"
. "$S/tests/lib/serve.sh"
[[ -z ${runtime:-} ]] || export ASAN_OPTIONS=detect_leaks=0 # the leak checker of gcc 12 falls itself here

make_office
start_server
printf '123456\n' >"$T/pin"
must inro token create dev --pin-source "$T/pin" >/dev/null
conf() {
	agent_conf "$@"
	sed -i "s|^server = .*|server = $https|; s|^trust = .*|trust = $T/root.pem|; s|^label = .*|label = root.tls-client|; /^psk-file/d" \
		"$T/agent.conf"
}
events() { # ACTION OUTCOME
	inro audit list --json | jq -r ".[] | select(.action == \"$1\" and .outcome == \"$2\") | .subject"
}

# ---- settings ----
conf
refused 1 'attestation = yes' inro agent once --config "$T/agent.conf"
conf 'attestation = perhaps'
refused 1 'attestation' inro agent once --config "$T/agent.conf"
agent_conf 'after-expiry = attestation'
refused 1 'after-expiry' inro agent once --config "$T/agent.conf"
conf 'attestation = yes'

# ---- nobody knows it: as for anybody else ----
refused 1 'answers 401' inro agent once --config "$T/agent.conf"
anchor=$(must agent anchor)
[[ $anchor =~ ^ek:[0-9a-f]{64}$ ]] || fail "the anchor is $anchor"
[[ $(must agent anchor) == "$anchor" ]] || fail "the anchor is another one now"
must inro device add dev-1 --no-psk >/dev/null
refused 1 'answers 401' inro agent once --config "$T/agent.conf"
must inro device update dev-1 --anchor "ek:$(printf '7%.0s' {1..64})" >/dev/null
refused 1 'answers 401' inro agent once --config "$T/agent.conf"
[[ $(events device.challenge refused | wc -l) == 3 && $(events device.attest refused | wc -l) == 3 ]] ||
	fail "refusals are not in the audit: $(inro audit list --json)"

# ---- known, but disabled; asked for as of another tenant ----
must inro device update dev-1 --anchor "$anchor" --anchor-store hardware >/dev/null
must inro device disable dev-1 >/dev/null
refused 1 'answers 401' inro agent once --config "$T/agent.conf"
must inro device enable dev-1 >/dev/null
must inro tenant add plant >/dev/null
sed -i 's|^id = .*|id = plant/dev-1|' "$T/agent.conf"
refused 1 'answers 401' inro agent once --config "$T/agent.conf"
# a key in software is nobody's word
must "$B/bin/inro" token create soft --backend soft --pin-source "$T/pin" >/dev/null
sed -i "s|^id = .*|id = dev-1|; s|^token = .*|token = soft|; s|^dir = .*|dir = $T/agent-soft|" "$T/agent.conf"
refused 1 'takes a token in a TPM: this token' inro agent anchor --config "$T/agent.conf"
refused 1 'takes a token in a TPM' inro agent once --config "$T/agent.conf"
[[ ! -e $T/agent-soft/gen-1 ]] || fail "a request that can't be attested is kept"
must inro key list --token soft --login --pin-source "$T/pin" --json >"$T/keys"
grep -q dev-1-1 "$T/keys" && fail "a key that can't be attested stays in its token: $(cat "$T/keys")"
sed -i 's|^token = .*|token = dev|' "$T/agent.conf"
[[ $(must agent anchor) == "$anchor" ]] || fail "another token does not do after one in software"

# ---- its own TPM: the first certificate, and renewals by that ----
conf 'attestation = yes' 'after-expiry = attestation'
must agent once --json >"$T/once"
grep -q '"state": *"valid"' "$T/once" || fail "after the first round: $(cat "$T/once")"
good_pair
[[ $(openssl x509 -in "$T/agent/live/clcert.pem" -noout -subject -nameopt RFC2253) == 'subject=CN=dev-1' ]] || fail "another subject"
[[ $(events device.attest 'done') == device:dev-1 ]] || fail "the attestation is not in the audit"
must agent once >/dev/null
[[ $(readlink "$T/agent/live") == gen-1 ]] || fail "asked again though nothing is due"
must agent renew >/dev/null
good_pair
[[ $(readlink "$T/agent/live") == gen-2 && $(events device.attest 'done' | wc -l) == 1 ]] || fail "not renewed by the certificate"
[[ $(must agent anchor) == "$anchor" ]] || fail "the anchor is another one after a renewal"
must inro device show dev-1 --json >"$T/device"
grep -q '"state": *"active"' "$T/device" || fail "the device is not active: $(cat "$T/device")"

# ---- begun anew by an operator: by attestation again ----
must inro errand send clear --device dev-1 >/dev/null
must agent once >/dev/null
good_pair
[[ $(readlink "$T/agent/live") == gen-3 && $(events device.attest 'done' | wc -l) == 2 ]] || fail "no new start by attestation"

# ---- somebody else's TPM under the device's id (an embedded one is its home's) ----
if [[ $tcti == libtpms: ]]; then
	export INRO_HOME=$T/home2
	must inro token create dev --pin-source "$T/pin" >/dev/null
	sed -i "s|^dir = .*|dir = $T/agent2|" "$T/agent.conf"
	[[ $(must agent anchor) != "$anchor" ]] || fail "two TPMs with one endorsement key"
	refused 1 'answers 401' inro agent once --config "$T/agent.conf"
	[[ ! -e $T/agent2/live ]] || fail "another TPM got a certificate"
	export INRO_HOME=$T/home
fi

# ---- a request that waits for a person; another server takes the next answer ----
must inro group add line1 --policy '{"approve": true}' >/dev/null
must inro device update dev-1 --group line1 >/dev/null
first_https=$https
start_server
conf 'attestation = yes'
sed -i "s|^dir = .*|dir = $T/agent3|" "$T/agent.conf"
must agent once --json >"$T/once"
grep -q '"state": *"waiting"' "$T/once" || fail "what waits is: $(cat "$T/once")"
must inro cert approve "id:$(inro cert list --state requested --json | jq -r '.[0].id')" >/dev/null
sed -i "s|^server = .*|server = $first_https|" "$T/agent.conf"
must agent once --json >"$T/once"
grep -q '"state": *"valid"' "$T/once" || fail "what was approved is: $(cat "$T/once")"

# ---- a service that means no good: nothing comes of what it says, and the next round asks with the same key ----
stop_server
est_service
agent_conf 'attestation = yes'
sed -i "/^psk-file/d; s|^dir = .*|dir = $T/agent4|" "$T/agent.conf"
long=$(printf '41%.0s' {1..5000})
nonce=$(printf '41%.0s' {1..32})
for bad in '' '[]' '{}' '{"challenge": 7, "nonce": 8}' "{\"challenge\": \"\", \"nonce\": \"$nonce\"}" '{"challenge": "00", "nonce": "xy"}' \
	"{\"challenge\": \"$long\", \"nonce\": \"$nonce\"}" "{\"challenge\": \"0002414100024141\", \"nonce\": \"$nonce\"}" \
	"{\"challenge\": \"${long:0:800}\", \"nonce\": \"$nonce\"}"; do
	printf '%s' "$bad" >"$T/est/challenge"
	refused 1 . inro agent once --config "$T/agent.conf"
done
[[ ! -e $T/agent4/live ]] || fail "a certificate came of nothing"
must inro key list --token dev --login --pin-source "$T/pin" --json >"$T/keys"
[[ $(grep -o '"label": "dev-1-1"' "$T/keys" | sort -u | wc -l) == 1 ]] || fail "keys pile up: $(cat "$T/keys")"

# ---- what the service lacks costs no key; what is wrong with the request does ----
must curl -sk -H 'Content-Type: application/json' --data-binary "@$T/est/challenge.asked" \
	"$first_https/v1/device/attest/challenge" >"$T/est/challenge"
printf '{"error": "no"}' >"$T/est/attested"
for status in 409 500 503 401; do
	printf '%s' "$status" >"$T/est/attested.status"
	refused 1 "$status" inro agent once --config "$T/agent.conf"
	[[ -e $T/agent4/gen-1 ]] || fail "the request is gone after $status"
done
printf 422 >"$T/est/attested.status"
refused 1 422 inro agent once --config "$T/agent.conf"
[[ ! -e $T/agent4/gen-1 ]] || fail "a request that was refused is kept"
