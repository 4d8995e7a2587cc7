#!/usr/bin/env bash
# A Debian 13, whose OpenSSL 3.5 has ML-DSA, SLH-DSA and ML-KEM: the module and its tests as they were built here run
# in it, on that libcrypto, and its openssl program agrees with them.
#
# It is made by mmdebstrap and kept in $INRO_TEST_CACHE (default: the build folder).
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
cd "$T" || exit 1

[[ $(id -u) == 0 ]] || skip "making a Debian 13 needs root"
command -v mmdebstrap >/dev/null || fail "mmdebstrap is not installed: tools/check installs it"

# ---- the Debian ----

cache=${INRO_TEST_CACHE:-$B}/debian13
root=$T/root
packages=openssl,libsqlite3-0,libinih1,libcmocka0,libjansson4,libevent-core-2.1-7t64,libevent-openssl-2.1-7t64

# shellcheck disable=SC2016 # apt fills that in
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | sed -n 1p)
[[ -n $mirror ]] || fail "apt knows no mirror of Debian: see /etc/apt/sources.list"
if [[ ! -s $cache-$packages.tar ]]; then
	mkdir -p "$(dirname "$cache")"
	rm -f "$cache"-*.tar
	if ! mmdebstrap --quiet --variant=minbase --include="$packages" trixie "$T/made.tar" "$mirror" >made.log 2>&1; then
		cat made.log >&2
		# A machine without a network is no defect of ours; anything else is.
		grep -qE 'Could not resolve|Temporary failure resolving|Could not connect|Network is unreachable' made.log &&
			skip "the mirror of Debian can't be reached"
		fail "no Debian 13 was made"
	fi
	mv "$T/made.tar" "$cache-$packages.tar"
fi
mkdir "$root"
tar -xf "$cache-$packages.tar" -C "$root" --exclude='./dev/*'
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/urandom" c 1 9

inside() {
	chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root INRO_HOME=/srv/home \
		INRO_TEST_BUILD=/srv INRO_TEST_SOURCE=/srv INRO_PQ_DIR=/srv/pq "$@"
}

mkdir -p "$root"/srv/{lib,tests,pq,home}
cp "$B/lib/inro-pkcs11.so" "$B/lib/inro.so" "$root/srv/lib/"
mkdir "$root/srv/tests/lib"
cp "$S/tests/lib/lacking.txt" "$root/srv/tests/lib/"
must inside openssl version >theirs
grep -q 'OpenSSL 3\.[5-9]' theirs || fail "not the OpenSSL that was looked for: $(cat theirs)"

# ---- keys, signatures and secrets of the openssl program ----

pq=$root/srv/pq
ssl() {
	must inside sh -c "cd /srv/pq && openssl $*" >/dev/null
}

# What is signed, also as a hash: in a prehashed message the context, the OID of SHA3-256 and it (FIPS 204 5.4.1).
printf 'thirty-two bytes, also as a hash' >"$pq/message"
{ printf '\x01\x03ctx\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x08' && cat "$pq/message"; } >"$pq/encoded"
pure='-rawin -in message -pkeyopt context-string:ctx'
hashed='-rawin -in encoded -pkeyopt message-encoding:0'
for a in ML-DSA-65 SLH-DSA-SHA2-128f ML-KEM-768; do
	ssl genpkey -algorithm $a -outform DER -out $a.theirs.p8
	ssl pkey -inform DER -in $a.theirs.p8 -pubout -outform DER -out $a.theirs.spki
done
for a in ML-DSA-65 SLH-DSA-SHA2-128f; do
	ssl pkeyutl -sign -keyform DER -inkey $a.theirs.p8 "$pure" -out $a.theirs.sig
	ssl pkeyutl -sign -keyform DER -inkey $a.theirs.p8 "$hashed" -out $a.theirs.hashsig
done
ssl pkeyutl -encap -pubin -keyform DER -inkey ML-KEM-768.theirs.spki -secret ML-KEM-768.theirs.secret \
	-out ML-KEM-768.theirs.ciphertext

# ---- ours ----

for t in test_token_pq test_token_pq_keys test_pkey_pq test_pkey test_pkey_curves test_pkey_crypt test_keyder \
	test_token_sign test_token_mech test_token_kinds test_provider_kinds test_provider_keys test_provider_sign \
	test_provider_tables test_provider_cipher test_provider_skey test_provider_mac; do
	cp "$B/tests/$t" "$root/srv/tests/"
	must inside "/srv/tests/$t" >said
	! grep -q 'openssl_agrees' "$T/err" "$T/out" || grep -q 'OK \] openssl_agrees' "$T/err" "$T/out" ||
		fail "$t did not meet the openssl program: $(cat "$T/err" "$T/out")"
done

# The everyday commands with such keys, by the script that also runs where Inro is compiled with OpenSSL 3.5.
mkdir -p "$root"/srv/{bin,tests/lib,tests/integration}
cp "$B/bin/inro" "$root/srv/bin/"
cp "$S"/tests/lib/{shell,provider}.sh "$root/srv/tests/lib/"
cp "$S/tests/integration/test_provider_pq.sh" "$root/srv/tests/integration/"
must inside bash /srv/tests/integration/test_provider_pq.sh >said

# ---- what the openssl program says of it ----

for a in ML-DSA-65 SLH-DSA-SHA2-128f; do
	ssl pkeyutl -verify -pubin -keyform DER -inkey $a.ours.spki "$pure" -sigfile $a.ours.sig
	ssl pkeyutl -verify -pubin -keyform DER -inkey $a.ours.spki "$hashed" -sigfile $a.ours.hashsig
done
ssl pkeyutl -decap -keyform DER -inkey ML-KEM-768.theirs.p8 -in ML-KEM-768.ours.ciphertext -secret opened
cmp "$pq/opened" "$pq/ML-KEM-768.ours.secret" || fail "what we encapsulated opens as something else"
# ---- the same token on a libcrypto that knows nothing of such keys ----

if [[ $(openssl list -public-key-algorithms) != *ML-DSA* ]]; then
	INRO_PIN=123456 INRO_SO_PIN=87654321 must inro token create other >/dev/null
	cp "$pq/old.token" "$(find "$T/home/tokens" -name '*.token')"
	must pkcs11-tool --module "$B/lib/inro-pkcs11.so" --login --pin 123456 --list-objects >objects 2>"$T/err"
	[[ $(grep -c '^P[a-z]* Key Object; EC' objects) == 2 ]] || fail "the keys that it knows are gone: $(cat objects)"
	[[ $(grep -c '^P[a-z]* Key Object' objects) == 2 ]] || fail "keys that it can't have: $(cat objects)"
fi
echo "$(cat theirs): the module of $(openssl version) agrees with it"
