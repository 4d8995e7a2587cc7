#!/usr/bin/env bash
# The life of certificates by the command: approval, forms, keys that are made here, what ends them.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

export INRO_PIN=123456 INRO_SO_PIN=87654321
cd "$T"
value() {
	sed -n "s/.*\"$1\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},\\{0,1\\}\$/\\1/p" | sed -n 1p
}

must inro token create ca
must inro ca create root --token ca --type ec-p256 --subject "/CN=Root"
must inro ca create issuing --parent root --token ca --type ec-p256 --subject "/CN=Issuing"
must inro ca show root --out root.pem
must inro ca show issuing --out issuing.pem
must inro group add line1 --policy '{"renew_days": 400, "overlap_days": 3}'
must inro device add press --group line1 --no-psk
must inro token create line
must inro device provision press --token line --ca issuing --profile tls-client

# ---- forms ----

serial=$(inro cert list --device press --json | value serial)
inro cert show "$serial" --format chain >chain.pem
[[ $(grep -c BEGIN chain.pem) == 3 ]] || fail "the chain has $(grep -c BEGIN chain.pem) certificates"
inro cert show "$serial" --format pkcs7 >chain.p7
[[ $(openssl pkcs7 -in chain.p7 -print_certs | grep -c BEGIN) == 3 ]] || fail "PKCS#7"
inro cert show "$serial" --format der | openssl x509 -inform DER -noout -subject | has press || fail "DER"

# A file with the certificate names it, too.
inro cert show "$serial" --format pem >press.pem
openssl x509 -in press.pem -outform DER -out press.der
for file in press.pem ./press.der chain.pem; do
	[[ $(inro cert show "$file" --json | value serial) == "$serial" ]] || fail "not found by $file"
done
must inro cert hold press.pem
must inro cert release "$PWD/press.der"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -subj /CN=other -out other.pem 2>/dev/null
refused 1 "no certificate 'sha256:" inro cert revoke other.pem
refused 1 "^inro: none.pem: No such file or directory$" inro cert revoke none.pem
refused 1 "crl.*|certificate" inro cert revoke "$S/CHANGELOG.md"

# ---- search, what is due ----

[[ $(inro cert list --where 'device.group=line1 state=active' --json | grep -c '"serial"') == 1 ]] || fail "by group"
inro cert list --due 30d >due
grep -q 'DUE' due || fail "no column DUE: $(cat due)"
grep -q "overdue.*$serial" due || fail "not overdue: $(cat due)"
inro cert list --limit 1 --json 2>next | has '"serial"' || fail "no page"
grep -q '^{"next":"[0-9a-f]*"}$' next || fail "no cursor: $(cat next)"
[[ $(inro device list --where 'cert.key_type=ec-p256' --json | grep -c '"id"') == 1 ]] || fail "devices by key type"
refused 1 "its fields are id, kind" inro cert list --where 'colour=red'
refused 2 "as in 30d" inro cert list --due soon
inro cert count | has -E '^active +3' || fail "$(inro cert count)"
inro audit list --where 'action=certificate.issue at>=-1h' --limit 2 --json >events
[[ $(grep -c '"action"' events) == 2 ]] || fail "events by pages"

# ---- renewed: the old one stays beside for three days ----

must inro cert renew "$serial" --new-key
inro cert show "$serial" --json >old.json
[[ $(value state <old.json) == superseded ]] || fail "$(cat old.json)"
[[ $(value good_until <old.json) == 20* ]] || fail "no end of the overlap"
[[ $(inro cert list --where 'state=superseded good_until<4d good_until>=2d' --json | grep -c '"serial"') == 1 ]] ||
	fail "not found by the end of its overlap"
new=$(inro cert list --device press --state active --json | value serial)

# ---- ended ----

refused 1 "can't destroy.*from there: inro cert revoke, inro cert retire" inro cert destroy "$serial"
must inro cert retire "$serial" --cause replaced
[[ $(inro cert show "$serial" --json | value cause) == replaced ]] || fail "no cause"
must inro cert revoke "$new" --reason keyCompromise --invalid-at 2026-01-01
inro ca crl issuing --format pem >crl.pem
openssl crl -in crl.pem -noout -text >crl.txt
grep -A 1 'Invalidity Date' crl.txt | has 'Jan  1 00:00:00 2026' || fail "$(cat crl.txt)"

# ---- a key that is known to others ends in all its certificates ----

openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout known.key -subj /CN=known -out known.csr 2>/dev/null ||
	fail "no request"
