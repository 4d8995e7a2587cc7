#!/usr/bin/env bash
# The device's agent against a service that behaves well and badly: first certificate, renewals, what is kept when
# something goes wrong, and the part that waits.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$S/tests/lib/agent.sh"

est_service
agent_token
agent_conf "after-renewal = echo \$INRO_AGENT_GENERATION >>$T/hooks"

# ---- settings ----
must inro agent settings | has -E '^server +text +yes +- ' || fail "settings are not shown"
inro agent settings --json | jq -r '.[] | "| \(.name) | \(.takes) | " +
	"\(if .required then "must be given" else .default // "" end) | \(.what) |"' >"$T/settings"
sed -n '/^| setting | value/,$p' "$S/docs/howto/agent.md" | sed 1,2d >"$T/page"
[[ -s $T/page ]] || fail "docs/howto/agent.md has no settings"
diff <(tr -d '`' <"$T/page") <(tr -d '`' <"$T/settings") || fail "docs/howto/agent.md has other settings"
for line in 'colour = red' 'retry = soon' 'key = old' 'dir = here' 'cert-file = ../x'; do
	agent_conf "$line"
	refused 1 'agent\.conf' inro agent once --config "$T/agent.conf"
done
agent_conf "after-renewal = echo \$INRO_AGENT_GENERATION >>$T/hooks"
refused 1 'has not run yet' inro agent status --config "$T/agent.conf"
sed "s#^trust = .*#trust = $T/nowhere.pem#" "$T/agent.conf" >"$T/nowhere.conf"
refused 1 "nowhere.pem can't be read" inro agent check --config "$T/nowhere.conf"
must agent check >"$T/said"
grep -q 'Agent Test CA' "$T/said" || fail "check says: $(cat "$T/said")"
# Without the provider the first certificate would come, and nothing after it.
mkdir "$T/alone"
cp "$B/bin/inro" "$T/alone/inro"
refused 1 "provider inro.so can't be loaded" env INRO_MODULE="$B/lib/inro-pkcs11.so" OPENSSL_MODULES="$T/alone" \
	"$T/alone/inro" agent check --config "$T/agent.conf"

# ---- the first certificate, by the pre-shared key ----
must agent once --json >"$T/once"
good_pair
grep -q '"state": *"valid"' "$T/once" || fail "after the first round: $(cat "$T/once")"
grep -q '^POST /.well-known/est/issuing/simpleenroll psk$' "$T/est/log" || fail "asked otherwise: $(cat "$T/est/log")"
[[ $(openssl x509 -in "$T/agent/live/clcert.pem" -noout -subject -nameopt RFC2253) == 'subject=CN=dev-1' ]] || fail "another subject"
jq -e --arg d "$T/agent/live" '.cert_file == $d + "/clcert.pem" and .key_file == $d + "/ckey.pem" and .ca_file == $d + "/cacert.pem" and
	(.key | startswith("pkcs11:") and (contains("pin-source") | not)) and .ca == "CN=Agent Test CA"' "$T/once" >/dev/null ||
	fail "where it is is not told: $(cat "$T/once")"
