# shellcheck shell=bash
# commands - what the tests of the openssl commands share: a key of each kind in a token, in each form a command takes.
#
# A test sources lib/shell.sh, lib/provider.sh, then this, and calls keys_at_hand in check_module.
#   keys_at_hand KIND ...   token line1 with these keys of ec, rsa, ed25519, left out what the module lacks;
#                           $kinds are those that are there, and in the folder of the test there are for each
#                           KIND.pem and KIND.ref, references to it in PEM and DER, KIND.pub, and KIND.crt, signed by itself
#   form KIND               $src is the key in the next of its forms: the URI, the PEM, the DER in turn
#   file_key NAME KIND      NAME.key and NAME.crt: a key in a file, for the other side
#   makes_nothing FILE 'REGEX' CMD ...  the command must fail, say so, and write nothing to FILE
#   judged CMD ...          the command must succeed without the provider: it knows files only
#   verified -CAfile FILE CERT          a chain that it finds good
#
# Which form comes first differs between token and TPM, so that each command sees more of them.

declare -A key_types=([ec]=EC:prime256v1 [rsa]=rsa:2048 [ed25519]=EC:edwards25519)
declare -A key_usages=([ec]='--usage-sign --usage-derive' [rsa]='--usage-sign --usage-decrypt' [ed25519]=--usage-sign)
turn=${#tcti}
kinds=()

keys_at_hand() {
	local k id=10
	kinds=()
	make_token line1
	for k in "$@"; do
		[[ $k != ed25519 ]] || can eddsa || continue
		kinds+=("$k")
		# shellcheck disable=SC2086 # words
		make_key line1 "${key_types[$k]}" "$k" "$((id++))" ${key_usages[$k]}
		must ossl pkey -in "$(uri "$k")" -out "$k.pem"
		must ossl pkey -in "$k.pem" -outform DER -out "$k.ref"
		must ossl pkey -in "$k.pem" -pubout -out "$k.pub"
		make_cert "$k.pem" "$k" "$k.crt"
	done
	echo data >data
	echo other >other
	openssl dgst -sha256 -binary -out digest data
}

form() {
	local forms=("$(uri "$1")" "$1.pem" "$1.ref")
	# shellcheck disable=SC2034 # for the tests
	src=${forms[turn++ % 3]}
}

file_key() {
	local -A made=([ec]='ec -pkeyopt ec_paramgen_curve:P-256' [rsa]=rsa:2048 [ed25519]=ed25519)
	# shellcheck disable=SC2086 # words
	must openssl req -x509 -newkey ${made[$2]} -nodes -keyout "$1.key" -subj "/CN=$1" -days 7 -out "$1.crt"
}

makes_nothing() {
	local file=$1
	shift
	rm -f "$file"
	must_fail "$@"
	[[ ! -s $file ]] || fail "refused, but there is $file: ${*:2}"
}

judged() {
	(unset INRO_PIN INRO_MODULE INRO_HOME && must openssl "$@")
}

verified() {
	judged verify "$@" >/dev/null
}
