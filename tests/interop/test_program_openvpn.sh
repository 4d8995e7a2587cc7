#!/usr/bin/env bash
# OpenVPN with keys in a token, by references: docs/howto/openvpn.md as it stands there, in a network of the test's own
# where that can be had; else the TLS handshakes alone.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
token=vpn
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need openvpn

free_port
instead=(1194 "$port")
run_howto openvpn.md shell
make_identity client rsa-2048
howto openvpn.md conf >server.conf
howto openvpn.md client >client.conf
echo "verb 3" | tee -a server.conf >>client.conf

# ---- one tunnel of nothing: TLS 1.2 and 1.3 ----

# plain FILE: a side that needs neither a device nor rights.
plain() {
	grep -vE '^(dev|server|user|group|client|remote-cert-tls)( |$)' "$1"
	echo 'dev null'
}
plain server.conf >one.conf
echo tls-server >>one.conf
plain client.conf >other.conf
echo tls-client >>other.conf

meet() { # VERSION ARGUMENT ...: of the server
	rm -f one.log other.log
	with_keys background one.log openvpn --config one.conf --tls-version-max "$1" "${@:2}"
	one=$pid
	wait_for 'Listening for' one.log
	with_keys background other.log openvpn --config other.conf --connect-retry 1
	wait_for "Control Channel: TLSv$1.*peer certificate: 2048 bits RSA" one.log
	wait_for "Control Channel: TLSv$1.*peer certificate: 256 bits EC" other.log
	kill "$one" "$pid"
	wait "$one" || fail "status $? at the end of openvpn: $(cat one.log)"
	wait "$pid" || fail "status $? at the end of openvpn: $(cat other.log)"
}
meet 1.2
meet 1.3

# ---- what goes wrong ----

ends() { # REGEX CMD ...
	with_keys fails_with 1 "$1" openvpn --config one.conf "${@:2}"
}
echo 000000 >etc/pin
ends "inro::wrong PIN:wrong PIN for token 'vpn': 9 of 10 tries left"
echo "$pin" >etc/pin
INRO_HOME=$T/elsewhere ends "inro::.*:no token 'vpn' in "
ends "key fails with 'pkcs11:.*No such file" --key 'pkcs11:token=vpn;object=server'
OPENSSL_CONF=/dev/null fails_with 1 'DECODER routines::unsupported' openvpn --config one.conf
sed -i '/^providers = /d' etc/openssl.cnf
ends '(unable to|failed to) load provider' --providers default nothing

# ---- the provider named by openvpn alone; the tunnel of the how-to, where a network can be had ----

with_keys() {
	OPENSSL_CONF=/dev/null OPENSSL_MODULES=$B/lib INRO_MODULE=$B/lib/inro-pkcs11.so INRO_PIN=$pin "$@"
}
echo 'providers default inro' | tee -a server.conf one.conf >>other.conf
echo 'providers default inro' >>client.conf
meet 1.3
[[ $(id -u) == 0 && -c /dev/net/tun ]] && unshare -n ip link set lo up 2>/dev/null || exit 0
background net.log unshare -n sleep 300
net=$pid
within() {
	nsenter -t "$net" -n "$@"
}
is_elsewhere() {
	[[ $(readlink "/proc/$net/ns/net") != "$(readlink /proc/self/ns/net)" ]]
}
until_true is_elsewhere
within ip link set lo up
sed -i '/^remote-cert-tls/d' client.conf # the test's CA says nothing of uses
with_keys background server.log nsenter -t "$net" -n openvpn --config server.conf --reneg-sec 3
server=$pid
with_keys background client.log nsenter -t "$net" -n openvpn --config client.conf --connect-retry 1
wait_for 'Initialization Sequence Completed' client.log
wait_for 'UID set to nobody' server.log
# the server is nobody now, and signs once more
twice() {
	[[ $(grep -c 'Control Channel: TLS' "$1") -ge 2 ]]
}
for log in server.log client.log; do
	within_time twice "$log" || fail "no second handshake: $(cat server.log client.log)"
done
kill "$pid" "$server"
wait "$server" || fail "status $? at the end of openvpn: $(cat server.log)"
