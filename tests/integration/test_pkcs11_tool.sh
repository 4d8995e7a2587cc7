#!/usr/bin/env bash
# OpenSC's pkcs11-tool on our module: initialise, PINs, pairs, sign, verify, its own test.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

cd "$T"
p11() {
	foreign pkcs11-tool --module "$B/lib/inro-pkcs11.so" "$@"
}
user() {
	p11 --token-label t1 --login --pin 123456 "$@"
}

# ---- one empty slot, then a token in it and the next empty one ----

must p11 --list-slots | has 'uninitialized' || fail "no empty slot is shown"
must p11 --init-token --slot 1 --label t1 --so-pin 87654321
INRO_PIN=123456 refused 1 "no user PIN is set yet.*'inro token pin unblock'" inro key generate --token t1 --label k
inro token show t1 | has '^PIN tries left  *-$' || fail "tries of a PIN that is not set: $(inro token show t1)"
must p11 --init-pin --token-label t1 --so-pin 87654321 --pin 123456
must p11 --list-slots >slots
[[ $(grep -c '^Slot' slots) == 2 ]] || fail "not two slots: $(cat slots)"
[[ $(grep -c 'uninitialized' slots) == 1 ]] || fail "not one empty slot: $(cat slots)"
grep -q 'token label *: t1$' slots || fail "the token has no label: $(cat slots)"

# ---- pairs ----

head -c 5000 /dev/urandom >message
openssl dgst -sha256 -binary message >digest
openssl dgst -sha384 -binary message >digest384

# pkcs11-tool 0.23 uses freed memory when it writes an EC public key to a file, of any module: the
# point that it lists is put behind the head of a SubjectPublicKeyInfo by hand.
p256_head=3059301306072a8648ce3d020106082a8648ce3d030107034200
p384_head=3076301006072a8648ce3d020106052b81040022036200
read_ec() { # read_ec ID POINT-PREFIX HEAD: the prefix, tag and length, tells the curves apart
	local point
	point=$(user --list-objects --type pubkey 2>/dev/null | sed -n "s/^ *EC_POINT: *$2//p")
	# shellcheck disable=SC2059 # the bytes are the format
	printf "$(printf '%s%s' "$3" "$point" | sed 's/../\\x&/g')" >"$1.der"
}

pair() { # pair TYPE ID
	must user --keypairgen --key-type "$1" --id "$2" --label "key $2" >made
	grep -q 'sensitive, always sensitive, never extractable, local' made || fail "$1 is not kept: $(cat made)"
	case $1 in
	*256*) read_ec "$2" 0441 "$p256_head" ;;
	*384*) read_ec "$2" 0461 "$p384_head" ;;
	*) must user --read-object --type pubkey --id "$2" --output-file "$2.der" ;;
	esac
}
sign() { # sign MECHANISM ID INPUT OPTIONS: signs, and the token itself takes the signature
	local mech=$1 id=$2 input=$3
	shift 3
	rm -f sig
	must user --sign --mechanism "$mech" --id "$id" --input-file "$input" --output-file sig "$@" >/dev/null
	must user --verify --mechanism "$mech" --id "$id" --input-file "$input" --signature-file sig "$@" |
		has 'Signature is valid' || fail "$mech: the token refuses its own signature"
}

pair EC:prime256v1 01
pair EC:secp384r1 02
pair rsa:2048 03

# ---- what the token signs, openssl verifies ----

sign ECDSA 01 digest --signature-format openssl
must openssl pkeyutl -verify -pubin -keyform DER -inkey 01.der -in digest -sigfile sig >/dev/null
sign ECDSA-SHA256 01 message --signature-format openssl
must openssl dgst -sha256 -verify 01.der -keyform DER -signature sig message >/dev/null
sign ECDSA-SHA384 02 message --signature-format openssl
must openssl dgst -sha384 -verify 02.der -keyform DER -signature sig message >/dev/null
sign SHA256-RSA-PKCS 03 message
must openssl dgst -sha256 -verify 03.der -keyform DER -signature sig message >/dev/null
sign SHA384-RSA-PKCS-PSS 03 message
must openssl dgst -sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:48 -verify 03.der \
	-keyform DER -signature sig message >/dev/null
