#!/usr/bin/env bash
# A profile for keys in the device's TPM (attested = yes): its agent has the first certificate and each successor by
# attestation, with another key and with the same; by EST, CMP, REST, an operator or a key made elsewhere there is none.
# shellcheck disable=SC2119 # functions of serve.sh without arguments
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$S/tests/lib/programs.sh"
. "$S/tests/lib/agent.sh"
. "$S/tests/lib/serve.sh"
need curl jq
cd "$T"

make_office
must inro secret seal-key --token office >/dev/null
# ---- as the page has it ----
must inro profile show tls-client | sed 's/^name = .*/name = tpm-client/; s/^attested = .*/attested = yes/' >tpm-client.ini
must inro profile add tpm-client.ini >/dev/null
start_server --label root.tpm-client
printf '123456\n' >"$T/pin"
must inro token create dev --pin-source "$T/pin" >/dev/null
conf() {
	agent_conf "$@"
	sed -i "s|^server = .*|server = $https|; s|^trust = .*|trust = $T/root.pem|; s|^label = .*|label = root.tpm-client|; /^psk-file/d" \
		"$T/agent.conf"
}
attested() { inro audit list --json | jq '[.[] | select(.action == "device.attest" and .outcome == "done")] | length'; }
live() { openssl x509 -in "$T/agent/live/clcert.pem" -noout "$@"; }
state_of() { inro cert show "$1" --json | jq -r .state; }

conf 'attestation = always'
anchor=$(must agent anchor)
must inro device add dev-1 --anchor "$anchor" --anchor-store hardware --json >one.json
psk=$(jq -r .psk one.json)

# ---- every other way is refused, and told which one there is ----
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout soft.key -subj /CN=dev-1 -out soft.csr 2>/dev/null
label=root.tpm-client
est_ask() { # FUNCTION ARG ...: the status
	local what=$1
	shift
	openssl req -in soft.csr -outform DER | base64 | status_of "$@" -H 'Content-Type: application/pkcs10' \
		-H 'Content-Transfer-Encoding: base64' --data-binary @- "$https/.well-known/est/$label/$what"
}
told() { has 'attestation = always' "$T/body" || fail "$1 says: $(cat "$T/body")"; }
[[ $(est_ask simpleenroll -u "dev-1:$psk") == 403 ]] || fail "EST: $(cat "$T/body")"
told EST
! openssl cmp -cmd ir -server "${http#http://}" -path .well-known/cmp/p/root.tpm-client -ref dev-1 -secret "pass:$psk" -newkey soft.key \
	-subject /CN=dev-1 -certout soft.pem >"$T/body" 2>&1 || fail "a certificate by CMP"
told CMP
refused 1 'attestation = always' inro cert issue --ca root --profile tpm-client --device dev-1 --csr soft.csr
refused 1 'attestation = always' inro device provision dev-1 --token office --ca root --profile tpm-client
must inro device update dev-1 --anchor serial:x:17 >/dev/null
refused 1 'answers 401' inro agent once --config "$T/agent.conf"
must inro device update dev-1 --anchor "$anchor" --anchor-store hardware >/dev/null
[[ $(inro cert list --json | jq '[.[] | select(.profile == "tpm-client")] | length') == 0 ]] || fail "a certificate by another way"

# ---- nor by another profile, where the policy of the group names this one ----
must inro group add tpm --policy '{"profile": "tpm-client"}' >/dev/null
must inro device update dev-1 --group tpm >/dev/null
label=root.tls-client
for what in simpleenroll serverkeygen; do
	[[ $(est_ask $what -u "dev-1:$psk") == 403 ]] || fail "EST $what by another profile: $(cat "$T/body")"
	has "by profile 'tpm-client' alone" "$T/body" || fail "EST $what says: $(cat "$T/body")"
done
for what in cacerts csrattrs; do
	[[ $(status_of -u "dev-1:$psk" "$https/.well-known/est/$label/$what") == 200 ]] || fail "no $what: $(cat "$T/body")"
done
! openssl cmp -cmd ir -server "${http#http://}" -path .well-known/cmp/p/root.tls-client -ref dev-1 -secret "pass:$psk" -newkey soft.key \
	-subject /CN=dev-1 -certout soft.pem >"$T/body" 2>&1 || fail "a certificate by CMP and another profile"
has "by profile 'tpm-client' alone" "$T/body" || fail "CMP says: $(cat "$T/body")"

# ---- by the TPM: the first, and a successor with another key ----
must agent once >/dev/null
good_pair
first=$(live -fingerprint -sha256)
must agent renew >/dev/null
good_pair
[[ $(readlink "$T/agent/live") == gen-2 && $(attested) == 2 ]] || fail "not renewed by attestation: $(attested)"
ref=sha256:$(sed 's/.*=//; s/://g' <<<"$first")
[[ $(state_of "$ref") == superseded ]] || fail "the one before is $(state_of "$ref")"

# ---- with the same key: attested anew, too ----
conf 'attestation = always' 'key = same'
before=$(live -pubkey)
must agent renew >/dev/null
good_pair
[[ $(live -pubkey) == "$before" && $(readlink "$T/agent/live") == gen-3 && $(attested) == 3 ]] || fail "not attested with the same key"

# ---- wanted by a job ----
conf 'attestation = always'
must inro job start rekey --where 'device=dev-1' >/dev/null
must agent once >/dev/null
good_pair
[[ $(live -pubkey) != "$before" && $(attested) == 4 ]] || fail "no other key for a job"

# ---- its certificate, in whose hands ever, brings none for a key elsewhere ----
conf 'attestation = yes'
refused 1 'attestation = always' inro agent renew --config "$T/agent.conf"
good_pair
[[ $(readlink "$T/agent/live") == gen-4 && -e $T/agent/gen-5 ]] || fail "a refusal of the way costs the request: $(ls "$T/agent")"
refused 1 'attestation = always' inro cert renew "sha256:$(live -fingerprint -sha256 | sed 's/.*=//; s/://g')" --csr soft.csr
# the request is the one that is asked for once the way is the right one
conf 'attestation = always'
must agent once >/dev/null
must agent renew >/dev/null
good_pair
[[ $(readlink "$T/agent/live") == gen-5 ]] || fail "the request was not taken up: $(readlink "$T/agent/live")"

# ---- an office that wants no attestation ----
must inro setting set policy '{"attestation": false}' >/dev/null
refused 1 '"attestation": false' inro agent renew --config "$T/agent.conf"
[[ -e $T/agent/gen-6 ]] || fail "the request is gone though only the office said no"
must inro setting unset policy >/dev/null
must agent renew >/dev/null
good_pair
[[ $(readlink "$T/agent/live") == gen-6 ]] || fail "not renewed: $(readlink "$T/agent/live")"

# ---- a successor is by the profile of the one before, whatever the label and the policy name now ----
must inro device update dev-1 --group '' >/dev/null
sed -i 's/^label = .*/label = root/' "$T/agent.conf"
must agent renew >/dev/null
good_pair
[[ $(inro cert show "sha256:$(live -fingerprint -sha256 | sed 's/.*=//; s/://g')" --json | jq -r .profile) == tpm-client ]] ||
	fail "another profile after a renewal"
