#!/usr/bin/env bash
# Every kind of key that signs as a CA's key in a token and as the key of a certificate, and every hash of a CA's
# signature: OpenSSL verifies certificate and revocation list, and all that a key bound to one hash signs.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
need curl jq
cd "$T" || exit
export INRO_PIN=123456 INRO_SO_PIN=87654321
must inro token create line1 >/dev/null

every='ec-p224 ec-p256 ec-p384 ec-p521 ec-secp256k1 ec-brainpool* rsa rsa-pss ed25519 ed448 ml-dsa-44 ml-dsa-65 ml-dsa-87 slh-dsa-*'
{
	printf '[profile]\nname = any-root\n[validity]\nperiod = 10y\n[key]\ntypes = %s\n' "$every"
	printf '[subject]\nallowed = CN\n[usage]\nkey_usage = keyCertSign cRLSign\n[constraints]\nca = yes\n'
} >any-root.ini
leaf() {
	printf '[profile]\nname = %s\n[validity]\nperiod = 1y\n[key]\ntypes = %s\n' "$1" "$every"
	printf 'hash = %s\npadding = %s\n[subject]\nallowed = CN\n' "$2" "$3"
	printf '[usage]\nkey_usage = digitalSignature\nkey_usage_rsa = keyEncipherment\nextended = clientAuth\n'
}
leaf any-leaf auto pkcs1 >any-leaf.ini
must inro profile add any-root.ini >/dev/null
must inro profile add any-leaf.ini >/dev/null
must inro profile export any-leaf again.ini >/dev/null
must cmp any-leaf.ini again.ini

# $1: of the CA's; $2: profile; $3: the request.  Certificate and list are what OpenSSL takes.
certified() {
	must inro cert issue --ca "$1" --profile "$2" --csr "$3" --out leaf.pem >/dev/null
	must openssl verify -CAfile "$1.pem" leaf.pem >/dev/null
	must inro cert lint leaf.pem --issuer "$1.pem" >/dev/null
}

listed() {
	must inro cert revoke "$(openssl x509 -in leaf.pem -noout -serial | cut -d= -f2)" --reason superseded >/dev/null
	must inro ca crl "$1" --out list.pem >/dev/null
	openssl crl -in list.pem -CAfile "$1.pem" -noout 2>&1 | has 'verify OK' || fail "$1: its list does not verify"
	openssl verify -crl_check -CAfile "$1.pem" -CRLfile list.pem leaf.pem >said 2>&1 && fail "$1: revoked, and good"
	has 'certificate revoked' said || fail "$1: its list does not revoke: $(cat said)"
}

# What this libcrypto lacks, and a token of it: refused by the token, with what it needs.
offered() {
	case $1 in
	ml-dsa-* | slh-dsa-*) openssl list -public-key-algorithms | has -i -- "$1" ;;
	esac
}

kinds=(ec-p224 ec-p256 ec-p384 ec-p521 ec-secp256k1 ec-brainpoolp224r1 ec-brainpoolp256r1 ec-brainpoolp320r1
	ec-brainpoolp384r1 ec-brainpoolp512r1 rsa-2048 rsa-pss-2048 ed25519 ed448 ml-dsa-65 slh-dsa-sha2-128f
	slh-dsa-shake-256f)
for kind in "${kinds[@]}"; do
	if ! offered "$kind"; then
		refused 1 "$kind are not offered by token 'line1'; with tokens of Inro they need OpenSSL 3.5" \
			inro ca create "$kind" --subject /CN=x --token line1 --type "$kind" --profile any-root
		continue
	fi
	must inro key generate --token line1 --label "$kind" --type "$kind" >/dev/null
	must inro csr create --key "pkcs11:token=line1;object=$kind;type=private" --subject "/CN=$kind" --out "$kind.csr" >/dev/null
	must openssl req -in "$kind.csr" -verify -noout >/dev/null
	must inro ca create "$kind" --subject "/CN=CA $kind" --token line1 --type "$kind" --label "ca-$kind" --profile any-root >/dev/null
	must inro ca show "$kind" --out "$kind.pem" >/dev/null
	must openssl verify -CAfile "$kind.pem" "$kind.pem" >/dev/null
	certified "$kind" any-leaf "$kind.csr"
	listed "$kind"
done

# A key that signs by PSS alone is one of id-RSASSA-PSS, gets no key usage but signing, and is looked for by its name.
openssl x509 -in rsa-pss-2048.pem -noout -text | has 'Public Key Algorithm: rsassaPss' || fail 'no id-RSASSA-PSS'
certified rsa-2048 any-leaf rsa-pss-2048.csr
openssl x509 -in leaf.pem -noout -text | has 'Key Encipherment' && fail 'a key for PSS alone enciphers'
[[ $(inro cert list --where key_type=rsa-pss-2048 | wc -l) -gt 1 ]] || fail 'not found by its type'

