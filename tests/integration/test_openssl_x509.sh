#!/usr/bin/env bash
# openssl req, x509, verify, spkac and cmp with token keys; every result is judged by openssl without the provider.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"
. "$INRO_TEST_SOURCE/tests/lib/commands.sh"

# The algorithm that the kind of key signs with, as it is printed.
declare -A algorithms=([ec]=ecdsa-with-SHA256 [rsa]=sha256WithRSAEncryption [ed25519]=ED25519)

requests() {
	local k=$1 src
	form "$k"
	must ossl req -new -key "$src" -subj "/CN=$k" -addext 'subjectAltName=DNS:localhost' -out "$k.csr"
	judged req -in "$k.csr" -verify -text -noout >text
	grep -q "Signature Algorithm: ${algorithms[$k]}" text || fail "signed otherwise: $(cat text)"
	grep -q 'DNS:localhost' text || fail "no name: $(cat text)"
	[[ $k != ec ]] || grep -q 'ASN1 OID: prime256v1' text || fail "no named curve in the request: $(cat text)"
	judged req -in "$k.csr" -pubkey -noout | cmp - "$k.pub" || fail "another key in the request"
	form "$k"
	must ossl req -in "$k.csr" -verify -noout
	must ossl x509 -x509toreq -in "$k.crt" -signkey "$src" -out again.csr
	judged req -in again.csr -verify -noout
	form "$k"
	must ossl req -x509 -CA "$k.crt" -CAkey "$src" -key "$k.pem" -subj /CN=sub -days 3 -out sub.crt
	verified -CAfile "$k.crt" sub.crt
}

certificates() {
	local k=$1 src
	form "$k"
	must ossl x509 -req -in leaf.csr -CA "$k.crt" -CAkey "$src" -days 7 -out leaf.crt
	verified -CAfile "$k.crt" leaf.crt
	must ossl verify -CAfile "$k.crt" leaf.crt >/dev/null
	form "$k"
	must ossl x509 -req -in "$k.csr" -signkey "$src" -days 7 -out own.crt
	verified -CAfile own.crt -check_ss_sig own.crt
	form "$k"
	must ossl x509 -in "$k.crt" -key "$src" -days 9 -out again.crt
	verified -CAfile again.crt -check_ss_sig again.crt
	form "$k"
	must ossl x509 -new -key "$src" -subj /CN=new -force_pubkey leaf.pub -out forced.crt
	judged x509 -in forced.crt -pubkey -noout | cmp - leaf.pub || fail "another key in the certificate"
	judged x509 -in "$k.crt" -noout -text >text
	grep -q "Signature Algorithm: ${algorithms[$k]}" text || fail "signed otherwise: $(cat text)"
}

# A certificate in the token, beside its key, wherever a command takes a certificate by URI.
certificate_in_token() {
	local k=$1 cert="pkcs11:token=line1;object=$1;type=cert"
	must openssl x509 -in "$k.crt" -outform DER -out "$k.der"
	must p11 --token-label line1 --login --pin "$pin" --write-object "$k.der" --type cert --label "$k" >/dev/null
	must ossl x509 -in "$cert" -out back.crt
	judged x509 -in back.crt -outform DER | cmp - "$k.der" || fail "another certificate is in the token"
	must ossl x509 -req -in leaf.csr -CA "$cert" -CAkey "$(uri "$k")" -days 7 -out leaf.crt
	verified -CAfile "$k.crt" leaf.crt
	# One name for both: each command takes what it needs.
	must ossl x509 -req -in leaf.csr -CA "pkcs11:token=line1;object=$k" -CAkey "pkcs11:token=line1;object=$k" -out leaf.crt
	verified -CAfile "$k.crt" leaf.crt
	must ossl verify -CAstore "$cert" leaf.crt >/dev/null
	(unset INRO_PIN && must ossl verify -CAstore 'pkcs11:token=line1;type=cert' leaf.crt >/dev/null)
	makes_nothing out 'do(es)? not match|mismatch' ossl x509 -req -in leaf.csr -CA "$cert" -CAkey leaf.key -out out
}

