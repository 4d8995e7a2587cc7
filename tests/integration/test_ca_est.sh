#!/usr/bin/env bash
# A CA elsewhere that is asked by EST: another office of ours, and a service that misbehaves in every way.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/agent.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/elsewhere.sh" || exit 1
have_all() { command -v jq && command -v curl && [[ -x /usr/bin/python3 ]]; }
have_all >/dev/null || skip "jq, curl or python3 is not installed"

# ---- another office of ours: `ra` asks there ----

make_far issuing
start_server --retry-after 1
far_https=$https
INRO_HOME=$T/near
must near token create office >/dev/null
must near device add d1 >/dev/null

refused 2 "give --est URL or" near ca connect plant --secret file:ra.psk --user ra
refused 2 "give --est URL or" near ca connect plant --cert root.pem --user ra
refused 1 "checked against" near ca connect plant --est "$far_https" --user ra --secret "file:$T/ra.psk"
refused 1 "who asks" near ca connect plant --est "$far_https" --trust root.pem --user ra
refused 1 "file:PATH, env:NAME" near ca connect plant --est "$far_https" --trust root.pem --user ra --secret hunter2
refused 1 "ends behind its host" near ca connect plant --est "$far_https/x" --trust root.pem --user ra --secret "file:$T/ra.psk"
refused 1 "begins with https" near ca connect plant --est "${far_https/https/http}" --trust root.pem --user ra --secret "file:$T/ra.psk"
refused 1 "characters that do not belong" near ca connect plant --est "https://a:b@localhost" --trust root.pem --user ra --secret "file:$T/ra.psk"
far_root stranger
refused 1 "not the service" near ca connect plant --est "$far_https" --label issuing --trust stranger.pem --user ra --secret "file:$T/ra.psk"
refused 1 "404" near ca connect plant --est "$far_https" --label nobody --trust root.pem --user ra --secret "file:$T/ra.psk"
refused 1 "none of them" near ca connect plant --cert stranger.pem --est "$far_https" --label issuing.for-others --trust root.pem --user ra --secret "file:$T/ra.psk"
must near ca connect plant --est "$far_https" --label issuing.for-others --trust root.pem --user ra --secret "file:$T/ra.psk" >/dev/null
[[ $(near ca show plant --chain | grep -c BEGIN) == 2 ]] || fail "the chain is not what the server named"
! grep -q "$(cat ra.psk)" "$T/near/"*.db* || fail "the password is in the database"

order plant d1
first=$id
sends plant
[[ $(state "$first") == active ]] || fail "$(near cert show "id:$first")"
near cert show "id:$first" --format chain >chain.pem
openssl verify -CAfile root.pem -untrusted chain.pem chain.pem >s.out 2>&1 || fail "$(cat s.out)"
[[ $(far cert list --json | jq '[.[] | select(.subject == "CN=d1")] | length') == 1 ]] || fail "$(far cert list --json)"
send plant || fail "$(cat s.out s.err)"
said came 0

# The password is wrong, then gone; what was wrong is kept, and the way is put off.
order plant d2
mv ra.psk kept.psk
send plant && fail "without a password"
grep -q "the password in $T/ra.psk" s.err || fail "$(cat s.err)"
echo nonsense >ra.psk
send plant && fail "with another password"
grep -q 401 s.err || fail "$(cat s.err)"
: >ra.psk
send plant && fail "with an empty password"
grep -q "is empty" s.err || fail "$(cat s.err)"
mv kept.psk ra.psk
[[ $(state "$id") == pending ]] || fail "an error has changed the request"

# What was revoked here is told by people.
must near cert revoke "id:$first" >s.out
grep -q "tell it" s.out || fail "$(cat s.out)"

# ---- by a certificate whose key is in a token, and by itself ----

must far ca create second --subject CN=second --token office --parent root >/dev/null
must near key generate --token office --label ra --type ec-p256 >/dev/null
must near csr create --key 'pkcs11:token=office;object=ra' --subject CN=ra --out ra.csr >/dev/null
must far cert issue --ca second --profile tls-client --csr ra.csr --device ra --out ra.pem >/dev/null
refused 1 "a PIN is not recorded" near ca connect second --est "$far_https" --label second.for-others --trust root.pem \
	--client-cert ra.pem --key 'pkcs11:token=office;object=ra?pin-value=123456'
must near ca connect second --est "$far_https" --label second.for-others --trust root.pem --client-cert ra.pem \
	--key 'pkcs11:token=office;object=ra' >/dev/null
