#!/usr/bin/env bash
# A benchmark whose server does not start says what the server said.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

mkdir -p "$T/build/bin"
ln -s "$B/lib" "$T/build/lib"
cat >"$T/build/bin/inro" <<END
#!/bin/sh
[ "\$1" != serve ] || { echo "no port is free"; echo "and none will be"; exit 1; } >&2
exec "$B/bin/inro" "\$@"
END
chmod +x "$T/build/bin/inro"
! INRO_TEST_BUILD=$T/build timeout -k 5 100 "$B/tests/bench_enrol" 0.1 1 none >"$T/out" 2>&1 || fail "it went on without a server: $(cat "$T/out")"
has "^the server failed" "$T/out" || fail "$(cat "$T/out")"
has "^the server's last words: no port is free" "$T/out" || fail "not what the server said: $(cat "$T/out")"
has "^and none will be" "$T/out" || fail "not all that the server said: $(cat "$T/out")"
