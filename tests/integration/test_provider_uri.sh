#!/usr/bin/env bash
# RFC 7512 in the pkcs11: store, attribute by attribute, well formed and not; and the URIs in reference files, whatever
# stands around them.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

odd_token='Tök 1/ä'
odd_key='käy ;=?/&%#+"[鍵]'

percent() { # every byte of it
	printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | sed 's/ /%/g'
}

gives() { # URI...
	must ossl pkey -noout -in "$1"
}
says() { # REGEX URI: in the first line
	must_fail "$1" ossl pkey -noout -in "$2"
	grep -m 1 ':error:' "$T/err" | has -E -- "$1" || fail "not the first line: $(cat "$T/err")"
}

# What pkcs11-tool shows of a slot, a token or the module.
shown() { # FILE NAME
	sed -n "s/^ *$2 *:\{0,1\} *//p" "$1" | sed -n 1p | sed 's/ *$//'
}

# Each attribute that chooses a token: right it finds the key, wrong it finds none.
choosing() {
	local name value slot='pkcs11:object=one;type=private'
	must p11 -L >slots
	must p11 -I >info
	awk '/^Slot/ { on = 0; head = $0 } /token label *: line1$/ { on = 1; print head >"slot" } on' slots >token
	while read -r name value; do
		[[ -n $value ]] || fail "pkcs11-tool does not show $name: $(cat slots info)"
		gives "$slot;$name=$(percent "$value")"
		says "no token" "$slot;$name=$(percent "~${value:1}")"
	done <<-END
		token line1
		manufacturer $(shown token 'token manufacturer')
		model $(shown token 'token model')
		serial $(shown token 'serial num')
		slot-description $(sed 's/^[^:]*: //; s/ *$//' slot)
		library-manufacturer $(shown info Manufacturer)
		library-description $(shown info Library | sed 's/ (ver .*//')
	END
	value=$(sed 's/.*(0x\([0-9a-f]*\)).*/\1/' slot)
	gives "$slot;slot-id=$((16#$value))"
	says "no token as the URI describes it in" "$slot;slot-id=$((16#$value + 1000))"
	value=$(shown info Library | sed 's/.*(ver \(.*\))$/\1/')
	gives "$slot;library-version=$value"
	says "no token as the URI describes it in" "$slot;token=line1;library-version=200.1"
	says "no token 'line2' in" "$slot;token=line2;library-version=200.1"
}

# Percent-encoding of anything, letters of any language, either case of hex digits and of the scheme.
encoded() {
	local t k
	t=$(percent "$odd_token") k=$(percent "$odd_key")
	gives "pkcs11:token=$t;object=$k;type=private"
	gives "pkcs11:token=${t^^};object=${k^^};type=private"
	gives "PKCS11:object=$k;token=$t"
	gives "pkcs11:token=$t;id=%0a;type=private?x-more=1&module-name=other&module-path=/nowhere.so"
	gives "pkcs11:token=$t;id=%0A"
	# What is written and read again is the same key.
	must ossl pkey -in "pkcs11:token=$t;object=$k" -out odd.pem
	must ossl pkey -in odd.pem -pubout -out odd.pub
	must ossl pkey -in "pkcs11:token=$t;object=$k" -pubout | cmp - odd.pub
	# A name is no pattern, and none begins another.
	says 'no such object' "pkcs11:token=$t;object=$(percent "${odd_key:0:3}")"
	says 'no such object' 'pkcs11:token=line1;object=ONE'
	says "no token" 'pkcs11:token=LINE1;object=one'
	# Empty values are values.
	says 'no such object' 'pkcs11:token=line1;object='
	says 'no such object' 'pkcs11:token=line1;id='
	says 'no token' 'pkcs11:token=;object=one'
}

malformed() {
	local u='pkcs11:token=line1;object=one' long
	says "'object' is given twice" "$u;object=one"
	says "'pin-source' is given twice" "$u?pin-source=a&pin-source=b"
	says 'both pin-source and pin-value' "$u?pin-source=a&pin-value=b"
	says "unknown attribute 'x-vendor'" "$u;x-vendor=1"
	says "unknown attribute 'Token'" 'pkcs11:Token=line1;object=one'
	says "'object' has a character that must be percent-encoded" 'pkcs11:object=o ne'
	says "'object' has a character that must be percent-encoded" 'pkcs11:object=one#x'
	says "'object' has a character that must be percent-encoded" 'pkcs11:object=käy'
	says "'object' has a % without two hex digits" 'pkcs11:object=one%4'
	says "'object' has a % without two hex digits" 'pkcs11:object=%zz'
	says "'object' has a zero byte in it" 'pkcs11:object=one%00'
	says 'is not NAME=VALUE' "$u;"
	says 'is not NAME=VALUE' 'pkcs11:;'
	says 'is not NAME=VALUE' 'pkcs11:one'
	says 'is not NAME=VALUE' 'pkcs11:=one'
	says "'type' is none of public, private, cert, secret-key, data" "$u;type=key"
	says "'slot-id' lacks a decimal number" "$u;slot-id=one"
	says "'slot-id' has more than a number" "$u;slot-id=1x"
	says "'slot-id' is larger than" "$u;slot-id=99999999999999999999"
	says "'library-version' has more than a number" "$u;library-version=1.2.3"
	says "'token' is longer than 32 bytes" "pkcs11:token=$(percent 123456789012345678901234567890123)"
	long=$(head -c 5000 /dev/zero | tr '\0' a)
	says 'a PKCS#11 URI of more than 4096 bytes' "pkcs11:object=$long"
	says "a pin-source that is a program is not run" "$u?pin-source=%7Cdate"
}

