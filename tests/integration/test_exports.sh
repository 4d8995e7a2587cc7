#!/usr/bin/env bash
# The modules export their entry points and nothing else.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

exports() {
	nm -D --defined-only "$B/lib/$1" | awk '{ print $3 }' | sort | paste -sd' '
}

got=$(exports inro-pkcs11.so)
[[ $got == "C_GetFunctionList C_GetInterface C_GetInterfaceList" ]] || fail "inro-pkcs11.so exports: $got"
got=$(exports inro.so)
[[ $got == "OSSL_provider_init" ]] || fail "inro.so exports: $got"

# Nothing is linked in that a device without a TPM would not have.
for module in inro-pkcs11.so inro.so; do
	objdump -p "$B/lib/$module" | awk '$1 == "NEEDED" { print $2 }' >"$T/needed"
	[[ -n ${INRO_TEST_SANITIZE:-} ]] && continue
	if grep -vE '^(libcrypto\.so\.3|libsqlite3\.so\.0|libinih\.so\.1|libc\.so\.6|ld-linux.*)$' "$T/needed" >"$T/more"; then
		fail "$module needs $(paste -sd' ' "$T/more") too"
	fi
done

# Nothing that reaches into the program: its random numbers, engines and secure heap are its own, and the provider
# looks for a fork itself.
for module in inro-pkcs11.so inro.so; do
	nm -D --undefined-only "$B/lib/$module" | awk '{ sub(/@.*/, "", $2); print $2 }' >"$T/wanted"
	! grep -E '^(RAND_set_|ENGINE_|CRYPTO_secure_malloc_init|EVP_default_properties|EVP_set_default)' \
		"$T/wanted" || fail "$module changes the program's libcrypto"
done
! grep -E '^(__register_atfork|pthread_atfork|RAND_.*)$' "$T/wanted" || fail "inro.so stands in the way of a fork"
