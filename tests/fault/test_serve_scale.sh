#!/usr/bin/env bash
# Two servers on one PostgreSQL, behind HAProxy as docs/scale.md has it: one is killed in mid-run, and what was answered is
# there once; revocations and duties go from one to the other; the database goes away and comes back.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/serve.sh"
. "$INRO_TEST_SOURCE/tests/lib/postgres.sh"
cd "$T"
for p in curl jq openssl; do command -v $p >/dev/null || skip "$p is not installed"; done
start_postgres office || skip "PostgreSQL is not installed: tools/check installs it"
# The first host is dead, as after a failover.
INRO_DB=${pg_urls[0]/host=/host=$T/nothing,}'&target_session_attrs=read-write'
export INRO_DB

make_office
must inro ca create issuing --subject CN=issuing --token office --type ec-p256 --parent root >/dev/null
must inro ca show issuing --json | jq -r .pem >issuing.pem
must inro secret seal-key --token office >/dev/null
export INRO_NEW_PASSWORD='correct horse battery'
must inro user add alice --role administrator >/dev/null
export INRO_AS=alice INRO_PASSWORD=$INRO_NEW_PASSWORD
auth="Authorization: Bearer $(must inro user token add alice --role operator --json | jq -r .token)"
start_server --workers 2
one=$https one_http=$http one_pid=$server_pid
start_server --workers 2
two=$https two_http=$http two_pid=$server_pid

# ---- both are asked, one dies, what it had answered is there ----

n=24 # requests of each kind
mkdir asked
for ((i = 0; i < n; i++)); do
	must inro device add "e-$i" --json | jq -r .psk >"asked/e-$i.psk"
	openssl ecparam -name prime256v1 -genkey -noout -out "asked/e-$i.key"
	openssl req -new -key "asked/e-$i.key" -subj "/CN=e-$i" -outform DER | openssl base64 >"asked/e-$i.p10"
done

# est N URL OUT, rest N URL OUT: the status; the answer is in OUT.
est() {
	curl -sS --max-time 20 --cacert root.pem --user "e-$1:$(cat "asked/e-$1.psk")" -H 'Content-Type: application/pkcs10' \
		--data-binary "@asked/e-$1.p10" -o "$3" -w '%{http_code}' "$2/.well-known/est/issuing/simpleenroll" 2>/dev/null
}
rest() {
	curl -sS --max-time 20 --cacert root.pem -H "$auth" -H 'Content-Type: application/json' -H "Idempotency-Key: r-$1" \
		-d "{\"id\":\"r-$1\",\"no_psk\":true}" -o "$3" -w '%{http_code}' "$2/v1/devices" 2>/dev/null
}
# client KIND FIRST URL OTHER: each second request; who gets no answer, or is told to come again, asks the other one.
client() {
	local i status
	for ((i = $2; i < n; i += 2)); do
		status=$("$1" $i "$3" "asked/$1-$i.first") || true
		echo "$1 $i $status" >>"asked/first.$1.$2"
		[[ $1 != est || $i != 8 ]] || : >"asked/under-way" # the one that is to be killed has answered a few
	done
}
clients=()
for kind in est rest; do
	client $kind 0 "$one" & clients+=("$!")
	client $kind 1 "$two" & clients+=("$!")
done
pids+=("${clients[@]}")
until_true test -e asked/under-way
kill -9 "$one_pid"
wait "$one_pid" 2>/dev/null || true
for p in "${clients[@]}"; do wait "$p"; done
cat asked/first.* >first
refused=$(grep -cvE ' (200|201)$' first || true)
[[ $refused -gt 0 ]] || fail "nothing was under way when the server was killed"
! grep -qE ' [45]..$' first || fail "refused: $(grep -E ' [45]..$' first) $(cat asked/*.first)"

