#!/usr/bin/env bash
# Keys of files and of NSS databases come into a token with their certificates, or not at all.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

cd "$T"
export INRO_PIN=123456 INRO_SO_PIN=87654321
must inro token create t >/dev/null

value() { # value KEY: of the JSON on standard input
	sed -n "s/.*\"$1\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},\\{0,1\\}\$/\\1/p" | sed -n 1p
}
objects() {
	inro token show t --json | value objects
}
same() { # same LABEL FILE: the token's public key is that of the file's key
	inro key export "pkcs11:token=t;object=$1" >exported
	openssl pkey -in "$2" -pubout | cmp - exported || fail "$1 is another key than $2"
}

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem 2>/dev/null
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem 2>/dev/null
openssl req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout ca.key -subj "/CN=The CA" \
	-days 30 -out ca.pem 2>/dev/null
for k in ec rsa; do
	openssl req -new -key $k.pem -subj "/CN=$k cert" -out $k.csr 2>/dev/null
	openssl x509 -req -in $k.csr -CA ca.pem -CAkey ca.key -days 20 -out $k.crt 2>/dev/null
done

# ---- every form of a key file ----

openssl ec -in ec.pem -out sec1.pem 2>/dev/null
openssl ec -in ec.pem -outform DER -out sec1.der 2>/dev/null
openssl rsa -in rsa.pem -traditional -out pkcs1.pem 2>/dev/null
openssl rsa -in rsa.pem -traditional -aes256 -passout pass:geheim -out pkcs1-enc.pem 2>/dev/null
openssl pkcs8 -topk8 -nocrypt -in rsa.pem -outform DER -out p8.der
openssl pkcs8 -topk8 -in ec.pem -v2 aes-256-cbc -passout pass:geheim -out p8-enc.pem
openssl pkcs8 -topk8 -in rsa.pem -v2 aes-256-cbc -passout pass:geheim -outform DER -out p8-enc.der
grep -q 'BEGIN EC PRIVATE' sec1.pem || fail "openssl writes another form of EC keys"
grep -q 'BEGIN RSA PRIVATE' pkcs1.pem || fail "openssl writes another form of RSA keys"
echo geheim >pass
n=10
for f in ec.pem sec1.pem sec1.der pkcs1.pem pkcs1-enc.pem p8.der p8-enc.pem p8-enc.der; do
	n=$((n + 1))
	must inro key import "$f" --token t --label "$f" --id $n --passphrase-source pass --json >made.json
	[[ $(value id <made.json) == "$n" && $(value certificates <made.json) == 0 ]] || fail "$f: $(cat made.json)"
	case $f in
	ec* | sec1* | p8-enc.pem) same "$f" ec.pem ;;
	*) same "$f" rsa.pem ;;
	esac
	must inro key delete "pkcs11:token=t;id=%$n" >/dev/null
done
# What openssl and others write around a key: the curve before it, in PEM and as DER; attributes and other text;
# lines that end as on Windows, or are as long as the key; headers that say no more than words.
named='\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07'
{
	printf '%s\n' "-----BEGIN EC PARAMETERS-----" BggqhkjOPQMBBw== "-----END EC PARAMETERS-----"
	cat sec1.pem
} >curve.pem
printf '%b' "$named" | cat - sec1.der >curve.der
printf 'Bag Attributes\n    friendlyName: mine\nKey Attributes: <No Attributes>\n' | cat - rsa.pem >bag.pem
sed 's/$/\r/' pkcs1-enc.pem >crlf-enc.pem
sed 's/$/\r/' p8-enc.pem >crlf-p8-enc.pem
printf '\357\273\277' | cat - rsa.pem >mark.pem
awk '/^---/ { if (NR > 1) print ""; print; next } { printf "%s", $0 } ' rsa.pem >long.pem
sed '1a Comment: of the station\n' rsa.pem >words.pem
for f in curve.pem curve.der bag.pem crlf-enc.pem crlf-p8-enc.pem mark.pem long.pem words.pem; do
	must inro key import "$f" --token t --label "$f" --passphrase-source pass >/dev/null
	case $f in
	curve* | crlf-p8*) same "$f" ec.pem ;;
	*) same "$f" rsa.pem ;;
	esac
	must inro key delete "pkcs11:token=t;object=$f" >/dev/null
done
must inro key import --in ec.pem --token t --label piped </dev/null >/dev/null
must inro key delete 'pkcs11:token=t;object=piped' >/dev/null
must inro key import - --token t --label piped <ec.pem >/dev/null
id=$(openssl pkey -in ec.pem -pubout -outform DER | tail -c 65 | sha1sum | cut -d' ' -f1)
[[ $(inro key show 'pkcs11:token=t;object=piped' --json | value id) == "$id" ]] || fail "the id is not SHA-1 of the key"
must inro key delete 'pkcs11:token=t;object=piped' >/dev/null
[[ $(objects) == 0 ]] || fail "something stayed"

