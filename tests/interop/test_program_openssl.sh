#!/usr/bin/env bash
# The openssl commands with keys in a token: docs/howto/openssl-commands.md as it stands there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"

page=openssl-commands.md
howto $page ca >ca.cnf
howto $page ts >ts.cnf
run_howto $page
grep -q 'certificate.*revoked\|rsa.crt: unknown\|rsa.crt: good' howto.out || fail "no answer by OCSP: $(cat howto.out)"
cmp -s data.out data || fail "another message by CMS"
[[ $(grep -c '^Verification: OK' howto.out) == 1 ]] || fail "the time stamp is not verified: $(cat howto.out)"
for f in ca.pem rsa.pem ed.pem; do
	grep -q 'BEGIN PKCS#11 PROVIDER URI' $f || fail "$f is no reference: $(cat $f)"
done
with_keys fails_with 1 'stays in its token' openssl pkcs12 -export -in rsa.crt -inkey rsa.pem -passout pass:x -out rsa.p12
with_keys fails_with 3 'no default digest' openssl cms -sign -in data -signer ed.crt -inkey ed.pem -out ed.p7

free_port
instead=(4433 "$port")
howto $page server >server.sh
howto $page client >client.sh
with_keys background server.log bash -c "exec $(cat server.sh)"
wait_for '^ACCEPT' server.log
with_keys must bash -e client.sh >client.log
[[ $(grep -c '^New, TLSv1.3' client.log) -ge 1 && $(grep -c '^Reused, TLSv1.3' client.log) -ge 1 ]] ||
	fail "no connection, or none resumed: $(cat client.log server.log)"
