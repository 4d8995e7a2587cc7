#!/bin/bash
# test_serve_cmp - CMP by the stock client, `openssl cmp`, over plain HTTP: enrolment by id and pre-shared key and by
# certificate, update, revocation, confirmation, polling, questions; replays, wrong secrets and other devices' names.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
need curl jq
cd "$T"

make_office
must inro ca create issuing --subject CN=issuing --token office --parent root >/dev/null
must inro device add dev-1 --json >one.json
must inro device add dev-2 --json >two.json
psk=$(jq -r .psk one.json)
start_server --label issuing --retry-after 1
at=(-server "${http#http://}" -path .well-known/cmp/p/issuing)
mac=(-ref dev-1 -secret "pass:$psk")
openssl ecparam -name prime256v1 -genkey -noout -out dev.key
openssl ecparam -name prime256v1 -genkey -noout -out next.key

cmp() { openssl cmp "$@" >cmp.out 2>&1; }
good() { cmp "$@" || fail "openssl cmp $*: $(cat cmp.out)"; }
bad() {
	local like=$1
	shift
	! cmp "$@" || fail "openssl cmp $* succeeded"
	grep -qE -- "$like" cmp.out || fail "openssl cmp $*: not '$like': $(cat cmp.out)"
}
state_of() { inro cert show "sha256:$(openssl x509 -in "$1" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g')" --json | jq -r .state; }
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
post() { curl -sS --max-time 20 -o "$2" -w '%{http_code}' -H 'Content-Type: application/pkixcmp' --data-binary "@$1" "$http/.well-known/cmp/p/issuing"; }

# ---- by id and pre-shared key ----

good -cmd ir "${at[@]}" "${mac[@]}" -newkey dev.key -subject /CN=dev-1 -certout dev.pem -cacertsout ca.pem -reqout 'ir.der conf.der'
must openssl verify -CAfile root.pem -untrusted <(inro ca show issuing --json | jq -r .pem) dev.pem >/dev/null
[[ $(openssl x509 -in ca.pem -noout -fingerprint) == "$(openssl x509 -in root.pem -noout -fingerprint)" ]] || fail "the root is not among the CA certificates"
openssl req -new -key dev.key -subj /CN=dev-1 -out dev.csr
good -cmd p10cr "${at[@]}" "${mac[@]}" -csr dev.csr -certout p10.pem
good -cmd cr "${at[@]}" "${mac[@]}" -newkey dev.key -subject /CN=dev-1 -certout cr.pem -implicit_confirm
long_request 92000 dev-1 dev.key -out long.csr # longer than one of SLH-DSA
good -cmd p10cr "${at[@]}" "${mac[@]}" -csr long.csr -certout long.pem
good -cmd ir -server "${http#http://}" -path .well-known/cmp "${mac[@]}" -newkey dev.key -subject /CN=dev-1 -certout unlabelled.pem
bad 'badMessageCheck' -cmd ir "${at[@]}" -ref dev-1 -secret pass:wrong -unprotected_errors -newkey dev.key -subject /CN=dev-1 -certout x.pem
bad 'badMessageCheck' -cmd ir "${at[@]}" -ref nobody -secret pass:wrong -unprotected_errors -newkey dev.key -subject /CN=dev-1 -certout x.pem
bad "badCertTemplate.*is for device 'dev-2'" -cmd ir "${at[@]}" "${mac[@]}" -newkey dev.key -subject /CN=dev-2 -certout x.pem
wait_for "\"path\":\"/.well-known/cmp/p/issuing\",\"status\":200,.*\"refused\":\".*is for device 'dev-2'" "$log"
bad 'badRequest|CA' -cmd ir -server "${http#http://}" -path .well-known/cmp/p/nobody "${mac[@]}" -newkey dev.key -subject /CN=dev-1 -certout x.pem
bad 'badCertTemplate' -cmd ir "${at[@]}" "${mac[@]}" -newkey dev.key -subject /CN=dev-1/O=x/DC=y -certout x.pem

# ---- a replay gets what it got; a change to it gets nothing ----

