# shellcheck shell=bash
# serve - a running `inro serve`, for the tests of what it serves.
#
# A test sources lib/shell.sh, then this.
#   make_office           a token "office" (PIN in $INRO_PIN), in it the CA "root" and the server's key "tls"; root.pem
#   make_people           the accounts alice (administrator, at work from then on), bob (operator) and carol (auditor), and
#                         pat, administrator of the tenant plant; their password is $INRO_PASSWORD
#   start_server ARG ...  `inro serve` with TLS and without at ports of its own, and these arguments;
#                         $http and $https are its URLs, $server_pid its process, its log is in $T/serve.N.log ($log);
#                         without --tls-cert or --tls-ca among them it gets its certificate from the CA root
#   stop_server [PID]     SIGTERM, and it must end well within 15 seconds
#   long_request N NAME KEY ARG ...  `openssl req` of at least so many octets, for /CN=NAME
#   ask PATH ARG ...      curl over TLS, its CA is root; the body on stdout
#   status_of ARG ...     curl; the status alone

export INRO_PIN=123456 INRO_SO_PIN=87654321
tls_key='pkcs11:token=office;object=tls;type=private'
servers=0

make_office() {
	must inro token create office >/dev/null
	must inro ca create root --subject CN=root --token office --type ec-p256 >/dev/null
	must inro key generate --token office --label tls --type ec-p256 >/dev/null
	must inro ca show root --json | jq -r .pem >"$T/root.pem"
}

make_people() {
	export INRO_NEW_PASSWORD='correct horse battery'
	must inro tenant add plant >/dev/null
	must inro user add alice --role administrator >/dev/null
	export INRO_AS=alice INRO_PASSWORD=$INRO_NEW_PASSWORD
	must inro user add bob --role operator >/dev/null
	must inro user add carol --role auditor >/dev/null
	must inro --tenant plant --as default/alice user add pat --role administrator >/dev/null
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

serves_or_is_gone() { grep -q '"url":"http://' "$log" || is_gone "$server_pid"; }

start_server() {
	local args=("$@")
	log=$T/serve.$((++servers)).log
	: >"$log"
	[[ " $* " == *' --tls-key '* ]] || args+=(--tls-key "$tls_key")
	[[ " $* " == *' --tls-c'[ea]* ]] || args+=(--tls-ca root --tls-name localhost --tls-name 127.0.0.1)
	background "$log" "$B/bin/inro" serve --listen 127.0.0.1:0 --http 127.0.0.1:0 "${args[@]}"
	server_pid=$pid
	until_true serves_or_is_gone
	! is_gone "$server_pid" || fail "the server does not start: $(cat "$log")"
	# shellcheck disable=SC2034 # for the tests
	http=$(sed -n 's/.*"url":"\(http:[^"]*\)".*/\1/p' "$log")
	https=$(sed -n 's/.*"url":"\(https:[^"]*\)".*/\1/p' "$log")
	https=${https/127.0.0.1/localhost}
}

stop_server() {
	local p=${1:-$server_pid} status=0
	kill "$p"
	within_time is_gone "$p" || fail "the server does not end: $(cat "$log")"
	wait "$p" || status=$?
	[[ $status == 0 ]] || fail "the server ended with $status: $(cat "$log")"
}

long_request() {
	local n=$1 name=$2 key=$3
	shift 3
	{
		printf '[req]\ndistinguished_name=dn\nattributes=a\nprompt=no\n[dn]\nCN=%s\n[a]\nunstructuredName=' "$name"
		head -c "$n" /dev/zero | tr '\0' a
		echo
	} >"$T/long.cnf"
	openssl req -new -config "$T/long.cnf" -key "$key" "$@"
}

ask() {
	local path=$1
	shift
	curl -sS --max-time 20 --cacert "$T/root.pem" "$@" "$https$path"
}

status_of() {
	curl -sS --max-time 20 --cacert "$T/root.pem" -o "$T/body" -w '%{http_code}\n' "$@"
}
