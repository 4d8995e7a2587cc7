#!/usr/bin/env bash
# inro serve: key by URI in a token, certificate from a CA of ours or a file that changes, what it tells of itself, its
# settings, sockets and signs of systemd, and its end.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
cd "$T"
for p in curl jq openssl; do command -v $p >/dev/null || skip "$p is not installed"; done
make_office

# ---- key in a token, certificate from the CA ----

start_server
[[ $(ask /healthz | jq -r .status) == ok ]] || fail "no health: $(ask /healthz)"
[[ $(curl -sS "$http/healthz" | jq -r .status) == ok ]] || fail "no health without TLS"
ask /metrics | has '^inro_http_requests_total{method="GET",route="/healthz",status="200"} [1-9]' || fail "no counts"
[[ $(status_of "$https/nothing") == 404 ]] || fail "something is at /nothing"
[[ $(jq -r '.status, .title' body | tr '\n' ' ') == '404 Not Found ' ]] || fail "no problem document: $(cat body)"
[[ $(status_of -X DELETE "$https/healthz") == 405 ]] || fail "health can be deleted"
# What it must not speak.
for old in -tls1 -tls1_1; do
	! foreign openssl s_client $old -cipher ALL:@SECLEVEL=0 -connect "${https#https://}" </dev/null >out 2>&1 || fail "$old is spoken"
done
foreign openssl s_client -connect "${https#https://}" -CAfile root.pem -verify_return_error -verify_hostname localhost \
	</dev/null >out 2>&1 || fail "s_client: $(cat out)"
grep -q 'TLSv1.3' out || fail "not TLS 1.3"
foreign openssl s_client -tls1_2 -connect "${https#https://}" </dev/null >out 2>&1 || fail "TLS 1.2: $(cat out)"
grep -q 'Secure Renegotiation IS supported' out || fail "no secure renegotiation"
# A session is taken up again.
foreign openssl s_client -connect "${https#https://}" -sess_out session -ign_eof >out 2>&1 < <(
	printf 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
	sleep 1) || fail "s_client: $(cat out)"
foreign openssl s_client -connect "${https#https://}" -sess_in session </dev/null >out 2>&1 || true
grep -q '^Reused' out || fail "the session is not taken up again: $(cat out)"

# Revocation lists are there without anybody asking, and are not sent twice.
has_list() { [[ $(status_of "$http/crl/root.crl") == 200 ]]; }
until_true has_list
curl -sS -D head -o root.crl "$http/crl/root.crl"
openssl crl -inform DER -in root.crl -noout -CAfile root.pem 2>&1 | has '^verify OK' || fail "the list is not the CA's"
grep -qi '^content-type: application/pkix-crl' head || fail "the list's type: $(cat head)"
etag=$(sed -n 's/^ETag: \(.*\)\r$/\1/p' head)
modified=$(sed -n 's/^Last-Modified: \(.*\)\r$/\1/p' head)
[[ $(status_of -H "If-None-Match: $etag" "$https/crl/root.crl") == 304 ]] || fail "the list is sent twice"
[[ $(status_of -H "If-None-Match: \"1\", W/x, $etag" "$http/crl/root.crl") == 304 ]] || fail "a list of tags is not read"
[[ $(status_of -H "If-None-Match: \"1\"" "$http/crl/root.crl") == 200 ]] || fail "another tag is the same"
[[ $(status_of -H "If-Modified-Since: $modified" "$http/crl/root.crl") == 304 ]] || fail "the list is sent twice by its date"
[[ $(status_of -H "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT" "$http/crl/root.crl") == 200 ]] || fail "an old date is new"
[[ $(curl -sSI "$http/crl/root.crl" | tr -d '\r' | sed -n 's/^Content-Length: //p') == "$(stat -c %s root.crl)" ]] || fail "HEAD tells another length"
for none in none.crl root.pem root/delta.crl root/1.crl root/key9.crl root/x.crl root/.crl root/01.crl root/delta-.crl; do
	[[ $(status_of "$http/crl/$none") == 404 ]] || fail "there is a list $none"
done

