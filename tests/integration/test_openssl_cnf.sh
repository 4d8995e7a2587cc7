#!/usr/bin/env bash
# docs/howto/openssl-cnf.md as it stands there, with what cmake --install puts into a tree of its own; each error line
# that it names comes where it says.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

page=$S/docs/howto/openssl-cnf.md
D=$T/dest
DESTDIR=$D cmake --install "$B" --prefix /usr >"$T/log" 2>&1 || fail "$(cat "$T/log")"
snippet=$D/usr/share/inro/openssl-inro.cnf
machine=$D/usr/share/inro/openssl-inro-machine.cnf
providers=$(pkg-config --variable=modulesdir libcrypto)
[[ -s $snippet && -s $machine ]] || fail "not both of openssl-inro.cnf and openssl-inro-machine.cnf are installed"
grep -q "^module = $providers/inro.so\$" "$snippet" || fail "another path: $(cat "$snippet")"
# --prefix is another one than was configured: what names installed files by their paths follows it.
grep -q '^\.include /usr/share/inro/openssl-inro.cnf$' "$machine" || fail "it does not take in the other one: $(cat "$machine")"
for f in "$snippet" "$machine"; do
	has "include /usr/share/inro/${f##*/}\$" <"$f" || fail "it does not say where it is: $(cat "$f")"
done
for unit in inro-serve inro-agent; do
	grep -q '^ExecStart=/usr/bin/inro ' "$D/usr/lib/systemd/system/$unit.service" ||
		fail "$unit starts another program: $(cat "$D/usr/lib/systemd/system/$unit.service")"
done
# The installation's own paths are in another folder here.
sed -i "s#= $providers/#= $D$providers/#; s#^\.include .*#.include $snippet#" "$snippet" "$machine"

# block LANGUAGE N: the N'th block of this language, with this test's folders.
block() {
	awk -v lang="\`\`\`$1" -v want="$2" '/^```/ { on = 0; if ($0 == lang && ++n == want) on = 1; next } on' "$page" |
		sed -e "s#/usr/local/share/inro/#${snippet%/*}/#" -e "s#/etc/inro#$T/etc#g" \
			-e "s#/var/lib/inro#$T/home#g"
}

export INRO_PIN=$pin INRO_SO_PIN=$so_pin PATH=$D/usr/bin:$PATH
INRO_MODULE=$D$(pkg-config --variable=p11_module_path p11-kit-1)/inro-pkcs11.so
export INRO_MODULE
mkdir "$T/etc"
cd "$T"
block sh 1 >commands
must foreign bash -eu commands >said
[[ $(stat -c %a etc/pin) == 400 ]] || fail "the PIN's file has mode $(stat -c %a etc/pin)"
unset INRO_PIN

# Both providers, and a key by the settings.
active() { # CONFIGURATION
	OPENSSL_CONF=$1 must foreign openssl list -providers >listed
	[[ $(grep -c 'status: active' listed) == 2 ]] || fail "$1: not two providers: $(cat listed)"
}
works() {
	active "$1"
	OPENSSL_CONF=$1 must foreign openssl pkey -in 'pkcs11:object=web' -noout
}

# The installed files by themselves have no settings of a token.
for f in "$snippet" "$machine"; do
	active "$f"
	OPENSSL_CONF=$f must foreign openssl pkey -in 'pkcs11:object=web;type=public' -pubin -noout
done
block ini 1 >etc/openssl.cnf
block own 1 >etc/own.cnf
{
	cat /etc/ssl/openssl.cnf
	block machine 1
} >etc/machine.cnf
grep -qx "\.include $machine" etc/openssl.cnf etc/machine.cnf || fail "a server has another file: $(cat etc/openssl.cnf)"
grep -qx "\.include $snippet" etc/own.cnf || fail "who makes keys has another file: $(cat etc/own.cnf)"
for name in openssl own machine; do
	works "$T/etc/$name.cnf"
done
# What the machine's file said before is still there.
OPENSSL_CONF=$T/etc/machine.cnf must foreign openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout file.key -subj /CN=file -out file.csr
grep -q 'PRIVATE KEY' file.key || fail "a software key is written as $(head -1 file.key)"
for n in 2 3; do
	block sh $n >commands
	must foreign env "OPENSSL_CONF=$T/etc/openssl.cnf" bash -eu commands >said
done
must openssl verify -CAfile etc/web.crt etc/web.crt

# openssl itself reads every reference, makes keys in the token and has its secret keys, whichever file is taken.
for name in openssl own machine; do
	OPENSSL_CONF=$T/etc/$name.cnf must foreign openssl list -mac-algorithms >macs
	has INRO-HMAC <macs || fail "$name.cnf: no MACs by the token's keys: $(cat macs)"
	OPENSSL_CONF=$T/etc/$name.cnf must foreign openssl pkey -in etc/web.pem -outform DER -out web.der
	OPENSSL_CONF=$T/etc/$name.cnf must foreign openssl pkey -in web.der -noout
	OPENSSL_CONF=$T/etc/$name.cnf must foreign openssl genpkey -propquery '?provider=inro' -algorithm EC -pkeyopt group:P-256 \
		-pkeyopt "pkcs11_uri:pkcs11:token=line1;object=made-$name" -out made.pem
	grep -q 'BEGIN PKCS#11 PROVIDER URI' made.pem || fail "$name.cnf: the new key is not in the token: $(cat made.pem)"
