#!/bin/bash
# test_serve_est - EST by stock clients: docs/howto/est.md as it stands there, and what is refused: other devices, other
# certificates, other connections, too much.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
need curl jq /usr/bin/python3
cd "$T"

make_office
must inro ca create issuing --subject CN=issuing --token office --parent root >/dev/null
must inro secret seal-key --token office >/dev/null
must inro token create line1 --backend tpm --tcti libtpms: >/dev/null # the key of press-2 is in a TPM
for d in press-2 press-3; do
	must inro device add "$d" --json | jq -r .psk >"etc/$d.psk"
done
cp root.pem etc/
start_server --retry-after 3
instead=(https://localhost:8443 "$https" 'inro device add press-1' 'inro device add press-1 --json | jq -r .psk >/etc/inro/press-1.psk')
instead+=('>/etc/inro/press-1.psk' ">$T/etc/press-1.psk")
if [[ -n $runtime ]]; then # programs that load our provider have its runtime, and Debian's curl, with GnuTLS in it, does not start with that
	with_runtime="LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=0 OPENSSL_CONF="
	instead+=('OPENSSL_CONF=/etc/inro/openssl.cnf curl -sS --fail-with-body' "$with_runtime$T/etc/openssl.cnf /usr/bin/python3 $T/curl.py")
	instead+=('OPENSSL_CONF=' "$with_runtime")
	cat >curl.py <<-'PY'
		import argparse, http.client, ssl, urllib.parse

		options = argparse.ArgumentParser()
		for name in ('--cacert', '--cert', '--key', '-H', '--data-binary', '-o', 'url'):
		    options.add_argument(name)
		o = options.parse_args()
		url = urllib.parse.urlsplit(o.url)
		context = ssl.create_default_context(cafile=o.cacert)
		context.load_cert_chain(o.cert, o.key)
		c = http.client.HTTPSConnection(url.hostname, url.port, context=context)
		c.request('POST', url.path, open(o.data_binary[1:], 'rb').read(), dict([o.H.split(': ')]))
		answer = c.getresponse()
		assert answer.status == 200, answer.status
		open(o.o, 'wb').write(answer.read())
	PY
fi
signs() { [[ $(inro ca cmp issuing --json | jq -r .serial) != null ]]; } # what is made for devices
until_true signs
run_howto est.md sh
cd "$T/etc"
must openssl verify -CAfile root.pem -untrusted est-cas.pem press-1.crt >/dev/null
must openssl verify -CAfile root.pem -untrusted est-cas.pem press-2.crt >/dev/null
[[ $(openssl x509 -in press-1.crt -noout -pubkey) == "$(openssl pkey -in press-1.key -pubout)" ]] || fail "the renewed certificate is for another key"
[[ $(openssl x509 -in made.crt -noout -pubkey) == "$(openssl pkey -in made.key -pubout)" ]] || fail "the key that was made is another one than its certificate's"
rm made.key made.crt

est=$https/.well-known/est
curl_est() { # STATUS PATH ARGUMENT ...
	local want=$1 path=$2 got
	shift 2
	got=$(curl -sS --max-time 20 --cacert root.pem -o body -D head -w '%{http_code}' "$@" "$est/$path")
	[[ $got == "$want" ]] || fail "$path: $got, not $want: $(cat body)"
}
enrol() { # STATUS PATH ARGUMENT ...
	curl_est "$@" -H 'Content-Type: application/pkcs10'
}
p10() { # KEY CN
	openssl req -new -key "$1" -subj "/CN=$2" -outform DER | openssl base64
}
three=(--user "press-3:$(cat press-3.psk)")
openssl ecparam -name prime256v1 -genkey -noout -out other.key

# ---- who, and for whom ----

p10 other.key press-3 >three.p10
enrol 401 issuing/simpleenroll --data-binary @three.p10
grep -qi '^www-authenticate: basic' head || fail "not told how to log in: $(cat head)"
wait_for '"path":"/.well-known/est/issuing/simpleenroll","status":401,.*"refused":"a client certificate, or a device' "$log"
enrol 401 issuing/simpleenroll --user press-3:wrong --data-binary @three.p10
wait_for '"status":401,.*"refused":"wrong ' "$log"
! has '"status":401,.*"error"' "$log" || fail "a refusal is no error of the server: $(cat "$log")"
enrol 401 issuing/simpleenroll --user plant/press-3:wrong --data-binary @three.p10
p10 other.key press-1 >one.p10
enrol 422 issuing/simpleenroll "${three[@]}" --data-binary @one.p10
grep -q "for device 'press-1', and 'press-3' sends it" body || fail "another reason: $(cat body)"
enrol 200 issuing/simpleenroll "${three[@]}" --data-binary @three.p10
grep -qi '^content-type: application/pkcs7-mime; smime-type=certs-only' head || fail "another type: $(cat head)"
cp body first
enrol 200 issuing/simpleenroll "${three[@]}" --data-binary @three.p10
cmp -s body first || fail "the same request got another certificate"
openssl base64 -d -in first | openssl pkcs7 -inform DER -print_certs -out three.crt
enrol 404 nobody/simpleenroll "${three[@]}" --data-binary @three.p10
enrol 404 issuing.nothing/simpleenroll "${three[@]}" --data-binary @three.p10
for p in ocsp-signer ra-signer code-signing; do
	enrol 403 "issuing.$p/simpleenroll" "${three[@]}" --data-binary @three.p10
	has "profile '$p' is for what is believed of more than the device" body || fail "another reason: $(cat body)"
done
enrol 404 simpleenroll "${three[@]}" --data-binary @three.p10 # neither the server nor the group has a label
curl_est 405 issuing/simpleenroll
curl_est 415 issuing/simpleenroll "${three[@]}" -H 'Content-Type: text/plain' --data-binary @three.p10
head -c 300000 /dev/zero | tr '\0' A >big
enrol 413 issuing/simpleenroll "${three[@]}" --data-binary @big
for bad in 'not base64!' 'AAAA' 'MIIB' '===='; do
	enrol 400 issuing/simpleenroll "${three[@]}" --data-binary "$bad"
done
[[ $(curl -sS -o body -w '%{http_code}' -H 'Content-Type: application/pkcs10' "${three[@]}" --data-binary @three.p10 "$http/.well-known/est/issuing/simpleenroll") != 200 ]] ||
	fail "EST without TLS"

# ---- renewed by the certificate itself, and by no other ----

mine=(--cert three.crt --key other.key)
enrol 403 issuing/simplereenroll "${three[@]}" --data-binary @three.p10 # known, but not by a certificate
enrol 422 issuing/simplereenroll "${mine[@]}" --data-binary @one.p10
must inro cert revoke "sha256:$(openssl x509 -in three.crt -noout -fingerprint -sha256 | sed 's/.*=//; s/://g')" --reason superseded >/dev/null
enrol 401 issuing/simplereenroll "${mine[@]}" --data-binary @three.p10
enrol 401 issuing/simpleenroll "${mine[@]}" --data-binary @three.p10
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout self.key -subj /CN=press-3 -days 1 -out self.crt 2>/dev/null
enrol 401 issuing/simpleenroll --cert self.crt --key self.key --data-binary @three.p10

# ---- approval ----

printf '%s\n' '[profile]' 'name = slow' '[validity]' 'period = 30d' '[key]' 'types = ec-p256' '[issuing]' 'approve = yes' >slow.ini
must inro profile add slow.ini >/dev/null
openssl ecparam -name prime256v1 -genkey -noout -out slow.key
p10 slow.key press-3 >slow.p10
enrol 202 issuing.slow/simpleenroll "${three[@]}" --data-binary @slow.p10
grep -qi '^retry-after: 3' head || fail "not told when to come again: $(cat head)"
id=$(inro cert list --state requested --json | jq -r '.[0].id')
must inro cert approve "id:$id" >/dev/null
enrol 200 issuing.slow/simpleenroll "${three[@]}" --data-binary @slow.p10
# A request as long as one of SLH-DSA, and longer: it waits as any does.
long_request 92000 press-3 slow.key -outform DER | openssl base64 >long.p10
enrol 202 issuing.slow/simpleenroll "${three[@]}" --data-binary @long.p10
must inro cert approve "id:$(inro cert list --state requested --json | jq -r '.[0].id')" >/dev/null
enrol 200 issuing.slow/simpleenroll "${three[@]}" --data-binary @long.p10
long_request 98400 press-3 slow.key -outform DER | openssl base64 >long.p10
enrol 413 issuing.slow/simpleenroll "${three[@]}" --data-binary @long.p10
has 'longer than 98304 octets' body || fail "another reason: $(cat body)"

# ---- bound to the connection ----

printf '%s\n' '[profile]' 'name = bound' '[validity]' 'period = 30d' '[key]' 'types = ec-p256' '[issuing]' 'channel_binding = yes' >bound.ini
must inro profile add bound.ini >/dev/null
cat >bound.py <<'PY'
import base64, http.client, ssl, subprocess, sys, urllib.parse

url, user, key, shown = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile='root.pem')
context.maximum_version = ssl.TLSVersion.TLSv1_2
c = http.client.HTTPSConnection(url.hostname, url.port, context=context)
c.connect()
mine = c.sock.get_channel_binding('tls-unique') if shown == 'mine' else b'of another one'
config = '[req]\ndistinguished_name=dn\nattributes=a\nprompt=no\n[dn]\nCN=press-3\n[a]\nchallengePassword=%s\n'
open('bound.cnf', 'w').write(config % base64.b64encode(mine).decode())
der = subprocess.run(['openssl', 'req', '-new', '-config', 'bound.cnf', '-key', key, '-outform', 'DER'], check=True, stdout=subprocess.PIPE).stdout
c.request('POST', url.path, base64.b64encode(der), {'Content-Type': 'application/pkcs10', 'Authorization': 'Basic ' + base64.b64encode(user.encode()).decode()})
print(c.getresponse().status)
PY
bound() { /usr/bin/python3 bound.py "$est/issuing.bound/simpleenroll" "press-3:$(cat press-3.psk)" slow.key "$1"; }
enrol 422 issuing.bound/simpleenroll "${three[@]}" --data-binary @slow.p10
[[ $(bound mine) == 200 ]] || fail "bound to its connection, and refused"
[[ $(bound other) == 422 ]] || fail "bound to another connection, and taken"