# Certificates of CAs, where a certificate's address of its issuer leads to, without TLS too.
curl -sS -D head -o root.cer "$http/ca/root.cer"
cmp -s root.cer <(openssl x509 -in root.pem -outform DER) || fail "another certificate: $(cat head)"
has -i '^content-type: application/pkix-cert' head || fail "the certificate's type: $(cat head)"
[[ $(status_of "$https/ca/root/key1.cer") == 200 ]] || fail "no certificate of the first key"
curl -sS "$http/ca/root.p7c" | openssl pkcs7 -inform DER -print_certs >out 2>&1
has 'BEGIN CERTIFICATE' out || fail "no certificates: $(cat out)"
for none in none.cer root.pem root .cer root/key2.cer root/key0.cer root/key.cer root/1.cer; do
	[[ $(status_of "$http/ca/$none") == 404 ]] || fail "there is a certificate $none"
done

# Another start takes the same certificate; without the file there is another one at once.
serial() {
	foreign openssl s_client -connect "${https#https://}" </dev/null 2>/dev/null | openssl x509 -noout -serial
}
first=$(serial)
stop_server
grep -q '"event":"ending"' "$log" || fail "its end is not told"
jq -es 'all(.[]; type == "object")' <(grep '^{' "$log") >/dev/null || fail "the log is not JSON lines"
! grep -q 123456 "$log" || fail "the PIN is in the log"
start_server
[[ $(serial) == "$first" ]] || fail "a new start needs a new certificate"
rm home/serve/root.pem
kill -HUP "$server_pid"
wait_for 'another certificate is in use' "$log"
[[ $(serial) != "$first" ]] || fail "the certificate is the old one"
[[ $(inro cert list --json | jq '[.[] | select(.subject == "CN=localhost")] | length') == 2 ]] || fail "not two certificates"
stop_server

# Other names or another profile than the kept one has, or a kept one that is revoked: another one is made at the start.
names() {
	foreign openssl s_client -connect "${https#https://}" </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName
}
first=$(openssl x509 -in home/serve/root.pem -noout -serial)
start_server --tls-name gate.example
names | has 'DNS:gate.example' || fail "--tls-name has no effect on a server that was here before: $(names)"
has 'it is for other names' "$log" || fail "it is not told why: $(cat "$log")"
second=$(serial)
stop_server
[[ $second != "$first" ]] || fail "it is the certificate of before"
start_server --tls-name gate.example
[[ $(serial) == "$second" ]] || fail "the names are the same, and a new start needs a new certificate"
stop_server
must inro cert revoke "${second#serial=}" --reason superseded
start_server --tls-name gate.example
[[ $(serial) != "$second" ]] || fail "the server shows a revoked certificate"
has 'no longer active' "$log" || fail "it is not told why: $(cat "$log")"
third=$(serial)
stop_server
must inro profile show tls-server | sed 's/^name = .*/name = gate/' >gate.ini
must inro profile add gate.ini
start_server --tls-name gate.example --tls-profile gate
[[ $(serial) != "$third" ]] || fail "--tls-profile has no effect on a server that was here before"
stop_server

