#!/usr/bin/env bash
# docs/mechanisms.md is what the token's table prints.
set -euo pipefail
page=$INRO_TEST_SOURCE/docs/mechanisms.md
if ! diff -u "$page" <("$INRO_TEST_BUILD/tests/print_mechanisms"); then
	echo "docs/mechanisms.md is not what the table says: write the output of tests/print_mechanisms over it" >&2
	exit 1
fi
