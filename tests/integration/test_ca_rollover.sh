#!/usr/bin/env bash
# A CA's next key: a root's, one under a root here, one that others certify; openssl judges chains and lists of both.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/cas.sh" || exit 1

request csr /CN=x
mv csr.csr csr.pem
good() {
	openssl verify -x509_strict "$@" >out 2>&1 || fail "verify $*: $(cat out)"
}
bad() {
	# REASON OPTION ...
	openssl verify "${@:2}" >out 2>&1 && fail "verify ${*:2} succeeds"
	grep -q "$1" out || fail "verify ${*:2}: $(cat out)"
}
number() {
	openssl crl -in "$1" -noout -crlnumber | sed 's/.*0x//'
}

# ---- a root ----

must inro token create ca
must inro ca create root --token ca --subject "/O=Example/CN=Root" --days 2000
certify root old
certify root old2
must inro ca show root --out root1.pem
must inro ca crl root --out first.crl
refused 2 "either --key URI" inro ca rollover root
refused 1 "another CA has this key" inro ca rollover root --key "$(inro ca show root --json | value key_uri)"
refused 1 "certifies its next key itself" inro ca rollover root --token ca --external
must inro ca set root --crl-url http://crl.example/root.crl
refused 1 "ca.generation" inro ca rollover root --token ca
[[ $(inro ca show root --json | value generation) == 1 ]] || fail "a refused rollover has changed the CA"
must inro ca rollover root --token ca --crl-url 'http://crl.example/${ca.name}-${ca.generation}.crl'
must inro ca show root --out root2.pem
inro ca links root >links.pem || fail "no links"
[[ $(grep -c BEGIN links.pem) == 2 ]] || fail "not two links: $(cat links.pem)"
cmp -s root1.pem root2.pem && fail "the certificate is the old one"
inro ca show root --generation 1 --out again.pem >/dev/null
cmp root1.pem again.pem || fail "the old certificate is not given out"
refused 1 "has had keys 1 to 2" inro ca show root --generation 3
certify root new
certify root new2
openssl x509 -in new.pem -noout -ext crlDistributionPoints | has http://crl.example/root-2.crl ||
	fail "the new certificate names other lists: $(openssl x509 -in new.pem -noout -text)"
good -CAfile root1.pem old.pem
good -CAfile root2.pem new.pem
bad "unable to get" -CAfile root1.pem -no-CApath new.pem
bad "." -CAfile root2.pem -no-CApath old.pem
good -CAfile root1.pem -untrusted links.pem new.pem
good -CAfile root2.pem -untrusted links.pem old.pem
awk '/BEGIN/ { n++ } { print >"link" n ".pem" }' links.pem
for link in "link1 root2" "link2 root1"; do
	read -r a b <<<"$link"
	[[ $(openssl x509 -in "$a.pem" -noout -pubkey) == "$(openssl x509 -in "$b.pem" -noout -pubkey)" ]] ||
		fail "$a is not of the key of $b"
done

