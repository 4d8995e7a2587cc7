#!/usr/bin/env bash
# Pre-shared keys by the command: shown once, verified, rotated, locked, sealed anew; and nowhere else.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

export INRO_PIN=123456 INRO_SO_PIN=87654321
cd "$T"
value() {
	sed -n "s/.*\"$1\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},\\{0,1\\}\$/\\1/p" | sed -n 1p
}
# A secret is in no file of the back office and in nothing that was printed but where it was asked for.
nowhere() {
	local form
	for form in "$1" "$(printf %s "$1" | od -An -tx1 | tr -d ' \n')" "$(printf %s "$1" | openssl base64 -A)"; do
		! grep -rqaF -- "$form" "$INRO_HOME" errors || fail "a secret is in $(grep -rlaF -- "$form" "$INRO_HOME" errors)"
		must inro audit list --json >events
		! grep -qF -- "$form" events || fail "a secret is in the audit"
	done
}
: >errors

must inro token create office
[[ $(inro device add dev-1 --json | tee first | value psk) =~ ^[A-HJ-NP-Za-km-z2-9]{20}$ ]] || fail "$(cat first)"
[[ $(value state <first) == registered ]] || fail "the key has made the device active"
[[ $(value psk_store <first) == hash && $(value psk_entropy_bits <first) == 116 ]] || fail "$(cat first)"
refused 1 "only a hash" inro psk get dev-1
INRO_PSK=$(value psk <first) must inro psk verify dev-1
must inro device add dev-0 --no-psk --json >added
! grep -q '"psk"' added || fail "a key that nobody wanted"
refused 1 "no pre-shared key" inro psk show dev-0

must inro secret seal-key --token office
refused 1 "sealed by pkcs11:.*reseal" inro secret seal-key --token office
key=$(inro device add dev-2 --json | value psk)
[[ $(inro psk get dev-2 --json | value psk) == "$key" ]] || fail "another key is told than was given"
[[ $(inro psk get dev-2) == "$key" ]] || fail "more than the key: $(inro psk get dev-2)"
INRO_PIN=999999 refused 1 "PIN" inro psk get dev-2
printf '%s\n' "$key" >key
must inro psk verify dev-2 --psk-source key
inro psk verify dev-2 --psk-source first 2>>errors && fail "a wrong key is taken"
must inro secret reseal --token office
[[ $(inro psk get dev-2 --json | value psk) == "$key" ]] || fail "another key after sealing anew"
nowhere "$key"
nowhere "$(value psk <first)"

next=$(inro psk rotate dev-2 --grace 1000 --json | value psk)
must inro psk verify dev-2 --psk-source key
INRO_PSK=$next must inro psk verify dev-2
inro psk rotate dev-2 | has "^the pre-shared key of device 'dev-2' (116 bits): [A-Za-z2-9]\{20\}$" || fail "no entropy is shown"
for _ in 1 2 3 4 5; do INRO_PSK=wrong inro psk verify dev-2 2>>errors && fail "a wrong key is taken"; done
INRO_PSK=$(inro psk get dev-2 --json | value psk) refused 1 "locked for" inro psk verify dev-2
must inro psk release dev-2
INRO_PSK=$(inro psk get dev-2 --json | value psk) must inro psk verify dev-2
INRO_PSK=Short1 refused 1 "20 to 128" inro psk rotate dev-2 --given
INRO_PSK=Chosen-by-people-and-long-enough-2026 must inro psk rotate dev-2 --given >said
has "^the pre-shared key of device 'dev-2': Chosen" said || fail "$(cat said)"
rm said
INRO_PSK=Chosen-by-people-and-long-enough-2026 must inro psk verify dev-2
nowhere Chosen-by-people-and-long-enough-2026
must inro psk delete dev-2
refused 1 "no pre-shared key" inro psk get dev-2
must inro audit verify
