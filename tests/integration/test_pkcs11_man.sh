#!/usr/bin/env bash
# inro-pkcs11(7) is sound and true: its commands run as they stand there, its settings are the module's.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

page=$S/docs/man/inro-pkcs11.7
command -v mandoc >/dev/null || fail "mandoc is not here"
# Whether other manuals are installed is not the page's fault.
mandoc -T lint "$page" 2>/dev/null | grep -v 'referenced manual not found' >"$T/lint" && fail "$(cat "$T/lint")"

# The literal block, with this build's module and the PIN that a person would type.
awk '/^\.Ed/ { on = 0 } on; /^\.Bd -literal/ { on = 1 }' "$page" |
	sed "s#--module inro-pkcs11.so#--module $B/lib/inro-pkcs11.so#; s#--login#--login --pin 123456#" >"$T/commands"
[[ $(wc -l <"$T/commands") == 3 ]] || fail "the page's commands are not three: $(cat "$T/commands")"
PATH=$B/bin:$PATH INRO_PIN=123456 INRO_SO_PIN=87654321 foreign bash -eu "$T/commands" >"$T/said" 2>&1 || fail "$(cat "$T/said")"
grep -q 'ECDSA-SHA256' "$T/said" || fail "no mechanisms are listed: $(cat "$T/said")"
grep -q 'Private Key Object' "$T/said" || fail "no key is made: $(cat "$T/said")"

# Every setting of the table is told, and no other, here and in docs/settings.md.
keys=$(sed -n '/^const struct settings_row settings_rows/,/^};/s/^[[:space:]]*{ "\([a-z-]*\)".*/\1/p' "$S/pkcs11/token/settings.c" | sort)
[[ -n $keys ]] || fail "no settings are found in the code"
told=$(sed -n '/^\.Sh SETTINGS/,/^\.Sh ENV/s/^\.It Cm //p' "$page" | tr -d ',' | tr -s ' ' '\n' | sort)
[[ $keys == "$told" ]] || fail "the page's settings are $(xargs <<<"$told"), the module's $(xargs <<<"$keys")"
told=$(sed -n 's/^| `\([a-z-]*\)` |.*/\1/p' "$S/docs/settings.md" | sort)
[[ $keys == "$told" ]] || fail "the settings of docs/settings.md are $(xargs <<<"$told"), the module's $(xargs <<<"$keys")"

# Every attribute of ours is told, with its number, and no other.
ours=$(sed -n 's/^#define \(CKA_INRO_[A-Z]*\)[[:space:]].*0x\([0-9a-f]*\)UL.*/\1 \2/p' "$S/base/cryptoki/admin.h" |
	while read -r name number; do printf '%s 0x%x\n' "$name" $((0x80000000 | 0x$number)); done | sort)
[[ $(wc -l <<<"$ours") -ge 4 ]] || fail "no attributes are found in admin.h"
told=$(sed -n 's/^\.It Dv \(CKA_INRO_[A-Z]*\) No \(0x[0-9a-f]*\)$/\1 \2/p' "$page" | sort)
[[ $ours == "$told" ]] || fail "the page's attributes are $(xargs <<<"$told"), the module's $(xargs <<<"$ours")"
