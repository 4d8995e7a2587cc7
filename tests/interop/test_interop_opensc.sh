#!/usr/bin/env bash
# OpenSC's pkcs11-tool: its own tests, what pkcs11-spy sees.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/interop/lib.sh"

# ---- its own tests ----

# It sleeps for 30 seconds when a thread still runs at its first look: this one's end is looked at last.
p11 --test-threads IN --list-slots >one.thread 2>&1 &
one_thread=$!

must user --keypairgen --key-type EC:prime256v1 --label ec --id 01 >/dev/null
must user --keypairgen --key-type rsa:2048 --label rsa --id 02 >/dev/null
# Without --allow-sw it looks for hardware only and tests next to nothing.
must user --allow-sw --test >said
grep -q '^No errors' "$T/err" "$T/out" || fail "--test: $(cat "$T/out" "$T/err")"
must user --session-rw --test-ec --id 11 --key-type EC:secp256r1 >said
grep -q 'Doing a signature' said || fail "--test-ec: $(cat said)"
must p11 --token-label t1 --test-fork >/dev/null
grep -q 'C_Initialize in forked child' "$T/out" "$T/err" || fail "--test-fork did nothing"
background threads foreign stdbuf -oL pkcs11-tool --module "$module" --test-threads ILGISLT0 --test-threads ILGISLT0
wait_for 'Test thread 0 returning rv = 0' threads
wait_for 'Test thread 1 returning rv = 0' threads
[[ $(grep -c 'C_GetSlotList returned CKR_OK' threads) == 4 ]] || fail "--test-threads: $(cat threads)"

# ---- a program that watches: it writes into the interface that it was given ----

spy=$(find /usr/lib -name pkcs11-spy.so | sed -n 1p)
[[ -n $spy ]] || fail "OpenSC has no pkcs11-spy.so here"
PKCS11SPY=$module PKCS11SPY_OUTPUT=$T/spy must foreign pkcs11-tool --module "$spy" --token-label t1 \
	--login --pin "$pin" --list-objects --type privkey >objects
[[ $(grep -c '^Private Key' objects) == 2 ]] || fail "the spy sees other keys: $(cat objects)"
grep -q 'C_GetInterface' spy || fail "the spy saw nothing: $(cat spy)"

# ---- secret keys: made, brought in, used; openssl agrees ----

head -c 4096 /dev/urandom >message
iv=000102030405060708090a0b0c0d0e0f
head -c 32 /dev/urandom >value
hex=$(od -An -v -tx1 value | tr -d ' \n')
must user --keygen --key-type AES:32 --id 0a --label made --usage-decrypt >/dev/null
must user --write-object value --type secrkey --key-type AES:32 --id 0b --label put --usage-decrypt >/dev/null
must user --keygen --key-type GENERIC:32 --id 0c --label mac --usage-sign >/dev/null
for mech in AES-ECB AES-CBC AES-CBC-PAD; do
	for id in 0a 0b; do
		must user --encrypt --mechanism "$mech" --iv "$iv" --id "$id" --input-file message --output-file sealed
		must user --decrypt --mechanism "$mech" --iv "$iv" --id "$id" --input-file sealed --output-file opened
		cmp -s message opened || fail "$mech: another text comes back"
	done
done
openssl enc -d -aes-256-cbc -K "$hex" -iv "$iv" -in sealed -out opened
cmp -s message opened || fail "openssl opens another text"
must user --sign --mechanism SHA256-HMAC --id 0c --input-file message --output-file mac
must user --verify --mechanism SHA256-HMAC --id 0c --input-file message --signature-file mac | has 'Signature is valid' ||
	fail "SHA256-HMAC: the token refuses its own MAC"
must user --hash --mechanism SHA512 --input-file message --output-file digest
openssl dgst -sha512 -binary message | cmp -s - digest || fail "another hash than openssl's"

# ---- Ed25519; RSA decrypts; keys of files ----

must user --keypairgen --key-type EC:edwards25519 --id 21 --label ed --usage-sign >/dev/null
head -c 500 message >short
must user --sign --mechanism EDDSA --id 21 --input-file short --output-file sig
must user --verify --mechanism EDDSA --id 21 --input-file short --signature-file sig | has 'Signature is valid' ||
	fail "EDDSA: the token refuses its own signature"
must user --keypairgen --key-type EC:curve25519 --id 22 --label x --usage-derive >/dev/null

must user --keypairgen --key-type rsa:2048 --id 23 --label door --usage-decrypt --usage-wrap >/dev/null
must user --read-object --type pubkey --id 23 --output-file door.der
head -c 40 message >short
must openssl pkeyutl -encrypt -pubin -keyform DER -inkey door.der -in short -out sealed
must user --decrypt --mechanism RSA-PKCS --id 23 --input-file sealed --output-file opened
cmp -s short opened || fail "RSA-PKCS: another text comes back"
must openssl pkeyutl -encrypt -pubin -keyform DER -inkey door.der -in short -out sealed \
	-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256
must user --decrypt --mechanism RSA-PKCS-OAEP --hash-algorithm SHA256 --mgf MGF1-SHA256 --id 23 \
	--input-file sealed --output-file opened
cmp -s short opened || fail "RSA-PKCS-OAEP: another text comes back"

must openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER -out ec.der
must openssl pkey -in ec.der -pubout -outform DER -out ec.pub
must user --write-object ec.der --type privkey --id 24 --label put --usage-sign >/dev/null
openssl dgst -sha256 -binary message >digest
must user --sign --mechanism ECDSA --signature-format openssl --id 24 --input-file digest --output-file sig
must openssl pkeyutl -verify -pubin -keyform DER -inkey ec.pub -in digest -sigfile sig >/dev/null

# ---- data ----

must user --write-object message --type data --label note --application-label test >/dev/null
must user --read-object --type data --label note --output-file back
cmp -s message back || fail "other data come back"
must user --delete-object --type data --label note
! user --read-object --type data --label note --output-file back >/dev/null 2>&1 || fail "deleted data are read"

# ---- wrapped, unwrapped, agreed on ----

must user --keygen --key-type AES:32 --id 31 --label box --usage-wrap >/dev/null
must user --keygen --key-type AES:32 --id 32 --label moved --usage-decrypt --extractable >/dev/null
must user --encrypt --mechanism AES-CBC-PAD --iv "$iv" --id 32 --input-file message --output-file sealed
number=33
for how in 'AES-KEY-WRAP 31' 'RSA-PKCS 23'; do
	read -r mech box <<<"$how"
	must user --wrap --mechanism "$mech" --id "$box" --application-id 32 --output-file wrapped >/dev/null
	must user --unwrap --mechanism "$mech" --id "$box" --input-file wrapped --key-type AES: --application-id "$number" \
		--application-label back --usage-decrypt >/dev/null
	must user --decrypt --mechanism AES-CBC-PAD --iv "$iv" --id "$number" --input-file sealed --output-file opened
	cmp -s message opened || fail "$mech: another key comes back"
	number=$((number + 1))
done
must user --keypairgen --key-type EC:prime256v1 --id 41 --label agree --usage-derive >/dev/null
must user --derive --mechanism ECDH1-DERIVE --id 41 --input-file ec.pub --output-file shared >/dev/null
[[ $(wc -c <shared) == 32 ]] || fail "ECDH: not 32 bytes"

wait "$one_thread" || fail "--test-threads: status $?: $(cat one.thread)"
grep -q 'Test thread 0 returning rv = 0' one.thread || fail "--test-threads: $(cat one.thread)"