# Requests that openssl made by itself: its salt is as long as there is room for, or as the key says.
must openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss.key 2>/dev/null
must openssl req -new -key pss.key -subj /CN=pss -out pss.csr
certified ec-p256 any-leaf pss.csr
must openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha384 \
	-pkeyopt rsa_pss_keygen_mgf1_md:sha384 -pkeyopt rsa_pss_keygen_saltlen:48 -out bound.key 2>/dev/null
must openssl req -new -key bound.key -sha384 -subj /CN=bound -out bound.csr
certified ec-p256 any-leaf bound.csr
must inro key import bound.key --token line1 --label bound >/dev/null
must inro key show "pkcs11:token=line1;object=bound" --login >shown
grep -qE '^Type +rsa-pss-2048$' shown || fail "the bound key is another: $(cat shown)"
inro key show "pkcs11:token=line1;object=bound" | has -E '^Type +rsa-pss-2048$' || fail "another type without a login"
inro key list | has -E ' ca-rsa-pss-2048 +rsa-pss-2048 ' || fail "another type without a login: $(inro key list)"
inro key list | has -E ' ca-rsa-2048 +rsa-2048 ' || fail "another type without a login: $(inro key list)"

# A CA from elsewhere whose key has a salt that a token is not told of: the numbers of the key decide.
must openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_pss_keygen_md:sha256 \
	-pkeyopt rsa_pss_keygen_mgf1_md:sha256 -out short.key 2>/dev/null
must openssl req -x509 -new -key short.key -sha256 -days 100 -subj /CN=short -out short.pem \
	-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
must inro key import short.key --token line1 --label short >/dev/null
must inro ca import short --cert short.pem --key 'pkcs11:token=line1;object=short;type=private' >/dev/null
certified short any-leaf pss.csr
must inro key generate --token line1 --label other --type rsa-pss-3072 >/dev/null
refused 1 'is not the one in the certificate' inro ca import other --cert short.pem --key 'pkcs11:token=line1;object=other;type=private'

# The hashes.  OpenSSL has names for SHA-3 with ECDSA and RSA, and 3.0 verifies no certificate by them: it is
# given what was signed, and the signature.
signed_by() { # CA HASH [OPTION]...
	local ca=$1 hash=$2 at
	shift 2
	at=$(openssl asn1parse -in leaf.pem | awk -F: '/BIT STRING/ { n = $1 } END { print n + 0 }')
	must openssl asn1parse -in leaf.pem -strparse 4 -noout -out tbs.der
	openssl asn1parse -in leaf.pem -strparse "$at" -noout -out signature >/dev/null 2>&1 || true # what is in it is no DER
	must openssl x509 -in "$ca.pem" -noout -pubkey >ca.pub
	must openssl dgst "-$hash" -verify ca.pub "$@" -signature signature tbs.der >/dev/null
}

for hash in sha224 sha256 sha384 sha512 sha3-224 sha3-256 sha3-384 sha3-512; do
	leaf "any-$hash" "$hash" pkcs1 >hash.ini
	must inro profile add hash.ini >/dev/null
	for ca in ec-p256 rsa-2048 rsa-pss-2048; do
		options=()
		[[ $ca != rsa-pss-* ]] || options=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)
		must inro cert issue --ca "$ca" --profile "any-$hash" --csr ec-p384.csr --out leaf.pem >/dev/null
		must inro cert lint leaf.pem --issuer "$ca.pem" >/dev/null
		signed_by "$ca" "$hash" "${options[@]}"
		[[ $hash == sha3-* ]] || must openssl verify -CAfile "$ca.pem" leaf.pem >/dev/null
	done
done

# ---- one RSA key in three forms is one key ----

# $1: the form; the rest: lines of its AlgorithmIdentifier
as_form() {
	local form=$1
	shift
	{
		printf 'asn1=SEQUENCE:p8\n[p8]\nv=INTEGER:0\na=SEQUENCE:a\nk=FORMAT:HEX,OCTETSTRING:%s\n[a]\n' "$(od -An -v -tx1 numbers.der | tr -d ' \n')"
		printf '%s\n' "$@"
	} >form.cnf
	must openssl asn1parse -genconf form.cnf -noout -out form.der
	must openssl pkey -inform DER -in form.der -out "$form.key"
}
must openssl pkey -in bound.key -outform DER -out bound.der
must openssl asn1parse -inform DER -in bound.der -noout -out numbers.der \
	-strparse "$(openssl asn1parse -inform DER -in bound.der | awk -F: '/OCTET STRING/ { print $1 + 0 }')"
as_form plain oid=OID:rsaEncryption null=NULL
as_form unbound oid=OID:rsassaPss
for form in plain unbound; do
	must openssl req -new -key $form.key -subj "/CN=$form" -out $form.csr
