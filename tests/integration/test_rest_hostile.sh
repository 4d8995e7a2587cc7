#!/usr/bin/env bash
# The server keeps to its own OpenAPI document, whatever it is sent: lib/hostile_rest.py asks it by seed for what is
# described and for what nobody should ask.  INRO_TEST_SECONDS says how long, INRO_TEST_SEED by which seed.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
cd "$T"
for p in jq openssl; do command -v $p >/dev/null || skip "$p is not installed"; done
python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is not installed"
make_office
make_people
start_server

status=0
python3 -B "$S/tests/lib/hostile_rest.py" "$https" "$T" "${INRO_TEST_SECONDS:-25}" "${INRO_TEST_SEED:-1}" || status=$?
! is_gone "$server_pid" || fail "the server has ended: $(tail -3 "$log")"
stop_server
[[ $status == 0 ]] || fail "the server does not keep to its document: $(grep '"error"' "$log" | tail -3)"

must inro audit verify >/dev/null
must inro db check >/dev/null
must inro audit export --to events.jsonl >/dev/null
[[ $(wc -l <secrets) -gt 12 ]] || fail "no secrets were given out"
! grep -Ff secrets "$log" events.jsonl || fail "a secret is in the log or the audit"
! grep -F "$INRO_PASSWORD" "$log" events.jsonl || fail "a password is in the log or the audit"
! grep -E 'Sanitizer|runtime error' "$log" || fail "the server's memory"
