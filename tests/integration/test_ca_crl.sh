#!/usr/bin/env bash
# Revocation lists by the command: complete, delta, divided; openssl judges each.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/cas.sh" || exit 1

request csr /CN=x
mv csr.csr csr.pem
judge() {
	# CA LISTS CERT [OPTION ...]: prints openssl's word on it
	openssl verify -crl_check -CAfile "$1.pem" -CRLfile "$2" "${@:4}" "$3.pem" 2>&1
}
good() {
	judge "$@" >out || fail "$3 should be good: $(cat out)"
}
revoked() {
	judge "$@" >out && fail "$3 should be revoked"
	grep -q "certificate revoked" out || fail "$3: $(cat out)"
}
signed() {
	openssl crl -in "$2" -CAfile "$1.pem" -noout >out 2>&1 || fail "$2: $(cat out)"
}

must inro token create ca
must inro ca create root --token ca --subject "/O=Example/CN=Root"
inro ca show root --out root.pem >/dev/null
# What people compare it by.
print=$(openssl x509 -in root.pem -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr 'A-F' 'a-f')
number=$(openssl x509 -in root.pem -noout -serial | sed 's/.*=//' | tr 'A-F' 'a-f')
[[ $(inro ca show root --json | value fingerprint) == "$print" && $(inro ca show root --json | value serial) == "$number" ]] ||
	fail "another certificate than $number, $print: $(inro ca show root --json)"
[[ $(inro ca show root | sed -n 's/^SHA-256  *//p') == "$print" && $(inro ca show root | sed -n 's/^Serial  *//p') == "$number" ]] ||
	fail "not for people: $(inro ca show root)"

# ---- deltas ----

must inro ca set root --delta-url http://crl.example/delta.crl --crl-days 30 --crl-overlap-hours 12 --delta-hours 6
for name in a b c d; do certify root "$name"; done
refused 1 "no complete list yet" inro ca crl root --delta
must inro cert revoke "$(serial a)" --reason affiliationChanged
must inro cert hold "$(serial b)"
must inro cert hold "$(serial d)"
must inro ca crl root --out full.pem
signed root full.pem
openssl crl -in full.pem -noout -text >text
grep -q "Freshest CRL" text || fail "$(cat text)"
for name in a b d; do revoked root full.pem "$name"; done
good root full.pem c
[[ $(inro ca show root --json | value crl_due) < $(inro ca crl root --json | value next_update) ]] ||
	fail "the next list is not due before this one ends"
must inro ca crl root --out full.pem
must inro cert release "$(serial b)"
must inro cert revoke "$(serial c)" --reason superseded
must inro cert revoke "$(serial d)" --reason privilegeWithdrawn
must inro ca crl root --delta --out delta.pem
signed root delta.pem
openssl crl -in delta.pem -noout -text >text
grep -A 1 "Delta CRL Indicator: critical" text | tail -n 1 | has -w "$(openssl crl -in full.pem -noout -text | grep -A 1 "X509v3 CRL Number" | tail -n 1 | tr -d ' ')" ||
	fail "the delta continues another list: $(cat text)"
grep -q "Remove From CRL" text || fail "what was released is not taken off: $(cat text)"
cat full.pem delta.pem >both.pem
good root both.pem b -extended_crl -use_deltas
for name in a c d; do revoked root both.pem "$name" -extended_crl -use_deltas; done
revoked root full.pem b
must inro ca crl root --out full.pem
good root full.pem b
for name in a c d; do revoked root full.pem "$name"; done
must inro ca crl root --delta --format der --out delta.der
openssl crl -inform DER -in delta.der -CAfile root.pem -noout >out 2>&1 || fail "$(cat out)"
refused 2 "nothing to change" inro ca set root
refused 1 "crl_days is a number" inro ca set root --crl-days 9999
for which in crl-url delta-url; do
	refused 1 "there is no value here for .\{ca.nix\}" inro ca set root --$which 'http://crl.example/${ca.nix}.crl'
done
refused 1 "not divided" inro ca crl root --shard 1

# ---- shards ----

refused 1 'needs .*shard' inro ca create many --token ca --subject "/O=Example/CN=Many" --crl-shards 4 --crl-url http://crl.example/all.crl
must inro ca create many --token ca --subject "/O=Example/CN=Many" --crl-shards 4 --crl-url 'http://crl.example/${shard}.crl'
[[ $(inro ca show many --json | jq -r .crl_shards) == 4 ]] || fail "a CA is made without the shards that were asked for"
must inro ca set many --no-crl-shards --crl-url ''
inro ca show many --out many.pem >/dev/null
refused 1 "address of the lists" inro ca set many --crl-shards 3
refused 2 'for none there is --no-crl-shards' inro ca set many --crl-shards 0
refused 2 'give either --crl-shards or --no-crl-shards' inro ca set many --crl-shards 3 --no-crl-shards
refused 2 'give either --crl-overlap-hours or --no-crl-overlap' inro ca set many --crl-overlap-hours 3 --no-crl-overlap
refused 1 'needs .*shard' inro ca set many --crl-shards 3 --crl-url http://crl.example/all.crl
must inro ca set many --crl-shards 3 --crl-url 'http://crl.example/${ca.name}-${shard}.crl' --delta-url 'http://crl.example/${ca.name}-${shard}-delta.crl'
request csr /CN=x # the key of before is compromised
mv csr.csr csr.pem
for name in e f g h i; do certify many "$name"; done
refused 1 "has issued certificates" inro ca set many --crl-shards 4
must inro cert revoke "$(serial e)"
must inro cert revoke "$(serial f)"
refused 1 "one of 1 to 3" inro ca crl many
refused 1 "one of 1 to 3" inro ca crl many --shard 4
refused 2 "names a file for each" inro ca crl many --all-shards --out one.pem
must inro ca crl many --all-shards --out 'many-${shard}.pem'
cat many-[123].pem >lists.pem
for shard in 1 2 3; do
	signed many "many-$shard.pem"
	openssl crl -in "many-$shard.pem" -noout -text | grep -A 3 "Issuing Distribution Point: critical" >text
	grep -q "http://crl.example/many-$shard.crl" text || fail "shard $shard: $(cat text)"
done
shard_of() {
	openssl x509 -in "$1.pem" -noout -ext crlDistributionPoints | sed -n 's/.*many-\([0-9]\)\.crl.*/\1/p'
}
for name in e f; do revoked many lists.pem "$name"; done
for name in g h i; do good many lists.pem "$name"; done
revoked many "many-$(shard_of e).pem" e
other=$(($(shard_of g) % 3 + 1))
judge many "many-$other.pem" g >out && fail "another shard's list is good enough"
must inro cert revoke "$(serial g)"
must inro ca crl many --delta --shard "$(shard_of g)" --out gdelta.pem
cat gdelta.pem "many-$(shard_of g).pem" >both.pem
revoked many both.pem g -extended_crl -use_deltas

[[ $(inro audit list --json | grep -c '"action": "ca.set"') -ge 3 ]] || fail "settings are not in the audit"
must inro audit verify
