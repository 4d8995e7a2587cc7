#!/usr/bin/env bash
# The agent where power, clock, disk, network and other agents fail it: a whole pair is live at every moment.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$S/tests/lib/agent.sh"

est_service
agent_token
agent_conf "form = pem"
must agent once >/dev/null
good_pair

# ---- killed at any moment: what is live is whole, the next round goes on, nothing piles up ----
for ((n = 0; n < 20; n++)); do
	"$B/bin/inro" agent renew --config "$T/agent.conf" >/dev/null 2>&1 &
	round=$! # the program itself, no shell before it
	sleep "0.$(printf '%03d' $((RANDOM % 500)))"
	kill -9 "$round" 2>/dev/null || true
	wait "$round" 2>/dev/null || true
	good_pair
done
must agent renew >/dev/null
good_pair
keys=$(inro key list --token dev --pin-source "$T/pin" --json | grep -o '"label": "dev-1-[0-9]*"' | sort -u | wc -l)
[[ $keys -le 3 ]] || fail "$keys keys are left in the token"
[[ $(find "$T/agent" -maxdepth 1 -name 'gen-*' | wc -l) -le 3 ]] || fail "generations pile up: $(ls "$T/agent")"

# ---- two at once: one works, the other says so or waits its turn ----
for ((n = 0; n < 4; n++)); do
	inro agent renew --config "$T/agent.conf" >"$T/at.$n" 2>&1 &
	rounds[n]=$!
done
for p in "${rounds[@]}"; do
	wait "$p" || true
done
if grep -v 'another round is at work' "$T"/at.* | grep '^[^:]*:inro:'; then
	fail "rounds were in each other's way"
fi
good_pair

# ---- the service away, then back ----
kill "$est"
wait "$est" 2>/dev/null || true
refused 1 "can't be reached" inro agent renew --config "$T/agent.conf"
must agent status --json >"$T/status"
grep -q '"state": "valid"' "$T/status" || fail "the pair is not told as valid: $(cat "$T/status")"
est_start
sed -i "s|^server = .*|server = https://localhost:$port|" "$T/agent.conf"
must agent renew >/dev/null
good_pair

# ---- a clock that is not set yet: certificates are looked at as of a time that is known to have been ----
if [[ -z ${INRO_TEST_SANITIZE:-} ]]; then
	must faketime '2016-01-01 00:00:00' "$B/bin/inro" agent renew --config "$T/agent.conf" >/dev/null
	good_pair
	# ---- and one that is ahead, or was: nothing is due before its time, neither then nor when it is right again ----
	fresh=$(readlink "$T/agent/live")
	# also where the certificate, and the service's own, look expired
	for clock in +50m +50m +0 +0 +2d +60d +0; do
		NO_FAKE_STAT=1 must faketime -f "$clock" "$B/bin/inro" agent once --config "$T/agent.conf" >/dev/null
		[[ $(readlink "$T/agent/live") == "$fresh" ]] || fail "renewed with the clock at $clock: $(cat "$T/agent/status.json")"
		grep -q '"state":"valid"' "$T/agent/status.json" || fail "$(cat "$T/agent/status.json")"
		[[ $(sed 's/.*"wait":\([0-9]*\).*/\1/' "$T/agent/status.json") -gt 60 ]] || fail "too soon again: $(cat "$T/agent/status.json")"
	done
fi

# ---- by a proxy, and none where it was ----
cat >"$T/proxy.py" <<'P'
import select, socket, sys, threading

def serve(c):
    head = b""
    while b"\r\n\r\n" not in head:
        head += c.recv(4096)
    host, port = head.split()[1].decode().split(":")
    s = socket.create_connection((host, int(port)))
    c.sendall(b"HTTP/1.1 200 go on\r\n\r\n")
    open(sys.argv[1] + ".used", "w").close()
    while True:
        for a, b in ((c, s), (s, c)):
            if select.select([a], [], [], 0.01)[0]:
                data = a.recv(65536)
                if not data:
                    return
                b.sendall(data)

l = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[1], "w") as f:
    f.write("%d\n" % l.getsockname()[1])
while True:
    threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
P
background "$T/proxy.out" /usr/bin/python3 "$T/proxy.py" "$T/proxy.port"
wait_for . "$T/proxy.port"
echo "proxy = http://127.0.0.1:$(cat "$T/proxy.port")" >>"$T/agent.conf"
must agent renew >/dev/null
[[ -e $T/proxy.port.used ]] || fail "the proxy was not used"
kill "$pid"
wait "$pid" 2>/dev/null || true
refused 1 "can't be reached" inro agent renew --config "$T/agent.conf"
sed -i '/^proxy/d' "$T/agent.conf"

# ---- a full disk: one clear error, and it goes on when there is room ----
{ (ulimit -f 0 && exec "$B/bin/inro" agent renew --config "$T/agent.conf"); } >"$T/out" 2>"$T/err" &&
	fail "no room, and no error"
good_pair
must agent renew >/dev/null
good_pair

# ---- a token that is locked, a PIN that is another ----
printf '000000\n' >"$T/wrong"
sed -i "s|^pin-source = .*|pin-source = $T/wrong|" "$T/agent.conf"
refused 1 PIN inro agent renew --config "$T/agent.conf"
for ((n = 0; n < 12; n++)); do # more than the token's tries: none of them is one
	refused 1 'not tried again' inro agent renew --config "$T/agent.conf"
done
# also a file of an image's, which says that it was written in 1970, until there is another
touch -d @0 "$T/wrong"
refused 1 PIN inro agent renew --config "$T/agent.conf"
refused 1 'not tried again' inro agent renew --config "$T/agent.conf"
cp "$T/pin" "$T/wrong.new"
touch -d @0 "$T/wrong.new"
mv "$T/wrong.new" "$T/wrong"
must agent renew >/dev/null
sed -i "s|^pin-source = .*|pin-source = $T/pin|" "$T/agent.conf"
must agent renew >/dev/null
good_pair

# ---- what is not its own link is not touched ----
mv "$T/agent/live" "$T/live"
ln -s /etc "$T/agent/live"
refused 1 'not the agent' inro agent renew --config "$T/agent.conf"
[[ $(readlink "$T/agent/live") == /etc ]] || fail "a foreign link was replaced"
