# shellcheck shell=bash
# agent - what the tests of the device's agent share; sourced after shell.sh.
#
#   est_service          starts estd.py over $T/est with a CA of its own; $port
#   est_tls              another TLS certificate of the service, which it has when it starts again
#   est_again            ends it and starts it again, at another $port
#   mode WORD            how it behaves from now on
#   agent_conf [LINE..]  writes $T/agent.conf: the settings of a device dev-1 in token `dev`, and these
#   agent VERB ...       inro agent VERB --config $T/agent.conf
#   good_pair            fails unless what is live is a whole pair: the key signs what the certificate verifies

est_ca() { # NAME CN
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/est/$1.key" -out "$T/est/$1.pem" \
		-subj "/CN=$2" -days 30 2>/dev/null
}

est_tls() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/est/tls.key" -out "$T/est/tls.pem" \
		-subj "/CN=localhost" -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -days 30 2>/dev/null
}

est_start() {
	rm -f "$T/est/port"
	background "$T/est/out" /usr/bin/python3 "$S/tests/lib/estd.py" "$T/est" "$T/est/port"
	est=$pid
	wait_for . "$T/est/port"
	port=$(cat "$T/est/port") || fail "the EST service did not start: $(cat "$T/est/out")"
}

est_again() {
	kill "$est"
	wait "$est" 2>/dev/null || true
	est_start
}

est_service() {
	mkdir -p "$T/est"
	must est_ca ca "Agent Test CA"
	must est_ca other "Somebody Else"
	must est_tls
	printf 'dev-1:a pre-shared key' >"$T/est/psk"
	printf 'a pre-shared key\n' >"$T/psk"
	mode good
	est_start
}

mode() {
	printf '%s\n' "$1" >"$T/est/mode.new"
	mv "$T/est/mode.new" "$T/est/mode"
}

agent_token() {
	printf '123456\n' >"$T/pin"
	INRO_SO_PIN=12345678 must inro token create dev --pin-source "$T/pin" >/dev/null
}

agent_conf() {
	printf '%s\n' '[agent]' "server = https://localhost:${port:-1}" "trust = $T/est/tls.pem" 'label = issuing' 'id = dev-1' \
		"psk-file = $T/psk" 'token = dev' "pin-source = $T/pin" "dir = $T/agent" "socket = $T/agent.sock" \
		'jitter = 0' 'retry = 1s' 'timeout = 20s' "$@" >"$T/agent.conf"
}

agent() {
	local verb=$1
	shift
	inro agent "$verb" --config "$T/agent.conf" "$@"
}

good_pair() { # [FOLDER]: the live pair, or that of a generation
	local live gen
	live=$(readlink -f "${1:-$T/agent/live}")
	[[ -d $live ]] || fail "there is no live pair"
	gen=${live##*/}
	openssl x509 -in "$live/clcert.pem" -noout -pubkey >"$T/pair.cert" || fail "$gen: no certificate"
	foreign openssl pkey -provider-path "$B/lib" -provider inro -provider default -in "$live/ckey.pem" -pubout \
		>"$T/pair.key" || fail "$gen: the key reference can't be read"
	cmp -s "$T/pair.cert" "$T/pair.key" || fail "$gen: the key is another one than the certificate's"
}
