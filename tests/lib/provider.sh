# shellcheck shell=bash
# provider - what the tests of the OpenSSL provider share: a token of each module at hand, its keys.
#
# A test sources lib/shell.sh, then this, defines check_module() and ends with:  each_module
#   provider   the arguments that make openssl use ours and the default provider
#   module     the Cryptoki module under test, $module_name its name: inro, softhsm or tpm2-pkcs11
#   can WHAT   whether the module has what lacking.txt lists; what it lacks is printed at the end
#   uri LABEL [REST]      the private key of that label
#   make_token LABEL      a token with PIN 123456, of ours in a TPM if the tests are to have it there (shell.sh)
#   make_key TOKEN TYPE LABEL ID [--usage-USE ...]
#   must_fail 'REGEX' CMD ...  the command must fail and say something like it
#
# INRO_TEST_MODULE is a list of the modules to be tested; without it these are ours and, but for runs in
# a TPM, SoftHSM.  ctest has an entry for each (inro_module_script_test).

provider=(-provider-path "$B/lib" -provider inro -provider default)
so_pin=87654321
pin=123456
softhsm=/usr/lib/softhsm/libsofthsm2.so

declare -A module_paths=(
	[inro]=$B/lib/inro-pkcs11.so
	[softhsm]=$softhsm
	[tpm2-pkcs11]=$(compgen -G '/usr/lib/*/pkcs11/libtpm2_pkcs11.so' || true)
)

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
	# tpm2-pkcs11 leaves an object behind where it makes a token; nothing is left in the tests' way, or is later.
	[[ $module_name != tpm2-pkcs11 ]] || must tpm2_flushcontext -T "$TPM2_PKCS11_TCTI" -t
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

# A TPM that forgives wrong PINs: here they are meant.
use_tpm2_pkcs11() {
	local ours=$tcti
	command -v swtpm tpm2_dictionarylockout >/dev/null || skip "swtpm or tpm2-tools is not installed: tools/check installs them"
	start_swtpm unix
	tcti=$ours # only tpm2-pkcs11's tokens are in this one
	must tpm2_dictionarylockout -T "$swtpm_tcti" --setup-parameters --max-tries=10000 --recovery-time=1 \
		--lockout-recovery-time=1
	mkdir "$T/tpm2-pkcs11"
	export TPM2_PKCS11_STORE=$T/tpm2-pkcs11 TPM2_PKCS11_TCTI=$swtpm_tcti
}

can() { # WHAT
	local who=$module_name
	[[ $who != inro || -z $tcti ]] || who=inro-tpm
	! grep -E "^$who  *$1 " "$S/tests/lib/lacking.txt" >>"$T/lacking"
}

# A sanitizer's runtime and SoftHSM's C++ don't meet in one process.
goes() { # NAME
	[[ -n ${module_paths[$1]} && -e ${module_paths[$1]} ]] || return 1
	[[ $1 == inro || -z ${runtime:-} ]]
}

each_module() {
	local tried='' default='inro softhsm'
	[[ -z $tcti ]] || default=inro # the TPM is for ours
	: >"$T/lacking"
	use_softhsm
	for module_name in ${INRO_TEST_MODULE:-$default}; do
		goes "$module_name" || continue
		[[ $module_name != tpm2-pkcs11 ]] || use_tpm2_pkcs11
		module=${module_paths[$module_name]}
		tried+="$module_name "
		export INRO_MODULE=$module INRO_PIN=$pin
		mkdir "$T/work"
		cd "$T/work" || exit
		check_module
		cd "$T" || exit
		rm -rf "$T/work"
	done
	[[ -n $tried ]] || skip "not installed, or not for a sanitizer: ${INRO_TEST_MODULE:-any module}"
	echo "tested with: $tried"
	sort -u "$T/lacking" | sed 's/^\([^ ]*\)  *[^ ]*  */passed over: \1 /'
}
