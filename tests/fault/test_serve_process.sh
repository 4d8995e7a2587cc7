#!/usr/bin/env bash
# inro serve as a process: ended while it answers, killed, out of descriptors, its database away and back.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
cd "$T"
for p in curl jq; do command -v $p >/dev/null || skip "$p is not installed"; done
make_office

# ---- SIGTERM while clients ask: each answer that began is whole, and the rest is refused ----

start_server --idle-seconds 60
for i in 1 2 3 4; do
	(
		while curl -sS --max-time 10 --cacert root.pem "$https/metrics" -o "metrics.$i" 2>"err.$i"; do
			tail -1 "metrics.$i" | has '^inro_' || echo "cut: $(tail -1 "metrics.$i")" >>torn
		done
	) &
	pids+=("$!")
done
sleep 1
stop_server "$server_pid"
sleep 0.5
[[ ! -s torn ]] || fail "an answer was cut: $(cat torn)"
[[ $(cat err.*) != *'transfer closed'* ]] || fail "an answer was cut: $(cat err.*)"

# ---- kill -9: the next one begins where it was ----

start_server --idle-seconds 60
kill -9 "$server_pid"
wait "$server_pid" 2>/dev/null || true
start_server --idle-seconds 60
[[ $(ask /healthz | jq -r .status) == ok ]] || fail "no health after kill -9"
must inro db check >/dev/null
stop_server "$server_pid"

# ---- few descriptors: connections are refused, those that are open go on, and others again later ----

( # the limit is the server's alone
	ulimit -n 96
	exec "$B/bin/inro" serve --http 127.0.0.1:0 2>few.log
) &
few=$!
pids+=("$few")
wait_for '"url":"http://' few.log
port=$(sed -n 's/.*"url":"http:[^"]*:\([0-9]*\)".*/\1/p' few.log)
for ((i = 0; i < 120; i++)); do
	exec {fd}<>"/dev/tcp/127.0.0.1/$port"
	open[i]=$fd
done
sleep 0.3
kill -0 "$few" || fail "without descriptors the server ends: $(cat few.log)"
before=$(awk '{ print $14 + $15 }' "/proc/$few/stat")
sleep 1
after=$(awk '{ print $14 + $15 }' "/proc/$few/stat")
[[ $((after - before)) -lt 50 ]] || fail "without descriptors the server runs in circles: $((after - before)) of 100 ticks"
for fd in "${open[@]}"; do exec {fd}>&-; done
within_time curl -sS --max-time 5 -o body "http://127.0.0.1:$port/healthz" || fail "the server does not come back"
stop_server "$few"

# ---- the database dies and comes back: the server finds it again, by itself and for every worker ----

. "$S/tests/lib/postgres.sh"
if start_postgres office; then
	export INRO_DB=${pg_urls[0]} INRO_HOME=$T/other
	make_office
	start_server --workers 3
	[[ $(ask /healthz | jq -r .status) == ok ]] || fail "no health on PostgreSQL"
	crash_postgres || fail "PostgreSQL does not come back"
	is_well() { [[ $(status_of "$https/healthz") == 200 && $(status_of "$http/crl/root.crl") == 200 ]]; }
	within_time is_well || fail "the server does not find the database again: $(tail -5 "$log")"
	for ((i = 0; i < 6; i++)); do
		[[ $(status_of "$https/.well-known/est/root/cacerts") == 200 ]] || fail "a worker has lost the database: $(cat body) $(tail -3 "$log")"
	done
	stop_server "$server_pid"
fi
