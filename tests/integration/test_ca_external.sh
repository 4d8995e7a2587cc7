#!/usr/bin/env bash
# CAs whose certificates others make: an offline root of openssl's and one of ours, and what is refused of them.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/cas.sh" || exit 1

far_root far
far_root low short
far_root other
openssl req -new -config ca.cnf -key other.key -subj "/CN=Plant" -out wrong-key.csr

# ---- under openssl's root ----

must inro token create ca
must inro ca create plant --token ca --subject "/O=Example/CN=Plant" --external
[[ $(inro ca list --json | grep -c '"state": "pending"') == 1 ]] || fail "the CA is not pending: $(inro ca list)"
must inro ca csr plant --out plant.csr
openssl req -in plant.csr -verify -noout >out 2>&1 || fail "$(cat out)"
request x
refused 1 "waits for its certificate" inro cert issue --ca plant --profile tls-client --csr x.csr
refused 1 "has no certificate" inro ca crl plant
refused 1 "has no certificate" inro ca show plant --chain
refused 1 "can't retire a CA that is pending; from there: inro ca activate, inro ca cancel" inro ca retire plant
refused 1 "parent" inro ca create no --token ca --subject /CN=no --external --parent plant
refused 1 "there is a CA 'plant' already" inro ca create plant --token ca --subject /CN=no --external

far_sign wrong-key.csr far sub wrong-key.pem
far_sign plant.csr far leaf leaf.pem
far_sign plant.csr low sub low-plant.pem
far_sign plant.csr far sub plant.pem
# OpenSSL before 3.4 knows no -not_after, and later ones no days that are negative.
past() {
	openssl x509 -req -in plant.csr -CA far.pem -CAkey far.key -extfile ca.cnf -extensions sub -out past.pem "$@" 2>err
}
past -days -1 || past -not_before 20200101000000Z -not_after 20200102000000Z || fail "no certificate that has expired: $(cat err)"
openssl req -x509 -config ca.cnf -extensions sub -key other.key -subj /CN=far -out false.pem -days 300
refused 1 "for another key" inro ca activate plant --cert wrong-key.pem --chain far.pem
refused 1 "." inro ca activate plant --cert leaf.pem --chain far.pem
refused 1 "path length" inro ca activate plant --cert low-plant.pem --chain low.pem
refused 1 "give the chain" inro ca activate plant --cert plant.pem
refused 1 "chain is broken" inro ca activate plant --cert plant.pem --chain other.pem
refused 1 "." inro ca activate plant --cert plant.pem --chain false.pem
refused 1 "does not reach a root" inro ca activate plant --cert plant.pem --chain x.csr
refused 1 "has expired" inro ca activate plant --cert past.pem --chain far.pem
[[ $(inro ca list --json | grep -c '"state": "pending"') == 1 ]] || fail "what was refused has changed the CA"
must inro ca activate plant --cert plant.pem --chain far.pem
refused 1 "can't issue a CA that is active" inro ca activate plant --cert plant.pem --chain far.pem
refused 1 "another CA has this key" inro ca create twin --key "$(inro ca show plant --json | value key_uri)" --subject /CN=twin --external
must inro cert issue --ca plant --profile tls-client --csr x.csr --out x.pem
inro ca show plant --chain >chain.pem
[[ $(grep -c BEGIN chain.pem) == 2 ]] || fail "the root is not in the chain: $(cat chain.pem)"
openssl verify -CAfile far.pem -untrusted plant.pem x.pem >out 2>&1 || fail "$(cat out)"
must inro ca crl plant --out plant.crl
openssl verify -crl_check -CAfile far.pem -untrusted plant.pem -CRLfile plant.crl x.pem >out 2>&1 || fail "$(cat out)"

# ---- what a CA needs is not deleted in passing ----

plant_key=$(inro ca show plant --json | value key_uri)
must inro ca create gone --token ca --subject /CN=gone --external
gone_key=$(inro ca show gone --json | value key_uri)
must inro key generate --token ca --label free
must inro key delete 'pkcs11:token=ca;object=free'
refused 1 "CA 'plant' needs this key" inro key delete "${plant_key%;type=*}"
refused 1 "CA 'plant' needs this key" inro key delete "$plant_key"
refused 1 "needs a key in it" inro token delete ca
refused 1 "CA 'gone' needs this key" inro key delete "${gone_key%;type=*}"
must inro ca cancel gone
must inro key delete "${gone_key%;type=*}"
must inro token create spare
must inro ca create lost --token spare --subject /CN=lost
must inro token delete spare --needed
grep -q "needed by CA lost" out || fail "what is lost is not said: $(cat out)"
refused 1 "." inro cert issue --ca lost --profile tls-client --csr x.csr
INRO_HOME=$T/empty must inro token create lone
INRO_HOME=$T/empty must inro token delete lone

# ---- a CA below it, and one that is given up ----

must inro ca create line --token ca --parent plant --subject "/O=Example/CN=Line"
[[ $(inro ca show line --chain | grep -c BEGIN) == 3 ]] || fail "the chain of a CA below lacks the root"
must inro ca create never --token ca --subject /CN=never --external
refused 1 "can't cancel a CA that is active" inro ca cancel plant
must inro ca cancel never
[[ $(inro ca show never --json) == *'"state": "retired"'* ]] || fail "it is not given up"
refused 1 "can't issue a CA that is retired" inro ca activate never --cert plant.pem

# ---- an offline root of ours ----

vault() {
	INRO_HOME=$T/vault "$@"
}
mkdir -p vault
vault must inro token create vault
vault must inro ca create offline --token vault --subject "/O=Example/CN=Offline"
vault inro ca show offline --out offline.pem >/dev/null
must inro ca create below --token ca --subject "/O=Example/CN=Below" --external
must inro ca csr below --out below.csr
vault must inro ca certify offline --csr below.csr --days 100 --out below.pem
vault refused 1 "not for CAs" inro ca certify offline --csr below.csr --profile tls-client
must inro ca activate below --cert below.pem --chain offline.pem
must inro cert issue --ca below --profile tls-client --csr x.csr --out y.pem
openssl verify -CAfile offline.pem -untrusted below.pem y.pem >out 2>&1 || fail "$(cat out)"
must inro cert revoke "$(openssl x509 -in below.pem -noout -serial | sed 's/.*=//')" --yes
refused 1 "is revoked" inro cert issue --ca below --profile tls-client --csr x.csr
must inro audit verify