before=$(inro cert list --json | jq length)
[[ $(post ir.der again.der) == 200 ]] || fail "a replayed request: $(cat again.der)"
openssl x509 -in dev.pem -outform DER -out dev.der
grep -qF "$(hex dev.der)" <(hex again.der) || fail "a replay got another certificate"
[[ $(post conf.der again.der) == 200 ]] || fail "a replayed confirmation"
[[ $(inro cert list --json | jq length) == "$before" ]] || fail "a replay made a certificate"
[[ $(state_of dev.pem) == active ]] || fail "a replay changed the certificate"
head -c 100 ir.der >short.der
[[ $(post short.der answer) == 400 ]] || fail "half a message: $(cat answer)"
LC_ALL=C sed 's/dev-1/dev-2/g' ir.der >other.der
[[ $(post other.der answer) == 200 ]] || fail "a changed message: $(cat answer)"
grep -q "not that of a device" answer || fail "a changed message was believed"
head -c 270000 /dev/zero >big.der
[[ $(post big.der answer) == 413 ]] || fail "an oversized message: $(cat answer)"
[[ $(curl -sS -o answer -w '%{http_code}' -H 'Content-Type: text/plain' --data-binary @ir.der "$http/.well-known/cmp/p/issuing") == 415 ]] || fail "another type: $(cat answer)"

# ---- by certificate: answers are signed by who signs for the CA ----

sig=(-cert dev.pem -key dev.key -trusted root.pem)
signer_of() { inro ca cmp "${1:-issuing}" --json | jq -r '.serial // empty'; }
signs() { [[ -n $(signer_of "$1") ]]; }
until_true signs issuing
own=$(signer_of)
[[ $(inro ca cmp issuing --json | jq -r .key_uri) == *token=office* ]] || fail "not in the CA's token: $(inro ca cmp issuing)"
good -cmd cr "${at[@]}" "${sig[@]}" -newkey dev.key -subject /CN=dev-1 -certout cr1.pem
good -cmd ir "${at[@]}" "${sig[@]}" -newkey dev.key -subject /CN=dev-1 -certout ir1.pem
good -cmd p10cr "${at[@]}" "${sig[@]}" -csr dev.csr -certout p11.pem
good -cmd genm "${at[@]}" "${sig[@]}" -infotype caCerts -cacertsout cas.pem
# By policy the CA's own key, which its certificate does not let; or nobody: the client is told what to do about it.
! inro ca cmp issuing --signer ca >/dev/null 2>err || fail "a CA's key signs messages that nobody takes"
grep -q digitalSignature err || fail "why not the CA's own key: $(cat err)"
must inro ca cmp issuing --signer off >/dev/null
bad 'systemUnavail.*inro ca cmp issuing --signer delegated' -cmd cr "${at[@]}" "${sig[@]}" -unprotected_errors -newkey next.key -subject /CN=dev-1 -certout x.pem
must inro ca cmp issuing --signer delegated >/dev/null
good -cmd cr "${at[@]}" "${sig[@]}" -newkey dev.key -subject /CN=dev-1 -certout cr2.pem
[[ $(signer_of) == "$own" ]] || fail "another signer was made"
# One that a person makes takes over.
must inro key generate --token office --label ra --type ec-p256 >/dev/null
must inro csr create --key 'pkcs11:token=office;object=ra;type=private' --subject CN=ra --out ra.csr >/dev/null
must inro cert issue --ca issuing --profile ra-signer --csr ra.csr --key 'pkcs11:token=office;object=ra;type=private' --out ra.pem >/dev/null
[[ $(signer_of) != "$own" ]] || fail "the signer that was made by hand does not sign"
good -cmd cr "${at[@]}" "${sig[@]}" -newkey dev.key -subject /CN=dev-1 -certout cr2.pem
good -cmd kur "${at[@]}" "${sig[@]}" -newkey next.key -certout kur.pem
[[ $(openssl x509 -in kur.pem -noout -subject -nameopt RFC2253) == 'subject=CN=dev-1' ]] || fail "an update has another subject"
[[ $(state_of dev.pem) == superseded ]] || fail "the updated certificate is $(state_of dev.pem)"
bad 'notAuthorized' -cmd kur "${at[@]}" "${mac[@]}" -oldcert kur.pem -newkey dev.key -certout x.pem
# Another device's certificate is nobody's to end.
good -cmd ir "${at[@]}" -ref dev-2 -secret "pass:$(jq -r .psk two.json)" -newkey <(openssl ecparam -name prime256v1 -genkey -noout) -subject /CN=dev-2 -certout two.pem
bad 'badCertId' -cmd rr "${at[@]}" "${mac[@]}" -oldcert two.pem -revreason 1
[[ $(state_of two.pem) == active ]] || fail "another device's certificate was revoked"
good -cmd rr "${at[@]}" -cert kur.pem -key next.key -trusted root.pem -oldcert kur.pem -revreason 4
[[ $(state_of kur.pem) == revoked ]] || fail "it was not revoked"
bad 'certRevoked' -cmd rr "${at[@]}" "${mac[@]}" -oldcert kur.pem -revreason 4
bad 'signerNotTrusted|missing protection' -cmd cr "${at[@]}" -cert kur.pem -key next.key -trusted root.pem -unprotected_errors -newkey dev.key -subject /CN=dev-1 -certout x.pem
# What signs no messages says that it does not, and is not believed.
printf '%s\n' '[profile]' 'name = agrees' '[validity]' 'period = 30d' '[key]' 'types = ec-p256' '[usage]' 'key_usage_ec = keyAgreement' >agrees.ini
must inro profile add agrees.ini >/dev/null
good -cmd ir -server "${http#http://}" -path .well-known/cmp/p/issuing.agrees "${mac[@]}" -newkey dev.key -subject /CN=dev-1 -certout agrees.pem
bad 'signerNotTrusted.*digitalSignature' -cmd cr "${at[@]}" -cert agrees.pem -key dev.key -trusted root.pem -unprotected_errors -newkey next.key -subject /CN=dev-1 -certout x.pem

