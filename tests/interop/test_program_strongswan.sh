#!/usr/bin/env bash
# strongSwan's IKEv2 with keys in a token on both sides, and its plugin for PKCS#11: docs/howto/strongswan.md as it
# stands there.
. "$INRO_TEST_SOURCE/tests/lib/shell.sh"
token=ipsec
. "$INRO_TEST_SOURCE/tests/lib/programs.sh"
need charon-systemd swanctl
unshare -n ip link set lo up 2>/dev/null || skip "a network of its own needs root"

background net.log unshare -n sleep 300
net=$pid
for ((i = 0; i < 50; i++)); do
	[[ $(readlink "/proc/$net/ns/net") == "$(readlink /proc/self/ns/net)" ]] || break
	sleep 0.1
done
within=(nsenter -t "$net" -n)
"${within[@]}" ip link set lo up

instead=(/etc/swanctl "$T/moon")
mkdir -p {moon,sun}/{x509,private,x509ca}
run_howto strongswan.md
make_identity sun rsa-2048
cp etc/sun.crt sun/x509/
cp etc/sun.pem sun/private/
cp etc/ca.crt sun/x509ca/

# side NAME OF-THE-OTHER PORT ITS-PORT: the how-to's configuration, at ports of its own; no child is made.
side() {
	instead=(CN=sun "CN=$2" moon.crt "$1.crt" 'version = 2' "version = 2
    childless = force
    local_port = $(($3 + 1))
    remote_port = $(($4 + 1))")
	howto strongswan.md conf >"$1/swanctl.conf"
	cat >"$1/strongswan.conf" <<-END
		charon-systemd {
		  load = random nonce openssl x509 pubkey pem pkcs1 pkcs8 sha1 sha2 kdf vici kernel-netlink socket-default
		  port = $3
		  port_nat_t = $(($3 + 1))
		  install_routes = no
		  plugins { vici { socket = unix://$T/$1.vici } }
		  filelog { log { path = $T/$1.log
		    default = 1
		    flush_line = yes } }
		}
		swanctl { load = random openssl x509 pubkey pem pkcs1 pkcs8 sha1 sha2 }
	END
	STRONGSWAN_CONF=$T/$1/strongswan.conf with_keys background "$1.out" "${within[@]}" charon-systemd
	for ((i = 0; i < 100; i++)); do
		[[ ! -S $1.vici ]] || break
		sleep 0.1
	done
}
ctl() { # NAME ARGUMENT ...
	STRONGSWAN_CONF=$T/$1/strongswan.conf SWANCTL_DIR=$T/$1 timeout 20 swanctl "${@:2}" --uri "unix://$T/$1.vici"
}
side moon sun 30500 30600
moon=$pid
side sun moon 30600 30500
sun=$pid

# ---- both load their references and sign ----

for name in moon sun; do
	must ctl "$name" --load-all --noprompt --file "$T/$name/swanctl.conf" >loaded
	grep -q "loaded private key from '$T/$name/private/$name.pem'" loaded || fail "$name: $(cat loaded err)"
done
must ctl moon --initiate --ike vpn >/dev/null
wait_for "authentication of 'CN=moon' \(myself\) with ECDSA" moon.log
wait_for "authentication of 'CN=sun' \(myself\) with RSA" sun.log
wait_for 'IKE_SA vpn\[1\] established between 127.0.0.1\[CN=moon\]...127.0.0.1\[CN=sun\]' moon.log
wait_for 'IKE_SA vpn\[1\] established' sun.log

for p in "$moon" "$sun"; do
	kill "$p"
	wait "$p" || fail "status $? at the end of charon-systemd: $(cat moon.log sun.log)"
done

# ---- what goes wrong ----

rm -f moon.vici
echo 000000 >etc/pin
side moon sun 30500 30600
ctl moon --load-creds --noprompt >said 2>&1 || true
grep -q "loading '$T/moon/private/moon.pem' failed: parsing ANY private key failed" said || fail "swanctl says $(cat said)"

# ---- the plugin pkcs11 finds the key ----

command -v pki >/dev/null && [[ -e /usr/lib/ipsec/plugins/libstrongswan-pkcs11.so ]] || exit 0
instead=(/usr/local/lib "$B/lib")
howto strongswan.md strongswan >pki.conf
echo 'pki { load = pkcs11 openssl pem pkcs1 pkcs8 x509 random sha1 sha2 }' >>pki.conf
STRONGSWAN_CONF=$T/pki.conf timeout 20 pki --pub --keyid 0b0c --type priv --debug 1 </dev/null >/dev/null 2>said || true
grep -q "found key on PKCS#11 token 'inro'" said || fail "pki says $(cat said)"
