# shellcheck shell=bash
# cas - what the tests of CAs share.  Source it after shell.sh: it sets the PINs and works in $T.
#   value KEY                      the first value of that name in the JSON on stdin
#   request NAME [SUBJECT [SAN]]   NAME.key (P-256) and NAME.csr by openssl
#   certify CA NAME [CSR]          NAME.pem from csr.pem, by the profile tls-client
#   serial NAME                    of NAME.pem
#   far_root NAME [SECTION [SUBJECT]]        a root of openssl's, NAME.key and NAME.pem
#   far_sign CSR ROOT SECTION OUT [OPTION ...]   a certificate by such a root
# ca.cnf has the sections root, short (no CA below), sub and leaf of what openssl's CAs make; a test may add more.

export INRO_PIN=123456 INRO_SO_PIN=87654321
cd "$T" || exit 1
ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
cat >ca.cnf <<'END'
[req]
distinguished_name = d
[d]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[short]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[sub]
basicConstraints = critical,CA:TRUE,pathlen:1
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[leaf]
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
END

value() {
	sed -n "s/.*\"$1\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\},\\{0,1\\}\$/\\1/p" | sed -n 1p
}

request() {
	openssl req -new "${ec[@]}" -keyout "$1.key" -out "$1.csr" -subj "${2:-/CN=$1}" \
		${3:+-addext "subjectAltName=$3"} 2>/dev/null || fail "no request $1"
}

certify() {
	must inro cert issue --ca "$1" --profile tls-client --csr "${3:-csr.pem}" --out "$2.pem"
}

serial() {
	openssl x509 -in "$1.pem" -noout -serial | sed 's/.*=//'
}

far_root() {
	openssl req -x509 -config ca.cnf -extensions "${2:-root}" "${ec[@]}" -keyout "$1.key" -out "$1.pem" \
		-subj "${3:-/CN=$1}" -days 400 2>/dev/null || fail "no root $1"
}

far_sign() {
	openssl x509 -req -in "$1" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -extfile ca.cnf -extensions "$3" \
		-out "$4" -days 300 "${@:5}" >/dev/null 2>&1 || fail "$4 is not signed"
}
