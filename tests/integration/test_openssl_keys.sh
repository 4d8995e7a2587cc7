#!/usr/bin/env bash
# openssl storeutl, genpkey, pkey, rsa, ec, pkcs8 and pkcs12 with token keys, named by URI and by references in PEM and DER.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"
. "$INRO_TEST_SOURCE/tests/lib/commands.sh"

# What is written in the key's place: its reference, in PEM and in DER, and nothing of the key.
references() {
	local k=$1
	[[ $(sed -n 1p "$k.pem") == '-----BEGIN PKCS#11 PROVIDER URI-----' ]] || fail "no reference: $(cat "$k.pem")"
	[[ $(grep -c -- ----- "$k.pem") == 2 ]] || fail "more than the reference: $(cat "$k.pem")"
	judged asn1parse -inform DER -in "$k.ref" >parsed
	grep -q 'VISIBLESTRING *:PKCS#11 Provider URI v1.0' parsed || fail "DER reference: $(cat parsed)"
	grep -q "UTF8STRING *:pkcs11:serial=[^;]*;token=line1;id=.*;object=$k;type=private" parsed ||
		fail "DER reference: $(cat parsed)"
	must ossl pkey -in "$(uri "$k" "?pin-value=$pin")" >pinned
	cmp -s pinned "$k.pem" || fail "a PIN in a reference: $(cat pinned)"
	must ossl pkey -in "$k.ref" -inform DER >back.pem
	cmp -s back.pem "$k.pem" || fail "another reference of the reference: $(cat back.pem)"
	# A password protects a key; here is none, so that programs that always give one get the reference too.
	must ossl pkey -in "$k.pem" -aes256 -passout pass:x >protected
	cmp -s protected "$k.pem" || fail "with a password: $(cat protected)"
}

# Behind another block, as in a bundle of key and certificate; damaged ones; one of another token.
bundles() {
	local k=$1
	cat "$k.crt" "$k.pem" "$k.crt" >bundle.pem
	must ossl pkey -in bundle.pem -pubout -out bundle.pub
	cmp -s bundle.pub "$k.pub" || fail "another key of the bundle"
	sed 's/^M/!/' "$k.pem" >damaged.pem
	makes_nothing no.pub 'Could not (read|find)' ossl pkey -in damaged.pem -pubout -out no.pub
	head -c 30 "$k.ref" >cut.ref
	makes_nothing no.pub 'Could not (read|find)' ossl pkey -in cut.ref -pubout -out no.pub
	must_fail 'Could not (read|find)' openssl pkey -in "$k.pem" -noout
}

public_parts() {
	local k=$1 src
	form "$k"
	judged pkey -pubin -in "$k.pub" -text -noout >text
	must ossl pkey -in "$src" -text_pub -noout | cmp - text || fail "$k: text_pub"
	form "$k"
	must ossl pkey -in "$src" -text -noout >text
	grep -q 'Private-Key in a token: pkcs11:serial=.*;token=line1' text || fail "text: $(cat text)"
	grep -qiE 'priv:|privateexponent|prime1' text && fail "more than is public: $(cat text)"
	for how in -check -pubcheck; do
		form "$k"
		must ossl pkey -in "$src" "$how" -noout >checked
		grep -q 'Key is valid' checked || fail "$how: $(cat checked)"
	done
	for src in "$(uri "$k")" "$k.pem" "$k.ref"; do
		must ossl pkey -in "$src" -pubout -outform DER -out pub.der
		judged pkey -pubin -inform DER -in pub.der -out pub.pem
		cmp -s pub.pem "$k.pub" || fail "another public key by $src"
	done
}

