#!/usr/bin/env bash
# GnuTLS's p11tool on our module: tokens, objects, keys made, a certificate written and read.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

# GnuTLS waits for ever on a lock of its own under a sanitizer's library, with any module or none.
[[ -z ${INRO_TEST_SANITIZE:-} ]] || skip "p11tool does not run under a sanitizer"

cd "$T"
export GNUTLS_PIN=123456
p11() {
	foreign pkcs11-tool --module "$B/lib/inro-pkcs11.so" "$@"
}
gnutls() {
	foreign p11tool --batch --provider "$B/lib/inro-pkcs11.so" "$@"
}

must p11 --init-token --slot 1 --label t1 --so-pin 87654321
must p11 --init-pin --token-label t1 --so-pin 87654321 --pin 123456
must gnutls --list-tokens >tokens
grep -q 'token=t1' tokens || fail "no token: $(cat tokens)"
grep -q 'Flags: RNG, Requires login' tokens || fail "other flags: $(cat tokens)"

must gnutls --login --generate-privkey=ecdsa --curve=secp256r1 --label e --id 0a --outfile e.pub 'pkcs11:token=t1'
must gnutls --login --generate-privkey=rsa --bits=2048 --label r --id 0b --outfile r.pub 'pkcs11:token=t1'
for key in e r; do
	must gnutls --login --export-pubkey --outfile "$key.again" "pkcs11:token=t1;object=$key;type=private"
	openssl pkey -pubin -in "$key.pub" -out a.pem
	openssl pkey -pubin -in "$key.again" -out b.pem
	cmp -s a.pem b.pem || fail "$key: another public key than the one that was made"
	must gnutls --login --test-sign "pkcs11:token=t1;object=$key;type=private"
	grep -q 'ok' "$T/err" || fail "$key: $(cat "$T/err")"
done

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -subj /CN=w \
	-days 2 -out w.pem 2>/dev/null
must gnutls --login --write --load-certificate w.pem --label w --id 0c 'pkcs11:token=t1'
must gnutls --export 'pkcs11:token=t1;object=w;type=cert' >back.pem
[[ $(openssl x509 -in back.pem -noout -fingerprint) == $(openssl x509 -in w.pem -noout -fingerprint) ]] ||
	fail "another certificate comes back"

must gnutls --login --list-all 'pkcs11:token=t1' >all
for want in 'object=e;type=private' 'object=e;type=public' 'object=r;type=private' 'object=r;type=public' \
	'object=w;type=cert'; do
	grep -q "$want" all || fail "$want is not listed: $(cat all)"
done
grep -q 'CKA_NEVER_EXTRACTABLE; CKA_SENSITIVE' all || fail "the keys are not kept: $(cat all)"
must gnutls --list-all 'pkcs11:token=t1' >all
if grep -q 'type=private' all; then
	fail "private keys are listed without a login"
fi