done

# systemd's credential stands in for the setting.
mkdir credentials
cp etc/pin credentials/inro-pin
sed '/^pin/d' etc/openssl.cnf >etc/without.cnf
OPENSSL_CONF=$T/etc/without.cnf CREDENTIALS_DIRECTORY=$T/credentials must foreign openssl pkey -in etc/web.pem -noout

# ---- the table of settings ----

while read -r word; do
	grep -q "^| \`$word\` |" "$page" || fail "the setting '$word' is not in the table"
done < <(sed -n 's/^#define SETTING_[A-Z0-9_]*[[:space:]]*"\(.*\)"$/\1/p' "$S/provider/prov.h")

# ---- the error lines: the first that openssl prints, each as the table has it ----

seen=()
# says 'WORDS' [SETTING=VALUE ...] -- ARGUMENT of openssl pkey
says() {
	local words=$1 line
	shift
	cp etc/openssl.cnf now.cnf
	while [[ $1 != -- ]]; do
		sed -i "/^${1%%=*} =/d" now.cnf
		[[ $1 == *= ]] || printf '%s = %s\n' "${1%%=*}" "${1#*=}" >>now.cnf
		shift
	done
	shift
	if OPENSSL_CONF=$T/now.cnf foreign openssl pkey -in "$@" >out 2>err </dev/null; then
		fail "'$words' is not said of: $*"
	fi
	line=$(grep -m 1 ':error:' err) || fail "no error: $(cat err)"
	[[ $line == *:inro:* && $line == *"$words"* ]] || fail "the first line is not like '$words': $(cat err)"
	grep -qF "| \`$words\` |" "$page" || fail "'$words' is not in the table"
	seen+=("$words")
}
says "no token 'line2' in" -- 'pkcs11:token=line2;object=web'
says "no token 'line2' in" token=line2 -- 'pkcs11:object=web'
says "can't load the Cryptoki module" pkcs11-module-path=/nowhere.so -- 'pkcs11:object=web'
says "token 'line1' needs its PIN" pin= -- 'pkcs11:object=web'
says "token 'line1' needs its PIN" pin= -- etc/web.pem
: >empty
head -c 100000 /dev/zero | tr '\0' 1 >huge
mkdir folder
for file in "$T/nothere" "$T/empty" "$T/huge" "$T/folder" relative; do
	says "reading the PIN from the setting pin" "pin=file:$file" -- 'pkcs11:object=web'
	case $file in
	*/empty) grep -q 'it is empty: the first line must be the PIN' err || fail "$(cat err)" ;;
	*/huge) grep -q 'its first line is longer than 255 bytes' err || fail "$(cat err)" ;;
	relative) grep -q 'a path that begins with / is found from any folder' err || fail "$(cat err)" ;;
	esac
done
if [[ $(id -u) == 0 ]]; then
	chmod 711 "$T"
	chmod -R go+rX "$D" etc
	chmod 400 etc/pin
	OPENSSL_CONF=$T/etc/openssl.cnf INRO_HOME=$T/home foreign setpriv --reuid=nobody --regid=nogroup --clear-groups \
		openssl pkey -noout -in etc/web.pem 2>err && fail "nobody may read the PIN"
	grep -m 1 ':error:' err | has ':inro:' || fail "no line of ours for who may read nothing: $(cat err)"
fi
says "is a host, and only files of this one are read" "pin=file://there$T/etc/pin" -- 'pkcs11:object=web'
says "the setting pin is a path" "pin=$T/etc/pin" -- 'pkcs11:object=web'
says "wrong PIN for token 'line1'" pin=999999 -- 'pkcs11:object=web'
says "no such object in token 'line1'" -- 'pkcs11:object=nope'
INRO_PIN=$pin must inro key generate --token line1 --label other --type ec-p256 >/dev/null
says "private keys match; name one of" -- 'pkcs11:token=line1'
says "stays in its token" -- etc/web.pem -traditional
says "PKCS#11 URI: unknown attribute" -- 'pkcs11:tken=line1'
sed 's/^M/!/' etc/web.pem >damaged.pem
says "the PKCS#11 PROVIDER URI is damaged" -- damaged.pem
printf -- '-----BEGIN TSS2 PRIVATE KEY-----\nMCAGBmeBBQoBA6ADAQH/AgRAAAABBAQAAgAjBAUAAwECAw==\n-----END TSS2 PRIVATE KEY-----\n' >tss2.pem
says "a TSS2 PRIVATE KEY needs a token in a TPM" -- tss2.pem
for ((i = 0; i < 10; i++)); do
	OPENSSL_CONF=$T/etc/openssl.cnf INRO_PIN=x foreign openssl pkey -noout -in 'pkcs11:object=web?pin-value=999999' >/dev/null 2>&1 || true
done
says "the PIN of token 'line1' is locked" -- 'pkcs11:object=web'
seen+=("refused this PIN before") # one process's: test_provider_loss
# shellcheck disable=SC2016 # the marks are the table's
while read -r words; do
	[[ " ${seen[*]} " == *" $words "* ]] || fail "nobody has tried '$words'"
done < <(sed -n '/^| the line says/,$ s/^| `\([^`]*\)` |.*/\1/p' "$page")
