#!/usr/bin/env bash
# Every test that docs/conformance.md names is one, and each test of conformance is named there.
set -euo pipefail
page=$INRO_TEST_SOURCE/docs/conformance.md unit=$INRO_TEST_SOURCE/tests/unit status=0
chapters="general keys mech objects ops sessions"

complain() {
	echo "$1" >&2
	status=1
}

# A test of cmocka, or a function of a shell test.
has_test() { # FILE NAME
	local tests=$INRO_TEST_SOURCE/tests source
	for source in "$unit/test_conformance_$1.c" "$tests"/{unit,fault}/"test_$1.c" "$tests"/{integration,interop}/"test_$1.sh"; do
		! grep -qsE "^static void $2\(void \*\*state\)|^$2\(\) \{" "$source" || return 0
	done
	return 1
}

while IFS=/ read -r file name; do
	has_test "$file" "$name" || complain "there is no test $name of $file"
done < <(grep -oE '`[a-z0-9_]+/[a-z0-9_]+`' "$page" | tr -d '`' | sort -u)

for chapter in $chapters; do
	while read -r name; do
		grep -q "\`$chapter/$name\`" "$page" || complain "docs/conformance.md does not name $chapter/$name"
	done < <(sed -n 's/^static void \([a-z0-9_]*\)(void \*\*state)$/\1/p' "$unit/test_conformance_$chapter.c")
done
exit $status
