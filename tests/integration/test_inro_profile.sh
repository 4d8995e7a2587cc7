#!/usr/bin/env bash
# Profiles by the command: files into the database and out again, versions, what a name means, certificates by them.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

export INRO_PIN=123456 INRO_SO_PIN=87654321
cd "$T"
pump() {
	printf '; pumps of hall 3\n[profile]\nname = pump\n[validity]\nperiod = %s\n[key]\ntypes = ec-p256\n[usage]\n' "$1"
	printf 'key_usage = digitalSignature\n'
}

# Without a back office there are the built-in ones, and none is made for looking.
inro profile list | has '^tls-client .*built in' || fail "no built-in profile"
[[ ! -e $INRO_HOME/backoffice.db ]] || fail "looking has made a back office"
refused 1 "no profile is called 'pump'" inro profile show pump

pump 7d >pump.ini
must inro profile check pump.ini
must inro profile add pump.ini
refused 1 "there is a profile 'pump' already" inro profile add pump.ini
inro profile list | has '^pump  *no  *7  *1 ' || fail "$(inro profile list)"
pump 9d >pump9.ini
must inro profile set pump9.ini
must inro profile export pump now.ini
must inro profile export pump first.ini --revision 1
{ cmp now.ini pump9.ini && cmp first.ini pump.ini; } || fail "another text than was given"
inro profile show pump | has '^period = 9d' || fail "$(inro profile show pump)"
inro profile show pump --revision 1 | has '^period = 7d' || fail "$(inro profile show pump --revision 1)"
[[ $(inro profile history pump --json | grep -c '"version"') == 2 ]] || fail "$(inro profile history pump)"
pump 9x >bad.ini
refused 1 'bad.ini.*period = 9x' inro profile set bad.ini

# What is shown is a file again, also with long values.
{ pump 7d; printf '[extensions]\n1.2.3.4 = critical, DER:04%s%s\n' 60 "$(printf '00%.0s' {1..64})"
	printf '1.2.3.4 = +%s\n' "$(printf 'ab%.0s' {1..32})"; } >long.ini
must inro profile set long.ini
inro profile show pump >shown.ini
must inro profile set shown.ini
inro profile show pump | cmp - shown.ini || fail "another text than was shown"
grep -q '^1.2.3.4 = critical, DER:0460' shown.ini || fail "$(cat shown.ini)"
must inro profile set pump9.ini

must inro token create office
must inro ca create root --token office --subject /CN=Root
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj /CN=p1 -out p1.csr 2>/dev/null
must inro cert issue --ca root --profile pump --csr p1.csr --out p1.pem
openssl x509 -in p1.pem -noout -checkend $((8 * 86400)) >/dev/null || fail "not by the profile as it is now"
! openssl x509 -in p1.pem -noout -checkend $((10 * 86400)) >/dev/null || fail "valid for too long"
inro cert show "$(inro cert list --json | sed -n 's/.*"serial": "\([^"]*\)".*/\1/p' | sed -n 1p)" --out root.pem >/dev/null
inro cert lint p1.pem --issuer root.pem | has 'keeps every rule' || fail "$(inro cert lint p1.pem --issuer root.pem)"
refused 1 'give its issuer' inro cert lint p1.pem
openssl req -x509 -newkey rsa:2048 -pkeyopt rsa_keygen_pubexp:3 -nodes -keyout e3.key -subj /CN=e3 -days 9 -out e3.pem 2>/dev/null
inro cert lint e3.pem | has '^rsa-exponent' || fail "$(inro cert lint e3.pem)"
openssl req -x509 -newkey rsa:1024 -nodes -keyout small.key -subj /CN=small -days 9 -out small.pem 2>/dev/null
inro cert lint small.pem | has '^rsa-size' || fail "$(inro cert lint small.pem)"
openssl req -new -key e3.key -subj /CN=e3 -out e3.csr
refused 1 'rsa-exponent' inro cert issue --ca root --profile tls-client --csr e3.csr

# A list as openssl-blacklist has it.
openssl genrsa -out known.key 2048 2>/dev/null
{ echo '# known keys'; openssl rsa -in known.key -noout -modulus | sha1sum | cut -c 21-40; } >blocklist
printf '[profile]\nname = rsa\n[validity]\nperiod = 9d\n[key]\ntypes = rsa\nblocklist = %s\n' "$PWD/blocklist" >rsa.ini
must inro profile add rsa.ini
openssl req -new -key known.key -subj /CN=known -out known.csr
refused 1 'a list of keys that others know' inro cert issue --ca root --profile rsa --csr known.csr
openssl req -new -newkey rsa:2048 -nodes -keyout new.key -subj /CN=new -out new.csr 2>/dev/null
must inro cert issue --ca root --profile rsa --csr new.csr --out new.pem
rm blocklist
refused 1 'blocklist' inro cert issue --ca root --profile rsa --csr new.csr
inro cert list --json | has '"profile_version": 5' || fail "the record has no version"

must inro profile remove pump --why "no more pumps"
refused 1 "no profile is called 'pump'" inro cert issue --ca root --profile pump --csr p1.csr
must inro profile add pump.ini
[[ $(inro profile list --json | grep -A12 '"pump"' | grep -c '"version": 6') == 1 ]] || fail "$(inro profile list --json)"
must inro audit verify
