#!/usr/bin/env bash
# A device's symmetric keys: its agent has them from the service, in its token, renews them, keeps two generations,
# and a kill at any moment leaves a key that works.
# shellcheck disable=SC2119 # functions of serve.sh without arguments
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$S/tests/lib/agent.sh"
. "$S/tests/lib/serve.sh"

make_office
must "$B/bin/inro" token create seal --backend soft >/dev/null # a TPM has no AES-GCM
must inro secret seal-key --token seal >/dev/null
must inro group add line1 --policy '{"key_days": 30, "overlap_days": 1, "renew_days": 5}' >/dev/null
start_server
printf '123456\n' >"$T/pin"
must inro token create dev --pin-source "$T/pin" >/dev/null
for d in dev-1 dev-2; do
	must inro device add "$d" --group line1 --json >"$T/device"
	sed -n 's/.*"psk": *"\([^"]*\)".*/\1/p' "$T/device" >"$T/$d.psk"
done
cp "$T/dev-1.psk" "$T/psk"
conf() {
	agent_conf "$@"
	sed -i "s|^server = .*|server = $https|; s|^trust = .*|trust = $T/root.pem|; s|^label = .*|label = root.tls-client|" "$T/agent.conf"
}
serial_of() { # LABEL: what the key in the token has as id
	inro key list --token dev --login --pin-source "$T/pin" --json |
		jq -r ".[] | select(.label == \"$1\") | .id"
}
state_of() { # SERIAL
	inro secret show "$1" --json | jq -r .state
}
mac() { # INRO-MAC LABEL [ARG ...]
	foreign openssl mac -provider-path "$B/lib" -provider inro -provider default "${@:3}" \
		-macopt "pkcs11_uri:pkcs11:token=dev;object=$2;type=secret-key?pin-source=file:$T/pin" -in "$T/message" "$1"
}
# What the device makes of a message is what the service's key makes of it.
works() { # LABEL
	local value
	if [[ $1 == auth* || $1 == mix* ]]; then
		value=$(mac INRO-HMAC "$1" -macopt digest:SHA256)
	else
		value=$(mac INRO-CMAC "$1")
	fi || fail "$1 makes no MAC"
	must inro secret verify "$(serial_of "$1")" --mac "$value" --message "$T/message" >/dev/null
}
printf 'measured: 21.5\n' >"$T/message"

# ---- settings ----
for bad in 'storage' 'a/b=aes-256' '=aes-256' 'storage=' '.x=aes-256' 'a.old=aes-256' 'a.new=aes-256'; do
	conf "secret = $bad"
	refused 1 'NAME=TYPE' inro agent once --config "$T/agent.conf"
done
conf 'secret = a=aes-256' 'secret = a=hmac-256'
refused 1 'given twice' inro agent once --config "$T/agent.conf"
conf 'secret = a=des'
refused 1 'no such type' inro agent check --config "$T/agent.conf"
conf 'secret = a=aes-256' 'key-type = ed25519'
refused 1 'RSA or EC' inro agent check --config "$T/agent.conf"

conf
sed -i 's/^label = .*/label = nobody/' "$T/agent.conf"
refused 1 "answers 404 to [^ ]*: no CA 'nobody'\$" inro agent check --config "$T/agent.conf"

# ---- a pair that was made when no keys were asked for can't unwrap; a renewal makes one that can ----
conf
must agent once >/dev/null
conf 'secret = storage=aes-256'
refused 1 'may not unwrap keys.*made when none' inro agent once --config "$T/agent.conf"
good_pair
conf 'secret = storage=aes-256' 'secret = auth=hmac-256' 'secret = mix=generic-256' \
	"after-renewal = echo \"\$INRO_AGENT_SECRETS\" >>$T/hooks"
must agent renew >/dev/null
good_pair
for k in storage auth mix; do
	[[ $(state_of "$(serial_of "$k")") == active ]] || fail "$k is not an active key of the service"
	works "$k"
done
[[ $(tail -1 "$T/hooks") == 'storage auth mix' ]] || fail "commands got: $(cat "$T/hooks")"
# A round that comes to none of them forgets nothing of them.
mv "$T/agent/secrets.own" "$T/own"
mkdir "$T/agent/secrets.own"
refused 1 . inro agent once --config "$T/agent.conf"
must agent status --json | jq -e '[.secrets[].name] == ["storage", "auth", "mix"]' >/dev/null || fail "forgotten: $(agent status --json)"
rmdir "$T/agent/secrets.own"
mv "$T/own" "$T/agent/secrets.own"
must inro key list --token dev --login --pin-source "$T/pin" --json >"$T/keys"
jq -e '[.[] | select(.label == "storage" or .label == "auth" or .label == "mix") | .extractable] | any | not' "$T/keys" >/dev/null ||
	fail "a key may leave the token: $(cat "$T/keys")"
