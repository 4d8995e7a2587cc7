#!/usr/bin/env bash
# PINs typed at a terminal: not shown, asked twice when new, and given up with ^C.
. "$INRO_TEST_SOURCE/tests/lib/shell.sh"

# typed LINES CMD ...: the command on a terminal of its own, these bytes typed.
typed() {
	local lines=$1 status=0
	shift
	{
		sleep 0.5
		printf '%b' "$lines"
		sleep 1
	} | timeout 20 script -qec "$(printf '%q ' "$@")" /dev/null >"$T/screen" 2>&1 || status=$?
	return "$status"
}

typed '87654321\n87654321\n123456\n123456\n' "$B/bin/inro" token create line1 ||
	fail "no token by typed PINs: $(cat "$T/screen")"
grep -q "SO PIN of token 'line1'" "$T/screen" || fail "no question: $(cat "$T/screen")"
grep -q "the same again" "$T/screen" || fail "a new PIN is not asked for twice"
grep -qE '87654321|123456' "$T/screen" && fail "a PIN is on the screen: $(cat "$T/screen")"

typed '123456\n' "$B/bin/inro" key generate --token line1 --label a || fail "$(cat "$T/screen")"
typed '12345x\x7f6\n' "$B/bin/inro" key generate --token line1 --label b || fail "backspace: $(cat "$T/screen")"
typed 'wrong\x15123456\n' "$B/bin/inro" key generate --token line1 --label c || fail "^U: $(cat "$T/screen")"

if typed '123456\x03' "$B/bin/inro" key generate --token line1 --label d; then
	fail "^C made a key"
fi
grep -q 'no PIN was typed' "$T/screen" || fail "^C says: $(cat "$T/screen")"
if typed '1111111\n2222222\n' "$B/bin/inro" token create line2; then
	fail "two PINs that differ were taken"
fi
grep -q 'differ' "$T/screen" || fail "it does not say that they differ: $(cat "$T/screen")"
[[ $(inro token list --json | grep -c '"label"') == 1 ]] || fail "a token was made by half"
