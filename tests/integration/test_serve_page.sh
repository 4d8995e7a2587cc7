#!/usr/bin/env bash
# docs/howto/serve.md as it stands there: a server by hand, its settings, what clients get.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
for p in curl jq openssl python3; do command -v $p >/dev/null || skip "$p is not installed"; done
page=$S/docs/howto/serve.md
cd "$T"
must inro token create office >/dev/null
must inro ca create root --subject CN=root --token office --type ec-p256 >/dev/null
echo "$INRO_PIN" >pin
read -r tls plain < <(python3 -c '
import socket
s = [socket.socket() for i in range(2)]
for x in s: x.bind(("127.0.0.1", 0))
print(*[x.getsockname()[1] for x in s])')

# block KIND: the first block of that kind, on our ports.
page_block() {
	awk -v mark="\`\`\`$1" '$0 == mark && !done { on = done = 1; next } /^```/ { on = 0 } on' "$page" |
		sed "s/8443/$tls/g; s/8080/$plain/g"
}

log=$T/serve.log
page_block sh | sed 's/ &$//' >lines
# The last command is the server: it goes on in the background.
{
	sed '/^inro serve/,$d' lines
	echo "exec $(sed -n '/^inro serve/,$p' lines)"
} >start
PATH=$B/bin:$PATH background "$log" bash -euo pipefail start
server_pid=$pid
wait_for '"url":"http://' "$log"
openssl x509 -in home/serve/root.pem -noout -ext subjectAltName | has DNS:localhost || fail "the certificate is not where the page says"
has_list() { [[ $(status_of "http://127.0.0.1:$plain/crl/root.crl") == 200 ]]; }
until_true has_list
page_block client >commands
bash -euo pipefail commands >said 2>&1 || fail "the page's clients: $(cat said)"
grep -q '"status":"ok"' said || fail "no health: $(cat said)"
grep -q 'verify OK' said || fail "the list is not verified: $(cat said)"
[[ $(status_of "http://127.0.0.1:$plain/.well-known/est/root/cacerts") == 403 ]] || fail "EST without TLS"
[[ $(status_of "https://localhost:$tls/.well-known/est/root/cacerts") == 200 ]] || fail "no EST: $(cat body)"
stop_server "$server_pid"
page_block ini >inro.conf
unset INRO_PIN
INRO_CONFIG=$T/inro.conf background conf.log "$B/bin/inro" serve
server_pid=$pid
log=$T/conf.log
wait_for '"url":"http://' conf.log
[[ $(curl -sS --cacert root.pem "https://localhost:$tls/healthz" | jq -r .status) == ok ]] || fail "no health by settings"
stop_server "$server_pid"
# Each option that the page names is one.
inro serve --help >help
while read -r option; do
	grep -q -- "$option" help || fail "the page has $option, the command has not"
done < <(grep -o -- '`--[a-z-]*' "$page" | tr -d '`' | sort -u)
