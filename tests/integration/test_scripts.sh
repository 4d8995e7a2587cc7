#!/usr/bin/env bash
# The scripts for a newcomer stop with a clear sentence on a system that they don't know, and have
# done nothing until then.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

printf 'ID=fedora\nVERSION_ID=40\n' >"$T/fedora"
printf 'ID=debian\nVERSION_ID="11"\n' >"$T/bullseye"
for script in quickstart check fresh check35; do
	for system in fedora bullseye; do
		refused 1 "^$script: this is made for Debian 12 or later" \
			env INRO_OS_RELEASE="$T/$system" "$S/tools/$script"
	done
	refused 1 "^$script: this is made for Debian 12" env INRO_OS_RELEASE="$T/none" "$S/tools/$script"
done
refused 1 '^check: usage: tools/check' "$S/tools/check" --openssl36

# A pipe into grep -q fails now and then: what writes into it ends by SIGPIPE.
for script in "$S"/tests/*/*.sh; do
	piped=$(grep -Pzo '[^|]\|\s*grep -\w*q.*' "$script" | tr -d '\0') || true
	[[ -z $piped ]] || fail "$script: 'has' instead of $piped"
done

# Every script, by its name or its first line.
mapfile -t scripts < <(cd "$S" && find . -name build -prune -o -name .git -prune -o -name node_modules -prune \
	-o -type f \( -name '*.sh' -print -o -exec grep -qIE '^#!.*\b(ba)?sh$' {} \; -print \))
[[ ${#scripts[@]} -gt 100 ]] || fail "only ${#scripts[@]} scripts were found"
(cd "$S" && shellcheck -x -e SC1091,SC2154,SC2016,SC2119 "${scripts[@]}") || fail "shellcheck has findings"
