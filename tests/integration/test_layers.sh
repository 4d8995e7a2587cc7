#!/usr/bin/env bash
# Who includes whom is as tests/lib/layers.rules says, and the rules themselves have no cycle.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

rules=$S/tests/lib/layers.rules
must bash "$S/tests/lib/layers.sh" "$rules" "$S"

# tsort complains about a cycle.
sed 's/#.*//' "$rules" | awk -F: 'NF > 1 { n = split($2, to, " "); for (i = 1; i <= n; i++) print $1, to[i] }' |
	tsort >"$T/order" 2>"$T/cycles" || fail "the rules have a cycle: $(cat "$T/cycles")"

# The check sees what it is for.
mkdir -p "$T/tree/base" "$T/tree/tools" "$T/tree/pkcs11" "$T/tree/provider" "$T/tree/backoffice"
echo '#include "tools/x.h"' >"$T/tree/base/a.c"
echo '#include <sqlite3.h>' >"$T/tree/tools/b.c"
echo '#include "c.h"' >"$T/tree/tools/c.c"
if bash "$S/tests/lib/layers.sh" "$rules" "$T/tree" >"$T/found"; then
	fail "forbidden includes were not seen"
fi
[[ $(wc -l <"$T/found") == 3 ]] || fail "not three findings: $(cat "$T/found")"

# err_context() writes the colon itself.
! grep -rnE --include='*.c' 'err_context\([^;]*: "[,)]' "$S"/{base,pkcs11,tpm,provider,backoffice,tools} >"$T/found" ||
	fail "two colons in an error: $(cat "$T/found")"