# ---- the how-to ----

instead=(localhost:8080 "${http#http://}" 'inro device add press-1' 'inro device add press-1 --json | jq -r .psk >press-1.psk; cp press-1.psk etc/')
run_howto cmp.md sh
[[ $(state_of etc/press-1.crt) == revoked ]] || fail "the how-to's certificate is $(state_of etc/press-1.crt)"

# ---- what waits for a person ----

printf '%s\n' '[profile]' 'name = slow' '[validity]' 'period = 30d' '[key]' 'types = ec-p256' '[issuing]' 'approve = yes' >slow.ini
must inro profile add slow.ini >/dev/null
openssl ecparam -name prime256v1 -genkey -noout -out slow.key
slow() {
	openssl cmp -cmd ir -server "${http#http://}" -path .well-known/cmp/p/issuing.slow "${mac[@]}" -newkey "$1" -subject /CN=dev-1 -certout "$2" -total_timeout 30 >poll.out 2>&1
}
waits() {
	something_waits() {
		id=$(inro cert list --state requested --json | jq -r '.[0].id // empty')
		[[ $id ]]
	}
	within_time something_waits || fail "nothing waits: $(cat poll.out)"
}
openssl ecparam -name prime256v1 -genkey -noout -out slow.key
slow slow.key slow.pem &
waiting=$!
waits
must inro cert approve "id:$id" >/dev/null
wait "$waiting" || fail "the certificate was not waited for: $(cat poll.out)"
[[ $(state_of slow.pem) == active ]] || fail "what was approved is not active"
openssl ecparam -name prime256v1 -genkey -noout -out no.key
slow no.key no.pem &
waiting=$!
waits
must inro cert reject "id:$id" >/dev/null
! wait "$waiting" || fail "what was refused was given"
grep -q 'refused' poll.out || fail "not told that it was refused: $(cat poll.out)"

# ---- questions ----

good -cmd genm "${at[@]}" "${mac[@]}" -infotype caCerts -cacertsout cas.pem -rspout genp.der
inro ca show issuing --json | jq -r .pem | openssl x509 -outform DER -out issuing.der
grep -qF "$(hex issuing.der)" <(hex genp.der) || fail "the CA's certificate is not in the answer"
# 3.5 has a file for that answer, and takes no question without it.
template=()
openssl cmp -help 2>&1 | has -- '-template' && template=(-template template.der -keyspec keyspec.der)
good -cmd genm "${at[@]}" "${mac[@]}" -infotype certReqTemplate "${template[@]}" -rspout genp.der
LC_ALL=C grep -q 'dev-1' genp.der || fail "the template does not name the device"
# One list is a list (RFC 9810 5.3.19.6), as OpenSSL reads it.
gives_the_list() {
	curl -sS --fail "$http/crl/issuing.crl" -o current.crl 2>said || return 1
	good -cmd genm "${at[@]}" "${mac[@]}" -infotype currentCRL -rspout genp.der
	has -F "$(hex current.crl)" <(hex genp.der)
}
until_true gives_the_list
must inro ca create many --subject CN=many --token office --parent root --crl-shards 2 \
	--crl-url "$http/crl/many/\${shard}.crl" >/dev/null
