#!/usr/bin/env bash
# inro serve's certificate ends: another one is in use without a start, when two thirds of its time are over.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
cd "$T"
for p in curl jq openssl faketime; do command -v $p >/dev/null || skip "$p is not installed"; done
[[ -z ${INRO_TEST_SANITIZE:-} ]] || skip "faketime is not for sanitizers"
lib=(/usr/lib/*/faketime/libfaketimeMT.so.1)
[[ -f ${lib[0]} ]] || skip "libfaketime is not where it is looked for"
make_office

# The server's clock is what stands in the file; what measures time spans is not touched.
echo '+0' >clock
export FAKETIME_TIMESTAMP_FILE=$T/clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1
LD_PRELOAD=${lib[0]} start_server
serial() { foreign openssl s_client -connect "${https#https://}" </dev/null 2>/dev/null | openssl x509 -noout -serial -enddate; }
serial >first
must openssl x509 -in home/serve/root.pem -noout -checkend 86400 >/dev/null
days=$((($(date -d "$(sed -n 's/notAfter=//p' first)" +%s) - $(date +%s)) / 86400))
# A connection from before goes on.
mkfifo ask
foreign openssl s_client -quiet -connect "${https#https://}" <ask >kept 2>/dev/null &
client=$!
pids+=("$client")
exec 8>ask
printf 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n' >&8
wait_for '"status":"ok"' kept

echo "+$((days / 2))d" >clock.new && mv clock.new clock # half: not yet
sleep 1.5
serial | cmp -s - first || fail "it is renewed too soon"
echo "+$((days * 3 / 4))d" >clock.new && mv clock.new clock
is_renewed() { serial >second && ! cmp -s first second; }
within_time is_renewed || fail "the certificate is the old one: $(cat "$log")"
grep -q 'another certificate is in use' "$log" || fail "it is not told: $(cat "$log")"
must faketime -f "+$((days * 3 / 4))d" openssl verify -CAfile root.pem home/serve/root.pem >/dev/null
[[ $(grep -c '"event":"certificate issued"' "$log") == 2 ]] || fail "issued: $(grep certificate "$log")"
kill -0 "$server_pid" || fail "the server was started anew"
printf 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&8
both_answers() { [[ $(grep -c '^{"status"' kept) == 2 ]]; }
within_time both_answers || fail "the connection from before is cut: $(cat kept)"
exec 8>&-
stop_server

# That was a clock that was ahead: once it is right again, nobody is shown a certificate that has not begun.
echo '+0' >clock.new && mv clock.new clock
foreign openssl verify -CAfile root.pem home/serve/root.pem >said 2>&1 && fail "it has begun: $(cat said)"
must inro db clock --accept --why 'the clock was ahead' >/dev/null
LD_PRELOAD=${lib[0]} start_server
must foreign openssl verify -CAfile root.pem home/serve/root.pem >/dev/null
stop_server
