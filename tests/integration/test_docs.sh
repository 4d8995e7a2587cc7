#!/usr/bin/env bash
# What the documents say is so: the README's lines run, the man page and the completion script are
# of this very table, the links lead somewhere, the scripts are clean.
. "${INRO_TEST_SOURCE:?is set by ctest}/tests/lib/shell.sh" || exit 1
command -v python3 >/dev/null || skip "python3 is not installed"

# ---- the README's lines, as they stand there ----

mkdir -p "$T/clone/build"
ln -s "$B" "$T/clone/build/release"

# run_block MARK: the README's ten lines behind this comment; what they say goes to $T/said.
run_block() {
	awk -v mark="<!-- $1" 'index($0, mark) { on = 1; next } on && /^```/ { if (n++) exit; next } on' "$S/README.md" >"$T/lines"
	[[ $(wc -l <"$T/lines") == 10 ]] || fail "the README's '$1' is not ten lines"
	(cd "$T/clone" && TMPDIR=$T foreign bash -euo pipefail "$T/lines") >"$T/said" 2>&1 || fail "README, $1: $(cat "$T/said")"
}
run_block "by hand"
grep -q 'dev-0001.pem: OK' "$T/said" || fail "README: openssl verify did not say OK: $(cat "$T/said")"
# pkcs11-tool 0.23 reads freed memory when it exports an EC key, with any module: a sanitizer ends it there.
if [[ ${INRO_TEST_SANITIZE:-} != *address* ]]; then
	run_block "the module alone"
	grep -q '^Verified OK' "$T/said" || fail "README: the signature is not right: $(cat "$T/said")"
	grep -q 'is whole' "$T/said" || fail "README: the token is not whole: $(cat "$T/said")"
fi

run_block "keys in a tpm"
grep -q '^Place  *tpm$' "$T/said" || fail "README: the key is not in the TPM: $(cat "$T/said")"
grep -qi 'verify ok' "$T/said" || fail "README: the request is not right: $(cat "$T/said")"
grep -q 'the evidence is in dev.evidence' "$T/said" || fail "README: no evidence: $(cat "$T/said")"

# ---- generated from the table ----

inro help --man | cmp - "$B/share/inro.1" || fail "inro.1 is not what the program says"
inro help --completion bash | cmp - "$B/share/inro.bash" || fail "the completion script is an old one"
bash -n "$B/share/inro.bash"
inro help --dump-tables >"$T/tables"
grep -q '"verb": "provision"' "$T/tables" || fail "the dumped table has no provision"
while read -r command; do
	grep -q "^\.SS $command\$" "$B/share/inro.1" || fail "'$command' is not in the man page"
	# shellcheck disable=SC2086 # a noun and a verb
	must inro help $command >"$T/help"
	grep -q "^usage: inro $command" "$T/help" || fail "'inro help $command' has no usage"
	! has '.\{121\}' "$T/help" || fail "'inro help $command' is wider than a screen: $(cat "$T/help")"
done < <(sed -n 's/^\.SS //p' "$B/share/inro.1")

# completes WANT WORD ...: what bash would offer for the last word.
completes() {
	local want=$1 got
	shift
	got=$(bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _inro
		printf "%s\n" "${COMPREPLY[@]}" | sort -u | paste -sd" "' "$B/share/inro.bash" "$@")
	[[ $got == "$want" ]] || fail "completion of '${*}' is '$got', not '$want'"
}
completes token inro to
completes pin inro token p
completes pin inro --tenant acme --as alice token p
completes "--tenant" inro cert list --ten
completes "$T/tables" inro --password-source "$T/tab"
completes "$T/tables" inro audit export --to "$T/tab"
completes "change unblock" inro token pin ''
completes "--so --so-pin-source" inro token pin change --s
completes keyCompromise inro --home "$T" cert revoke 1 --reason k
completes '' inro device provision d --token ''
completes "$T/tables" inro csr create --out "$T/tab"

# Every `inro noun verb` that a document names is one.
nouns=$(sed -n 's/^  "noun": "\([a-z]*\)",$/\1/p' "$T/tables" | paste -sd'|')
[[ $nouns == token\|* ]] || fail "the dumped table has no nouns"
while read -r noun verb; do
	inro "$noun" --help | has -E "^  $verb( |\$)" || fail "a document names 'inro $noun $verb', which is none"
done < <(grep -rhoE "\\binro ($nouns) [a-z][a-z-]*" "$S/README.md" "$S/CHANGELOG.md" \
	"$S/docs" --include='*.md' | awk '{ print $2, $3 }' | sort -u)

# So is every one that an error names.
for f in $(cd "$S" && find base backoffice tools provider pkcs11 tpm -name '*.c'); do
	tr -d '\n\t' <"$S/$f" | sed 's/" *"//g' | { grep -oE "'inro ($nouns) [a-z][a-z-]*" || true; }
done | awk '{ print $2, $3 }' | sort -u >"$T/named"
(($(wc -l <"$T/named") > 50)) || fail "the errors name $(wc -l <"$T/named") commands, which are too few"
while read -r noun verb; do
	inro "$noun" --help | has -E "^  $verb( |\$)" || fail "an error names 'inro $noun $verb', which is none"
done <"$T/named"

# So is every option that a line has behind such a command, and every heading that a link goes to.
python3 "$S/tests/docs/check_pages.py" "$S" "$T/tables" >"$T/out" || fail "the documents: $(cat "$T/out")"

# Every test that the threat model names is one: a program of tests, or one of its functions.
tests_n=0
# shellcheck disable=SC2016 # backquotes of Markdown
while read -r name; do
	tests_n=$((tests_n + 1))
	[[ -n $(find "$S/tests" -name "$name.*" -print -quit) ]] || grep -rqw --include='*.c' "$name" "$S/tests" ||
		fail "docs/threat-model.md names the test $name, which is none"
done < <(sed -n '/^## What holds/,$p' "$S/docs/threat-model.md" | grep -oE '`[a-z0-9]+(_[a-z0-9]+)+`' | tr -d '`' | sort -u)
((tests_n > 60)) || fail "the threat model names $tests_n tests, which are too few"

# ---- links ----

while IFS=: read -r file link; do
	[[ $link == http* ]] || [[ -e $(dirname "$file")/$link ]] || fail "$file links to $link, which is not there"
done < <(find "$S" -path "$S/build" -prune -o -name '*.md' -print | while read -r f; do
	grep -oE '\]\([^)#]+' "$f" | sed "s#^](#$f:#"
done)
