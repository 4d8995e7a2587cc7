#!/usr/bin/env bash
# Keys made in a token: by openssl genpkey with a URI, and by programs of their own where the setting says so.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

# The labels of all objects of the token, each once a class.
objects() {
	must p11 --token-label line1 --login --pin "$pin" -O >"$T/objects"
	sed -n 's/^  label: *//p' "$T/objects" | sort
}

# A key of this kind is made, its reference used for everything that it can do.
made() { # NAME ALGORITHM [OPTION...]
	local name=$1 algorithm=$2 o options=()
	shift 2
	for o in "$@"; do options+=(-pkeyopt "$o"); done
	must ossl genpkey -algorithm "$algorithm" "${options[@]}" \
		-pkeyopt "pkcs11_uri:pkcs11:token=line1;object=$name" -out "$name.pem"
	grep -q 'BEGIN PKCS#11 PROVIDER URI' "$name.pem" || fail "$name.pem is no reference: $(cat "$name.pem")"
	[[ $(grep -c -- ----- "$name.pem") == 2 ]] || fail "more than the reference is in $name.pem"
	[[ $(objects | grep -cx "$name") == 2 ]] || fail "not a pair: $(cat "$T/objects")"
	must ossl pkey -in "$name.pem" -pubout -out "$name.pub"
	must ossl pkey -in "$(uri "$name")" -pubout -out "$name.pub2"
	cmp -s "$name.pub" "$name.pub2" || fail "$name: another public key by name"
	must ossl pkey -in "$name.pem" -check -noout
}

signs() { # NAME [OPTION...]
	local name=$1
	shift
	must ossl pkeyutl -sign -rawin -inkey "$name.pem" -in data -out sig "$@"
	must openssl pkeyutl -verify -rawin -pubin -inkey "$name.pub" -in data -sigfile sig "$@"
}

kinds() {
	made ec EC ec_paramgen_curve:P-256
	signs ec
	must ossl req -new -x509 -key ec.pem -subj /CN=ec -out ec.crt
	must openssl verify -CAfile ec.crt ec.crt
	made ec384 EC group:SECP384R1 # libcrypto does not mind
	signs ec384
	made rsa RSA rsa_keygen_bits:2048
	signs rsa
	must openssl pkeyutl -encrypt -pubin -inkey rsa.pub -in data -out box
	must openssl pkey -pubin -in rsa.pub -text -noout
	grep -q '2048 bit' "$T/out" || fail "not 2048 bits: $(cat "$T/out")"
	# DER too, with an id of its own.
	must ossl genpkey -algorithm EC -pkeyopt group:P-256 -outform DER \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=der;id=%0a%0b' -out der.der
	must ossl pkey -in der.der -noout
	must ossl pkey -in 'pkcs11:token=line1;id=%0a%0b;type=private' -noout
	# After parameters, where no other provider takes them.  Modules of others want the default provider.
	if [[ $module_name == inro ]]; then
		must openssl ecparam -name prime256v1 -out parameters
		must foreign openssl genpkey -provider-path "$B/lib" -provider base -provider inro -paramfile parameters \
			-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=after' -out after.pem
		must ossl pkey -in after.pem -noout
		# docs/limits.md: the default provider's decoder reads them, and the key would be its own.
		must_fail 'command not supported' ossl genpkey -paramfile parameters \
			-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=never' -out never.pem
		[[ ! -s never.pem && $(objects | grep -cx never) == 0 ]] || fail "a key all the same: $(cat "$T/objects")"
	fi
	# A cipher that is asked for has nothing to encrypt, and no passphrase is asked for.
	must ossl genpkey -algorithm EC -pkeyopt group:P-256 -aes256 -pass pass:x \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=locked' -out locked.pem
	must ossl pkey -in locked.pem -aes256 -out locked2.pem </dev/null
	must cmp locked.pem locked2.pem
	# Without a URI the key is made in software.
	must ossl genpkey -algorithm EC -pkeyopt group:P-256 -out soft.pem
	grep -q 'BEGIN PRIVATE KEY' soft.pem || fail "a software key is written as $(head -1 soft.pem)"
}