done
{
	leaf once auto pkcs1
	printf '[renewal]\nreuse_key = no\n'
} >once.ini
must inro profile add once.ini >/dev/null
must inro device add one-a >/dev/null
must inro device add one-b >/dev/null
must inro cert issue --ca ec-p256 --profile any-leaf --device one-a --csr unbound.csr --out leaf.pem >/dev/null
for form in plain unbound bound; do
	pub=$(openssl pkey -in $form.key -pubout -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1)
	echo "$pub" >$form.known
	refused 1 'the profile wants a new key for each certificate' inro cert issue --ca ec-p256 --profile once --device one-a --csr $form.csr --out no.pem
	refused 1 "the key is that of device 'one-a'" inro cert issue --ca ec-p256 --profile any-leaf --device one-b --csr $form.csr --out no.pem
	leaf "known-$form" auto pkcs1 | sed "s|^hash = |blocklist = $T/plain.known\n&|" >known.ini
	must inro profile add known.ini >/dev/null
	refused 1 'a list of keys that others know' inro cert issue --ca ec-p256 --profile "known-$form" --device one-a --csr $form.csr --out no.pem
done
must inro cert issue --ca ec-p256 --profile any-leaf --device one-a --csr bound.csr --out leaf.pem >/dev/null
must inro cert list --where "key_sha256=$(<plain.known)" >said
[[ $(grep -c one-a said) == 2 ]] || fail "the key is not found by its hash: $(cat said)"
must inro cert revoke "$(openssl x509 -in leaf.pem -noout -serial | cut -d= -f2)" --reason keyCompromise >/dev/null
for form in plain unbound bound; do
	refused 1 'the key is compromised' inro cert issue --ca ec-p256 --profile any-leaf --device one-a --csr $form.csr --out no.pem
done
must inro db check >/dev/null

# ---- a CA whose key is bound to another hash: all that it signs is by that one ----

# $1: file; the rest: prints what is signed as text
by384() {
	local file=$1
	shift
	"$@" >said 2>&1 || fail "$*: $(cat said)"
	grep -A3 'Signature Algorithm: rsassaPss' said | has 'Hash Algorithm: *sha384' || fail "$file is not signed with SHA-384: $(cat said)"
}
must openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_pss_keygen_md:sha384 \
	-pkeyopt rsa_pss_keygen_mgf1_md:sha384 -pkeyopt rsa_pss_keygen_saltlen:48 -out ca384.key 2>/dev/null
must inro key import ca384.key --token line1 --label ca384 >/dev/null
uri='pkcs11:token=line1;object=ca384;type=private'
must openssl req -x509 -new -key ca384.key -sha384 -days 100 -subj /CN=ca384 -out ca384.pem \
	-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,digitalSignature,keyCertSign,cRLSign
must inro ca import ca384 --cert ca384.pem --key "$uri" >/dev/null
certified ca384 any-leaf pss.csr
by384 leaf.pem openssl x509 -in leaf.pem -noout -text
listed ca384
by384 list.pem openssl crl -in list.pem -noout -text
must inro csr create --key "$uri" --subject /CN=next --out next.csr
must openssl req -in next.csr -verify -noout
by384 next.csr openssl req -in next.csr -noout -text
refused 1 'signs with sha384 alone, not with sha256; a profile says "hash = auto"' \
	inro cert issue --ca ca384 --profile any-sha256 --csr pss.csr --out leaf.pem
must inro cert issue --ca ca384 --profile any-sha384 --csr pss.csr --out leaf.pem >/dev/null
# An audit's mark.
must inro audit sign --key "$uri" >/dev/null
must inro audit verify >/dev/null

make_office
must inro ca ocsp ca384 --signer ca >/dev/null
must inro device add dev-1 --json >one.json
start_server --label ca384
is_good() {
	openssl ocsp -issuer ca384.pem -cert leaf.pem -CAfile ca384.pem -url "$http/ocsp/ca384" -resp_text >said 2>&1 || true
	has 'leaf.pem: good' said
}
until_true is_good
has 'Response verify OK' said || fail "the answer is not verified: $(cat said)"
grep -A3 'Signature Algorithm: rsassaPss' said | head -4 | has 'Hash Algorithm: *sha384' || fail "not with SHA-384: $(cat said)"
# CMP: the first answer is protected by the pre-shared key, the second by the CA's.
at=(-server "${http#http://}" -path .well-known/cmp/p/ca384 -certout dev.pem)
openssl ecparam -name prime256v1 -genkey -noout -out dev.key
must openssl cmp -cmd ir "${at[@]}" -ref dev-1 -secret "pass:$(jq -r .psk one.json)" -newkey dev.key -subject /CN=dev-1 >said 2>&1
openssl ecparam -name prime256v1 -genkey -noout -out next.key
must openssl cmp -cmd kur "${at[@]/dev.pem/next.pem}" -cert dev.pem -key dev.key -newkey next.key -trusted ca384.pem -rspout answer.der >said 2>&1
must openssl verify -CAfile ca384.pem next.pem >/dev/null
openssl asn1parse -inform DER -in answer.der | # protectionAlg of the header
	awk '/d=[012] / { on = /d=2 .*cont \[ 1 \]/ } on' | has sha384 || fail "the CA's answer is not protected with SHA-384"
stop_server
