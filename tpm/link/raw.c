/* raw - the few commands that a link sends on its own account. */
#include "tpm/link/raw.h"

#include <time.h>
#include <tss2/tss2_tpm2_types.h>

#include "tpm/wire/rc.h"

#define TRIES	    500 /* ten seconds, as for the commands of a turn (talk/run.c) */
#define PAUSE_MS    20
#define HEADER_SIZE 10

static enum inro_err read_header(struct bytes *in, uint32_t *ret_rc)
{
	struct bytes tag;
	uint32_t size;

	if (read_bytes(in, 2, &tag) || read_u32(in, &size) || read_u32(in, ret_rc))
		return err_set(INRO_E_IO, "what answers is not a TPM");
	return INRO_OK;
}

static void add_command(struct buf *b, uint32_t cc, size_t params)
{
	static const uint8_t no_sessions[2] = { TPM2_ST_NO_SESSIONS >> 8,
						TPM2_ST_NO_SESSIONS & 0xff };

	buf_add(b, BYTES(no_sessions, sizeof no_sessions));
	buf_add_u32(b, (uint32_t)(HEADER_SIZE + params));
	buf_add_u32(b, cc);
}

/* *ret: what follows the header, borrowed from *response.  A TPM that goes on putting it off has not
 * answered: what it holds is not known. */
static enum inro_err run(const struct raw *tpm, const struct buf *command, struct buf *response,
			 uint32_t *ret_rc, struct bytes *ret)
{
	enum inro_err e = buf_err(command);
	const int most = tpm->haste_ms ? 1 + tpm->haste_ms / PAUSE_MS : TRIES;

	for (int tries = 0; !e && tries < most; tries++) {
		if (tries)
			nanosleep(&(struct timespec) { .tv_nsec = PAUSE_MS * 1000000L }, NULL);
		e = tpm->talk(tpm->of, buf_bytes(command), response);
		*ret = buf_bytes(response);
		e = e ? e : read_header(ret, ret_rc);
		if (e || !rc_is_again(*ret_rc))
			return e;
	}
	if (e)
		return e;
	return err_set(INRO_E_IO, "the TPM puts off what it is asked: try again later");
}

static enum inro_err read_clock(struct bytes in, struct raw_clock *ret)
{
	uint64_t clock;

	if (read_u64(&in, &ret->since) || read_u64(&in, &clock) || read_u32(&in, &ret->resets) ||
	    read_u32(&in, &ret->restarts))
		return err_set(INRO_E_IO, "the TPM's clock can't be read");
	return INRO_OK;
}

/* A TPM that was not started has nothing in its memory, and one that has failed will have nothing:
 * it works again after a reset.  Any other refusal (the command was cancelled) has told nothing. */
static enum inro_err refused(uint32_t rc, const char *what)
{
	enum inro_err e = rc_set(rc, what);

	if (rc == TPM2_RC_INITIALIZE || rc == TPM2_RC_FAILURE)
		return INRO_OK;
	return err_set(INRO_E_IO, "%s", err_detail(e));
}

enum inro_err raw_clock(const struct raw *tpm, struct raw_clock *ret)
{
	SCOPED(buf) command = { 0 };
	SCOPED(buf) response = { 0 };
	struct bytes in;
	enum inro_err e;

	*ret = (struct raw_clock) { 0 };
	add_command(&command, TPM2_CC_ReadClock, 0);
	e = run(tpm, &command, &response, &ret->rc, &in);
	if (!e && ret->rc)
		return refused(ret->rc, "reading the TPM's clock");
	return e ? e : read_clock(in, ret);
}

static enum inro_err read_handles(struct bytes in, size_t cap, uint32_t *out, size_t *ret_n)
{
	uint8_t more;
	uint32_t capability, n;

	if (read_u8(&in, &more) || read_u32(&in, &capability) || read_u32(&in, &n) ||
	    in.n != n * sizeof(uint32_t))
		return err_set(INRO_E_IO, "the TPM's list of handles can't be read");
	for (*ret_n = 0; *ret_n < n && *ret_n < cap; ++*ret_n)
		if (read_u32(&in, &out[*ret_n]))
			return INRO_E_IO;
	return INRO_OK;
}

enum inro_err raw_handles(const struct raw *tpm, uint32_t first, size_t cap, uint32_t *out,
			  size_t *ret_n)
{
	SCOPED(buf) command = { 0 };
	SCOPED(buf) response = { 0 };
	struct bytes in;
	uint32_t rc;
	enum inro_err e;

	*ret_n = 0;
	add_command(&command, TPM2_CC_GetCapability, 3 * sizeof(uint32_t));
	buf_add_u32(&command, TPM2_CAP_HANDLES);
	buf_add_u32(&command, first);
	buf_add_u32(&command, (uint32_t)cap);
	e = run(tpm, &command, &response, &rc, &in);
	if (!e && rc)
		return refused(rc, "listing what is in the TPM");
	return e ? e : read_handles(in, cap, out, ret_n);
}

enum inro_err raw_flush(const struct raw *tpm, uint32_t handle)
{
	SCOPED(buf) command = { 0 };
	SCOPED(buf) response = { 0 };
	struct bytes in;
	uint32_t rc;
	enum inro_err e;

	add_command(&command, TPM2_CC_FlushContext, sizeof handle);
	buf_add_u32(&command, handle);
	e = run(tpm, &command, &response, &rc, &in);
	if (e || !rc || rc & TPM2_RC_FMT1 || rc_err(rc) == INRO_E_NOT_FOUND)
		return e; /* format one is about its one parameter */
	return refused(rc, "taking out of the TPM what was left there");
}
