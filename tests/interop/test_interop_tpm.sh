#!/usr/bin/env bash
# Keys in a TPM: docs/howto/tpm.md as it stands there, with swtpm and an embedded TPM; what it says of files of others
# and of backups.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/interop/lib.sh"
need swtpm tpm2_getcap
[[ $(ldconfig -p) == *libtpms.so.0* ]] || skip "libtpms0 is not installed: tools/check installs it"

start_swtpm unix
export TPM=$swtpm_tcti OTHER=libtpms: INRO_SO_PIN=$so_pin
tcti= # the how-to says itself which TPM
howto tpm.md
grep -q '^Place  *tpm$' howto.out || fail "the key is not in the TPM: $(cat howto.out)"
grep -q '^roaming .* yes  *yes' howto.out || fail "the rebuilt token has no key 'roaming': $(cat howto.out)"

# ---- places ----

place() { # place LABEL WANT
	local got
	got=$(must inro key show "pkcs11:token=line1;object=$1" --login | awk '$1 == "Place" { print $2 }')
	[[ $got == "$2" ]] || fail "the place of $1 is '$got', not $2"
}
for label in dev web old new again roaming; do
	place "$label" tpm
done
place box tpm-sealed

# ---- the key of the file is the one in the token ----

must inro key export 'pkcs11:token=line1;object=dev' --out dev.pub
must inro key export 'pkcs11:token=line1;object=again' --out again.pub
same_key dev.pub again.pub
if openssl list -providers -provider tpm2 >/dev/null 2>&1; then
	echo text >text
	TPM2OPENSSL_TCTI=$swtpm_tcti openssl dgst -sha256 -provider tpm2 -provider default -sign dev.tss2.pem \
		-out text.sig text || fail "tpm2-openssl does not sign with our key file"
	openssl dgst -sha256 -verify dev.pub -signature text.sig text >said || fail "its signature is wrong: $(cat said)"
fi

# ---- two processes with the same state of an embedded TPM make no nonce twice ----

echo text >text
must inro token create line3 --backend tpm --tcti libtpms:
must inro key generate --token line3 --label nonce --type ec-p256
cp "$INRO_HOME/tpm/state" state
for i in 1 2 3; do
	cp state "$INRO_HOME/tpm/state"
	must foreign openssl dgst -sha256 -provider-path "$B/lib" -provider inro -provider default \
		-sign 'pkcs11:token=line3;object=nonce;type=private' -out "sig$i" text
	openssl asn1parse -inform DER -in "sig$i" | awk 'NR == 2' >"r$i"
	grep -q INTEGER "r$i" || fail "no signature: $(cat "r$i")"
done
[[ $(sort -u r1 r2 r3 | wc -l) == 3 ]] || fail "two signatures with one nonce give the key away"

# ---- on another TPM a backup makes nothing ----

tpm_is_empty
kill "$swtpm_pid"
wait "$swtpm_pid" || true
rm -rf "$T/swtpm"
start_swtpm unix
export INRO_HOME=$T/elsewhere INRO_PASSPHRASE='a long passphrase'
refused 1 'storage root' "$B/bin/inro" token rebuild line1.backup
[[ $("$B/bin/inro" token list) == *'no token yet'* ]] || fail "a token of another TPM was made: $("$B/bin/inro" token list)"
