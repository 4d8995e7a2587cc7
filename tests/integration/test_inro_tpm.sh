#!/usr/bin/env bash
# Keys in a TPM by commands: evidence, challenges, keys wrapped for a TPM and moved, tokens rebuilt.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

for tool in swtpm swtpm_setup swtpm_localca tpm2_getcap; do
	command -v $tool >/dev/null || skip "$tool is not installed"
done
cd "$T"
export INRO_PIN=123456 INRO_SO_PIN=87654321 INRO_PASSPHRASE=geheimnis

# ---- TPMs with certificates of a CA of ours ----

new_ca() { # new_ca DIR
	mkdir "$1"
	cat >"$1/ca.conf" <<-END
		statedir = $T/$1
		signingkey = $T/$1/signkey.pem
		issuercert = $T/$1/issuercert.pem
		certserial = $T/$1/certserial
	END
	printf -- '--platform-manufacturer Test\n--platform-version 1\n--platform-model Test\n' >"$1/ca.options"
	cat >"$1/setup.conf" <<-END
		create_certs_tool = $(command -v swtpm_localca)
		create_certs_tool_config = $T/$1/ca.conf
		create_certs_tool_options = $T/$1/ca.options
		active_pcr_banks = sha256
	END
}
declare -A tpm_pid
start_tpm() { # start_tpm NAME
	background "$1.log" swtpm socket --tpm2 --tpmstate "dir=$T/$1" --server "type=unixio,path=$T/$1.sock" \
		--ctrl "type=unixio,path=$T/$1.sock.ctrl" --flags not-need-init,startup-clear
	tpm_pid[$1]=$pid
	until_true test -S "$1.sock"
}
new_tpm() { # new_tpm NAME CA
	local as=
	[[ $(id -u) != 0 ]] || as='--runas root'
	mkdir "$1"
	# shellcheck disable=SC2086 # two words
	must swtpm_setup --tpm2 --tpmstate "$T/$1" --create-ek-cert --config "$T/$2/setup.conf" --overwrite $as >/dev/null
	start_tpm "$1"
}
has_none() { # NAME KIND
	[[ -z $(TPM2TOOLS_TCTI=swtpm:path=$T/$1.sock tpm2_getcap "$2") ]]
}
empty() { # empty NAME: nothing of ours is in the TPM
	local kind
	for kind in handles-transient handles-loaded-session handles-saved-session; do
		within_time has_none "$1" "$kind" || fail "$kind are left in $1"
	done
}

new_ca ca
new_ca other-ca
new_tpm a ca
new_tpm b ca
new_tpm c other-ca
mkdir roots other-roots
cp ca/issuercert.pem ca/swtpm-localca-rootca-cert.pem roots/
cp other-ca/issuercert.pem other-ca/swtpm-localca-rootca-cert.pem other-roots/
echo "nothing to be read" >roots/README
for t in a b c; do
	must inro token create $t --backend tpm --tcti "swtpm:path=$T/$t.sock" >/dev/null
	must inro key generate --token $t --label key >/dev/null
done
inro token show a | has '^TPM  *tcti=.*model=' || fail "the TPM's facts are not shown"
inro key show 'pkcs11:token=a;object=key' --login | has '^Place  *tpm$' || fail "the key's place is not shown"

# ---- evidence ----

nonce=00112233445566778899aabbccddeeff
key=pkcs11:token=a\;object=key
must inro key attest "$key" --nonce $nonce --out ev.json >/dev/null
refused 1 'has not answered a challenge|is not proven|No such|no such' inro attest verify ev.json --nonce $nonce --roots roots --known known
: >known
refused 1 'not answered a challenge' inro attest verify ev.json --nonce $nonce --roots roots --known known
must inro attest challenge ev.json --roots roots --secret-out secret --out challenge >/dev/null
[[ $(stat -c %a secret) == 600 ]] || fail "the secret can be read by others"
refused 1 'another TPM|another attestation key' inro attest answer challenge --token b
must inro attest answer challenge --token a --out answer >/dev/null
tr 0-9 1-90 <answer >wrong
refused 1 'the answer is wrong' inro attest enroll ev.json --secret secret --answer wrong --known known
must inro key attest 'pkcs11:token=b;object=key' --nonce $nonce --out ev-b.json >/dev/null
refused 1 'another TPM' inro attest enroll ev-b.json --secret secret --answer answer --known known
[[ ! -s known ]] || fail "a key was enrolled all the same"
must inro attest enroll ev.json --secret secret --answer answer --known known >/dev/null
must inro attest enroll ev.json --secret secret --answer answer --known known >/dev/null
[[ $(wc -l <known) == 1 ]] || fail "one attestation key, one line"
read -r ak ek <known

