#!/usr/bin/env bash
# docs/howto/tpm-attest.md as it stands there: a TPM with certificates, its attestation key proven, a key's evidence.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/interop/lib.sh"
need swtpm swtpm_setup swtpm_localca

# the how-to starts a swtpm that outlives it if a command fails
end_swtpm() {
	local status=$?
	[[ ! -s $T/chip.pid ]] || kill "$(cat "$T/chip.pid")" 2>/dev/null || true
	(exit "$status")
	at_end
}
trap end_swtpm EXIT

if [[ $(id -u) == 0 ]]; then
	swtpm_setup() {
		command swtpm_setup "$@" --runas root
	}
	export -f swtpm_setup
fi
export INRO_SO_PIN=$so_pin
howto tpm-attest.md
grep -q '^Key  *ec-p256$' howto.out || fail "nothing was found: $(cat howto.out)"
grep -q '^Model  *swtpm$' howto.out || fail "nothing is said of the TPM: $(cat howto.out)"
[[ $(wc -l <known) == 1 ]] || fail "not one attestation key: $(cat known)"

# who checks needs no TPM: swtpm has ended
refused 1 'not an answer to this nonce' inro attest verify evidence.json --nonce 0011223344556677 --roots roots --known known