# Lists of both keys go on, in one count.
must inro cert revoke "$(serial old)" --reason affiliationChanged
must inro cert revoke "$(serial new)"
must inro ca crl root --generation 1 --out one.crl
must inro ca crl root --out two.crl
openssl crl -in one.crl -CAfile root1.pem -noout >out 2>&1 || fail "$(cat out)"
openssl crl -in two.crl -CAfile root2.pem -noout >out 2>&1 || fail "$(cat out)"
[[ $((16#$(number first.crl))) -lt $((16#$(number one.crl))) && $((16#$(number one.crl))) -lt $((16#$(number two.crl))) ]] ||
	fail "numbers: $(number first.crl) $(number one.crl) $(number two.crl)"
for list in one two; do
	[[ $(openssl crl -in $list.crl -noout -text | grep -c "Serial Number:") == 1 ]] || fail "$list.crl: $(openssl crl -in $list.crl -noout -text)"
done
cat one.crl two.crl >lists.pem
cat root1.pem root2.pem >roots.pem
for ca in root1 root2 roots; do
	good -crl_check -CAfile $ca.pem -untrusted links.pem -CRLfile lists.pem old2.pem
	good -crl_check -CAfile $ca.pem -untrusted links.pem -CRLfile lists.pem new2.pem
	bad "certificate revoked" -crl_check -CAfile $ca.pem -untrusted links.pem -CRLfile lists.pem old.pem
	bad "certificate revoked" -crl_check -CAfile $ca.pem -untrusted links.pem -CRLfile lists.pem new.pem
done
good -crl_check_all -CAfile root1.pem -untrusted links.pem -CRLfile lists.pem new2.pem
refused 1 "." inro ca crl root --generation 9

[[ $(inro ca keys root --json) == *\"earlier\"*\"present\"* ]] || fail "the keys: $(inro ca keys root)"

# The old key's certificate may go; the CA stays. So may what links them.
must inro cert revoke "$(serial root1)" --reason superseded --yes
certify root stays
must inro cert revoke "$(serial link1)" --yes
must inro ca crl root --generation 1 --out one.crl
openssl crl -in one.crl -noout -text | has -i "$(serial link1)" || fail "the link is not on the old key's list"
certify root stays

# ---- under a root here ----

must inro ca create sub --token ca --parent root --subject "/O=Example/CN=Sub"
certify sub sold
inro ca show sub --chain >chain1.pem
must inro ca rollover sub --token ca --type ec-p384 --label sub-next
refused 1 "only a root" inro ca links sub
certify sub snew
inro ca show sub --chain >chain2.pem
inro ca show sub --chain --generation 1 | cmp - chain1.pem || fail "the old chain is another"
good -CAfile root2.pem -untrusted chain1.pem sold.pem
good -CAfile root2.pem -untrusted chain2.pem snew.pem
bad "." -CAfile root2.pem -untrusted chain2.pem sold.pem
must inro cert revoke "$(serial sold)"
must inro ca crl sub --generation 1 --out s1.crl
must inro ca crl sub --out s2.crl
cat s1.crl s2.crl >lists.pem
bad "certificate revoked" -crl_check -CAfile root2.pem -untrusted chain1.pem -CRLfile lists.pem sold.pem
good -crl_check -CAfile root2.pem -untrusted chain2.pem -CRLfile lists.pem snew.pem

# The root again: what is under its second key stays under it.
must inro ca rollover root --token ca
inro ca show root --out root3.pem >/dev/null
certify sub still
inro ca show sub --chain >chain3.pem
cmp chain2.pem chain3.pem || fail "the chain of the CA below has changed"
good -CAfile root2.pem -untrusted chain3.pem still.pem
inro ca links root >links3.pem
openssl x509 -in chain3.pem -out below.pem # a root in the way would end the search
cat below.pem links3.pem >untrusted.pem
good -CAfile root3.pem -untrusted untrusted.pem still.pem
# Who has the first key gets to the third over both links, and the other way round.
inro ca links root --generation 1 >links12.pem
inro ca links root --generation 2 | cmp - links3.pem || fail "the latest links are others"
refused 1 "no keys 3 and 4" inro ca links root --generation 3
certify root under3
bad "." -CAfile root1.pem -untrusted links3.pem under3.pem
cat links12.pem links3.pem >over.pem
good -CAfile root1.pem -untrusted over.pem under3.pem
must inro ca rollover sub --token ca
inro ca show sub --chain >chain4.pem
certify sub third
good -CAfile root3.pem -untrusted chain4.pem third.pem
[[ $(inro ca keys sub --json | grep -c '"generation"') == 3 ]] || fail "not three keys: $(inro ca keys sub)"

# ---- by others ----

far_root far
must inro ca create plant --token ca --subject "/O=Example/CN=Plant" --external
must inro ca csr plant --out plant1.csr
far_sign plant1.csr far sub plant1.pem
must inro ca activate plant --cert plant1.pem --chain far.pem
certify plant pold
must inro ca rollover plant --token ca
certify plant pmid
good -CAfile far.pem -untrusted plant1.pem pmid.pem
refused 1 "waits for its certificate already" inro ca rollover plant --token ca --label other
next=$(inro ca keys plant --json | value key_uri)
refused 1 "another CA has this key" inro ca create twin --key "$next" --subject /CN=twin --external
must inro ca csr plant --out plant2.csr
cmp -s plant1.csr plant2.csr && fail "the request is the old one"
refused 1 "for another key" inro ca activate plant --cert plant1.pem --chain far.pem
far_sign plant2.csr far sub plant2.pem
must inro ca activate plant --cert plant2.pem --chain far.pem
certify plant pnew
good -CAfile far.pem -untrusted plant2.pem pnew.pem
inro ca show plant --chain --generation 1 >pchain1.pem
good -CAfile far.pem -untrusted pchain1.pem pold.pem
must inro cert revoke "$(serial pold)"
must inro ca crl plant --generation 1 --out p1.crl
bad "certificate revoked" -crl_check -CAfile far.pem -untrusted plant1.pem -CRLfile p1.crl pold.pem
must inro ca rollover plant --token ca
must inro ca cancel plant
[[ $(inro ca keys plant --json | grep -c '"waits"') == 0 ]] || fail "it waits still"
certify plant plast

# ---- how many may be below, also after a rollover ----

length() {
	inro ca show "$1" --out now.pem >/dev/null
	openssl x509 -in now.pem -noout -ext basicConstraints | sed -n 's/.*pathlen:\([0-9]*\).*/\1/p'
}
must inro ca create top --token ca --subject /CN=top --path-len 1
must inro ca create mid --token ca --parent top --subject /CN=mid
must inro ca create tight --token ca --parent top --subject /CN=tight --no-sub-ca
[[ $(length top)$(length mid)$(length tight) == 100 ]] || fail "path lengths: $(length top) $(length mid) $(length tight)"
refused 1 "path length" inro ca create below --token ca --parent tight --subject /CN=below
refused 1 "path length of ours" inro ca create out --token ca --subject /CN=out --external --no-sub-ca
refused 2 "number from 1 to 999999999, not '0'; for none there is --no-sub-ca" \
	inro ca create none --token ca --subject /CN=none --path-len 0
refused 2 "either" inro ca create both --token ca --subject /CN=both --path-len 2 --no-sub-ca
must inro ca rollover top --token ca
[[ $(length top) == 1 ]] || fail "the path length after a rollover: $(length top)"

# ---- two that wait for one key ----

must inro ca create first --token ca --subject /CN=first --external
refused 1 "another CA has this key" inro ca create second --key "$(inro ca show first --json | value key_uri)" --subject /CN=second --external
refused 1 "another CA has this key" inro ca create second --key "$(inro ca show first --json | value key_uri)" --subject /CN=second
must inro audit verify
must inro db check