# A profile's own names are no other names; as long as another certificate can't be had, the one from before serves.
sed 's/^name = .*/name = site/; /^\[san\]/,/^$/ s/^default = .*/default = URI:urn:site/' gate.ini >site.ini
must inro profile add site.ini
start_server --tls-name gate.example --tls-profile site
fourth=$(serial)
stop_server
start_server --tls-name gate.example --tls-profile site
[[ $(serial) == "$fourth" ]] || fail "another certificate at each start: $(cat "$log")"
stop_server
sed 's/^name = .*/name = slow/; s/^approve = .*/approve = yes/' site.ini >slow.ini
must inro profile add slow.ini
start_server --tls-name gate.example --tls-profile slow
[[ $(serial) == "$fourth" ]] || fail "it is not the certificate of before"
has 'the certificate in use stays' "$log" || fail "it is not told why: $(cat "$log")"
sleep 3 # it looks again, and asks for the same
[[ $(inro cert list --state requested --json | jq length) == 1 ]] || fail "it asks again and again: $(inro cert list --state requested)"
stop_server
start_server --tls-name gate.example --tls-profile slow
[[ $(inro cert list --state requested --json | jq length) == 1 ]] || fail "a server that starts again asks once more: $(inro cert list --state requested)"
stop_server
must inro cert reject "id:$(inro cert list --state requested --json | jq -r '.[0].id')" --why "not now" >/dev/null
start_server --tls-name gate.example --tls-profile slow
has 'was rejected' "$log" || fail "it is not told that its request was rejected: $(cat "$log")"
[[ $(serial) == "$fourth" ]] || fail "a server whose request was rejected does not go on with what it has"
[[ $(inro cert list --state requested --json | jq length) == 0 ]] || fail "what was rejected is asked for anew at once"
stop_server
! inro serve --listen 127.0.0.1:0 --tls-ca root --tls-key "$tls_key" --tls-profile none 2>err || fail "it serves without the profile"
has "no profile is called 'none'" err || fail "$(cat err)"

# Another kind of key than the certificate's is another key.  A request is signed by the digest that its key names: one
# that it is bound to, or none.
sed 's/^name = .*/name = bound/; s/^types = .*/types = rsa-pss ed448/' gate.ini >bound.ini
must inro profile add bound.ini
must openssl genpkey -algorithm ED448 -out ed.key
must openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha384 \
	-pkeyopt rsa_pss_keygen_mgf1_md:sha384 -pkeyopt rsa_pss_keygen_saltlen:48 -out bound.key
refused 1 'the TLS certificate is for another key' inro serve --listen 127.0.0.1:0 --tls-cert home/serve/root.pem --tls-key "$T/ed.key"
for key in ed bound; do
	start_server --tls-key "$T/$key.key" --tls-profile bound
	[[ $(openssl x509 -in home/serve/root.pem -noout -pubkey) == "$(openssl pkey -in $key.key -pubout)" ]] || fail "not for $key.key"
	stop_server
done

# A provider that can't be loaded: what is wrong with it is told, and not only which one it is.
mkdir -p broken/bin broken/lib
cp "$B/bin/inro" broken/bin/
echo none >broken/lib/inro.so
refused 1 'inro.so can.t be loaded.*broken/lib/inro.so.*file too short' env "INRO_MODULE=$B/lib/inro-pkcs11.so" \
	broken/bin/inro serve --listen 127.0.0.1:0 --tls-ca root --tls-key "$tls_key"

# An address that is none, or a PIN's file that is missing, is told before a certificate is made.
made=$(inro cert list --json | jq length)
rm home/serve/root.pem
! inro serve --listen 127.0.0.1 --tls-ca root --tls-key "$tls_key" 2>err || fail "it serves at no address"
has 'is not ADDRESS:PORT' err || fail "it says: $(cat err)"
[[ $(inro cert list --json | jq length) == "$made" ]] || fail "a certificate for a server that could not start"
! (unset INRO_PIN; inro serve --listen 127.0.0.1:0 --tls-ca root --tls-key "$tls_key" --pin-source nowhere 2>err) ||
	fail "it serves without its PIN"
has 'nowhere: No such file' err || fail "the PIN's file is missing, and it says: $(cat err)"

# --pin-source comes before INRO_PIN, for the server's own key as for all others.
printf '%s\n' "$INRO_PIN" >good.pin
INRO_PIN=000000 start_server --pin-source good.pin
stop_server
[[ $(inro token list --json | jq '.[] | select(.label == "office").tries_left') == 10 ]] || fail "a wrong PIN was tried"

# ---- another program takes the place of the one that runs, as when a package is updated: it finds its modules still ----

mkdir inst
cp -r "$B/bin" "$B/lib" inst/
B=$T/inst start_server --workers 2
rm inst/bin/inro
openssl x509 -in home/serve/root.pem -out served.pem
is_good() {
	openssl ocsp -issuer root.pem -cert served.pem -CAfile root.pem -no_nonce -url "$http/ocsp/root" 2>&1 | has '^served.pem: good'
}
within_time is_good || fail "without its program's file the server can't use its tokens: $(tail -5 "$log")"
for _ in 1 2 3 4 5 6 7 8; do # either worker
	openssl ocsp -issuer root.pem -serial 0x4711 -CAfile root.pem -url "$http/ocsp/root" 2>&1 | has '^0x4711: unknown' ||
		fail "a worker can't use its tokens: $(tail -5 "$log")"
