#!/usr/bin/env bash
# The pkcs11: store: what a URI names, where its PIN comes from, and what is said when it is not there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

count() { # WANT WHAT URI...
	local want=$1 what=$2
	shift 2
	must ossl storeutl "$@" >list
	[[ $(grep -cE "^[0-9]+: $what" list) == "$want" ]] || fail "not $want '$what' in: $* ($(cat list))"
}

pin_sources() {
	local key=line1 u
	u='pkcs11:token=line1;object=ec'
	printf '%s\n' "$pin" >pin
	printf '999999\n' >wrong
	unset INRO_PIN
	must ossl pkey -noout -in "$u?pin-source=file:$PWD/pin"
	must ossl pkey -noout -in "$u?pin-source=$PWD/pin"
	must ossl pkey -noout -in "$u?pin-value=$pin"
	must ossl pkey -noout -in "$u" -passin "pass:$pin"
	for setting in "file:$PWD/pin" "$pin"; do
		printf 'openssl_conf = i\n[i]\nproviders = p\n[p]\ninro = s\ndefault = d\n[d]\nactivate = 1\n' >cnf
		printf '[s]\npin = %s\ntoken = %s\npkcs11-module-path = %s\nactivate = 1\n' "$setting" "$key" "$module" >>cnf
		# The setting `token` stands in for a URI that names none.
		OPENSSL_CONF=$PWD/cnf OPENSSL_MODULES=$B/lib INRO_MODULE=/nowhere.so \
			must foreign openssl pkey -noout -in 'pkcs11:object=ec'
	done
	# The URI's PIN comes first, also before a right one elsewhere.
	INRO_PIN=$pin must_fail 'PIN' ossl pkey -noout -in "$u?pin-source=file:$PWD/wrong"
	INRO_PIN=$pin must ossl pkey -noout -in "$u" # a right one clears the count of wrong ones
	must_fail "token 'line1' needs its PIN: give pin-source" ossl pkey -noout -in "$u"
	credentials "$u"
	must_fail "nothere" ossl pkey -noout -in "$u?pin-source=file:$PWD/nothere"
	export INRO_PIN=$pin
}

# What is named and isn't there is an error, for storeutl as well.
finds_nothing() { # URI...
	must_fail 'no such object' ossl storeutl "$@"
	! grep -qE '^[0-9]+: ' "$T/said" || fail "found: $* ($(cat "$T/said"))"
}

# The status of a program that lists what a store has.
tells_by_status() {
	must_fail "no token 'nope'" ossl storeutl -noout 'pkcs11:token=nope'
	must_fail "unknown attribute 'tken'" ossl storeutl -noout 'pkcs11:tken=line1'
	finds_nothing -noout 'pkcs11:token=line1;object=nope'
	must_fail '2 private keys match' ossl storeutl -noout -keys 'pkcs11:token=line1'
	(
		unset INRO_PIN
		must_fail "token 'line1' needs its PIN" ossl storeutl -noout 'pkcs11:token=line1'
	)
	[[ $(grep -c 'inro:' "$T/said") == 1 ]] || fail "told more than once: $(cat "$T/said")"
}

# By what a certificate says, and by label.
looked_for() {
	local serial
	count 1 Certificate -certs -subject /CN=ec 'pkcs11:token=line1'
	finds_nothing -certs -subject /CN=other 'pkcs11:token=line1'
	serial=$(openssl x509 -in ec.crt -noout -serial)
	count 1 Certificate -certs -issuer /CN=ec -serial "0x${serial#*=}" 'pkcs11:token=line1'
	finds_nothing -certs -issuer /CN=ec -serial 0x77 'pkcs11:token=line1'
	count 1 Pkey -keys -alias rsa 'pkcs11:token=line1'
	finds_nothing -keys -alias nope 'pkcs11:token=line1'
	by_fingerprint
}

