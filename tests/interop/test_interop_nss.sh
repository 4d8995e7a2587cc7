#!/usr/bin/env bash
# NSS's tools with a token: docs/howto/nss.md as it stands there, EC keys, and a key that stays.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/interop/lib.sh"
need modutil certutil cmsutil pk12util

must openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem \
	-days 2 -subj /CN=ca -addext keyUsage=critical,keyCertSign
certify() {
	openssl x509 -req -in "$1" -CA ca.pem -CAkey ca.key -days 2 -copy_extensions none -extfile <(
		printf 'keyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=emailProtection\n'
	) -out "$2"
}
export -f certify
howto nss.md
grep -q 'Token Name: t1' howto.out || fail "modutil shows no token: $(cat howto.out)"
grep -qE '^t1:signer +u,u,u' howto.out || fail "the certificate has no key: $(cat howto.out)"
grep -qE '^< 0> rsa .*t1:signer' howto.out || fail "the key is not listed: $(cat howto.out)"
cmp -s letter letter.read || fail "another letter: $(cat letter.read)"
must openssl cms -verify -binary -inform DER -in letter.cms -CAfile ca.pem >seen
cmp -s letter seen || fail "openssl reads another letter"

# ---- an EC key, detached ----

must certutil -R -d sql:db -h t1 -f pins -k ec -q nistp256 -z noise -s CN=ec -a -o ec.csr >/dev/null
must openssl req -in ec.csr -verify -noout
must certify ec.csr ec.pem
must certutil -A -d sql:db -h t1 -f pins -n ec -t ,, -a -i ec.pem
must cmsutil -S -d sql:db -N t1:ec -f pins -T -G -H SHA256 -i letter -o ec.cms
must openssl cms -verify -binary -inform DER -in ec.cms -content letter -CAfile ca.pem >/dev/null
must cmsutil -D -d sql:db -c letter -i ec.cms >/dev/null
echo more >>letter
! cmsutil -D -d sql:db -c letter -i ec.cms >/dev/null 2>&1 || fail "a changed letter is taken"

# ---- the key is not to be had; a key that is deleted is gone ----

! pk12util -o out.p12 -n t1:signer -d sql:db -k pins -W x >said 2>&1 || fail "the key went into a file"
# it asks the token for a key from its password first, without a login
grep -qE 'Unable to export|TOKEN_NOT_LOGGED_IN' said || fail "pk12util says: $(cat said)"
id=$(certutil -K -d sql:db -h t1 -f pins | sed -n 's/^< .> ec *\([0-9a-f]*\).*/\1/p')
must certutil -F -d sql:db -h t1 -f pins -k "$id" >/dev/null
must certutil -K -d sql:db -h t1 -f pins >keys
[[ $(grep -c '^<' keys) == 1 ]] || fail "the deleted key is there: $(cat keys)"
