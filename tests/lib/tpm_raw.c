/* tpm_raw - a few whole TPM commands. */
#include "tests/lib/tpm_raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Owner, empty password; ECC P-256, restricted decrypt, AES-128-CFB (TPM 2.0 Part 3, 24.1). */
static const uint8_t create_primary[] = {
	0x80, 0x02, 0x00, 0x00, 0x00, 0x43, 0x00, 0x00, 0x01, 0x31, 0x40, 0x00, 0x00, 0x01,
	0x00, 0x00, 0x00, 0x09, 0x40, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1a, 0x00, 0x23, 0x00, 0x0b, 0x00, 0x03, 0x04,
	0x72, 0x00, 0x00, 0x00, 0x06, 0x00, 0x80, 0x00, 0x43, 0x00, 0x10, 0x00, 0x03, 0x00,
	0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};
static const uint8_t start_session[] = {
	0x80, 0x01, 0x00, 0x00, 0x00, 0x2b, 0x00, 0x00, 0x01, 0x76, 0x40, 0x00, 0x00, 0x07, 0x40,
	0x00, 0x00, 0x07, 0x00, 0x10, 0x01, 0x02, 0x03, 0x04, 0x01, 0x02, 0x03, 0x04, 0x01, 0x02,
	0x03, 0x04, 0x01, 0x02, 0x03, 0x04, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x0b,
};
static const uint8_t get_random[] = { 0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8 };
static const uint8_t flush_context[] = { 0x80, 1, 0, 0, 0, 14, 0, 0, 1, 0x65, 0, 0, 0, 0 };
static const uint8_t read_public[] = { 0x80, 1, 0, 0, 0, 14, 0, 0, 1, 0x73, 0, 0, 0, 0 };

static uint32_t u32_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t run(struct link *l, struct bytes command, uint32_t *ret_rc)
{
	SCOPED(buf) response = { 0 };
	enum inro_err e = link_talk(l, command, false, &response);

	if (e)
		print_error("%s\n", err_detail(e));
	assert_int_equal(e, INRO_OK);
	*ret_rc = u32_at(response.p + 6);
	return response.n >= 14 ? u32_at(response.p + 10) : 0;
}

static uint32_t run_well(struct link *l, struct bytes command)
{
	uint32_t rc, first = run(l, command, &rc);

	assert_int_equal(rc, 0);
	return first;
}

static uint32_t with_handle(struct link *l, const uint8_t template[14], uint32_t handle)
{
	uint8_t command[14];
	uint32_t rc;

	memcpy(command, template, sizeof command);
	for (int i = 0; i < 4; i++)
		command[10 + i] = (uint8_t)(handle >> (24 - 8 * i));
	(void)run(l, BYTES(command, sizeof command), &rc);
	return rc;
}

static uint32_t make(struct link *l, struct bytes command)
{
	uint32_t handle;

	assert_int_equal(link_will_hold(l), INRO_OK);
	handle = run_well(l, command);
	link_hold(l, handle);
	return handle;
}

void tpm_raw_random(struct link *l)
{
	(void)run_well(l, BYTES(get_random, sizeof get_random));
}

uint32_t tpm_raw_primary(struct link *l)
{
	return make(l, BYTES(create_primary, sizeof create_primary));
}

uint32_t tpm_raw_session(struct link *l)
{
	return make(l, BYTES(start_session, sizeof start_session));
}

uint32_t tpm_raw_primary_unlisted(struct link *l)
{
	return run_well(l, BYTES(create_primary, sizeof create_primary));
}

void tpm_raw_flush(struct link *l, uint32_t handle)
{
	assert_int_equal(with_handle(l, flush_context, handle), 0);
	link_drop(l, handle);
}

bool tpm_raw_is_there(struct link *l, uint32_t handle)
{
	return with_handle(l, read_public, handle) == 0;
}