# The public key's, its bits' (the subject key identifier), the certificate's.
by_fingerprint() {
	local f
	must ossl pkey -in "$(uri rsa)" -pubout -outform DER -out rsa.der
	f=$(sha256sum <rsa.der)
	count 1 Pkey -sha256 -fingerprint "${f%% *}" 'pkcs11:token=line1'
	count 1 'Public key' -sha256 -fingerprint "${f%% *}" 'pkcs11:token=line1'
	count 1 Pkey -keys -sha256 -fingerprint "${f%% *}" 'pkcs11:'
	finds_nothing -certs -sha256 -fingerprint "${f%% *}" 'pkcs11:token=line1'
	finds_nothing -sha1 -fingerprint "${f:0:40}" 'pkcs11:token=line1'
	f=$(openssl x509 -in ec.crt -noout -ext subjectKeyIdentifier | tail -1 | tr -d ' :')
	count 1 Certificate -certs -sha1 -fingerprint "$f" 'pkcs11:token=line1'
	count 1 Pkey -keys -sha1 -fingerprint "$f" 'pkcs11:token=line1'
	f=$(openssl x509 -in ec.crt -noout -fingerprint -sha384)
	count 1 Certificate -sha384 -fingerprint "$(tr -d : <<<"${f#*=}")" 'pkcs11:token=line1'
}

# What systemd hands to a service: the token's own first, then the one for all.
credentials() { # URI
	mkdir credentials
	printf '%s\n' "$pin" >credentials/inro-pin
	CREDENTIALS_DIRECTORY=$PWD/credentials must ossl pkey -noout -in "$1"
	mv credentials/inro-pin credentials/line1.pin
	CREDENTIALS_DIRECTORY=$PWD/credentials must ossl pkey -noout -in "$1"
	cp wrong credentials/inro-pin
	CREDENTIALS_DIRECTORY=$PWD/credentials must ossl pkey -noout -in "$1"
	mv credentials/line1.pin credentials/line2.pin
	CREDENTIALS_DIRECTORY=$PWD/credentials must_fail 'PIN' ossl pkey -noout -in "$1"
	# Asked for before the program is, after the environment.
	CREDENTIALS_DIRECTORY=$PWD/credentials INRO_PIN=$pin must ossl pkey -noout -in "$1"
}

named_badly() {
	must_fail "no token 'nope'" ossl pkey -noout -in 'pkcs11:token=nope;object=ec'
	must_fail "no such object in token 'line1'" ossl pkey -noout -in 'pkcs11:token=line1;object=nope'
	must_fail "is of something else, and a private key is asked for" ossl pkey -noout -in 'pkcs11:token=line1;object=ec;type=cert'
	must_fail "unknown attribute 'tken'" ossl pkey -noout -in 'pkcs11:tken=line1'
	must_fail '2 private keys match; name one of: pkcs11:serial=.*;token=line1;id=%01;object=ec;type=private pkcs11:.*rsa|2 private keys match; name one of: .*rsa.* pkcs11:serial=.*;token=line1;id=%01;object=ec' \
		ossl pkey -noout -in 'pkcs11:token=line1'
	INRO_MODULE=/nowhere.so must_fail "can't load the Cryptoki module: /nowhere.so" \
		ossl pkey -noout -in 'pkcs11:token=line1;object=ec'
	# Loading the provider needs no module.
	INRO_MODULE=/nowhere.so must ossl list -providers >providers
	grep -q 'status: active' providers || fail "the provider is not active without a module"
}

check_module() {
	make_token line1
	make_token line2
	make_key line1 EC:prime256v1 ec 01
	make_key line1 rsa:2048 rsa 02
	make_key line2 EC:secp384r1 other 03
	make_cert "$(uri ec)" ec ec.crt
	must openssl x509 -in ec.crt -outform DER -out ec.der
	must p11 --token-label line1 --login --pin "$pin" --write-object ec.der --type cert --label ec --id 01

	count 2 Pkey 'pkcs11:token=line1'
	count 2 'Public key' 'pkcs11:token=line1'
	count 1 Certificate 'pkcs11:token=line1'
	count 1 Certificate 'pkcs11:token=line1;type=cert'
	count 0 Pkey 'pkcs11:token=line1;type=cert'
	count 2 'Public key' 'pkcs11:token=line1;type=public'
	count 1 Pkey 'pkcs11:token=line1;id=%01;type=private'
	count 1 Pkey 'pkcs11:object=other;type=private'
	count 1 Certificate -certs 'pkcs11:token=line1'
	count 2 Pkey 'pkcs11:token=line1;type=private'
	looked_for
	count 1 Pkey -keys 'pkcs11:token=line1;object=rsa'
	# Certificates and public keys need no PIN.
	(unset INRO_PIN && count 1 Certificate 'pkcs11:token=line1;type=cert' && count 0 Pkey 'pkcs11:token=line1;type=cert')
	tells_by_status
	pin_sources
	named_badly
	[[ $module_name != inro ]] || damaged_token
}

# Its file can't be read any more, so that it has no label to be found by.
damaged_token() {
	local path
	path=$(inro token show line2 --json | sed -n 's/.*"path": "\(.*\)".*/\1/p')
	[[ -f $path ]] || fail "the token's file is not where it says: $path"
	printf 'this is no token' | dd of="$path" bs=1 conv=notrunc status=none
	must_fail "no token 'line2' in .*, but the one in slot [0-9]+ can't be read \\(CKR_[A-Z_]+\\): " \
		ossl pkey -noout -in 'pkcs11:token=line2;object=other'
	must inro token list >tokens
	grep -qE 'damaged|unreadable|read' tokens || fail "inro token list does not show it: $(cat tokens)"
	# The others are not in its way.
	must ossl pkey -noout -in 'pkcs11:object=ec'
	must ossl pkey -noout -in 'pkcs11:token=line1;object=ec'
}

each_module
