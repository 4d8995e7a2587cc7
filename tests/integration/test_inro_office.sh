#!/usr/bin/env bash
# Devices and certificates by the command, through their life; openssl judges what is issued.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

export INRO_PIN=123456 INRO_SO_PIN=87654321
cd "$T"
value() {
	sed -n "s/.*\"$1\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},\\{0,1\\}\$/\\1/p" | sed -n 1p
}

must inro token create ca
must inro ca create root --token ca --type ec-p384 --subject "/O=Example/CN=Root"
must inro key generate --token ca --label own-key --type rsa-3072
must inro ca create issuing --parent root --key 'pkcs11:token=ca;object=own-key' --subject "/O=Example/CN=Issuing"
must inro ca list >list.txt
grep -qE '^issuing +active +root +yes' list.txt || fail "$(cat list.txt)"
must inro ca show root --out root.pem
must inro ca show issuing --out issuing.pem
openssl verify -CAfile root.pem issuing.pem >out 2>&1 || fail "$(cat out)"

inro ca show issuing --chain >chain.pem
[[ $(grep -c BEGIN chain.pem) == 2 && $(head -n 1 chain.pem) == -----BEGIN* ]] || fail "the chain is not PEM alone: $(cat chain.pem)"
inro ca show issuing --chain --json | has '"name": "issuing"' || fail "the chain as JSON has no name"
inro audit list | has 'not_after=2[0-9][0-9][0-9]-' || fail "times of events are not dates: $(inro audit list)"
inro help --completion bash >completion
[[ $(grep -c "^.'token') words='.*pin .*pin " completion) == 0 ]] || fail "pin is offered twice"
grep -q "'cert issue --profile') words='.*tls-client" completion || fail "profiles are not completed"

# ---- devices ----

must inro device add dev-1 --name "プレス 1" --ip 192.0.2.7 --mac 00:11:22:33:44:55 --hostname press1 --os Linux
must inro device update dev-1 --os "Linux 6"
[[ $(inro device show dev-1 --json | value os) == "Linux 6" ]] || fail "not updated"
[[ $(inro device show dev-1 --json | value ip) == 192.0.2.7 ]] || fail "what was not given has changed"
refused 2 "nothing to change" inro device update dev-1
# Who names none gets an id.
inro device add --name unnamed --json >made.json 2>why || fail "$(cat why)"
made=$(value id <made.json)
[[ $made =~ ^[0-9a-f]{16}$ && $(inro device show "$made" --json | value name) == unnamed ]] || fail "$(cat made.json)"
INRO_PSK=$(value psk <made.json) must inro psk verify "$made"
must inro device delete "$made"
refused 1 "1 to 64" inro device add ""
must inro device add dev-2
must inro device add other
[[ $(inro device list --prefix dev- --json | grep -c '"id"') == 2 ]] || fail "the prefix does not choose"

# ---- certificates ----

request() {
	# NAME, and the alternative name when it is not NAME.example
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.csr" \
		-subj "/CN=$1" -addext "subjectAltName=DNS:${2:-$1.example}" 2>/dev/null
}

issue() {
	must inro cert issue --ca issuing --profile "$2" --csr "$1.csr" --out "$1.pem" "${@:3}"
}

request dev-1
refused 1 "DNS:dev-1.example.*DNS:press1" inro cert issue --ca issuing --profile tls-client --csr dev-1.csr --device dev-1
issue dev-1 tls-client --device dev-1 --san DNS:dev-1.example
openssl verify -CAfile root.pem -untrusted issuing.pem -purpose sslclient dev-1.pem >out 2>&1 || fail "$(cat out)"
openssl x509 -in dev-1.pem -noout -pubkey | cmp - <(openssl pkey -in dev-1.key -pubout) || fail "another key"
inro device history dev-1 >shown
grep -qE 'certificate.issue +certificate:[0-9]+ +done' shown || fail "its certificates are not in its history: $(cat shown)"
request srv.example
issue srv.example tls-server --days 30
openssl verify -CAfile root.pem -untrusted issuing.pem -purpose sslserver srv.example.pem >out 2>&1 || fail "$(cat out)"
inro cert issue --ca issuing --profile tls-server --csr - <srv.example.csr >again.pem
echo junk >junk.csr
sed '3s/^..../AAAA/' dev-1.csr >torn.csr
refused 1 "junk.csr: certificate request: .*neither PEM nor DER" inro cert issue --ca issuing --profile tls-client --csr junk.csr
refused 1 "torn.csr: " inro cert issue --ca issuing --profile tls-client --csr torn.csr
refused 1 "junk.csr: " inro cert renew sha256:"$(openssl x509 -in srv.example.pem -noout -fingerprint -sha256 | sed 's/.*=//; s/://g')" --csr junk.csr
refused 1 "junk.csr: " inro ca certify issuing --csr junk.csr
refused 1 "junk.csr: the policy" inro group add junk --policy-file junk.csr
openssl x509 -in again.pem -noout || fail "no certificate on standard output"