told=$(jq -r '.serial, .ca_serial, .ca_key_id' "$T/once" | tr -d '\n')
[[ $told == "$(for f in live/clcert.pem ../est/ca.pem; do openssl x509 -in "$T/agent/$f" -noout -serial; done |
	sed 's/serial=//' | tr 'A-F\n' 'a-f ' | tr -d ' ')$(openssl x509 -in "$T/est/ca.pem" -noout -ext subjectKeyIdentifier |
	tail -1 | tr 'A-F' 'a-f' | tr -d ' :\n')" ]] || fail "the serials are others: $told"
cmp -s "$T/agent/live/cacert.pem" "$T/est/ca.pem" || fail "cacert.pem is not the CA's"
[[ $(cat "$T/hooks") == 1 ]] || fail "the command after the renewal did not run once"
must agent once >/dev/null # nothing is due
[[ $(grep -c simpleenroll "$T/est/log") == 1 ]] || fail "asked again though nothing is due"

# ---- a renewal, by the certificate ----
resolved=$(readlink -f "$T/agent/live")
must agent renew >/dev/null
good_pair
good_pair "$resolved" # a program that resolved the link before has its pair, key and all, until the renewal after
[[ $(readlink "$T/agent/live") == gen-2 ]] || fail "no second generation"
grep -q '^POST /.well-known/est/issuing/simplereenroll certificate dev-1$' "$T/est/log" || fail "not by the certificate"
must agent renew >/dev/null
[[ ! -e $T/agent/gen-1 && -e $T/agent/gen-2 ]] || fail "two generations are not what is kept"
[[ $(inro key list --token dev --pin-source "$T/pin" --json | grep -o '"label": "dev-1-[0-9]*"' | sort -u | wc -l) == 2 ]] ||
	fail "keys of dropped generations stay in the token"

# ---- one key for several generations is there as long as one that is kept has it ----
keys_left() { inro key list --token dev --pin-source "$T/pin" --json | jq '[.[] | .label] | unique | length'; }
agent_conf 'key = same'
must agent renew >/dev/null
cp "$T/pin" "$T/pin.moved"
sed -i "s|^pin-source = .*|pin-source = $T/pin.moved|" "$T/agent.conf"
mode refuse
refused 1 'answers 400' inro agent renew --config "$T/agent.conf"
good_pair
mode good
for _ in 1 2 3; do
	must agent renew >/dev/null
	good_pair
done
[[ $(keys_left) == 1 ]] || fail "$(keys_left) keys for one"
resolved=$(readlink -f "$T/agent/live")
agent_conf 'key-type = ed25519'
must agent renew >/dev/null
good_pair
good_pair "$resolved"
# a key whose signatures are the same each time makes the same request, and the answer is what is there already
agent_conf 'key = same'
kept=$(readlink "$T/agent/live")
refused 1 'gave the certificate again' inro agent renew --config "$T/agent.conf"
[[ $(readlink "$T/agent/live") == "$kept" ]] || fail "an old certificate is a renewal"
good_pair
agent_conf
must agent renew >/dev/null
good_pair
[[ $(keys_left) == 2 ]] || fail "$(keys_left) keys for two generations"
agent_conf "after-renewal = echo \$INRO_AGENT_GENERATION >>$T/hooks"

# ---- an id with a colon, which no user name of HTTP Basic has ----
cp "$T/est/psk" "$T/psk.kept"
printf 'press%%3A1:a pre-shared key' >"$T/est/psk"
sed "s#^id = .*#id = press:1#; s#^dir = .*#dir = $T/colon#; /^after-renewal/d" "$T/agent.conf" >"$T/colon.conf"
must inro agent once --config "$T/colon.conf" >/dev/null
good_pair "$T/colon/live"
must inro agent renew --config "$T/colon.conf" >/dev/null
good_pair "$T/colon/live"
mv "$T/psk.kept" "$T/est/psk"

# ---- what must not change anything ----
before=$(readlink "$T/agent/live")
for bad in foreign otherkey expired html redirect error big short refuse; do
	mode "$bad"
	refused 1 . inro agent renew --config "$T/agent.conf"
	[[ $(readlink "$T/agent/live") == "$before" ]] || fail "mode $bad changed what is live"
	good_pair
done
mode html
refused 1 'answers 200 to' inro agent renew --config "$T/agent.conf"
must agent status --json >"$T/status"
grep -q '"failures": 10' "$T/status" || fail "failures are not counted: $(cat "$T/status")"
# somebody else in the service's place: no more is sent than a greeting
mode good
sed -i "s|^trust = .*|trust = $T/est/other.pem|" "$T/agent.conf"
: >"$T/est/log"
refused 1 'not the service' inro agent renew --config "$T/agent.conf"
[[ ! -s $T/est/log ]] || fail "a service that is not trusted was asked: $(cat "$T/est/log")"
sed -i "s|^trust = .*|trust = $T/est/tls.pem|" "$T/agent.conf"

background "$T/plain.out" /usr/bin/python3 -u -m http.server --bind 127.0.0.1 0
wait_for 'port [0-9]' "$T/plain.out"
sed "s#^server = .*#server = https://localhost:$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$T/plain.out" | head -1)#" "$T/agent.conf" >"$T/plain.conf"
refused 1 'does not speak TLS: is there a portal' inro agent renew --config "$T/plain.conf"
good_pair
kill "$pid"