must inro attest verify ev.json --nonce $nonce --roots roots --known known --key "$key" >/dev/null
must inro attest verify ev.json --nonce $nonce --roots roots --ak "$ak" --ek "$ek" --json >found.json
grep -q '"model": "swtpm"' found.json || fail "the maker's words are missing: $(cat found.json)"
inro key export "$key" >key.pem
inro key attest "$key" --nonce $nonce | must inro attest verify - --nonce $nonce --roots roots --known known --key key.pem >/dev/null
inro key attest "$key" --nonce $nonce --json | must inro attest verify - --nonce $nonce --roots roots --known known >/dev/null
# the certificates of the roots may be DER
mkdir der
for f in issuercert swtpm-localca-rootca-cert; do openssl x509 -in ca/$f.pem -outform DER -out der/$f.der; done
must inro attest verify ev.json --nonce $nonce --roots der --known known >/dev/null

# an old nonce, another key, another TPM, another maker, a folder without certificates
refused 1 'not an answer to this nonce' inro attest verify ev.json --nonce ff$nonce --roots roots --known known
refused 1 'another key than the one' inro attest verify ev.json --nonce $nonce --roots roots --known known --key pkcs11:token=b\;object=key
refused 1 'not answered a challenge' inro attest verify ev-b.json --nonce $nonce --roots roots --known known
refused 1 'another attestation key' inro attest verify ev-b.json --nonce $nonce --roots roots --ak "$ak" --ek "$ek"
refused 2 'goes with --ek' inro attest verify ev.json --nonce $nonce --roots roots --ak "$ak"
# the word of a TPM that is enrolled, with the certificate of another one beside it
{
	sed '/"certificates":/,$d' ev.json | sed "s|.*\"ek\":.*|$(grep '"ek":' ev-b.json)|"
	sed -n '/"certificates":/,$p' ev-b.json
} >mixed.json
refused 1 'of another TPM|not answered a challenge' inro attest verify mixed.json --nonce $nonce --roots roots --known known
refused 1 'of another TPM' inro attest verify mixed.json --nonce $nonce --roots roots --ak "$ak" --ek "$ek"
refused 1 'vouches for this TPM' inro attest verify ev.json --nonce $nonce --roots other-roots --known known
mkdir none
refused 1 'no certificate of a TPM maker' inro attest verify ev.json --nonce $nonce --roots none --known known
must inro key attest 'pkcs11:token=c;object=key' --nonce $nonce --out ev-c.json >/dev/null
refused 1 'vouches for this TPM' inro attest challenge ev-c.json --roots roots --secret-out s --out c.pem
[[ ! -e s && ! -e c.pem ]] || fail "a challenge for an unknown TPM"

# a chain that is forged: same names, another CA's keys
openssl req -x509 -newkey rsa:2048 -nodes -keyout fake.key -subj /CN=swtpm-localca -days 9 -out fake.pem 2>/dev/null
sed -n '/"certificates"/,/]/p' ev.json | sed -n 's/^ *"\([^"]*\)",\{0,1\}$/\1/p' | sed -n 1p | base64 -d >ek.der
openssl x509 -inform DER -in ek.der -pubkey -noout >ek.pub.pem
openssl x509 -new -force_pubkey ek.pub.pem -CA fake.pem -CAkey fake.key -subj /CN=unknown -days 9 -outform DER -out forged.der 2>/dev/null
python3 - "$(base64 -w0 forged.der)" <<-'END'
	import json, sys
	doc = json.load(open("ev.json"))
	doc["certificates"] = [sys.argv[1]]
	json.dump(doc, open("forged.json", "w"))
END
refused 1 'vouches for this TPM' inro attest verify forged.json --nonce $nonce --roots roots --known known

# a token that has nothing but its TPM tells the TPM's sizes
must inro token create bare --backend tpm --tcti libtpms: --only-tpm >/dev/null
foreign pkcs11-tool --module "$B/lib/inro-pkcs11.so" --token-label bare -M >mechanisms 2>&1
has 'ECDSA, keySize={256,' <mechanisms || fail "P-224 in a TPM: $(cat mechanisms)"
has 'RSA-PKCS-KEY-PAIR-GEN, keySize={2048,3072}' <mechanisms || fail "other sizes of RSA: $(cat mechanisms)"
has 'GENERIC-SECRET-KEY-GEN, keySize={256,512}' <mechanisms || fail "other sizes of secrets: $(cat mechanisms)"
must inro token delete bare >/dev/null

