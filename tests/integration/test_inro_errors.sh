#!/usr/bin/env bash
# Wrong input: one clear line on stderr, status 1 or 2, and nothing changed.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

export INRO_PIN=123456 INRO_SO_PIN=87654321
must inro token create ca
must inro token create line1
must inro ca create root --token ca --type ec-p384 --subject "/O=Example/CN=Root"
must inro ca create issuing --parent root --token ca --subject "/O=Example/CN=Issuing"
must inro device add dev-0001
cd "$T"

# What there is, without what only looks different: events of refusals and counters of tries.
state() {
	inro key list --json
	inro cert list --json
	inro ca list --json | grep -v crl_
	inro device list --json
	inro token list --json | grep -v tries_left
}

# unchanged STATUS REGEX CMD ...: refused, and everything is as before.
unchanged() {
	state >before
	refused "$@"
	state >after
	cmp -s before after || fail "something changed by: ${*:3}: $(diff before after)"
}

# ---- the command line ----

unchanged 2 "did you mean 'token'" inro tokne list
unchanged 2 "LABEL is missing" inro token create
unchanged 2 "there is no 'foo'; see 'inro help'" inro help foo
unchanged 2 "'inro token' has no 'foo'" inro help token foo
unchanged 2 "did you mean '--label'" inro key generate --token line1 --labl k
unchanged 2 "give either --key URI" inro ca create x --subject /CN=x
unchanged 2 "one of: |did you mean" inro key generate --token line1 --label k --type ec-p255

unchanged 2 "from 1 to" inro ca create x --token ca --subject /CN=x --days 0
unchanged 1 "1 to 64 bytes" inro key generate --token line1 --label "$(printf 'x%.0s' {1..65})"
unchanged 1 "control characters" inro key generate --token line1 --label $'two\nlines'
unchanged 1 "UTF-8" inro key generate --token line1 --label $'\xff'
unchanged 1 "label is text in UTF-8" inro token create $'l\xff'
unchanged 1 "IP address is like.*300" inro device add dev-9 --ip 192.0.2.300
unchanged 1 "IP address is like" inro device update dev-0001 --ip 2001:db8::g
unchanged 1 "MAC address is like" inro device add dev-9 --mac 00:11:22:33:44
unchanged 1 "MAC address is like" inro device add dev-9 --mac 00:11-22:33:44:55

# ---- files whose names are no UTF-8 ----

odd=$'n\xfc\xff'
mkdir odd
printf 'a long passphrase\n' >passphrase
# what is written there is not shown as well, and is told of
written() {
	must "$@" >out.txt
	[[ $(wc -l <out.txt) == 1 ]] || fail "not one line is said by: $*: $(cat out.txt)"
	[[ -s odd/$odd ]] || fail "nothing was written by: $*"
	rm "odd/$odd"
}
written inro ca show issuing --out "odd/$odd"
written inro ca crl issuing --out "odd/$odd"
written inro device export "odd/$odd"
written inro token backup line1 --out "odd/$odd" --passphrase-source passphrase
written inro psk hand-out --where 'id=dev-0001' --out "odd/$odd"
written inro db backup "odd/$odd"

# ---- words that say where, and what to do ----

: >none
unchanged 1 "none: its first line is empty; it is to be the PIN" inro key generate --token line1 --label k --pin-source none
unchanged 1 "'ca' .*, 'line1' .*: the URI's token=LABEL says which" inro key show pkcs11:object=k
unchanged 1 "^inro: odd: Is a directory" inro device import odd
unchanged 1 "^inro: none: the file is empty" inro device import none
unchanged 1 "same folder" inro cert issue --ca issuing --profile tls-client --csr-dir odd --out-dir ./odd/
refused 1 "^inro: none: the certificate" inro ca connect x --cert none
refused 1 "^inro: none: the certificate" inro ca import x --cert none --key 'pkcs11:token=ca;object=root'
refused 1 "^inro: none: the certificate" inro ca activate root --cert none
refused 1 "begins with https:// and a host" inro ca connect x --est ftp://127.0.0.1
refused 1 "^inro: an audit event can't be searched by 'x'" inro audit list --where x=1
refused 1 "up to 36500 days" inro secret issue dev-0001 --type aes-128 --days 36501
refused 1 "^inro: --threads is a number from 1 to 1000, not" inro serve --http 127.0.0.1:0 --threads 1001
refused 2 "later than 1970-01-01" inro audit list --from 1970-01-01
refused 2 "run needs --name" inro errand send run --device dev-0001
refused 2 "--name is for run" inro errand send renew --device dev-0001 --name restart
refused 2 "--so goes with --user" inro token pin unblock line1 --so
refused 2 "leave --account out" inro user token add station --key --account alice
# who looks at the front of an answer only is told nothing
for shown in 'ca list' 'help' 'help --man' 'token show ca' 'key show pkcs11:token=ca;object=root'; do
	rm -f closed
	{
		until [[ -e closed ]]; do sleep 0.05; done
		status=0
		# shellcheck disable=SC2086 # a noun, a verb and what they take
		"$B/bin/inro" $shown 2>err || status=$?
		echo "$status" >status
	} | { exec <&- && : >closed; }
	[[ $(<status) == 141 && ! -s err ]] || fail "'$shown', which nobody reads to its end: $(cat status err)"
