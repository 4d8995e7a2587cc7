# shellcheck shell=bash
# web - what the tests of web servers and proxies share, which read keys as root and serve as another user.
#
# A test sources lib/shell.sh and lib/programs.sh, then this. It needs root, curl and the user
# www-data, or the one whom $user names.
#   $at, $behind    ports of its own: where the program listens, and what stands behind it
#   workers_may, workers_may_not   the user has the folder of the tokens, or not; nothing else (not the PIN's file) ever
#   gone PID                there is no such process, or nobody has asked for its status yet
#   children PID            its children, a line each
#   ends SIGNAL PID         the signal ends it with status 0, if it is a child of the test, and all its children
#   get PATH [ARGUMENT ...]        one request by curl
#   clients N TIMES CMD ... N clients at once, each with so many handshakes one by one, and CMD meanwhile; all must do
#   nothing_left            all in the folder of the tokens is the user's, whatever root has done since workers_may

need curl setpriv
[[ $(id -u) == 0 ]] || skip "workers under another user need root"
user=${user:-www-data}
id "$user" >/dev/null 2>&1 || skip "there is no user $user"
free_port
at=$port
free_port
# shellcheck disable=SC2034 # for the tests
behind=$port

workers_may() {
	chown -R "$user" "$T/home"
}

workers_may_not() {
	chown -R root "$T/home"
}

chmod 711 "$T" "$T/etc"
chmod 600 etc/pin
workers_may

gone() {
	[[ ! -e /proc/$1/stat || $(cut -d ' ' -f 3 "/proc/$1/stat" 2>/dev/null) == [ZX] ]]
}

children() {
	tr ' ' '\n' <"/proc/$1/task/$1/children" | grep . || true
}

# One of before a reload may just have ended by itself.
child_killed() {
	victim=$(children "$master" | tail -1)
	kill -9 "$victim" 2>/dev/null
}

ends() {
	local workers status=0 p
	workers=$(children "$2")
	kill -"$1" "$2"
	wait "$2" 2>/dev/null || status=$?
	[[ $status == 0 || $status == 127 ]] || fail "process $2 ended with status $status"
	for p in $2 $workers; do
		until_true gone "$p"
	done
}

get() {
	curl -sS --max-time "$patience" --cacert etc/ca.crt "${@:2}" "https://localhost:$at$1"
}

clients() {
	local i running=()
	for ((i = 0; i < $1; i++)); do
		get "/?[1-$2]" -H 'Connection: close' --no-sessionid >"client.$i" 2>&1 &
		running+=("$!")
	done
	"${@:3}"
	for ((i = 0; i < $1; i++)); do
		wait "${running[i]}" || fail "client $i: $(tail -3 "client.$i")"
		[[ $(wc -l <"client.$i") == "$2" ]] || fail "client $i has not had $2 answers"
	done
}

nothing_left() {
	[[ -z $(find "$T/home" ! -user "$user") ]] || fail "root has left $(find "$T/home" ! -user "$user" -ls)"
}
