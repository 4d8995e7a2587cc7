#!/usr/bin/env bash
# Every command of docs/howto/ocsp.md, in its order.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
cd "$T"
for p in curl jq openssl; do command -v $p >/dev/null || skip "$p is not installed"; done

make_office
must inro ca create issuing --subject CN=issuing --parent root --token office --type ec-p256 >/dev/null
inro ca show issuing --json | jq -r .pem >issuing.pem
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -subj /CN=leaf -out leaf.csr 2>/dev/null
must inro cert issue --ca issuing --profile tls-client --csr leaf.csr --json >leaf.json
jq -r .pem leaf.json >leaf.pem
# shellcheck disable=SC2119 # without arguments
start_server
is_good() {
	openssl ocsp -issuer issuing.pem -cert leaf.pem -url "$http/ocsp/issuing" -CAfile root.pem >out 2>&1 || true
	grep -q '^leaf.pem: good' out
}
until_true is_good

sed -n '/^```sh$/,/^```$/p' "$INRO_TEST_SOURCE/docs/howto/ocsp.md" | grep -v '^```' | sed "s#http://127.0.0.1:8080#$http#" >commands
[[ $(wc -l <commands) -ge 10 ]] || fail "the page has lost its commands"
while read -r line; do
	eval "$line" >out 2>&1 </dev/null || fail "$line: $(cat out)"
	[[ $line != 'openssl ocsp'*' -CAfile '* ]] || grep -q '^leaf.pem: good' out || fail "$line: $(cat out)"
done <commands
# shellcheck disable=SC2119
stop_server