must agent status --json >"$T/status"
[[ $(jq -r '[.secrets[] | .name + " " + .state] | join(",")' "$T/status") == 'storage valid,auth valid,mix valid' ]] ||
	fail "the status tells: $(cat "$T/status")"
must agent status >"$T/status"
has 'name=storage type=aes-256 state=valid' "$T/status" || fail "the status tells people otherwise"
lines=$(wc -l <"$T/hooks")
must agent once >/dev/null
[[ $(wc -l <"$T/hooks") == "$lines" ]] || fail "commands ran though nothing changed"
[[ $(inro secret list --device dev-1 --json | jq length) == 3 ]] || fail "more keys than were asked for"
value=$(inro secret get "$(serial_of storage)" --form raw --clear)
printf '%s' "$value" | xxd -r -p >"$T/value"
if grep -rlaF -e "$value" "$T/agent" || LC_ALL=C grep -rlaF -f "$T/value" "$T/agent"; then
	fail "the key is in a file"
fi
rm "$T/value"

# ---- renewed: the old one stays beside it for the grace time of the policy ----
first=$(serial_of storage)
must inro errand send renew --device dev-1 >/dev/null
must agent once >/dev/null
second=$(serial_of storage)
[[ $second != "$first" && $(serial_of storage.old) == "$first" ]] || fail "two generations are not what is kept"
[[ $(state_of "$first") == superseded ]] || fail "the service holds the old key for $(state_of "$first")"
works storage
works storage.old
must inro errand list >"$T/errands"
grep -q 'done' "$T/errands" || fail "the errand was not answered: $(cat "$T/errands")"
# an operator renews it: the device fetches what there is
must inro secret renew "$second" >/dev/null
must agent once >/dev/null
[[ $(serial_of storage.old) == "$second" ]] || fail "the operator's renewal did not come"
works storage
must agent renew >/dev/null
[[ $(serial_of storage.old) != "$second" && -z $(serial_of storage.new) ]] || fail "old ones pile up"
# the grace time is over: the old one goes
jq '.secrets[].old_until = "2026-01-01T00:00:00Z"' "$T/agent/status.json" >"$T/status.new"
cp "$T/status.new" "$T/agent/status.json"
must agent once >/dev/null
[[ -z $(serial_of storage.old) ]] || fail "the old key stays for ever"
works storage

# ---- no list of what the agent brought, as after an update from before there was one: its status says what is its own ----
must inro secret renew "$(serial_of storage)" >/dev/null
must agent once >/dev/null
before=$(serial_of storage)
rm "$T/agent/secrets.own"
must inro secret renew "$before" >/dev/null
must agent once >/dev/null
[[ $(serial_of storage) != "$before" && $(serial_of storage.old) == "$before" ]] || fail "the agent disowns its keys"
rm "$T/agent/secrets.own"
jq '.secrets[].old_until = "2026-01-01T00:00:00Z"' "$T/agent/status.json" >"$T/status.new"
cp "$T/status.new" "$T/agent/status.json"
must agent once >/dev/null
[[ -z $(serial_of storage.old) ]] || fail "the old key stays for ever after an update"
# nor a status: what the service lists is noted before it is renewed there, and the round cut short
cp "$T/agent.conf" "$T/usual.conf"
conf
must agent renew >/dev/null # a pair that can't unwrap
before=$(serial_of storage)
rm "$T/agent/secrets.own" "$T/agent/status.json"
sed 's/^secret = .*=generic-256/&\nkey = same/' "$T/usual.conf" >"$T/agent.conf"
refused 1 'may not unwrap' inro agent renew --config "$T/agent.conf"
[[ $(state_of "$before") == superseded && $(serial_of storage) == "$before" ]] || fail "the renewal was not cut short"
cp "$T/usual.conf" "$T/agent.conf"
must agent renew >/dev/null
[[ $(serial_of storage.old) == "$before" ]] || fail "a key that was listed is disowned"
works storage

