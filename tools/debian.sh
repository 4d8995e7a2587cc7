# shellcheck shell=bash
# debian - another Debian in a folder, $debian: made by mmdebstrap, mounted, entered, and gone at the end of the
# script.  Needs root, and tools/common.sh before it.

debian=
debian_mounts=()

# debian_mirror: where this machine has its Debian from.
debian_mirror() {
	local mirror
	# shellcheck disable=SC2016 # apt fills that in
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
	[[ -n $mirror ]] || stop "apt knows no mirror of Debian: see /etc/apt/sources.list"
	printf '%s' "$mirror"
}

debian_finish() {
	local status=$? i
	for ((i = ${#debian_mounts[@]} - 1; i >= 0; i--)); do
		umount "${debian_mounts[i]}" || umount -l "${debian_mounts[i]}" || true
	done
	# Nothing may still be mounted in what is removed next.
	if grep -q " $debian/" /proc/self/mounts; then
		say "${0##*/}: something is still mounted in $debian; it stays"
	else
		rm -rf --one-file-system "$debian"
	fi
	exit "$status"
}

# The folder; from here on the script has to be left by exit.
debian_start() {
	debian=$(mktemp -d)
	trap debian_finish EXIT
	trap 'exit 1' INT TERM HUP
}

# debian_mount WHAT FOLDER [OPTION ...]
debian_mount() {
	[[ -e $debian/$2 ]] || mkdir -p "$debian/$2"
	mount "${@:3}" "$1" "$debian/$2" || stop "mounting $2 into the new Debian failed"
	debian_mounts+=("$debian/$2")
}

# What programs expect of a machine: /proc, devices, names.
debian_mount_system() {
	local d
	debian_mount proc proc -t proc
	debian_mount tmpfs dev -t tmpfs -o mode=755,size=1m
	for d in null zero full random urandom tty; do
		touch "$debian/dev/$d"
		debian_mount "/dev/$d" "dev/$d" --bind
	done
	debian_mount devpts dev/pts -t devpts -o newinstance,ptmxmode=0666,mode=620
	debian_mount tmpfs dev/shm -t tmpfs -o mode=1777
	ln -s pts/ptmx "$debian/dev/ptmx"
	ln -s /proc/self/fd "$debian/dev/fd"
	ln -s fd/0 "$debian/dev/stdin"
	ln -s fd/1 "$debian/dev/stdout"
	ln -s fd/2 "$debian/dev/stderr"
	cp -L /etc/resolv.conf /etc/hosts "$debian/etc/"
}

# debian_run CMD ...: inside, with an environment of its own.
debian_run() {
	chroot "$debian" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
		${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"
}
