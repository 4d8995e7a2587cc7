#!/usr/bin/env bash
# Name constraints of CAs: what is issued below them passes openssl verify, and what would not is not issued.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/cas.sh" || exit 1

chain=
chain() {
	# CA: the certificates above, and its root
	chain=$1
	inro ca show "$1" --chain >chain.pem && inro ca show "$2" --out top.pem >/dev/null
}
good() {
	# CA ROOT PROFILE SUBJECT [SAN]
	request ok "$4" "${5:-}"
	must inro cert issue --ca "$1" --profile "$3" --csr ok.csr --out ok.pem >/dev/null
	[[ $chain == "$1" ]] || chain "$1" "$2"
	openssl verify -CAfile top.pem -untrusted chain.pem ok.pem >said 2>&1 || fail "$4 ${5:-}: $(cat said)"
}
bad() {
	# REGEX CA PROFILE SUBJECT [SAN]
	request no "$4" "${5:-}"
	refused 1 "$1" inro cert issue --ca "$2" --profile "$3" --csr no.csr
}

must inro token create ca
must inro ca create root --token ca --subject "/O=Example/CN=Root" --permit DNS:example.com --permit DNS:.example.net \
	--permit IP:10.0.0.0/8 --permit IP:2001:db8::/32 --exclude IP:10.9.0.0/16 --exclude "dirName:/O=Example/OU=Closed" >/dev/null
must inro ca create plant --token ca --parent root --subject "/O=Example/CN=Plant" --permit DNS:plant.example.com \
	--permit DNS:plant.example.net --exclude email:example.org --permit URI:.example.com >/dev/null
inro ca show plant --out plant.pem >/dev/null
openssl x509 -in plant.pem -noout -ext nameConstraints >said
grep -q "Name Constraints: critical" said || fail "not critical: $(cat said)"
grep -q "DNS:plant.example.com" said || fail "$(cat said)"
[[ $(inro ca show plant --json) == *'"name_constraints": "permit DNS:plant.example.com, DNS:plant.example.net, URI:.example.com; exclude email:example.org"'* ]] ||
	fail "$(inro ca show plant --json)"

# ---- one request ----

good plant root tls-server /CN=a DNS:a.plant.example.com,IP:10.1.2.3,IP:2001:db8::7
good plant root tls-server /CN=a DNS:plant.example.com,URI:https://a.example.com/x
good plant root tls-server /CN=a "DNS:*.plant.example.com"
good root root tls-server /CN=a DNS:a.example.net
good plant root tls-client /CN=device-1
bad "the name DNS:b.example.com is against the name constraints of CA 'CN=Plant,O=Example', which permit only DNS:plant.example.com, DNS:plant.example.net" \
	plant tls-server /CN=b DNS:a.plant.example.com,DNS:b.example.com
bad "DNS:example.net .*'CN=Root,O=Example'" root tls-server /CN=b DNS:example.net
bad "DNS:aplant.example.com" plant tls-server /CN=b DNS:aplant.example.com
bad "IP:11.1.2.3 .*'CN=Root,O=Example', which permit only IP:10.0.0.0/8, IP:2001:db8::/32" plant tls-server /CN=b IP:11.1.2.3
bad "IP:10.9.1.1 .* which exclude IP:10.9.0.0/16" plant tls-server /CN=b IP:10.9.1.1
bad "URI:https://example.org/" plant tls-server /CN=b DNS:plant.example.com,URI:https://example.org/
bad "URI:urn:x" plant tls-server /CN=b DNS:plant.example.com,URI:urn:x
bad "www.example.org .CN of the subject." plant tls-client /CN=www.example.org

# ---- the subject ----

