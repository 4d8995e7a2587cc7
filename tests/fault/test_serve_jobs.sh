#!/usr/bin/env bash
# A job with rows over the network, two servers on one PostgreSQL: the one that does it is killed, the other goes on, and no row is
# done twice or left out.
. "$INRO_TEST_SOURCE/tests/lib/shell.sh"
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
. "$INRO_TEST_SOURCE/tests/lib/postgres.sh"
cd "$T"
for p in curl jq openssl; do command -v $p >/dev/null || skip "$p is not installed"; done
start_postgres office || skip "PostgreSQL is not installed: tools/check installs it"
INRO_DB=${pg_urls[0]}
export INRO_DB
make_office
export INRO_NEW_PASSWORD='correct horse battery'
must inro user add alice --role administrator >/dev/null
export INRO_AS=alice INRO_PASSWORD=$INRO_NEW_PASSWORD
auth="Authorization: Bearer $(must inro user token add alice --role operator --json | jq -r .token)"
start_server --workers 2
urls=("$https") server_pids=("$server_pid")
start_server --workers 2
urls+=("$https") server_pids+=("$server_pid")

rows=9000
{
	echo id,name
	for ((i = 0; i < rows; i++)); do echo "j-$i,bulk"; done
} >rows.csv
asks() { # URL ARG ...
	curl -sS --max-time 20 --cacert root.pem -H "$auth" "$@"
}
began=$(date +%s%N)
job=$(asks -H 'Content-Type: text/csv' --data-binary @rows.csv "${urls[0]}/v1/jobs?kind=register" | jq -r .id)
[[ $job == [0-9]* ]] || fail "no job: $job"
echo "answered after $((($(date +%s%N) - began) / 1000000)) ms"
shows() { asks "${urls[1]}/v1/jobs/$job" | jq -r "$1" || true; }
by=
for ((i = 0; i < 300; i++)); do
	asks "${urls[i % 2]}/v1/jobs/$job" >shown
	by=$(jq -r '.by // "" | split("/")[1] // ""' shown)
	[[ -z $by || $(jq .done shown) == 0 ]] || break
	sleep 0.02
done
[[ -n $by && $(jq -r .state shown) == running ]] || fail "the job does not run, or is too soon done: $(cat shown)"
dies=0
[[ ${server_pids[1]} != "$by" ]] || dies=1
[[ ${server_pids[dies]} == "$by" ]] || fail "$by is no server of ${server_pids[*]}"
kill -9 "$by"
wait "$by" 2>/dev/null || true
((dies == 0)) || urls[1]=${urls[0]}
is_done() { [[ $(shows .state) == 'done' ]]; }
within_time is_done || fail "nobody goes on: $(shows .)"
[[ $(shows '"\(.done) \(.same) \(.failed) \(.total)"') == "$rows 0 0 $rows" ]] || fail "rows: $(shows .)"
[[ $(inro device list --where 'name=bulk' --json | jq length) == "$rows" || $(asks -H 'Accept: application/x-ndjson' "${urls[1]}/v1/devices?where=name%3Dbulk" | wc -l) == "$rows" ]] ||
	fail "not $rows devices"
n=$(asks -H 'Accept: application/x-ndjson' "${urls[1]}/v1/events?action=device.add" | wc -l)
[[ $n == "$rows" ]] || fail "$n events of $rows rows"
[[ $(asks "${urls[1]}/v1/events?subject=job:$job" | jq -r '[.items[].action] | join(" ")') == 'job.queue job.start job.stop job.resume job.finish' ]] ||
	fail "events: $(asks "${urls[1]}/v1/events?subject=job:$job")"
log=$T/serve.$((2 - dies)).log
stop_server "${server_pids[1 - dies]}"
