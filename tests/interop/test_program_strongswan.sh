#!/usr/bin/env bash
# strongSwan's IKEv2 with keys in a token on both sides, each in a network of its own, and its plugin for PKCS#11:
# docs/howto/strongswan.md as it stands there.  What passes the tunnel is encrypted by strongSwan's own plugin, because a
# kernel may have no ESP; where there is no device for it the test ends at the IKE_SA.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
token=ipsec
configuration=own.cnf
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need charon-systemd swanctl
unshare -n ip link set lo up 2>/dev/null || skip "a network of its own needs root"
tunnel=
[[ ! -c /dev/net/tun || ! -e /usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so ]] || tunnel=kernel-libipsec

is_elsewhere() { # PID: in another network
	[[ $(readlink "/proc/$1/ns/net") != "$(readlink /proc/self/ns/net)" ]]
}

# world NAME ADDRESS-INSIDE
declare -A worlds
world() {
	background "$1.net.log" unshare -n sleep 300
	worlds[$1]=$pid
	until_true is_elsewhere "$pid"
	in_world "$1" ip link set lo up
	in_world "$1" ip address add "$2/32" dev lo
}
in_world() { # NAME CMD ...
	nsenter -t "${worlds[$1]}" -n "${@:2}"
}
world moon 10.1.0.1
world sun 10.2.0.1
in_world moon ip link add wire type veth peer name wire netns "${worlds[sun]}" 2>err || skip "no wire between networks: $(cat err)"
in_world moon ip address add 192.0.2.1/24 dev wire
in_world sun ip address add 192.0.2.2/24 dev wire
for name in moon sun; do
	in_world "$name" ip link set wire up
done

instead=(/etc/swanctl "$T/moon")
mkdir -p {moon,sun}/{x509,private,x509ca}
run_howto strongswan.md
make_identity sun rsa-2048
cp etc/sun.crt sun/x509/
cp etc/sun.pem sun/private/
cp etc/ca.crt sun/x509ca/

# side NAME OF-THE-OTHER N ITS-N: the how-to's configuration, for the N-th of the two networks.
side() {
	instead=(CN=sun "CN=$2" moon.crt "$1.crt" '198.51.100.1' "192.0.2.$3" '203.0.113.1' "192.0.2.$4"
		'local_ts = 10.1.' "local_ts = 10.$3." 'remote_ts = 10.2.' "remote_ts = 10.$4.")
	[[ -n $tunnel ]] || instead+=('version = 2' $'version = 2\n    childless = force')
	howto strongswan.md conf >"$1/swanctl.conf"
	cat >"$1/strongswan.conf" <<-END
		charon-systemd {
		  load = random nonce openssl x509 pubkey pem pkcs1 pkcs8 sha1 sha2 kdf vici $tunnel kernel-netlink socket-default
		  plugins { vici { socket = unix://$T/$1.vici } }
		  filelog { log { path = $T/$1.log
		    default = 1
		    flush_line = yes } }
		}
		swanctl { load = random openssl x509 pubkey pem pkcs1 pkcs8 sha1 sha2 }
	END
	STRONGSWAN_CONF=$T/$1/strongswan.conf with_keys background "$1.out" nsenter -t "${worlds[$1]}" -n charon-systemd
	until_true test -S "$1.vici"
}
ctl() { # NAME ARGUMENT ...
	STRONGSWAN_CONF=$T/$1/strongswan.conf SWANCTL_DIR=$T/$1 timeout "$patience" swanctl "${@:2}" --uri "unix://$T/$1.vici"
}
side moon sun 1 2
moon=$pid
side sun moon 2 1
sun=$pid

# ---- both load their references and sign ----

for name in moon sun; do
	must ctl "$name" --load-all --noprompt --file "$T/$name/swanctl.conf" >loaded
	grep -q "loaded private key from '$T/$name/private/$name.pem'" loaded || fail "$name: $(cat loaded err)"
done
if [[ -n $tunnel ]]; then
	must ctl moon --initiate --child net >/dev/null
else
	must ctl moon --initiate --ike vpn >/dev/null
fi
wait_for "authentication of 'CN=moon' \(myself\) with ECDSA" moon.log
wait_for "authentication of 'CN=sun' \(myself\) with RSA" sun.log
wait_for 'IKE_SA vpn\[1\] established between 192.0.2.1\[CN=moon\]...192.0.2.2\[CN=sun\]' moon.log
wait_for 'IKE_SA vpn\[1\] established' sun.log

# ---- through the tunnel ----

if [[ -n $tunnel ]]; then
	wait_for 'CHILD_SA net\{1\} established' sun.log
	with_keys background server.log nsenter -t "${worlds[sun]}" -n openssl s_server -accept 10.2.0.1:4433 -naccept 1 -www \
		-key etc/sun.pem -cert etc/sun.crt
	wait_for '^ACCEPT' server.log
	must in_world moon openssl s_client -bind 10.1.0.1 -connect 10.2.0.1:4433 -CAfile etc/ca.crt -verify_return_error \
		</dev/null >/dev/null
	wait "$pid" || fail "the server ends with $?: $(cat server.log)"
	must ctl moon --list-sas >sas
	grep -qE '^ *out .* [1-9][0-9]* packets' sas || fail "nothing has passed the tunnel: $(cat sas)"
fi

for p in "$moon" "$sun"; do
	kill "$p"
	wait "$p" || fail "status $? at the end of charon-systemd: $(cat moon.log sun.log)"
done

# ---- what goes wrong ----

rm -f moon.vici
echo 000000 >etc/pin
side moon sun 1 2
ctl moon --load-creds --noprompt >said 2>&1 || true
grep -q "loading '$T/moon/private/moon.pem' failed: parsing ANY private key failed" said || fail "swanctl says $(cat said)"

# ---- the plugin pkcs11 finds the key ----

command -v pki >/dev/null && [[ -e /usr/lib/ipsec/plugins/libstrongswan-pkcs11.so ]] || exit 0
instead=(/usr/lib/x86_64-linux-gnu/pkcs11 "$B/lib")
howto strongswan.md strongswan >pki.conf
echo 'pki { load = pkcs11 openssl pem pkcs1 pkcs8 x509 random sha1 sha2 }' >>pki.conf
STRONGSWAN_CONF=$T/pki.conf timeout "$patience" pki --pub --keyid 0b0c --type priv --debug 1 </dev/null >/dev/null 2>said || true
grep -q "found key on PKCS#11 token 'inro'" said || fail "pki says $(cat said)"
