#!/usr/bin/env bash
# PINs typed at a terminal: not shown, asked twice when new, and given up with ^C.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

asked() { # N: more than so many prompts are on the screen
	[[ $(grep -o ': ' "$T/screen" | wc -l) -gt $1 ]]
}

# typed ANSWER ... -- CMD ...: the command on a terminal of its own; each answer is typed when one
# more prompt ("...: ") has come on the screen.
typed() {
	local status=0 answers=() terminal i
	while [[ $1 != -- ]]; do
		answers+=("$1")
		shift
	done
	shift
	rm -f "$T/keys" "$T/screen"
	mkfifo "$T/keys"
	timeout "$patience" script -qec "$(printf '%q ' "$@")" /dev/null <"$T/keys" >"$T/screen" 2>&1 &
	terminal=$!
	exec 8>"$T/keys"
	for ((i = 0; i < ${#answers[@]}; i++)); do
		within_time asked "$i" || true # the program asks no more: the test tells what it has said
		printf '%b' "${answers[i]}" >&8
	done
	wait "$terminal" || status=$?
	exec 8>&-
	return "$status"
}

seen() {
	grep -qF -- "$1" "$T/screen" || fail "'$1' is not on the screen: $(cat "$T/screen")"
}

typed '87654321\n' '87654321\n' '123456\n' '123456\n' -- "$B/bin/inro" token create line1 ||
	fail "no token by typed PINs: $(cat "$T/screen")"
seen "SO PIN of token 'line1': "
seen "the same again: "
grep -qE '87654321|123456' "$T/screen" && fail "a PIN is on the screen: $(cat "$T/screen")"

key=("$B/bin/inro" key generate --token line1 --label)
typed '123456\n' -- "${key[@]}" a || fail "$(cat "$T/screen")"
typed '12345x\x7f6\n' -- "${key[@]}" b || fail "backspace: $(cat "$T/screen")"
typed 'wrong\x15123456\n' -- "${key[@]}" c || fail "^U: $(cat "$T/screen")"

if typed '123456\x03' -- "${key[@]}" d; then
	fail "^C made a key"
fi
seen 'no PIN was typed'
if typed '1111111\n' '2222222\n' -- "$B/bin/inro" token create line2; then
	fail "two PINs that differ were taken"
fi
seen 'differ'
[[ $(inro token list --json | grep -c '"label"') == 1 ]] || fail "a token was made by half"

# Backspace takes a whole character of UTF-8 away.
must env INRO_PIN=hééé12 INRO_SO_PIN=87654321 "$B/bin/inro" token create accents
accents=("$B/bin/inro" key generate --token accents --label)
typed 'hé\xc3\xbc\x7féé12\n' -- "${accents[@]}" a || fail "backspace over two bytes: $(cat "$T/screen")"

# ---- a person is asked before a token or a key is gone ----

export INRO_SO_PIN=87654321
if typed 'no\n' -- "$B/bin/inro" token delete line1; then
	fail "deleted without a yes"
fi
seen "that removes token 'line1' for good, with 3 private keys; go on? Type yes: "
if typed 'n\n' -- env INRO_PIN=123456 "$B/bin/inro" key delete 'pkcs11:token=line1;object=a'; then
	fail "deleted without a yes"
fi
seen "that deletes 'a' of token 'line1' for good; go on?"
typed 'yes\n' -- env INRO_PIN=123456 "$B/bin/inro" key delete 'pkcs11:token=line1;object=a' || fail "$(cat "$T/screen")"
typed -- env INRO_PIN=123456 "$B/bin/inro" key delete 'pkcs11:token=line1;object=b' -y || fail "$(cat "$T/screen")"
[[ $(inro key list --token line1 --json | grep -c '"label"') == 1 ]] || fail "$(inro key list)"
must inro token delete accents </dev/null # a program is not asked
typed 'yes\n' -- "$B/bin/inro" token delete line1 || fail "$(cat "$T/screen")"
seen 'with 1 private key; go on?'
[[ $(inro token list --json) == '[]' ]] || fail "$(inro token list)"
unset INRO_SO_PIN

# ---- asked before much is done ----

must inro device add d1
must inro device add d2
all=("$B/bin/inro" job start delete --where '')
if typed 'y\n' -- "${all[@]}"; then
	fail "y was taken for yes"
fi
seen "not 'yes'; nothing was done"
[[ $(inro device list --json | grep -c '"id"') == 2 ]] || fail "deleted without a yes"
typed 'yes\n' -- "${all[@]}" || fail "$(cat "$T/screen")"
seen 'go on? Type yes: '
must inro device list --all --json >"$T/left"
[[ $(grep -c '"state": "deleted"' "$T/left") == 2 ]] || fail "not deleted: $(cat "$T/left")"