# ---- keys made at the server ----

enrol 422 issuing/serverkeygen "${three[@]}" --data-binary @three.p10
must inro group add weak --policy '{"plain_keys": true}' >/dev/null
must inro device update press-3 --group weak >/dev/null
enrol 200 issuing/serverkeygen "${three[@]}" --data-binary @three.p10
grep -qi '^content-type: multipart/mixed; boundary=' head || fail "another type: $(cat head)"
/usr/bin/python3 - <<'PY' || fail "the parts can't be read: $(cat body)"
import email, re
head = open('head').read()
kind = re.search(r'(?im)^content-type: (.*?)\r?$', head).group(1)
key, cert = email.message_from_string('Content-Type: %s\n\n%s' % (kind, open('body').read())).get_payload()
assert key.get_content_type() == 'application/pkcs8' and cert.get_content_type() == 'application/pkcs7-mime'
open('made.key', 'wb').write(key.get_payload(decode=True))
open('made.p7', 'wb').write(cert.get_payload(decode=True))
PY
openssl pkcs7 -inform DER -in made.p7 -print_certs -out made.crt
[[ $(openssl x509 -in made.crt -noout -pubkey) == "$(openssl pkey -inform DER -in made.key -pubout)" ]] || fail "key and certificate don't fit"

# ---- what is wanted ----

