#!/usr/bin/env bash
# Every command of docs/cas.md, in its order.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/cas.sh" || exit 1

must inro token create ca
must inro ca create root --token ca --subject "/O=Example/CN=Root"
must inro ca create issuing --token ca --parent root --subject "/O=Example/CN=Issuing"
far_root company
request pump
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out twice.key 2>/dev/null
sed -n '/^```sh$/,/^```$/p' "$INRO_TEST_SOURCE/docs/cas.md" | grep -v '^```' >commands
[[ $(wc -l <commands) -ge 12 ]] || fail "the page has lost its commands"
while read -r line; do
	eval "$line" >out 2>&1 </dev/null || fail "$line: $(cat out)"
done <commands
inro ca show issuing --out issuing.pem >/dev/null
inro ca show big --out big.pem >/dev/null
for list in issuing.crl issuing-delta.crl; do
	openssl crl -in "$list" -CAfile issuing.pem -noout >out 2>&1 || fail "$list: $(cat out)"
done
for shard in {1..16} 3-delta; do
	openssl crl -in "big-$shard.crl" -CAfile big.pem -noout >out 2>&1 || fail "big-$shard.crl: $(cat out)"
done