# ---- an errand whose certificate waits for approval, as a first one does: the keys wait with it, and are renewed once ----
policy='"key_days": 30, "overlap_days": 1, "renew_days": 5'
must inro group update line1 --policy "{$policy, \"approve\": true}" >/dev/null
before=$(serial_of storage)
must inro errand send clear --device dev-1 >/dev/null
for n in 1 2 3; do
	must agent once >/dev/null
	[[ $(serial_of storage) == "$before" ]] || fail "round $n of one that waits renewed the keys"
done
must inro cert approve "id:$(inro cert list --state requested --json | jq -r '.[0].id')" >/dev/null
must agent once >/dev/null
once=$(serial_of storage)
[[ $once != "$before" && $(serial_of storage.old) == "$before" ]] || fail "the errand renewed no keys"
must inro group update line1 --policy "{$policy}" >/dev/null
must agent once >/dev/null
[[ $(serial_of storage) == "$once" ]] || fail "the errand renewed the keys twice"

# ---- the service's clock was ahead: what it says now counts ----
jq '.heard = (now | floor) + 26 * 86400 | .heard_at = 0 | .secrets[].since = null' "$T/agent/status.json" >"$T/status.new"
cp "$T/status.new" "$T/agent/status.json"
must agent once >/dev/null
must agent once >/dev/null
[[ $(serial_of storage) == "$once" ]] || fail "keys churn when the clock was ahead"

# ---- killed at any moment: who looks for the label finds a key that the service takes ----
for ((n = 0; n < 8; n++)); do
	"$B/bin/inro" agent renew --config "$T/agent.conf" >/dev/null 2>&1 &
	round=$!
	sleep "0.$(printf '%03d' $((RANDOM % 900)))"
	kill -9 "$round" 2>/dev/null || true
	wait "$round" 2>/dev/null || true
	good_pair
	for k in $(serial_of storage); do
		case $(state_of "$k") in
		active | superseded) ;;
		*) fail "after kill $n storage is $(state_of "$k")" ;;
		esac
	done
	[[ -n $(serial_of storage) ]] || fail "after kill $n there is no key"
done
must agent renew >/dev/null
for k in storage auth mix; do
	[[ $(serial_of "$k" | wc -l) == 1 && $(serial_of "$k.old" | wc -l) -le 1 && -z $(serial_of "$k.new") ]] ||
		fail "keys pile up: $(inro key list --token dev --login --pin-source "$T/pin")"
	[[ $(state_of "$(serial_of "$k")") == active ]] || fail "$k is not the active one"
	works "$k"
done

# ---- held: nothing else is asked for; revoked: another one ----
held=$(serial_of auth)
must inro secret hold "$held" >/dev/null
before=$(inro secret list --device dev-1 --json | jq length)
must agent once >/dev/null
must agent renew --json >"$T/status"
[[ $(jq -r '.secrets[1].state' "$T/status") == held && $(serial_of auth) == "$held" ]] || fail "a held key: $(cat "$T/status")"
must inro secret release "$held" >/dev/null
must inro secret revoke "$held" --why lost >/dev/null
must agent once >/dev/null
[[ $(serial_of auth) != "$held" ]] || fail "a revoked key stays"
works auth
[[ $before -gt 0 ]] || fail "no keys are listed"

# ---- under another of the device's keys, by AES key wrap ----
for bad in 'b=aes-256 under a' 'b=aes-256 under b' 'b=aes-256 under ' 'b=aes-256 under auth'; do
	cp "$T/agent.conf" "$T/agent.good"
	printf '%s\n' "secret = $bad" 'secret = a=aes-256' >>"$T/agent.conf"
	refused 1 'no AES key of that name|no such type' inro agent once --config "$T/agent.conf"
	mv "$T/agent.good" "$T/agent.conf"
done
cp "$T/agent.conf" "$T/agent.good"
printf 'secret = %s\n' 'transport=aes-256' 'far=aes-256 under transport' 'auth2=hmac-256 under transport' \
	'short=twine-80 under transport' >>"$T/agent.conf"
wrapped_keys() { inro audit list --json | jq '[.[] | select(.action == "key.get" and (.detail | tostring | test("aes-kw")))] | length'; }
must agent once >/dev/null
works far
works auth2
[[ $(state_of "$(serial_of short)") == active ]] || fail "no key of another length came"
# the one above them unwraps, and that's all
inro key list --token dev --login --pin-source "$T/pin" --json >"$T/keys"
mac INRO-CMAC transport >/dev/null 2>&1 && fail "the key above others makes MACs"
jq -e '[.[] | select(.label == "far" or .label == "short" or .label == "transport") | .extractable] | any | not' "$T/keys" >/dev/null ||
	fail "a key may leave the token: $(cat "$T/keys")"
