#!/usr/bin/env bash
# OpenSC's pkcs11-tool: its own tests, what pkcs11-spy sees.
. "$INRO_TEST_SOURCE/tests/lib/shell.sh"
. "$INRO_TEST_SOURCE/tests/interop/lib.sh"

# ---- its own tests ----

must user --keypairgen --key-type EC:prime256v1 --label ec --id 01 >/dev/null
must user --keypairgen --key-type rsa:2048 --label rsa --id 02 >/dev/null
# Without --allow-sw it looks for hardware only and tests next to nothing.
must user --allow-sw --test >said
grep -q '^No errors' "$T/err" "$T/out" || fail "--test: $(cat "$T/out" "$T/err")"
must user --session-rw --test-ec --id 11 --key-type EC:secp256r1 >said
grep -q 'Doing a signature' said || fail "--test-ec: $(cat said)"
must p11 --token-label t1 --test-fork >/dev/null
grep -q 'C_Initialize in forked child' "$T/out" "$T/err" || fail "--test-fork did nothing"
must p11 --test-threads IN --list-slots >/dev/null
grep -q 'Test thread 0 returning rv = 0' "$T/out" "$T/err" ||
	fail "--test-threads: $(cat "$T/out" "$T/err")"
# It sleeps for 30 seconds when a thread is still running at its first look: the end is not waited for.
background threads foreign stdbuf -oL pkcs11-tool --module "$module" --test-threads ILGISLT0 --test-threads ILGISLT0
wait_for 'Test thread 0 returning rv = 0' threads
wait_for 'Test thread 1 returning rv = 0' threads
[[ $(grep -c 'C_GetSlotList returned CKR_OK' threads) == 4 ]] || fail "--test-threads: $(cat threads)"

# ---- a program that watches: it writes into the interface that it was given ----

spy=$(find /usr/lib -name pkcs11-spy.so | head -1)
[[ -n $spy ]] || fail "OpenSC has no pkcs11-spy.so here"
PKCS11SPY=$module PKCS11SPY_OUTPUT=$T/spy must foreign pkcs11-tool --module "$spy" --token-label t1 \
	--login --pin "$pin" --list-objects --type privkey >objects
[[ $(grep -c '^Private Key' objects) == 2 ]] || fail "the spy sees other keys: $(cat objects)"
grep -q 'C_GetInterface' spy || fail "the spy saw nothing: $(cat spy)"
