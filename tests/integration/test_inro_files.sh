#!/usr/bin/env bash
# Files that options name: what is written there is looked at before anything is done, and what did not get there is told.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

export INRO_PIN=123456 INRO_SO_PIN=87654321
must inro token create ca
must inro ca create root --token ca --subject "/O=Example/CN=Root"
must inro device add dev-0001
cd "$T"
mkdir odd
: >none

# ---- read ----

refused 1 "^inro: [^ ]*odd: Is a directory" inro job start register --in odd
refused 1 "^inro: [^ ]*none: the file is empty" inro job start register --in none
inro job errors 1 | has '^no row of it failed$' || fail "a job that failed as a whole: $(inro job errors 1)"

# ---- files that options name, to be written ----

printf 'id,name\ndev-1\n' >short.csv
rows=(device import short.csv)
for made in "${rows[*]} --errors" "job start register --in short.csv --errors" "audit sign --receipt" \
	"psk hand-out --all --out" "secret get --all --form raw --clear --out" "secret delete 1 --evidence" \
	"cert destroy 1 --evidence" "attest challenge none --roots odd --secret-out"; do
	# shellcheck disable=SC2086 # a command and its options
	refused 2 "not to standard output" inro $made -
	# shellcheck disable=SC2086
	refused 1 "can't be written, nothing was done: odd: Is a directory" inro $made odd
done
[[ $(inro device list --json | grep -c '"id"') == 1 ]] || fail "rows were taken all the same"
[[ ! -e - ]] || fail "there is a file called '-'"
refused 1 "bad rows: 1 of 1, but /dev/full can't be written: No space left on device; devices added: 0" \
	inro "${rows[@]}" --errors /dev/full
status=0
inro job start register --in short.csv --errors /dev/full >out 2>err || status=$?
[[ $status == 1 && $(cat err) =~ ^'inro: 1 row could not be done; '\''inro job errors 2'\'' says why, as a file can'\''t: /dev/full: No space' ]] ||
	fail "a job's bad rows that fit nowhere: $status $(cat out err)"
inro job errors 2 | has 'has 1 field, not 2' || fail "the job does not know its bad row"
status=0
inro audit sign --key 'pkcs11:token=ca;object=root' --receipt /dev/full >out 2>err || status=$?
[[ $status == 1 && $(cat err) =~ 'head 1 is signed, but --receipt is not written: /dev/full: No space' ]] ||
	fail "a receipt that fits nowhere: $status $(cat out err)"
