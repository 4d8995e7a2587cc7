#!/usr/bin/env bash
# Java's keytool through SunPKCS11: a key and its certificate are one entry; Java makes its own.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

cd "$T"
# A Java runtime does not start with a sanitizer's library before it.
[[ -z ${INRO_TEST_SANITIZE:-} ]] || skip "Java does not run under a sanitizer"

p11() {
	foreign pkcs11-tool --module "$B/lib/inro-pkcs11.so" "$@"
}
must p11 --init-token --slot 1 --label line1 --so-pin 87654321
must p11 --init-pin --token-label line1 --so-pin 87654321 --pin 123456
must p11 --token-label line1 --login --pin 123456 --keypairgen --key-type EC:prime256v1 --label machine --id 0102

# A certificate beside the key: by label and id they belong together.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -subj /CN=ca -days 2 \
	-out ca.pem 2>/dev/null
must p11 --token-label line1 --read-object --type pubkey \
	--id 0102 --output-file machine.der >/dev/null
openssl pkey -pubin -inform DER -in machine.der -out machine.pub
openssl req -new -key ca.key -subj /CN=machine -out machine.csr
openssl x509 -req -in machine.csr -CA ca.pem -CAkey ca.key -force_pubkey machine.pub -days 2 -out machine.pem 2>/dev/null
openssl x509 -in machine.pem -outform DER -out machine.cer
must p11 --token-label line1 --login --pin 123456 \
	--write-object machine.cer --type cert --label machine --id 0102

printf 'name = inro\nlibrary = %s\nslot = 1\n' "$B/lib/inro-pkcs11.so" >java.cfg
printf '123456' >pin
java_keys() {
	keytool "$@" -keystore NONE -storetype PKCS11 -storepass:file pin \
		-providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$T/java.cfg"
}

must java_keys -list >list
grep -q '^machine, PrivateKeyEntry' list || fail "the key is no entry: $(cat list)"
must java_keys -genkeypair -alias fromjava -keyalg EC -groupname secp256r1 -dname CN=fromjava
must java_keys -genkeypair -alias rsajava -keyalg RSA -keysize 2048 -sigalg SHA256withRSA -dname CN=rsajava
must java_keys -certreq -alias fromjava -file java.csr
must openssl req -in java.csr -verify -noout
must java_keys -exportcert -rfc -alias rsajava -file rsa.pem
must openssl verify -check_ss_sig -CAfile rsa.pem rsa.pem >/dev/null
must java_keys -list >list
[[ $(grep -c PrivateKeyEntry list) == 3 ]] || fail "not three entries: $(cat list)"
must java_keys -delete -alias fromjava
must java_keys -list >list
[[ $(grep -c PrivateKeyEntry list) == 2 ]] || fail "the entry is still there: $(cat list)"