# ---- a folder of requests ----

mkdir in
for n in a b c; do request "fleet-$n" && mv "fleet-$n.csr" in/; done
openssl req -in in/fleet-c.csr -outform DER -out in/fleet-c.der && rm in/fleet-c.csr
bulk() { inro cert issue --ca issuing --profile tls-client --csr-dir in --out-dir made "$@"; }
bulk >said || fail "the folder: $(cat said)"
grep -qE '^3 certificates issued, 0 had been before, 0 requests refused; .* a second$' said || fail "$(cat said)"
[[ $(ls made) == $'fleet-a.pem\nfleet-b.pem\nfleet-c.pem' ]] || fail "made: $(ls made)"
openssl verify -CAfile root.pem -untrusted issuing.pem -purpose sslclient made/*.pem >out 2>&1 || fail "$(cat out)"
mv made/fleet-a.pem kept.pem
echo rubbish >in/bad.csr
cp in/fleet-b.csr in/twice.csr
cp in/fleet-b.csr in/twice.pem
bulk --json >said 2>why && fail "bad requests are not told by the status"
[[ $(cat why) == *'"3 of 6 requests were refused; made/errors says why"'* ]] || fail "$(cat why)"
[[ $(value again <said) == 3 && $(value issued <said) == 0 && $(value refused <said) == 3 ]] || fail "$(cat said)"
cmp made/fleet-a.pem kept.pem || fail "not the same certificate again"
grep -q $'^bad.csr\tINRO_E_SYNTAX\t' made/errors || fail "$(cat made/errors)"
[[ $(grep -c "^twice" made/errors) == 2 && $(wc -l <made/errors) == 3 && ! -e made/twice.pem ]] || fail "$(cat made/errors)"
refused 1 "no CA 'nobody'" inro cert issue --ca nobody --profile tls-client --csr-dir in --out-dir made
[[ $(wc -l <made/errors) == 3 ]] || fail "a run that could not begin took away what an earlier one told"
rm in/bad.csr in/twice.*
bulk >said || fail "$(cat said)"
[[ ! -e made/errors ]] || fail "errors of an earlier run are left"
# The same request under two names; and nothing half is written by a run that is stopped.
request fleet-d && mv fleet-d.csr in/ && cp in/fleet-d.csr in/fleet-d2.csr
office_sql() { sqlite3 "$INRO_HOME/backoffice.db" "$1" || fail "sqlite3: $1"; }
office_sql "CREATE TRIGGER stop BEFORE INSERT ON credential BEGIN SELECT abs(-9223372036854775807 - 1); END"
rm -r made
bulk >said 2>why && fail "a run that can't record ended well"
grep -q 'stopped after 3 of 5 requests' why || fail "$(cat why)"
[[ $(ls made) == $'fleet-a.pem\nfleet-b.pem\nfleet-c.pem' ]] || fail "after a stop: $(ls made)"
office_sql "DROP TRIGGER stop"
sleep 1 # a new second: the time of the last certificate is set
bulk --json >said || fail "$(cat said made/errors)"
[[ $(value again <said) == 4 && $(value issued <said) == 1 ]] || fail "$(cat said)"
cmp made/fleet-d.pem made/fleet-d2.pem || fail "one request has two certificates"
# What is no file is told, and not waited for; a link to a file is one.
mkfifo in/pipe.csr && ln -s /dev/zero in/zero.csr && mv in/fleet-c.der kept.der && ln -s ../kept.der in/fleet-c.der
status=0
timeout 60 "$B/bin/inro" cert issue --ca issuing --profile tls-client --csr-dir in --out-dir made >said 2>why || status=$?
[[ $status == 1 ]] || fail "a pipe among the requests: status $status, $(cat why)"
[[ $(cat why) == "inro: 2 of 7 requests were refused; made/errors says why" ]] || fail "$(cat why)"
grep -q '^pipe.csr.*is a named pipe, not a regular file$' made/errors || fail "$(cat made/errors)"
grep -q '^zero.csr.*is a device, not a regular file$' made/errors || fail "$(cat made/errors)"
[[ -s made/fleet-c.pem && ! -e made/pipe.pem ]] || fail "made: $(ls made)"
rm in/pipe.csr in/zero.csr made/errors
refused 2 "one of --csr FILE and --csr-dir" inro cert issue --ca issuing --profile tls-client
refused 2 "go together" inro cert issue --ca issuing --profile tls-client --csr-dir in
refused 2 "for one request" inro cert issue --ca issuing --profile tls-client --csr-dir in --out-dir made --device dev-1
must inro cert issue --ca issuing --profile tls-server --csr srv.example.csr --request-id 4711 --out one.pem
must inro cert issue --ca issuing --profile tls-server --csr srv.example.csr --request-id 4711 --out two.pem
cmp one.pem two.pem || fail "the request id is not known again"

serial() { openssl x509 -in "$1" -noout -serial | sed 's/serial=//'; }
of() { inro cert show "$(serial "$1")" --json | value "$2"; }

[[ $(of dev-1.pem state) == active ]] || fail "not active"
[[ $(of dev-1.pem device) == dev-1 ]] || fail "not bound to its device"
[[ $(inro cert list --device dev-1 --json | grep -c '"serial"') == 1 ]] || fail "list by device"
[[ $(inro cert list --due 31 --json | grep -c '"serial"') -ge 1 ]] || fail "list of what is due"
must inro cert show "$(serial dev-1.pem)" --out same.der --format der
openssl x509 -in dev-1.pem -outform DER | cmp - same.der || fail "the DER is another"
inro cert show "$(serial dev-1.pem)" --format der | cmp - same.der || fail "the DER on standard output is another"
inro cert show "$(serial dev-1.pem)" --format pem | cmp - dev-1.pem || fail "the PEM on standard output is another"
inro cert show "$(serial dev-1.pem)" --out - | cmp - dev-1.pem || fail "the PEM by --out - is another"
inro cert show "$(serial dev-1.pem)" --out /dev/stdout | cmp - dev-1.pem || fail "the PEM by --out /dev/stdout is another"
ln -s linked.pem link.pem
: >linked.pem
must inro cert show "$(serial dev-1.pem)" --out link.pem
[[ -L link.pem ]] || fail "a link was replaced, not followed"
cmp linked.pem dev-1.pem || fail "the file behind a link is not written"
mkdir folder
refused 1 "nothing was done.*folder" inro cert show "$(serial dev-1.pem)" --out folder
print=$(openssl x509 -in dev-1.pem -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | cut -c1-16)
[[ $(inro cert show "$print" --json | value state) == active ]] || fail "not found by its fingerprint"

# ---- moves, and those that are not legal ----

crl_has() {
	inro ca crl issuing | openssl crl -noout -text | has -i "Serial Number: $(serial "$1")"
}

must inro cert hold "$(serial srv.example.pem)"
[[ $(of srv.example.pem state) == suspended ]] || fail "not on hold"
crl_has srv.example.pem || fail "what is on hold is not in the CRL"
must inro cert release "$(serial srv.example.pem)"
crl_has srv.example.pem && fail "what was released is still in the CRL"
refused 1 "active|release|hold" inro cert release "$(serial srv.example.pem)"

cp dev-1.csr first.csr
request dev-1 another.example
refused 1 "DNS:another.example" inro cert renew "$(serial dev-1.pem)" --csr dev-1.csr
request dev-1
mv dev-1.csr renewed.csr
mv first.csr dev-1.csr
must inro cert renew "$(serial dev-1.pem)" --csr renewed.csr --out renewed.pem
[[ $(of dev-1.pem state) == superseded ]] || fail "the old one is $(of dev-1.pem state)"
[[ $(of renewed.pem state) == active ]] || fail "the new one is not active"
[[ $(of renewed.pem device) == dev-1 ]] || fail "the new one has lost its device"

must inro cert revoke "$(serial srv.example.pem)" --reason superseded --why "test"
refused 1 "." inro cert release "$(serial srv.example.pem)"
must inro cert retire "$(serial srv.example.pem)"
must inro cert archive "$(serial srv.example.pem)"
[[ $(of srv.example.pem state) == archived ]] || fail "not archived"

must inro device disable dev-1 --why "repair"
refused 1 "dev-1" inro cert issue --ca issuing --profile tls-client --csr dev-1.csr --device dev-1
must inro device enable dev-1
must inro device delete dev-1 --json >deleted
[[ $(value revoked <deleted) -ge 1 ]] || fail "deleting revoked nothing: $(cat deleted)"
inro device show dev-1 | has '^Deleted  *2' || fail "nothing says when it was deleted: $(inro device show dev-1)"
crl_has renewed.pem || fail "a deleted device's certificate is not in the CRL"
[[ $(inro device list --json | grep -c '"id"') == 2 ]] || fail "the deleted one is listed"
[[ $(inro device list --all --json | grep -c '"id"') == 4 ]] || fail "the deleted one is gone"

must inro ca crl issuing --out list.der --format der
openssl crl -inform DER -in list.der -CAfile issuing.pem -noout >out 2>&1 || fail "$(cat out)"

# ---- profiles ----

for p in root-ca sub-ca tls-server tls-client mqtt-client opcua-application devid ocsp-signer ra-signer code-signing; do
	must inro profile show "$p" >"$p.ini"
	must inro profile check "$p.ini"
done
[[ $(inro profile list --json | grep -c '"name"') == 10 ]] || fail "not ten profiles: $(inro profile list)"
printf '[nonsense]\nx = 1\n' >bad.ini
refused 1 "bad.ini|nonsense" inro profile check bad.ini

# ---- audit ----

must inro audit verify
must inro audit list --subject device:dev-1 >events
grep -q 'repair' events || fail "the reason is not in the audit: $(cat events)"
must inro audit list --json >/dev/null
sqlite3 "$INRO_HOME/backoffice.db" "UPDATE event SET actor = 'somebody' WHERE id = 2" ||
	fail "could not tamper with the database"
refused 1 "audit event 2 .*; stop all writing, keep a copy of the database.*newest backup" inro audit verify
echo junk >junk.receipt
refused 1 "junk.receipt: that is no receipt" inro audit verify --receipt junk.receipt

# ---- groups, tenants, what is known of a device ----

must inro group add plant --policy '{"renew_days": 21}'
must inro group add plant/line1
refused 1 '"renewal"' inro group add plant/line2 --policy '{"renewal": 3}'
must inro device add dev-g --group plant/line1 --serial 0017 --attr "place=ホール 3" --attr "shift=2" \
	--anchor serial:Acme:0017 --anchor-store hardware
refused 1 "'dev-g'" inro device add dev-h --anchor serial:ACME:0017
refused 1 "no trust anchor" inro device add dev-h --anchor serial:Acme:unknown
must inro device update dev-g --attr shift=
inro device show dev-g >shown
grep -qE '^Group +plant/line1$' shown || fail "$(cat shown)"
grep -qE '^Attributes +place=ホール 3$' shown || fail "$(cat shown)"
inro device history dev-g >shown
[[ $(wc -l <shown) == 3 ]] || fail "$(cat shown)"
openssl ecparam -name prime256v1 -genkey -noout -out anchor.key
openssl pkey -in anchor.key -pubout -out anchor.pem
must inro device update dev-g --anchor-key anchor.pem
refused 1 "'dev-g'" inro device add dev-h --anchor-key anchor.pem
echo 'no key' >no-key.pem
refused 1 '^inro: no-key.pem: neither a public key nor a certificate' inro device add dev-h --anchor-key no-key.pem
refused 1 '^inro: no-key.pem: ' inro device add dev-h --anchor-ek no-key.pem
inro group show plant/line1 --json | has '"renew_days": 21' || fail "the policy is not inherited"
refused 1 "1 device and 0 groups" inro group delete plant/line1
must inro group update plant/line1 --path plant/line7
[[ $(inro device show dev-g --json | value group) == plant/line7 ]] || fail "not moved along"
must inro tenant add acme
[[ $(inro --tenant acme device list --json) == "[]" ]] || fail "a tenant sees another's devices"
INRO_TENANT=acme refused 1 "no device" inro device show dev-g
must inro --tenant acme device add dev-g --anchor-key anchor.pem
refused 1 "no tenant" inro --tenant nobody device list
inro tenant list | has '^acme ' || fail "the new tenant is not listed"

# ---- search ----

for n in 1 2 3 4 5; do
	must inro device add "pump-$n" --group plant --name "pump $n"
done
must inro device add other-1 --group plant
# A page is an array as the whole list is; the cursor is beside it.
inro device list --where 'group=plant state=registered name^=pump' --limit 3 --json >page 2>next
[[ $(grep -c '^    "id": "pump' page) == 3 && $(sed -n 1p page) == '[' ]] || fail "$(cat page)"
[[ $(cat next) =~ ^\{\"next\":\"([0-9a-f]+)\"\}$ ]] || fail "no cursor: $(cat next)"
cursor=${BASH_REMATCH[1]}
inro device list --where 'group=plant state=registered name^=pump' --limit 3 --after "$cursor" --json >page 2>next
[[ $(grep -c '^    "id": "pump' page) == 2 ]] || fail "$(cat page)"
[[ ! -s next ]] || fail "there is more behind the last page: $(cat next)"
inro device list --sort name --limit 1 | has '^there are more: --after [0-9a-f]*$' || fail "no cursor for people"
[[ $(inro device list --where 'group^=plant' --json | grep -c '"id"') == 7 ]] || fail "not those in the groups of a group"
refused 1 "its fields are id, name" inro device list --where 'colour=red'
inro device count | has -E '^registered +[0-9]+$' || fail "$(inro device count)"
inro device count --by group | has -E '^plant +6$' || fail "$(inro device count --by group)"

# ---- devices from a file ----

printf 'id,name,IP,MAC,host,OS,group\r\n00000000a1,"プレス, 1",192.0.2.1,00:11:22:33:44:01,p1,Linux,plant\r\n00000000a2,,,,,,\r\n' >fleet.csv
must inro device import fleet.csv
inro device import fleet.csv --json | has '"same": 2' || fail "the same file again changes something"
printf '00000000a3,,nowhere,,,,\n00000000a4,,,,,,\n00000000a1,other,,,,,\n' >>fleet.csv
refused 1 "bad rows: 2 of 5, see fleet.csv.errors; devices added: 1," inro device import fleet.csv
grep -q '^4: the IP address is like ' fleet.csv.errors || fail "$(cat fleet.csv.errors)"
grep -q "^6: device '00000000a1' is there" fleet.csv.errors || fail "$(cat fleet.csv.errors)"
refused 1 "bad rows: 1 of 5" inro device import fleet.csv --update --errors told
[[ $(inro device show 00000000a1 --json | value name) == other ]] || fail "not updated by the file"
refused 1 "nothing.csv" inro device import nothing.csv
printf '\xef\xbb\xbf00000000d1;"ポンプ; 1";192.0.2.31;00:11:22:33:44:31;p31;Linux\r\n00000000d2;;;001122334432\r\n' >nec.csv
echo 'of another day' >nec.csv.errors
[[ $(inro device import nec.csv --json | value added) == 2 ]] || fail "no device of a file without names of columns"
[[ ! -e nec.csv.errors ]] || fail "errors of nothing: $(cat nec.csv.errors)"
[[ $(inro device show 00000000d1 --json | value name) == 'ポンプ; 1' ]] || fail "$(inro device show 00000000d1)"
[[ $(inro device import <(cat nec.csv) --errors told --json | value same) == 2 ]] || fail "not by a pipe"
[[ $(inro device import - --errors told --json <nec.csv | value same) == 2 ]] || fail "not from standard input"
refused 2 "from standard input need --errors FILE" inro device import -
refused 1 'standard input is closed' sh -c "exec '$B/bin/inro' device import - --errors told <&-"
echo '{"id":"00000000d3","name":"line"}' >line.json
refused 1 'these are JSON lines, not CSV: give the format jsonl' inro device import line.json --errors told
[[ $(inro device import - --errors told --format jsonl --json <line.json | value added) == 1 ]] || fail "no JSON lines from standard input"
inro device export --format jsonl again.jsonl
[[ $(inro device import - --errors told --format jsonl --json <again.jsonl | value added) == 0 ]] || fail "JSON lines of an export are new"
[[ ! -e -.errors ]] || fail "a file of that name"
refused 2 "not standard input: it is read again" inro job start register --in -
must inro job start register --in nec.csv --json >job.json
[[ $(value total <job.json) == 2 ]] || fail "the job has another number of rows: $(cat job.json)"
iconv -f UTF-8 -t CP932 >sjis.csv <<'ROWS'
デバイスID,デバイス名,IPアドレス
00000000e1,プレス①号機,192.0.2.41
00000000e2,ﾎﾟﾝﾌﾟ 表示,bad
ROWS
refused 1 "--encoding shift_jis" inro device import sjis.csv
refused 1 "bad rows: 1 of 2" inro device import sjis.csv --encoding shift_jis
[[ $(inro device show 00000000e1 --json | value name) == プレス①号機 ]] || fail "$(inro device show 00000000e1)"
iconv -f UTF-8 -t UTF-8 sjis.csv.errors >/dev/null || fail "the errors are not in UTF-8"
inro job start update --in sjis.csv --encoding shift_jis >said 2>&1 && fail "a bad row is none"
has "1 was so already, 1 could not be" said || fail "$(cat said)"
refused 1 "--encoding is for rows" inro job start enable --where '' --encoding shift_jis
printf '\xff\xfei\0d\0' >utf16.csv
refused 1 "UTF-16" inro device import utf16.csv

# ---- a device that was deleted comes again ----

must inro device add sold --no-psk --anchor serial:Acme:4711 --json >sold.json
[[ $(value anchor_before <sold.json) == null ]] || fail "$(cat sold.json)"
must inro device delete sold
must inro group add strict --policy '{"anchor_again":false}'
refused 1 "was that of device 'sold'" inro device add resold --no-psk --anchor serial:Acme:4711 --group strict
has "anchor was that of device 'sold', which is deleted" <(must inro device add resold --no-psk --anchor serial:Acme:4711) ||
	fail "the anchor of a deleted device is not told"
[[ $(inro device show resold --json | value anchor_before) == sold ]] || fail "not shown"
must inro device delete resold
printf 'id,anchor\nnext,serial:acme:4711\n' >again.csv
must inro device import again.csv --json >again.json
grep -q '"before": "resold"' again.json || fail "$(cat again.json)"
must inro device delete next
printf 'id,anchor\nother-1,\nother-2,serial:acme:4711\nother-3,\n' >again.csv
must inro job start register --in again.csv --json >again.json
grep -q '"before": "next"' again.json || fail "$(cat again.json)"
grep -q '"row": "line 3"' again.json || fail "$(cat again.json)"
[[ $(value anchors_of_deleted <again.json) == 1 ]] || fail "$(cat again.json)"
has "With a deleted device's trust anchor *1" <(inro job show "$(sed -n 's/^  "id": \([0-9]*\).*/\1/p' again.json)") || fail "not shown"
must inro device delete other-2
printf 'id,anchor\nother-1,serial:acme:4711\n' >again.csv
has "; 1 has the trust anchor of a deleted device, as 'other-1' has that of 'other-2'" <(must inro job start update --in again.csv) ||
	fail "a job doesn't tell the anchor of a deleted device"