must inro cert issue --ca issuing --profile tls-client --csr known.csr --out known1.pem
must inro cert issue --ca issuing --profile tls-client --csr known.csr --out known2.pem
mapfile -t known < <(inro cert list --where 'state=active profile=tls-client' --json | sed -n 's/.*"id": \([0-9]*\),*$/\1/p' | sort -n | tail -n 2)
inro cert revoke "id:${known[0]}" --reason keyCompromise >said || fail "not revoked"
grep -q "is revoked (keyCompromise); with it those of the same key: ${known[1]}$" said || fail "$(cat said)"
[[ $(inro cert show "id:${known[1]}" --json | value reason) == keyCompromise ]] || fail "the other one stands"
inro audit list --where 'action=certificate.revoke' --json | has "with.*${known[0]}" || fail "the audit does not tell with which"

# The same by a job: those of the same keys are told, wherever they are.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout pair.key -subj /CN=pair -out pair.csr 2>/dev/null
must inro cert issue --ca issuing --profile tls-client --csr pair.csr --out pair1.pem
must inro cert issue --ca issuing --profile tls-client --csr pair.csr --out pair2.pem
mapfile -t pair < <(inro cert list --where 'state=active profile=tls-client' --json | sed -n 's/.*"id": \([0-9]*\),*$/\1/p' | sort -n | tail -n 2)
inro job start revoke --where "id=${pair[0]}" --reason keyCompromise >said || fail "not revoked"
grep -q "1 row done, .*; with them those of the same keys: ${pair[1]}; " said || fail "$(cat said)"

refused 2 "no day" inro cert revoke "$new" --invalid-at 2026-02-31

# ---- destroyed, with a statement that the audit's key signed ----

must inro key generate --token ca --label audit --type ec-p256
must inro audit sign --key 'pkcs11:token=ca;object=audit'
before=$(inro key list --token line --login --json | grep -c '"label"')
must inro cert destroy "$serial" --evidence statement.json >said
has 'is destroyed: private key in a token (deleted; .*), sealed copy of the key (none: no copy was kept)$' said || fail "$(cat said)"
inro key list --token line --login --json >keys
[[ $(grep -c '"label"' keys) == "$((before - 1))" ]] || fail "the key is still there: $(cat keys)"
[[ $(inro cert show "$serial" --json | value state) == destroyed ]] || fail "not destroyed"
/usr/bin/python3 - <<'P' || fail "$(cat statement.json)"
import json
d = json.load(open("statement.json"))
s = json.loads(d["statement"])
assert s["things"][0]["objects"] >= 2 and "found nothing" in s["things"][0]["done"], s
open("text", "w").write(d["statement"])
open("signature", "wb").write(bytes.fromhex(d["signature"]))
open("signer", "wb").write(bytes.fromhex(d["signer"]))
P
openssl dgst -sha256 -verify signer -keyform DER -signature signature text >/dev/null || fail "the statement's signature"
inro audit list --where 'action=certificate.evidence' --json | has "$(sha256sum <text | cut -d ' ' -f 1)" ||
	fail "the audit does not know the statement"
refused 1 "certificate [0-9]*: .*it is the end" inro cert destroy "$serial"

# A record that names another's key wipes nothing.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout wrong.key -subj /CN=wrong -out wrong.csr 2>/dev/null
must inro cert issue --ca issuing --profile tls-client --csr wrong.csr --key 'pkcs11:token=ca;object=audit' --out wrong.pem
wrong=$(openssl x509 -in wrong.pem -noout -serial | sed 's/.*=//')
must inro cert revoke "$wrong"
must inro cert retire "$wrong" --cause "no longer needed"
refused 1 "another key there, which stays" inro cert destroy "$wrong"
must inro key show 'pkcs11:token=ca;object=audit' --login >/dev/null

# ---- a key that is made here ----

must inro device add gate --no-psk
refused 2 "format p12" inro cert issue --ca issuing --profile tls-client --device gate --make-key
export INRO_PASSPHRASE=short
refused 1 "8 characters" inro cert issue --ca issuing --profile tls-client --device gate --make-key --format p12 --out gate.p12
export INRO_PASSPHRASE='パスワード 8'
inro cert issue --ca issuing --profile tls-client --device gate --make-key --format p12 --out gate.p12 2>warned ||
	fail "$(cat warned)"
grep -q 'safe environment' warned || fail "no warning"
[[ $(stat -c %a gate.p12) == 600 ]] || fail "others may read the key"
openssl pkcs12 -in gate.p12 -passin env:INRO_PASSPHRASE -info -nodes -out gate.pem 2>info || fail "$(cat info)"
grep -q 'PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256' info || fail "$(cat info)"
grep -q 'MAC: sha256, Iteration 100000' info || fail "$(cat info)"
[[ $(grep -c 'BEGIN CERTIFICATE' gate.pem) == 3 ]] || fail "not the whole chain"
openssl x509 -in gate.pem -noout -pubkey | cmp - <(openssl pkey -in gate.pem -pubout) || fail "another key"
openssl verify -CAfile root.pem -untrusted issuing.pem gate.pem >out 2>&1 || fail "$(cat out)"
inro audit list --where 'action=certificate.issue' --json | has 'made here' || fail "the audit does not tell"
refused 1 "no copy of the key" inro cert export "$(inro cert list --device gate --json | value serial)" --format p12 --out again.p12

