#!/usr/bin/env bash
# A CA of openssl's behind our interface: requests out, certificates in, what is revoked told and heard.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/cas.sh" || exit 1
if [[ ${INRO_TEST_DB:-} == postgres ]]; then
	. "$INRO_TEST_SOURCE/tests/lib/postgres.sh" || exit 1
	start_postgres office || skip "PostgreSQL is not installed"
	export INRO_DB=${pg_urls[0]}
fi

: >index.txt
echo 01 >number
cat >>ca.cnf <<'END'
[bound]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical,excluded;DNS:no.example
[client]
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
subjectKeyIdentifier = hash
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
[outside]
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
subjectAltName = DNS:a.no.example
[ca]
default_ca = c
[c]
database = index.txt
crlnumber = number
default_md = sha256
private_key = far.key
certificate = far.pem
default_crl_days = 7
END
state() {
	inro cert show "$1" --json | value state
}
far_root top bound
request far /CN=far
far_sign far.csr top sub far.pem
far_root other
sign() {
	# ID SECTION: ID.pem for out/ID.csr
	far_sign "asked/$1.csr" far "$2" "$1.pem"
}

# ---- on record ----

must inro device add d1
must inro device add d2
refused 1 "give the chain" inro ca connect far --cert far.pem
refused 1 "no CA" inro cert import --ca far far.pem
must inro ca connect far --cert far.pem --chain top.pem
refused 1 "there is a CA 'far' already" inro ca connect far --cert other.pem
refused 1 "another CA has this key" inro ca connect twin --cert far.pem --chain top.pem
refused 1 "is elsewhere" inro ca crl far
refused 1 "is elsewhere" inro ca rollover far --token none
request a /CN=d1
request b /CN=d2
request c
request d
mkdir in
cp a.csr in/
refused 1 "is elsewhere" inro cert issue --ca far --profile tls-client --csr-dir in --out-dir made
[[ $(inro ca show far --chain | grep -c BEGIN) == 2 ]] || fail "the chain is not kept"

# ---- requests out ----

must inro cert issue --ca far --profile tls-client --csr a.csr --device d1 --request-id r1 --out a.out
grep -q "request [0-9]* waits for CA 'far'" out || fail "$(cat out)"
cmp <(openssl req -in a.csr -outform DER) <(openssl req -in a.out -outform DER) || fail "the request is another"
must inro cert issue --ca far --profile tls-client --csr a.csr --device d1 --request-id r1 --out a.out
must inro cert issue --ca far --profile tls-client --csr b.csr --device d2
grep -q "BEGIN CERTIFICATE REQUEST" out || fail "$(cat out)"
must inro cert issue --ca far --profile tls-client --csr c.csr
inro ca requests far --json | sed -n 's/.*"id": \([0-9]*\),/\1/p' >ids
[[ $(wc -l <ids) == 3 ]] || fail "not three requests: $(inro ca requests far)"
{ read -r a; read -r b; read -r c; } <ids
must inro ca requests far --out-dir asked
refused 1 "waits for its certificate from elsewhere" inro cert approve "$c"
must inro cert reject "$c" --why "not needed"
[[ $(inro ca requests far --json | grep -c '"id"') == 2 ]] || fail "what was rejected waits: $(inro ca requests far)"

# ---- certificates in ----

