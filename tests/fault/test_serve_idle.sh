#!/usr/bin/env bash
# inro serve with 5 000 TLS connections that say nothing beside a client that works, and with peers that vanish.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
cd "$T"
for p in curl jq openssl python3; do command -v $p >/dev/null || skip "$p is not installed"; done
make_office
idle() { python3 "$INRO_TEST_SOURCE/tests/lib/idle_tls.py" "${https##*:}" "$1"; }
metric() { ask /metrics | sed -n "s/^$1 //p"; }
rss() { sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$server_pid/status"; }
ends() { # a line of `said` begins so
	for ((i = 0; i < 900; i++)); do
		! grep -q "^$1" said || return 0
		kill -0 "$client" 2>/dev/null || break
		sleep 0.1
	done
	fail "no '$1': $(cat said)"
}

# ---- 5 000 that are idle, as far as the machine lets one have them ----

n=5000
ulimit -n "$(ulimit -Hn)"
room=$(($(ulimit -n) - 300))
((n < room)) || n=$room
[[ -z ${INRO_TEST_SANITIZE:-} ]] || n=300
start_server --idle-seconds 300
before=$(rss)
mkfifo hold
idle "$n" <hold >said 2>&1 &
client=$!
pids+=("$client")
exec 8>hold
ends "open $n"
(($(metric inro_http_connections) >= n)) || fail "connections: $(metric inro_http_connections)"
for _ in {1..20}; do
	[[ $(curl -sS --max-time 5 --cacert root.pem "$https/healthz" | jq -r .status) == ok ]] || fail "a client that works does not"
done
after=$(rss)
echo "$n idle TLS connections: RSS $((before / 1024)) MiB -> $((after / 1024)) MiB, $(((after - before) / n)) KiB each"
exec 8>&-
ends "alive $((n / 100))"
wait "$client" || fail "idle connections: $(cat said)"
stop_server

# ---- peers that vanish, or never begin ----

start_server --idle-seconds 2
mkfifo hold2
idle vanish <hold2 >said 2>&1 &
client=$!
pids+=("$client")
exec 8>hold2
ends left
all_gone() { (($(metric inro_http_connections) <= 1)); }
within_time all_gone || fail "half-open connections stay: $(metric inro_http_connections)"
kill -0 "$client" || fail "the client is gone"
[[ $(ask /healthz | jq -r .status) == ok ]] || fail "no health beside half-open connections"
exec 8>&-
wait "$client" || fail "peers that vanish: $(cat said)"
stop_server
