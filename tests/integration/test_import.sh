#!/usr/bin/env bash
# Tokens of SoftHSM's become ours: every key with its id, label and limits, whole or not at all.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

module=
for f in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
	[[ -e $f ]] && module=$f
done
[[ -n $module ]] || skip "SoftHSM is not installed"
command -v softhsm2-util >/dev/null || skip "softhsm2-util is not installed"
command -v pkcs11-tool >/dev/null || skip "pkcs11-tool is not installed"

cd "$T"
mkdir old
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$T/old" >softhsm2.conf
export SOFTHSM2_CONF=$T/softhsm2.conf
export INRO_PIN=123456 INRO_SO_PIN=87654321

old() {
	pkcs11-tool --module "$module" --token-label "$token" --login --pin 123456 "$@"
}
new() {
	foreign pkcs11-tool --module "$B/lib/inro-pkcs11.so" --token-label "$token" --login --pin 123456 "$@"
}
value() { # value KEY: of the JSON on standard input
	sed -n "s/.*\"$1\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},\\{0,1\\}\$/\\1/p" | sed -n 1p
}
nothing_left() {
	[[ $(inro token list --json) == "[]" ]] || fail "$1: there is a token: $(inro token list)"
	[[ ! -d $INRO_HOME || -z $(find "$INRO_HOME" -maxdepth 1 -name '.import-*') ]] || fail "$1: something is left"
}

# ---- SoftHSM's token: keys brought in and made there, a certificate, data ----

token=line1
softhsm2-util --init-token --free --label line1 --pin 123456 --so-pin 87654321 >/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem 2>/dev/null
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem 2>/dev/null
softhsm2-util --import ec.pem --token line1 --label "ec key" --id 0a01 --pin 123456 >/dev/null
softhsm2-util --import rsa.pem --token line1 --label "rsa key" --id 0a02 --pin 123456 >/dev/null
must old --keypairgen --key-type rsa:2048 --id 0a03 --label made --usage-sign --extractable \
	--allowed-mechanisms SHA256-RSA-PKCS,SHA384-RSA-PKCS >/dev/null
must old --read-object --type pubkey --id 0a03 --output-file made.der >/dev/null
must old --keypairgen --key-type EC:edwards25519 --id 0a04 --label "ed key" --usage-sign >/dev/null
must old --keygen --key-type AES:32 --id 0a05 --label "aes key" --sensitive --private >/dev/null
must old --keygen --key-type GENERIC:32 --id 0a06 --label "mac key" --usage-sign --extractable >/dev/null
openssl req -new -x509 -key rsa.pem -subj /CN=old -days 30 -outform DER -out cert.der 2>/dev/null
must old --write-object cert.der --type cert --id 0a02 --label "rsa key" >/dev/null
echo "some data" >data
must old --write-object data --type data --label note --application-label app --private >/dev/null
openssl pkey -in ec.pem -pubout -outform DER -out ec.der
openssl pkey -in rsa.pem -pubout -outform DER -out rsa.der

find old -type f -exec sha256sum {} + | sort >before

# ---- refused, and nothing made ----

mkdir empty
refused 1 "no SoftHSM token" inro token import --softhsm empty
INRO_PIN=123457 refused 1 "PIN of SoftHSM's token 'line1'" inro token import --softhsm old
INRO_SO_PIN=12345678 refused 1 "SO PIN of SoftHSM's token 'line1'" inro token import --softhsm old
refused 1 "no token 'other', but 'line1'" inro token import --softhsm old --token other
nothing_left "wrong PINs"

