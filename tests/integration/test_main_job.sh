#!/usr/bin/env bash
# The main job from end to end, with stock programs on the other side: tokens, CAs, a provisioned
# device, TLS 1.2 and 1.3 with EC and RSA keys in tokens on both ends, revocation; and the module
# in the hands of pkcs11-tool, p11tool and keytool.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

export INRO_PIN=123456 INRO_SO_PIN=87654321
provider=(-provider-path "$B/lib" -provider inro -provider default)
printf '%s\n' "$INRO_PIN" >"$T/pin"
cd "$T"

# ---- tokens, CAs, device ----

must inro token create ca
must inro token create line1
must inro ca create root --token ca --type ec-p384 --subject "/O=Example/CN=Root"
must inro ca create issuing --parent root --token ca --type ec-p256 --subject "/O=Example/CN=Issuing"
must inro device add dev-0001 --name "Press 1"
must inro device provision dev-0001 --token line1 --ca issuing --profile tls-client --out client-ec.pem

must inro cert list --device dev-0001 --json >list.json
for member in '"state": "active"' '"serial": "[0-9a-f]{16,}"' '"not_before": "20' '"not_after": "20' \
	'"issuer": "CN=Issuing,O=Example"' '"key_uri": "pkcs11:[^"]*token=line1'; do
	grep -qE -- "$member" list.json || fail "no $member in $(cat list.json)"
done

for spec in client-rsa:rsa-2048:tls-client server-ec:ec-p256:tls-server server-rsa:rsa-2048:tls-server; do
	IFS=: read -r id type profile <<<"$spec"
	must inro device add "$id" --hostname localhost
	must inro device provision "$id" --token line1 --ca issuing --profile "$profile" --type "$type" \
		--san DNS:localhost --out "$id.pem" >said
	has "^it is in $id.pem$" said || fail "where the certificate is, is not said: $(cat said)"
done
must inro ca show root --out root.pem >said
has "^the certificate of CA 'root' is in root.pem$" said || fail "a CA's certificate: $(cat said)"
must inro ca show issuing --out issuing.pem
must inro ca show issuing --chain --out chain.pem >said
has "^the certificates up to the root of CA 'issuing' are in chain.pem$" said || fail "a CA's chain: $(cat said)"
[[ $(grep -c BEGIN chain.pem) == 2 ]] || fail "the chain is not two certificates"

# ---- the provider's store, and a CSR by openssl ----

uri() {
	printf 'pkcs11:token=line1;object=%s;type=private?pin-source=file:%s' "$1" "$T/pin"
}

must foreign openssl storeutl "${provider[@]}" "pkcs11:token=line1?pin-source=file:$T/pin" >store.txt
grep -q 'Total found: [1-9]' store.txt || fail "storeutl found nothing: $(cat store.txt)"
grep -q 'BEGIN CERTIFICATE' store.txt || fail "no certificate in the store: $(cat store.txt)"

must foreign openssl req -new "${provider[@]}" -key "$(uri dev-0001)" -subj /CN=by-openssl -out by-openssl.csr
must openssl req -in by-openssl.csr -verify -noout -text >csr.txt
grep -q 'ASN1 OID: prime256v1' csr.txt || fail "no named curve in the CSR: $(cat csr.txt)"

# ---- TLS ----

# tls VERSION SERVER CLIENT: a line goes to the server and comes back reversed.
tls() {
	local version=$1 server=$2 client=$3 cert=client-ec.pem key=dev-0001 port i peer
	[[ $client == ec ]] || { cert="client-rsa.pem" key="client-rsa"; }
	background "server-$1-$2-$3.log" foreign openssl s_server "${provider[@]}" -accept 127.0.0.1:0 \
		"-$version" -key "$(uri "server-$server")" -cert "server-$server.pem" \
		-cert_chain issuing.pem -CAfile root.pem -Verify 2 -verify_return_error -naccept 1 -rev
	wait_for '^ACCEPT ' "server-$1-$2-$3.log"
	port=$(sed -n 's/^ACCEPT .*://p' "server-$1-$2-$3.log")
	rm -f client.log # its lines must be this connection's
	mkfifo "in-$1-$2-$3"
	foreign openssl s_client "${provider[@]}" -connect "127.0.0.1:$port" "-$version" \
		-key "$(uri "$key")" -cert "$cert" -cert_chain issuing.pem -CAfile root.pem \
		-verify_return_error -verify_hostname localhost -brief \
		<"in-$1-$2-$3" >"client.log" 2>&1 &
	peer=$!
	pids+=("$peer")
	exec 7>"in-$1-$2-$3"
	echo hello >&7
	within_time grep -qsx olleh client.log || fail "no data flows: $* ($(cat client.log "server-$1-$2-$3.log"))"
	exec 7>&-
	wait "$peer" || fail "the client ended with status $?: $(cat client.log)"
	case $version in
	tls1_3) grep -q 'Protocol version: TLSv1.3' client.log || fail "not TLS 1.3" ;;
	tls1_2) grep -q 'Protocol version: TLSv1.2' client.log || fail "not TLS 1.2" ;;
	esac
	wait "$pid" || true
}

