#!/usr/bin/env bash
# Every test that docs/conformance.md names is one, and each test of conformance is named there.
set -euo pipefail
page=$INRO_TEST_SOURCE/docs/conformance.md unit=$INRO_TEST_SOURCE/tests/unit status=0
chapters="general keys mech objects ops sessions"

complain() {
	echo "$1" >&2
	status=1
}

while IFS=/ read -r file name; do
	source=$unit/test_$file.c
	[[ " $chapters " != *" $file "* ]] || source=$unit/test_conformance_$file.c
	grep -qsE "^static void $name\(void \*\*state\)" "$source" || complain "there is no test $name in $source"
done < <(grep -oE '`[a-z_]+/[a-z0-9_]+`' "$page" | tr -d '`' | sort -u)

for chapter in $chapters; do
	while read -r name; do
		grep -q "\`$chapter/$name\`" "$page" || complain "docs/conformance.md does not name $chapter/$name"
	done < <(sed -n 's/^static void \([a-z0-9_]*\)(void \*\*state)$/\1/p' "$unit/test_conformance_$chapter.c")
done
exit $status