cat >mine.ini <<'END'
[profile]
name = mine
[validity]
period = 30d
[key]
types = ec-p256
[subject]
allowed = CN O OU emailAddress
[san]
allowed = DNS email
[usage]
key_usage = digitalSignature
extended = clientAuth
END
must inro profile add mine.ini >/dev/null
good plant root mine "/O=Example/OU=Open/CN=c"
good plant root mine "/CN=c/emailAddress=a@example.com" email:a@example.com
bad "dirName:CN=c,OU=closed,O=EXAMPLE .* exclude dirName:" plant mine "/O=EXAMPLE/OU=closed/CN=c"
bad "a@example.org .emailAddress of the subject." plant mine "/CN=c/emailAddress=a@example.org"
bad "email:a@example.org" plant mine /CN=c email:a@example.org

# ---- many, and a CA below ----

mkdir in
for name in a.plant.example.com b.plant.example.com c.example.com d.plant.example.net; do
	request "in/$name" "/CN=$name" "DNS:$name"
	rm "in/$name.key"
done
inro cert issue --ca plant --profile tls-server --csr-dir in --out-dir made >said 2>&1 && fail "a bad name is not told by the status"
[[ $(ls made) == $'a.plant.example.com.pem\nb.plant.example.com.pem\nd.plant.example.net.pem\nerrors' ]] || fail "$(ls made)"
grep -q $'^c.example.com.csr\tINRO_E_POLICY\t.*DNS:c.example.com' made/errors || fail "$(cat made/errors)"
chain plant root
openssl verify -CAfile top.pem -untrusted chain.pem made/*.pem >said 2>&1 || fail "$(cat said)"
refused 1 "OU=Closed" inro ca create closed --token ca --parent root --subject "/O=Example/OU=Closed/CN=Below"
refused 1 "pub.example.org" inro ca create pub --token ca --parent root --subject "/CN=pub.example.org"
refused 1 "no constraint" inro ca create odd --token ca --subject /CN=odd --permit IP:10.0.0.1/8
refused 1 "no name constraint" inro ca create odd --token ca --subject /CN=odd --exclude example.com
inro key list --token ca --json >said
grep -qE '"(odd|pub|closed)"' said && fail "a refused CA has left its key: $(cat said)"

# ---- another key ----

must inro ca rollover plant --token ca >/dev/null
must inro ca rollover root --token ca >/dev/null
chain=
inro ca show plant --out plant-2.pem >/dev/null
cmp <(openssl x509 -in plant.pem -noout -ext nameConstraints) <(openssl x509 -in plant-2.pem -noout -ext nameConstraints) ||
	fail "the next certificate has other constraints"
bad "DNS:b.example.com" plant tls-server /CN=b DNS:b.example.com
good root root tls-server /CN=a DNS:a.example.net

# By the CA's profile, with its next key as well.
must inro profile export root-ca bound.ini >/dev/null
sed -i 's/^name = .*/name = bound/' bound.ini
printf '\n[extensions]\n2.5.29.30 = critical, DER:3010a00e300c820a70726f662e6c6f63616c\n' >>bound.ini
must inro profile add bound.ini >/dev/null
must inro ca create bound --token ca --profile bound --subject /CN=Bound >/dev/null
refused 1 "profile bound has name constraints of its own" inro ca create two --token ca --profile bound --subject /CN=Two --permit DNS:a.b
bad "DNS:b.example.com .*permit only DNS:prof.local" bound tls-server /CN=b DNS:b.example.com
must inro ca rollover bound --token ca >/dev/null
bad "DNS:b.example.com .*permit only DNS:prof.local" bound tls-server /CN=b DNS:b.example.com
good bound bound tls-server /CN=a DNS:a.prof.local

# ---- certified by others, and for others ----

must inro ca create away --token ca --subject "/O=Example/CN=Away" --external --permit DNS:away.example.com >/dev/null
must inro ca csr away --out away.csr >/dev/null
openssl req -in away.csr -noout -text | grep -A2 "Name Constraints: critical" | has Permitted || fail "not in the request"
must inro ca certify root --csr away.csr --out away.pem >/dev/null
openssl x509 -in away.pem -noout -ext nameConstraints | has DNS:away.example.com || fail "the request's constraints are lost"
must inro ca certify root --csr away.csr --exclude DNS:x.example.com --out other.pem >/dev/null
openssl x509 -in other.pem -noout -ext nameConstraints | tr -d ' \n' | has "critical.*Excluded:DNS:x.example.com" || fail "$(cat other.pem)"
must inro ca activate away --cert away.pem >/dev/null
bad "'CN=Away,O=Example'" away tls-server /CN=b DNS:b.example.com
good away root tls-server /CN=a DNS:a.away.example.com