done
stop_server

# ---- certificate in a file that changes; a key in a file ----

make_cert() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.crt" -days 2 \
		-subj "/CN=$1" -addext subjectAltName=DNS:localhost 2>/dev/null
}
make_cert one
start_server --tls-key one.key --tls-cert one.crt
[[ $(curl -sS --cacert one.crt "$https/healthz" | jq -r .status) == ok ]] || fail "no health with files"
openssl req -x509 -key one.key -out new.crt -days 3 -subj /CN=new -addext subjectAltName=DNS:localhost
make_cert other
cp other.crt one.crt # another key's: the old one stays
wait_for 'another key' "$log"
[[ $(foreign openssl s_client -connect "${https#https://}" </dev/null 2>/dev/null | openssl x509 -noout -subject -nameopt RFC2253) == 'subject=CN=one' ]] ||
	fail "a wrong certificate is in use"
mv new.crt one.crt
wait_for 'another certificate is in use' "$log"
[[ $(foreign openssl s_client -connect "${https#https://}" </dev/null 2>/dev/null | openssl x509 -noout -subject -nameopt RFC2253) == 'subject=CN=new' ]] ||
	fail "the new certificate is not in use"
stop_server

# ---- with those above it: a client knows the root alone ----

make_cert top
below() { # NAME ISSUER EXTENSION: NAME.crt, below ISSUER
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "/CN=$1" 2>/dev/null |
		openssl x509 -req -CA "$2.crt" -CAkey "$2.key" -days 2 -extfile <(echo "$3") -out "$1.crt" 2>/dev/null
}
sent() { # how many certificates the server shows
	foreign openssl s_client -connect "${https#https://}" -showcerts </dev/null 2>/dev/null | grep -c BEGIN
}
below mid1 top basicConstraints=critical,CA:true
below mid2 mid1 basicConstraints=critical,CA:true
below leaf mid2 subjectAltName=DNS:localhost
below mid3 top basicConstraints=critical,CA:true
openssl req -new -key leaf.key -subj /CN=leaf3 |
	openssl x509 -req -CA mid3.crt -CAkey mid3.key -days 2 -extfile <(echo subjectAltName=DNS:localhost) -out leaf3.crt 2>/dev/null
cat leaf.crt mid2.crt mid1.crt >web.crt
start_server --tls-key leaf.key --tls-cert web.crt
[[ $(curl -sS --cacert top.crt "$https/healthz" | jq -r .status) == ok ]] || fail "no chain at the start"
[[ $(sent) == 3 ]] || fail "$(sent) certificates are sent, not 3"
cat leaf3.crt mid3.crt | head -n -3 >cut.crt
mv cut.crt web.crt # the second one is cut short: the chain in use stays
wait_for 'no PEM' "$log"
[[ $(sent) == 3 ]] || fail "a damaged chain is in use"
cat leaf3.crt mid3.crt >web.new
mv web.new web.crt
wait_for 'another certificate is in use' "$log"
[[ $(sent) == 2 && $(curl -sS --cacert top.crt "$https/healthz" | jq -r .status) == ok ]] || fail "the new chain is not in use"
stop_server

# ---- what can't start says why, in a line ----