options() {
	must ossl req -new -key rsa.pem -subj /CN=pss -sha384 -sigopt rsa_padding_mode:pss \
		-sigopt rsa_pss_saltlen:-1 -out pss.csr
	judged req -in pss.csr -verify -text -noout >text
	grep -q 'Salt Length: *0x30' text || fail "no PSS with a salt of 48: $(cat text)"
	must ossl x509 -req -in leaf.csr -CA rsa.crt -CAkey rsa.ref -sha512 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1 -out pss.crt
	verified -CAfile rsa.crt pss.crt
	must ossl req -new -key ec.pem -subj /CN=ec -sha512 -out ec512.csr
	judged req -in ec512.csr -verify -noout
	make_key line1 EC:secp384r1 p384 20 --usage-sign
	must ossl req -x509 -key "$(uri p384)" -subj /CN=p384 -out p384.crt
	judged x509 -in p384.crt -text -noout >text
	grep -q 'ASN1 OID: secp384r1' text || fail "no named curve: $(cat text)"
	verified -CAfile p384.crt -check_ss_sig p384.crt
	# A key in a file is made and used as without a provider.
	must ossl req -x509 -newkey rsa:2048 -nodes -keyout file.key -subj /CN=file -out file.crt
	verified -CAfile file.crt -check_ss_sig file.crt
	judged pkey -in file.key -check -noout >/dev/null
}

# Not for Ed25519, whatever the key: the command always names a digest.
netscape() {
	local k=$1 src
	form "$k"
	must ossl spkac -key "$src" -digest sha256 -challenge hello -out spkac
	judged spkac -in spkac -verify -noout
	judged spkac -in spkac -pubkey -noout | cmp - "$k.pub" || fail "another key in SPKAC"
	sed 's/^SPKAC=M/SPKAC=N/' spkac >damaged
	must_fail '' openssl spkac -in damaged -verify -noout
}

# Both sides of CMP in one program: the server's key and the client's are in the token.
cmp_exchange() { # KIND COMMAND OPTION...
	local k=$1 src server
	form "$k"
	server=$src
	form "$k"
	rm -f got.crt
	must ossl cmp -use_mock_srv -srv_cert "$k.crt" -srv_key "$server" -srv_trusted "$k.crt" -rsp_cert "$k.crt" \
		-key "$src" -cert "$k.crt" -srvcert "$k.crt" -certout got.crt -cmd "${@:2}" >/dev/null
	cmp -s got.crt "$k.crt" || fail "no certificate by CMP ${*:2}"
}
management() {
	local k=$1
	cmp_exchange "$k" ir -newkey "$k.ref" -subject "/CN=$k" -implicit_confirm
	cmp_exchange "$k" kur -newkey "$k.pem"
	cmp_exchange "$k" p10cr -csr "$k.csr"
}

refusals() {
	makes_nothing out 'key values mismatch|do(es)? not match' ossl x509 -req -in leaf.csr -CA rsa.crt \
		-CAkey ec.pem -out out
	INRO_PIN=999999 makes_nothing out 'wrong PIN' ossl req -new -key ec.pem -subj /CN=x -out out
	INRO_PIN=999999 makes_nothing out 'wrong PIN' ossl x509 -in ec.crt -signkey "$(uri ec)" -out out
	must ossl pkey -in ec.pem -noout
	makes_nothing out "no such object in token 'line1'" ossl req -new -key "$(uri nope)" -subj /CN=x -out out
	makes_nothing out '[Dd]igest' ossl req -new -key ec.pem -nosuchdigest -subj /CN=x -out out
	must_fail 'verif' openssl verify -CAfile rsa.crt ec.crt
}

check_module() {
	local k
	keys_at_hand ec rsa ed25519
	file_key leaf ec
	must openssl req -new -key leaf.key -subj /CN=leaf -out leaf.csr
	must openssl pkey -in leaf.key -pubout -out leaf.pub
	for k in "${kinds[@]}"; do
		requests "$k"
		certificates "$k"
		certificate_in_token "$k"
		[[ $k == ed25519 ]] || netscape "$k"
		[[ $k == ed25519 ]] || management "$k"
	done
	options
	refusals
}

each_module