# ---- PKCS#12: the key, its certificate, the chain ----

openssl pkcs12 -export -inkey rsa.pem -in rsa.crt -certfile ca.pem -name "web server" -passout pass:geheim -out new.p12
must inro key import new.p12 --token t --passphrase-source pass --json >made.json
[[ $(value label <made.json) == "web server" && $(value certificates <made.json) == 2 ]] || fail "$(cat made.json)"
same "web%20server" rsa.pem
[[ $(objects) == 4 ]] || fail "not a pair and two certificates: $(objects)"
inro key list --token t --json >list.json
grep -q '"label": "The CA"' list.json || fail "the CA is not there under its name"
inro key show 'pkcs11:token=t;object=web%20server' --login --json >show.json
[[ $(value certificate <show.json) == true && $(value extractable <show.json) == false ]] || fail "$(cat show.json)"
must inro csr create --key 'pkcs11:token=t;object=web%20server' --subject /CN=x --out x.csr >/dev/null
openssl req -in x.csr -verify -noout 2>/dev/null || fail "the imported key signs nothing"

# The same again is refused and takes nothing away; what came with it stays out.
refused 1 "has a key with that id already" inro key import new.p12 --token t --passphrase-source pass
openssl pkcs12 -export -inkey rsa.pem -in rsa.crt -certfile ec.crt -name again -passout pass:geheim -out more.p12
refused 1 "has a key with that id already" inro key import more.p12 --token t --passphrase-source pass
[[ $(objects) == 4 ]] || fail "a refused import changed something: $(objects)"
must inro key delete 'pkcs11:token=t;object=web%20server' >/dev/null
[[ $(objects) == 1 ]] || fail "the CA's certificate should be left: $(objects)"

# Files of older programs are under RC2 and triple DES.
if openssl pkcs12 -export -legacy -inkey ec.pem -in ec.crt -passout pass:geheim -out old.p12 2>/dev/null; then
	must inro key import --p12 old.p12 --token t --passphrase-source pass --label old >/dev/null
	same old ec.pem
	must inro key delete 'pkcs11:token=t;object=old' >/dev/null
fi
# GnuTLS's certtool writes it in PEM; many rounds are no hindrance, endless ones are told of before they are spent.
openssl pkcs12 -export -inkey ec.pem -in ec.crt -iter 600000 -passout pass:geheim -out slow.p12
{
	echo "-----BEGIN PKCS12-----"
	base64 -w 64 slow.p12
	echo "-----END PKCS12-----"
} >slow.pem
must inro key import slow.pem --token t --passphrase-source pass --label slow --json >made.json
[[ $(value certificates <made.json) == 1 ]] || fail "$(cat made.json)"
same slow ec.pem
must inro key delete 'pkcs11:token=t;object=slow' >/dev/null
openssl pkcs8 -topk8 -in ec.pem -scrypt -scrypt_N 2 -scrypt_r 1 -scrypt_p 1 -passout pass:geheim -outform DER -out s.der
xxd -p s.der | tr -d '\n' | sed 's/020102020101020101/020102020101020180/' | xxd -r -p >endless.der
cmp -s s.der endless.der && fail "openssl writes scrypt's numbers in another way"
refused 1 "would take more than the 20000000 rounds" inro key import endless.der --token t --label x </dev/null
openssl pkcs12 -export -inkey ec.pem -in ec.crt -passout pass: -out empty.p12
must inro key import empty.p12 --token t >said </dev/null
grep -q "'ec cert' is in the token" said || fail "it says: $(cat said)"

# ---- PEM with certificates; certificates alone ----

cat rsa.pem rsa.crt ca.pem >bundle.pem
must inro key import bundle.pem --token t --label bundle --id aa01 --json >made.json
[[ $(value certificates <made.json) == 2 && $(objects) == 7 ]] || fail "$(cat made.json), $(objects) objects"
must inro key import rsa.crt --token t --label alone --id bb --json >made.json
[[ $(value type <made.json) == certificate && $(value id <made.json) == bb ]] || fail "$(cat made.json)"
openssl x509 -in rsa.crt -pubkey -noout >want
inro key export 'pkcs11:token=t;object=alone' | cmp - want || fail "another certificate"

# ---- what it may do ----

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out other.pem 2>/dev/null
must inro key import other.pem --token t --label free --extractable --usage decrypt --usage sign >/dev/null
inro key show 'pkcs11:token=t;object=free' --login >shown
grep -q '^Use  *sign, decrypt$' shown || fail "$(cat shown)"
grep -q '^Extractable  *yes$' shown || fail "$(cat shown)"