curl_est 200 issuing/csrattrs
openssl base64 -d -in body | openssl asn1parse -inform DER >attrs
grep -q '1.2.840.113549.1.9.16.2.61' attrs || fail "no template: $(cat attrs)"

# ---- a PIN that is not the token's is the server's fault, and no try of the device ----

openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout web.key -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -days 1 -out web.pem 2>/dev/null
stop_server "$server_pid"
INRO_PIN=000000 start_server --tls-key web.key --tls-cert web.pem
for _ in 1 2 3 4 5 6 7 8; do
	said=$(curl -sS --max-time 20 --cacert web.pem -o body -w '%{http_code}' "${three[@]}" \
		-H 'Content-Type: application/pkcs10' --data-binary @three.p10 "$https/.well-known/est/issuing/simpleenroll")
	[[ $said == 500 ]] || fail "with a wrong PIN: $said, $(cat body)"
done
has 'refused this PIN' "$log" || fail "the log does not say why"
inro psk show press-3 --json | jq -e '.wrong_tries == 0' >/dev/null || fail "counted as wrong: $(inro psk show press-3 --json)"
stop_server "$server_pid"
start_server --retry-after 3
est=$https/.well-known/est

# ---- too many requests of one device, or from one address: 429, and others go on ----

limit_server() {
	stop_server "$server_pid"
	start_server "$@"
	est=$https/.well-known/est
}
# so_many URL ARG ...: of 60 requests on one connection, how many were too many
so_many() {
	local url=$1
	shift
	for _ in {1..60}; do
		printf 'url = "%s"\noutput = "/dev/null"\n' "$url"
	done | curl -sS --max-time 120 --cacert root.pem -K - -D head -w '%{http_code}\n' "$@" >codes
	grep -c '^429' codes
}
limit_server --retry-after 3 --requests-per-account 1
[[ $(so_many "$est/issuing/csrattrs" "${three[@]}") -gt 0 ]] || fail "a device asks as often as it likes: $(cat codes)"
[[ $(head -10 codes | sort -u) == 200 ]] || fail "not ten at once: $(cat codes)"
[[ $(so_many "$https/v1/device/self" "${three[@]}") -gt 0 ]] || fail "REST does not count the same device: $(cat codes)"
has -i '^retry-after: [1-9]' head || fail "not told when to come again: $(cat head)"
has -i '^content-type: application/problem+json' head || fail "no problem document: $(cat head)"
[[ $(curl -sS --cacert root.pem -o body -w '%{http_code}' --user "press-2:$(cat press-2.psk)" "$est/issuing/csrattrs") == 200 ]] || fail "another device is held up: $(cat body)"
ask /metrics | has '^inro_http_account_over_rate_total [1-9]' || fail "not counted: $(ask /metrics | grep over)"
limit_server --retry-after 3 --requests-per-peer 1
[[ $(so_many "$est/issuing/cacerts") -gt 0 ]] || fail "an address asks as often as it likes: $(cat codes)"
[[ $(ask /healthz | jq -r .status) == ok ]] || fail "a load balancer takes the server away"
limit_server --retry-after 3

