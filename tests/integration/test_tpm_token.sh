#!/usr/bin/env bash
# A token in a TPM by the command: what is left in the TPM of tokens, users and failures; words; PCRs.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
command -v swtpm tpm2_getcap pkcs11-tool >/dev/null || skip "swtpm, tpm2-tools or pkcs11-tool is not installed"

[[ -n $tcti ]] || start_swtpm unix
export INRO_PIN=123456 INRO_SO_PIN=87654321 TPM2TOOLS_TCTI=$swtpm_tcti
module=$B/lib/inro-pkcs11.so
cd "$T"

indices() { # indices N: so many NV indices are in the TPM
	local n
	n=$(tpm2_getcap handles-nv-index | grep -c 0x) || true
	[[ $n == "$1" ]] || fail "$n NV indices, not $1, after $2"
}

# ---- words ----

refused 2 "goes with --backend tpm" "$B/bin/inro" token create t --pcr sha256:0
refused 1 "PCRs are written as" inro token create t --pcr sha256:0,77
refused 1 "no such file" inro token create t --owner-auth "$T/none"
refused 1 "0x81" inro token create t --root 0x01
refused 1 "nobody listens there" "$B/bin/inro" token create t --backend tpm --tcti "swtpm:path=$T/none"
refused 1 "nobody listens there" "$B/bin/inro" token create t --backend tpm --tcti swtpm:host=127.0.0.1,port=1
refused 1 "is not a device" "$B/bin/inro" token create t --backend tpm --tcti device:/etc/passwd
indices 0 "refusals"

# ---- an index for each PIN, gone with it ----

must inro token create dev
must inro token list >said
grep -q '^dev  *ready  *tpm' said || fail "list says: $(cat said)"
indices 2 "create"
must inro key generate --token dev --label k
INRO_NEW_PIN=annspin must inro token user add dev ann
indices 3 "a user"
INRO_NEW_PIN=annspin refused 1 "already" inro token user add dev ann
indices 3 "a user who is there"
INRO_PIN=654321 refused 1 "wrong" inro key generate --token dev --label x
must inro token user delete dev ann
indices 2 "a user who went"
must inro token create other
indices 4 "another token"

# ---- ten wrong lock one token, the officer opens it ----

for _ in 1 2 3 4 5 6 7 8 9; do # after the one above
	INRO_PIN=0000000 refused 1 "tries left|locked now" inro key generate --token dev --label x
done
refused 1 "locked" inro key generate --token dev --label x
must inro key generate --token other --label k
tpm2_getcap properties-variable >out
grep -q 'LOCKOUT_COUNTER: 0x0$' out || fail "the TPM's own counter moved: $(grep LOCKOUT_COUNTER out)"
INRO_NEW_PIN=new-pin-1 must inro token pin unblock dev
INRO_PIN=new-pin-1 must inro csr create --key 'pkcs11:token=dev;object=k' --subject CN=x --out x.csr
openssl req -in x.csr -verify -noout 2>/dev/null || fail "the request does not verify"
INRO_PIN=new-pin-1 INRO_NEW_PIN=123456 must inro token pin change dev
must inro key generate --token dev --label k2
indices 4 "changes of PINs"

# ---- a token made anew, and removed ----

foreign pkcs11-tool --module "$module" --init-token --token-label dev --label dev --so-pin "$INRO_SO_PIN" >out 2>&1 ||
	foreign pkcs11-tool --module "$module" --init-token --slot-index 0 --label dev --so-pin "$INRO_SO_PIN" >out 2>&1 ||
	fail "C_InitToken: $(cat out)"
indices 3 "a token made anew, its user PIN not set"
INRO_NEW_PIN=123456 must inro token pin unblock dev
indices 4 "the user PIN set"
must inro key generate --token dev --label k3
[[ $(inro key list --token dev --json | grep -c '"label"') == 1 ]] || fail "keys of the token's earlier life"
must inro token delete dev
indices 2 "a token removed"
must inro token delete other
indices 0 "both removed"

# ---- a backup of a token that was removed: told, and removed again ----

must inro token create gone
export INRO_PASSPHRASE="a long passphrase"
must inro token backup gone --out gone.backup
must inro token delete gone
refused 1 "'gone' is back, but can't be used: .*index .* is gone" inro token restore gone.backup
INRO_PIN='' refused 1 "index .* is gone" inro token check gone
refused 1 "index .* is gone" inro key generate --token gone --label k
refused 1 "index .* is gone" inro token delete gone
must inro token delete gone --force

# ---- PCRs ----

must inro token create measured --pcr sha256:16
must inro key generate --token measured --label k
tpm2_pcrextend 16:sha256=0000000000000000000000000000000000000000000000000000000000000001
for _ in 1 2 3 4 5 6 7 8 9 10 11; do # not tried is not wrong
	refused 1 "PCRs sha256:16" inro key generate --token measured --label x
