#!/usr/bin/env bash
# Tokens and keys by the command: made, listed, PINs changed, saved, brought back, removed.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

export INRO_PIN=123456 INRO_SO_PIN=87654321
cd "$T"

value() { # value KEY: of the JSON on standard input
	sed -n "s/.*\"$1\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},\\{0,1\\}\$/\\1/p" | sed -n 1p
}

[[ $(inro token list) == *"no token yet"* ]] || fail "an empty list does not say so"
[[ $(inro token list --json) == "[]" ]] || fail "an empty list is no empty array"
must inro token create line1 >said
grep -q "token 'line1' is made" said || fail "create says: $(cat said)"
must inro token create "ライン 2"
must inro token list >list.txt
grep -q '^ライン 2  *ready' list.txt || fail "list says: $(cat list.txt)"

# ---- keys ----

for type in ec-p256 ec-p384 rsa-2048 rsa-3072; do
	must inro key generate --token line1 --label "k-$type" --type "$type" --json >key.json
	[[ $(value type <key.json) == "$type" ]] || fail "made another type: $(cat key.json)"
	grep -q 'BEGIN PUBLIC KEY' key.json || fail "no public key: $(cat key.json)"
done
[[ $(inro key show 'pkcs11:token=line1;object=k-rsa-2048' --login | sed -n 's/^Use  *//p') == sign ]] || fail "a key may do more than sign"
refused 1 'with --login private' inro key show 'pkcs11:token=line1;object=k-rsa-2048;type=private'
uses_of() { # LABEL
	inro key show "pkcs11:token=line1;object=$1" --login | sed -n 's/^Use  *//p'
}
must inro key generate --token line1 --label ua --type rsa-2048 --usage sign --usage decrypt
[[ $(uses_of ua) == 'sign, decrypt' ]] || fail "an RSA key to sign and decrypt is there to $(uses_of ua)"
must inro key generate --token line1 --label agrees --usage derive
[[ $(uses_of agrees) == derive ]] || fail "an EC key to derive is there to $(uses_of agrees)"
refused 2 'RSA keys sign or decrypt' inro key generate --token line1 --label no --usage decrypt
refused 2 'RSA keys sign or decrypt' inro key generate --token line1 --label no --type rsa-2048 --usage derive
refused 2 'RSA keys sign or decrypt' inro key generate --token line1 --label no --type ed25519 --usage sign --usage derive
refused 2 'does what its type' inro key generate --token line1 --label no --type x25519 --usage sign
refused 2 'for key pairs' inro key generate --token line1 --label no --type aes-256 --usage decrypt
must inro key delete 'pkcs11:token=line1;object=ua'
must inro key delete 'pkcs11:token=line1;object=agrees'
must inro key generate --token line1 --label with-id --id 0102A0
[[ $(inro key show 'pkcs11:token=line1;id=%01%02%A0' --json | value id) == 0102a0 ]] || fail "the id is another"
[[ $(inro key list --token line1 --json | grep -c '"label"') == 5 ]] || fail "not five keys: $(inro key list)"
[[ $(inro key list | grep -c '^line1') == 5 ]] || fail "not five keys in all tokens: $(inro key list)"
must inro key list --token line1 --login >/dev/null
must inro key delete 'pkcs11:token=line1;object=with-id'
# a secret key that has a pair's id goes alone, and so does the pair
must inro key generate --token line1 --label pair --id 0a0b
must inro key generate --token line1 --label secret --type aes-256 --id 0a0b
must inro key delete 'pkcs11:token=line1;object=secret;type=secret-key' | has "(1 object)" || fail "more than the secret key is deleted"
must inro key generate --token line1 --label secret --type aes-256 --id 0a0b
must inro key delete 'pkcs11:token=line1;object=pair' | has "(2 objects)" || fail "not the pair alone is deleted"
must inro key delete 'pkcs11:token=line1;object=secret' | has "(1 object)" || fail "the secret key is gone"
# the type says what goes: a public half or certificate leaves the key, a private key takes its public half along
must inro key generate --token line1 --label part --id 0a0c
must inro key delete 'pkcs11:token=line1;object=part;type=public' | has "(1 object)" || fail "not the public half alone is deleted"
must inro csr create --key 'pkcs11:token=line1;object=part;type=private' --subject /CN=part --out part.csr
refused 1 'nothing in token' inro key delete 'pkcs11:token=line1;object=part;type=public'
refused 1 'nothing in token' inro key delete 'pkcs11:token=line1;object=part;type=cert'
must inro key delete 'pkcs11:token=line1;object=part;type=private' | has "(1 object)" || fail "not the private key is deleted"
must inro key generate --token line1 --label part
must inro key delete 'pkcs11:token=line1;object=part;type=private' | has "(2 objects)" || fail "not the pair is deleted"
[[ $(inro key list --token line1 --json | grep -c '"label"') == 4 ]] || fail "the key is still there"

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out plain.pem 2>/dev/null
must inro key import --token line1 --label brought --in plain.pem --json >key.json
openssl pkey -in plain.pem -pubout -out plain.pub
sed -n 's/.*"public_key": "\(.*\)".*/\1/p' key.json | sed 's/\\n/\n/g' | sed '/^$/d' | cmp - plain.pub ||
	fail "the imported key has another public half: $(cat key.json)"
[[ $(inro key show 'pkcs11:token=line1;object=brought' --login --json | value extractable) == false ]] ||
	fail "an imported key may leave"