bad 'badRequest.*crlStatusList' -cmd genm "${at[@]/issuing/many}" "${mac[@]}" -infotype currentCRL

# ---- who may not ----

must inro device disable dev-1 >/dev/null
bad 'badMessageCheck' -cmd ir "${at[@]}" "${mac[@]}" -unprotected_errors -newkey dev.key -subject /CN=dev-1 -certout x.pem
must inro device enable dev-1 >/dev/null
must inro group add hashed --policy '{"psk": {"store": "hash"}}' >/dev/null
must inro device add dev-3 --group hashed --json >three.json
bad 'only a hash' -cmd ir "${at[@]}" -ref dev-3 -secret "pass:$(jq -r .psk three.json)" -unprotected_errors -newkey dev.key -subject /CN=dev-3 -certout x.pem
must inro tenant add plant >/dev/null
must inro --tenant plant device add dev-9 --no-psk >/dev/null
bad 'badMessageCheck' -cmd ir "${at[@]}" -ref plant/dev-9 -secret pass:x -unprotected_errors -newkey dev.key -subject /CN=dev-9 -certout x.pem
stop_server "$server_pid"

# ---- too many requests of one device: 429, and another one's are answered ----

start_server --label issuing --retry-after 1 --requests-per-account 1
at=(-server "${http#http://}" -path .well-known/cmp/p/issuing)
good -cmd genm "${at[@]}" "${mac[@]}" -infotype caCerts -cacertsout cas.pem -reqout genm.der
for _ in {1..60}; do
	printf 'url = "%s"\noutput = "/dev/null"\n' "$http/.well-known/cmp/p/issuing"
done | curl -sS --max-time 120 -K - -D head -w '%{http_code}\n' -H 'Content-Type: application/pkixcmp' --data-binary @genm.der >codes
[[ $(grep -c '^429' codes) -gt 0 ]] || fail "a device asks as often as it likes: $(cat codes)"
[[ $(head -5 codes | sort -u) == 200 ]] || fail "not five at once: $(cat codes)"
has -i '^retry-after: [1-9]' head || fail "not told when to come again: $(cat head)"
has -i '^content-type: application/problem+json' head || fail "no problem document: $(cat head)"
good -cmd genm "${at[@]}" -ref dev-2 -secret "pass:$(jq -r .psk two.json)" -infotype caCerts -cacertsout cas.pem
stop_server "$server_pid"

# ---- where the key is that signs messages, when it is not the right one: in the log, and not for a device ----

key=$(inro ca cmp issuing --json | jq -r .key_uri)
must inro key delete "$key" >/dev/null
must inro key generate --token office --label cmp --type ec-p256 >/dev/null
start_server --label issuing --retry-after 1
at=(-server "${http#http://}" -path .well-known/cmp/p/issuing)
good -cmd ir "${at[@]}" "${mac[@]}" -newkey dev.key -subject /CN=dev-1 -certout last.pem
bad 'systemUnavail' -cmd cr "${at[@]}" -cert last.pem -key dev.key -trusted root.pem -unprotected_errors -newkey dev.key -subject /CN=dev-1 -certout x.pem
! grep -qi 'pkcs11:\|object=' cmp.out || fail "a device is told where the key is: $(cat cmp.out)"
wait_for '"path":"/.well-known/cmp/p/issuing".*"error":"INRO_E_TOKEN: .*pkcs11:' "$log"
stop_server "$server_pid"

# ---- what is wrong with the server's PIN is in its log, by the request ----

openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout web.key -subj /CN=localhost -days 1 -out web.pem 2>/dev/null
INRO_PIN=000000 start_server --tls-key web.key --tls-cert web.pem
must inro device add dev-9 --json >nine.json
bad systemFailure -cmd ir -server "${http#http://}" -path .well-known/cmp/p/issuing -ref dev-9 -secret "pass:$(jq -r .psk nine.json)" \
	-unprotected_errors -newkey dev.key -subject /CN=dev-9 -certout x.pem
wait_for '"path":"/.well-known/cmp/p/issuing".*"error":"INRO_E_TOKEN: .*PIN' "$log"
stop_server