# ---- who is known and is refused is told one by one, who is not looked at together ----

make_people
openssl req -new -key other.key -subj /CN=alice -out alice.csr
must inro cert issue --ca issuing --profile tls-client --csr alice.csr --out alice.crt >/dev/null
must inro user token add desk --certificate alice.crt >/dev/null
enrol 403 issuing/simpleenroll --cert alice.crt --key other.key --data-binary @three.p10
must inro audit list --action certificate.issue --json |
	jq -e 'map(select(.outcome == "refused" and .actor == "alice" and .detail.reason == "only a device enrols")) | length == 1' >/dev/null ||
	fail "no event: $(inro audit list --action certificate.issue)"
[[ $(status_of -H 'Sec-Fetch-Site: cross-site' -X POST "$https/v1/devices/press-3/disable") == 403 ]] || fail "a page of another site: $(cat body)"

# ---- a disabled device, a CA that can't issue ----

must inro device disable press-3 >/dev/null
enrol 401 issuing/simpleenroll "${three[@]}" --data-binary @three.p10
must inro device enable press-3 >/dev/null
must inro ca retire issuing >/dev/null
openssl ecparam -name prime256v1 -genkey -noout -out late.key
p10 late.key press-3 >late.p10
enrol 409 issuing/simpleenroll "${three[@]}" --data-binary @late.p10
stop_server "$server_pid"

# who did not say whom he is from is accounted for, when the server ends at the latest
must inro audit list --action request.login --json >unnamed.json
[[ $(jq '[.[].detail.count] | add' unnamed.json) == 2 ]] || fail "requests without a name: $(cat unnamed.json)"
[[ $(jq -r '.[0].detail.from' unnamed.json) == '127.0.0.1 1' ]] || fail "from where: $(cat unnamed.json)"
