#!/usr/bin/env bash
# Files of tpm2-openssl and of `inro key export --tss2`, used by openssl through a token in the same TPM.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

if [[ -z $tcti ]]; then
	command -v swtpm tpm2_getcap >/dev/null || skip "swtpm or tpm2-tools is not installed: tools/check installs them"
	start_swtpm unix
fi
export INRO_MODULE=$B/lib/inro-pkcs11.so INRO_PIN=$pin INRO_SO_PIN=$so_pin TPM2OPENSSL_TCTI=$swtpm_tcti
cd "$T"
echo data >data
must inro token create line1

# Everything that a program does with a key file.
used() { # FILE
	local f=$1 k=(-passin pass:abc)
	must ossl pkey -in "$f" "${k[@]}" -pubout -out pub
	must ossl dgst -sha256 -sign "$f" "${k[@]}" -out sig data
	must openssl dgst -sha256 -verify pub -signature sig data
	must ossl req -x509 -new -key "$f" "${k[@]}" -subj /CN=tss2 -addext subjectAltName=DNS:localhost -out crt
	must openssl verify -CAfile crt crt
	# What is written is the same file again, also where a cipher is asked for.
	must ossl pkey -in "$f" "${k[@]}" -aes256 -passout pass:x -out again
	cmp "$f" again || fail "another file is written: $(cat again)"
	must ossl pkey -in "$f" "${k[@]}" -outform DER -out der
	must ossl pkey -in der "${k[@]}" -text -noout >text
	grep -q "^Private-Key in a token: TSS2 PRIVATE KEY in token 'line1'" text || fail "text: $(cat text)"
	# Behind a certificate, with the lines of another system.
	cat crt "$f" | sed 's/$/\r/' >bundle
	must ossl pkey -in bundle "${k[@]}" -pubout | cmp - pub || fail "another key in the bundle"
	served "$f"
	must_fail 'stays in its token: no PKCS#8 or PKCS#12' ossl pkcs12 -export -inkey "$f" -in crt "${k[@]}" \
		-passout pass:x -out p12
}

# TLS by a server that knows a file only.
served() {
	serve ossl s_server -accept 127.0.0.1:0 -naccept 1 -www -key "$1" -pass pass:abc -cert crt
	must openssl s_client -connect "127.0.0.1:$port" -CAfile crt -verify_return_error </dev/null
	wait "$pid" || fail "the server ends with $?: $(cat server.log)"
}

ours() {
	must inro key generate --token line1 --label dev --type ec-p256
	must inro key export 'pkcs11:token=line1;object=dev;type=private' --tss2 --out ours.pem
	used ours.pem
	printf 'abc\n' >auth
	must inro key export 'pkcs11:token=line1;object=dev;type=private' --tss2 --auth-source auth --out locked.pem
	used locked.pem
}

theirs() {
	local home tpm2=(openssl genpkey -provider tpm2 -provider default)
	[[ -e $(openssl version -m | cut -d'"' -f2)/tpm2.so ]] || return 0
	must "${tpm2[@]}" -algorithm EC -pkeyopt group:P-256 -out primary.pem
	used primary.pem
	must "${tpm2[@]}" -algorithm EC -pkeyopt group:P-384 -pkeyopt parent:0x81000001 -out ec.pem
	used ec.pem
	must "${tpm2[@]}" -algorithm RSA -pkeyopt bits:2048 -pkeyopt user-auth:abc -out rsa.pem
	used rsa.pem
	must openssl pkeyutl -encrypt -pubin -inkey pub -in data -out box
	must ossl pkeyutl -decrypt -inkey rsa.pem -passin pass:abc -in box -out plain
	cmp plain data || fail "decrypted to something else"
	# Their own provider goes on reading their files, with and without a token of ours.
	for home in "$INRO_HOME" "$T/elsewhere"; do
		INRO_HOME=$home must foreign openssl pkey -provider tpm2 "${provider[@]}" -in primary.pem -text -noout >text
		! grep -q 'Private-Key in a token' text || fail "taken from the provider tpm2: $(cat text)"
	done
}

settings() {
	local more
	printf 'abc\n' >auth
	for more in "tss2-token = line1" "tss2-token = pkcs11:token=line1?pin-source=file:$T/pin"; do
		printf 'openssl_conf = i\n[i]\nproviders = p\n[p]\ninro = s\ndefault = d\n[d]\nactivate = 1\n' >cnf
		printf '[s]\nactivate = 1\npin = file:%s\n%s\ntss2-auth = file:%s\n' "$T/pin" "$more" "$T/auth" >>cnf
		printf '%s\n' "$pin" >pin
		OPENSSL_CONF=$T/cnf OPENSSL_MODULES=$B/lib must foreign env -u INRO_PIN openssl dgst -sha256 -sign locked.pem \
			-out sig data
	done
	sed -i 's/^tss2-token.*/tss2-token = nope/' cnf
	OPENSSL_CONF=$T/cnf OPENSSL_MODULES=$B/lib must_fail "loading a TSS2 PRIVATE KEY: no token 'nope'" \
		foreign openssl pkey -in locked.pem -noout
	# The program is asked for one thing: the file's value if it has one.
	unset INRO_PIN
	must ossl pkey -in ours.pem -passin "pass:$pin" -noout
	must_fail "token 'line1' needs its PIN" ossl pkey -in locked.pem -passin pass:abc -noout
	export INRO_PIN=$pin
	must_fail 'has an authorisation value: give the setting tss2-auth' ossl pkey -in locked.pem -noout
}

# What can't be read is said in one line, the first.
refusals() {
	sed 's/^M/!/' ours.pem >damaged.pem
	must_fail 'TSS2 PRIVATE KEY is damaged' ossl pkey -in damaged.pem -noout
	{
		head -1 ours.pem
		head -c 40000 /dev/zero | base64
		tail -1 ours.pem
	} >huge.pem
	must_fail 'a TSS2 PRIVATE KEY has at most 16384 bytes' ossl pkey -in huge.pem -noout
	INRO_HOME=$T/elsewhere must_fail 'no token' ossl pkey -in ours.pem -noout
	mkdir "$T/soft"
	INRO_HOME=$T/soft must "$B/bin/inro" token create plain
	INRO_HOME=$T/soft must_fail 'needs a token in a TPM, and there is none' ossl pkey -in ours.pem -noout
}

ours
theirs
settings
refusals
# Nothing of it is left in the token.
must inro key list --token line1 --login >keys
[[ $(grep -c 'dev' keys) == "$(grep -c . <(sed 1d keys))" ]] || fail "more than the key that was made: $(cat keys)"