first=$(serial_of far)
above=$(serial_of transport)
must agent renew >/dev/null
[[ $(serial_of far) != "$first" && $(serial_of transport) != "$above" && $(serial_of far.old) == "$first" ]] || fail "not renewed"
works far
[[ $(state_of "$(serial_of short)") == active ]] || fail "no key of another length came again"
[[ $(wrapped_keys) == 6 ]] || fail "$(wrapped_keys) keys came by AES key wrap, not 6"
# one that was there before can't unwrap
sed -i 's/^secret = auth2=.*/& \nsecret = late=aes-256 under storage/' "$T/agent.conf"
refused 1 "makes a 'storage' that can" inro agent once --config "$T/agent.conf"
must agent renew >/dev/null
works late
must agent status >/dev/null
cp "$T/agent.good" "$T/agent.conf"
must agent renew >/dev/null
works storage

# ---- what goes wrong is told, and harms nothing else ----
must inro key generate --token dev --pin-source "$T/pin" --label mine --type aes-256 >/dev/null
echo 'secret = mine=aes-256' >>"$T/agent.conf"
echo 'command = hello=echo said >>'"$T/ran" >>"$T/agent.conf"
must inro errand send run --device dev-1 --name hello >/dev/null
mine=$(serial_of mine)
must inro secret renew "$(serial_of storage)" >/dev/null
refused 1 "not the agent's" inro agent once --config "$T/agent.conf"
[[ $(tail -1 "$T/hooks") == storage ]] || fail "one key that can't be had keeps the commands from another: $(cat "$T/hooks")"
[[ $(serial_of mine) == "$mine" && $(cat "$T/ran") == said ]] || fail "a key of somebody else was touched, or errands wait for it"
sed -i '/mine=/d' "$T/agent.conf"
jq '.secrets[].old_until = "2026-01-01T00:00:00Z"' "$T/agent/status.json" >"$T/status.new"
cp "$T/status.new" "$T/agent/status.json"
must agent once >/dev/null
# an id as the agent's own have it makes it none of the agent's
must inro key generate --token dev --pin-source "$T/pin" --label storage.old --type aes-256 --id 00112233445566778899aabbccddeeff >/dev/null
mine=$(serial_of storage.old)
must inro key generate --token dev --pin-source "$T/pin" --label pair --id "$(serial_of storage)" --type ec-p256 >/dev/null
for n in 1 2; do
	must inro secret renew "$(serial_of storage)" >/dev/null
	must agent once >/dev/null
	[[ $(serial_of storage.old | wc -l) == 2 && $(serial_of storage.old) == *"$mine"* ]] || fail "somebody's storage.old went"
	works storage
done
[[ -n $(serial_of pair) ]] || fail "a pair that has a symmetric key's id went with it"
mine_percent=$(for ((i = 0; i < ${#mine}; i += 2)); do printf '%%%s' "${mine:i:2}"; done)
must inro key delete "pkcs11:token=dev;object=storage.old;id=$mine_percent;type=secret-key" --pin-source "$T/pin" >/dev/null
must inro group update line1 --policy '{"key_days": 30, "key_types": ["aes-256", "hmac-256", "generic-256", "ec-p256"]}' >/dev/null
echo 'secret = tiny=aes-128' >>"$T/agent.conf"
refused 1 'policy of the device.s group has no aes-128' inro agent renew --config "$T/agent.conf"
good_pair
works storage
must inro errand send renew --device dev-1 >/dev/null
refused 1 'no aes-128' inro agent once --config "$T/agent.conf"
inro errand list >"$T/errands"
grep -q 'no aes-128' "$T/errands" || fail "the errand says it is done: $(cat "$T/errands")"
sed -i '/tiny=/d' "$T/agent.conf"
must agent once >/dev/null

# ---- another device's key is not to be had ----
id=$(inro secret show "$(serial_of storage)" --json | jq .id)
for path in "$id/get" "$id/renew"; do
	[[ $(status_of -u "dev-2:$(cat "$T/dev-2.psk")" -H 'Content-Type: application/json' -d '{"form": "raw"}' \
		"$https/v1/device/self/secrets/$path") == 404 || $path == */renew ]] || fail "$path: $(cat "$T/body")"
	! grep -q '"serial"' "$T/body" || fail "another device got: $(cat "$T/body")"
done
stop_server
