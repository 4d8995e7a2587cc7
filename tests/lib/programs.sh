# shellcheck shell=bash
# programs - what the tests of programs that use OpenSSL share: keys in a token, a configuration as on a machine, and
# the how-tos.
#
# A test sources lib/shell.sh, then this; it is then in $T, and there are
#   etc/            what the how-tos call /etc/inro: openssl.cnf, own.cnf, pin (the PIN of the token), ca.crt, and by make_identity
#                   NAME.crt and NAME.pem, a reference to the key in the token
#   ca.key          the CA's, a file
#   $token          the token, `web` when the test has set no other name before
#   make_identity NAME ec-p256|rsa-2048|ed25519 [SAN]   a key in the token and its certificate (default DNS:localhost,IP:127.0.0.1)
#   file_identity NAME          the same with the key in a file, etc/NAME.key: for the other side
#   need CMD ...    skips the test when a program is not installed
#   free_port       a port nobody listens on is in $port
#   howto FILE LANG [N]         the N-th (first) block ```LANG of docs/howto/FILE; /etc/inro in it is $T/etc, and each
#                               pair of words in the array `instead` (FROM TO) is replaced
#   run_howto FILE [LANG]       runs every ```sh (or ```LANG) block of docs/howto/FILE in one shell, after the same replacements; there
#                   `certify REQUEST CERTIFICATE` is what somebody's CA does, and chown and adduser do nothing
#   with_keys CMD ...           runs a program as the how-tos have it: OPENSSL_CONF and nothing else tells it of keys;
#                               `with_keys background LOG CMD ...` starts one; $configuration is openssl.cnf if not set before
#   give_rights USER            the user that a daemon runs as may read etc/ and use the tokens; nothing without root
#   without_rights USER CMD ... as that user
#   fails_with STATUS 'REGEX' CMD ...   the program ends with this status, and says something like it
#   shows_key PORT FILE [ARGUMENT ...]  who listens there shows the certificate of this file, soon;
#                               more arguments are those of s_client

so_pin=87654321
pin=123456
token=${token:-web}
instead=()
# where distributions have their daemons
PATH=$PATH:/usr/sbin:/sbin

need() {
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null || skip "$c is not installed: tools/check installs it"
	done
}

free_port() {
	local i
	for ((i = 0; i < 100; i++)); do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0
	done
	fail "no port is free"
}

certify() { # REQUEST CERTIFICATE [SAN]
	openssl x509 -req -in "$1" -CA "$T/etc/ca.crt" -CAkey "$T/ca.key" -days 2 -out "$2" \
		-extfile <(printf 'subjectAltName=%s\n' "${3:-DNS:localhost,IP:127.0.0.1}")
}

make_identity() {
	local name=$1 type=$2
	local uri="pkcs11:token=$token;object=$name;type=private"
	INRO_PIN=$pin must inro key generate --token "$token" --label "$name" --type "$type" >/dev/null
	INRO_PIN=$pin must inro csr create --key "$uri" --subject "/CN=$name" --out "$name.csr" >/dev/null
	must certify "$name.csr" "etc/$name.crt" "${@:3}" >/dev/null
	with_keys must openssl pkey -in "$uri" -out "etc/$name.pem"
	chmod 644 "etc/$name.pem"
}

file_identity() {
	must openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "etc/$1.key" -subj "/CN=$1" \
		-out "$1.csr" >/dev/null
	must certify "$1.csr" "etc/$1.crt" "${@:2}" >/dev/null
}

with_keys() {
	OPENSSL_CONF=$T/etc/${configuration:-openssl.cnf} OPENSSL_MODULES=$B/lib "$@"
}

replaced() {
	local i text
	text=$(cat)
	for ((i = 0; i < ${#instead[@]}; i += 2)); do
		text=${text//"${instead[i]}"/"${instead[i + 1]}"}
	done
	printf '%s\n' "${text//\/etc\/inro/$T/etc}"
}

howto() {
	awk -v lang="$2" -v n="${3:-1}" '/^```/ { on = $0 == "```" lang && ++seen == n; next } on' \
		"$S/docs/howto/$1" | replaced >"$T/howto.block"
	[[ $(wc -c <"$T/howto.block") -gt 1 ]] || fail "docs/howto/$1 has no such block: $2 ${3:-1}"
	cat "$T/howto.block"
}

run_howto() {
	{
		declare -p T
		declare -f certify
		printf '%s\n' 'chown() { :; }' 'adduser() { :; }' # the test's user is who it is
		awk -v lang="${2:-sh}" '/^```/ { on = $0 == "```" lang; next } on' "$S/docs/howto/$1" | replaced
	} >"$T/howto.sh"
	PATH=$B/bin:$PATH OPENSSL_MODULES=$B/lib INRO_PIN=$pin bash -euo pipefail "$T/howto.sh" >"$T/howto.out" 2>"$T/howto.err" ||
		fail "docs/howto/$1: $(cat "$T/howto.out" "$T/howto.err")"
}

cd "$T" || exit
mkdir etc
printf '%s\n' "$pin" >etc/pin
# As docs/howto/openssl-cnf.md has it, with what is installed for all programs of a machine, but for the places of this build.
{
	sed "s#^module = .*#module = $B/lib/inro.so#" "$B/share/openssl-inro.cnf"
	grep -v '^\.include ' "$B/share/openssl-inro-machine.cnf"
	printf '%s = %s\n' pkcs11-module-path "$B/lib/inro-pkcs11.so" pin "file:$T/etc/pin"
} >etc/openssl.cnf
# For programs that need more than those have.
sed '/^key-kinds = /d; /^references = /d' etc/openssl.cnf >etc/own.cnf
must openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out etc/ca.crt -days 2 -subj "/CN=ca" >/dev/null
INRO_PIN=$pin INRO_SO_PIN=$so_pin must inro token create "$token" >/dev/null

# The user that daemons run as needs the folder of the tokens, and the way to it; and the modules, which are where
# this was built: in /root, say, nobody else gets at them.
give_rights() {
	[[ $(id -u) == 0 ]] || return 0
	setpriv --reuid="$1" --regid="$(id -g "$1")" --clear-groups test -r "$B/lib/inro.so" ||
		skip "the user $1 may not read $B/lib: build in a folder that all may enter"
	chmod 711 "$T" "$T/etc"
	chown -R "$1" "$T/home" "$T/etc/pin"
}

without_rights() {
	local user=$1
	shift
	[[ $(id -u) == 0 ]] || skip "becoming $user needs root"
	give_rights "$user"
	setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
}

fails_with() {
	local want=$1 regex=$2 status=0
	shift 2
	timeout "$patience" "$@" >"$T/said" 2>&1 </dev/null || status=$?
	[[ $status == "$want" ]] || fail "status $status, not $want: $* ($(cat "$T/said"))"
	grep -qE -- "$regex" "$T/said" || fail "$(cat "$T/said") is not like '$regex': $*"
}

shows_now() {
	(openssl s_client -connect "127.0.0.1:$1" "${@:3}" </dev/null 2>/dev/null || true) >"$T/shown"
	[[ $(openssl x509 -noout -fingerprint -in "$T/shown" 2>&1) == "$(openssl x509 -noout -fingerprint -in "$2")" ]]
}

shows_key() {
	within_time shows_now "$@" || fail "not the certificate of $2 on port $1: $(cat "$T/shown")"
}
