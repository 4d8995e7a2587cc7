# shellcheck shell=bash
# elsewhere - what the tests of CAs elsewhere share: another office of ours in $T/far and one that asks it in
# $T/near.  Source it after shell.sh; it sources serve.sh and cas.sh.
#   near ARG ..., far ARG ...   `inro` in one of them
#   make_far SUB ...            the other office: root, a CA under it for each SUB, the profile for-others, and the
#                               device ra whose password is in ra.psk; INRO_HOME is left at $T/far
#   send CA [OPTION]            asks it; the answer is in s.out, what went wrong in s.err
#   said KEY NUMBER             what the last one said
#   order CA DEVICE             makes a request; its id is in $id
#   state ID                    of a certificate there
#   sends CA                    sends, and the one certificate comes
#   fails CA REGEX [WHAT]       sends, and it fails so, in one line; the request stays
. "$INRO_TEST_SOURCE/tests/lib/serve.sh" || exit 1
. "$INRO_TEST_SOURCE/tests/lib/cas.sh" || exit 1

near() { INRO_HOME=$T/near inro "$@"; }
far() { INRO_HOME=$T/far inro "$@"; }
send() { near ca send "$@" --json >s.out 2>s.err; }
said() {
	[[ $(jq ".$1" s.out) == "$2" ]] || fail "$1 is not $2: $(cat s.out s.err)"
}
state() { near cert show "id:$1" --json | jq -r .state; }
order() {
	request "$2"
	must near cert issue --ca "$1" --profile tls-client --csr "$2.csr" --out "$2.out" >/dev/null
	id=$(near ca requests "$1" --json | jq -r 'last(.[] | select(.what == "issue")).id')
}

sends() {
	send "$1" || fail "$(cat s.out s.err)"
	said came 1
}

fails() {
	local what=${3:+$3: }
	send "$1" && fail "${what}no error like $2: $(cat s.out)"
	grep -qE "$2" s.err || fail "${what}not like $2: $(cat s.err)"
	[[ $(wc -l <s.err) == 1 ]] || fail "${what}more than one line: $(cat s.err)"
	[[ $(state "$id") == pending ]] || fail "${what}an error has changed the request"
}

make_far() {
	local sub
	export INRO_HOME=$T/far
	make_office
	for sub; do
		must far ca create "$sub" --subject "CN=$sub" --token office --parent root >/dev/null
	done
	must far secret seal-key --token office >/dev/null
	sed -e '/^bind/d' -e 's/tls-client/for-others/' "$S/backoffice/pki/profiles/tls-client.ini" >for-others.ini
	must far profile add for-others.ini >/dev/null
	must far device add ra --json | jq -r .psk >ra.psk
}