# ---- a person must approve; an answer that is lost ----
mode wait
must agent renew --json >"$T/once"
grep -q '"wait": 1' "$T/once" || fail "202 is not waited for: $(cat "$T/once")"
mode lost
refused 1 "can't be reached" inro agent renew --config "$T/agent.conf"
issued=$(find "$T/est" -name 'work-*' | wc -l)
mode good
must agent renew >/dev/null
good_pair
[[ $(find "$T/est" -name 'work-*' | wc -l) == "$issued" ]] || fail "the second attempt was another request"

# ---- a command that fails is tried again, and the pair is used all the same ----
agent_conf "after-renewal = exit \$(cat $T/hook.status)"
echo 3 >"$T/hook.status"
refused 1 'ended with status 3' inro agent renew --config "$T/agent.conf"
good_pair
refused 1 'ended with status 3' inro agent once --config "$T/agent.conf"
# it is in the way of nothing else: neither of a renewal nor of what comes after it
kept=$(readlink "$T/agent/live")
refused 1 'ended with status 3' inro agent renew --config "$T/agent.conf"
good_pair
[[ $(readlink "$T/agent/live") != "$kept" ]] || fail "no renewal while a command fails"
refused 1 'ended with status 3' inro agent renew --config "$T/agent.conf"
refused 1 'ended with status 3' inro agent renew --config "$T/agent.conf"
echo 0 >"$T/hook.status"
# where the oldest can't go none goes: behind a gap it would be left for good
oldest=$(find "$T/agent" -maxdepth 1 -name 'gen-*' | sort -V | head -1)
generations=$(find "$T/agent" -maxdepth 1 -name 'gen-*' | wc -l)
mkdir "$oldest/strange"
refused 1 'strange' inro agent once --config "$T/agent.conf"
[[ $(find "$T/agent" -maxdepth 1 -name 'gen-*' | wc -l) == "$generations" ]] || fail "a gap: $(ls "$T/agent")"
[[ ! -e $oldest/csr.der ]] || fail "a request stays without its key"
rmdir "$oldest/strange"
must agent once >/dev/null
[[ $(find "$T/agent" -maxdepth 1 -name 'gen-*' | wc -l) == 2 ]] || fail "generations stay: $(ls "$T/agent")"
# a program that has SIGCHLD ignored may have started it
deaf=(/usr/bin/python3 -c 'import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])')
echo 4 >"$T/hook.status"
refused 1 'ended with status 4' "${deaf[@]}" "$B/bin/inro" agent renew --config "$T/agent.conf"
echo 0 >"$T/hook.status"
must agent once >/dev/null
# what it prints is not mixed with what the agent says
agent_conf 'after-renewal = echo printed'
must agent renew --json >"$T/once"
/usr/bin/python3 -m json.tool "$T/once" >/dev/null || fail "no JSON: $(cat "$T/once")"
has printed "$T/err" || fail "what a command prints is lost: $(cat "$T/err")"

# ---- a service that can't say what it wants holds up no renewal that is due ----
agent_conf 'renew-every = 1s'
echo 500 >"$T/est/self.status"
kept=$(readlink "$T/agent/live")
sleep 1.1
refused 1 'answers 500 to /v1/device/self' inro agent once --config "$T/agent.conf"
good_pair
[[ $(readlink "$T/agent/live") != "$kept" ]] || fail "not renewed while the service can't say what it wants"
rm "$T/est/self.status"
agent_conf

# ---- what operators ask for: the policy's days, a renewal, commands by name, a status ----
agent_conf "command = hello=trap '' TERM; kill 0; echo said >>$T/ran" 'command = bad=exit 7' "command = env=A=touch $T/cut"
serial=$(openssl x509 -in "$T/agent/live/clcert.pem" -noout -serial | sed 's/serial=//' | tr 'A-F' 'a-f')
cat >"$T/est/self" <<J
{"policy": {"renew_days": 1}, "certificates": [{"serial": "00", "wanted": "2026-01-01T00:00:00Z"}, {"serial": "$serial", "wanted": null}],
 "errands": [{"id": 1, "verb": "run", "name": "hello"}, {"id": 2, "verb": "run", "name": "bad"}, {"id": 3, "verb": "run", "name": "rm -rf"},
  {"id": 4, "verb": "status", "name": null}, {"id": 5, "verb": "dance"}, {"id": 6, "verb": "run", "name": "env=A"}, {"id": -1, "verb": "run", "name": "hello"}, 7]}