# ---- the curves of RFC 8410 ----

for curve in ED25519 ED448 X25519 X448; do
	openssl genpkey -algorithm $curve -out $curve.pem
	must inro key import $curve.pem --token t --label $curve --json >made.json
	[[ $(value type <made.json) == "${curve,,}" ]] || fail "$(cat made.json)"
done
refused 1 "has a key with that id already" inro key import ED25519.pem --token t --label x
id=$(inro key show 'pkcs11:token=t;object=ED25519' --json | value id)
must foreign pkcs11-tool --module "$B/lib/inro-pkcs11.so" --token-label t --login --pin 123456 --sign \
	--mechanism EDDSA --id "$id" --input-file pass --output-file got >/dev/null
openssl pkeyutl -verify -rawin -inkey ED25519.pem -in pass -sigfile got >/dev/null || fail "another Ed25519 key"
[[ $(inro key show 'pkcs11:token=t;object=X25519' --login | sed -n 's/^Use  *//p') == derive ]] || fail "X25519 may do other things"

# ---- secret keys: octets or hex digits, judged by openssl ----

new() {
	foreign pkcs11-tool --module "$B/lib/inro-pkcs11.so" --token-label t --login --pin 123456 "$@"
}
head -c 32 /dev/urandom >raw
od -An -tx1 raw | tr -d ' \n' >hex
must inro key import raw --token t --secret aes --label "aes key" --id ae >/dev/null
must inro key import hex --token t --secret hmac-sha256 --hex --label "mac key" --id ac --json >made.json
[[ $(value id <made.json) == ac ]] || fail "$(cat made.json)"
inro key show 'pkcs11:token=t;object=aes%20key' --login --json | has '"extractable": false' || fail "a secret key may leave"
iv=000102030405060708090a0b0c0d0e0f
must new --encrypt --mechanism AES-CBC-PAD --iv $iv --id ae --input-file pass --output-file got >/dev/null
openssl enc -aes-256-cbc -K "$(cat hex)" -iv $iv -in pass | cmp - got || fail "another AES key"
must new --sign --mechanism SHA256-HMAC --id ac --input-file pass --output-file got >/dev/null
openssl dgst -sha256 -mac hmac -macopt "hexkey:$(cat hex)" -binary pass | cmp - got || fail "another HMAC key"
refused 1 "that label already" inro key import raw --token t --secret aes --label "aes key"
refused 1 "that id already" inro key import raw --token t --secret aes --label x --id ae
refused 1 "not hex digits" inro key import raw --token t --secret aes --hex --label x
refused 1 "." inro key import pass --token t --secret aes --label x
refused 2 "does not go with --nss" inro key import --nss . --nickname x --secret aes --token t
refused 2 "how a --secret is written" inro key import hex --hex --token t

# ---- refused ----

before=$(objects)
refused 1 "the passphrase is another" env INRO_PASSPHRASE=falsch "$B/bin/inro" key import p8-enc.der --token t --label x
refused 1 "no passphrase for file 'new.p12'" setsid "$B/bin/inro" key import new.p12 --token t
refused 1 "the key has no name of its own; give --label" inro key import sec1.pem --token t
refused 1 "neither a private key" inro key import x.csr --token t --label x
head -c 200 /dev/urandom >junk
refused 1 "neither a private key" inro key import junk --token t --label x
sed 's/^/ /' rsa.pem >indented.pem
sed '$d' rsa.pem >endless.pem
tr -d '\n' <rsa.pem >line.pem
head -c 100 rsa.pem >cut.pem
for f in indented endless line cut; do
	refused 1 "'$f.pem': its PEM is broken" inro key import $f.pem --token t --label x
done
openssl pkey -in rsa.pem -pubout -out half.pem
refused 1 "only 'PUBLIC KEY'" inro key import half.pem --token t --label x
if command -v keytool >/dev/null; then
	keytool -genseckey -alias s -keyalg AES -keysize 128 -storetype PKCS12 -keystore secret.p12 -storepass 123456 2>/dev/null
	INRO_PASSPHRASE=123456 refused 1 "only 'PKCS12'" inro key import secret.p12 --token t --label x