for version in tls1_3 tls1_2; do
	for pair in 'ec ec' 'rsa rsa' 'ec rsa' 'rsa ec'; do
		# shellcheck disable=SC2086 # two words
		tls $version $pair
	done
done

# ---- revocation ----

crls() {
	must inro ca crl root >all.crl
	must inro ca crl issuing >>all.crl
}

crls
verify=(openssl verify -crl_check -CAfile root.pem -untrusted issuing.pem -CRLfile all.crl client-ec.pem)
must "${verify[@]}"
serial=$(openssl x509 -in client-ec.pem -noout -serial)
must inro cert revoke "${serial#serial=}" --reason keyCompromise
crls
if "${verify[@]}" >verify.log 2>&1; then
	fail "openssl accepts a revoked certificate"
fi
grep -q 'certificate revoked' verify.log || fail "refused for another reason: $(cat verify.log)"
openssl crl -in <(inro ca crl issuing) -noout -text >crl.txt
grep -q 'Key Compromise' crl.txt || fail "the CRL does not say why: $(cat crl.txt)"
must inro audit verify

# ---- the module in the hands of others ----

module=$B/lib/inro-pkcs11.so
p11() {
	must foreign pkcs11-tool --module "$module" "$@"
}

slot=$(foreign pkcs11-tool --module "$module" -L 2>/dev/null |
	sed -n 's/^Slot [0-9]* (\(0x[0-9a-f]*\)).*/\1/p' | tail -n 1)
p11 --slot "$slot" --init-token --label opensc --so-pin 87654321
p11 --token-label opensc --login --login-type so --so-pin 87654321 --init-pin --new-pin 123456
p11 --token-label opensc -l --pin 123456 --keypairgen --key-type EC:prime256v1 --id 01 --label ec
p11 --token-label opensc -l --pin 123456 --keypairgen --key-type rsa:2048 --id 02 --label rsa
echo data >data
p11 --token-label opensc -l --pin 123456 --sign --id 02 -m SHA256-RSA-PKCS -i data -o data.sig
p11 --token-label opensc -l --pin 123456 --verify --id 02 -m SHA256-RSA-PKCS -i data --signature-file data.sig |
	has 'Signature is valid' || fail "pkcs11-tool does not verify its signature"
p11 --token-label opensc -l --pin 123456 --list-objects >objects.txt
[[ $(grep -c 'Private Key Object' objects.txt) == 2 ]] || fail "not two keys: $(cat objects.txt)"
p11 --token-label opensc -l --pin 123456 --test >test.txt
grep -q 'No errors' test.txt || fail "pkcs11-tool --test: $(cat test.txt)"

# GnuTLS and Java don't run under a sanitizer's library, with any module or none.
if [[ -z ${INRO_TEST_SANITIZE:-} ]]; then
	must foreign env GNUTLS_PIN="$INRO_PIN" p11tool --provider "$module" --login --list-all 'pkcs11:token=line1' >p11tool.txt
	for seen in 'Type: Private key' 'Type: X.509 Certificate' 'Label: dev-0001'; do
		grep -q "$seen" p11tool.txt || fail "p11tool does not see '$seen': $(cat p11tool.txt)"
	done

	line1=$(inro token show line1 --json | sed -n 's/.*"slot": \([0-9]*\).*/\1/p')
	printf 'name = inro\nlibrary = %s\nslot = %s\n' "$module" "$line1" >java.cfg
	must foreign keytool -list -keystore NONE -storetype PKCS11 -storepass "$INRO_PIN" \
		-addprovider SunPKCS11 -providerarg "$T/java.cfg" >keytool.txt
	grep -q 'server-ec, PrivateKeyEntry' keytool.txt || fail "keytool does not see the key: $(cat keytool.txt)"
fi
