#!/usr/bin/env bash
# What a factory and an operator live through with 2500 devices (10 000 with INRO_TEST_THOROUGH): a tenant, CAs, groups and policies; devices
# imported, provisioned and certified; symmetric keys issued and opened by openssl; a group renewed; a device stolen;
# an algorithm replaced; the audit verified, and found broken after one byte was changed. Then, on SQLite, all of it
# copied to PostgreSQL, which answers the same. With INRO_TEST_DB=postgres the story is told on PostgreSQL.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
# shellcheck source=tests/lib/postgres.sh
. "$S/tests/lib/postgres.sh" || exit 1

devices=${INRO_TEST_STORY:-2500}
[[ -z ${INRO_TEST_THOROUGH:-} ]] || devices=10000
lines=5
keys=100
[[ -z $runtime ]] || devices=600 keys=20 ASAN_OPTIONS=detect_leaks=0 # libpq and the leak checker of gcc 12 don't agree
export INRO_PIN=123456 INRO_SO_PIN=87654321 ASAN_OPTIONS
cd "$T"
value() {
	sed -n "s/.*\"$1\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},\\{0,1\\}\$/\\1/p" | sed -n 1p
}
id_of() { printf 'dev-%05d' "$1"; }
certificates() { inro cert count | awk -v state="$1" '$1 == state { print $2 }'; }
count() { inro device count | awk -v state="$1" '$1 == state { print $2 }'; }

there=1
start_postgres story copied || there=
if [[ ${INRO_TEST_DB:-} == postgres ]]; then
	[[ $there ]] || skip "PostgreSQL is not installed: tools/check installs it"
	export INRO_DB=${pg_urls[0]}
fi

# ---- a tenant, its CAs, its groups and what holds in them ----

must inro token create ca
must inro token create line1
must inro tenant add acme
export INRO_TENANT=acme
must inro ca create root --token ca --type ec-p384 --subject "/O=Acme/CN=Acme Root"
must inro ca create issuing --token ca --parent root --subject "/O=Acme/CN=Acme Devices"
must inro secret seal-key --token ca
inro ca show root --out root.pem >/dev/null
inro ca show issuing --out issuing.pem >/dev/null
must inro group add plant --policy '{"ca": "issuing", "profile": "tls-client", "renew_days": 30, "key_days": 90}'
for ((i = 1; i <= lines; i++)); do
	must inro group add "plant/line$i"
done
must inro group update plant/line2 --policy '{"renew_days": 14, "key_types": ["ec-p256", "aes-256"]}'
inro group show plant/line2 >said
grep -q "renew_days.*14" said || fail "$(cat said)"
[[ -z $(INRO_TENANT=default inro ca list --json | value name) ]] || fail "another tenant sees the CAs"

# ---- devices ----

awk -v n="$devices" -v lines=$lines 'BEGIN {
	print "id,name,IP,MAC,host,OS,group"
	for (i = 1; i <= n; i++)
		printf "dev-%05d,プレス %d,10.0.%d.%d,00:11:22:33:%02x:%02x,host-%05d,Linux,plant/line%d\n",
			i, i, i / 256, i % 256, i / 256, i % 256, i, i % lines + 1
}' >devices.csv
must inro device import devices.csv >said
[[ $(count registered) == "$devices" ]] || fail "$(cat said): $(inro device count)"

# ---- certificates: some by the line's own token, the rest by requests ----

for i in 1 2 3; do
	must inro device provision "$(id_of $i)" --token line1 --ca issuing --profile tls-client --out "$(id_of $i).pem"
