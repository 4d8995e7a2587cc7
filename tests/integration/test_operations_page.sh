#!/usr/bin/env bash
# Every command of docs/operations.md, in its order; and docs/backoffice-store.md says which columns there are.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

# ---- the tables ----

export LC_ALL=C.UTF-8

INRO_HOME=$T/schema must inro db upgrade
for table in $(sqlite3 "$T/schema/backoffice.db" "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"); do
	printf '%s: %s\n' "$table" "$(sqlite3 "$T/schema/backoffice.db" "SELECT name FROM pragma_table_info('$table') ORDER BY 1" | paste -sd' ')"
done >"$T/are"
awk -F'|' '/^### / { table = $0; gsub(/[# `]/, "", table) } /^## / { table = "" }
	table && $2 ~ /`/ { n = split($2, w, /[`, ]+/); for (i = 1; i <= n; i++) if (w[i]) print table, w[i] }' \
	"$S/docs/backoffice-store.md" | sort | awk '$1 != was { if (was) print line; line = $1 ":"; was = $1 }
	{ line = line " " $2 } END { print line }' >"$T/said"
diff "$T/said" "$T/are" >"$T/out" || fail "docs/backoffice-store.md (<) has other columns than the database (>): $(cat "$T/out")"

# ---- the commands ----

export INRO_PIN=123456 INRO_SO_PIN=87654321 PATH=$B/bin:$PATH
mkdir "$T/office"
cd "$T/office"
echo "a passphrase of the operator" >passphrase
awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on' "$S/docs/operations.md" >"$T/lines"
[[ $(grep -c . "$T/lines") -gt 45 ]] || fail "the page has lost its commands"
bash -eu -o pipefail -x "$T/lines" >"$T/out" 2>&1 || fail "the page does not work: $(tail -n 6 "$T/out")"
grep -q "Cessation Of Operation" "$T/out" || fail "the list does not have the stolen device"
