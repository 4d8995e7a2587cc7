#!/usr/bin/env bash
# cmake --install puts everything where others look for it, and it works from there.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

D=$T/dest
DESTDIR=$D cmake --install "$B" --prefix /usr >"$T/log" 2>&1 || fail "$(cat "$T/log")"

modules=$(pkg-config --variable=p11_module_path p11-kit-1)
configs=$(pkg-config --variable=p11_module_configs p11-kit-1)
providers=$(pkg-config --variable=modulesdir libcrypto)
for f in "$modules/inro-pkcs11.so" "$configs/inro.module" "$providers/inro.so" /usr/bin/inro \
	/usr/share/man/man1/inro.1 /usr/share/man/man7/inro-provider.7 /usr/share/man/man7/inro-pkcs11.7 /usr/share/bash-completion/completions/inro; do
	[[ -s $D$f ]] || fail "$f is not installed; there is: $(cd "$D" && find . -type f | sort | paste -sd' ')"
done
diff -r "$INRO_TEST_SOURCE/backoffice/pki/profiles" "$D/usr/share/inro/profiles" || fail "other profiles are installed"
grep -q '^module: *inro-pkcs11.so' "$D$configs/inro.module" || fail "inro.module does not name the module"

# The installed command, with the installed module: nothing of the build folder is needed.
export INRO_PIN=123456 INRO_SO_PIN=87654321 INRO_MODULE=$D$modules/inro-pkcs11.so
must "$D/usr/bin/inro" token create moved
must "$D/usr/bin/inro" key generate --token moved --label k
must foreign openssl pkey -provider-path "$D$providers" -provider inro -provider default -pubin \
	-in 'pkcs11:token=moved;object=k;type=public' | has 'BEGIN PUBLIC KEY' ||
	fail "the installed provider gives no key"

# Each part alone, and all of them are everything.
mkdir "$T/parts"
for part in token provider command serve agent node-red; do
	DESTDIR=$T/$part cmake --install "$B" --prefix /usr --component $part >"$T/log" 2>&1 || fail "$part: $(cat "$T/log")"
	[[ -n $(find "$T/$part" -type f) ]] || fail "nothing is in the part $part"
	cp -r "$T/$part/." "$T/parts/"
done
diff -r "$D" "$T/parts" >"$T/log" || fail "the parts are not everything: $(cat "$T/log")"
[[ -s $T/agent/usr/bin/inro-agent && ! -e $T/agent/usr/bin/inro && ! -e $T/serve/usr/bin ]] || fail "a part has another one's files"
