#!/usr/bin/env bash
# p11-kit knows the module by a file of the user's: p11tool shows and tries the keys through it, and the provider uses
# them through p11-kit's proxy, beside those of another module.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need p11-kit p11tool
make_identity dev1 ec-p256
make_identity dev2 rsa-2048
mkdir -p user/.config/pkcs11/modules
printf 'module: %s\n' "$B/lib/inro-pkcs11.so" >user/.config/pkcs11/modules/inro.module
export HOME=$T/user GNUTLS_PIN=$pin
# p11-kit reads no user's files for root
give_rights nobody
without_rights nobody p11-kit list-modules >modules
grep -q 'inro' modules || fail "p11-kit lists $(cat modules)"
without_rights nobody p11tool --batch --login --list-all 'pkcs11:token=web' >all
grep -q 'object=dev1;type=private' all || fail "p11tool lists $(cat all)"
without_rights nobody p11tool --batch --login --test-sign 'pkcs11:token=web;object=dev1;type=private' >tried 2>&1 ||
	fail "$(cat tried)"

# ---- the provider by the proxy ----

proxy=$(compgen -G '/usr/lib/*/p11-kit-proxy.so' | sed -n 1p)
[[ -n $proxy ]] || fail "p11-kit has no p11-kit-proxy.so"
softhsm=/usr/lib/softhsm/libsofthsm2.so
sed -i "s#^pkcs11-module-path = .*#pkcs11-module-path = $proxy#" etc/openssl.cnf
mkdir work
chmod 777 work
cd work || exit

by_proxy() {
	with_keys without_rights nobody openssl "$@" >"$T/out" 2>"$T/err" || fail "openssl $*: $(cat "$T/out" "$T/err")"
}

# signs URI NAME: by name, then by the reference that is written.
signs() {
	by_proxy pkey -in "$1" -out "$2.pem"
	by_proxy pkey -in "$2.pem" -pubout -out "$2.pub"
	for key in "$1" "$2.pem"; do
		by_proxy dgst -sha256 -sign "$key" -out sig "$T/etc/ca.crt"
		must openssl dgst -sha256 -verify "$2.pub" -signature sig "$T/etc/ca.crt" >/dev/null
	done
}

if [[ -e $softhsm ]]; then
	export SOFTHSM2_CONF=$T/user/softhsm.conf
	mkdir "$T/user/softhsm"
	printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$T/user/softhsm" >"$SOFTHSM2_CONF"
	must softhsm2-util --init-token --free --label other --so-pin "$so_pin" --pin "$pin" >/dev/null
	must pkcs11-tool --module "$softhsm" --token-label other --login --pin "$pin" --keypairgen \
		--key-type EC:prime256v1 --label dev3 --id 03 >/dev/null
	chown -R nobody "$T/user/softhsm"
	printf 'module: %s\n' "$softhsm" >"$T/user/.config/pkcs11/modules/softhsm.module"
	signs 'pkcs11:token=other;object=dev3;type=private' dev3
fi
signs 'pkcs11:token=web;object=dev1;type=private' dev1
signs 'pkcs11:token=web;object=dev2;type=private' dev2
by_proxy genpkey -propquery '?provider=inro' -algorithm EC -pkeyopt group:P-256 \
	-pkeyopt 'pkcs11_uri:pkcs11:token=web;object=dev4' -out dev4.pem
signs 'pkcs11:token=web;object=dev4;type=private' dev4again
cmp -s dev4.pem dev4again.pem || fail "the key is not the one that was made"
by_proxy pkeyutl -derive -inkey dev4.pem -peerkey dev1.pub -out secret
by_proxy storeutl -noout 'pkcs11:token=web'
grep -q '^Total found: 6$' "$T/out" || fail "not three pairs: $(cat "$T/out")"
(by_proxy pkey -noout -in 'pkcs11:token=none;object=dev1') >said 2>&1 && fail "a token that is not there has a key"
grep -q "no token 'none'" said || fail "the proxy's error: $(cat said)"
