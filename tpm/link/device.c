/*
 * device - a TPM of the kernel's: /dev/tpmrm0 with its resource manager, or /dev/tpm0, which one
 * program at a time can have.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tpm/link/wired.h"

#define MANAGED_PREFIX "/dev/tpmrm"

struct device {
	struct wired wired;
	char *path;
};

static struct device *device_of(struct wired *w)
{
	return (struct device *)w;
}

static enum inro_err parse(struct wired *w, struct bytes rest)
{
	if (!rest.n || *rest.p != '/')
		return err_set(INRO_E_CONFIG, "%s: a path is needed, as in device:/dev/tpmrm0",
			       w->tcti);
	device_of(w)->path = strndup((const char *)rest.p, rest.n);
	return device_of(w)->path ? INRO_OK : INRO_E_NO_MEMORY;
}

static void clear(struct wired *w)
{
	free(device_of(w)->path);
}

static enum inro_err open_error(int err, const char *path)
{
	if (err == EBUSY)
		return INRO_E_BUSY;
	if (err == EACCES || err == EPERM)
		return err_set(INRO_E_ACCESS,
			       "%s may not be used: add the user to group tss, and log in again",
			       path);
	return err_set(INRO_E_IO, "%s: %s: is there a TPM, and is it switched on?", path,
		       strerror(err));
}

static enum inro_err open_device(struct wired *w)
{
	const char *path = device_of(w)->path;
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISCHR(st.st_mode))
		return err_set(INRO_E_CONFIG, "%s is not a device", path);
	w->fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	return w->fd < 0 ? open_error(errno, path) : INRO_OK;
}

/* The driver wants a command in one piece. */
static enum inro_err send_command(struct wired *w, struct bytes command)
{
	ssize_t n;

	do
		n = write(w->fd, command.p, command.n);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)command.n)
		return INRO_OK;
	return err_set(INRO_E_IO, "%s: the driver did not take a command (%s)", device_of(w)->path,
		       n < 0 ? strerror(errno) : "only a part of it");
}

static const struct plug plug = {
	.size = sizeof(struct device),
	.parse = parse,
	.clear = clear,
	.open = open_device,
	.close = wired_close_fd,
	.send = send_command,
	.receive = wired_receive_stream,
};

static const struct link_kind bare = {
	.scheme = "device",
	WIRED_BARE,
};

static bool is_managed(struct bytes path)
{
	size_t n = strlen(MANAGED_PREFIX);

	return path.n > n && memcmp(path.p, MANAGED_PREFIX, n) == 0;
}

static enum inro_err make(struct bytes rest, const char *home, struct link **ret)
{
	return wired_make(is_managed(rest) ? &link_device : &bare, &plug, rest, home, ret);
}

const struct link_kind link_device = {
	.scheme = "device",
	.make = make,
	WIRED_MANAGED,
};
