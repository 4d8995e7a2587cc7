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
#   partly 'REGEX' CMD ...          the same with status 1 where some of many were done: its output is in $T/out
#   background LOG CMD ...          starts a server, its pid in $pid; ended with the test
#   until_true CMD ...              waits until CMD succeeds
#   wait_for 'REGEX' FILE           waits until a line of the file is like it
#   CMD | has [OPTION ...] REGEX    as grep -q, but reads all that comes: who writes to a grep -q that has found what it
#                                   looks for may end by SIGPIPE, which is a failure here, now and then
#
# What is waited for comes at once, or late on a loaded machine: $patience says for how many seconds at most.
#
# With INRO_TEST_TPM=libtpms, swtpm-unix or swtpm-tcp every token that `inro token create` makes is in a TPM of
# the test's own ($tcti names it); at the end nothing of ours may be left in it.

set -euo pipefail

# Nobody is there to be asked, also where a person started the test.
[[ ! -t 0 ]] || exec </dev/null

B=${INRO_TEST_BUILD:?is set by ctest: the build folder}
# shellcheck disable=SC2034 # for the tests
S=${INRO_TEST_SOURCE:?is set by ctest: the source folder}
T=$(mktemp -d "${TMPDIR:-/tmp}/inro-test.XXXXXX")
export INRO_HOME=$T/home
unset INRO_PIN INRO_SO_PIN INRO_NEW_PIN INRO_DB INRO_CONFIG INRO_MODULE INRO_DEBUG OPENSSL_CONF
pids=()

finish() {
	local status=$1 p
	for p in "${pids[@]}"; do
		kill "$p" 2>/dev/null || true
		wait "$p" 2>/dev/null || true
	done
	rm -rf "$T"
	exit "$status"
}

# What a swtpm still holds after the test: no transient object, no session.
tpm_is_empty() {
	local what
	[[ -n ${swtpm_tcti:-} ]] || return 0
	for what in transient loaded-session saved-session; do
		[[ -z $(tpm2_getcap -T "$swtpm_tcti" "handles-$what" 2>&1) ]] ||
			fail "left in the TPM ($what): $(tpm2_getcap -T "$swtpm_tcti" "handles-$what" 2>&1)"
	done
}
at_end() {
	local status=$?
	if [[ $status == 0 ]]; then
		(trap - EXIT && tpm_is_empty) || status=1
	fi
	finish "$status"
}
trap at_end EXIT
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

tcti=
inro() {
	if [[ -n $tcti && ${1:-} == token && ${2:-} == create ]]; then
		"$B/bin/inro" "$@" --backend tpm --tcti "$tcti"
	else
		"$B/bin/inro" "$@"
	fi
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

partly() {
	local regex=$1 status=0
	shift
	"$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
	[[ $status == 1 ]] || fail "status $status, not 1: $* ($(cat "$T/err"))"
	[[ $(wc -l <"$T/err") == 1 && $(cat "$T/err") =~ $regex ]] || fail "'$(cat "$T/err")' is not like '$regex': $*"
	[[ -s $T/out ]] || fail "done in part, but nothing is said of it: $*"
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

patience=60

# within_time CMD ...: until CMD succeeds, or the time is over.
within_time() {
	local end=$((SECONDS + patience))
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

until_true() {
	within_time "$@" || fail "never true: $* ($(cat said 2>&1))"
}

wait_for() {
	within_time grep -qsE -- "$1" "$2" || fail "'$1' does not come in $2: $(cat "$2")"
}

has() {
	grep -c "$@" >"$T/has" # with /dev/null for its output grep would stop at the first line, too
}

# listens PORT: somebody does, at 127.0.0.1; he does not notice.
listens() {
	grep -qi "^ *[0-9]*: 0100007F:$(printf %04X "$1") 00000000:0000 0A " /proc/net/tcp
}

listens_or_ended() { # PORT PID
	listens "$1" || ! kill -0 "$2" 2>/dev/null
}

# A swtpm of the test's own: start_swtpm unix|tcp; $tcti names it for us, $swtpm_tcti for tpm2-tools.
start_swtpm() {
	local port i
	mkdir -p "$T/swtpm"
	if [[ $1 == unix ]]; then
		background "$T/swtpm.log" swtpm socket --tpm2 --tpmstate "dir=$T/swtpm" \
			--server "type=unixio,path=$T/tpm.sock" --ctrl "type=unixio,path=$T/tpm.sock.ctrl" \
			--flags not-need-init,startup-clear
		tcti=swtpm:path=$T/tpm.sock
		until_true test -S "$T/tpm.sock"
	else
		for ((i = 0; i < 20; i++)); do
			port=$((20000 + RANDOM % 12000))
			! listens "$port" || continue
			background "$T/swtpm.log" swtpm socket --tpm2 --tpmstate "dir=$T/swtpm" \
				--server "type=tcp,port=$port,bindaddr=127.0.0.1" \
				--ctrl "type=tcp,port=$((port + 1)),bindaddr=127.0.0.1" --flags not-need-init,startup-clear
			until_true listens_or_ended "$port" "$pid"
			! kill -0 "$pid" 2>/dev/null || break
		done
		tcti=swtpm:host=127.0.0.1,port=$port
	fi
	kill -0 "$pid" 2>/dev/null || fail "swtpm does not run: $(cat "$T/swtpm.log")"
	swtpm_tcti=$tcti
	# shellcheck disable=SC2034 # for the tests
	swtpm_pid=$pid
}

case ${INRO_TEST_TPM:-} in
'') ;;
libtpms) tcti=libtpms: ;;
swtpm-*)
	command -v swtpm tpm2_getcap >/dev/null || skip "swtpm or tpm2-tools is not installed: tools/check installs them"
	start_swtpm "${INRO_TEST_TPM#swtpm-}"
	;;
*) fail "INRO_TEST_TPM=$INRO_TEST_TPM is none of libtpms, swtpm-unix, swtpm-tcp" ;;
esac