mkdir damaged
cp -r old/* damaged
victim=$(find damaged -name '*.object' ! -name token.object | sort | sed -n 2p)
truncate -s -3 "$victim"
inro token import --softhsm damaged 2>err && fail "a damaged store is taken"
[[ $(tail -n 1 err) == *"1 of 12 objects of SoftHSM's token 'line1' can't be taken"* ]] || fail "$(cat err)"
grep -q "not taken: an object ($(basename "$victim")): it ends within " err || fail "$(cat err)"
nothing_left "a damaged object"

# ---- whole ----

must inro token import --softhsm old >said
find old -type f -exec sha256sum {} + | sort | cmp - before || fail "SoftHSM's store was changed"
grep -q '^line1  *4  *4  *2  *1  *1  *0$' said || fail "it says: $(cat said)"
[[ -z $(find "$INRO_HOME" -maxdepth 1 -name '.import-*') ]] || fail "the stage is left"

sign_and_verify() { # sign_and_verify ID MECHANISM PUBLIC-DER: signed by the new token, judged by the old key
	must new --sign --mechanism "$2" --id "$1" --input-file digest --output-file sig --signature-format openssl >/dev/null
	openssl pkeyutl -verify -pubin -inkey "$3" -keyform DER -in digest -sigfile sig \
		${4:+-pkeyopt} ${4:+"$4"} >/dev/null || fail "$1: the old public key refuses the signature"
}
head -c 32 /dev/urandom >digest
sign_and_verify 0a01 ECDSA ec.der
head -c 1000 /dev/urandom >message
for id in 0a02 0a03; do
	must new --sign --mechanism SHA256-RSA-PKCS --id "$id" --input-file message --output-file sig >/dev/null
	[[ $id == 0a02 ]] && public=rsa.der || public=made.der
	openssl pkey -pubin -inform DER -in "$public" -out public.pem
	openssl dgst -sha256 -verify public.pem -signature sig message >/dev/null ||
		fail "$id: the old public key refuses the signature"
done

# What is the same each time: the old token's answer is the new one's.
alike() { # alike WHAT OPTIONS ...
	local what=$1
	shift
	must old "$@" --input-file digest --output-file old.out >/dev/null
	must new "$@" --input-file digest --output-file new.out >/dev/null
	cmp old.out new.out || fail "$what: another key"
}
alike Ed25519 --sign --mechanism EDDSA --id 0a04
alike AES --encrypt --mechanism AES-CBC-PAD --iv 000102030405060708090a0b0c0d0e0f --id 0a05
alike HMAC --sign --mechanism SHA256-HMAC --id 0a06
new --sign --mechanism SHA512-RSA-PKCS --id 0a03 --input-file message --output-file sig 2>err &&
	fail "a mechanism that was not allowed is"

show() { # show OBJECT KEY
	inro key show "pkcs11:token=line1;object=$1" --login --json | value "$2"
}
[[ $(show "ec%20key" id) == 0a01 ]] || fail "the EC key has another id"
[[ $(show "ec%20key" extractable) == false ]] || fail "a key that could not leave now can"
[[ $(show made extractable) == true ]] || fail "an extractable key is not any more"
[[ $(show made made_here) == false ]] || fail "an imported key says that it was made here"
[[ $(show "rsa%20key" certificate) == true ]] || fail "the certificate is not beside its key"
must new --read-object --type cert --id 0a02 --output-file cert.out >/dev/null
cmp cert.der cert.out || fail "another certificate"
must new --read-object --type data --label note --output-file data.out >/dev/null
cmp data data.out || fail "other data"
pkcs11-tool --module "$module" --token-label line1 --list-objects --type data 2>/dev/null | has note &&
	fail "SoftHSM shows private data, the test proves nothing"
foreign pkcs11-tool --module "$B/lib/inro-pkcs11.so" --token-label line1 --list-objects --type data 2>/dev/null |
	has note && fail "private data is not private any more"

INRO_NEW_PIN=2468101214 must inro token pin unblock line1 >/dev/null # the SO PIN is the old one, too
refused 1 "there is a token 'line1' already" inro token import --softhsm old
must inro token delete line1 >/dev/null

# ---- a choice; what can't be taken ----

token=line2
softhsm2-util --init-token --free --label line2 --pin 123456 --so-pin 87654321 >/dev/null
openssl dsaparam -genkey -out dsa.pem 1024 2>/dev/null
openssl pkcs8 -topk8 -nocrypt -in dsa.pem -out dsa8.pem
softhsm2-util --import dsa8.pem --token line2 --label "dsa key" --id 0d --pin 123456 >/dev/null
softhsm2-util --import ec.pem --token line2 --label "ec key" --id 0e --pin 123456 >/dev/null
refused 1 "has 2 tokens: 'line[12]', 'line[12]'; choose" inro token import --softhsm old
inro token import --softhsm old --token line2 2>err && fail "a DSA key is taken"
[[ $(wc -l <err) == 3 ]] || fail "not one line each: $(cat err)"
grep -q "not taken: private key 'dsa key', CKK_DSA, id 0d" err || fail "$(cat err)"
nothing_left "a key that can't be taken"
must inro token import --softhsm old --token line2 --skip-unsupported --json >said
[[ $(value not_taken <said) == 2 && $(value private_keys <said) == 1 ]] || fail "it says: $(cat said)"
sign_and_verify 0e ECDSA ec.der
must inro token delete line2 >/dev/null
must inro token import --softhsm old --all --skip-unsupported >/dev/null
[[ $(inro token list --json | grep -c '"label"') == 2 ]] || fail "not both"
must inro token delete line1 >/dev/null
must inro token delete line2 >/dev/null

# ---- the page's own lines ----

awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on' "$S/docs/howto/migrate-softhsm.md" >lines
[[ $(grep -c '^inro ' lines) == 3 ]] || fail "the page has other lines: $(cat lines)"
sed -i "s#/var/lib/softhsm/tokens#$T/old#; s#^inro #must inro #" lines
# shellcheck source=/dev/null
. ./lines >said
grep -q '^line1  *ec key' said || fail "the page's lines show: $(cat said)"
must inro token delete line1 >/dev/null

# ---- on a terminal it shows how far it is ----

must script -qec "'$B/bin/inro' token import --softhsm old --token line1" /dev/null >said
grep -qE '[0-9]+ of 12 objects' said || fail "no progress: $(cat said)"
must inro token delete line1 >/dev/null

# ---- killed at any time: the whole token or none ----

whole=0
for i in $(seq 1 30); do
	status=0
	timeout -s KILL "0.$(printf '%03d' $((i * 23)))" "$B/bin/inro" token import --softhsm old --token line1 >/dev/null 2>&1 ||
		status=$?
	have=$(inro token list --json | value objects)
	[[ -z $have || $have == 12 ]] || fail "round $i: a token with $have objects"
	[[ $status != 0 || -n $have ]] || fail "round $i: it was told that it is there, and it is not"
	if [[ -n $have ]]; then
		whole=$((whole + 1))
		must inro token delete line1 >/dev/null
	fi
done
must inro token import --softhsm old --token line1 >/dev/null
[[ -z $(find "$INRO_HOME" -maxdepth 1 -name '.import-*') ]] || fail "what was killed is left"
echo "$whole of 30 were whole"