done
mkdir requests keys certs
for ((i = 4; i <= 3 + keys; i++)); do id_of $i && echo; done >first
for ((i = 4 + keys; i <= devices; i++)); do id_of $i && echo; done >rest
"$B/tests/make_csrs" ec-p256 requests keys <first
"$B/tests/make_csrs" ec-p256 requests <rest
must inro cert issue --ca issuing --profile tls-client --csr-dir requests --out-dir certs --devices >said
[[ $(find certs -name '*.pem' | wc -l) == $((devices - 3)) ]] || fail "$(cat said)"
[[ $(count active) == "$devices" ]] || fail "not every device is active: $(inro device count)"
cat certs/*.pem >all.pem
openssl verify -CAfile root.pem -untrusted issuing.pem -purpose sslclient certs/*.pem >out 2>&1 || fail "$(grep -v OK out)"
[[ $(grep -c ': OK$' out) == $((devices - 3)) ]] || fail "openssl saw $(grep -c OK out)"

# ---- symmetric keys, opened with what the devices have ----

for ((i = 4; i <= 3 + keys; i++)); do
	inro secret issue "$(id_of $i)" --type aes-256 --name storage
done >out 2>&1 || fail "$(cat out)"
must inro secret get --devices first --form cms --out wrapped.jsonl
must inro secret get --devices first --form raw --clear --out clear.jsonl
[[ $(wc -l <wrapped.jsonl) == "$keys" ]] || fail "$(tail -n 3 wrapped.jsonl)"
pairs() { sed -n 's/.*"device": \{0,1\}"\([^"]*\)".*"key": \{0,1\}"\([^"]*\)".*/\1 \2/p' "$1"; }
opened=0
while read -r id key <&3 && read -r same clear <&4; do
	printf '%b' "$key" >key.cms
	openssl cms -decrypt -in key.cms -inform PEM -inkey "keys/$id.key" -recip "certs/$id.pem" -binary -out key.bin 2>out ||
		fail "$id: $(cat out)"
	[[ $id == "$same" && $(od -An -v -tx1 key.bin | tr -d ' \n') == "$clear" ]] || fail "$id: another key"
	opened=$((opened + 1))
done 3< <(pairs wrapped.jsonl) 4< <(pairs clear.jsonl)
[[ $opened == "$keys" ]] || fail "$opened keys were opened"

# ---- a group is renewed: what has its key in the token at once, the rest is wanted of the devices ----

