#!/usr/bin/env bash
# The database as a whole by the command: made, checked, copied from SQLite to PostgreSQL and back with the same
# answers, backed up while it is used; nothing is made by reading.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
# shellcheck source=tests/lib/postgres.sh
. "$S/tests/lib/postgres.sh" || exit 1

export INRO_PIN=123456 INRO_SO_PIN=87654321
cd "$T"

# ---- nothing is made by reading ----

for words in "device list" "ca list" "cert list" "audit list" "audit verify" "group list" "tenant list" "db check" \
	"db copy --to sqlite:$T/no.db" "db backup $T/no.db"; do
	# shellcheck disable=SC2086 # words
	refused 1 "there is no back office at '$T/mistyped/backoffice.db'.*--home" inro --home "$T/mistyped" $words
done
[[ ! -e $T/mistyped && ! -e $T/no.db ]] || fail "reading made something: $(ls)"

# ---- an office ----

must inro db upgrade >made
grep -q "backoffice.db has version" made || fail "$(cat made)"
must inro token create ca
must inro ca create root --token ca --subject "/O=Example/CN=Root"
for i in 1 2 3; do
	must inro device add "dev-$i" --name "プレス $i" --ip "192.0.2.$i"
done
must inro group add plant
must inro group add plant/line1
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k.pem -out a.csr -subj "/CN=dev-1" 2>/dev/null
must inro cert issue --ca root --profile tls-client --csr a.csr --device dev-1 --out a.pem
must inro device disable dev-2
refused 1 "dev-1" inro device add dev-1
seq -f 'many-%g' 1500 | sed '1i id' >many.csv
must inro device import many.csv >/dev/null

must inro db check >checked
grep -qE "^all [0-9]+ rows are well, and all [0-9]+ events" checked || fail "$(cat checked)"

# answers FILE: what is asked of the office, in one file; events up to the one at which a copy began
answers() {
	{
		inro device list --json
		inro cert list --json
		inro ca list --json
		inro group list --json
		inro audit list --json | sed -n "1,${events}p"
	} >"$1"
}
events=$(($(inro audit list --json | wc -l) - 2)) # the last lines: the event that comes next, and the end

# ---- to another file, and a copy while in use ----

answers before
must inro db copy --to "sqlite:$T/second.db" >copied
grep -qE "^[0-9]+ rows were copied and compared, digest [0-9a-f]{64}$" copied || fail "$(cat copied)"
INRO_DB=sqlite:$T/second.db answers after
INRO_DB=sqlite:$T/second.db must inro db check
cmp before after || fail "the copy gives other answers"
refused 1 "is not empty" inro db copy --to "sqlite:$T/second.db"
# what a killed program left would be put into a database of that name when it is opened
: >"$T/left.db-wal"
refused 1 "left.db-wal' is left of another database" inro db copy --to "sqlite:$T/left.db"
refused 1 "left.db-wal' is left of another database" inro db backup "$T/left.db"
[[ -z $(find "$T" -name 'left.db*' ! -name left.db-wal) ]] || fail "a refused copy leaves files: $(ls "$T")"
refused 1 "names no database" inro db copy --to second.db
must inro db backup "$T/kept.db"
must inro --json db backup "$T/told.db" >told
grep -q rows told && fail "a backup tells numbers that it does not count: $(cat told)"
refused 1 "is there already" inro db backup "$T/kept.db"
refused 1 "^inro: $T/nowhere/a.db: No such file or directory$" inro db backup "$T/nowhere/a.db"
refused 1 "$T/nowhere/a.db: No such file or directory$" inro db backup --out "$T/nowhere/a.db"
refused 1 "^inro: $T/nowhere/a.db: No such file or directory$" inro db copy --to "sqlite:$T/nowhere/a.db"
INRO_DB=sqlite:$T/kept.db must inro db check

# ---- PostgreSQL ----

# The leak checker of gcc 12 itself crashes at the end of a process with libpq and the module in it.
[[ -z $runtime ]] || export ASAN_OPTIONS=detect_leaks=0
if start_postgres office bare; then
	must inro db copy --to "${pg_urls[0]}" >copied
	grep -qE "^[0-9]+ rows were copied and compared" copied || fail "$(cat copied)"
	refused 1 "is not empty" inro db copy --to "${pg_urls[0]}"
	[[ $(psql -Atqc "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'device'" "${pg_urls[0]}") == t ]] ||
		fail "the copy's tables were not counted"
	INRO_DB=${pg_urls[1]} refused 1 "has no back office in it yet; is INRO_DB right" inro device list
	export INRO_DB=${pg_urls[0]}
	answers after
	cmp before after || fail "PostgreSQL gives other answers"
	must inro db check
	must inro device add dev-4
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k4.pem -out b.csr -subj "/CN=dev-4" 2>/dev/null
	must inro cert issue --ca root --profile tls-client --csr b.csr --device dev-4 --out b.pem
	must inro device delete dev-1
	must inro ca crl root --out root.crl
	must inro db backup "$T/from-postgres.db"
	must crash_postgres
	must inro audit verify
	answers there
	unset INRO_DB
	INRO_DB=sqlite:$T/from-postgres.db answers back
	INRO_DB=sqlite:$T/from-postgres.db must inro db check
	cmp there back || fail "the backup gives other answers"
else
	echo "PostgreSQL is not installed"
fi

# ---- one byte changed ----

sqlite3 kept.db "UPDATE event SET actor = 'nobody' WHERE id = 2"
INRO_DB=sqlite:$T/kept.db refused 1 "event 2" inro db check
sqlite3 second.db "PRAGMA foreign_keys = OFF; UPDATE credential SET device = 4711"
INRO_DB=sqlite:$T/second.db refused 1 "refers to a 'device' that is not there" inro db check
: >"$T/zero.db"
INRO_DB=sqlite:$T/zero.db refused 1 "is empty; restore it from a backup" inro device list
