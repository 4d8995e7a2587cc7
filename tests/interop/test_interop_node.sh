#!/usr/bin/env bash
# Node with a token's keys, through pkcs11js.  npm fetches that, once for a build folder, in the version
# and with the hash that node/package-lock.json names; it is built against the headers that are installed.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/interop/lib.sh"
need node npm

here=$B/interop-node
binding=$here/node_modules/pkcs11js/build/Release/pkcs11.node
fetch() {
	local prefix
	mkdir -p "$here"
	cp "$S"/tests/interop/node/package*.json "$here"
	prefix=$(dirname "$(dirname "$(node -p process.execPath)")")
	[[ ! -e $prefix/include/node/node_api.h ]] || export npm_config_nodedir=$prefix
	(cd "$here" && npm ci --fetch-retries 1 --fetch-timeout 60000 --no-audit --no-fund --foreground-scripts && [[ -e $binding ]])
}
if [[ ! -e $binding ]] || ! cmp -s "$S/tests/interop/node/package-lock.json" "$here/package-lock.json"; then
	if ! fetch >npm.log 2>&1; then
		rm -f "$here/package-lock.json"
		cat npm.log >&2
		# A machine without a network is no defect of ours; anything else is.
		if grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER' npm.log; then
			skip "npm reaches no registry that it trusts, so pkcs11js is not here"
		fi
		fail "npm could not fetch or build pkcs11js: is there a network? Without one, configure with" \
			"-DINRO_TEST_NPM=OFF to leave this test out"
	fi
fi

cd "$here"
must node "$S/tests/interop/node/check.js" "$module" "$pin" >"$T/said"
[[ $(grep -c '^ok ' "$T/said") == 20 ]] || fail "not 20 checks: $(cat "$T/said")"