# The commands of one kind of key each.
old_commands() {
	local k=$1 src
	form "$k"
	if [[ $k != rsa ]]; then
		must_fail 'Not an RSA key' ossl rsa -in "$src" -pubout
	else
		must ossl rsa -in "$src" -pubout -out old.pub
		cmp -s old.pub rsa.pub || fail "another key by openssl rsa"
		must ossl rsa -in "$src" -modulus -noout >modulus
		[[ $(cat modulus) == $(judged x509 -in rsa.crt -modulus -noout) ]] || fail "another modulus: $(cat modulus)"
		must ossl rsa -in "$src" -check -noout >checked
		grep -q 'RSA key ok' checked || fail "check: $(cat checked)"
		must ossl rsa -in "$src" -out old.pem
		cmp -s old.pem rsa.pem || fail "openssl rsa writes no reference: $(cat old.pem)"
		makes_nothing old.key 'stays in its token' ossl rsa -in "$src" -traditional -out old.key
	fi
	[[ $k == ec ]] || return 0
	must ossl ec -in "$src" -pubout -out old.pub
	cmp -s old.pub ec.pub || fail "another key by openssl ec"
	must ossl ec -in "$src" -check -noout
	must ossl ec -in "$src" -param_out -out parameters
	judged ecparam -in parameters -noout -check
	must ossl ec -in "$src" -out old.pem
	cmp -s old.pem ec.pem || fail "openssl ec writes no reference: $(cat old.pem)"
}

stays_inside() {
	local k=$1 src
	form "$k"
	makes_nothing out 'stays in its token: no PKCS#8 or PKCS#12' ossl pkcs8 -topk8 -nocrypt -in "$src" -out out
	[[ $src != *.ref ]] || src=$k.pem # this command reads no DER, of any key
	makes_nothing out 'stays in its token: no PKCS#8 or PKCS#12' ossl pkcs12 -export -inkey "$src" -in "$k.crt" \
		-passout pass:x -out out
	makes_nothing out 'stays in its token' ossl pkey -in "$src" -traditional -out out
	# The certificate alone may go.
	must ossl pkcs12 -export -nokeys -in "$k.crt" -passout pass:x -out cert.p12
	judged pkcs12 -in cert.p12 -passin pass:x -nokeys -out cert.pem
}

# libcrypto drops the reason when it reads DER.
refusals() {
	local src
	for src in "$(uri ec)" ec.pem; do
		INRO_PIN=999999 makes_nothing out "wrong PIN for token 'line1'" ossl pkey -in "$src" -pubout -out out
		must ossl pkey -in ec.pem -noout # a right PIN clears the count of wrong ones
		(
			unset INRO_PIN
			makes_nothing out "token 'line1' needs its PIN" ossl pkey -in "$src" -pubout -out out
			must ossl pkey -in "$src" -passin "pass:$pin" -pubout -out out
		)
	done
	INRO_PIN=999999 makes_nothing out 'Could not (read|find)' ossl pkey -in ec.ref -pubout -out out
	makes_nothing out "no such object in token 'line1'" ossl pkey -in "$(uri nope)" -out out
}

# The store shows the key, and one that genpkey makes is there.
made_and_listed() {
	local k=$1
	local -A how=([ec]='EC -pkeyopt group:P-256' [rsa]='RSA -pkeyopt rsa_keygen_bits:2048' [ed25519]=ED25519)
	must ossl storeutl -keys -noout "$(uri "$k")" >list
	grep -qx 'Total found: 1' list || fail "storeutl -keys: $(cat list)"
	# shellcheck disable=SC2086 # words
	must ossl genpkey -algorithm ${how[$k]} -pkeyopt "pkcs11_uri:pkcs11:token=line1;object=made-$k" -out made.pem
	grep -q 'BEGIN PKCS#11 PROVIDER URI' made.pem || fail "genpkey: $(cat made.pem)"
	must ossl pkey -in made.pem -pubout -out made.pub
	must ossl storeutl -noout "pkcs11:token=line1;object=made-$k" >list
	grep -qE '^[0-9]+: Pkey' list || fail "storeutl: $(cat list)"
	must ossl storeutl "pkcs11:token=line1;object=made-$k;type=public" >list
	has -F -- "$(sed -n 2p made.pub)" list || fail "another public key: $(cat list)"
}

check_module() {
	local k
	keys_at_hand ec rsa ed25519
	for k in "${kinds[@]}"; do
		references "$k"
		bundles "$k"
		public_parts "$k"
		old_commands "$k"
		stays_inside "$k"
		made_and_listed "$k"
	done
	refusals
	# What is made in files stays there.
	must ossl genpkey -algorithm EC -pkeyopt group:P-256 -out soft.pem
	grep -q 'BEGIN PRIVATE KEY' soft.pem || fail "a software key is written as $(head -1 soft.pem)"
	must ossl pkcs8 -topk8 -nocrypt -in soft.pem -out soft.p8
	judged pkey -in soft.p8 -noout
}

each_module
