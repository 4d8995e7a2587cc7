# shellcheck shell=bash
# common - what quickstart, check and fresh share: speaking, Debian, packages.

set -euo pipefail

say() {
	printf '%s\n' "$*"
}

stop() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# Only Debian 12 and later is known here; anything else is told so before it is touched.
need_debian() {
	local id='' version='' file=${INRO_OS_RELEASE:-/etc/os-release}
	if [[ -r $file ]]; then
		# shellcheck disable=SC1090 # a file of the system
		id=$(. "$file" && printf '%s' "${ID:-}")
		# shellcheck disable=SC1090 # testing and unstable have no number; they are later than 12
		version=$(. "$file" && printf '%s' "${VERSION_ID:-999}")
	fi
	if [[ $id != debian || ${version%%.*} -lt 12 ]] || ! command -v apt-get >/dev/null; then
		stop "this is made for Debian 12 or later with apt; here is '${id:-unknown} ${version}'." \
			"Install the packages named in this script by hand and build with" \
			"'cmake --preset release && cmake --build --preset release'."
	fi
}

as_root() {
	if [[ $(id -u) == 0 ]]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		stop "packages must be installed, which needs root or sudo: run as root, or install by hand: $*"
	fi
}

# need_packages NAME ...: installs what is missing, nothing else.
need_packages() {
	local missing=() p
	for p in "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed ||
			missing+=("$p")
	done
	if [[ ${#missing[@]} == 0 ]]; then
		say "packages: all ${#} that are needed are there"
		return
	fi
	say "packages: installing ${missing[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 update ||
		stop "apt-get update failed: is there a network, and are the sources of apt right?"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 \
		install --no-install-recommends "${missing[@]}" >/dev/null ||
		stop "apt-get could not install: ${missing[*]}"
}

# need_stopped_packages NAME ...: the same for servers, which Debian would start as it installs them.
need_stopped_packages() {
	local policy=/usr/sbin/policy-rc.d status=0
	if [[ -e $policy ]]; then
		need_packages "$@"
		return
	fi
	as_root install -m 755 /dev/stdin "$policy" <<<$'#!/bin/sh\n# Put here by a test of Inro while it installs packages.\nexit 101'
	(need_packages "$@") || status=$?
	as_root rm -f "$policy"
	[[ $status == 0 ]] || exit "$status"
}

# shellcheck disable=SC2034 # used by the scripts that read this
build_packages=(cmake ninja-build gcc libc6-dev pkg-config libssl-dev libsqlite3-dev libinih-dev
	libp11-kit-dev libjansson-dev libpq-dev libtss2-dev libtpms-dev libevent-dev libcurl4-openssl-dev openssl)
