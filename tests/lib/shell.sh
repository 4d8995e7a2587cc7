# shellcheck shell=bash
# shell - what the shell tests share: a folder of their own, servers that end with them, and checks.
#
# A test sources this first:  . "$INRO_TEST_SOURCE/tests/lib/shell.sh" || exit 1
#   T          a fresh folder, removed at the end; INRO_HOME is $T/home
#   B          the build folder: $B/bin, $B/lib
#   inro ...   the program under test
#   foreign CMD ...  a program of others that loads our modules (under a sanitizer they need its runtime)
#   must CMD ...     fails the test when the command fails
#   refused STATUS 'REGEX' CMD ...  the command must end with this status and one line on stderr
#   background LOG CMD ...          starts a server, its pid in $pid; ended with the test

set -euo pipefail

B=${INRO_TEST_BUILD:?is set by ctest: the build folder}
# shellcheck disable=SC2034 # for the tests
S=${INRO_TEST_SOURCE:?is set by ctest: the source folder}
T=$(mktemp -d "${TMPDIR:-/tmp}/inro-test.XXXXXX")
export INRO_HOME=$T/home
unset INRO_PIN INRO_SO_PIN INRO_NEW_PIN INRO_DB INRO_CONFIG INRO_MODULE INRO_DEBUG OPENSSL_CONF
pids=()

finish() {
	local status=$? p
	for p in "${pids[@]}"; do
		kill "$p" 2>/dev/null || true
		wait "$p" 2>/dev/null || true
	done
	rm -rf "$T"
	exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

fail() {
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

# skip REASON: what this test needs is not here; ctest shows it as skipped.
skip() {
	printf 'skipped: %s\n' "$*"
	exit 77
}

inro() {
	"$B/bin/inro" "$@"
}

runtime=
if [[ ${INRO_TEST_SANITIZE:-} == *address* ]]; then
	runtime=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)
fi

foreign() {
	if [[ -n $runtime ]]; then
		LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-} "$@"
	else
		"$@"
	fi
}

must() {
	local status=0
	"$@" >"$T/out" 2>"$T/err" || status=$?
	[[ $status == 0 ]] || {
		cat "$T/out" "$T/err" >&2
		fail "status $status of: $*"
	}
	cat "$T/out"
}

refused() {
	local want=$1 regex=$2 status=0
	shift 2
	"$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
	[[ $status == "$want" ]] || fail "status $status, not $want: $* ($(cat "$T/err"))"
	[[ $(wc -l <"$T/err") == 1 ]] || fail "not one line on stderr: $* ($(cat "$T/err"))"
	[[ ! -s $T/out ]] || fail "refused, but there is output: $*"
	[[ $(cat "$T/err") =~ $regex ]] || fail "'$(cat "$T/err")' is not like '$regex': $*"
}

background() {
	local log=$1
	shift
	"$@" >"$log" 2>&1 &
	pid=$!
	pids+=("$pid")
	# a test that ctest kills for its time can't clean up
	(while kill -0 $$; do sleep 1; done; kill "$pid") >/dev/null 2>&1 &
	pids+=("$!")
}

# wait_for 'REGEX' FILE: until a line of the file is like it, 10 seconds at most.
wait_for() {
	local i
	for ((i = 0; i < 100; i++)); do
		grep -qE -- "$1" "$2" 2>/dev/null && return
		sleep 0.1
	done
	cat "$2" >&2
	fail "'$1' does not come in $2"
}
