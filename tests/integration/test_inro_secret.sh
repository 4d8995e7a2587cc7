#!/usr/bin/env bash
# Symmetric keys by the command: made, wrapped so that openssl opens them, verified, renewed, wiped; and nowhere in
# the clear.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

export INRO_PIN=123456 INRO_SO_PIN=87654321
cd "$T"
value() {
	sed -n "s/.*\"$1\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},\\{0,1\\}\$/\\1/p" | sed -n 1p
}
raw() { inro secret get "$1" --form raw --clear; }
unhex() { sed 's/../\\x&/g' | xargs -0 printf '%b'; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
# Neither in the files of the back office nor in what was printed besides.
nowhere() {
	local form
	for form in "$1" "$(printf %s "$1" | unhex | openssl base64 -A)"; do
		! grep -rqaF -- "$form" "$INRO_HOME" errors || fail "a key is in $(grep -rlaF -- "$form" "$INRO_HOME" errors)"
		must inro audit list --json >events
		! grep -qF -- "$form" events || fail "a key is in the audit"
	done
	! LC_ALL=C grep -rqaP -- "$(printf %s "$1" | sed 's/../\\x&/g')" "$INRO_HOME" || fail "a key's octets are in the files"
}
: >errors

must inro token create office
must inro ca create root --token office --type ec-p256 --subject "/CN=Root"
must inro device add dev-ec --no-psk
must inro device add dev-rsa --no-psk
INRO_PIN='' refused 1 "no key that seals" inro secret issue dev-ec --type aes-256
must inro secret seal-key --token office
certify() {
	openssl req -new -newkey "$2" ${3:+-pkeyopt "$3"} -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>/dev/null
	must inro cert issue --ca root --profile tls-client --csr "$1.csr" --device "$1" --out "$1.pem"
}
certify dev-ec ec ec_paramgen_curve:prime256v1
certify dev-rsa rsa:2048

# ---- every type, wrapped in every way ----

for type in aes-128 aes-256 twine-80 hmac-256 generic-512; do
	inro secret issue dev-ec --type "$type" --name "for $type" --json >key.json || fail "$type: $(cat key.json)"
	[[ $(value type <key.json) == "$type" && $(value state <key.json) == active ]] || fail "$(cat key.json)"
done
[[ $(inro secret list --device dev-ec --json | grep -c '"serial"') == 5 ]] || fail "$(inro secret list)"
[[ $(inro secret list --type twine-80 --json | grep -c '"serial"') == 1 ]] || fail "list by type"
must inro secret issue dev-rsa --type aes-256
for id in $(inro secret list --json | sed -n 's/.*"id": \([0-9]*\),/\1/p'); do
	device=$(inro secret show "$id" --json | value device)
	must_be=$(raw "$id")
	for form in cms cms-auth; do
		must inro secret get "$id" --form "$form" --out key.cms
		[[ $(stat -c %a key.cms) == 600 ]] || fail "others can read key.cms"
		openssl cms -decrypt -in key.cms -inform PEM -inkey "$device.key" -recip "$device.pem" -binary >key.bin 2>out ||
			fail "$form of key $id: $(cat out)"
		[[ $(hex <key.bin) == "$must_be" ]] || fail "$form of key $id: another key"
	done
	nowhere "$must_be"
done

# ---- under the device's own key ----

own=$(inro secret list --device dev-ec --type aes-256 --json | value id)
id=$(inro secret list --device dev-ec --type twine-80 --json | value id)
inro secret get "$id" --form aes-kw --under "$own" >wrapped
[[ $(cat wrapped) =~ ^[0-9a-f]{48}$ ]] || fail "wrapped to $(cat wrapped)"
other=$(inro secret list --device dev-rsa --type aes-256 --json | value id)
refused 1 "another key of the same device" inro secret get "$own" --form aes-kw --under "$other"
refused 1 "another key of the same device" inro secret get "$own" --form aes-kw --under "$own"
refused 1 "no AES key" inro secret get "$own" --form aes-kw --under "$(inro secret list --type hmac-256 --json | value id)"
refused 2 "goes with --under" inro secret get "$own" --form aes-kw
refused 2 "say --clear" inro secret get "$own" --form raw

# ---- verified ----

printf 'a message\n' >message
openssl mac -macopt cipher:AES-256-CBC -macopt hexkey:"$(raw "$own")" -in message CMAC | tr -d '\n' >its.mac
must inro secret verify "$own" --mac "$(cat its.mac)" --message message
refused 1 "not what key" inro secret verify "$own" --mac "$(tr 0-9A-F 1-9A-F0 <its.mac)" --message message
hmac=$(inro secret list --type hmac-256 --json | value id)
openssl mac -macopt digest:SHA256 -macopt hexkey:"$(raw "$hmac")" -in message HMAC | tr -d '\n' >its.mac
must inro secret verify "$hmac" --mac "$(cat its.mac)" --message message
raw "$hmac" >value
must inro secret verify "$hmac" --key-source value
raw "$own" >value
refused 1 "that is not key" inro secret verify "$hmac" --key-source value

# ---- the life of a key ----

next=$(inro secret renew "$own" --grace 1000 --json | value id)
[[ $(raw "$next") != $(raw "$own") ]] || fail "renewed to the same key"
[[ $(inro secret show "$own" --json | value state) == superseded ]] || fail "the old one is not superseded"
must inro secret verify "$own" --key-source value
until=$(inro secret show "$own" --json | value good_until)
inro secret list | has "^$own .*${until:0:16}" || fail "the list has another end than that of its grace: $until, $(inro secret list)"
[[ $(inro secret renew "$next" --grace 0 2>&1) == *'--no-grace'* ]] || fail "nothing says how there is no grace"
third=$(inro secret renew "$next" --no-grace --json | value id)
refused 1 "grace time is over" inro secret get "$next" --form cms
must inro secret hold "$third"
refused 1 "is suspended" inro secret get "$third" --form cms
must inro secret release "$third"
refused 1 "can't archive" inro secret archive "$third"
must inro secret revoke "$third" --why "lost"
must inro secret retire "$third"
must inro secret archive "$third"
must inro secret get "$third" --form cms
must inro key generate --token office --label audit --type ec-p256
must inro audit sign --key 'pkcs11:token=office;object=audit'
touch another
refused 1 "there is a file 'another' already" inro secret delete "$third" --evidence another
must inro secret delete "$third" --evidence statement.json --why "end of life"
/usr/bin/python3 - <<'P' || fail "$(cat statement.json)"
import json
d = json.load(open("statement.json"))
s = json.loads(d["statement"])
assert s["destroyed"] == "key" and s["why"] == "end of life" and "read again, has none" in s["things"][0]["done"], s
open("text", "w").write(d["statement"])
open("signature", "wb").write(bytes.fromhex(d["signature"]))
open("signer", "wb").write(bytes.fromhex(d["signer"]))
P
openssl dgst -sha256 -verify signer -keyform DER -signature signature text >out 2>&1 || fail "$(cat out)"
[[ $(inro audit list --action key.evidence --json) == *"$(sha256sum <text | cut -d ' ' -f 1)"* ]] || fail "no event of the statement"
refused 1 "is destroyed" inro secret get "$third" --form cms

# ---- of many ----

printf 'dev-ec\r\ndev-none\ndev-rsa\n' >devices
partly "1 of 6 could not be done; its line in keys.jsonl says why" inro secret get --devices devices --form jwe --out keys.jsonl
has "^5 keys are in keys.jsonl, as jwe\$" "$T/out" || fail "$(cat "$T/out")"
[[ $(grep -c '"key":"eyJ' keys.jsonl) == 5 && $(grep -c '"error"' keys.jsonl) == 1 ]] || fail "$(cat keys.jsonl)"
grep -q 'dev-none.*no device' keys.jsonl || fail "$(cat keys.jsonl)"
must inro secret get --all --form cms --out all.jsonl
[[ $(grep -c '"key":' all.jsonl) == 5 && $(stat -c %a all.jsonl) == 600 ]] || fail "$(cat all.jsonl)"
must inro secret get --where 'id=dev-rsa state=active' --form jwe --out one.jsonl
[[ $(wc -l <one.jsonl) == 1 ]] || fail "$(cat one.jsonl)"
refused 2 "give --out FILE" inro secret get --all --form cms
refused 2 "one of --devices" inro secret get --all --where id=dev-rsa --form cms --out one.jsonl

must inro secret reseal --token office
must inro secret get "$other" --form cms --out key.cms
must inro device delete dev-rsa
refused 1 "is revoked" inro secret get "$other" --form cms
must inro audit verify

# ---- keys that seal, in a TPM's token ----

must inro token create chip --backend tpm --tcti libtpms: --only-tpm
refused 1 "." inro secret reseal --token chip # a TPM knows no GCM: refused now, not when the next secret is sealed
must inro token create sealing --backend tpm --tcti libtpms:
must inro secret reseal --token sealing
must inro secret issue dev-ec --type aes-256 --name later

# ---- docs/howto/symmetric-keys.md, as it stands there ----

export INRO_HOME=$T/howto-home
mkdir howto
cd howto
awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on' "$S/docs/howto/symmetric-keys.md" >lines
[[ $(grep -c . lines) -gt 25 ]] || fail "the page has few commands"
PATH=$B/bin:$PATH bash -eu -o pipefail lines >out 2>&1 || fail "the page does not work: $(tail -n 5 out)"

# ---- with the PIN at hand the first secret makes the key, in the token of the CA that issues; it gives way to what is named ----

export INRO_HOME=$T/fresh
must inro token create top
must inro token create office
must inro ca create root --token top --subject /CN=Root
must inro ca create issuing --token office --parent root --subject /CN=Issuing
key=$(inro device add dev-1 --json | value psk)
[[ $(inro psk get dev-1) == "$key" ]] || fail "a pre-shared key that can't be told again"
must inro secret issue dev-1 --type aes-256 --json >first.json
before=$(raw "$(value id <first.json)")
inro setting get seal.key --json >sealing
has 'token=office' sealing || fail "sealed by $(cat sealing)"
must inro secret seal-key --token top
refused 1 "sealed by pkcs11:.*token=top.*reseal" inro secret seal-key --token office
[[ $(raw "$(value id <first.json)") == "$before" && $(inro psk get dev-1) == "$key" ]] || fail "other secrets under the key that was named"
has '"seal.key"' <(inro audit list --json) || fail "no event"

# A wrong PIN is told and tried once, as nobody asked for it; without one at hand, and without a CA, it is a hash, too.
export INRO_HOME=$T/second
must inro token create office
inro device add dev-0 2>note >/dev/null || fail "no device: $(cat note)"
has 'only a hash' note || fail "not told: $(cat note)"
must inro ca create root --token office --subject /CN=Root
for ((i = 1; i <= 20; i++)); do
	INRO_PIN=999999 inro device add "wrong-$i" --json >wrong.json 2>note || fail "$(cat note)"
	[[ $(value psk_store <wrong.json) == hash ]] || fail "$(cat wrong.json)"
	has 'only a hash.*PIN.*seal-key' note || fail "not told: $(cat note)"
done
INRO_PIN=999999 refused 1 "no key that seals.*wrong PINs" inro secret issue wrong-1 --type aes-256
inro device add wrong-21 2>note >/dev/null || fail "$(cat note)"
has 'only a hash.*wrong PINs' note || fail "a PIN was tried after a wrong one: $(cat note)"
must inro ca crl root --out root.crl # the right PIN: the token is not locked
INRO_PIN='' inro device add dev-2 --json >hashed.json 2>note || fail "$(cat note)"
[[ $(value psk_store <hashed.json) == hash ]] || fail "$(cat hashed.json)"
must inro device add dev-3 --json >sealed.json
[[ $(value psk_store <sealed.json) == sealed ]] || fail "$(cat sealed.json)"
# The same with the key made.
for ((i = 22; i <= 40; i++)); do
	INRO_PIN=999999 inro device add "wrong-$i" --json >wrong.json 2>note || fail "$(cat note)"
	[[ $(value psk_store <wrong.json) == hash ]] || fail "$(cat wrong.json)"
done
INRO_PIN='' inro device add wrong-41 --json >wrong.json 2>note || fail "$(cat note)"
[[ $(value psk_store <wrong.json) == hash ]] || fail "$(cat wrong.json)"
must inro ca crl root --out root.crl
[[ $(inro psk get dev-3) == "$(value psk <sealed.json)" ]] || fail "another key"
for ((i = 1; i <= 41; i++)); do must inro device delete "wrong-$i" >/dev/null; done
# A module whose token does not tell of wrong PINs: one try, and no other until somebody uses the key who asked for that.
if [[ -e $B/tests/tap-p11.so ]]; then
	quietly() { INRO_TAPPED=$B/lib/inro-pkcs11.so INRO_MODULE=$B/tests/tap-p11.so INRO_TAP_TELLS_NO_TRIES=1 "$@"; }
	for ((i = 1; i <= 12; i++)); do
		INRO_PIN=999999 quietly inro device add "quiet-$i" --json >wrong.json 2>note || fail "$(cat note)"
		[[ $(value psk_store <wrong.json) == hash ]] || fail "$(cat wrong.json)"
	done
	quietly inro device add quiet-13 2>note >/dev/null || fail "$(cat note)"
	has 'only a hash.*does not tell of a right one' note || fail "a PIN was tried after a wrong one: $(cat note)"
	[[ $(quietly inro psk get dev-3) == "$(value psk <sealed.json)" ]] || fail "another key, or the token is locked"
	quietly inro device add quiet-14 --json >wrong.json 2>note || fail "$(cat note)"
	[[ $(value psk_store <wrong.json) == sealed ]] || fail "$(cat wrong.json note)"
	for ((i = 1; i <= 14; i++)); do must inro device delete "quiet-$i" >/dev/null; done
fi

# Many at once: who has none gets one; a second run tells the same; a hash can't be told.
must inro device add dev-4 --no-psk
rm -f psks.jsonl
partly "2 of 4 could not be done; their lines in psks.jsonl say why" inro psk hand-out --all --out psks.jsonl --json
mv "$T/out" said
[[ $(value keys <said) == 2 && $(value failed <said) == 2 && $(stat -c %a psks.jsonl) == 600 ]] || fail "$(cat said psks.jsonl)"
has '"device":"dev-3","made":false,.*"psk":"'"$(value psk <sealed.json)" psks.jsonl || fail "$(cat psks.jsonl)"
has '"device":"dev-4","made":true,.*"psk":"'"$(inro psk get dev-4)" psks.jsonl || fail "$(cat psks.jsonl)"
has '"device":"dev-2",.*"error":"only a hash' psks.jsonl || fail "$(cat psks.jsonl)"
printf 'dev-4\r\nnobody\n' >list
partly "1 of 2 could not be done; its line in some.jsonl says why" inro psk hand-out --devices list --out some.jsonl
cmp -s <(grep dev-4 psks.jsonl | sed 's/true/false/; s/,"psk_entropy_bits":[0-9]*//') <(grep dev-4 some.jsonl) || fail "another key: $(cat psks.jsonl some.jsonl)"
has '"device":"nobody",.*"error"' some.jsonl || fail "$(cat some.jsonl)"
refused 2 "one of --devices" inro psk hand-out --out psks.jsonl
[[ $(inro psk hand-out --all --out psks.jsonl 2>&1) == *"already; name another"* ]] || fail "a file with keys is written over"