J
echo 864000 >"$T/est/seconds"
must agent renew >/dev/null
[[ $(cat "$T/ran") == said ]] || fail "the command did not run once"
for want in '^1 {"done":true,"answer":""}$' '^2 {"done":false,.*status 7' '^3 {"done":false,.*no command' '^4 {"done":true,.*generation' '^5 {"done":false' '^6 {"done":false,.*no command'; do
	grep -q "$want" "$T/est/answers" || fail "no answer like $want: $(cat "$T/est/answers")"
done
[[ $(wc -l <"$T/est/answers") == 6 ]] || fail "more answers than errands: $(cat "$T/est/answers")"
[[ ! -e $T/cut ]] || fail "a part of a command ran"
must agent status --json >"$T/status"
grep -q '"policy_days": 1' "$T/status" || fail "the group's policy is not kept"
before=$(readlink "$T/agent/live")
serial=$(openssl x509 -in "$T/agent/live/clcert.pem" -noout -serial | sed 's/serial=//' | tr 'A-F' 'a-f')
printf '{"certificates": [{"serial": "%s", "wanted": "2026-01-01T00:00:00Z"}]}' "$serial" >"$T/est/self"
must agent once >/dev/null
[[ $(readlink "$T/agent/live") != "$before" ]] || fail "a wanted renewal did not come"
for bad in '[]' '{' '{"errands": 5, "policy": []}' '"x"'; do
	printf '%s' "$bad" >"$T/est/self"
	inro agent once --config "$T/agent.conf" >"$T/out" 2>&1 || has 'no JSON' "$T/out" || fail "'$bad' says: $(cat "$T/out")"
done
# ---- symmetric keys of a service that has none, or means no good ----
rm "$T/est/self"
agent_conf 'secret = a=aes-256'
refused 1 'has no symmetric keys' inro agent renew --config "$T/agent.conf"
long=$(printf '41%.0s' {1..3000})
good='"id": 7, "serial": "80000000000000000000000000000001", "name": "a", "type": "aes-256", "state": "active", "not_before": "2026-01-01T00:00:00Z"'
try() { # SELF ISSUED GIVEN
	printf '%s' "$1" >"$T/est/self"
	printf '%s' "$2" >"$T/est/secret"
	printf '%s' "$3" >"$T/est/secret-get"
	refused 1 . inro agent once --config "$T/agent.conf"
	good_pair
	must inro key list --token dev --login --pin-source "$T/pin" --json >"$T/keys"
	! grep -q '"label": "a' "$T/keys" || fail "a key came of $2 and $3"
}
for bad in '' '[]' '{}' '7' "{$good" "{${good/\"80/\"0x}}" "{${good/80/}}" "{${good/7/-7}}" "{${good/2026/26}}" "{\"id\": \"$long\"}"; do
	try '{"secrets": []}' "$bad" "{\"key\": \"$long\"}"
done
for bad in '' '{}' '{"key": 7}' '{"key": ""}' '{"key": "xyz"}' '{"key": "04"}' "{\"key\": \"$long\"}" \
	"{\"key\": \"04${long:0:240}\"}"; do
	try "{\"secrets\": [{\"id\": 9}, 7, null, {$good}]}" '{}' "$bad"
done
must agent status >"$T/status"
has 'name=a type=aes-256 state=none' "$T/status" || fail "the status tells: $(cat "$T/status")"
agent_conf

rm "$T/est/self"
echo 3600 >"$T/est/seconds"
good_pair

# ---- the service's clock was wrong once: neither a time ahead nor one behind shuts the agent out ----
heard() { # SECONDS: what it said last, as of now
	local now
	now=$(date +%s)
	sed -i "s/\"heard\":[0-9]*,\"heard_at\":[0-9]*/\"heard\":$((now + $1)),\"heard_at\":$now/" "$T/agent/status.json"
	has "\"heard\":$((now + $1))," "$T/agent/status.json" || fail "no time is kept: $(cat "$T/agent/status.json")"
}
before=$(readlink "$T/agent/live")
must est_tls # of after the certificate of the device began
est_again
agent_conf 'after-expiry = stop'
for wrong in 400000000 -400000000; do
	heard "$wrong"
	must agent once --json >"$T/once"
	grep -q '"state": *"valid"' "$T/once" || fail "with a time off by $wrong: $(cat "$T/once")"
	[[ $(readlink "$T/agent/live") == "$before" ]] || fail "renewed with a time off by $wrong"
	told=$(sed 's/.*"heard":\([0-9]*\).*/\1/' "$T/agent/status.json")
	((told > $(date +%s) - 200 && told < $(date +%s) + 200)) || fail "the wrong time stays: $(cat "$T/agent/status.json")"