sign "$a" client
sign "$b" outside
sign "$c" client
import() {
	inro cert import --ca far "$1" >out 2>err
}
import "$b.pem" && fail "a name that may not be certified is taken in"
grep -q "DNS:a.no.example .* exclude DNS:no.example" err || fail "$(cat err)"
import "$c.pem" && fail "what was rejected is taken in"
grep -q "no request to CA 'far' waits for its key" err || fail "$(cat err)"
far_sign "asked/$a.csr" other client wrong.pem
import wrong.pem && fail "another CA's certificate is taken in"
grep -q "has not signed it" err || fail "$(cat err)"
import other.pem && fail "a CA's certificate is taken in"
openssl x509 -req -in "asked/$a.csr" -CA far.pem -CAkey far.key -out past.pem -days 0 >/dev/null 2>&1
sleep 1
import past.pem && fail "an expired certificate is taken in"
grep -q "has expired" err || fail "$(cat err)"
[[ $(state "id:$a") == pending ]] || fail "what was refused has changed the request"
must inro cert import --ca far "$a.pem"
grep -q "1 taken in, 0 were on record, 0 refused" out || fail "$(cat out)"
must inro cert import --ca far "$a.pem"
grep -q "0 taken in, 1 were on record" out || fail "$(cat out)"
[[ $(state "id:$a") == active ]] || fail "$(inro cert show "id:$a")"
[[ $(inro cert show "id:$a" --json | value device) == d1 ]] || fail "whose it is is lost: $(inro cert show "id:$a")"
[[ $(inro device show d1 --json | value state) == active ]] || fail "the device is not active"
must inro cert issue --ca far --profile tls-client --csr a.csr --device d1 --request-id r1 --out again.pem
cmp <(openssl x509 -in again.pem -outform DER) <(openssl x509 -in "$a.pem" -outform DER) || fail "who asks again gets something else"
mkdir came
far_sign "asked/$b.csr" far leaf "$b.pem" -subj /CN=somebody
cp "$b.pem" "$c.pem" came/
echo junk >came/junk
inro cert import --ca far came --unrequested --json >out 2>err && fail "junk is no refusal"
[[ $(value taken <out) == 2 && $(value refused <out) == 1 && $(value unrequested <out) == 1 ]] || fail "$(cat out)"
grep -q '"warnings": ".*not the one that was asked for: CN=d2' out || fail "nothing is said of another subject: $(cat out)"
inro cert show "id:$b" --format chain >chain.pem
[[ $(grep -c BEGIN chain.pem) == 3 ]] || fail "the chain: $(cat chain.pem)"
openssl verify -CAfile top.pem -untrusted far.pem "$b.pem" >out 2>&1 || fail "$(cat out)"
refused 1 "is elsewhere" inro cert renew "id:$a" --csr a.csr

# ---- revoked here, and there ----

must inro cert revoke "id:$b"
grep -q "CA 'far' is elsewhere and has to do the same: tell it" out || fail "$(cat out)"
must inro cert hold "id:$a"
grep -q "tell it" out || fail "$(cat out)"
must inro cert release "id:$a"
list() {
	openssl ca -config ca.cnf -gencrl -out "$1" 2>/dev/null || fail "no list $1"
}
list first.crl
must inro ca crl-import far first.crl
grep -q "0 records changed, 0 entries .*; 1 is revoked or held here and not on it" out || fail "$(cat out)"
openssl ca -config ca.cnf -revoke "$b.pem" -crl_reason keyCompromise 2>/dev/null
openssl ca -config ca.cnf -revoke "$a.pem" -crl_reason superseded 2>/dev/null
openssl x509 -req -in d.csr -CA far.pem -CAkey far.key -out d.pem -days 30 >/dev/null 2>&1
openssl ca -config ca.cnf -revoke d.pem 2>/dev/null
list second.crl
must inro ca crl-import far second.crl
grep -q "1 record changed, 1 entry .*; 0 are revoked" out || fail "$(cat out)"
[[ $(state "id:$a") == revoked && $(inro cert show "id:$a" --json | value reason) == superseded ]] || fail "$(inro cert show "id:$a")"
must inro ca crl-import far second.crl
openssl ca -config ca.cnf -keyfile other.key -cert other.pem -gencrl -out other.crl 2>/dev/null
refused 1 "another CA's" inro ca crl-import far other.crl
# A list's number has up to 20 octets (RFC 5280 5.2.3): some CAs take the time in nanoseconds, or chance.
numbered() { # HEX
	echo "$1" >number
	list long.crl
	inro ca crl-import far long.crl --json >out 2>err
}
numbered 17A9F3C2B1D4E5F6 || fail "$(cat err)"
grep -q '"number": 1705161951469168118,' out || fail "$(cat out)"
[[ $(inro ca show far --json | value crl_number) == 1705161951469168118 ]] || fail "$(inro ca show far)"
# One that our lists are numbered from is shorter.
refused 1 "a number of more than 56 bits" inro ca import mine --cert far.pem --chain top.pem --key 'pkcs11:token=ca;object=far' --crl long.crl
numbered 7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF || fail "$(cat err)"
grep -q '"number": null,' out || fail "$(cat out)"
must inro ca crl-import far long.crl
grep -q "^list - of CA 'far': 0 records changed" out || fail "$(cat out)"
numbered 01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF && fail "a number of 21 octets is taken"
grep -q "a number of more than 20 octets" err || fail "$(cat err)"

must inro audit verify
must inro db check