refused 1 'nothing to listen at' inro serve
refused 1 'needs a key' inro serve --listen 127.0.0.1:0
refused 1 'needs a certificate' inro serve --listen 127.0.0.1:0 --tls-key "$tls_key"
refused 1 'for another key: key values mismatch$' inro serve --listen 127.0.0.1:0 --tls-key "$tls_key" --tls-cert other.crt
refused 1 'TLS key can.t be opened' inro serve --listen 127.0.0.1:0 --tls-key 'pkcs11:token=office;object=none' --tls-cert one.crt
refused 1 '^inro: nothing.crt: No such file' inro serve --listen 127.0.0.1:0 --tls-key one.key --tls-cert nothing.crt
refused 1 'nothing.key.*: No such file' inro serve --listen 127.0.0.1:0 --tls-key nothing.key --tls-cert one.crt
refused 1 'ADDRESS:PORT' inro serve --http 8080
refused 1 'no address|ADDRESS' inro serve --http 'not an address:1'
refused 1 'nocer|is called' inro serve --listen 127.0.0.1:0 --tls-key one.key --tls-ca nocer
start_server
refused 1 'use' inro serve --http "${http#http://}"
INRO_HOME=$T/none refused 1 'no database|back office' inro serve --http 127.0.0.1:0
stop_server

# ---- settings; systemd's sockets and signs ----

cat >inro.conf <<-END
	[serve]
	http = 127.0.0.1:0
	http = 127.0.0.1:0
	workers = 3
END
INRO_CONFIG=$T/inro.conf background conf.log "$B/bin/inro" serve
wait_for 'listening.*listening|"http://127' conf.log
sleep 0.2
[[ $(grep -c '"url":"http://' conf.log) == 2 ]] || fail "not two addresses: $(cat conf.log)"
port=$(sed -n 's/.*"url":"http:[^"]*:\([0-9]*\)".*/\1/p' conf.log | head -1)
curl -sS "http://127.0.0.1:$port/metrics" | has '^inro_http_workers 3' || fail "the setting is not obeyed"
stop_server "$pid"
printf '[serve]\nlissen = 1\n' >inro.conf
INRO_CONFIG=$T/inro.conf refused 1 "line 2.*no setting 'lissen'" inro serve
printf '[serve]\nworkers = many\n' >inro.conf
INRO_CONFIG=$T/inro.conf refused 1 'workers is a number' inro serve

# The PIN as a credential of the service; started by root, it is somebody else.
mkdir credentials
echo 123456 >credentials/office.pin
pin=$INRO_PIN
unset INRO_PIN
CREDENTIALS_DIRECTORY=$T/credentials start_server
[[ $(ask /healthz | jq -r .status) == ok ]] || fail "no health with a credential"
stop_server
if [[ $(id -u) == 0 ]]; then
	chmod 711 "$T"
	chown -R nobody home credentials
	CREDENTIALS_DIRECTORY=$T/credentials start_server --user nobody
	[[ $(ask /healthz | jq -r .status) == ok ]] || fail "no health as nobody"
	[[ $(stat -c %U "/proc/$server_pid") == nobody ]] || fail "the server is not nobody's"
	[[ $(sed -n 's/^CapEff:\t*//p' "/proc/$server_pid/status") == 0000000000000000 ]] || fail "it has capabilities"
	stop_server
	chown -R root home
fi
export INRO_PIN=$pin
refused 1 'no user' inro serve --http 127.0.0.1:0 --user nobody-of-that-name

DESTDIR=$T/dest cmake --install "$B" --prefix /usr >install.log 2>&1 || fail "$(cat install.log)"
for unit in inro-serve.service inro-serve.socket inro-serve-http.socket; do
	[[ -s dest/usr/lib/systemd/system/$unit ]] || fail "$unit is not installed"
done
systemd-analyze security --offline=true --threshold=20 dest/usr/lib/systemd/system/inro-serve.service >exposure 2>&1 ||
	fail "the unit is not closed enough: $(tail -3 exposure)"

python3 - "$T/notify" >notified <<-'END' &
	import socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); s.settimeout(20)
	while True:
	    print(s.recv(200).decode(), flush=True)
END
pids+=("$!")
until [[ -S notify ]]; do sleep 0.05; done
python3 - >port <<-'END'
	import socket
	s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])
END
NOTIFY_SOCKET=$T/notify WATCHDOG_USEC=400000 background activated.log systemd-socket-activate \
	-l "127.0.0.1:$(cat port)" --fdname=http -E NOTIFY_SOCKET -E WATCHDOG_USEC -E INRO_HOME -E INRO_PIN \
	-E ASAN_OPTIONS "$B/bin/inro" serve