done
# a time that its TLS certificate is not valid at is none; of one that is, a device without a clock finds back also
# once that certificate is another
for wrong in 400000000 -400000000; do
	echo "$wrong" >"$T/est/ahead"
	must agent once >/dev/null
	told=$(sed 's/.*"heard":\([0-9]*\).*/\1/' "$T/agent/status.json")
	((told > $(date +%s) - 200 && told < $(date +%s) + 200)) || fail "a time off by $wrong is believed: $(cat "$T/agent/status.json")"
done
echo 1000000 >"$T/est/ahead"
must agent once >/dev/null
told=$(sed 's/.*"heard":\([0-9]*\).*/\1/' "$T/agent/status.json")
((told > $(date +%s) + 999000)) || fail "the service's time is not heard: $(cat "$T/agent/status.json")"
rm "$T/est/ahead"
must est_tls
est_again
agent_conf 'after-expiry = stop'
if [[ -z ${INRO_TEST_SANITIZE:-} ]]; then
	must faketime '2016-01-01 00:00:00' "$B/bin/inro" agent once --config "$T/agent.conf" >/dev/null
	told=$(sed 's/.*"heard":\([0-9]*\).*/\1/' "$T/agent/status.json")
	((told < $(date +%s) + 200)) || fail "without a clock the wrong time stays: $(cat "$T/agent/status.json")"
fi
must agent once >/dev/null
good_pair
before=$(readlink "$T/agent/live")
# nor before there is a certificate
cp -a "$T/agent" "$T/kept"
rm -r "$T/agent"/gen-* "$T/agent/live"
heard -400000000
mode wait
must agent once --json >"$T/once"
grep -q '"state": *"waiting"' "$T/once" || fail "a first request with a wrong time: $(cat "$T/once")"
heard 400000000
must agent once >/dev/null
mode good
rm -r "$T/agent"
mv "$T/kept" "$T/agent"
must agent once >/dev/null
good_pair

# ---- names as long as a file may have, and longer lines than those ----
long=$(printf 'n%.0s' {1..242})
agent_conf "cert-file = $long.pem" "key-file = k$long" "after-renewal = : $long $long; echo long >$T/long"
must agent renew >/dev/null
[[ -s $T/agent/live/$long.pem && -s $T/agent/live/k$long && $(cat "$T/long") == long ]] || fail "long names: $(ls "$T/agent/live/")"
agent_conf "cert-file = $long.twelve.pem"
refused 1 'of 248 bytes at most' inro agent renew --config "$T/agent.conf"

# ---- expiry ----
agent_conf 'after-expiry = stop'
echo 12 >"$T/est/seconds"
must agent renew >/dev/null
while openssl x509 -in "$T/agent/live/clcert.pem" -noout -checkend 0 >/dev/null; do sleep 0.5; done
refused 1 'has expired' inro agent once --config "$T/agent.conf"
agent_conf 'after-expiry = psk'
echo 3600 >"$T/est/seconds"
: >"$T/est/log"
must agent once >/dev/null
grep -q 'simpleenroll psk' "$T/est/log" || fail "no new start after the expiry: $(cat "$T/est/log")"
good_pair

# ---- the part that waits ----
agent_conf 'renew-every = 3s' 'poll = 1s'
mkdir "$T/inst"
cp -r "$B/bin" "$B/lib" "$T/inst/"
background "$T/agent.out" "${deaf[@]}" "$T/inst/bin/inro" agent run --config "$T/agent.conf"
watcher=$pid
ask() {
	/usr/bin/python3 - "$T/agent.sock" "$1" <<-'P'
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.settimeout(10)
		s.connect(sys.argv[1])
		s.sendall(sys.argv[2].encode() + b"\n")
		print(s.makefile().readline().strip())
	P
}
first=$(readlink "$T/agent/live")
has_renewed() { [[ $(readlink "$T/agent/live") != "$first" ]]; }
within_time has_renewed || fail "it renewed nothing: $(cat "$T/agent.out")"
good_pair
ask status >"$T/said"
grep -q '"state":"valid"' "$T/said" || fail "the socket says: $(cat "$T/said")"
! grep -q '^Serial' "$T/agent.out" || fail "each round fills the log: $(cat "$T/agent.out")"
[[ $(ask renew) == '{"started":true}' ]] || fail "renew was not taken"
[[ $(ask "drop table") == *'say status'* ]] || fail "nonsense was taken"
# other programs take the place of these, as when a package is updated: it goes on with them
for p in inro inro-agent; do
	cp "$B/bin/$p" "$T/inst/bin/$p.new"
	mv "$T/inst/bin/$p.new" "$T/inst/bin/$p"