# Whoever asks again by the same request or the same key gets the same, from the other one.
while read -r kind i status; do
	again=$($kind "$i" "$two" again)
	case $kind.$status.$again in
	est.200.200 | rest.201.201) cmp -s again "asked/$kind-$i.first" || fail "another answer to $kind $i: $(cat again)" ;;
	est.000.200 | rest.000.201) ;;
	rest.000.503 | rest.000.409) [[ $again == 503 ]] || grep -q 'is such a' again || fail "$kind $i: $(cat again)" ;; # it was at it when it died
	*) fail "$kind $i: $status, then $again: $(cat again)" ;;
	esac
done <first
[[ $(must inro device list --prefix r- --json | jq 'map(.id) | (length == (unique | length))') == true ]] || fail "a device is there twice"
must inro cert list --ca issuing --json >certs
for ((i = 0; i < n; i++)); do
	[[ $(jq --arg d "e-$i" 'map(select(.device == $d)) | length' certs) == 1 ]] || fail "e-$i has not one certificate"
	grep -qE "^rest $i 000$" first || must inro device show "r-$i" >/dev/null
done
[[ $(jq 'map(.serial) | (length == (unique | length))' certs) == true ]] || fail "a serial number is there twice"
must inro audit verify >/dev/null
must inro db check >/dev/null

# ---- what one does is seen by the other, and one goes on with what the other did ----

start_server --workers 2
one=$https one_http=$http one_pid=$server_pid
cert_of() { openssl base64 -d -in "asked/est-$1.first" | openssl pkcs7 -inform DER -print_certs -out "$1.pem"; }
answer_of() { # URL CERTIFICATE
	openssl ocsp -issuer issuing.pem -cert "$2" -CAfile root.pem -no_nonce -url "$1/ocsp/issuing" 2>&1 | sed -n "s/^$2: //p"
}
cert_of 1
for url in "$one_http" "$two_http"; do
	[[ $(answer_of "$url" 1.pem) == good ]] || fail "not good: $(answer_of "$url" 1.pem)"
done
id=$(jq -r 'map(select(.device == "e-1"))[0].id' certs)
[[ $(curl -sS --cacert root.pem -H "$auth" -H 'Content-Type: application/json' -d '{"reason":"superseded"}' -o body -w '%{http_code}' \
	"$one/v1/certificates/id:$id/revoke") == 200 ]] || fail "not revoked: $(cat body)"
began=$(date +%s%N)
until [[ $(answer_of "$two_http" 1.pem) == revoked ]]; do
	(($(date +%s%N) - began < patience * 1000000000)) || fail "a revocation is not seen by the other server"
done
took=$((($(date +%s%N) - began) / 1000000))
echo "a revocation was seen by the other server after $took ms"

# A server that is gone had the lists to make: they are made when its time is over, by the one that is left.
psql -XqAt "$INRO_DB" -c "UPDATE lease SET holder = 'elsewhere/1/1', until_ms = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + 4000
	WHERE name = 'duty/crl'" >/dev/null 2>&1 || fail "there is no lease for lists"
kill -9 "$one_pid"
wait "$one_pid" 2>/dev/null || true
must inro ca create later --subject CN=later --token office --type ec-p256 >/dev/null
[[ $(status_of "$two_http/crl/later.crl") == 404 ]] || fail "a list is made by who has no lease"
has_list() { [[ $(status_of "$two_http/crl/later.crl") == 200 ]]; }
until_true has_list

# ---- through HAProxy: clients' certificates go through, and a server that is killed is not missed ----

start_server --workers 2
one=$https one_http=$http one_pid=$server_pid
port_of() { echo "${1##*:}"; }
front=$((20000 + RANDOM % 12000)) front_http=$((20000 + RANDOM % 12000))
sed -n '/^```haproxy$/,/^```$/{/^```/d;p}' "$S/docs/scale.md" | sed -e "s/bind :443/bind 127.0.0.1:$front/; s/bind :80/bind 127.0.0.1:$front_http/" \
	-e "s/192.0.2.11:443 check port 80/127.0.0.1:$(port_of "$one") check port $(port_of "$one_http")/" \
	-e "s/192.0.2.12:443 check port 80/127.0.0.1:$(port_of "$two") check port $(port_of "$two_http")/" \
	-e "s/192.0.2.11:80/127.0.0.1:$(port_of "$one_http")/; s/192.0.2.12:80/127.0.0.1:$(port_of "$two_http")/" >haproxy.cfg
