#!/usr/bin/env bash
# Active in openssl.cnf, first or last, preferred or not, and without any module: file keys work as ever.  So they do with what
# is installed for all programs of a machine, in a program that is not openssl by its name, which would get all kinds of keys.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/provider.sh"

o() {
	timeout "$patience" "${run[@]}" "$program" "$@" >out 2>err || {
		cat out err >&2
		fail "status $?, $order $properties: $program $*"
	}
}
run=()
[[ -z ${runtime:-} ]] || run=(env LD_PRELOAD="$runtime" ASAN_OPTIONS=detect_leaks=0)

configure() { # ORDER PROPERTIES
	printf 'openssl_conf = i\n[i]\nproviders = p\nalg_section = a\n[p]\n'
	printf '%s = s\n' "${1% *}" "${1#* }"
	printf '[s]\npkcs11-module-path = /nowhere.so\nactivate = 1\n[a]\n'
	[[ -z $2 ]] || printf 'default_properties = %s\n' "$2"
	[[ $program == openssl ]] || sed 's/^\[inro_provider\]$/[s]/; /^\.include /d' "$B/share/openssl-inro-machine.cnf"
}

keys() {
	o genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.key
	o genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key
	o genpkey -algorithm ED25519 -out ed.key
	o genrsa -aes256 -passout pass:x -out enc.key 2048
	o rsa -in enc.key -passin pass:x -out dec.key
	o genpkey -genparam -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out ec.par
	o genpkey -paramfile ec.par -outform DER -out ec.der
	o ecparam -name secp521r1 -genkey -noout -out ec5.key
	o pkey -in rsa.key -text -noout
	o pkey -in ec.key -check -noout
	o rsa -in rsa.key -check -noout
	o pkey -in rsa.key -pubout -out rsa.pub
	o pkey -in ec.key -pubout -out ec.pub
}

uses() {
	o dgst -sha256 -sign rsa.key -out sig ec.key
	o dgst -sha256 -verify rsa.pub -signature sig ec.key
	o dgst -sha384 -sign ec.key -out sig rsa.key
	o dgst -sha384 -verify ec.pub -signature sig rsa.key
	o pkeyutl -encrypt -inkey rsa.key -in data -out box -pkeyopt rsa_padding_mode:oaep
	o pkeyutl -decrypt -inkey rsa.key -in box -pkeyopt rsa_padding_mode:oaep
	cmp -s out data || fail "decrypted otherwise"
	o pkeyutl -derive -inkey ec.key -peerkey ec.pub -out secret
	o rand 8
}

certificates() {
	local k
	o req -newkey rsa:2048 -nodes -keyout r.key -x509 -subj /CN=r -out r.crt
	o req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout e.key -x509 -subj /CN=e -out e.crt
	for k in r e; do
		o pkcs12 -export -inkey $k.key -in $k.crt -passout pass:x -out $k.p12
		o pkcs12 -in $k.p12 -passin pass:x -nodes
		o cms -sign -in data -inkey $k.key -signer $k.crt -out box
		o cms -encrypt -in data -out box $k.crt
		o cms -decrypt -in box -inkey $k.key -recip $k.crt
	done
}

tls() {
	local version key
	for version in tls1_3 tls1_2; do
		for key in r e; do
			serve "${run[@]}" "$program" s_server -accept 127.0.0.1:0 -key $key.key \
				-cert $key.crt -naccept 1 -www
			o s_client -connect "127.0.0.1:$port" -$version -groups P-256:P-384 -CAfile $key.crt \
				-verify_return_error </dev/null
			wait "$pid" || fail "the server ends with $?"
		done
	done
}

cd "$T"
echo data >data
export OPENSSL_CONF=$T/cnf OPENSSL_MODULES=$B/lib
everything() {
	for order in "default inro" "inro default"; do
		for properties in "" "?provider=inro"; do
			configure "$order" "$properties" >cnf
			o list -providers
			grep -q '^  inro' out || fail "the provider is not active: $(cat out)"
			keys
			uses
			certificates
			tls
		done
	done
}
program=openssl
everything
ln -s "$(command -v openssl)" anybody
program=$T/anybody
everything