order second t1
sends second
# The certificate that shows who we are is renewed as such, and is the one by which is asked from then on.
old=$(far cert list --json | jq '.[] | select(.subject == "CN=ra") | .id')
must near csr create --key 'pkcs11:token=office;object=ra' --subject CN=ra --out again.csr >/dev/null
must near cert issue --ca second --profile tls-client --csr again.csr --out again.out >/dev/null
sends second
logged() { [[ $(grep -c "/second.for-others/$1\"" "$log") == "$2" ]]; } # a line comes behind its answer
until_true logged simplereenroll 1
# Whose key is another renews nothing of ours, whatever it calls itself.
must near key generate --token office --label other --type ec-p256 >/dev/null
must near csr create --key 'pkcs11:token=office;object=other' --subject CN=ra --out other.csr >/dev/null
must near cert issue --ca second --profile tls-client --csr other.csr --out other.out >/dev/null
id=$(near ca requests second --json | jq -r 'last(.[] | select(.what == "issue")).id')
sends second
until_true logged simpleenroll 2
logged simplereenroll 1 || fail "by simplereenroll: $(grep enroll "$log")"
must far cert revoke "id:$old" >/dev/null
order second t2
server=$server_pid
INRO_HOME=$T/near
start_server --tls-cert ra.pem --tls-key 'pkcs11:token=office;object=ra'
here=$server_pid
comes() { [[ $(state "$id") == active ]]; }
until_true comes
order second t3
until_true comes
stop_server "$here"
INRO_HOME=$T/far
stop_server "$server"
send plant && fail "nobody is there"
grep -q "can't be reached" s.err || fail "$(cat s.err)"

# ---- a service that misbehaves ----

est_service
must near ca connect odd --est "https://localhost:$port" --trust est/tls.pem --user dev-1 --secret "env:ODD_PASSWORD" --timeout 2 >/dev/null
export ODD_PASSWORD='a pre-shared key'
order odd dev-1
try() { # MODE REGEX
	mode "$1"
	fails odd "$2" "$1"
}
# What the server is, is asked for first; these answer that, too.
try html "answers 200"
try redirect "answers 302"
try error "answers 500"
try big "longer than"
try short "can't be reached"
try refuse "not like this"
try foreign "has not signed it|names another issuer"
try otherkey "another key than that of request"
try slow "can't be reached"
must near cert reject "$id" --why "enough" >/dev/null
order odd old
try expired "has expired"
must near cert reject "$id" --why "its service keeps an old answer" >/dev/null
order odd dev-2
mode wait
send odd || fail "$(cat s.out s.err)"
said waits 1
near ca requests odd --json >s.out
jq -e '.[0] | .why == "waits for the CA'"'"'s approval" and .again != null and .tries == 0' s.out >/dev/null || fail "$(cat s.out)"
send odd --due || fail "$(cat s.out s.err)"
said later 1
mode lost
send odd && fail "lost: no error"
asked=$(grep -c POST est/log)
mode good
send odd || fail "$(cat s.out s.err)"
said came 1
[[ $(grep -c POST est/log) == $((asked + 1)) ]] || fail "it was asked more than once"
[[ $(state "$id") == active ]] || fail "$(near cert show "id:$id")"

# A request that the server does not like holds up no other one.
order odd bad1
bad=$id
order odd fine1
mode "forbid bad1"
send odd && fail "a refusal is no error"
grep -q 403 s.err || fail "$(cat s.err)"
send odd && fail "a refusal is no error"
[[ $(state "$id") == active ]] || fail "held up by another one: $(near cert show "id:$id")"
[[ $(state "$bad") == pending ]] || fail "an error has changed the request"
# Alone it is put off by itself: the way there is open to what comes next.
for n in 1 2 3; do
	send odd && fail "a refusal is no error"
done
near ca requests odd --json | jq -e 'length == 1 and .[0].tries >= 5' >s.out || fail "$(near ca requests odd --json)"
if command -v sqlite3 >/dev/null; then
	late=$(sqlite3 "$T/near/backoffice.db" "SELECT count(*) FROM ca_way w JOIN ca ON ca.id = w.ca WHERE ca.name = 'odd' AND w.due_ms > $((($(date +%s) + 90) * 1000))")
	[[ $late == 0 ]] || fail "a request that is not liked shuts the way for others"
fi
must near cert reject "$bad" --why "nobody likes it" >/dev/null
mode good

# Killed at any moment between sending and storing: one certificate, and it is on record.
for ((n = 0; n < 5; n++)); do
	order odd "k$n"
	INRO_HOME=$T/near "$B/bin/inro" ca send odd >/dev/null 2>&1 &
	p=$!
	sleep "0.$(printf '%03d' $((RANDOM % 300)))"
	kill -9 "$p" 2>/dev/null || true
	wait "$p" 2>/dev/null || true
	send odd || fail "$(cat s.out s.err)"
	[[ $(state "$id") == active ]] || fail "killed, and lost: $(near cert show "id:$id")"
	[[ $(grep -c "CN=k$n" est/index) == 1 ]] || fail "k$n has more than one certificate: $(cat est/index)"
done

must near audit verify >/dev/null
must near db check >/dev/null
