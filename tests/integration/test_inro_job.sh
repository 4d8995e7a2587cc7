#!/usr/bin/env bash
# Jobs by the command: what is said, what is refused, bad rows in a file, killed and resumed.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

command -v jq >/dev/null || skip "jq is not installed"
cd "$T"
{ echo 'id,name,ip'; for i in {1..900}; do echo "d$i,device $i,192.0.2.1"; done; } >in.csv
echo 'of another day' >in.csv.errors
must inro job start register --in in.csv >said
grep -qE '^job 1 \(register\) is done: 900 rows done, 0 were so already, 0 could not be; [0-9.]+ s, [0-9]+ a second$' said || fail "$(cat said)"
[[ ! -e in.csv.errors ]] || fail "errors of nothing"
printf '{"id": "d1", "name": "プレス"}\n{"id": "nobody"}\n{"id": "d2", "ip": "x"}\n' >more.jsonl
! inro job start update --in more.jsonl >said 2>err || fail "bad rows, and status 0"
grep -q '2 rows could not be done; .*more.jsonl.errors says why' err || fail "$(cat err)"
grep -q '1 row done, 0 were so already, 2 could not be' said || fail "$(cat said)"
[[ $(cut -f 1,2 more.jsonl.errors | tr '\t\n' ' ;') == 'line 2 INRO_E_NOT_FOUND;line 3 INRO_E_ARG;' ]] || fail "$(cat more.jsonl.errors)"
[[ $(inro job errors 2 --json | grep -c '"reason"') == 2 ]] || fail "$(inro job errors 2)"
inro device show d1 | has 'プレス' || fail "not updated"

refused 1 "there are register" inro job start polish --where ''
refused 1 "takes no --where" inro job start register --where ''
refused 1 "give one of --where CONDITIONS and --in FILE" inro job start delete
refused 1 "needs --in" inro job start update
refused 2 "is no job's number" inro job show x
refused 1 "no job 99" inro job resume 99
refused 1 "can't start a job that is done" inro job resume 1
refused 1 "can't cancel a job that is done" inro job cancel 1

must inro job start disable --where 'name^=device' --why maintenance --json >said
grep -q '"done": 899' said || fail "$(cat said)"
[[ $(inro device history d2 | grep -c maintenance) == 1 ]] || fail "$(inro device history d2)"

# Killed early and late, then resumed.
for delay in 0.02 0.06 0.1; do
	"$B/bin/inro" job start delete --where 'state=disabled' --why gone >/dev/null 2>&1 &
	pid=$!
	sleep "$delay"
	kill -9 "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
done
for job in $(inro job list --json | sed -n 's/^.*"id": \([0-9]*\),*$/\1/p'); do
	case $(inro job show "$job" --json | sed -n 's/^.*"state": "\([a-z]*\)".*$/\1/p') in
	queued | running | failed) must inro job resume "$job" ;;
	esac
done
must inro job start delete --where 'state=disabled' --why gone
[[ $(inro audit list --json | grep -c '"device.delete"') == 899 ]] || fail "a device was deleted twice, or never"
must inro job list >all_jobs
! grep -qE 'queued|running|failed' all_jobs || fail "$(cat all_jobs)"
must inro audit verify
must inro db check

# ^C stops behind the rows that are under way, says how to go on, and ends the program as ^C does.
{ echo 'id'; seq -f 'many-%.0f' 1 20000; } >many.csv
last=$(inro job list --json | jq '[.[].id] | max')
is_under_way() { inro job list --state running --json | jq -e --argjson last "$last" 'any(.[]; .id > $last and .done > 0)' >/dev/null; }
status=0
env --default-signal=INT "$B/bin/inro" job start register --in many.csv >said 2>err &
pid=$!
until_true is_under_way
kill -INT "$pid"
wait "$pid" || status=$?
[[ $status == 130 ]] || fail "^C ends a job with $status: $(cat said err)"
job=$(sed -nE "s/^inro: interrupted; job ([0-9]+) stopped after [0-9]+ rows, 'inro job resume \1' goes on$/\1/p" err)
[[ -n $job && $(wc -l <err) == 1 && ! -s said ]] || fail "it does not say how to go on: $(cat said err)"
must inro job resume "$job" >said
grep -q "^job $job (register) is done: 20000 rows done" said || fail "$(cat said)"
