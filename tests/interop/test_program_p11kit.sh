#!/usr/bin/env bash
# p11-kit knows the module by a file of the user's, and p11tool shows and tries the keys through it.
. "$INRO_TEST_SOURCE/tests/lib/shell.sh"
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need p11-kit p11tool
make_identity dev1 ec-p256
mkdir -p user/.config/pkcs11/modules
printf 'module: %s\n' "$B/lib/inro-pkcs11.so" >user/.config/pkcs11/modules/inro.module
export HOME=$T/user GNUTLS_PIN=$pin
# p11-kit reads no user's files for root
without_rights nobody p11-kit list-modules >modules
grep -q 'inro' modules || fail "p11-kit lists $(cat modules)"
without_rights nobody p11tool --batch --login --list-all 'pkcs11:token=web' >all
grep -q 'object=dev1;type=private' all || fail "p11tool lists $(cat all)"
without_rights nobody p11tool --batch --login --test-sign 'pkcs11:token=web;object=dev1;type=private' >tried 2>&1 ||
	fail "$(cat tried)"