fi
printf '%b' "$named" >curve-alone.der
refused 1 "only 'EC PARAMETERS'" inro key import curve-alone.der --token t --label x
head -c 5 /dev/zero | cat p8.der - >more.der
refused 1 "the 5 octets behind what could be read are no key" inro key import more.der --token t --label x
{
	echo "-----BEGIN OPENSSH PRIVATE KEY-----"
	base64 junk
	echo "-----END OPENSSH PRIVATE KEY-----"
} >openssh
refused 1 "ssh-keygen -p -m PKCS8" inro key import openssh --token t --label x
openssl ecparam -name prime256v1 -param_enc explicit -genkey -noout -out explicit.pem
refused 1 "only named curves are taken" inro key import explicit.pem --token t --label x
: >none
refused 1 "it has 0 octets" inro key import none --token t --label x
cat ec.pem other.pem >two.pem
refused 1 "more than one private key" inro key import two.pem --token t --label x
cat other.pem ca.pem >wrong.pem
refused 1 "none of the certificates in the file is the key's" inro key import wrong.pem --token t --label x
openssl genpkey -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -out dsa.pem 2>/dev/null ||
	openssl dsaparam -genkey -noout -out dsa.pem 1024 2>/dev/null
refused 1 "." inro key import dsa.pem --token t --label x
refused 2 "a key comes from one place" inro key import --token t
refused 2 "a key comes from one place" inro key import ec.pem --p12 new.p12 --token t
refused 2 "go together" inro key import --nss nssdb --token t
refused 1 "no NSS database" inro key import --nss "$T" --nickname x --token t
[[ $(objects) == "$before" ]] || fail "a refused import left something: $before, $(objects)"

# ---- killed: never a key without its certificates ----

must inro token create k >/dev/null
for i in $(seq 1 20); do
	timeout -s KILL "0.$(printf '%03d' $((i * 9)))" "$B/bin/inro" key import bundle.pem --token k --label b \
		>/dev/null 2>&1 || true
	inro key list --token k --login --json >list.json
	if grep -q '"sign"' list.json; then
		[[ $(inro token show k --json | value objects) == 4 ]] || fail "round $i: a key without its certificates"
		must inro key delete 'pkcs11:token=k;object=b' >/dev/null
	fi
done
inro key list --token k --login --json | has '"sign"' || must inro key import bundle.pem --token k --label b >/dev/null
[[ $(inro token show k --json | value objects) == 4 ]] || fail "the last import did not complete the others"

# ---- NSS ----

if ! command -v pk12util >/dev/null || ! command -v certutil >/dev/null; then
	echo "without NSS: pk12util or certutil is not installed"
	exit 0
fi
mkdir nssdb locked
head -c 64 /dev/urandom >noise
certutil -N -d sql:nssdb --empty-password
certutil -S -d sql:nssdb -n "nss rsa" -s CN=a -x -t ,, -z noise -k rsa -g 2048 >/dev/null 2>&1
echo nsspin >nsspin
certutil -N -d sql:locked -f nsspin
certutil -S -d sql:locked -f nsspin -n "nss ec" -s CN=b -x -t ,, -z noise -k ec -q nistp256 >/dev/null 2>&1
must inro key import --nss nssdb --nickname "nss rsa" --token t >/dev/null
must inro key import --nss locked --nickname "nss ec" --nss-pin-source nsspin --token t --label moved >/dev/null
certutil -L -d sql:nssdb -n "nss rsa" -a | openssl x509 -pubkey -noout >want
inro key export 'pkcs11:token=t;object=nss%20rsa' | cmp - want || fail "another RSA key than NSS has"
certutil -L -d sql:locked -n "nss ec" -a | openssl x509 -pubkey -noout >want
inro key export 'pkcs11:token=t;object=moved' | cmp - want || fail "another EC key than NSS has"
[[ $(inro key show 'pkcs11:token=t;object=moved' --login --json | value certificate) == true ]] || fail "no certificate"
before=$(objects)
refused 1 "certutil -K -d nssdb" inro key import --nss nssdb --nickname nobody --token t
echo falsch >nsspin
refused 1 "'nss ec' in the NSS database 'locked'" setsid "$B/bin/inro" key import --nss locked --nickname "nss ec" \
	--nss-pin-source nsspin --token t --label x
[[ $(objects) == "$before" ]] || fail "a refused import left something"

# ---- the page's own lines ----

mkdir page
cp -r nssdb pass page
cp new.p12 page/server.p12
cp ec.pem page/key.pem
head -c 32 /dev/urandom >page/wrap.key
cd page
must inro token create line1 >/dev/null
awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on' "$S/docs/howto/import-keys.md" >lines
[[ $(grep -c '^inro ' lines) == 6 ]] || fail "the page has other lines: $(cat lines)"
sed -i 's/"web server"/"nss rsa"/; s/^inro /must inro /' lines
# shellcheck source=/dev/null
. ./lines >said
openssl pkey -pubin -in web.pub -noout || fail "the page's last line writes no public key"
[[ $(inro token show line1 --json | value objects) == 10 ]] || fail "the page's lines make other objects"
