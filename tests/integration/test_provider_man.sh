#!/usr/bin/env bash
# inro-provider(7) is sound and true: its configuration and commands run as they stand there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

page=$S/docs/man/inro-provider.7
command -v mandoc >/dev/null || fail "mandoc is not here"
# Whether other manuals are installed is not the page's fault.
mandoc -T lint "$page" 2>/dev/null | grep -v 'referenced manual not found' >"$T/lint" && fail "$(cat "$T/lint")"

# example N: the N'th literal block of the page, with the PIN file of this test.
example() {
	awk -v want="$1" '/^\.Ed/ { on = 0 } on && n == want; /^\.Bd -literal/ { n++; on = 1 }' "$page" |
		sed "s#/etc/inro/pin#$T/pin#"
}

cd "$T"
printf '%s\n' "$pin" >pin
INRO_PIN=$pin INRO_SO_PIN=$so_pin must inro token create line1 >/dev/null
INRO_PIN=$pin must inro key generate --token line1 --label web >/dev/null
example 1 >openssl.cnf
grep -q '^\[inro_provider\]' openssl.cnf || fail "the page has no configuration"
example 2 >commands
[[ $(wc -l <commands) == 3 ]] || fail "the page's commands are not three: $(cat commands)"
export OPENSSL_CONF=$T/openssl.cnf OPENSSL_MODULES=$B/lib
must foreign bash -eu commands >said
must env -u OPENSSL_CONF openssl req -in web.csr -verify -noout
grep -q -- '-----BEGIN PKCS#11 PROVIDER URI-----' web.pem || fail "no reference: $(cat web.pem)"
# The line under PEM REFERENCE.
sed -n 's/^\.Dl //p' "$page" | sed "s#/etc/inro/pin#$T/pin#" >line
rm web.pem
must foreign bash -eu line
sed '/^-/d' web.pem | base64 -d | has "serial=[^;]*;token=line1;.*pin-source=file:$T/pin" ||
	fail "the reference has no serial number or no place of the PIN"

# Every setting that the code reads is told, and each attribute of a URI.
settings=$(sed -n 's/^#define SETTING_[A-Z0-9_]*[[:space:]]*"\(.*\)"$/\1/p' "$S/provider/prov.h")
for word in $settings; do
	grep -q "^\.It Cm $word\$" "$page" || fail "the setting '$word' is not in the page"
done
[[ $(wc -w <<<"$settings") -ge 6 ]] || fail "not all settings: $settings"
grep -rqE 'core_setting\([^)]*"' "$S/provider" && fail "a setting without a name in prov.h"
for word in token serial manufacturer model slot-id slot-description slot-manufacturer \
	library-description library-manufacturer library-version object id type; do
	grep -qE "(^\.Cm |, )$word( |\$)" "$page" || fail "the attribute '$word' is not in the page"
done
