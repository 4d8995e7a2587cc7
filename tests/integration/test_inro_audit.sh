#!/usr/bin/env bash
# The audit by the command: signed, archived, exported, and found broken; kill -9 while it is written.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1

export INRO_PIN=123456 INRO_SO_PIN=87654321
cd "$T"

must inro token create office
must inro key generate --token office --label audit
must inro key generate --token office --label audit-2
for i in 1 2 3; do must inro device add "dev-$i" --no-psk; done

# ---- signed heads ----

refused 1 "no key signs the audit yet" inro audit sign
must inro audit sign --key 'pkcs11:token=office;object=audit' --receipt receipt.json
must inro audit verify --receipt receipt.json | has 'all 5 .* 1 signed head,' || {
	must inro audit verify --receipt receipt.json
	fail "not one signed head"
}
grep -q '"pin' receipt.json && fail "a PIN in the receipt"
must inro device add dev-4 --no-psk
must inro audit sign --key 'pkcs11:token=office;object=audit-2'
must inro audit sign
must inro audit verify --receipt receipt.json
# A command that has the token open leaves a signed head.
before=$(inro audit verify --json | grep -o '"marks": [0-9]*')
must inro ca create root --token office --subject "CN=Root"
[[ $(inro audit verify --json | grep -o '"marks": [0-9]*') != "$before" ]] || fail "no head was signed at the end"

# ---- export ----

must inro audit export --to events.jsonl
[[ $(wc -l <events.jsonl) == $(inro audit list --json | grep -c '"id"') ]] || fail "not all events"
refused 1 "'events.jsonl' is there already; --force replaces it" inro audit export --out events.jsonl --action device.add
[[ $(wc -l <events.jsonl) -gt 4 ]] || fail "written over all the same"
must inro audit export --out events.jsonl --action device.add --force
[[ $(wc -l <events.jsonl) == 4 ]] || fail "$(cat events.jsonl)"
# a link stays one, who could read its file still can, and a pipe is written into, never replaced
cp events.jsonl before.jsonl
ln -s before.jsonl link.jsonl
chmod 640 before.jsonl
must inro audit export --out link.jsonl --force
[[ -L link.jsonl && $(stat -c %a before.jsonl) == 640 ]] || fail "an export through a link: $(ls -l link.jsonl before.jsonl)"
(($(wc -l <before.jsonl) > $(wc -l <events.jsonl))) || fail "a forced export did not write the file of a link"
mkfifo pipe
timeout 20 cat pipe >piped &
must inro audit export --out pipe --action device.add --force
wait $!
[[ -p pipe ]] || fail "an export took a pipe's place"
cmp piped events.jsonl || fail "an export into a pipe is another one"
[[ -z $(compgen -G '*.part') && -z $(compgen -G '*.new') ]] || fail "an export left something: $(ls)"
refused 1 '^inro: [^.]*nowhere/events: No such file' inro audit export --out nowhere/events
must inro audit export --to events.cef --format cef --action device.add
[[ $(grep -c '^CEF:0|Inro|Inro|.*|device.add|device.add done|3|rt=' events.cef) == 4 ]] || fail "$(cat events.cef)"
must inro audit export --to none.jsonl --before 2020-02-29
[[ ! -s none.jsonl ]] || fail "events from before there were any"
refused 2 "no day '2021-02-31'" inro audit list --before 2021-02-31
refused 2 "takes 2026" inro audit list --from yesterday

# ---- archives ----

refused 1 "no signed head closes events from before then" inro audit purge --before 2020-01-01 --to one.archive
must inro audit purge --before 2999-01-01 --to one.archive
must inro audit sign
inro device history dev-1 >shown
sed -n 2p shown | has -E 'audit.purge .*one.archive' || fail "nothing says where the rest of the history is: $(cat shown)"
refused 1 "one.archive: File exists" inro audit purge --before 2999-01-01 --to one.archive
must inro audit verify --archive one.archive --receipt receipt.json
cp one.archive two.archive
sed -i '3s/dev-/dEv-/' two.archive
refused 1 "^inro: two.archive: audit event" inro audit verify --archive two.archive
refused 1 "^inro: events.jsonl: audit event" inro audit verify --archive events.jsonl
# What is wrong with an archive is no word about the receipt, and a line without an end takes no memory without one.
{ printf '{"inro_audit_archive": 1, "first": "'; head -c 9000000 /dev/zero | tr '\0' a; } >long.archive
refused 1 '^inro: long.archive: a line has more than 8 MiB' inro audit verify --archive long.archive --receipt receipt.json
echo '{}' >no.json
refused 1 "^inro: no.json: " inro audit verify --archive one.archive --receipt no.json
refused 1 "^inro: .*no.db" env INRO_DB=sqlite:no.db "$B/bin/inro" audit verify --receipt receipt.json
must inro audit verify

# ---- kill -9 while events are written ----

for ((i = 0; i < 40; i++)); do
	: >said # the writer may be killed before it opens it
	"$B/bin/inro" device add "r-$i" --no-psk >said 2>&1 &
	writer=$!
	sleep "0.0$((RANDOM % 6))"
	kill -9 "$writer" 2>/dev/null || true
	wait "$writer" 2>/dev/null || true
	[[ ! -s said ]] || must inro device show "r-$i" >/dev/null
done
must inro audit verify
