#!/usr/bin/env bash
# One key of a CA in several tokens: absent, locked and foreign ones; what is deleted of them, and what is told.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/cas.sh" || exit 1

file_of() {
	inro token show "$1" --json | value path
}
away() {
	inro audit list --json | grep -c '"action": "ca.key.away"' || true
}
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out ca.key 2>/dev/null
for token in a b; do
	must inro token create $token
	must inro key import ca.key --token $token --label k
done
must inro token create c
must inro ca create root --key 'pkcs11:token=a;object=k' --subject "/O=Example/CN=Root"
inro ca show root --out root.pem >/dev/null
for name in x y z; do request $name; done

# ---- on record ----

refused 2 "either its URI" inro ca key add root
refused 1 "has no private key" inro ca key add root --key 'pkcs11:token=c;object=k'
must inro key generate --token c --label other
refused 1 "not the one in the CA's certificate" inro ca key add root --key 'pkcs11:token=c;object=other'
refused 1 "on record in token 'a' already" inro ca key add root --key 'pkcs11:token=a;object=k'
must inro ca create made --token a --subject /CN=made
refused 1 "can't be copied: it never leaves its token" inro ca key add made --token c
refused 1 "last place" inro ca key remove root --key pkcs11:token=a
must inro ca key add root --key 'pkcs11:token=b;object=k'
[[ $(inro ca key list root --test --json | grep -c '"works": "yes"') == 2 ]] || fail "$(inro ca key list root --test)"

# ---- a token that is away, and one that is locked ----

a=$(file_of a)
b=$(file_of b)
hide() {
	mkdir -p hidden
	mv "$1"* hidden/
}
show() {
	mv "hidden/${1##*/}"* "${1%/*}/"
}
hide "$a"
certify root x x.csr
openssl verify -CAfile root.pem x.pem >out 2>&1 || fail "$(cat out)"
must inro ca crl root --out root.crl
openssl crl -in root.crl -CAfile root.pem -noout >out 2>&1 || fail "$(cat out)"
mkdir in
cp ./*.csr in/
must inro cert issue --ca root --profile tls-client --csr-dir in --out-dir made
openssl verify -CAfile root.pem made/*.pem >out 2>&1 || fail "$(cat out)"
[[ $(away) == 3 ]] || fail "not told once a command: $(inro audit list)"
[[ $(inro ca key list root --test --json | grep -c '"works": "no"') == 1 ]] || fail "$(inro ca key list root --test)"
hide "$b"
refused 1 "works in no token: token 'a': .*; token 'b': " inro cert issue --ca root --profile tls-client --csr y.csr
show "$a"
show "$b"
for _ in {1..20}; do
	INRO_PIN=999999 inro key generate --token a --label no >out 2>&1 && fail "a wrong PIN is taken"
	grep -q locked out && break
done
grep -q locked out || fail "the token is not locked: $(cat out)"
certify root y y.csr
[[ $(away) == 4 ]] || fail "not told: $(inro audit list)"

# ---- what is deleted ----

refused 1 "CA 'root' needs this key, of which 1 more copy is on record" inro key delete 'pkcs11:token=b;object=k'
refused 1 "CA '(root|made)' needs a key in it" inro token delete b
must inro ca key remove root --key pkcs11:token=a
refused 1 "CA 'root' needs this key, the last copy on record" inro key delete 'pkcs11:token=b;object=k'
certify root z z.csr

# ---- a token of another module ----

softhsm=/usr/lib/softhsm/libsofthsm2.so
if [[ -e $softhsm && -z ${INRO_TEST_SANITIZE:-} ]]; then
	mkdir soft
	printf 'directories.tokendir = %s/soft\n' "$T" >soft.conf
	export SOFTHSM2_CONF=$T/soft.conf
	must softhsm2-util --init-token --free --label soft --pin "$INRO_PIN" --so-pin 12345678
	openssl pkcs8 -topk8 -nocrypt -in ca.key -out ca.p8
	must softhsm2-util --import ca.p8 --token soft --label k --id 0102 --pin "$INRO_PIN"
	must inro ca key add root --key "pkcs11:token=soft;object=k?module-path=$softhsm" --first
	must inro cert revoke "$(serial x)"
	must inro ca crl root --out soft.crl
	openssl crl -in soft.crl -CAfile root.pem -noout >out 2>&1 || fail "$(cat out)"
	[[ $(away) == 4 ]] || fail "the other module's token does not work: $(inro audit list)"
	mv soft soft-away
	must inro ca crl root --out soft.crl
	[[ $(away) == 5 ]] || fail "not told: $(inro audit list)"
	must inro ca key remove root --key pkcs11:token=soft
fi
must inro audit verify
must inro db check