# A request by each kind of key, judged by openssl.
for type in ec-p256 ec-p384 rsa-2048; do
	must inro csr create --key "pkcs11:token=line1;object=k-$type" --subject "/O=Example/CN=$type" \
		--san DNS:a.example --san IP:192.0.2.1 --san URI:urn:x --out "$type.csr"
	openssl req -in "$type.csr" -verify -noout -text >csr.txt 2>&1 || fail "$(cat csr.txt)"
	grep -q 'DNS:a.example, IP Address:192.0.2.1, URI:urn:x' csr.txt || fail "names are missing: $(cat csr.txt)"
done
inro csr create --key "pkcs11:token=line1;object=k-ec-p256" --subject "CN=x" | openssl req -verify -noout 2>/dev/null ||
	fail "the request on standard output is not one"
must inro csr create --key "pkcs11:token=line1;object=k-ec-p256" --subject "CN=x" --out x.der --format der
openssl req -inform DER -in x.der -verify -noout 2>/dev/null || fail "the DER request is not one"

# ---- PINs ----

INRO_NEW_PIN=654321 must inro token pin change line1
refused 1 "tries" inro key generate --token line1 --label x
INRO_PIN=654321 must inro key generate --token line1 --label after-change
INRO_NEW_PIN=11112222 must inro token pin change line1 --so
refused 1 "tries" inro token delete line1
max=$(inro token show line1 --json | value tries_max)
for ((i = 0; i < max; i++)); do
	INRO_PIN=wrong-pin inro key generate --token line1 --label x 2>err && fail "a wrong PIN was taken"
done
refused 1 "locked" env INRO_PIN=654321 "$B/bin/inro" key generate --token line1 --label x
[[ $(inro token show line1 --json | value state) == locked ]] || fail "not shown as locked: $(inro token show line1)"
INRO_SO_PIN=11112222 INRO_NEW_PIN=333333 must inro token pin unblock line1
printf '333333\n' >pin
must env -u INRO_PIN "$B/bin/inro" key generate --token line1 --label unblocked --pin-source pin

# ---- backup, restore, delete ----

refused 1 "INRO_PASSPHRASE" inro token backup line1 --out line1.backup
export INRO_PASSPHRASE="a long passphrase"
must inro token backup line1 --out line1.backup
refused 1 "line1" inro token restore line1.backup
refused 1 "." inro token backup line1 --out line1.backup
INRO_SO_PIN=11112222 must inro token delete line1
refused 1 "line1" inro token show line1
head -c 1000 line1.backup >cut.backup
refused 1 "." inro token restore cut.backup
refused 1 "'?cut.backup" inro token restore cut.backup
grep -q '\.new-' "$T/err" && fail "a file nobody knows is named: $(cat "$T/err")"
refused 1 "passphrase" env INRO_PASSPHRASE="another passphrase" "$B/bin/inro" token restore line1.backup
must inro token restore line1.backup
INRO_PIN=333333 must inro token check line1 | has "is whole" || fail "a restored token is not whole"
INRO_SO_PIN=11112222 INRO_NEW_PIN=annas-pin must inro token user add line1 ann --expire
inro token user list line1 | has -E "^ann +user +10 +(yes|true)" || fail "ann: $(inro token user list line1)"
INRO_PIN=annas-pin INRO_NEW_PIN=anna-2 must inro token pin change line1 --user ann
INRO_SO_PIN=11112222 must inro token user delete line1 ann
refused 1 "not locked" inro token delete line1 --force
[[ $(inro key list --token line1 --json | grep -c '"label"') == 7 ]] || fail "keys are missing: $(inro key list)"
INRO_PIN=333333 must inro csr create --key "pkcs11:token=line1;object=k-rsa-2048" --subject CN=x |
	openssl req -verify -noout 2>/dev/null || fail "a restored key does not sign"

# ---- two of one label, by a damaged one that came back ----

must inro token create twin
twin=$(inro token show twin --json | value path)
slot=$(inro token show twin --json | value slot)
serial=$(inro token show twin --json | value serial)
mv "$twin" kept
rm -f "$twin"-*
printf 'no token at all, but some bytes that are long enough to be looked at' >"$twin"
inro token list >list.txt
grep -E "^- +damaged .*$slot .*can't be used as a token" list.txt || fail "damage is not told: $(cat list.txt)"
inro key list >list.txt 2>err || fail "a damaged token ends the list of keys"
grep -q "slot $slot is left out.*$(basename "$twin")" err || fail "the list of keys is silent on damage: $(cat err)"
[[ $(wc -l <err) == 1 ]] || fail "more than one line: $(cat err)"
must inro token create twin
cp kept "$twin"
refused 1 "slot:$slot, serial:$serial.*by slot or serial" inro token show twin
[[ $(inro token show "slot:$slot" --json | value serial) == "$serial" ]] || fail "another token by its slot"
[[ $(inro token show "serial:$serial" --json | value slot) == "$slot" ]] || fail "another token by its serial"
must inro key generate --token "slot:$slot" --label by-slot
must inro key list --token "serial:$serial" >list.txt
grep -q '^twin  *by-slot' list.txt || fail "no key by the serial: $(cat list.txt)"
refused 1 "twin.*tries left" env INRO_SO_PIN=000000 "$B/bin/inro" token delete "slot:$slot"
grep -qE 'CKR_|C_[A-Z]|destroy' "$T/err" && fail "names of functions: $(cat "$T/err")"
must inro token delete "slot:$slot" | has "token 'twin' is removed" || fail "what was removed is not said"
[[ $(inro token list --json | grep -c '"twin"') == 1 ]] || fail "both twins are gone, or none"
refused 1 "slot:x" inro token show slot:x
refused 2 "begins with" inro token create slot:9