sign RSA-PKCS-PSS 03 digest384 --hash-algorithm SHA384
must openssl pkeyutl -verify -pubin -keyform DER -inkey 03.der -in digest384 -sigfile sig \
	-pkeyopt digest:sha384 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:48 >/dev/null

# ---- a wrong signature, a wrong PIN, SHA-1 for programs that still ask for it ----

user --sign --mechanism SHA256-RSA-PKCS --id 03 --input-file message --output-file sig >/dev/null 2>&1
printf x >>message
if user --verify --mechanism SHA256-RSA-PKCS --id 03 --input-file message --signature-file sig >out 2>&1 &&
	! grep -q 'Invalid signature' out; then
	fail "a changed message verifies: $(cat out)"
fi
if p11 --token-label t1 --login --pin 654321 --list-objects >out 2>&1; then
	fail "a wrong PIN logs in"
fi
grep -q CKR_PIN_INCORRECT out || fail "a wrong PIN gives: $(cat out)"
user --sign --mechanism SHA1-RSA-PKCS --id 03 --input-file message --output-file sig >/dev/null 2>&1
must openssl dgst -sha1 -verify 03.der -keyform DER -signature sig message >/dev/null

# ---- what is seen: nothing private before the login ----

must user --list-objects >after
must p11 --token-label t1 --list-objects >before
[[ $(grep -c '^Private Key' after) == 3 && $(grep -c '^Public Key' after) == 3 ]] || fail "not three pairs: $(cat after)"
[[ $(grep -c '^Private Key' before) == 0 && $(grep -c '^Public Key' before) == 3 ]] || fail "seen before the login: $(cat before)"

# ---- its own test, PIN changes, deletion, initialising anew ----

must user --test >test.out 2>&1
grep -q '^No errors' test.out || fail "pkcs11-tool --test: $(cat test.out)"
must p11 --token-label t1 --login --pin 123456 --change-pin --new-pin 'neue Öse'
must p11 --token-label t1 --login --pin 'neue Öse' --delete-object --type privkey --id 01
must p11 --token-label t1 --login --pin 'neue Öse' --list-objects --type privkey >left
[[ $(grep -c '^Private Key' left) == 2 ]] || fail "the key is still there: $(cat left)"
if p11 --init-token --slot 1 --label t2 --so-pin 00000000 >out 2>&1; then
	fail "a wrong SO PIN initialises the token anew"
fi
must p11 --init-token --slot 1 --label t2 --so-pin 87654321
must p11 --slot 1 --list-objects >left
[[ ! -s left ]] || fail "objects are left after C_InitToken: $(cat left)"

# ---- certificates of one id: the one that is named goes ----

must p11 --slot 1 --init-pin --login --login-type so --so-pin 87654321 --pin 123456
for n in 1 2 3; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout c.key -subj "/CN=c$n" -days 1 -outform DER -out "c$n.der" 2>/dev/null
	label=c$((n < 3 ? 1 : 2))
	must p11 --token-label t2 --login --pin 123456 --write-object "c$n.der" --type cert --id 0102 --label $label
done
export INRO_PIN=123456
several='pkcs11:token=t2;id=%01%02;type=cert'
refused 1 "token 't2' has 3 certificates with id 0102 \('c1', 'c1', 'c2'\): name one by object=LABEL, too, or give --all" inro key delete "$several" --yes
refused 1 "2 certificates with id 0102 and label 'c1': give --all" inro key delete "$several;object=c1" --yes
refused 2 "--all is for certificates" inro key delete 'pkcs11:token=t2;id=%01%02' --all --yes
must inro key delete "$several;object=c2" --yes | has '\(1 object\)' || fail "not the one alone"
[[ $(p11 --token-label t2 --list-objects --type cert | grep -c '^Certificate') == 2 ]] || fail "not two are left"
must inro key delete "$several" --all --yes | has '\(2 objects\)' || fail "not both"
[[ -z $(p11 --token-label t2 --list-objects --type cert 2>/dev/null) ]] || fail "certificates are left"