job() { inro job start "$@" --json >job.json || fail "the job ended badly: $(cat job.json)"; }
job renew --where 'kind=certificate state=active device.group=plant/line2' --csr-dir requests --out-dir renewed
[[ $(value state <job.json) == "done" && $(value failed <job.json) == 0 ]] || fail "$(cat job.json)"
[[ $(value "done" <job.json) == $((devices / lines)) ]] || fail "$(cat job.json)"
openssl verify -CAfile root.pem -untrusted issuing.pem renewed/*.pem >out 2>&1 || fail "$(grep -v OK out)"
[[ $(certificates superseded) == $((devices / lines)) ]] || fail "$(inro cert count)"
[[ $(certificates active) == $((devices + 2)) ]] || fail "$(inro cert count)"

# ---- an algorithm is replaced in the whole fleet ----

must inro group update plant/line2 --policy '{"renew_days": 14, "key_types": ["ed25519", "aes-256"]}'
mkdir new
for ((i = 1; i <= devices; i++)); do id_of $i && echo; done >everyone
"$B/tests/make_csrs" ed25519 new <everyone
job rekey --where 'kind=certificate state=active key_type=ec-p256 device.group^=plant' --csr-dir new --out-dir rekeyed
[[ $(value state <job.json) == "done" && $(value "done" <job.json) == "$devices" ]] || fail "$(cat job.json)"
inro cert list --where 'state=active key_type=ec-p256 device.group^=plant' --limit 10 --json >said
! grep -q '"serial"' said || fail "somebody still has the old algorithm: $(cat said)"
openssl verify -CAfile root.pem -untrusted issuing.pem rekeyed/*.pem >out 2>&1 || fail "$(grep -v OK out)"
[[ $(grep -c ': OK$' out) == "$devices" ]] || fail "openssl saw $(grep -c OK out)"
openssl x509 -in "rekeyed/$(id_of 5).pem" -noout -text >out
grep -q "Public Key Algorithm: ED25519" out || fail "not the new algorithm"

# ---- one is stolen ----

stolen=$(id_of 20) other=$(id_of 21)
must inro device delete "$stolen" --why "stolen from the yard"
must inro ca crl issuing --out issuing.crl
judge() {
	# DEVICE: openssl's word on its certificate, with the list
	openssl verify -crl_check -CAfile root.pem -untrusted issuing.pem -CRLfile issuing.crl "rekeyed/$1.pem" 2>&1
}
judge "$other" >out || fail "$other: $(cat out)"
judge "$stolen" >out && fail "the stolen one's certificate is still good"
grep -q "certificate revoked" out || fail "$(cat out)"
openssl crl -in issuing.crl -CAfile issuing.pem -noout >out 2>&1 || fail "$(cat out)"
openssl crl -in issuing.crl -noout -text >out
grep -A5 -i "$(openssl x509 -in "rekeyed/$stolen.pem" -noout -serial | sed 's/.*=//')" out >said
grep -q "Cessation Of Operation" said || fail "the list does not say why"
[[ $(count deleted) == 1 && $(count active) == $((devices - 1)) ]] || fail "$(inro device count)"
must inro secret list --device "$stolen" --json >said
grep -q '"state": "revoked"' said || fail "its key is still good: $(cat said)"
must inro device show "$stolen" >said
grep -q deleted said || fail "$(cat said)"

# ---- the audit ----

must inro audit verify >said
must inro db check

# what the office answers, in one file; events up to the one at which a copy began
events=$(($(inro audit list --json | grep -c '"action"') - 1))
answers() {
	{
		inro device list --json
		inro device count
		inro device list --where 'group=plant/line3 name^=プレス state=active' --limit 100 --json
		inro cert list --json
		inro cert list --due 300 --json
		inro secret list --json
		inro ca list --json
		inro group list --json
		inro tenant list --json
		inro device show "$other" --json
		inro device show "$stolen" --json
		inro device history "$stolen" --json
		inro cert show "$(openssl x509 -in "rekeyed/$other.pem" -noout -serial | sed 's/.*=//')" --json
		inro audit list --json | sed -n "1,${events}p"
	} >"$1"
}
broken() {
	# the office that INRO_DB names, one octet of whose database was changed
	inro audit verify >out 2>&1 && fail "a changed octet is not found"
	grep -qE "event ${1:-[0-9]+}" out || fail "$(cat out)"
}

if [[ ${INRO_TEST_DB:-} == postgres ]]; then
	must crash_postgres
	must inro db check
	psql=$(find /usr/lib/postgresql -name psql | tail -n 1)
	octet() { "$psql" -X -q -d "$INRO_DB" -c "UPDATE event SET actor = overlay(actor placing '$1' from 1 for 1) WHERE id = 7"; }
	was=$("$psql" -X -q -A -t -d "$INRO_DB" -c "SELECT substr(actor, 1, 1) FROM event WHERE id = 7")
	octet '#'
	broken 7
	octet "$was"
	must inro audit verify
	exit 0
fi

must inro db backup "$T/changed.db"
at=$(grep -abo 'stolen from the yard' changed.db | tail -n 1 | cut -d: -f1)
printf 'S' | dd of=changed.db bs=1 seek="$at" conv=notrunc status=none
INRO_DB=sqlite:$T/changed.db broken

# ---- and all of it on PostgreSQL ----

[[ $there ]] || exit 0
must inro db copy --to "${pg_urls[1]}" >said
grep -qE "^[0-9]+ rows were copied and compared" said || fail "$(cat said)"
answers here
export INRO_DB=${pg_urls[1]}
answers moved
cmp here moved || fail "PostgreSQL gives other answers: $(diff here moved | head -n 5)"
must inro db check
