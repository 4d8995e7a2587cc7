#!/usr/bin/env bash
# docs/howto/opcua.md as it stands there: the certificate of an OPC UA application, its files, its key at work.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

cd "$T"
export INRO_PIN=$pin INRO_SO_PIN=$so_pin
mkdir etc
printf '%s\n' "$pin" >etc/pin
{
	sed "s#^module = .*#module = $B/lib/inro.so#" "$B/share/openssl-inro.cnf"
	printf '[inro_provider]\ntoken = plc\npin = file:%s\n' "$T/etc/pin"
} >etc/own.cnf
must inro token create office >/dev/null
must inro token create plc >/dev/null
must inro ca create root --token office --subject CN=root >/dev/null
must inro ca create issuing --token office --parent root --subject "CN=Plant" >/dev/null

awk '/^```/ { on = ($0 == "```sh"); next } on' "$S/docs/howto/opcua.md" | sed "s#/etc/inro#$T/etc#g" >commands
(($(wc -l <commands) > 20)) || fail "the page has $(wc -l <commands) lines of commands"
PATH=$B/bin:$PATH must foreign bash -euo pipefail commands >said
[[ $(grep -c '^Verified OK' said) == 2 ]] || fail "not two signatures: $(cat said)"

openssl x509 -inform DER -in own/cert.der -noout -ext subjectAltName >names
for name in URI:urn:press1.example:server DNS:press1.example 'IP Address:192.0.2.7'; do
	has "$name" names || fail "the certificate has not the name $name: $(cat names)"
done
for f in trusted/certs/issuing.der trusted/certs/root.der; do
	openssl x509 -inform DER -in "$f" -noout || fail "$f is no certificate"
done
for ca in issuing root; do
	openssl crl -inform DER -in trusted/crl/$ca.crl -noout -CAfile <(openssl x509 -inform DER -in trusted/certs/$ca.der) 2>&1 |
		has '^verify OK' || fail "the list of $ca is not its own"
done

# A host that is named takes the place of the record's.
must inro device add press-2 --hostname press2.example --ip 192.0.2.8 >/dev/null
must inro device provision press-2 --token plc --ca issuing --profile opcua-application --san DNS:other.example \
	--out two.pem >/dev/null
openssl x509 -in two.pem -noout -ext subjectAltName >names
has 'DNS:other.example' names || fail "the name that was given is not there: $(cat names)"
! has 'press2.example' names || fail "the record's name is there, too: $(cat names)"
