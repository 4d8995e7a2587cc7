# shellcheck shell=bash
# postgres - a PostgreSQL server of a shell test's own.  Source it after shell.sh.
#   start_postgres NAME ...   empty databases of these names, their URLs in ${pg_urls[@]}; ends with the test.
#                             Status 77 when PostgreSQL is not installed.
#   crash_postgres            kill -9 of the server, and a new one on the same data
#   stop_postgres             kill -9 of the server; start_again: a new one on the same data

pg_urls=()

start_postgres() {
	local url
	mkfifo "$T/pg-in" "$T/pg-out"
	"$B/tests/pg_serve" "$@" <"$T/pg-in" >"$T/pg-out" &
	exec {pg_in}>"$T/pg-in" {pg_out}<"$T/pg-out"
	while [[ ${#pg_urls[@]} -lt $# ]]; do
		read -r -u "$pg_out" url || return 77
		pg_urls+=("$url")
	done
}

tell_postgres() {
	local answer
	printf '%s\n' "$1" >&"$pg_in"
	read -r -u "$pg_out" answer && [[ $answer == ready ]]
}

crash_postgres() { tell_postgres crash; }
stop_postgres() { tell_postgres stop; }
start_again() { tell_postgres start; }
