#!/usr/bin/env bash
# A benchmark that is started by hand measures its own build, and one that INRO_TEST_BUILD names from where one is.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

# provider ARGUMENTS OF env: what libcrypto opens by full paths is found.
provider() {
	env "$@" "$B/tests/bench_provider" 0 >"$T/out" 2>&1 || fail "$*: $(cat "$T/out")"
	has "^ECDSA P-256" "$T/out" || fail "$*: $(cat "$T/out")"
}

provider -u INRO_TEST_BUILD
cd "$B/.." || fail "no folder above $B"
provider "INRO_TEST_BUILD=$(basename "$B")"
! INRO_TEST_BUILD=$T/none "$B/tests/bench_provider" 0 >"$T/out" 2>&1 || fail "a build that is not there was measured"
has "^the folder of INRO_TEST_BUILD failed" "$T/out" || fail "$(cat "$T/out")"
