#!/usr/bin/env bash
# Java with a token's keys: docs/howto/java.md as it stands there, then a program that does all that
# SunPKCS11 can.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/interop/lib.sh"
need java javac keytool jarsigner jar

SLOT=1 howto java.md
must openssl req -in ec.csr -verify -noout
must openssl req -in pss.csr -verify -noout
openssl req -in pss.csr -noout -text | has 'Signature Algorithm: rsassaPss' || fail "the request is not signed with PSS"
must openssl verify -check_ss_sig -CAfile rsa.pem rsa.pem >/dev/null
[[ $(grep -c PrivateKeyEntry howto.out) == 3 ]] || fail "not three entries: $(cat howto.out)"
[[ $(grep -c '^box, SecretKeyEntry' howto.out) == 1 ]] || fail "no secret key: $(cat howto.out)"
grep -q 'jar verified' howto.out || fail "the JAR is not signed: $(cat howto.out)"

# ---- a program, with the how-to's configuration; and with none ----

must javac -d . "$S/tests/interop/Token.java"
must java -cp . Token inro.cfg "$pin" >said
[[ $(grep -c '^ok ' said) == 78 ]] || fail "not 78 checks: $(cat said)"
grep -v "^attributes" inro.cfg >bare.cfg
must java -cp . Token bare.cfg "$pin" macs generated >said
