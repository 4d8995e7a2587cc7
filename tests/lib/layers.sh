#!/usr/bin/env bash
# layers - holds the tree to layers.rules: layers.sh RULES TREE.
#
# Every #include "folder/file.h" of product code is an edge from the including file's folder; an edge
# that the rules don't allow, an include that isn't written from the root, a folder without a rule,
# and <sqlite3.h> outside of base/db, pkcs11/token and backoffice/store are reported.
set -euo pipefail
rules=$1
cd "$2"

find base pkcs11 tpm provider backoffice tools \( -name '*.c' -o -name '*.h' -o -name '*.inc' \) -print |
	sort | awk -v rules="$rules" '
	function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
	function bad(what) { print file ":" line ": " what; wrong = 1 }
	function check(target,   to) {
		if (target !~ /\//) { bad("\"" target "\" is not written from the root"); return }
		to = folder(target)
		edges++
		if (to != from && !((from, to) in allowed)) bad(from " may not include " to " (" target ")")
	}
	BEGIN {
		while ((getline row < rules) > 0) {
			sub(/#.*/, "", row)
			if (row !~ /:/) continue
			name = row; sub(/:.*/, "", name); sub(/^[^:]*:/, "", row)
			known[name] = 1
			n = split(row, to, " ")
			for (i = 1; i <= n; i++) allowed[name, to[i]] = 1
		}
	}
	{
		file = $0; line = 0; from = folder(file); files++
		if (!(from in known)) { bad("no rule for the folder " from); next }
		while ((getline text < file) > 0) {
			line++
			if (match(text, /^[ \t]*#[ \t]*include[ \t]*"[^"]+"/)) {
				split(text, part, "\"")
				check(part[2])
			}
			if (text ~ /^[ \t]*#[ \t]*include[ \t]*<sqlite3.h>/ &&
			    from !~ /^(base\/db|pkcs11\/token|backoffice\/store)$/)
				bad("sqlite3.h belongs below base/db, pkcs11/token and backoffice/store")
		}
		close(file)
	}
	END {
		if (!files) { print "no files"; wrong = 1 }
		if (!wrong) print files " files, " edges " includes: as the rules say"
		exit wrong
	}'
