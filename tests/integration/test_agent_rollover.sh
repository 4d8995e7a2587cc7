#!/usr/bin/env bash
# The CA of the service's own TLS certificate gets another key: clients with the old root and with the new one reach the
# service, and a device goes on when only the new one is left.  What is not linked to its `trust` it does not believe.
# shellcheck disable=SC2119 # functions of serve.sh without arguments
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$S/tests/lib/agent.sh"
. "$S/tests/lib/serve.sh"

make_office
cd "$T" || exit 1
start_server
printf '123456\n' >pin
must inro token create dev --pin-source "$T/pin" >/dev/null
must inro device add dev-1 --json | jq -r .psk >psk

conf() { # TRUST: of a device at the server as it is now
	agent_conf
	sed -i "s|^server = .*|server = $https|; s|^trust = .*|trust = $T/$1|; s|^label = .*|label = root.tls-client|" agent.conf
}
reaches() { curl -sS --max-time 20 --cacert "$1" "$https/healthz" >/dev/null 2>&1; } # ROOT
certs_in() { grep -c BEGIN "$1"; }
rollover() { # N: the root's next key; the server has heard of it when this is done
	must inro ca rollover root --token office >/dev/null
	must inro ca show root --json | jq -r .pem >"root$1.pem"
	kill -HUP "$server_pid"
	within_time reaches "root$1.pem" || fail "who has key $1 alone does not reach the service: $(cat "$log")"
}
bare() { # serves what it has, without what leads there from an older root
	stop_server
	openssl x509 -in home/serve/root.pem -out bare.pem
	start_server --tls-cert bare.pem
}

cp root.pem root1.pem
conf root1.pem
must agent once >/dev/null
[[ ! -e agent/trust.pem ]] || fail "there is nothing to follow, and it is followed"

# ---- the next key ----
rollover 2
reaches root1.pem || fail "who has the old root does not reach the service: $(openssl storeutl -certs -noout -text home/serve/root.pem)"
[[ $(certs_in home/serve/root.pem) == 3 ]] || fail "not the certificate and the two links: $(certs_in home/serve/root.pem)"
cp home/serve/root.pem before.pem
kill -HUP "$server_pid"
sleep 3
cmp -s home/serve/root.pem before.pem || fail "it asks for another certificate again and again"
must agent renew >/dev/null
good_pair
[[ $(certs_in agent/trust.pem) == 2 ]] || fail "it has not the new root and its link: $(cat agent/trust.pem)"
bare
! reaches root1.pem || fail "the old root is enough: nothing is tried here"
conf root1.pem
must agent check >/dev/null
must agent renew >/dev/null
good_pair
stop_server

# ---- and the one after: the way is longer ----
start_server
rollover 3
for n in 1 2 3; do
	reaches root$n.pem || fail "who has key $n does not reach the service"
done
conf root1.pem
must agent renew >/dev/null
bare
conf root1.pem
must agent renew >/dev/null
good_pair

# ---- what does not begin at a CA in `trust` counts for nothing ----
conf root2.pem
must agent check >/dev/null # in the middle of the way
must openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.pem -subj /CN=root \
	-days 30 2>/dev/null
conf other.pem
refused 1 'is not the service' inro agent once --config "$T/agent.conf"
cp agent/trust.pem kept.pem
cat other.pem >>agent/trust.pem
stop_server
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout fake.key -out fake.csr -subj /CN=localhost 2>/dev/null
must openssl x509 -req -in fake.csr -CA other.pem -CAkey other.key -CAcreateserial -days 2 -out fake.pem \
	-extfile <(echo subjectAltName=DNS:localhost) 2>/dev/null
start_server --tls-key "$T/fake.key" --tls-cert fake.pem
reaches other.pem || fail "nothing is tried here"
conf root1.pem
refused 1 'is not the service' inro agent once --config "$T/agent.conf"

# ---- a file that can't be read is as none ----
stop_server
start_server
conf root1.pem
echo nonsense >agent/trust.pem
must agent renew >/dev/null
cmp -s <(sort kept.pem) <(sort agent/trust.pem) || fail "it does not follow anew: $(cat agent/trust.pem)"
stop_server