must inro token create seal
must inro secret seal-key --token seal
must inro device add door --no-psk
for type in ec-p384 rsa-2048 ed25519; do
	inro cert issue --ca issuing --profile tls-client --device door --make-key --keep-key --type "$type" --format p12 \
		--out door.p12 2>warned || fail "$(cat warned)"
done
door=$(inro cert list --where 'device=door key_type=rsa-2048' --json | value serial)
must inro cert revoke "$door"
must inro cert retire "$door" --cause "no longer needed"
must inro cert archive "$door"
inro cert export "$door" --format p12 --out kept.p12 2>warned || fail "$(cat warned)"
openssl pkcs12 -in kept.p12 -passin env:INRO_PASSPHRASE -nodes -nocerts 2>/dev/null | openssl rsa -check -noout >/dev/null 2>&1 ||
	fail "the kept key"
must inro cert destroy "$door"
refused 1 "no copy of the key" inro cert export "$door" --format p12 --out gone.p12

# ---- a profile that wants approval; by one account, approved by another ----

printf '%s\n' '[profile]' 'name = slow' '[validity]' 'period = 9d' '[key]' 'types = ec-p256' '[san]' 'allowed = DNS' '[issuing]' 'approve = yes' >slow.ini
must inro profile add slow.ini
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout slow.key -subj /CN=slow -addext subjectAltName=DNS:slow.example -out slow.csr 2>/dev/null ||
	fail "no request"
export INRO_NEW_PASSWORD='a long Password 1' INRO_PASSWORD='a long Password 1'
must inro user add alice --role administrator
export INRO_AS=alice
must inro user add bob --role operator
ask_slow() {
	local rc=0
	inro cert issue --ca issuing --profile slow --csr slow.csr --request-id s1 >asked 2>&1 || rc=$?
	[[ $rc == 3 ]] || fail "status $rc: $(cat asked)"
	grep -q "waits for somebody else" asked || fail "$(cat asked)"
}
ask_slow
slow=$(inro cert list --state requested --json | value id)
ask_slow
grep -q "request $slow waits" asked || fail "asked again it is another request: $(cat asked)"
refused 1 "nobody approves what he asked for himself; 'inro cert reject $slow' takes it back" inro cert approve "id:$slow"
# Who decides is shown what there is to decide about; programs get the request itself, too.
inro cert show "id:$slow" >said
for row in 'Subject  *CN=slow' 'Names  *DNS:slow.example' 'Key type  *ec-p256' 'Asked for  *profile_version=1 request_id=s1'; do
	has "^$row$" said || fail "no '$row': $(cat said)"
done
[[ $(inro cert show "id:$slow" --json | jq -r .request.csr) == "$(cat slow.csr)" ]] || fail "the request is not shown"
mkdir many && cp slow.csr many
refused 1 "wait for approval" inro cert issue --ca issuing --profile slow --csr-dir many --out-dir signed
INRO_AS=bob must inro cert approve "id:$slow"
refused 1 "certificate id:$slow: can't approve.*active" inro cert approve "id:$slow"
[[ $(inro cert show "id:$slow" --json | value state) == active ]] || fail "approved, and not active"
must inro db check
must inro audit verify

# A record that was changed to say another thing than its certificate.
while IFS=: read -r what change; do
	rm -f changed.db
	sqlite3 "$INRO_HOME/backoffice.db" ".backup changed.db"
	sqlite3 changed.db "UPDATE credential SET $change WHERE id = $slow"
	INRO_DB=sqlite:$T/changed.db refused 1 "record $slow says another $what than the certificate" inro db check
done <<'E'
serial number:serial = x'01'
SHA-256:fingerprint = zeroblob(32)
subject:subject = 'CN=somebody else'
key's SHA-256:key_hash = zeroblob(32)
beginning:not_before = not_before - 1
end:not_after = not_after + 86400
key type:algorithm = 'rsa-2048'
E

# An OPC UA application's RSA key decrypts as its certificate says, also the one that follows it; any other signs alone.
uses_of() { # LABEL
	inro key show "pkcs11:token=line;object=$1" --login | sed -n 's/^Use  *//p'
}
must inro device add ua --hostname ua.example --no-psk
must inro device provision ua --token line --ca issuing --profile opcua-application --type rsa-2048
must inro device add other --no-psk
must inro device provision other --token line --ca issuing --profile tls-client --type rsa-2048
[[ $(uses_of ua) == 'sign, decrypt' && $(uses_of other) == sign ]] || fail "uses: $(uses_of ua), $(uses_of other)"
must inro cert renew "$(inro cert list --device ua --json | value serial)" --new-key
[[ $(uses_of ua.2) == 'sign, decrypt' ]] || fail "uses of the next key: $(uses_of ua.2)"
