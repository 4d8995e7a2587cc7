#!/usr/bin/env bash
# A CA of openssl's is taken over: its key by `inro key import`, its certificates, its list; and four eyes over it.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/cas.sh" || exit 1

mkdir issued
: >index.txt
echo 2A >number
cat >>ca.cnf <<'END'
[ca]
default_ca = c
[c]
database = index.txt
serial = serial
crlnumber = number
new_certs_dir = issued
default_md = sha256
private_key = far.key
certificate = far.pem
default_crl_days = 7
default_days = 100
policy = p
unique_subject = no
x509_extensions = leaf
crl_extensions = e
[e]
authorityKeyIdentifier = keyid
[p]
commonName = supplied
END
echo 1000000000000001 >serial
far_root far root /O=Far/CN=far
far_root other root /O=Far/CN=other
for name in a b c d e; do
	request $name
	openssl ca -config ca.cnf -batch -in $name.csr -out $name.pem -notext >/dev/null 2>&1 || fail "$name is not issued"
done
openssl ca -config ca.cnf -revoke b.pem -crl_reason keyCompromise 2>/dev/null
openssl ca -config ca.cnf -revoke c.pem -crl_hold holdInstructionReject 2>/dev/null
openssl ca -config ca.cnf -revoke e.pem -crl_compromise 20240101000000Z 2>/dev/null
openssl ca -config ca.cnf -gencrl -out far.crl 2>/dev/null || fail "no list"
openssl crl -in far.crl -outform DER -out far.crl.der
rm issued/1000000000000005.pem # its record is the list alone
cp other.pem issued/stray.pem
echo nothing >issued/junk

must inro token create ca
must inro key import far.key --token ca --label far
must inro key generate --token ca --label wrong
uri='pkcs11:token=ca;object=far'
refused 1 "not the one in the certificate" inro ca import far --cert far.pem --key 'pkcs11:token=ca;object=wrong'
refused 1 "not that of a CA" inro ca import far --cert a.pem --key "$uri"
refused 1 "." inro ca import far --cert far.pem --key "$uri" --crl far.pem
openssl ca -config ca.cnf -name c -keyfile other.key -cert other.pem -gencrl -out other.crl 2>/dev/null
refused 1 "another CA's" inro ca import far --cert far.pem --key "$uri" --crl other.crl
sed '5s/[A-Za-z]/9/g' far.crl >broken.crl
refused 1 "." inro ca import far --cert far.pem --key "$uri" --crl broken.crl
refused 1 "no CA 'far'" inro ca show far

must inro ca import far --cert far.pem --key "$uri" --crl far.crl --past issued
[[ $(inro ca show far --json | value crl_number) == 42 ]] || fail "the count of lists: $(inro ca show far)"
[[ $(inro cert list --json | grep -c '"serial"') == 6 ]] || fail "not six records: $(inro cert list)"
state() {
	inro cert show "serial:$1" --json | value state
}
for want in 01:active 02:revoked 03:suspended 04:active 05:revoked; do
	[[ $(state "10000000000000${want%:*}") == "${want#*:}" ]] || fail "$want: $(inro cert show "serial:10000000000000${want%:*}")"
done
[[ $(inro cert show serial:1000000000000002 --json | value reason) == keyCompromise ]] || fail "the reason is lost"
# Again: nothing twice; a list in DER, and what was left.
must inro ca import far --cert far.pem --key "$uri" --crl far.crl.der --past issued
must inro ca import far --cert far.pem --key "$uri" --past e.pem
[[ $(inro cert list --json | grep -c '"serial"') == 6 ]] || fail "something is there twice: $(inro cert list)"
[[ $(inro cert show serial:1000000000000005 --json | value subject) == CN=e ]] || fail "the certificate behind an entry is not taken in"