# ---- a CA from elsewhere, below one that is nowhere here ----

cat >>ca.cnf <<'END'
[bound]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical,permitted;DNS:far.com,excluded;DNS:no.far.com
[near]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
nameConstraints = critical,permitted;IP:192.0.2.0/255.255.255.0
END
far_root far bound /CN=Far
request near /CN=Near
far_sign near.csr far near near.pem
must inro key import near.key --token ca --label near >/dev/null
must inro ca import near --cert near.pem --chain far.pem --key 'pkcs11:token=ca;object=near' >/dev/null
request ok /CN=a DNS:a.far.com,IP:192.0.2.7
must inro cert issue --ca near --profile tls-server --csr ok.csr --out ok.pem >/dev/null
openssl verify -CAfile far.pem -untrusted near.pem ok.pem >said 2>&1 || fail "$(cat said)"
bad "DNS:far.org .*'CN=Far', which permit only DNS:far.com" near tls-server /CN=b DNS:far.org
bad "DNS:a.no.far.com .*'CN=Far', which exclude DNS:no.far.com" near tls-server /CN=b DNS:a.no.far.com
bad "IP:192.0.3.1 .*'CN=Near'" near tls-server /CN=b DNS:a.far.com,IP:192.0.3.1
# That openssl says the same of what was refused, by a certificate that openssl makes.
openssl x509 -req -in no.csr -CA near.pem -CAkey near.key -CAcreateserial -out no.pem -days 9 -extfile <(echo "subjectAltName=IP:192.0.3.1") >/dev/null 2>&1
openssl verify -CAfile far.pem -untrusted near.pem no.pem >said 2>&1 && fail "openssl takes what is refused here"
grep -q "permitted subtree violation" said || fail "$(cat said)"

# ---- the name of the CA itself ----

cat >>ca.cnf <<'END'
[narrow]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical,permitted;dirName:narrow_name,excluded;DNS:no.example
[narrow_sub]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectAltName = DNS:ca.no.example
[narrow_name]
O = Narrow
END
far_root narrow narrow /O=Narrow/CN=Root
must inro ca create strange --token ca --subject "/O=Strange/CN=Strange" --external >/dev/null
must inro ca csr strange --out strange.csr >/dev/null
far_sign strange.csr narrow sub strange.pem
refused 1 "dirName:CN=Strange,O=Strange .*'CN=Root,O=Narrow', which permit only dirName:O=Narrow" inro ca activate strange --cert strange.pem --chain narrow.pem
openssl verify -CAfile narrow.pem strange.pem >said 2>&1 && fail "openssl takes it"
must inro ca create kin --token ca --subject "/O=Narrow/CN=Kin" --external >/dev/null
must inro ca csr kin --out kin.csr >/dev/null
far_sign kin.csr narrow narrow_sub kin.pem
refused 1 "DNS:ca.no.example .* which exclude DNS:no.example" inro ca activate kin --cert kin.pem --chain narrow.pem
far_sign kin.csr narrow sub kin.pem
# A CA in between counts as well, and what was signed by one of ours.
request between "/O=Elsewhere/CN=Between"
far_sign between.csr narrow sub between.pem
request under "/O=Narrow/CN=Under"
far_sign under.csr between sub under.pem
must inro key import under.key --token ca --label under >/dev/null
cat between.pem narrow.pem >above.pem
refused 1 "dirName:CN=Between,O=Elsewhere" inro ca import under --cert under.pem --chain above.pem --key 'pkcs11:token=ca;object=under'
inro ca show under --json | has '"state": "active"' && fail "it is active all the same"
must inro ca activate kin --cert kin.pem --chain narrow.pem >/dev/null
must inro audit verify