# Bound to one digest: what is made of the key says so, and another digest is refused.
bound_pss() {
	made bound RSA-PSS rsa_keygen_bits:2048 rsa_pss_keygen_md:sha256
	signs bound
	must ossl req -new -x509 -key bound.pem -subj /CN=bound -sha256 -out bound.crt
	must openssl verify -CAfile bound.crt bound.crt
	must openssl x509 -in bound.crt -noout -text
	grep -q 'Hash Algorithm: SHA2-256' "$T/out" || fail "not bound to SHA-256: $(cat "$T/out")"
	grep -q 'Minimum Salt Length: 32' "$T/out" || fail "another salt: $(cat "$T/out")"
	must_fail '' ossl req -new -key bound.pem -subj /CN=bound -sha384 -out no.csr
	# Our token's public object says so too.
	if [[ $module_name == inro ]]; then
		must ossl pkey -pubin -in 'pkcs11:token=line1;object=bound;type=public' -pubout -out bound.pub3
		must cmp bound.pub bound.pub3
	fi
}

# To the command it is a key of PSS, as it is to OpenSSL.
known_to_inro() {
	must inro key show "$(uri "$1")" --login >shown
	grep -qE '^Type +rsa-pss-2048$' shown || fail "another kind: $(cat shown)"
	must inro csr create --key "$(uri "$1")" --subject /CN=x --out x.csr
	must openssl req -in x.csr -verify -noout
	openssl req -in x.csr -pubkey -noout | cmp - "$1.pub" || fail "another public key in the request"
}

# Kinds that this token, or this libcrypto, may lack.
more_kinds() {
	if can eddsa; then
		made ed ED25519
		signs ed
	fi
	! can x25519 || made x X25519
	if can rsa-pss; then
		made pss RSA-PSS rsa_keygen_bits:2048
		signs pss
		[[ $module_name != inro ]] || known_to_inro pss
		bound_pss
	fi
}

# Nothing is made, nothing is left, and the file is not written.
refusals() {
	local before after
	before=$(objects)
	must_fail "token 'line1' has a key of that label already" ossl genpkey -algorithm EC -pkeyopt group:P-256 \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=ec' -out no.pem
	must_fail "token 'line1' has a key of that id already" ossl genpkey -algorithm EC -pkeyopt group:P-256 \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=new;id=%0a%0b' -out no.pem
	must_fail 'must name it: add object=LABEL' ossl genpkey -algorithm EC -pkeyopt group:P-256 \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1' -out no.pem
	must_fail 'must name it: add object=LABEL' ossl genpkey -algorithm EC -pkeyopt group:P-256 \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=' -out no.pem
	must_fail 'id in the URI of a new key is empty' ossl genpkey -algorithm EC -pkeyopt group:P-256 \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=new;id=' -out no.pem
	must_fail 'of another type than private' ossl genpkey -algorithm EC -pkeyopt group:P-256 \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=new;type=cert' -out no.pem
	must_fail "no token 'nope'" ossl genpkey -algorithm EC -pkeyopt group:P-256 \
		-pkeyopt 'pkcs11_uri:pkcs11:token=nope;object=new' -out no.pem
	must_fail "may go into token 'line[12]' or 'line[12]'" ossl genpkey -algorithm EC -pkeyopt group:P-256 \
		-pkeyopt 'pkcs11_uri:pkcs11:object=new' -out no.pem
	must_fail 'the curve of the new key is missing' ossl genpkey -algorithm EC \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=new' -out no.pem
	must_fail 'has two primes' ossl genpkey -algorithm RSA -pkeyopt rsa_keygen_primes:3 \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=primes' -out no.pem
	must_fail '' ossl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:16 \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=new' -out no.pem
	must_fail 'needs its PIN' foreign env -u INRO_PIN openssl genpkey "${provider[@]}" -algorithm EC \
		-pkeyopt group:P-256 -pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=new' -out no.pem
	must_fail 'binds a key to one digest, for MGF1 as well' ossl genpkey -algorithm RSA-PSS \
		-pkeyopt rsa_pss_keygen_md:sha256 -pkeyopt rsa_pss_keygen_mgf1_md:sha384 \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=new' -out no.pem
	must_fail 'has at least 32 bytes' ossl genpkey -algorithm RSA-PSS \
		-pkeyopt rsa_pss_keygen_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:20 \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=new' -out no.pem
	must_fail 'rsa_pss_keygen_md' ossl genpkey -algorithm RSA-PSS -pkeyopt rsa_pss_keygen_saltlen:20 \
		-pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=new' -out no.pem
	after=$(objects)
	[[ $before == "$after" ]] || fail "left behind: $(diff <(echo "$before") <(echo "$after"))"
}