# a software key has no evidence, and one sealed by the TPM has none
must inro token create soft >/dev/null
must inro key generate --token soft --label key >/dev/null
must inro key generate --token a --label sealed --place tpm-sealed >/dev/null
refused 1 'no TPM' inro key attest 'pkcs11:token=soft;object=key' --nonce $nonce
refused 1 'not in the TPM' inro key attest 'pkcs11:token=a;object=sealed' --nonce $nonce
refused 1 'no TPM' inro token root soft --out x
refused 1 'no TPM|TPM in which' inro key generate --token soft --label tpm --place tpm
refused 2 '8 to 64 bytes' inro key attest "$key" --nonce 0011
empty a

# ---- keys wrapped on a machine without a TPM ----

id_of() { # id_of TOKEN LABEL: pkcs11-tool takes no label for what it uses
	inro key show "pkcs11:token=$1;object=$2" --login --json | sed -n 's/.*"id": "\(.*\)".*/\1/p'
}
sign() { # sign TOKEN LABEL PUBLIC MECHANISM: the token's key signs, and the file's public key says so
	echo message >m
	foreign pkcs11-tool --module "$B/lib/inro-pkcs11.so" --token-label "$1" --login --pin $INRO_PIN --id "$(id_of "$1" "$2")" --sign \
		--mechanism "$4" --signature-format openssl -i m -o sig >/dev/null 2>"$T/err" || fail "$2 does not sign: $(cat "$T/err")"
	openssl dgst -sha256 -verify "$3" -signature sig m >/dev/null || fail "$2's signature is not good"
}
command -v pkcs11-tool >/dev/null || skip "pkcs11-tool is not installed"
must inro token root a --out a.root >/dev/null
TPM2TOOLS_TCTI=swtpm:path=$T/a.sock tpm2_readpublic -Q -c 0x81000001 -o tools.root
cmp a.root tools.root || fail "the root is not as tpm2-tools write it"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem 2>/dev/null
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem 2>/dev/null
printf 0123456789abcdef0123456789abcdef >secret.bin
(
	export INRO_HOME=$T/nothing INRO_MODULE=/nowhere
	for k in ec rsa; do
		must inro key wrap-for a.root --in $k.pem --out $k.tss >/dev/null
		openssl pkey -in $k.pem -pubout -out $k.pub
	done
	echo password >auth
	must inro key wrap-for a.root --in secret.bin --secret hmac-sha256 --auth-source auth --out h.tss >/dev/null
	must inro key wrap-for a.root --in secret.bin --secret aes --out aes.tss >/dev/null
	refused 1 'no keys of the kind' inro key wrap-for a.root --in secret.bin --secret chacha20
	refused 1 'no public area' inro key wrap-for ec.pem --in ec.pem
	[[ ! -e $T/nothing ]] || fail "wrapping leaves something in INRO_HOME"
)
[[ $(stat -c %a ec.tss) == 600 ]] || fail "a wrapped key can be read by others"
must inro key import --wrapped ec.tss --token a --label ec >/dev/null
must inro key import --wrapped rsa.tss --token a --label rsa >/dev/null
must inro key import --wrapped aes.tss --token a --label aes >/dev/null
refused 1 'auth value is another' inro key import --wrapped h.tss --token a --label h --secret hmac-sha256
must inro key import --wrapped h.tss --token a --label h --secret hmac-sha256 --auth-source auth >/dev/null
refused 1 'not made for the storage root|does not take' inro key import --wrapped ec.tss --token b --label ec
refused 1 'no TPM' inro key import --wrapped ec.tss --token soft --label ec
sign a ec ec.pub ECDSA-SHA256
sign a rsa rsa.pub SHA256-RSA-PKCS
inro key show 'pkcs11:token=a;object=ec' --login >shown
grep -q '^Made in the token  *no$' shown || fail "an imported key says that it was made here"
foreign pkcs11-tool --module "$B/lib/inro-pkcs11.so" --token-label a --login --pin $INRO_PIN --id "$(id_of a h)" --sign --mechanism SHA256-HMAC \
	-i m -o mac >/dev/null 2>&1 || fail "the HMAC key makes no MAC"
