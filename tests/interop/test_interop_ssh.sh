#!/usr/bin/env bash
# OpenSSH with a token's keys: docs/howto/ssh.md as it stands there, against a server of this test's own.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/interop/lib.sh"
need ssh ssh-agent

# tools/check unpacks a server that must not be installed: installing starts it.
sshd=/usr/sbin/sshd
[[ -x $sshd ]] || sshd=$S/build/openssh/usr/sbin/sshd
[[ -x $sshd ]] || skip "sshd is not here: tools/check fetches it"
wrapper=$(find /usr/lib -name libnss_wrapper.so | sed -n 1p)
[[ -n $wrapper ]] || skip "libnss-wrapper is not installed: tools/check installs it"

# ---- a server without rights, whose only account is "someone" ----

uid=$(id -u)
as_server=()
if [[ $uid == 0 ]]; then
	uid=65534
	as_server=(setpriv --reuid="$uid" --regid="$uid" --clear-groups)
fi
mkdir srv
chmod 711 "$T" srv
echo "someone:x:$uid:$uid::/:/bin/sh" >srv/passwd
echo "someone:x:$uid:" >srv/group
ssh-keygen -q -t ed25519 -N '' -f srv/hostkey
: >srv/keys
cat >srv/config <<END
HostKey $T/srv/hostkey
AuthorizedKeysFile $T/srv/keys
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PidFile none
LogLevel VERBOSE
END
[[ $(id -u) != 0 ]] || chown "$uid" srv/hostkey

# A port that is free: the server is asked, and says so.
serve() {
	local try
	for try in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 12000))
		rm -f srv/log
		background srv/log env LD_PRELOAD="$wrapper" NSS_WRAPPER_PASSWD="$T/srv/passwd" \
			NSS_WRAPPER_GROUP="$T/srv/group" "${as_server[@]}" \
			"$sshd" -D -e -f "$T/srv/config" -o ListenAddress=127.0.0.1 -p "$port"
		wait_for 'listening on|in use|rror' srv/log
		grep -q 'listening on' srv/log && return
	done
	fail "no server after $try tries: $(cat srv/log)"
}
serve
cat >config <<END
Host server
	HostName 127.0.0.1
	Port $port
	User someone
	UserKnownHostsFile $T/known_hosts
	StrictHostKeyChecking accept-new
END

# ---- the how-to; what it says to do on the server is done when the public key is made ----

printf '#!/bin/sh\necho %s\n' "$pin" >askpass
chmod +x askpass
export SSH_ASKPASS=$T/askpass SSH_ASKPASS_REQUIRE=force T
ssh() {
	cp "$T/laptop.pub" "$T/srv/keys"
	chmod 644 "$T/srv/keys"
	command ssh -F "$T/config" "$@"
}
export -f ssh
howto ssh.md

[[ $(grep -c '^ecdsa-sha2-nistp256 [^ ]* laptop$' laptop.pub) == 1 ]] || fail "the key is not listed: $(cat laptop.pub)"
[[ $(grep -c 'Accepted publickey for someone .*ECDSA' srv/log) == 2 ]] || fail "not two logins: $(cat srv/log)"
grep -q '256 SHA256:.* laptop (ECDSA)' howto.out || fail "the agent does not list it: $(cat howto.out)"
grep -q 'Good "file" signature for me@example.com' howto.out || fail "no good signature: $(cat howto.out)"
grep -q 'Signing CA: ECDSA SHA256:' howto.out || fail "no certificate: $(cat howto.out)"

# ---- an RSA key, named by the setting; a wrong PIN; another's key ----

must inro key generate --token t1 --label rsa --type rsa-2048 >/dev/null
must ssh-keygen -D "$module" >laptop.pub
printf '\tPKCS11Provider %s\n\tIdentitiesOnly yes\n\tIdentityFile %s\n' "$module" "$T/rsa.pub" >>config
grep ' rsa$' laptop.pub >rsa.pub
[[ $(must ssh server 'echo "as $LOGNAME"') == "as someone" ]] || fail "another account: $(cat "$T/out")"
grep -q 'Accepted publickey for someone .*RSA' srv/log || fail "not with the RSA key: $(cat srv/log)"
printf '#!/bin/sh\necho wrong\n' >askpass
! ssh server true 2>said || fail "a wrong PIN logs in"
grep -q 'Permission denied (publickey)' said || fail "a wrong PIN says: $(cat said)"

# What a helper that was killed has left in a TPM goes when the token is used next.
[[ -z $tcti ]] || must inro token check t1 >/dev/null