# A file that can't be opened: OpenSSL 3.0 opens it first, and nothing is made; 3.5 makes the key first.  A full disk: the
# key is there under its name, which is said, and from which the file can be written at any time.
unwritten() {
	local before
	before=$(objects)
	ossl genpkey -algorithm EC -pkeyopt group:P-256 -pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=unopened' \
		-out no/such/folder/lost.pem 2>/dev/null || true
	[[ $(openssl version) != 'OpenSSL 3.0.'* || $before == "$(objects)" ]] || fail "a key without a file: $(cat "$T/objects")"
	# Of 3.5.9 genpkey writes by way of memory, and says nothing of what comes after.
	local full=(-algorithm EC -pkeyopt group:P-256 -pkeyopt 'pkcs11_uri:pkcs11:token=line1;object=lost' -out /dev/full)
	if [[ $(openssl version) == 'OpenSSL 3.0.'* ]]; then
		must_fail 'the reference to pkcs11:.*object=lost.*: the file can.t be written: No space left' \
			ossl genpkey "${full[@]}"
	else
		ossl genpkey "${full[@]}" || true
	fi
	must_fail 'No space left' ossl pkey -in "$(uri lost)" -out /dev/full
	[[ $(objects | grep -cx lost) == 2 ]] || fail "no whole pair is left: $(cat "$T/objects")"
	must ossl pkey -in "$(uri lost)" -out lost.pem
	signs_by_reference lost
}

signs_by_reference() { # NAME
	must ossl pkey -in "$1.pem" -pubout -out "$1.pub"
	signs "$1"
}

# The setting: identity keys go into the token, those of TLS and of CMS don't.
by_setting() {
	local order n
	for order in "inro default" "default inro"; do
		{
			printf 'openssl_conf = i\n[i]\nproviders = p\nalg_section = a\n[a]\ndefault_properties = ?provider=inro\n'
			printf '[p]\n%s = %s_s\n%s = %s_s\n' "${order% *}" "${order% *}" "${order#* }" "${order#* }"
			printf '[default_s]\nactivate = 1\n[inro_s]\nactivate = 1\npkcs11-module-path = %s\n' "$module"
			printf 'keygen = pkcs11:token=line2;object=own\n'
		} >cnf
		export OPENSSL_CONF=$PWD/cnf OPENSSL_MODULES=$B/lib
		must foreign openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out own-rsa.pem
		must foreign openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own-ec.pem \
			-x509 -subj /CN=localhost -addext subjectAltName=DNS:localhost -out own-ec.crt
		for k in own-rsa own-ec; do
			grep -q 'BEGIN PKCS#11 PROVIDER URI' $k.pem || fail "$order: $k is not in the token"
		done
		n=$(own_keys)
		tls_handshake own-ec
		must foreign openssl cms -encrypt -in data -out box own-ec.crt
		[[ $(own_keys) == "$n" ]] || fail "$order: ephemeral keys are in the token: $n, now $(own_keys)"
		unset OPENSSL_CONF OPENSSL_MODULES
	done
	n=$(own_keys)
	[[ $n == 4 ]] || fail "$n keys, not 4 with labels of their own"
}

# Not with the setting: a module that is called directly, and makes a key by libcrypto for itself, would get one of ours.
own_keys() {
	unset OPENSSL_CONF
	must p11 --token-label line2 --login --pin "$pin" -O --type privkey >"$T/own"
	sed -n 's/^  label: *//p' "$T/own" | sort -u | grep -c '^own-'
}

tls_handshake() {
	local how
	for how in '-tls1_3 -groups P-256' '-tls1_3 -groups prime256v1' '-tls1_2 -groups P-384:P-256'; do
		serve foreign openssl s_server -accept 127.0.0.1:0 -key "$1.pem" -cert "$1.crt" -naccept 1 -www
		# shellcheck disable=SC2086 # options
		must foreign openssl s_client -connect "127.0.0.1:$port" $how -CAfile "$1.crt" -verify_return_error </dev/null
		wait "$pid" || fail "the server ends with $?"
	done
}

check_module() {
	make_token line1
	make_token line2
	echo data >data
	kinds
	more_kinds
	refusals
	unwritten
	by_setting
}

each_module
