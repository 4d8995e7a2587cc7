#!/usr/bin/env bash
# The agent's two programs, as they are installed, take 2 MB of a device's disk at most.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
command -v strip >/dev/null || skip "strip is not installed"
cd "$T"
sum() { # FOLDER
	local p total=0
	for p in inro inro-agent; do
		strip -o "$p" "$1/$p" || fail "strip $1/$p"
		total=$((total + $(stat -c %s "$p")))
	done
	echo "$1: $total"
	((total <= 2000000)) || fail "the agent takes $total bytes: $(ls -l inro inro-agent)"
}
sum "$B/bin"
release=$INRO_TEST_SOURCE/build/release/bin
[[ ! -x $release/inro || ! -x $release/inro-agent ]] || sum "$release"