done
inro token show measured | has '^PIN tries left  *10$' || fail "PINs that were not tried were counted: $(inro token show measured)"
must inro token create updated --pcr sha256:16
indices 4 "another token for these PCRs"
refused 1 "not locked" inro token delete updated --force
tpm2_pcrextend 16:sha256=0000000000000000000000000000000000000000000000000000000000000002
refused 1 "PCRs sha256:16" inro token delete updated
INRO_PIN='' refused 1 "PCRs sha256:16" inro token check updated
must inro token delete updated --force
indices 2 "a token whose PCRs changed for good"
tpm2_pcrreset 16
must inro key generate --token measured --label x

# ---- a root of others, under the TPM's dictionary, which somebody's wrong tries have locked ----

printf right >root.auth && chmod 600 root.auth
tpm2_createprimary -Q -C o -G ecc256:null:aes128cfb -p right -c other.ctx \
	-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt'
tpm2_evictcontrol -Q -C o -c other.ctx 0x81000002
tpm2_flushcontext -t
home=$INRO_HOME
export INRO_HOME=$T/others-root # tokens of one home share their root
must inro token create shared --root 0x81000002 --root-auth "$PWD/root.auth"
must inro key generate --token shared --label k
printf wrong >root.auth
for _ in 1 2 3; do
	refused 1 "root-auth is missing or not that" inro key generate --token shared --label x
done
printf right >root.auth
for _ in 1 2 3 4 5 6 7 8 9 10 11; do # no PIN is locked, and none is tried
	refused 1 "no token's PIN" inro key generate --token shared --label x
done
inro token show shared | has '^PIN tries left  *10$' || fail "a locked TPM cost tries of the PIN: $(inro token show shared)"
tpm2_dictionarylockout -c
must inro key generate --token shared --label x
must inro token delete shared
tpm2_evictcontrol -Q -C o -c 0x81000002
export INRO_HOME=$home
indices 2 "a token under a root of others, removed"

# ---- the record of a PIN that is none ----

if command -v sqlite3 >/dev/null; then
	file=$(inro token show measured | sed -n 's/^File *//p')
	auths=$(sqlite3 "$file" "SELECT 'auth_so = ' || quote(auth_so) || ', auth_user = ' || quote(auth_user) FROM token")
	sqlite3 "$file" "UPDATE token SET auth_so = substr(auth_so, 1, 40), auth_user = substr(auth_user, 1, 40)" || fail "sqlite3 $file"
	INRO_PIN='' refused 1 "can't be the record of a PIN" inro token check measured
	refused 1 "not locked" inro token delete measured --force
	sqlite3 "$file" "UPDATE token SET $auths" || fail "sqlite3 $file"
	INRO_PIN='' must inro token check measured
fi

# ---- an owner who cleared the TPM: told, nothing destroyed ----

refused 1 "not locked" inro token delete measured --force
tpm2_clear
refused 1 "storage root" inro key generate --token measured --label y
[[ $(inro token list --json | grep -c '"label": "measured"') == 1 ]] || fail "the token is not listed any more"
refused 1 "storage root" inro token delete measured
must inro token delete measured --force

# ---- an owner who sets a password when tokens are there ----

must inro token create early
tpm2_changeauth -c o ownerword
echo ownerword >owner
refused 1 "auth" inro token create late
must inro token create late --owner-auth owner
indices 4 "a token made by the owner's password"
must inro key generate --token early --label k
must inro key generate --token late --label k
must inro token delete late
indices 2 "it was removed"

refused 1 "removed, but not what guarded its PINs: owner-auth" inro token delete early
indices 2 "what the owner's password would have removed"

# ---- the owner's password is asked for where it is needed, and nowhere else ----

echo guess >guess
refused 1 "owner-auth is missing" inro token create owned --owner-auth guess
must inro token create owned --owner-auth owner
mv owner away
must inro key generate --token owned --label k
INRO_NEW_PIN=annspin refused 1 "owner-auth.*o such file" inro token user add owned ann
mv away owner
must inro token delete owned
tpm2_evictcontrol -C o -P ownerword -c 0x81000001 >/dev/null
must inro token create owned --owner-auth owner --root-auth guess
refused 1 "root is not that of the tokens" inro token create other --owner-auth owner --root 0x81000007
refused 1 "root-auth is not that of the tokens" inro token create other --owner-auth owner --root-auth owner
mv guess away
refused 1 "root-auth.*o such file" inro key generate --token owned --label k
inro token list | has 'unreadable.*root-auth' || fail "a token without its root-auth is not shown as such: $(inro token list)"
mv away guess
must inro key generate --token owned --label k
