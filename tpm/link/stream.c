/* stream - responses from descriptors that give them as bytes, whole or in parts. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "tpm/link/wired.h"

#define HEADER_SIZE 10
#define REST_MS	    5000 /* for what is left of a response that has begun */

void wired_close_fd(struct wired *w)
{
	int fd = atomic_exchange(&w->fd, -1);

	close_fd(&fd);
}

static enum inro_err wait_readable(int fd, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	do {
		int64_t left = deadline - clock_monotonic_ms();

		n = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? INRO_OK : INRO_E_BUSY;
}

/* How long the response is by its header; 0 when that can't be.  Not known yet: the header's size.
 */
static size_t size_of(struct bytes begun)
{
	struct bytes tag;
	uint32_t size = 0;

	if (begun.n < HEADER_SIZE)
		return HEADER_SIZE;
	if (read_bytes(&begun, 2, &tag) || read_u32(&begun, &size))
		return 0;
	return size >= HEADER_SIZE && size <= LINK_BYTES ? size : 0;
}

static enum inro_err read_some(const struct wired *w, uint8_t *room, size_t *n)
{
	ssize_t got;

	do
		got = read(w->fd, room + *n, LINK_BYTES - *n);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return err_set(INRO_E_IO, "%s: the TPM has closed the connection", w->tcti);
	if (got < 0)
		return err_set(INRO_E_IO, "%s: reading the TPM's answer failed (%m)", w->tcti);
	*n += (size_t)got;
	return INRO_OK;
}

static enum inro_err read_response(const struct wired *w, uint8_t *room, size_t *n)
{
	int64_t deadline = clock_monotonic_ms() + w->patience_ms;
	size_t want = HEADER_SIZE;
	enum inro_err e = INRO_OK;

	while (!e && *n < want) {
		e = wait_readable(w->fd, deadline);
		if (e && *n)
			return err_set(INRO_E_IO, "%s: an answer was not finished: is it a TPM?",
				       w->tcti);
		deadline = clock_monotonic_ms() + REST_MS;
		e = e ? e : read_some(w, room, n);
		want = size_of(BYTES(room, *n));
	}
	if (!e && *n != want)
		e = err_set(INRO_E_IO, "%s: what answers is not a TPM", w->tcti);
	return e;
}

enum inro_err wired_receive_stream(struct wired *w, struct buf *ret)
{
	uint8_t *room = buf_extend(ret, LINK_BYTES);
	size_t n = 0;
	enum inro_err e = room ? read_response(w, room, &n) : buf_err(ret);

	if (room)
		buf_truncate(ret, e ? 0 : n);
	return e;
}