done
first=$(readlink "$T/agent/live")
within_time has_renewed || fail "after an update of its programs it renews nothing: $(cat "$T/agent.out")"
[[ $(cat "/proc/$watcher/comm") == inro-agent ]] || fail "it did not become the part that waits"
grep -q libcrypto "/proc/$watcher/maps" && fail "the part that waits has libcrypto in it"
if [[ ${INRO_TEST_SANITIZE:-} == "" ]]; then
	[[ $(awk '/VmRSS/ { print $2 }' "/proc/$watcher/status") -le 4096 ]] || fail "more than 4 MB: $(grep VmRSS "/proc/$watcher/status")"
fi
refused 1 'answers at' inro agent run --config "$T/agent.conf"
kill -9 "$watcher"
wait "$watcher" || true
flock "$T/agent/lock" true # a round that it had begun ends by itself
good_pair
# a round that hangs is ended, and another one begun
mkfifo "$T/pipe"
agent_conf 'round-max = 1s' 'renew-every = 1s'
sed -i "s|^pin-source = .*|pin-source = $T/pipe|" "$T/agent.conf"
background "$T/agent.out" "$B/bin/inro" agent run --config "$T/agent.conf"
watcher=$pid
ended_twice() { [[ $(grep -c 'longer than round-max' "$T/agent.out") -ge 2 ]]; }
within_time ended_twice || fail "a round that hangs stays: $(cat "$T/agent.out")"
# and leaves a word, beside what there was; as does one that is killed
says_of_end() { # WHAT
	says() {
		jq -e --arg w "$1" '(.error // "" | contains($w)) and .state == "valid" and .failures > 0 and .error_at' \
			"$T/agent/status.json" >/dev/null
	}
	within_time says "$1" || fail "the status does not say '$1': $(cat "$T/agent/status.json")"
}
says_of_end 'longer than round-max, 1 seconds'
[[ $(ask status | jq -r .error) == *round-max* ]] || fail "the socket says: $(ask status)"
kill "$watcher"
wait "$watcher" || true
agent_conf 'renew-every = 1s'
sed -i "s|^pin-source = .*|pin-source = $T/pipe|" "$T/agent.conf"
background "$T/agent.out" "$B/bin/inro" agent run --config "$T/agent.conf"
watcher=$pid
has_round() { round=$(cat "/proc/$watcher/task/$watcher/children") && [[ $round ]]; }
until_true has_round
kill -9 "$round"
says_of_end 'ended by signal 9'
kill "$watcher"
wait "$watcher" || true
# a command that outlives its round is ended with it, and all that it started: the next round runs it again, not beside it
agent_conf "after-renewal = sleep 300 & echo \$! >>$T/sleepers; wait"
background "$T/agent.out" "$B/bin/inro" agent renew --config "$T/agent.conf"
has_sleeper() { [[ -s $T/sleepers ]]; }
within_time has_sleeper || fail "the command after the renewal does not run: $(cat "$T/agent.out")"
kill -0 "$(cat "$T/sleepers")" || fail "nothing is tried here"
kill -9 "$pid"
wait "$pid" || true
none_sleeps() { ! kill -0 "$(cat "$T/sleepers")" 2>/dev/null; }
within_time none_sleeps || fail "a command goes on after its round"
# what is no socket is somebody's
rm -f "$T/agent.sock"
echo mine >"$T/agent.sock"
refused 1 'is there and is none' inro agent run --config "$T/agent.conf"
[[ $(cat "$T/agent.sock") == mine ]] || fail "a file made room for the socket"
rm "$T/agent.sock"
