#!/usr/bin/env bash
# The provider with modules of others: docs/howto/foreign-tokens.md as it stands there, and modules without any token.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/interop/lib.sh"
need softhsm2-util swtpm tpm2_getcap pkcs11-tool
tpm2_pkcs11=$(compgen -G '/usr/lib/*/pkcs11/libtpm2_pkcs11.so') || skip "tpm2-pkcs11 is not installed: tools/check installs it"

start_swtpm unix
mkdir softhsm store
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$T/softhsm" >softhsm.conf
export SOFTHSM2_CONF=$T/softhsm.conf TPM2_PKCS11_STORE=$T/store TPM2_PKCS11_TCTI=$swtpm_tcti OPENSSL_MODULES=$B/lib
unset INRO_MODULE
howto foreign-tokens.md
for k in web device; do
	grep -q 'BEGIN PKCS#11 PROVIDER URI' $k.pem || fail "$k.pem is no reference: $(cat $k.pem)"
	must openssl verify -CAfile $k.crt $k.crt
done
# What pkcs11-tool --init-token leaves there is not ours.
must tpm2_flushcontext -T "$swtpm_tcti" -t
FOREIGN_MODULE=$tpm2_pkcs11 OPENSSL_CONF=$T/foreign.cnf must openssl dgst -sha256 -sign device.pem -out sig web.crt
tpm_is_empty

# A module that does not show a token, one that is none, one that is not there: an error and an end.
no_token() { # MODULE REGEX
	local status=0
	FOREIGN_MODULE=$1 OPENSSL_CONF=$T/foreign.cnf openssl pkey -noout -in 'pkcs11:token=line1;object=web' >said 2>&1 ||
		status=$?
	[[ $status == 1 ]] || fail "$1: status $status: $(cat said)"
	grep -qE "$2" said || fail "$1: $(cat said)"
}
no_token opensc-pkcs11.so "no token 'line1' in "
no_token "$B/lib/inro.so" "is not a Cryptoki module"
no_token /nowhere.so "can't load the Cryptoki module"
