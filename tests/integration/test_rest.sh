#!/usr/bin/env bash
# The network's API under /v1 with stock curl: every route by those who may and by those who may not, answers as the
# OpenAPI document says, and what is wrong refused by its name.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
. "$INRO_TEST_SOURCE/tests/lib/agent.sh"
cd "$T"
for p in curl jq openssl; do command -v $p >/dev/null || skip "$p is not installed"; done
make_office
make_people
must inro profile show tls-client >/dev/null
python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is not installed"
openapi() { python3 "$INRO_TEST_SOURCE/tests/lib/openapi.py" "$@" || fail "openapi.py $*"; }
start_server

# As whom: "" is nobody, NAME has a session, dev has its id and pre-shared key.
declare -A header
# call WHO METHOD PATH [BODY]: the status; the answer is in `body`, and noted for openapi.py.
call() {
	local who=$1 method=$2 path=$3 args=()
	[[ $# -lt 4 ]] || args=(-H "Content-Type: ${kind:-application/json}" --data-binary "$4")
	[[ -z $who ]] || args+=(-H "Authorization: ${header[$who]}")
	curl -sS --max-time 20 --cacert root.pem -o body -D head -w '%{http_code} %{content_type}\n' -X "$method" "${args[@]}" \
		"${more[@]}" "$https$path" >said || fail "$method $path: curl $?"
	read -r status type <said
	location=$(sed -n 's/^[Ll]ocation: *\(.*\)\r/\1/p' head)
	if [[ $status == 304 || ! -s body || $type == *ndjson ]]; then
		jq -cs --arg m "$method" --arg p "$path" --arg t "$type" --argjson s "$status" --arg l "$location" \
			'{method: $m, path: $p, status: $s, type: $t, location: $l, body: .}' <body >>answers
	else
		jq -c --arg m "$method" --arg p "$path" --arg t "$type" --argjson s "$status" --arg l "$location" \
			'{method: $m, path: $p, status: $s, type: $t, location: $l, body: .}' <body >>answers || fail "no JSON: $(cat body)"
	fi
}
more=()
# wants STATUS WHO METHOD PATH [BODY]
wants() {
	local want=$1
	shift
	call "$@"
	[[ $status == "$want" ]] || fail "$* answers $status, not $want: $(cat body)"
}
is() { # FILTER: of the last answer
	[[ $(jq -r "$1" <body) == true ]] || fail "not $1: $(cat body)"
}
of() { jq -r "$1" <body; }
says() { # TEXT: the last problem does
	[[ $type == application/problem+json ]] || fail "no problem: $type"
	grep -qF -- "$1" body || fail "does not say '$1': $(cat body)"
}

# ---- who it is from ----

for who in alice bob carol plant/pat plant/default/alice; do
	wants 201 '' POST /v1/sessions "{\"name\":\"$who\",\"password\":\"$INRO_PASSWORD\"}"
	header[$who]="Bearer $(of .token)"
done
wants 200 bob GET /v1/whoami
is '.actor == "bob" and .role == "operator"'
wants 200 plant/default/alice GET /v1/whoami
is '.actor == "default/alice" and .role == "administrator"'
header[basic]="Basic $(printf 'bob:%s' "$INRO_PASSWORD" | base64)"
wants 200 basic GET /v1/whoami
for wrong in 'Basic !!!' 'Basic Ym9i' 'Basic Ym9iOndyb25n' 'Bearer inro_session_0' 'Bearer x' 'Digest a' 'Basic AAAA'; do
	header[wrong]=$wrong
	wants 401 wrong GET /v1/whoami
	grep -qi '^www-authenticate: Basic' head || fail "401 without a challenge"
done
wants 401 '' GET /v1/devices
wants 401 '' POST /v1/sessions '{"name":"alice","password":"wrong"}'
says 'wrong name or password'

# A browser with a password or a certificate sends them for pages of anybody, too.
for foreign in 'Sec-Fetch-Site: cross-site' 'Sec-Fetch-Site: same-site' 'Origin: https://elsewhere.example' 'Origin: null'; do
	more=(-H "$foreign")
	wants 403 basic POST /v1/devices/nobody/disable
	says 'another site'
	wants 200 basic GET /v1/whoami
done
for own in 'Sec-Fetch-Site: same-origin' "Origin: $https" 'Sec-Fetch-Site: none'; do
	more=(-H "$own")
	wants 404 basic POST /v1/devices/nobody/disable
done
more=()

# ---- the document ----

wants 200 '' GET /v1/openapi.json
cp body doc
openapi check doc
etag=$(sed -n 's/^[Ee][Tt]ag: *\(.*\)\r/\1/p' head)
more=(-H "If-None-Match: $etag")
wants 304 '' GET /v1/openapi.json
more=(-H 'If-None-Match: "another"')
wants 200 '' GET /v1/openapi.json
cmp -s body doc || fail "another document"
more=()

# ---- what seals secrets ----

wants 403 bob GET /v1/seal-key
wants 200 alice GET /v1/seal-key
is '.uri == null'
wants 400 alice POST /v1/seal-key '{}'
wants 400 alice POST /v1/seal-key '{"key":"pkcs11:token=office","token":"office"}'
wants 201 alice POST /v1/seal-key '{"token":"office"}'
sealing=$(of .uri)
wants 409 alice POST /v1/seal-key '{"token":"office"}'

# ---- devices ----

wants 201 bob POST /v1/devices '{"id":"press-1","name":"Press","ip":"192.0.2.7","attrs":{"line":3}}'
psk=$(of .psk)
header[dev]="Basic $(printf 'press-1:%s' "$psk" | base64 -w0)"
wants 409 bob POST /v1/devices '{"id":"press-1"}'
wants 200 carol GET /v1/devices/press-1
is '.state == "registered" and .attrs.line == 3 and (has("psk") | not)'
etag=$(sed -n 's/^[Ee][Tt]ag: *\(.*\)\r/\1/p' head)
more=(-H "If-Match: $etag")
wants 200 bob PATCH /v1/devices/press-1 '{"os":"Debian","ip":null}'
is '.os == "Debian" and .ip == null and .name == "Press"'
wants 412 bob PATCH /v1/devices/press-1 '{"os":"Other"}'
is '.detail | test("recorded") | not'
wants 404 plant/pat DELETE /v1/devices/press-1
is '.detail | test("recorded") | not'
more=(-H 'If-Match: *')
wants 200 bob PATCH /v1/devices/press-1 '{"os":"Other"}'
match='If-Match is for what has a GET of its own'
wants 400 bob POST /v1/devices '{"id":"matched"}'
says "$match"
wants 400 bob POST /v1/devices/press-1/enable
says "$match"
kind=application/x-ndjson
wants 400 bob POST /v1/batch '{"command":"device add","in":{"id":"matched"}}'
says "$match"
kind=
more=()
wants 404 carol GET /v1/devices/matched
# What stands in the query is not passed over in silence.
wants 400 bob POST '/v1/devices?no_psk=true' '{"id":"asked"}'
says "no parameter 'no_psk' here: what this takes is in its body"
wants 400 bob POST '/v1/devices/press-1/disable?why=lost'
wants 400 bob PATCH '/v1/devices/press-1?os=None' '{}'
wants 404 carol GET /v1/devices/asked
wants 404 carol GET /v1/devices/none
wants 404 plant/pat GET /v1/devices/press-1
wants 404 plant/pat DELETE /v1/devices/press-1
wants 200 plant/pat GET '/v1/events?action=device.delete&actor=pat'
is '[.items[].outcome] == ["refused","refused"]'
wants 200 carol GET '/v1/events?action=device.update&actor=bob'
is '[.items[].outcome] == ["done","refused","done"]'
wants 201 plant/pat POST /v1/devices '{"id":"press-1","no_psk":true}'
is 'has("psk") | not'
wants 200 bob POST /v1/devices/press-1/disable '{"why":"test"}'
wants 401 dev GET /v1/device/self
wants 200 bob POST /v1/devices/press-1/enable
wants 200 carol GET '/v1/devices/press-1/events?limit=2'
is '(.items | length) == 2 and .next != null'
wants 200 carol GET "/v1/devices/press-1/events?after=$(of .next)"
wants 200 carol GET /v1/counts/devices
is '[.items[] | select(.what == "active")][0].n == 1'
wants 400 carol GET '/v1/counts/devices?by=colour'

# A list in pages, and as lines.
for i in 1 2 3 4 5 6 7; do wants 201 bob POST /v1/devices "{\"id\":\"m-$i\",\"no_psk\":true}"; done
after='' seen=''
while :; do
	wants 200 carol GET "/v1/devices?prefix=m-&limit=3${after:+&after=$after}"
	seen+=$(of '.items[].id')' '
	after=$(of '.next // ""')
	[[ -n $after ]] || break
done
[[ ${seen//$'\n'/ } == 'm-1 m-2 m-3 m-4 m-5 m-6 m-7 ' ]] || fail "pages have $seen"
more=(-H 'Accept: application/x-ndjson')
wants 200 carol GET '/v1/devices?prefix=m-'
[[ $(jq -r .id <body | tr '\n' ' ') == 'm-1 m-2 m-3 m-4 m-5 m-6 m-7 ' ]] || fail "lines have $(cat body)"
more=()
wants 200 carol GET '/v1/devices?where=name%3DPress&sort=name'
is '(.items | length) == 1'

# What was made is where Location says.
is_there() { # WHO: he finds it there
	local there=$location
	[[ -n $there ]] || fail "no Location: $(cat head)"
	wants 200 "$1" GET "$there"
}
wants 201 bob POST /v1/devices '{"id":"x:1","no_psk":true}'
[[ $location == /v1/devices/x%3A1 ]] || fail "Location: $location"
is_there carol
is '.id == "x:1"'

# The same request again is not done again.
more=(-H 'Idempotency-Key: add-1')
wants 201 alice POST /v1/groups '{"path":"line1","policy":{"renew_days":30}}'
first=$(<body)
wants 201 alice POST /v1/groups '{"path":"line1","policy":{"renew_days":30}}'
[[ $(<body) == "$first" ]] || fail "another answer: $(cat body)"
grep -qi '^idempotent-replayed: true' head || fail "it was done again"
[[ $location == /v1/groups/line1 ]] || fail "Location of what was done before: $location"
wants 422 alice POST /v1/groups '{"path":"line2"}'
says 'used for another request'
more=(-H 'Idempotency-Key: add-2')
wants 201 bob POST /v1/devices '{"id":"press-2"}'
told=$(of .psk)
wants 409 bob POST /v1/devices '{"id":"press-2"}'
says 'its answer was not kept'
more=(-H 'Idempotency-Key: add-3')
wants 201 bob POST /v1/devices '{"id":"press-3","no_psk":true}'
wants 201 bob POST /v1/devices '{"id":"press-3","no_psk":true}'
# A server was killed at it: after its first change it is not done again, before that it is.
cut_off() { # STATUS: of the newest request by a key
	python3 - "$1" <<-'END'
		import sqlite3, sys
		d = sqlite3.connect("home/backoffice.db")
		d.execute("UPDATE reply SET status = ?, body = NULL, created_ms = created_ms - 61000 WHERE id = (SELECT max(id) FROM reply)", (int(sys.argv[1]),))
		d.commit()
	END
}
cut_off 1
wants 409 bob POST /v1/devices '{"id":"press-3","no_psk":true}'
says 'cut off'
more=(-H 'Idempotency-Key: add-4')
wants 201 bob POST /v1/devices '{"id":"press-4","no_psk":true}'
cut_off 0
wants 409 bob POST /v1/devices '{"id":"press-4","no_psk":true}'
says 'press-4'
! grep -aqF "$told" home/backoffice.db* || fail "a pre-shared key is in the database"
more=()
wants 409 alice POST /v1/groups '{"path":"line1"}'

# ---- groups ----

wants 201 alice POST /v1/groups '{"path":"line1/cell"}'
is_there carol
is '.holds.renew_days == 30'
wants 200 alice PATCH /v1/groups/line1 '{"policy":{"renew_days":31}}'
wants 200 carol GET '/v1/groups?under=line1'
is '[.items[].path] == ["line1","line1/cell"]'
wants 204 alice DELETE /v1/groups/line1/cell
wants 400 alice POST /v1/groups '{"path":"line3","policy":{"nothing":1}}'
says nothing
wants 200 bob PATCH /v1/devices/press-1 '{"group":"line1"}'
wants 201 alice POST /v1/groups '{"path":"line9"}'
wants 200 carol GET '/v1/counts/devices?by=group&limit=1'
is '.items == [{"what":"line1","n":1}] and .next != null'
wants 200 carol GET "/v1/counts/devices?by=group&after=$(of .next)"
is '.items == [{"what":"line9","n":0}] and .next == null'

# ---- pre-shared keys ----

D=/v1/devices/press-2
wants 200 bob GET "$D/psk"
psk2=$(of .psk)
wants 403 carol GET "$D/psk"
wants 200 carol GET "$D/psk/state"
is 'has("psk") | not'
wants 200 bob POST "$D/psk/verify" "$(jq -nc --arg p "$psk2" '{psk: $p}')"
is .verified
wants 200 bob POST "$D/psk/verify" '{"psk":"wrong"}'
is '.verified == false'
# A request may hold a secret: what is kept of two that are the same tells by no hash that they are.
for key in once-1 once-2; do
	more=(-H "Idempotency-Key: $key")
	wants 200 bob POST "$D/psk/verify" "$(jq -nc --arg p "$psk2" '{psk: $p}')"
done
more=()
python3 - <<-'END' || fail "the same request has the same hash by two keys"
	import sqlite3
	d = sqlite3.connect("home/backoffice.db")
	raise SystemExit(len({r[0] for r in d.execute("SELECT digest FROM reply ORDER BY id DESC LIMIT 2")}) != 2)
END
wants 204 bob POST "$D/psk/release"
wants 200 bob POST "$D/psk/rotate" '{"grace":60}'
is '.psk | length > 8'
# What opens a secret is not compared, and no header tells something of one.
wants 200 bob GET "$D/psk"
! grep -qi '^etag:' head || fail "a tag of a pre-shared key"
more=(-H 'If-Match: *')
wants 400 bob DELETE "$D/psk"
says "$match"
more=()
wants 200 bob DELETE "$D/psk"
wants 201 bob POST "$D/psk"
wants 422 bob POST "$D/psk/rotate" '{"psk":"short"}'

# ---- errands ----

wants 201 bob POST /v1/errands '{"verb":"renew","device":"press-1"}'
wants 201 bob POST /v1/errands '{"verb":"run","name":"hello","where":"id=press-1"}'
is '.devices == 1'
wants 400 bob POST /v1/errands '{"verb":"renew"}'
wants 400 bob POST /v1/errands '{"verb":"dance","device":"press-1"}'
wants 404 bob POST /v1/errands '{"verb":"renew","device":"nobody"}'
wants 403 carol POST /v1/errands '{"verb":"renew","device":"press-1"}'
wants 200 carol GET '/v1/errands?open=true'
is '[.items[].verb] == ["renew","run"]'
errand=$(of '.items[0].id')
wants 200 dev GET /v1/device/self
is '[.errands[].verb] == ["renew","run"]'
wants 200 dev POST "/v1/device/self/errands/$errand" '{"done":true,"answer":"it is new"}'
wants 409 dev POST "/v1/device/self/errands/$errand" '{"done":false}'
wants 404 dev POST /v1/device/self/errands/4711 '{"done":true}'
wants 409 bob POST "/v1/errands/$errand/cancel"
wants 200 bob POST "/v1/errands/$((errand + 1))/cancel"
is '.state == "cancelled"'

# ---- certificates ----

openssl ecparam -name prime256v1 -genkey -noout -out key
openssl req -new -key key -subj /CN=press-1 -out csr
csr() { jq -nc --rawfile csr csr "{csr: \$csr} + $1"; }
wants 201 bob POST /v1/certificates "$(csr '{ca:"root",profile:"tls-client",device:"press-1",request_id:"r1"}')"
of .pem >cert.pem
id=$(of .id)
wants 201 bob POST /v1/certificates "$(csr '{ca:"root",profile:"tls-client",device:"press-1",request_id:"r1"}')"
[[ $(of .id) == "$id" ]] || fail "the same request gave another certificate"
is_there carol
is ".id == $id"
openssl verify -CAfile root.pem cert.pem >/dev/null || fail "the certificate does not verify"
wants 422 bob POST /v1/certificates "$(csr '{ca:"root",profile:"tls-client",device:"press-2"}')"
wants 404 bob POST /v1/certificates "$(csr '{ca:"none",profile:"tls-client"}')"
# A device with its first certificate, or neither.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key5 -subj /CN=press-5 -out csr5 2>/dev/null
csr5() { jq -nc --rawfile csr csr5 "{id: \"press-5\", csr: \$csr} + $1"; }
wants 404 bob POST /v1/devices "$(csr5 '{ca:"none",profile:"tls-client"}')"
wants 400 bob POST /v1/devices "$(csr5 '{ca:"root",profile:"tls-client",sans:["DNS:no host"]}')"
wants 400 bob POST /v1/devices "$(csr5 '{ca:"root"}')"
says "'csr' needs 'ca' and 'profile'"
wants 400 bob POST /v1/devices '{"id":"press-5","ca":"root"}'
says "'ca' goes with 'csr'"
wants 422 bob POST /v1/devices "$(csr '{id:"press-5",ca:"root",profile:"tls-client"}')" # another's key
wants 403 carol POST /v1/devices "$(csr5 '{ca:"root",profile:"tls-client"}')"
wants 404 bob GET /v1/devices/press-5
more=(-H 'Idempotency-Key: both-5')
wants 201 bob POST /v1/devices "$(csr5 '{ca:"root",profile:"tls-client",no_psk:true,name:"Fifth"}')"
is '.state == "active" and .name == "Fifth" and .certificate.device == "press-5" and (has("psk") | not)'
first=$(<body)
wants 201 bob POST /v1/devices "$(csr5 '{ca:"root",profile:"tls-client",no_psk:true,name:"Fifth"}')"
[[ $(<body) == "$first" ]] || fail "another answer: $(cat body)"
more=()
wants 409 bob POST /v1/devices "$(csr5 '{ca:"root",profile:"tls-client"}')"
wants 200 bob GET '/v1/certificates?device=press-5'
is '(.items | length) == 1'
wants 200 carol GET /v1/devices/press-5/events
is '[.items[].action] | sort | unique == ["certificate.issue","device.activate","device.add"]'
wants 400 bob POST /v1/certificates '{"csr":"no request","ca":"root","profile":"tls-client"}'
C=/v1/certificates/id:$id
wants 200 carol GET "$C"
wants 200 carol GET "$C/chain"
[[ $(of .pem | grep -c BEGIN) == 2 ]] || fail "no chain"
wants 200 carol GET "$C/chain?format=pkcs7"
[[ $(of .pem | openssl pkcs7 -print_certs | grep -c BEGIN) == 2 ]] || fail "no PKCS#7: $(cat body)"
wants 400 carol GET "$C/chain?format=p12"
both() { jq -nc --rawfile c "$1" --rawfile i "$2" '{cert: $c, issuer: $i}'; }
wants 200 carol POST /v1/checks/certificate "$(both cert.pem root.pem)"
is '.valid and .broken == []'
wants 200 carol POST /v1/checks/certificate "$(jq -nc --rawfile c root.pem '{cert: $c}')"
is .valid
wants 400 carol POST /v1/checks/certificate "$(jq -nc --rawfile c cert.pem '{cert: $c}')"
says issuer
wants 400 carol POST /v1/checks/certificate "$(both csr root.pem)"
openssl req -x509 -key key -subj /CN=weak -out weak.pem -addext basicConstraints=CA:TRUE -addext keyUsage=keyCertSign
wants 200 carol POST /v1/checks/certificate "$(both weak.pem weak.pem)"
is '(.valid | not) and (.broken | length) > 0 and (.broken[0].rule | type) == "string"'
wants 200 carol GET '/v1/certificates?device=press-1&state=active'
is '(.items | length) == 1 and (.items[0] | has("pem") | not)'
wants 200 carol GET /v1/counts/certificates
wants 200 bob POST "$C/hold" '{"why":"lost"}'
wants 200 bob POST "$C/release"
openssl req -new -key key -subj /CN=press-1 -out csr
wants 201 bob POST "$C/renew" "$(csr '{}')"
new=/v1/certificates/id:$(of .id)
wants 200 bob POST "$C/retire" '{"cause":"replaced"}'
wants 200 bob POST "$C/archive"
wants 200 alice POST "$C/destroy"
is '.evidence != null'
wants 409 bob POST "$C/hold"
wants 200 bob POST "$new/revoke" '{"reason":"keyCompromise","invalid_at":"2026-01-01T00:00:00Z"}'
is '.state == "revoked" and (.also_revoked | type) == "array"'
wants 201 bob POST /v1/made-keys '{"ca":"root","profile":"tls-client","device":"press-2","keep":true}'
made=/v1/certificates/id:$(of .id)
of .key >made.key
openssl pkey -in made.key -noout || fail "no key was made"
wants 200 bob POST "$made/key"
[[ $(of .key) == "$(<made.key)" ]] || fail "another key is kept"

# A profile that wants approval.
wants 200 carol GET /v1/profiles/tls-client
of .text | sed 's/^name *=.*/name = slow/' >slow
printf '\n[issuing]\napprove = yes\n' >>slow
wants 200 carol POST /v1/checks/profile "$(jq -Rsc '{text: .}' <slow)"
is '.valid and .name == "slow"'
wants 200 carol POST /v1/checks/profile '{"text":"[nothing]"}'
is '(.valid | not) and (.wrong | length) > 0'
wants 201 alice POST /v1/profiles "$(jq -Rsc '{text: .}' <slow)"
wants 409 alice POST /v1/profiles "$(jq -Rsc '{text: .}' <slow)"
wants 200 alice PUT /v1/profiles "$(jq -Rsc '{text: .}' <slow)"
is '.version == 2'
wants 200 carol GET /v1/profiles/slow/history
is '[.items[].version] == [1, 2]'
wants 200 carol GET /v1/profiles
wants 409 alice POST /v1/profiles '{"text":"[nothing]"}'
openssl req -new -key key -subj /CN=press-1 -out csr
openssl ecparam -name prime256v1 -genkey -noout -out key2
long_request 60000 press-1 key2 -out csr # as long as one of SLH-DSA
for what in reject approve; do
	wants 202 bob POST /v1/certificates "$(csr '{ca:"root",profile:"slow",device:"press-1"}')"
	is '.state == "requested"'
	wait=/v1/certificates/id:$(of .id)
	wants 200 carol GET "$wait"
	is '.request != null'
	wants 422 bob POST "$wait/approve"
	wants 200 alice POST "$wait/$what" '{"why":"seen"}'
done
is '.state == "active"'
wants 204 alice DELETE /v1/profiles/slow

# ---- symmetric keys ----

wants 201 bob POST /v1/secrets '{"device":"press-1","type":"aes-256","name":"camera"}'
K=/v1/secrets/$(of .id)
wants 400 bob POST /v1/secrets '{"device":"press-1","type":"rot-13"}'
wants 200 carol GET "$K"
wants 200 carol GET '/v1/secrets?device=press-1'
wants 200 bob POST "$K/get" '{"form":"raw"}'
raw=$(of .key)
wants 403 carol POST "$K/get" '{"form":"raw"}'
wants 200 bob POST "$K/verify" "{\"key\":\"$raw\"}"
is .verified
wants 200 bob POST "$K/verify" '{"key":"00"}'
is '.verified == false'
mac=$(printf 'message' | openssl mac -cipher AES-256-CBC -macopt hexkey:"$raw" CMAC)
wants 200 bob POST "$K/verify" "{\"mac\":\"$mac\",\"message\":\"$(printf message | xxd -p)\"}"
is .verified
wants 400 bob POST "$K/verify" '{"mac":"00"}'
wants 201 bob POST "$K/renew" '{"grace":60}'
N=/v1/secrets/$(of .id)
wants 200 bob POST "$N/hold"
wants 409 bob POST "$N/get" '{"form":"raw"}'
wants 200 bob POST "$N/release"
wants 200 bob POST "$N/revoke"
wants 200 bob POST "$N/retire"
wants 200 bob POST "$N/archive"
wants 200 bob DELETE "$K?why=over&evidence=true"
is '.state == "destroyed" and .evidence != null'

# ---- what a device asks for itself ----

S=/v1/device/self
wants 200 dev GET "$S"
is '.id == "press-1" and .policy.renew_days == 31 and (.certificates | length) == 1'
wants 403 alice GET "$S"
wants 200 carol GET '/v1/events?action=command&actor=alice'
is '.items | map(select(.outcome == "refused" and .subject == "command:self show")) | length == 1'
wants 401 dev GET /v1/devices
wants 201 dev POST "$S/certificates" "$(csr '{ca:"root",profile:"tls-client"}')"
own=$S/certificates/id:$(of .id)
of .pem >dev.pem
header[cert]=
more=(--cert dev.pem --key key2)
call '' GET $S
[[ $status == 200 ]] || fail "the certificate of a device is not enough: $(cat body)"
call '' GET /v1/devices
[[ $status == 403 ]] || fail "a device's certificate lists devices: $status"
more=()
wants 201 dev POST "$own/renew" "$(csr '{}')"
own=$S/certificates/id:$(of .id)
wants 404 dev POST "$S/certificates/${made##*/}/revoke"
wants 200 carol GET '/v1/events?action=command&actor=device:press-1'
is '.items | map(select(.outcome == "refused" and .subject == "command:self revoke")) | length == 1'
wants 200 dev POST "$own/revoke" '{"reason":"cessationOfOperation"}'
wants 201 dev POST "$S/secrets" '{"type":"aes-128"}'
own=$S/secrets/$(of .id)
wants 200 dev POST "$own/get" '{"form":"raw"}'
wants 201 dev POST "$own/renew"
wants 201 bob POST /v1/secrets '{"device":"press-2","type":"aes-128"}'
wants 404 dev POST "$S/secrets/$(of .id)/get" '{"form":"raw"}'
wants 200 dev POST "$S/psk/rotate"
header[dev]="Basic $(printf 'press-1:%s' "$(of .psk)" | base64 -w0)"
wants 200 dev GET "$S"

# ---- a device that has nothing but a TPM ----

A=/v1/device/attest
mkdir tpm other
for f in tpm other; do
	openssl genrsa -out $f/ek.pem 2048 2>/dev/null
	for k in ak key; do openssl ecparam -genkey -name prime256v1 -noout -out $f/$k.pem; done
	openssl req -new -key $f/key.pem -subj /CN=tpm-1 -out $f/csr.pem
done
pretend() { "$B/tests/pretend_tpm" "$@"; }
challenge_for() { # TPM DEVICE: asks for a challenge
	wants 200 '' POST $A/challenge "$(jq -nc --arg d "$2" --arg e "$(pretend "$1" evidence 00)" '{device:$d,evidence:$e}')"
	is '(.nonce | length) == 64 and .seconds == 120'
	nonce=$(of .nonce)
	secret=$(pretend "$1" activate "$(of .challenge)")
}
answer_for() { # TPM DEVICE [FILTER]: the body of the answer
	jq -nc --arg d "$2" --arg n "$nonce" --arg a "$secret" --arg e "$(pretend "$1" evidence "$nonce")" \
		--rawfile c "$1/csr.pem" "{device:\$d,nonce:\$n,answer:\$a,evidence:\$e,csr:\$c,label:\"root.tls-client\"} ${3:-}"
}
ek=$(openssl pkey -in tpm/ek.pem -pubout -outform DER | sha256sum | cut -d' ' -f1)
wants 201 bob POST /v1/devices "{\"id\":\"tpm-1\",\"no_psk\":true,\"anchor\":\"ek:$ek\",\"anchor_store\":\"hardware\"}"
challenge_for tpm tpm-1
done=$(answer_for tpm tpm-1)
wants 201 '' POST $A/certificate "$done"
is '.state == "active" and .device == "tpm-1" and .profile == "tls-client"'
of .pem | openssl x509 -noout -pubkey | cmp - <(openssl pkey -in tpm/key.pem -pubout) || fail "for another key"
wants 401 '' POST $A/certificate "$done" # once
says 'wrong device, TPM or answer'
jq 'del(.instance)' body >once
for other in 'other tpm-1' 'tpm nobody' 'tpm plant/tpm-1'; do
	read -r which device <<<"$other"
	challenge_for "$which" "$device"
	wants 401 '' POST $A/certificate "$(answer_for "$which" "$device")"
	jq 'del(.instance)' body | cmp - once || fail "$other is refused otherwise: $(cat body)"
done
challenge_for tpm tpm-1
wants 422 '' POST $A/certificate "$(answer_for tpm tpm-1 "+ {evidence: \"$(pretend tpm evidence 00)\"}")"
says 'not an answer to this nonce'
challenge_for tpm tpm-1
cp other/csr.pem tpm/csr.pem
wants 422 '' POST $A/certificate "$(answer_for tpm tpm-1)"
says 'another key than the one that is claimed'
wants 400 '' POST $A/challenge '{"device":"tpm-1","evidence":"xyz"}'
wants 400 '' POST $A/challenge '{"device":"tpm-1","evidence":"00"}'
wants 400 '' POST $A/challenge '{"device":"tpm-1"}'
wants 400 '' POST $A/certificate '{"device":"tpm-1","nonce":"00"}'
wants 200 bob GET '/v1/events?action=device.attest'
is '[.items[].outcome] | sort == ["done","refused","refused","refused","refused","refused"]'

# An id with a colon, which HTTP's Basic has no place for.
wants 201 bob POST /v1/devices '{"id":"00:11:22:33:44:55"}'
header[mac]="Basic $(printf '00%%3a11%%3A22%%3A33%%3A44%%3A55:%s' "$(of .psk)" | base64 -w0)"
wants 200 mac GET "$S"
is '.id == "00:11:22:33:44:55"'

# ---- CAs ----

wants 201 alice POST /v1/cas '{"name":"issuing","subject":"CN=Issuing","parent":"root","token":"office"}'
is '.issues and .parent == "root"'
wants 400 alice POST /v1/cas '{"name":"x","subject":"CN=X"}'
wants 400 alice POST /v1/cas '{"name":"x","subject":"CN=X","token":"office","crl_shards":2}'
is '.detail | test("address of the lists")'
wants 403 bob POST /v1/cas '{"name":"x","subject":"CN=X","token":"office"}'
wants 200 carol GET /v1/cas
is '[.items[].name] == ["root", "issuing"]'
wants 200 carol GET /v1/cas/issuing
wants 200 carol GET /v1/cas/issuing/chain
wants 200 alice PATCH /v1/cas/issuing '{"crl_days":3,"crl_url":"http://pki.example/issuing.crl"}'
is '.crl_days == 3'
wants 200 bob POST /v1/cas/root/crl
of .pem | openssl crl -noout -text | has 'Key Compromise' || fail "the list lacks what was revoked"
is '.ca == "root" and .base == null and .shard == null'
base=$(of .number)
wants 200 bob POST /v1/cas/root/crl '{"delta":true}'
is ".base == $base"
of .pem | openssl crl -noout -text | has 'Delta CRL Indicator' || fail "no delta: $(cat body)"
wants 403 carol POST /v1/cas/root/crl '{"delta":true}'
call bob POST /v1/cas/root/crl '{"shard":1}'
[[ $status == 4?? ]] || fail "a shard of what is not divided: $(cat body)"
wants 200 alice POST /v1/cas/issuing/rollover '{"token":"office","label":"issuing2","crl_url":"http://pki.example/issuing2.crl"}'
wants 404 carol GET /v1/cas/issuing/links
wants 201 alice POST /v1/cas '{"name":"top","subject":"CN=Top","token":"office"}'
wants 201 alice POST /v1/cas '{"name":"wide","subject":"CN=Wide","token":"office","crl_shards":2,"crl_url":"http://pki.example/${shard}"}'
is '.crl_shards == 2'
wants 200 bob POST /v1/cas/wide/crl '{"shard":2}'
is '.ca == "wide" and .shard == 2'
wants 200 alice POST /v1/cas/top/rollover '{"token":"office","label":"top2"}'
wants 200 carol GET /v1/cas/top/links
is '.generation == 2'
wants 200 bob POST /v1/cas/top/crl '{"generation":1}'
wants 404 bob POST /v1/cas/top/crl '{"generation":9}'
wants 200 carol GET /v1/cas/top/links
of .new_with_old >new_with_old.pem
wants 404 carol GET '/v1/cas/top/links?generation=9'
inro --json ca links top | jq -r .new_with_old | cmp - new_with_old.pem || fail "other links than the command's"
wants 200 carol GET '/v1/cas/top/chain?format=pkcs7'
wants 200 carol GET /v1/cas/issuing/ocsp
is '.signer == "delegated" and .minutes == 60'
wants 403 bob PATCH /v1/cas/issuing/ocsp '{"minutes":5}'
wants 400 alice PATCH /v1/cas/issuing/ocsp '{"minutes":0}'
wants 200 alice PATCH /v1/cas/issuing/ocsp '{"minutes":5,"id":"name","signer":"ca"}'
is '.signer == "ca" and .minutes == 5 and .id == "name"'
wants 200 alice PATCH /v1/cas/issuing/ocsp '{"signer":"delegated","token":null}'
is '.signer == "delegated" and .minutes == 5 and .token == null'
wants 200 carol GET /v1/cas/issuing/cmp
is '.signer == "delegated" and .by_ca == false'
wants 403 bob PATCH /v1/cas/issuing/cmp '{"signer":"off"}'
wants 422 alice PATCH /v1/cas/issuing/cmp '{"signer":"ca"}'
wants 200 alice PATCH /v1/cas/issuing/cmp '{"signer":"off"}'
is '.signer == "off" and .key_uri == null'
wants 200 alice PATCH /v1/cas/issuing/cmp '{"signer":"delegated","token":null}'
is '.signer == "delegated" and .token == null'
wants 200 carol GET /v1/cas/issuing/keys
is '(.items | length) == 1'
openssl ecparam -name prime256v1 -genkey -noout -out key3
openssl req -new -key key3 -subj /CN=Others -out ca.csr
wants 201 alice POST /v1/cas/root/certify "$(jq -nc --rawfile csr ca.csr '{csr: $csr}')"
wants 201 alice POST /v1/cas '{"name":"ours","subject":"CN=Ours","token":"office","external":true}'
is '.state == "pending"'
wants 200 carol GET /v1/cas/ours/csr
of .pem >ours.csr
wants 409 carol GET /v1/cas/root/csr
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout up.key -subj /CN=Up -out up.pem -days 100 2>/dev/null
openssl x509 -req -in ours.csr -CA up.pem -CAkey up.key -days 50 -copy_extensions copy -out ours.pem -extfile <(
	printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid') \
	2>/dev/null
wants 200 alice POST /v1/cas/ours/activate "$(jq -nc --rawfile c ours.pem --rawfile u up.pem '{cert: $c, chain: $u}')"
wants 200 alice POST /v1/cas/ours/retire
wants 201 alice POST /v1/cas '{"name":"never","subject":"CN=Never","token":"office","external":true}'
wants 200 alice POST /v1/cas/never/cancel

# ---- CAs of others ----

far_ca() { # NAME: with a key beside it, and a list
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "/CN=$1" -out "$1.pem" -days 100 \
		-addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
	printf '[ca]\ndefault_ca=c\n[c]\ndatabase=%s.db\ncertificate=%s.pem\nprivate_key=%s.key\ndefault_md=sha256\ncrlnumber=%s.number\ndefault_crl_days=30\n[x]\nauthorityKeyIdentifier=keyid\n' \
		"$1" "$1" "$1" "$1" >"$1.cnf"
	: >"$1.db"
	echo 01 >"$1.number"
	openssl ca -config "$1.cnf" -crlexts x -gencrl -out "$1.crl" 2>/dev/null || fail "no list of $1"
}
far_ca far
far_ca past
must inro key import past.key --token office --label past >/dev/null
must inro token create spare >/dev/null
must inro key import past.key --token spare --label past >/dev/null
openssl x509 -req -in csr -CA past.pem -CAkey past.key -days 9 -out old.pem 2>/dev/null || fail "past does not sign"
uri='pkcs11:token=office;object=past;type=private'
wants 201 alice POST /v1/imported-cas "$(jq -nc --arg k "$uri" --rawfile c past.pem --rawfile l past.crl --rawfile p old.pem \
	'{name: "past", key: $k, cert: $c, crl: $l, past: ($p + $p)}')"
is '.name == "past" and .issues and .past == 1 and .known == 1'
wants 200 carol GET /v1/cas/past/places
wants 403 carol GET '/v1/cas/past/places?test=true'
wants 200 bob GET '/v1/cas/past/places?test=true'
is '[.items[].works] == ["yes"]'
wants 400 alice POST /v1/cas/past/places '{}'
wants 403 bob POST /v1/cas/past/places '{"key":"pkcs11:token=spare;object=past;type=private"}'
wants 200 alice POST /v1/cas/past/places '{"key":"pkcs11:token=spare;object=past;type=private","first":true}'
is '.copies == 2'
wants 200 alice DELETE '/v1/cas/past/places?key=pkcs11:token=spare'
is '.copies == 1'

# No client names what the server loads or reads, nor a PIN: it is refused before anything is opened.
mkfifo fifo
no_key() { # WHO METHOD PATH BODY, where $u is the URI
	local query
	for query in module-path=$T/none.so module-name=none pin-source=$T/fifo pin-value=0000; do
		wants 400 "$1" "$2" "$3" "$(jq -nc --arg u "$uri?$query" --rawfile c past.pem --rawfile r csr "$4")"
		says 'names no module, file or PIN over the network'
	done
}
done_by_alice() { # into `n`
	more=(-H 'Accept: application/x-ndjson')
	wants 200 carol GET '/v1/events?actor=alice&where=outcome=done'
	more=()
	n=$(wc -l <body)
}
done_by_alice
before=$n
no_key alice POST /v1/imported-cas '{name: "past2", key: $u, cert: $c}'
no_key alice POST /v1/cas/past/places '{key: $u}'
no_key alice POST /v1/cas '{name: "x", subject: "CN=X", key: $u}'
no_key plant/pat POST /v1/cas '{name: "x", subject: "CN=X", key: $u}'
no_key alice POST /v1/cas/issuing/rollover '{key: $u}'
no_key alice POST /v1/seal-key '{key: $u}'
no_key alice POST /v1/seal-key/rotate '{key: $u}'
no_key bob POST /v1/certificates '{csr: $r, ca: "root", profile: "tls-client", key_uri: $u}'
kind=application/x-ndjson
for query in module-path=$T/none.so pin-source=$T/fifo; do
	wants 200 alice POST /v1/batch "{\"command\":\"ca key add\",\"args\":[\"past\"],\"in\":{\"key\":\"$uri?$query\"}}"
	is '.status == 400'
done
kind=
done_by_alice
[[ $before -gt 0 && $n == "$before" ]] || fail "something was done"
wants 201 alice POST /v1/connected-cas "$(jq -nc --rawfile c far.pem '{name: "far", cert: $c}')"
wants 409 alice POST /v1/connected-cas "$(jq -nc --rawfile c far.pem '{name: "far", cert: $c}')"
call bob POST /v1/certificates "$(csr '{ca:"far",profile:"tls-client"}')"
is '.state == "pending"'
wants 200 carol GET '/v1/cas/far/requests?limit=1'
is '(.items | length) == 1 and .next == null'
of '.items[0].pem' >far.csr
openssl x509 -req -in far.csr -CA far.pem -CAkey far.key -days 9 -out back.pem 2>/dev/null || fail "far does not sign: $(cat far.csr)"
wants 200 bob POST /v1/cas/far/certificates "$(jq -nc --rawfile c back.pem '{certificates: $c}')"
is '.taken == 1 and .refused == 0'
wants 200 bob POST /v1/cas/far/lists "$(jq -nc --rawfile c far.crl '{crl: $c}')"
is '.entries == 0'
wants 200 carol GET /v1/cas/far/requests
is '.items == []'

# One with a server: the password is sealed, and found sealed anew further down.
S=$INRO_TEST_SOURCE est_service
printf 'dev-1:rarely-said-7531' >est/psk
server() { # JSON: with the address and the certificate of that service
	jq -nc --arg u "https://localhost:$port" --rawfile t est/tls.pem "{name: \"far2\", est: \$u, trust: \$t} + $1 | with_entries(select(.value != null))"
}
no_key alice POST /v1/connected-cas '{name: "far2", est: "https://localhost", client_cert: $c, key: $u}'
while read -r bad why; do
	wants 400 alice POST /v1/connected-cas "$(server "$bad")"
	says "$why"
done <<'END'
{user:"dev-1",password:"x",cmp:"http://x"} exclude each other
{user:"dev-1",password:"x",by:"file"} exclude each other
{est:null,cert:"x",by:"file",label:"x"} has no server
{est:null,trust:null} the CA's certificate as 'cert'
{password:"x"} who asks
{user:"dev-1",secret:"env:HOME"} 'secret'
{user:"dev-1",password:"x",timeout:0} timeout
{user:"dev-1",password:"x",est:"http://x"} begins with https
{user:"dev-1",password:"x",trust:"x"} are given as PEM
END
wants 403 bob POST /v1/connected-cas "$(server '{user: "dev-1", password: "rarely-said-7531"}')"
wants 403 plant/pat POST /v1/connected-cas "$(server '{user: "dev-1", password: "rarely-said-7531"}')"
says "of the tenant 'default' only"
wants 400 plant/default/alice POST /v1/connected-cas "$(server '{password: "x"}')"
says 'who asks'
wants 201 alice POST /v1/connected-cas "$(server '{user: "dev-1", password: "rarely-said-7531"}')"
wants 201 alice POST /v1/connected-cas "$(server '{user: "dev-1", password: "rarely-said-7531", timeout: 20}')"
! grep -q rarely-said-7531 home/*.db* "$log" || fail "the password is in the clear somewhere"

# ---- accounts, passes, tenants, settings ----

wants 201 alice POST /v1/users "{\"name\":\"dora\",\"role\":\"auditor\",\"password\":\"$INRO_PASSWORD\"}"
wants 422 alice POST /v1/users '{"name":"ed","role":"auditor","password":"short"}'
wants 403 bob POST /v1/users "{\"name\":\"ed\",\"role\":\"administrator\",\"password\":\"$INRO_PASSWORD\"}"
wants 400 alice POST /v1/users "{\"name\":\"ed\",\"role\":\"device\",\"password\":\"$INRO_PASSWORD\"}"
wants 200 alice PATCH /v1/users/dora '{"role":"operator"}'
wants 200 carol GET /v1/users
wants 200 carol GET /v1/users/dora
wants 200 alice POST /v1/users/dora/disable
wants 401 '' POST /v1/sessions "{\"name\":\"dora\",\"password\":\"$INRO_PASSWORD\"}"
wants 200 alice POST /v1/users/dora/enable
wants 200 alice POST /v1/users/dora/release
wants 200 alice POST /v1/users/dora/password '{"password":"staple horse battery"}'
wants 201 '' POST /v1/sessions '{"name":"dora","password":"staple horse battery"}'
header[dora]="Bearer $(of .token)"
wants 401 dora POST /v1/password '{"name":"dora","old_password":"wrong","password":"battery staple correct"}'
wants 200 dora POST /v1/password '{"name":"dora","old_password":"staple horse battery","password":"battery staple correct"}'
wants 201 dora POST /v1/tokens '{"name":"ci","role":"operator","commands":"device *","days":1}'
header[token]="Bearer $(of .token)"
id=$(of .id)
wants 200 token GET /v1/devices/press-1
wants 403 token GET /v1/certificates
says 'is not for'
wants 403 token POST /v1/tokens '{"name":"more"}'
# May add devices, not issue: so not both at once.
wants 403 token POST /v1/devices "$(jq -nc --rawfile csr csr5 '{id: "press-6", csr: $csr, ca: "root", profile: "tls-client"}')"
says "not for 'cert issue'"
wants 404 token GET /v1/devices/press-6
wants 200 alice GET /v1/tokens
is '[.items[] | select(.name == "ci")][0].commands == "device *"'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout laptop.key -subj /CN=laptop -out laptop.pem 2>/dev/null
laptop() { jq -nc --rawfile c laptop.pem "{name: \"laptop\", certificate: \$c} + $1"; }
wants 400 alice POST /v1/tokens "$(laptop '{}')"
says "goes with the kind 'certificate'"
wants 400 alice POST /v1/tokens '{"name":"laptop","kind":"certificate"}'
wants 400 alice POST /v1/tokens "$(laptop '{kind:"certificate",certificate:"none"}')"
# Whoever has read it has not its key.
wants 403 bob POST /v1/tokens "$(laptop '{kind:"certificate",role:"auditor"}')"
says 'shows that he has its key'
more=(--cert laptop.pem --key laptop.key)
wants 201 bob POST /v1/tokens "$(laptop '{kind:"certificate",role:"auditor"}')"
more=()
wants 204 alice DELETE "/v1/tokens/$(jq .id body)"
more=(-H 'Idempotency-Key: laptop')
wants 201 alice POST /v1/tokens "$(laptop '{kind:"certificate",role:"operator"}')"
is '.kind == "certificate" and (has("token") | not)'
wants 201 alice POST /v1/tokens "$(laptop '{kind:"certificate",role:"operator"}')"
more=(--cert laptop.pem --key laptop.key)
wants 200 '' GET /v1/whoami
is '.actor == "alice" and .role == "operator"'
more=()
wants 404 bob DELETE "/v1/tokens/$id"
wants 204 alice DELETE "/v1/tokens/$id"
wants 401 token GET /v1/devices/press-1
wants 204 dora DELETE /v1/sessions/current
wants 401 dora GET /v1/whoami
wants 200 alice DELETE '/v1/sessions?name=dora'
wants 200 alice DELETE /v1/users/dora
wants 201 alice POST /v1/tenants '{"name":"mill"}'
wants 200 carol GET /v1/tenants
wants 200 carol GET /v1/tenants/mill
wants 200 carol GET /v1/settings
wants 200 carol GET /v1/settings/session.minutes
wants 200 alice PUT /v1/settings/session.minutes '{"value":"60"}'
is '.value == "60" and .set'
wants 400 alice PUT /v1/settings/session.minutes '{"value":"x"}'
wants 200 alice DELETE /v1/settings/session.minutes
is '.set == false'

# Two stages: without the key of the first one nobody gets in.
wants 201 alice POST /v1/tokens '{"name":"gate","kind":"key"}'
key=$(of .token)
wants 200 alice PUT /v1/settings/network.stages '{"value":"2"}'
passes() { inro audit list --where 'action=pass.login' --json | jq length; }
before=$(passes)
wants 401 alice GET /v1/whoami
says 'header Api-Key'
[[ $(passes) == "$before" ]] || fail "a request without a key is an event of its own"
wants 401 '' POST /v1/sessions "{\"name\":\"alice\",\"password\":\"$INRO_PASSWORD\"}"
more=(-H "Api-Key: $key")
wants 200 alice GET /v1/whoami
wants 200 dev GET "$S"
wants 401 '' GET /v1/whoami
wants 200 alice PUT /v1/settings/network.stages '{"value":"1"}'
more=()

# ---- proposals: four eyes ----

wants 200 alice PUT /v1/settings/four-eyes.ca '{"value":"1"}'
for what in reject withdraw approve; do
	wants 202 alice POST /v1/cas "{\"name\":\"four-$what\",\"subject\":\"CN=Four\",\"token\":\"office\"}"
	is .waits
	wants 200 carol GET '/v1/proposals?state=open'
	id=$(of '.items[0].id')
	wants 200 carol GET "/v1/proposals/$id"
	as=bob
	[[ $what != withdraw ]] || as=alice
	wants 200 $as POST "/v1/proposals/$id/$what" '{"why":"said"}'
done
wants 201 alice POST /v1/cas "{\"name\":\"four-approve\",\"subject\":\"CN=Four\",\"token\":\"office\",\"proposal\":$id}"

# A key leaves the archive with others' approval; that it waits is no secret, and is told again.
approved() { # the newest proposal, by bob: its id
	wants 200 carol GET '/v1/proposals?state=open'
	id=$(of '.items[0].id')
	wants 200 bob POST "/v1/proposals/$id/approve" '{}'
}
wants 202 alice PUT /v1/settings/four-eyes.archive '{"value":"1"}'
approved
wants 200 alice PUT /v1/settings/four-eyes.archive "{\"value\":\"1\",\"proposal\":$id}"
wants 201 bob POST /v1/secrets '{"device":"press-1","type":"aes-128"}'
A=/v1/secrets/$(of .id)
for step in revoke retire archive; do
	wants 200 bob POST "$A/$step" '{}'
done
wants 403 bob POST "$A/get" '{"form":"raw"}'
more=(-H 'Idempotency-Key: archived-1')
wants 202 alice POST "$A/get" '{"form":"raw"}'
is .waits
wants 202 alice POST "$A/get" '{"form":"raw"}'
grep -qi '^idempotent-replayed: true' head || fail "it was asked for again"
more=()
approved
wants 403 bob POST "$A/get" "{\"form\":\"raw\",\"proposal\":$id}"
wants 422 alice POST "$A/get" "{\"form\":\"jwe\",\"proposal\":$id}"
wants 200 alice POST "$A/get" "{\"form\":\"raw\",\"proposal\":$id}"
is '.key | length == 32'
wants 409 alice POST "$A/get" "{\"form\":\"raw\",\"proposal\":$id}"

# ---- bulk: jobs and batches ----

job_ends() { # PATH: its end is waited for
	has_ended() {
		wants 200 carol GET "$1"
		[[ $(of .state) == @(done|failed) ]]
	}
	within_time has_ended "$1" || fail "the job does not end: $(cat body)"
}
wants 202 bob POST /v1/jobs '{"kind":"disable","args":{"where":"id^=m-","why":"bulk"}}'
J=/v1/jobs/$(of .id)
is '.total == 7'
[[ $(sed -n 's/^[Ll]ocation: *\(.*\)\r/\1/p' head) == "$J" ]] || fail "the job's place is not told: $(cat head)"
job_ends "$J"
is '.state == "done" and .done == 7 and .actor == "bob"'
wants 200 carol GET "$J/errors"
wants 200 carol GET '/v1/jobs?state=done'
wants 409 bob POST "$J/cancel"
wants 409 bob POST "$J/run"
wants 202 bob POST /v1/jobs '{"kind":"enable","where":"id^=m-","wait":true}'
wants 200 bob POST "/v1/jobs/$(of .id)/cancel"
wants 403 carol POST /v1/jobs '{"kind":"enable","where":"id^=m-"}'
for file in in csr-dir out-dir devices; do
	wants 400 bob POST /v1/jobs "{\"kind\":\"register\",\"args\":{\"$file\":\"/etc/passwd\"}}"
	wants 400 bob POST /v1/jobs "{\"kind\":\"register\",\"$file\":\"/etc/passwd\"}"
done

# Rows: as CSV at once, as JSON lines in pieces.
kind=text/csv
{
	echo id,name,ip
	for i in {1..700}; do echo "j-$i,bulk,192.0.2.1"; done
	echo j-bad,bulk,nowhere
} >rows.csv
more=(-H 'Idempotency-Key: rows')
wants 202 bob POST '/v1/jobs?kind=register' @rows.csv
J=/v1/jobs/$(of .id)
wants 202 bob POST '/v1/jobs?kind=register' @rows.csv
[[ $J == /v1/jobs/$(of .id) ]] || fail "sent again it is another job"
wants 422 bob POST '/v1/jobs?kind=update' @rows.csv
more=()
wants 400 bob POST '/v1/jobs?kind=register&in=/etc/passwd' @rows.csv
wants 400 bob POST '/v1/jobs?kind=revoke&where=' @rows.csv
job_ends "$J"
is '.state == "done" and .done == 700 and .failed == 1 and .per_minute > 0'
wants 200 carol GET "$J/errors"
is '.items | length == 1 and .[0].row == "line 702"'
wants 200 carol GET "$J/result"
is '.items == []'
iconv -f UTF-8 -t CP932 >sjis.csv <<<$'id,name\nj-kanji,プレス①表'
wants 202 bob POST '/v1/jobs?kind=register&encoding=shift_jis' @sjis.csv
J=/v1/jobs/$(of .id)
job_ends "$J"
is '.done == 1 and .args.encoding == "shift_jis"'
wants 200 carol GET /v1/devices/j-kanji
is '.name == "プレス①表"'
wants 400 bob POST '/v1/jobs?kind=register&encoding=euc-jp' @sjis.csv
wants 400 bob POST /v1/jobs '{"kind":"enable","args":{"where":"id^=m-","encoding":"shift_jis"}}'
kind=application/x-ndjson
wants 202 bob POST '/v1/jobs?kind=issue&ca=root&profile=tls-client&wait=true' ''
J=/v1/jobs/$(of .id)
for i in 1 2 3; do
	openssl ecparam -name prime256v1 -genkey -noout -out j.key
	openssl req -new -key j.key -subj "/CN=j-$i" | jq -Rsc --arg id "j-$i" '{id: $id, csr: .}'
done >requests
head -c 700 requests >piece
wants 200 bob POST "$J/rows" @piece
tail -c +701 requests >piece
wants 200 bob POST "$J/rows" @piece
is '.total == 3 and .state == "queued"'
wants 202 bob POST "$J/run"
job_ends "$J"
is '.done == 3'
wants 409 bob POST "$J/rows" @piece
wants 200 carol GET "$J/result"
is '[.items[].certificate.device] == ["j-1", "j-2", "j-3"]'
of '.items[0].certificate.pem' | openssl verify -CAfile root.pem >/dev/null || fail "what a job issued is no certificate"
more=(-H 'Accept: application/x-ndjson')
wants 200 carol GET "$J/result"
jq -se 'length == 3' <body >/dev/null || fail "results are not lines"
more=()
# HEAD says of lines what GET would.
head_of() { status_of -I -H "Authorization: ${header[carol]}" -H 'Accept: application/x-ndjson' "$https$1"; }
[[ $(head_of "$J/result") == 200 ]] || fail "no HEAD of lines: $(cat "$T/body")"
[[ $(head_of /v1/jobs/99999/result) == 404 ]] || fail "HEAD finds the lines of nothing: $(cat "$T/body")"
wants 202 bob POST '/v1/jobs?kind=delete' '{"id":"j-700"}'
job_ends "/v1/jobs/$(of .id)"
is '.done == 1'
kind=
wants 415 bob POST "$J/rows" '{}'

kind=application/x-ndjson
for i in 1 2 3 4 5; do
	echo "{\"command\":\"device add\",\"in\":{\"id\":\"b-$i\",\"name\":\"bulk\"}}"
done >lines
cat >>lines <<'EOF'
{"command":"device add","in":{"id":"b-1"}}
{"command":"device disable","args":["b-2"]}
{"command":"device show","args":[]}
{"command":"user add","in":{"name":"eve","role":"administrator"}}
{"command":"no such"}
{"command":"self show"}
not JSON

{"command":"device delete","args":["b-5"],"in":{"why":"over"}}
{"command":"device update","args":["b-1"],"in":{"name":null}}
{"command":"psk-show","args":["b-1"]}
{"command":"secret-seal-key"}
{"command":"audit sign"}
EOF
wants 200 bob POST /v1/batch @lines
[[ $(jq -r .status <body | tr '\n' ' ') == '200 200 200 200 200 409 200 400 403 400 400 400 200 200 200 403 409 ' ]] || fail "batch: $(cat body)"
jq -se '.[0].answer.psk | length > 8' <body >/dev/null || fail "no pre-shared keys in bulk: $(head -1 body)"
jq -se '.[12].line == 14' <body >/dev/null || fail "lines are not counted"
wants 401 '' POST /v1/batch @lines
more=(-H 'Idempotency-Key: again')
wants 400 bob POST /v1/batch @lines
more=()
# Devices without an id get one each.
for i in 1 2 3; do echo '{"command":"device add","in":{"name":"unnamed","no_psk":true}}'; done >unnamed
wants 200 bob POST /v1/batch @unnamed
jq -se 'map(.answer.id) | (unique | length) == 3 and all(test("^[0-9a-f]{16}$"))' <body >/dev/null || fail "$(cat body)"
kind=
more=(-H 'Idempotency-Key: unnamed')
wants 201 bob POST /v1/devices '{"name":"unnamed","no_psk":true}'
made=$(of .id)
[[ $made =~ ^[0-9a-f]{16}$ ]] || fail "$(cat body)"
wants 201 bob POST /v1/devices '{"name":"unnamed","no_psk":true}'
[[ $(of .id) == "$made" ]] || fail "the same request made another device: $(cat body)"
more=()
wants 200 bob GET "/v1/devices/$made"
is '.name == "unnamed"'
wants 200 carol GET /v1/devices/b-1
is '.name == null'
wants 400 carol GET '/v1/devices?colour=red'
is '.detail | contains("there is no parameter '"'colour'"' here")'
wants 400 carol GET '/v1/devices?limit=many'
is '.detail | contains("the parameter '"'limit'"' is a whole number")'
wants 415 bob POST /v1/batch '{}'
wants 200 carol GET /v1/devices/b-5
is '.state == "deleted"'

wants 200 bob DELETE '/v1/devices/press-2?why=over'
is '.revoked > 0'
wants 404 bob DELETE /v1/devices/press-2

# ---- the audit ----

must inro key generate --token office --label audit --type ec-p256 >/dev/null
wants 409 bob POST /v1/audit/sign
signs='{"key":"pkcs11:token=office;object=audit;type=private"}'
wants 403 bob POST /v1/audit/sign "$signs"
no_key alice POST /v1/audit/sign '{key: $u}'
wants 200 alice POST /v1/audit/sign "$signs"
wants 200 bob POST /v1/audit/sign
receipt=$(jq -c '{receipt}' body)
wants 200 carol POST /v1/audit/verify
is '.whole and .marks > 1'
wants 200 carol POST /v1/audit/verify "$receipt"
is .whole
wants 422 carol POST /v1/audit/verify "$(jq -c '.receipt.event += 1' <<<"$receipt")"
says "the receipt's own signature is wrong"
wants 400 carol POST /v1/audit/verify '{"receipt":{}}'
says 'no receipt'
wants 200 carol GET '/v1/events?action=psk.get&limit=5'
is '.items[0].actor == "bob"'
wants 200 carol GET '/v1/events?subject=device:press-1&from=2020-01-01T00:00:00Z&sort=at'
more=(-H 'Accept: application/x-ndjson')
wants 200 carol GET '/v1/events?where=outcome=refused'
more=()
jq -se 'all(.[]; .outcome == "refused") and length > 10' <body >/dev/null || fail "refusals are not in the audit"

# What is exported is what the command writes.
wants 200 carol GET '/v1/audit/export?action=psk.get'
must inro audit export --action psk.get --to psk.jsonl >/dev/null
cmp body psk.jsonl || fail "another export than the command's"
export_cef() { ask "/v1/audit/export?format=cef&action=device.add" -H "Authorization: ${header[carol]}" -D head; }
must inro audit export --format cef --action device.add --to devices.cef >/dev/null
export_cef | cmp - devices.cef || fail "another CEF than the command's"
[[ -s devices.cef ]] || fail "nothing was exported"
grep -qi '^content-type: text/plain' head || fail "CEF has the type $(grep -i '^content-type' head)"
wants 400 carol GET '/v1/audit/export?format=xml'

# Another key seals; what was sealed before opens.
wants 403 bob POST /v1/seal-key/rotate '{"token":"office"}'
wants 400 alice POST /v1/seal-key/rotate '{}'
wants 200 alice POST /v1/seal-key/rotate '{"token":"office"}'
is '.secrets > 0 and .unread == 0'
[[ $(of .uri) != "$sealing" ]] || fail "the same key seals"
call bob POST /v1/certificates "$(csr '{ca:"far2",profile:"tls-client"}')"
id=$(of .id)
came() { call bob GET "/v1/certificates/id:$id" && [[ $(of .state) == active ]]; }
until_true came
wants 200 dev GET "$S"

# ---- what is wrong is told by its name, and does nothing ----

bad() { # TEXT BODY: in POST /v1/devices
	call bob POST /v1/devices "$2"
	[[ $status == 400 ]] || fail "$2 answers $status: $(cat body)"
	says "$1"
}
bad "no member 'x' here" '{"id":"bad","x":1}'
bad "'id' is a text" '{"id":7}'
bad "'id' has 1 to 64" '{"id":""}'
bad "'name' has" "{\"id\":\"bad\",\"name\":\"$(printf 'a%.0s' {1..300})\"}"
bad "'no_psk' is true or false" '{"id":"bad","no_psk":"yes"}'
bad "'attrs' is an object" '{"id":"bad","attrs":[]}'
bad "'anchor_store' is one of" '{"id":"bad","anchor":"serial:a:b","anchor_store":"paper"}'
bad 'duplicate' '{"id":"bad","id":"good"}'
bad 'not JSON' '{"id":"bad"'
bad 'not JSON' '{"id":"bad"} {"id":"good"}'
bad 'not JSON' '{"id":"\u0000"}'
bad 'not JSON' "$(printf '{"id":"\xff\xfe"}')"
bad 'not JSON' '{"id":99999999999999999999999999}'
bad 'not JSON' '{"id":"bad","name":hunter2}'
! has hunter2 body || fail "what may be a password is told, and logged: $(cat body)"
bad 'a JSON object' '["id"]'
bad 'nested deeper' "{\"id\":\"bad\",\"attrs\":$(printf '[%.0s' {1..2000})}"
bad 'nested deeper' "{\"id\":\"bad\",\"attrs\":$(printf '{"a":%.0s' {1..20})1$(printf '}%.0s' {1..20})}"
head -c 300000 /dev/zero | tr '\0' ' ' >big
wants 413 bob POST /v1/devices @big
for query in 'x=1' 'limit=0' 'limit=99999999999999999999' 'limit=-1' 'limit=1&limit=2' 'state=none' 'all=maybe' 'after=%00' \
	'where=nonsense' 'after=nonsense'; do
	call carol GET "/v1/devices?$query"
	[[ $status == 400 ]] || fail "?$query answers $status: $(cat body)"
done
wants 400 carol GET '/v1/users?after=x'
wants 404 carol GET /v1/jobs/x
wants 404 carol GET /v1/jobs/99999999999999999999
call bob POST /v1/devices '{"id":"bad"}' # was none of it done?
[[ $status == 201 ]] || fail "something bad was done: $(cat body)"
kind=application/x-www-form-urlencoded
wants 415 bob POST /v1/devices 'id=form'
kind=
wants 405 bob PUT /v1/devices '{}'
wants 404 bob GET /v1/nothing
for key in '' "$(printf 'k%.0s' {1..200})" 'a b'; do
	more=(-H "Idempotency-Key: $key")
	[[ -n $key ]] || continue
	wants 400 bob POST /v1/devices '{"id":"idem"}'
done
more=()

# ---- everybody at every door ----

{
	echo 'nobody nobody '
	echo "alice administrator ${header[alice]}"
	echo "bob operator ${header[bob]}"
	echo "carol auditor ${header[carol]}"
	echo "pat administrator ${header[plant/pat]}"
	echo 'press device cert both.pem'
} >tokens
wants 201 dev POST "$S/certificates" "$(csr '{ca:"root",profile:"tls-client"}')"
of .pem >both.pem
cat key2 >>both.pem
openapi matrix doc tokens | sed "s|\$URL|$https|" >config
curl --config config >out || fail "curl: $?"
openapi judge doc tokens out

# Nothing of the other tenant was seen, and every route was used.
for what in devices certificates secrets cas jobs proposals; do
	wants 200 plant/pat GET /v1/$what
	is '[.items[] | select(.id | tostring | test("^(press-1|[0-9a-f]{16})$") | not)] | length == 0' # its own that came without an id
done
openapi answers doc answers
! grep -q "$INRO_PASSWORD" "$log" || fail "a password is in the log"
! grep -q 'inro_session_[0-9a-f]' "$log" || fail "a session is in the log"
stop_server

# ---- a PIN of the server's own is no word about the caller ----

openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout web.key -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -days 1 -out web.pem 2>/dev/null
cat web.pem >>root.pem
INRO_PIN=000000 start_server --tls-key web.key --tls-cert web.pem
for _ in 1 2 3; do
	wants 500 bob POST /v1/cas/root/crl '{}'
	says "inro serve --pin-source"
	! grep -qi '^www-authenticate' head || fail "he is told to log in: $(cat head)"
	! grep -q office body || fail "clients are told which token: $(cat body)"
done
wait_for '"path":"/v1/cas/root/crl","status":500,.*"error":"INRO_E_PIN_WRONG: .*office' "$log"
stop_server