openssl mac -digest SHA256 -macopt "hexkey:$(xxd -p -c 64 secret.bin)" -binary -in m HMAC >want
cmp mac want || fail "the MAC is another one"
# evidence says that it came from outside
must inro key attest 'pkcs11:token=a;object=ec' --nonce $nonce --out ev-ec.json >/dev/null
refused 1 'was not made there' inro attest verify ev-ec.json --nonce $nonce --roots roots --known known
must inro attest verify ev-ec.json --nonce $nonce --roots roots --known known --imported >/dev/null

# ---- out again: for the same TPM, by tpm2-openssl; and to another ----

if [[ -e $(openssl version -m | cut -d'"' -f2)/tpm2.so ]]; then
	must inro key export 'pkcs11:token=a;object=key' --tss2 --out key.tss >/dev/null
	openssl dgst -sha256 -binary -out h m
	TPM2OPENSSL_TCTI=swtpm:path=$T/a.sock must openssl pkeyutl -provider tpm2 -provider default -propquery '?provider=tpm2' \
		-sign -inkey key.tss -in h -pkeyopt digest:sha256 -out sig >/dev/null
	openssl dgst -sha256 -verify key.pem -signature sig m >/dev/null || fail "tpm2-openssl signs with another key"
	TPM2OPENSSL_TCTI=swtpm:path=$T/a.sock must openssl genpkey -provider tpm2 -provider default -algorithm EC \
		-pkeyopt group:P-256 -pkeyopt parent:0x81000001 -out theirs.tss >/dev/null
	TPM2OPENSSL_TCTI=swtpm:path=$T/a.sock must openssl pkey -provider tpm2 -provider default -in theirs.tss -pubout -out theirs.pub
	must inro key import --wrapped theirs.tss --token a --label theirs >/dev/null
	sign a theirs theirs.pub ECDSA-SHA256
fi
refused 1 'software|not in the TPM|no TPM' inro key export 'pkcs11:token=soft;object=key' --tss2
refused 2 'auth-source goes with' inro key export 'pkcs11:token=a;object=key' --auth-source auth
must inro token root b --out b.root >/dev/null
refused 1 'not made duplicable' inro key export 'pkcs11:token=a;object=key' --to b.root
must inro key generate --token a --label moving --place tpm --duplicable >/dev/null
inro key export 'pkcs11:token=a;object=moving' >moving.pub
must inro key export 'pkcs11:token=a;object=moving' --to b.root --out moving.tss --auth-source auth >/dev/null
refused 1 'not made for the storage root|does not take' inro key import --wrapped moving.tss --token a --label back --auth-source auth --id 77
must inro key import --wrapped moving.tss --token b --label moved --auth-source auth >/dev/null
sign b moved moving.pub ECDSA-SHA256
sign a moving moving.pub ECDSA-SHA256
must inro key attest 'pkcs11:token=a;object=moving' --nonce $nonce --out ev-m.json >/dev/null
refused 1 'may be moved|was not made' inro attest verify ev-m.json --nonce $nonce --roots roots --known known
# and on from there
must inro key export 'pkcs11:token=b;object=moved' --to a.root --out on.tss >/dev/null
empty a
empty b

# ---- a lost database is no lost key ----

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out agrees.pem
must inro key import agrees.pem --token a --label agrees --usage derive >/dev/null
refused 1 'stays in the token' inro key export 'pkcs11:token=a;object=agrees;type=private' --tss2
must inro token backup a --out a.backup >/dev/null
lose() { # the token's records go, and nothing else
	local file
	file=$(inro token show "$1" --json | sed -n 's/.*"path": "\(.*\)".*/\1/p')
	rm "$file"*
}
lose a
must inro token rebuild a.backup >rebuilt
grep -Eq '^key .* yes +yes' rebuilt || fail "a key in the TPM does not work: $(cat rebuilt)"
grep -Eq '^agrees .* yes +yes' rebuilt || fail "a key that is not given out does not work: $(cat rebuilt)"
grep -Eq '^sealed .* no +yes' rebuilt || fail "a sealed key does not work: $(cat rebuilt)"
sign a key key.pem ECDSA-SHA256
refused 1 'already' inro token rebuild a.backup
# another TPM in its place: nothing is made
lose a
INRO_PIN=654321 refused 1 'wrong|PIN' inro token rebuild a.backup
cp a.backup other.backup
kill "${tpm_pid[a]}"
wait "${tpm_pid[a]}" || true
mv a a.gone
rm -f a.sock a.sock.ctrl
mkdir a
start_tpm a
refused 1 'storage root|cleared|not the one' inro token rebuild other.backup
[[ $(inro token list --json | grep -c '"label": "a"') == 0 ]] || fail "a token was made from another TPM's backup"
empty b