# The list may come after the certificates; its dates are those of the revocations.
cp -r "$INRO_HOME" before
sqlite3 "$INRO_HOME/backoffice.db" "UPDATE credential SET state = 'active', revoked_at = NULL, reason = 0, listed_at = NULL WHERE serial = x'1000000000000002'"
sleep 1.1
must inro ca import far --cert far.pem --key "$uri" --crl far.crl
inro ca crl far --out late.crl >/dev/null
date_of() { openssl crl -in "$1" -noout -text | grep -A 1 1000000000000002 | sed -n 's/ *Revocation Date: //p'; }
[[ $(date_of late.crl) == "$(date_of far.crl)" && -n $(date_of far.crl) ]] || fail "revoked at $(date_of late.crl), not $(date_of far.crl)"
rm -rf "$INRO_HOME"
mv before "$INRO_HOME"

# It goes on: a new list has what the old one had, under a greater number.
must inro cert revoke serial:1000000000000004
must inro cert release serial:1000000000000003
must inro ca crl far --out ours.crl
openssl crl -in ours.crl -CAfile far.pem -noout >out 2>&1 || fail "$(cat out)"
[[ $(openssl crl -in ours.crl -noout -crlnumber) == crlNumber=0x2B ]] || fail "number: $(openssl crl -in ours.crl -noout -crlnumber)"
for name in a c; do openssl verify -crl_check -CAfile far.pem -CRLfile ours.crl $name.pem >out 2>&1 || fail "$name: $(cat out)"; done
for name in b d e; do
	openssl verify -crl_check -CAfile far.pem -CRLfile ours.crl $name.pem >out 2>&1 && fail "$name is not revoked"
	grep -q revoked out || fail "$name: $(cat out)"
done
openssl crl -in ours.crl -noout -text | grep -A 6 -i 1000000000000005 | has "Jan  1 00:00:00 2024" || fail "the date of compromise is lost"
must inro cert issue --ca far --profile tls-client --csr a.csr --out new.pem
openssl verify -crl_check -CAfile far.pem -CRLfile ours.crl new.pem >out 2>&1 || fail "$(cat out)"
must inro ca rollover far --token ca
refused 1 "with another certificate" inro ca import far --cert far.pem --key "$uri"

# One of others above it, by the chain.
request sub
far_sign sub.csr other root sub.pem
must inro key import sub.key --token ca --label sub
refused 1 "give the chain" inro ca import sub --cert sub.pem --key 'pkcs11:token=ca;object=sub'
must inro ca import sub --cert sub.pem --chain other.pem --key 'pkcs11:token=ca;object=sub'
[[ $(inro ca show sub --chain | grep -c BEGIN) == 2 ]] || fail "the chain is not kept"

# One key is one CA's, and nobody's beside it.
openssl req -x509 -config ca.cnf -extensions root -key sub.key -out twin.pem -subj /CN=twin -days 300
refused 1 "another CA has this key" inro ca import twin --cert twin.pem --key 'pkcs11:token=ca;object=sub'
refused 1 "no CA 'twin'" inro ca show twin
openssl req -x509 -config ca.cnf -extensions root -key d.key -out leaf.pem -subj /CN=leaf -days 300
must inro key import d.key --token ca --label d
refused 1 "certificate [0-9]+, which is no CA's, is for this key" inro ca import leaf --cert leaf.pem --key 'pkcs11:token=ca;object=d'
refused 1 "which is no CA's, is for this key" inro ca create leaf --subject /CN=leaf --key 'pkcs11:token=ca;object=d'
# A key that waits for its CA's certificate, and got another one meanwhile.
request late
must inro key import late.key --token ca --label late
must inro ca create late --key 'pkcs11:token=ca;object=late' --subject "/CN=Late CA" --external
must inro cert issue --ca sub --profile tls-client --csr late.csr
must inro ca csr late --out late-ca.csr
far_sign late-ca.csr other sub late.pem
refused 1 "which is no CA's, is for this key" inro ca activate late --cert late.pem --chain other.pem
must inro audit verify
must inro db check