# type= chooses, and what the program asks for does.
types() {
	local u='pkcs11:token=line1;object=one'
	must ossl x509 -in "$u" -noout -subject >subject
	must ossl x509 -in "$u;type=cert" -noout -subject | cmp - subject
	must ossl pkey -pubin -in "$u;type=public" -noout
	must ossl pkey -pubin -in "$u;type=private" -noout
	says 'is of something else, and a private key is asked for' "$u;type=cert"
	says 'is of something else, and a private key is asked for' "$u;type=public"
	must_fail 'is of something else, and a certificate is asked for' ossl x509 -in "$u;type=private" -noout
	says 'is of a type that OpenSSL has no object for' "$u;type=secret-key"
	says 'is of a type that OpenSSL has no object for' "$u;type=data"
	# Nothing but the token: everything in it, and one key is not chosen among two.
	must ossl storeutl -noout 'pkcs11:token=line1' >list
	grep -q '^Total found: 5$' list || fail "not two pairs and a certificate: $(cat list)"
	says '2 private keys match; name one of: pkcs11:.* pkcs11:' 'pkcs11:token=line1'
	says "the key may be in any of the tokens '.*', '.*': say which with token=LABEL" 'pkcs11:'
	# One that shows a public key of the name is taken.
	gives 'pkcs11:object=one'
	# Certificate and key by name, as a server is given them.
	serve ossl s_server -accept 127.0.0.1:0 -naccept 1 -www -cert "$u;type=cert" -key "$u"
	must openssl s_client -connect "127.0.0.1:$port" -CAfile one.crt -verify_return_error </dev/null
	wait "$pid" || fail "the server ends with $?: $(cat server.log)"
}

# A reference that somebody else has written: reference URI FILE
reference() {
	printf 'asn1 = SEQUENCE:s\n[s]\na = VISIBLESTRING:PKCS\\#11 Provider URI v1.0\nb = FORMAT:UTF8,UTF8String:%s\n' "$1" >asn1
	must openssl asn1parse -genconf asn1 -out asn1.der -noout
	{
		echo '-----BEGIN PKCS#11 PROVIDER URI-----'
		openssl base64 -in asn1.der
		echo '-----END PKCS#11 PROVIDER URI-----'
	} >"$2"
}

files() {
	local f
	reference 'pkcs11:token=line1;object=one' one.pem
	reference 'pkcs11:token=line1;object=two' two.pem
	must ossl pkey -in one.pem -pubout -out one.pub
	must ossl pkey -in two.pem -pubout -out two.pub
	sed 's/$/\r/' one.pem >crlf.pem
	{
		printf 'Some words\n\n=====\n'
		cat one.crt one.pem
	} >text.pem
	{
		cat one.pem
		head -c 5000 /dev/urandom
		printf '\n-----BEGIN\n-----END NOTHING'
	} >garbage.pem
	{
		head -c 3000000 /dev/zero | tr '\0' 'x' | fold -w 200
		echo
		cat one.pem
	} >huge.pem
	{ # in one line
		head -1 one.pem
		sed '/^-/d' one.pem | tr -d '\n'
		printf '\n'
		tail -1 one.pem
	} >line.pem
	cat one.pem two.pem >both.pem
	for f in crlf text garbage huge line both; do
		must ossl pkey -in "$f.pem" -pubout | cmp - one.pub || fail "another key in $f.pem"
	done
	must ossl storeutl -noout both.pem >list
	grep -q '^Total found: 2$' list || fail "not both references: $(cat list)"
	reference 'pkcs11:token=line1;object=one;type=public' public.pem
	must ossl pkey -pubin -in public.pem -pubout | cmp - one.pub
	reference 'pkcs11:token=line1;object=one;type=cert' cert.pem
	says 'is of something else, and a private key is asked for' cert.pem
	reference 'pkcs11:token=line1;object=nope' nope.pem
	says "no such object in token 'line1'" nope.pem
	reference 'pkcs11:token=line1;object=one;tken=x' bad.pem
	says "unknown attribute 'tken'" bad.pem
	reference 'http://example.org' http.pem
	says "a PKCS#11 URI begins with 'pkcs11:'" http.pem
	reference "pkcs11:token=line1;object=$(head -c 3000 /dev/zero | tr '\0' a)" long.pem
	says "no such object" long.pem
	reference "pkcs11:object=$(head -c 9000 /dev/zero | tr '\0' a)" long.pem
	says "a PKCS#11 PROVIDER URI has at most 8192 bytes" long.pem
	sed '$d' one.pem >cut.pem
	gives cut.pem
	sed '2s/^..../=abc/' one.pem >base64.pem
	says 'PKCS#11 PROVIDER URI is damaged|reference is damaged' base64.pem
	sed '2d' one.pem >short.pem
	says 'PKCS#11 PROVIDER URI is damaged|reference is damaged' short.pem
}

check_module() {
	make_token line1
	make_token "$odd_token"
	make_key line1 EC:prime256v1 one 01
	make_key line1 EC:prime256v1 two 02
	make_key "$odd_token" EC:prime256v1 "$odd_key" 0a
	make_cert "$(uri one)" one one.crt
	must openssl x509 -in one.crt -outform DER -out one.der
	must p11 --token-label line1 --login --pin "$pin" --write-object one.der --type cert --label one --id 01
	choosing
	encoded
	malformed
	types
	files
}

each_module
