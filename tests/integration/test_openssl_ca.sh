#!/usr/bin/env bash
# A small CA: openssl ca and crl with the CA's key in a token, judged by openssl without the provider.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"
. "$INRO_TEST_SOURCE/tests/lib/commands.sh"

new_authority() {
	rm -rf authority
	mkdir authority
	touch authority/index
	echo 01 >authority/serial
	echo 01 >authority/number
	cat >authority/cnf <<-END
		[ca]
		default_ca = it
		[it]
		database = authority/index
		unique_subject = no
		serial = authority/serial
		crlnumber = authority/number
		new_certs_dir = authority
		default_md = default
		default_days = 3
		default_crl_days = 3
		policy = policy
		x509_extensions = leaf
		crl_extensions = list
		[policy]
		commonName = supplied
		[leaf]
		basicConstraints = critical, CA:FALSE
		crlDistributionPoints = URI:http://localhost/list.crl
		authorityKeyIdentifier = keyid:always
		[root]
		basicConstraints = critical, CA:TRUE
		subjectKeyIdentifier = hash
		[list]
		authorityKeyIdentifier = keyid:always
		issuingDistributionPoint = critical, @where
		[where]
		fullname = URI:http://localhost/list.crl
	END
}

# authority KIND OPTION...: the CA with its key in the next form.
authority() {
	local k=$1 src
	form "$k"
	shift
	must ossl ca -batch -config authority/cnf -keyfile "$src" -cert "$k.crt" "$@" >/dev/null
}

issues() {
	local k=$1
	authority "$k" -notext -in leaf.csr -out leaf.crt
	verified -CAfile "$k.crt" leaf.crt
	authority "$k" -notext -in leaf.csr -startdate 20200101000000Z -enddate 20200102000000Z -out old.crt
	authority "$k" -notext -outdir authority -infiles leaf.csr leaf.csr
	verified -CAfile "$k.crt" authority/03.pem authority/04.pem
	# The key signs its own certificate by the CA's rules.
	must ossl req -new -key "$k.pem" -subj "/CN=root" -out root.csr
	authority "$k" -selfsign -extensions root -notext -in root.csr -out root.crt
	judged x509 -in root.crt -pubkey -noout | cmp - "$k.pub" || fail "another key in the CA's certificate"
}

lists() {
	local k=$1 word
	authority "$k" -gencrl -out empty.crl
	authority "$k" -revoke leaf.crt -crl_reason keyCompromise
	authority "$k" -updatedb
	grep -q '^E.*/CN=leaf' authority/index || fail "none is expired: $(cat authority/index)"
	authority "$k" -gencrl -out list.crl
	judged crl -in list.crl -CAfile "$k.crt" -verify -text -noout >text
	grep -q 'verify OK' "$T/err" || fail "the list is not verified: $(cat "$T/err")"
	for word in 'CRL Number' 'Issuing Distribution Point: critical' 'Key Compromise' 'Authority Key Identifier'; do
		grep -q "$word" text || fail "no '$word' in: $(cat text)"
	done
	cat "$k.crt" list.crl >with_list.pem
	must_fail 'certificate revoked' openssl verify -crl_check -CAfile with_list.pem leaf.crt
	verified -crl_check -CAfile with_list.pem authority/03.pem
	[[ $k == ed25519 ]] || delta "$k"
	must_fail 'verify failure|getting CRL issuer' openssl crl -in list.crl -CAfile other.crt -verify -noout
}

# With a digest always, so not by Ed25519, whoever has the key.
delta() {
	local k=$1 src
	form "$k"
	must ossl crl -in empty.crl -gendelta list.crl -key "$src" -out delta.crl
	judged crl -in delta.crl -CAfile "$k.crt" -verify -text -noout >text
	grep -q 'verify OK' "$T/err" || fail "the difference is not verified: $(cat "$T/err")"
	grep -q 'Delta CRL Indicator' text || fail "no delta: $(cat text)"
}

refusals() {
	local issued
	issued=$(cat authority/index)
	makes_nothing out 'do not match' ossl ca -batch -config authority/cnf -keyfile ec.pem -cert other.crt \
		-in leaf.csr -out out
	INRO_PIN=999999 makes_nothing out 'wrong PIN' ossl ca -batch -config authority/cnf -keyfile ec.pem \
		-cert ec.crt \
		-in leaf.csr -out out
	must ossl pkey -in ec.pem -noout
	INRO_PIN=999999 makes_nothing out 'wrong PIN' ossl ca -gencrl -config authority/cnf \
		-keyfile "$(uri ec)" -cert ec.crt -out out
	must ossl pkey -in ec.pem -noout
	[[ $(cat authority/index) == "$issued" ]] || fail "refused, but written into the index: $(cat authority/index)"
}

check_module() {
	local k
	keys_at_hand rsa ed25519 ec
	file_key leaf ed25519
	file_key other ec
	must openssl req -new -key leaf.key -subj /CN=leaf -out leaf.csr
	for k in "${kinds[@]}"; do
		new_authority
		issues "$k"
		lists "$k"
	done
	refusals
}

each_module
