#!/usr/bin/env bash
# inro psk hand-out, killed: no key that is valid, and recorded as a hash alone, is lost.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
cd "$T" || exit
export INRO_PIN=123456 INRO_SO_PIN=87654321

must inro setting set policy '{"psk":{"store":"hash"}}' >/dev/null
{
	echo id
	for ((i = 1; i <= 1500; i++)); do echo "d$i"; done # more than are done before the kill
} >fleet.csv
must inro device import fleet.csv >/dev/null

lines() { # FILE: how many; 0 while it is not there
	[[ -f $1 ]] && wc -l <"$1" || echo 0
}
at_least() { (($(lines "$1") >= $2)); }

# Three times: at the first key, and later ones.
for round in 1 2 3; do
	"$B/bin/inro" psk hand-out --all --out "keys$round" >/dev/null 2>&1 & # itself, and no shell around it
	worker=$!
	until_true at_least "keys$round.part" $((round * 3 - 2))
	kill -9 "$worker"
	wait "$worker" 2>/dev/null || true
	[[ ! -e keys$round ]] || fail "round $round: it was over before"
	[[ $(stat -c %a "keys$round.part") == 600 ]] || fail "others may read the keys"
	refused 1 "keys$round.part' is what a run that was cut short has left" inro psk hand-out --all --out "keys$round"
done

# The rest; what was made before is told as a hash.
partly "could not be done; their lines in rest say why" inro psk hand-out --all --out rest
[[ ! -e rest.part ]] || fail "the file of a whole run is left"
[[ $(lines rest) == 1500 ]] || fail "not a line for each device: $(lines rest)"
grep -h '"psk":' keys1.part keys2.part keys3.part rest >all
# In the order of the list: the devices of the runs that were killed, and the one that each was at.
cut_short=$(cat keys1.part keys2.part keys3.part | wc -l)
head -n $((cut_short + 3)) rest | sed 's/.*"device":"\([^"]*\)".*/\1/' >ids
while read -r id <&3; do
	good=
	while read -r key; do
		printf '%s\n' "$key" >key
		inro psk verify "$id" --psk-source key >/dev/null 2>&1 && good=yes
	done < <(grep "\"device\":\"$id\"," all | sed 's/.*"psk":"\([^"]*\)".*/\1/')
	[[ $good ]] || fail "the key of $id is nowhere"
done 3<ids
# a key more than devices in each file of a run that was killed, at most
(($(lines all) <= 1503)) || fail "$(lines all) keys for 1500 devices"