! grep -q '192\.0\.2' haproxy.cfg || fail "docs/scale.md has another address"
PATH=$PATH:/usr/sbin background haproxy.log haproxy -db -f haproxy.cfg
until_true listens "$front"
cert_of 2
renew() {
	curl -sS --max-time 20 --cacert root.pem --cert 2.pem --key asked/e-2.key -H 'Content-Type: application/pkcs10' --data-binary @asked/e-2.p10 \
		-o renewed -w '%{http_code}' "https://localhost:$front/.well-known/est/issuing/simplereenroll" 2>/dev/null
}
[[ $(renew) == 200 ]] || fail "no renewal through HAProxy: $(cat renewed) $(cat haproxy.log)"
cp renewed first
[[ $(status_of "http://127.0.0.1:$front_http/crl/issuing.crl") == 200 ]] || fail "no list through HAProxy"
[[ $(status_of "http://127.0.0.1:$front_http/metrics") == 403 ]] || fail "HAProxy passes on /metrics"
kill -9 "$one_pid"
wait "$one_pid" 2>/dev/null || true
for ((i = 0; i < 4; i++)); do
	[[ $(renew) == 200 ]] || fail "HAProxy misses the server that is gone: $(cat haproxy.log)"
	cmp -s renewed first || fail "the same request got another certificate"
done
start_server --workers 2
one=$https one_http=$http

# ---- the database away and back ----

away=3
[[ -z ${INRO_TEST_THOROUGH:-} ]] || away=30
stop_postgres
is_ill() { [[ $(status_of "$1/healthz") == 503 ]]; }
is_well() { [[ $(status_of "$1/healthz") == 200 ]]; }
until_true is_ill "$one_http"
until_true is_ill "$two_http"
# Each worker waits for the database once, then says at once that it is away.
lists_nothing() { # URL
	local status me=$BASHPID
	status=$(curl -sS --max-time 30 --cacert root.pem -H "$auth" -D "head.$me" -o "body.$me" -w '%{http_code}' "$1/v1/devices?limit=1")
	[[ $status == 503 ]] || fail "without the database: $status $(cat "body.$me")"
	grep -qi '^retry-after: [1-9]' "head.$me" || fail "not told when to come again: $(cat "head.$me")"
}
enrols_nothing() { # URL
	local status me=$BASHPID
	status=$(est 3 "$1" "body.$me")
	[[ $status == 503 ]] || fail "EST without the database: $status $(cat "body.$me")"
}
end=$((SECONDS + away))
while :; do
	asking=()
	for url in "$one" "$two"; do
		lists_nothing "$url" & asking+=("$!")
		enrols_nothing "$url" & asking+=("$!")
	done
	for p in "${asking[@]}"; do wait "$p"; done
	((SECONDS < end)) || break
	sleep 0.5
done
start_again || fail "PostgreSQL does not come back"
for url in "$one" "$two"; do
	until_true is_well "$url"
	for ((i = 0; i < 4; i++)); do # each worker
		[[ $(est 3 "$url" body) == 200 ]] || fail "a worker has lost the database: $(cat body)"
		cmp -s body asked/est-3.first || [[ ! -s asked/est-3.first ]] || fail "another certificate"
	done
done
[[ $(rest after "$two" body) == 201 ]] || fail "nothing is written: $(cat body)"
must inro audit verify >/dev/null
must inro db check >/dev/null
for p in "$server_pid" "$two_pid"; do stop_server "$p"; done