wait_for 'Listening on' activated.log
[[ $(curl -sS "http://127.0.0.1:$(cat port)/healthz" | jq -r .status) == ok ]] || fail "no health by activation: $(cat activated.log)"
wait_for READY=1 notified
wait_for WATCHDOG=1 notified
stop_server "$pid"
wait_for STOPPING=1 notified

# ---- a token that does not open: told, and what works goes on ----

INRO_PIN=654321 must inro token create side >/dev/null
INRO_PIN=654321 must inro ca create side --subject CN=side --token side >/dev/null
INRO_PIN=654321 must inro key generate --token side --label audit --type ec-p256 >/dev/null
INRO_PIN=654321 must inro audit sign --key 'pkcs11:token=side;object=audit;type=private' >/dev/null
must inro setting set audit.every 1 >/dev/null
# Nobody has just looked.
python3 -c 'import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute("DELETE FROM lease"); d.commit()' home/backoffice.db
start_server
is_degraded() { [[ $(ask /healthz | jq -r .status) == degraded ]]; }
# Each of the three finds it in its own time.
says_degraded() {
	is_degraded || return 1
	ask /metrics >metrics
	has '^inro_duty_failed{duty="audit-mark"} 1' <metrics && has '^inro_token_works{token="side"} 0' <metrics
}
within_time says_degraded || true # what is wrong is told below
ask /healthz >health
jq -e '.status == "degraded" and .components.database == "ok" and .components.tokens == "1 of 2 do not work"' health >/dev/null ||
	fail "a PIN that is wrong is not told: $(cat health)"
[[ $(status_of "$http/healthz") == 200 ]] || fail "a server that is degraded is out"
! grep -q 'office\|side' "$T/body" || fail "anybody learns the names of tokens: $(cat "$T/body")"
ask /metrics >metrics
has '^inro_token_works{token="side"} 0' <metrics || fail "no metric of the token: $(cat metrics)"
has '^inro_token_works{token="office"} 1' <metrics || fail "the other token does not work"
has '^inro_duty_failed{duty="audit-mark"} 1' <metrics || fail "no metric of the duty: $(grep duty metrics)"
[[ $(grep -c 'a token does not work' "$log") == 1 ]] || fail "it is not told once: $(grep token "$log")"
[[ $(status_of "$http/crl/root.crl") == 200 ]] || fail "what works does not go on"
[[ $(inro audit list --action audit.sign --json | jq '[.[] | select(.outcome == "refused")] | length') == 1 ]] ||
	fail "refusals: $(inro audit list --action audit.sign)"
stop_server

# ---- a key that is gone from a token that opens: nothing is signed, and that is told ----

must inro ca create lost --subject CN=lost --token office --type ec-p256 >/dev/null
must inro key delete 'pkcs11:token=office;object=lost;type=private' --needed --yes >/dev/null
start_server
says_lost() { has "a CA's key does not work.*lost: " <"$log"; }
within_time says_lost || fail "nobody is told of a key that is gone: $(cat "$log")"
ask /healthz | jq -e '.status == "degraded" and (.components.keys | test("^. keys? of (a CA|CAs) did not work$"))' >/dev/null ||
	fail "it is not told to whoever asks: $(ask /healthz)"
ask /metrics | has '^inro_ca_keys_failed [12]' || fail "no metric of the key"
[[ $(grep -c "a CA's key does not work.*lost: " "$log") == 1 ]] || fail "it is not told once: $(cat "$log")"
[[ $(status_of "$http/healthz") == 200 ]] || fail "a server without one key is out"
# Beside a CA whose signer always fails: why this one's does is told, too, and once.
says_signer() { has 'a duty failed.*ocsp-signers: .*side.*lost' <"$log"; }
within_time says_signer || fail "nobody is told of a signer that is not renewed: $(cat "$log")"
[[ $(grep -c 'a duty failed.*ocsp-signers: ' "$log") -le 2 ]] || fail "it is told again and again: $(cat "$log")"
stop_server