done

# ---- for programs ----

unchanged 1 '^\{"error":\{"code":"INRO_E_NOT_FOUND","message":"[^"]*nobody[^"]*","status":1\}\}$' inro device show nobody --json
unchanged 2 '^\{"error":\{"code":"INRO_E_ARG","message":".*LABEL is missing.*","status":2\}\}$' inro token create --json
unchanged 1 '^inro: ' inro device show -- --json

# ---- PINs ----

unchanged 1 "[Pp][Ii][Nn].*(2|9|4) tries left|(2|9|4) tries.* left|tries" \
	env INRO_PIN=000000 "$B/bin/inro" key generate --token line1 --label k
left=$(inro token show line1 --json | sed -n 's/.*"tries_left": \([0-9]*\).*/\1/p' | sed -n 1p)
max=$(inro token show line1 --json | sed -n 's/.*"tries_max": \([0-9]*\).*/\1/p')
[[ $left == $((max - 1)) ]] || fail "the counter says $left of $max after one wrong PIN"
refused 1 "$((max - 2))" env INRO_PIN=000000 "$B/bin/inro" key generate --token line1 --label k
must inro key generate --token line1 --label right-again
left=$(inro token show line1 --json | sed -n 's/.*"tries_left": \([0-9]*\).*/\1/p' | sed -n 1p)
[[ $left == "$max" ]] || fail "a right PIN did not reset the counter: $left"
unchanged 1 "INRO_PIN" env -u INRO_PIN setsid "$B/bin/inro" key generate --token line1 --label k
unchanged 1 "INRO_SO_PIN" env -u INRO_SO_PIN setsid "$B/bin/inro" token create third
unchanged 1 "nowhere" inro key generate --token line1 --label k --pin-source "$T/nowhere"

# ---- tokens and keys ----

unchanged 1 "nowhere" inro key generate --token nowhere --label k
unchanged 1 "nowhere" inro token show nowhere
unchanged 1 "line1.*already|already.*line1" inro token create line1
unchanged 1 "already|exists" inro key generate --token line1 --label right-again
unchanged 1 "none-such" inro key show 'pkcs11:token=line1;object=none-such'
unchanged 2 "given twice" inro key show 'pkcs11:token=line1;token=line1'
for verb in show delete export "export --tss2"; do
	# shellcheck disable=SC2086 # a verb and its option
	unchanged 2 "begins with 'pkcs11:'" inro key $verb right-again
done
unchanged 2 "begins with 'pkcs11:'" inro key attest right-again --nonce 0001020304050607
unchanged 2 "^inro: --key: .*begins with 'pkcs11:'" inro csr create --key right-again --subject /CN=x
unchanged 2 "^inro: --key: .*begins with 'pkcs11:'" inro ca create x --key right-again --subject /CN=x
unchanged 2 "give --label" inro key import nowhere --token line1 --secret aes
unchanged 2 "give --label" inro key import --wrapped nowhere --token line1
unchanged 1 "1 to 32" inro token create "a-label-that-is-longer-than-thirty-two-bytes"

# ---- requests ----

openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k.pem -out good.csr -subj /CN=dev-0001 2>/dev/null
openssl req -in good.csr -outform DER -out good.der
issue=(inro cert issue --ca issuing --profile tls-client)

cp good.der bad.der
printf '\377' | dd of=bad.der bs=1 seek=$(($(stat -c %s bad.der) - 3)) conv=notrunc status=none
cmp -s good.der bad.der && printf '\376' | dd of=bad.der bs=1 seek=$(($(stat -c %s bad.der) - 3)) conv=notrunc status=none
unchanged 1 "signature|possession" "${issue[@]}" --csr bad.der

openssl req -new -newkey rsa:1024 -nodes -keyout k2.pem -out weak.csr -subj /CN=dev-0001 2>/dev/null
unchanged 1 "1024|bits|RSA|rsa" "${issue[@]}" --csr weak.csr
head -c 100 good.der >cut.der
unchanged 1 "." "${issue[@]}" --csr cut.der
head -c 200000 /dev/zero >large.der
unchanged 1 "large.der" "${issue[@]}" --csr large.der
unchanged 1 "none.csr" "${issue[@]}" --csr none.csr
unchanged 1 "no-such-profile" inro cert issue --ca issuing --profile no-such-profile --csr good.csr
unchanged 1 "no-such-ca" inro cert issue --ca no-such-ca --profile tls-client --csr good.csr
unchanged 1 "no-such-device" "${issue[@]}" --csr good.csr --device no-such-device
unchanged 1 "can't be written" "${issue[@]}" --csr good.csr --out "$T/no/such/folder/c.pem"
unchanged 2 "one of|did you mean" "${issue[@]}" --csr good.csr --format dre

