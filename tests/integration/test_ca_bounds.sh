#!/usr/bin/env bash
# Path lengths and purposes of all the CAs above: what is issued below them passes openssl verify and certtool, and what
# neither takes is not issued.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/cas.sh" || exit 1

cat >>ca.cnf <<'END'
[one]
basicConstraints = critical,CA:TRUE,pathlen:1
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[open]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[clients]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
extendedKeyUsage = clientAuth,emailProtection
[anything]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
extendedKeyUsage = emailProtection,anyExtendedKeyUsage
END
must inro token create ca
import() { # NAME CHAIN
	must inro key import "$1.key" --token ca --label "$1" >/dev/null
	must inro ca import "$1" --cert "$1.pem" --chain "$2" --key "pkcs11:token=ca;object=$1" >/dev/null
}
# by_openssl CA NAME SECTION: what openssl makes by a CA's key of openssl's, beside NAME.csr
by_openssl() { far_sign "$2.csr" "$1" "$3" "$2.pem"; }
# verified TOP CHAIN PURPOSE OID CERT: by both; the status is that of openssl, and certtool must say the same
verified() {
	local status=0 other=0
	openssl verify -x509_strict -purpose "$3" -CAfile "$1" -untrusted "$2" "$5" >said 2>&1 || status=1
	cat "$5" "$2" >both.pem
	certtool --verify --verify-purpose="$4" --load-ca-certificate "$1" --infile both.pem >other 2>&1 || other=1
	[[ $status == "$other" ]] || fail "openssl and certtool differ about $5: $(cat said other)"
	return "$status"
}
server=(sslserver 1.3.6.1.5.5.7.3.1) client=(sslclient 1.3.6.1.5.5.7.3.2)

# ---- a path length that the CA between does not repeat ----

far_root far one
request near
by_openssl far near open
import near far.pem
request leaf /CN=leaf DNS:leaf.example
must inro cert issue --ca near --profile tls-server --csr leaf.csr --out leaf.pem >/dev/null
verified far.pem near.pem "${server[@]}" leaf.pem || fail "below the CA between: $(cat said)"
refused 1 "the path length of the CA, or of one above it, leaves no room" inro ca create low --token ca --parent near --subject /CN=Low
inro key list --token ca --json | has '"low"' && fail "a refused CA has left its key"
refused 1 "leaves no room" inro ca create low --token ca --parent near --subject /CN=Low --no-sub-ca
# Nor one that was certified elsewhere by that CA's key.
must inro ca create low --token ca --subject /CN=Low --external >/dev/null
must inro ca csr low --out low.csr >/dev/null
by_openssl near low open
refused 1 "a path length above it leaves no room" inro ca activate low --cert low.pem
refused 1 "leaves no room" inro ca certify near --csr low.csr --out made.pem
# openssl says the same of such a CA.
request under
by_openssl near under open
far_sign leaf.csr under leaf other.pem
cat under.pem near.pem >chain.pem
verified far.pem chain.pem "${server[@]}" other.pem && fail "openssl has room for it"
has "path length constraint exceeded" <said || fail "$(cat said)"

# What the CAs above leave is said by the ones below, where these are ours: two more, then one, then none.
must inro ca create top --token ca --subject /CN=Top --path-len 2 >/dev/null
must inro profile export sub-ca sub.ini >/dev/null
sed -i 's/^name = .*/name = sub/; /^path_len/d' sub.ini
must inro profile add sub.ini >/dev/null
above=top
for name in second third; do
	must inro ca create $name --token ca --parent $above --profile sub --subject "/CN=$name" >/dev/null
	above=$name
done
refused 1 "leaves no room" inro ca create fourth --token ca --parent third --profile sub --subject /CN=fourth
inro ca show third --chain >chain.pem
must inro ca show top --out top.pem >/dev/null
must inro cert issue --ca third --profile tls-server --csr leaf.csr --out leaf.pem >/dev/null
verified top.pem chain.pem "${server[@]}" leaf.pem || fail "below three CAs: $(cat said)"
# Another key of each is no other CA.
for name in third second top; do must inro ca rollover $name --token ca >/dev/null; done
must inro cert issue --ca third --profile tls-server --csr leaf.csr --out leaf.pem >/dev/null
inro ca show third --chain >chain.pem
verified top.pem chain.pem "${server[@]}" leaf.pem || fail "after rollovers: $(cat said)"

# ---- purposes ----

far_root wide open
request clients
by_openssl wide clients clients
import clients wide.pem
must inro cert issue --ca clients --profile tls-client --csr leaf.csr --out leaf.pem >/dev/null
verified wide.pem clients.pem "${client[@]}" leaf.pem || fail "$(cat said)"
refused 1 "profile tls-server is for serverAuth, which the extended key usage of the CA, or of one above it, does not allow" \
	inro cert issue --ca clients --profile tls-server --csr leaf.csr
far_sign leaf.csr clients leaf other.pem
verified wide.pem clients.pem "${server[@]}" other.pem && fail "openssl takes a server below it"
refused 1 "codeSigning" inro cert issue --ca clients --profile code-signing --csr leaf.csr
request app /CN=app URI:urn:app,DNS:app.example
refused 1 "for serverAuth, which" inro cert issue --ca clients --profile opcua-application --csr app.csr
# What has no purpose is for none that is missing; who answers for a CA is judged by his own certificate.
request idev /CN=idev/serialNumber=7
must inro cert issue --ca clients --profile devid --csr idev.csr --out leaf.pem >/dev/null
verified wide.pem clients.pem "${client[@]}" leaf.pem || fail "$(cat said)"
request signer
must inro cert issue --ca clients --profile ocsp-signer --csr signer.csr --out signer.pem >/dev/null

# A CA further up counts as well, also in a folder of requests.
must inro ca create plant --token ca --parent clients --subject /CN=Plant >/dev/null
refused 1 "for serverAuth, which" inro cert issue --ca plant --profile tls-server --csr leaf.csr
mkdir in
cp leaf.csr in/
inro cert issue --ca plant --profile tls-server --csr-dir in --out-dir made >said 2>&1 && fail "a folder's request is signed"
has serverAuth <made/errors || fail "$(cat made/errors)"
must inro cert issue --ca plant --profile tls-client --csr-dir in --out-dir made >/dev/null
inro ca show plant --chain >chain.pem
verified wide.pem chain.pem "${client[@]}" made/leaf.pem || fail "$(cat said)"

# One that is for any purpose is for all (RFC 5280 4.2.1.12), also where OpenSSL and GnuTLS do not see it so.
request anything
by_openssl wide anything anything
import anything wide.pem
must inro cert issue --ca anything --profile tls-server --csr leaf.csr >/dev/null
must inro audit verify
