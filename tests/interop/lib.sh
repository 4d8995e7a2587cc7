# shellcheck shell=bash
# lib - what the tests with programs of others share: a token of our module, and the how-tos.
#
# A test sources lib/shell.sh, then this; it is then in $T, with a token t1 (PIN 123456, in INRO_PIN) in INRO_HOME.
#   module          our module's path
#   p11 ...         pkcs11-tool on it;  user ...  the same, logged in to t1
#   uri LABEL       the private key of that label
#   same_key A B    both PEM files are the same public key
#   need CMD ...    skips the test when a program is not installed
#   howto FILE      runs every ```sh block of docs/howto/FILE in one shell, which stops at the first
#                   command that fails; functions that the test exports are what the commands call

so_pin=87654321
pin=123456
module=$B/lib/inro-pkcs11.so

need() {
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null || skip "$c is not installed: tools/check installs it"
	done
}

p11() {
	foreign pkcs11-tool --module "$module" "$@"
}

user() {
	p11 --token-label t1 --login --pin "$pin" "$@"
}

uri() {
	printf 'pkcs11:token=t1;object=%s;type=private' "$1"
}

same_key() {
	local a b
	a=$(openssl pkey -pubin -in "$1" -outform DER | sha256sum)
	b=$(openssl pkey -pubin -in "$2" -outform DER | sha256sum)
	[[ $a == "$b" ]] || fail "$1 and $2 are not the same key"
}

howto() {
	awk '/^```/ { on = $0 == "```sh"; next } on' "$S/docs/howto/$1" >"$T/howto.sh"
	[[ -s $T/howto.sh ]] || fail "docs/howto/$1 has no commands"
	# an agent that the commands started ends with them
	sed -i '1i trap '"'"'[[ -z ${SSH_AGENT_PID:-} ]] || kill "$SSH_AGENT_PID"'"'"' EXIT' "$T/howto.sh"
	PATH=$B/bin:$PATH MODULE=$module bash -euo pipefail "$T/howto.sh" >"$T/howto.out" 2>"$T/howto.err" ||
		fail "docs/howto/$1: $(cat "$T/howto.out" "$T/howto.err")"
}

cd "$T" || exit
export INRO_PIN=$pin
INRO_SO_PIN=$so_pin must inro token create t1 >/dev/null