cat good.csr good.csr >two.csr
unchanged 1 "more than one certificate request" "${issue[@]}" --csr two.csr
openssl req -new -key k.pem -sha1 -out sha1.csr -subj /CN=dev-0001 2>/dev/null
unchanged 1 "ecdsa-with-SHA1 is too weak.*SHA-256" "${issue[@]}" --csr sha1.csr

# ---- devices ----

unchanged 1 "dev-0001" inro device add dev-0001
unchanged 1 "dev-9999" inro device show dev-9999
unchanged 1 "dev-9999" inro device provision dev-9999 --token line1 --ca issuing --profile tls-client
unchanged 1 "nowhere" inro device provision dev-0001 --token nowhere --ca issuing --profile tls-client
unchanged 1 "no-such" inro device provision dev-0001 --token line1 --ca issuing --profile no-such
unchanged 1 "." inro cert revoke 424242

# ---- all that there is ----

for kind in delete disable revoke; do
	unchanged 1 "all that there is.*$kind; say --yes" setsid "$B/bin/inro" job start "$kind" --where ' '
done
unchanged 1 "no CA 'nowhere'|nowhere" inro job start issue --csr-dir "$T" --out-dir "$T/out-dir" --ca nowhere --profile tls-client
[[ $(inro job list --json) == '[]' ]] || fail "a job was left: $(inro job list)"

# ---- a revoked CA ----

serial=$(inro ca show issuing --json | sed -n 's/.*"certificate": \([0-9]*\).*/\1/p')
unchanged 1 "that is a certificate of CA 'issuing'.*--yes" setsid "$B/bin/inro" cert revoke "$serial" --reason cACompromise
must inro cert revoke "$serial" --reason cACompromise --yes
unchanged 1 "issuing.*revoked|revoked" "${issue[@]}" --csr good.csr
unchanged 1 "revoked" inro device provision dev-0001 --token line1 --ca issuing --profile tls-client

# ---- places ----

mkdir "$T/file-home"
: >"$T/file-home/file"
refused 1 "$T/file-home/file" env INRO_HOME="$T/file-home/file/home" "$B/bin/inro" token create x
refused 1 "$T/file-home/file" env INRO_HOME="$T/file-home/file/home" "$B/bin/inro" device add x
[[ $(ls "$T/file-home") == file ]] || fail "something was made in a home that can't be written"
if [[ $(id -u) == 0 ]]; then
	refused 1 "/proc/inro|[Pp]ermission|No such" env INRO_HOME=/proc/inro "$B/bin/inro" token create x
else
	mkdir -m 500 "$T/read-only"
	refused 1 "read-only|[Pp]ermission" env INRO_HOME="$T/read-only/home" "$B/bin/inro" token create x
fi

path=$(inro token show line1 --json | sed -n 's/.*"path": "\(.*\)".*/\1/p')
[[ -f $path ]] || fail "the token's file is not where it says: $path"
printf 'this is no token' | dd of="$path" bs=1 seek=0 conv=notrunc status=none
refused 1 "." inro key generate --token line1 --label k
must inro token list >/dev/null
must inro token show ca >/dev/null
: >"$INRO_HOME/backoffice.db"-x
printf 'this is no database, and long enough to look at' | dd of="$INRO_HOME/backoffice.db" bs=1 conv=notrunc status=none
refused 1 "backoffice.db" inro device list

# ---- settings ----

set_to() {
	printf '%s\n' "$@" >inro.conf
	export INRO_CONFIG=$T/inro.conf
}
set_to '[inro]' 'hme = x'
unchanged_by_settings() {
	refused "$@"
	unset INRO_CONFIG
}
unchanged_by_settings 1 "no setting 'hme'" inro token list
set_to '[token]' 'policy = loose' # the module's own setting
unchanged_by_settings 1 "inro.conf, line 2: 'policy' can't be 'loose'" inro token list
set_to '[station]' 'home = x'
unchanged_by_settings 1 'no section \[station\]' inro token list
set_to 'nonsense'
must inro help >out.txt
unchanged_by_settings 1 'inro.conf, line 1' inro token list
export INRO_CONFIG=$T/missing.conf
unchanged_by_settings 1 'missing.conf: No such file' inro token list
# a setting stands in for a variable that is not set, and for nothing else
set_to '[inro]' "home = $T/other"
must inro token list >out.txt
grep -q "^ca" "$T/out" || fail "the variable does not win over the setting"
(unset INRO_HOME && must inro token create elsewhere)
[[ -e $T/other/tokens ]] || fail "the setting has no effect"
unset INRO_CONFIG
