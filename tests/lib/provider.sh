# shellcheck shell=bash
# provider - what the tests of the OpenSSL provider share: a token of each module at hand, its keys.
#
# A test sources lib/shell.sh, then this, defines check_module() and ends with:  each_module
#   provider   the arguments that make openssl use ours and the default provider
#   module     the Cryptoki module under test: ours, then SoftHSM as a stranger when it is installed
#   uri LABEL [REST]      the private key of that label
#   make_token LABEL      a token with PIN 123456, of ours in a TPM if the tests are to have it there (shell.sh)
#   make_key TOKEN TYPE LABEL ID [--usage-USE ...]
#   must_fail 'REGEX' CMD ...  the command must fail and say something like it

provider=(-provider-path "$B/lib" -provider inro -provider default)
so_pin=87654321
pin=123456
softhsm=/usr/lib/softhsm/libsofthsm2.so

uri() {
	printf 'pkcs11:token=line1;object=%s;type=private%s' "$1" "${2:-}"
}

p11() {
	foreign pkcs11-tool --module "$module" "$@"
}

make_token() {
	local slot
	if [[ -n $tcti && $module == "$B/lib/inro-pkcs11.so" ]]; then
		INRO_SO_PIN=$so_pin must inro token create "$1" >/dev/null
		return
	fi
	slot=$(p11 -L 2>/dev/null | sed -n 's/^Slot [0-9]* (\(0x[0-9a-f]*\)).*/\1/p' | tail -1)
	must p11 --slot "$((slot))" --init-token --label "$1" --so-pin "$so_pin" >/dev/null
	must p11 --token-label "$1" --init-pin --login --login-type so --so-pin "$so_pin" \
		--new-pin "$pin" >/dev/null
}

make_key() { # TOKEN TYPE LABEL ID [--usage-... ...]
	must p11 --token-label "$1" --login --pin "$pin" --keypairgen --key-type "$2" --label "$3" \
		--id "$4" "${@:5}" >/dev/null
}

# A certificate that the key signed itself, in $3.
make_cert() {
	must ossl req -x509 -key "$1" -subj "/CN=$2" -days 7 -addext 'subjectAltName=DNS:localhost' \
		-out "$3" >/dev/null
}

# openssl with the provider: ossl COMMAND ARGUMENTS.
ossl() {
	local command=$1
	shift
	foreign openssl "$command" "${provider[@]}" "$@"
}

# A server on a port of its own; the port is in $port.
serve() { # CMD ...
	rm -f server.log
	background server.log "$@"
	wait_for '^ACCEPT .*:[0-9]+$' server.log
	# shellcheck disable=SC2034 # for the tests
	port=$(sed -n 's/^ACCEPT.*:\([0-9]*\)$/\1/p' server.log)
}

must_fail() {
	local regex=$1 status=0
	shift
	"$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
	[[ $status -gt 0 && $status -lt 124 ]] || fail "status $status of: $*"
	cat "$T/out" "$T/err" >"$T/said"
	grep -qE -- "$regex" "$T/said" || fail "$(cat "$T/said") is not like '$regex': $*"
}

use_softhsm() {
	mkdir "$T/softhsm"
	printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' \
		"$T/softhsm" >"$T/softhsm.conf"
	export SOFTHSM2_CONF=$T/softhsm.conf
}

each_module() {
	local tried=
	use_softhsm
	for module in "$B/lib/inro-pkcs11.so" "$softhsm"; do
		[[ -e $module ]] || continue
		# A sanitizer's runtime and SoftHSM's C++ don't meet in one process.
		[[ $module == "$softhsm" && -n ${runtime:-} ]] && continue
		tried+="$module "
		export INRO_MODULE=$module INRO_PIN=$pin
		mkdir "$T/work"
		cd "$T/work" || exit
		check_module
		cd "$T" || exit
		rm -rf "$T/work"
	done
	[[ -n $tried ]] || fail "no Cryptoki module to test with"
	echo "passed over: $tried"
}