must inro device export out.csv --where 'id^=00000000a'
inro --tenant acme device import out.csv --json >/dev/null 2>&1 && fail "a group of another tenant was found"
must inro --tenant acme group add plant
[[ $(inro --tenant acme device import out.csv --json | value same) == 2 ]] || fail "what was exported is not what is imported"
cp out.csv kept.csv
refused 1 "its fields are id, name" inro device export out.csv --where 'colour=red'
cmp out.csv kept.csv || fail "a refused export has taken the file away"
must inro device export --out out.jsonl --format jsonl
[[ $(stat -c %a out.jsonl) == 600 ]] || fail "what was exported is everybody's to read"
inro device export --out /dev/fd/3 --where 'id^=00000000a' 3>&1 >/dev/null | diff out.csv - || fail "not the same into a pipe"
grep -q '"id":"00000000a1"' out.jsonl || fail "not in the JSON lines"

# ---- a device with more certificates than a page has ----
one=$(office_sql "SELECT id FROM credential WHERE cert IS NOT NULL AND device IS NOT NULL LIMIT 1")
of=$(office_sql "SELECT device_id FROM device WHERE id = (SELECT device FROM credential WHERE id = $one)")
before=$(inro device show "$of" --json | grep -c '"serial"')
{
	echo "BEGIN; CREATE TEMP TABLE more AS SELECT * FROM credential WHERE id = $one;"
	for ((i = 1; i <= 1001; i++)); do
		echo "UPDATE more SET id = 1000000 + $i, fingerprint = randomblob(32), serial = randomblob(16), request_id = NULL;"
		echo "INSERT INTO credential SELECT * FROM more;"
	done
	echo "COMMIT;"
} >more.sql
office_sql ".read more.sql"
[[ $(inro device show "$of" --json | grep -c '"serial"') == $((before + 1001)) ]] ||
	fail "of $((before + 1001)) certificates $(inro device show "$of" --json | grep -c '"serial"')"
