/* fleet - see fleet.h. */
#include "tests/bench/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/move.h"
#include "backoffice/pki/alg.h"
#include "base/clock.h"
#include "base/secret.h"
#include "tests/bench/bench.h"
#include "tests/lib/office.h"

#define OK(x)	 bench_need((x) == INRO_OK, #x)
#define TOKEN	 "dev-00000000"
#define POINT	 64
#define SEALED	 68 /* octets of a sealed AES-256 key */
#define SERIAL	 16
#define HALF	 31 /* octets of either number of a signature that may be any */
#define KEY_ID	 20

/* subjectKeyIdentifier, up to its octets. */
static const uint8_t key_id_begins[] = { 0x06, 0x03, 0x55, 0x1d, 0x0e, 0x04, 0x16, 0x04, 0x14 };

/* A certificate, and where in it is what each device has another of. */
struct mould {
	struct credential rec;
	size_t serial, name, point, spki, spki_n, key_id, r; /* r: of the signature */
	struct ca ca;
	int64_t groups[FLEET_GROUPS];
};

static size_t place_of(const struct blob *der, struct bytes part)
{
	const uint8_t *at = memmem(der->p, der->n, part.p, part.n);

	bench_need(at != NULL, "finding a part of the certificate");
	return (size_t)(at - der->p);
}

/* The signature is at the end: a sequence of two numbers. */
static size_t place_of_r(const struct blob *der)
{
	for (size_t n = 68; n <= 72; n++) {
		size_t at = der->n - n;
		const uint8_t *p = der->p + at;

		if (p[0] == 0x30 && p[1] == n - 2 && p[2] == 0x02 && p[4 + p[3]] == 0x02)
			return at + 4 + p[3] - HALF;
	}
	bench_need(false, "finding the signature's numbers");
	return 0;
}

static void make_mould(struct core *c, struct mould *m)
{
	EVP_PKEY *key = office_key("P-256");
	unsigned char *spki = NULL;
	SCOPED(buf) csr = { 0 };
	const struct cred_request r = { .ca = "issuing", .profile = "tls-client" };
	struct cred_request with = r;
	struct cred cred = { 0 };
	int n = i2d_PUBKEY(key, &spki);

	office_csr(key, TOKEN, &csr);
	with.csr = buf_bytes(&csr);
	OK(cred_issue(c, &with, &cred));
	m->rec = cred.rec;
	cred.rec = (struct credential) { 0 };
	m->serial = place_of(&m->rec.cert, blob_bytes(&m->rec.serial));
	m->name = place_of(&m->rec.cert, bytes_of(TOKEN));
	m->spki = place_of(&m->rec.cert, BYTES(spki, (size_t)n));
	m->spki_n = (size_t)n;
	m->point = m->spki + m->spki_n - POINT;
	m->key_id = place_of(&m->rec.cert, BYTES(key_id_begins, sizeof key_id_begins)) +
		    sizeof key_id_begins;
	m->r = place_of_r(&m->rec.cert);
	OK(ca_load(c, "issuing", &m->ca));
	cred_clear(&cred);
	OPENSSL_free(spki);
	EVP_PKEY_free(key);
}

static void make_groups(struct core *c, struct mould *m)
{
	for (int i = 0; i < FLEET_GROUPS; i++) {
		SCOPED(device_group) g = { 0 };
		char path[32];

		if (i % 8 == 0) {
			SCOPED(device_group) plant = { 0 };

			snprintf(path, sizeof path, "plant%d", i / 8);
			OK(group_add(c, path, NULL, &plant));
		}
		snprintf(path, sizeof path, "plant%d/line%d", i / 8, i % 8);
		OK(group_add(c, path, NULL, &g));
		m->groups[i] = g.id;
	}
}

static enum inro_err set(char **to, const char *word, int width, long n)
{
	char text[64];

	snprintf(text, sizeof text, "%s%0*ld", word, width, n);
	return text_set(to, text);
}

static enum inro_err event_of(struct core *c, const char *action, const char *kind,
			      const char *name, struct buf *detail)
{
	const struct audit_entry entry = { action, kind, name, EVENT_DONE, detail };

	return audit_append(c, &entry);
}

static enum inro_err fill_device(struct device *d, const struct mould *m, long n)
{
	static const char *const names[] = { "pump ", "press ", "robot ", "camera " };
	char mac[24], ip[24];
	enum inro_err e = set(&d->device_id, "dev-", 8, n);

	snprintf(mac, sizeof mac, "00:11:%02lx:%02lx:%02lx:%02lx", n >> 24 & 255, n >> 16 & 255,
		 n >> 8 & 255, n & 255);
	snprintf(ip, sizeof ip, "10.%ld.%ld.%ld", n >> 16 & 255, n >> 8 & 255, n & 255);
	d->grp = m->groups[n % FLEET_GROUPS];
	d->state = n % 16 ? DEVICE_ACTIVE : DEVICE_DISABLED;
	d->created_ms = d->updated_ms = clock_now_ms();
	if (e == INRO_OK)
		e = set(&d->name, names[n % 4], 1, n);
	if (e == INRO_OK)
		e = set(&d->hostname, "host-", 8, n);
	if (e == INRO_OK)
		e = text_set(&d->mac, mac);
	if (e == INRO_OK)
		e = text_set(&d->ip, ip);
	if (e == INRO_OK)
		e = text_set(&d->os, n % 3 ? "Linux" : "Windows IoT");
	return e == INRO_OK ? set(&d->serial, "SN", 10, n) : e;
}

static enum inro_err add_device(struct core *c, const struct mould *m, long n, struct device *d)
{
	SCOPED(buf) detail = { 0 };
	enum inro_err e = fill_device(d, m, n);

	if (e == INRO_OK)
		e = store_insert(c->store, d);
	if (e == INRO_OK)
		e = tally_add(c, 1, "device/%s", device_state_names[d->state]);
	if (e == INRO_OK)
		e = tally_add(c, 1, "group/%lld/%s", (long long)d->grp,
			      device_state_names[d->state]);
	detail_text(&detail, "serial", d->serial);
	detail_text(&detail, "name", d->name);
	detail_text(&detail, "ip", d->ip);
	detail_text(&detail, "mac", d->mac);
	detail_text(&detail, "hostname", d->hostname);
	detail_text(&detail, "os", d->os);
	if (e == INRO_OK)
		e = event_of(c, "device.add", "device", d->device_id, &detail);
	return e == INRO_OK ? event_of(c, "device.activate", "device", d->device_id, NULL) : e;
}

static enum inro_err cast(const struct mould *m, const char *name, struct credential *rec)
{
	uint8_t *der = rec->cert.p, hash[PKI_DIGEST_MAX];
	enum inro_err e = random_fill(der + m->serial + 1, SERIAL - 1);

	memcpy(der + m->name, name, strlen(TOKEN));
	if (e == INRO_OK)
		e = random_fill(der + m->point, POINT);
	if (e == INRO_OK)
		e = random_fill(der + m->key_id, KEY_ID);
	if (e == INRO_OK)
		e = random_fill(der + m->r, HALF);
	if (e == INRO_OK)
		e = random_fill(der + rec->cert.n - HALF, HALF);
	if (e == INRO_OK)
		e = blob_set(&rec->serial, BYTES(der + m->serial, SERIAL));
	if (e == INRO_OK)
		e = pki_digest(PKI_SHA256, BYTES(der + m->spki, m->spki_n), hash);
	if (e == INRO_OK)
		e = blob_set(&rec->key_hash, BYTES(hash, 32));
	if (e == INRO_OK)
		e = pki_digest(PKI_SHA256, blob_bytes(&rec->cert), hash);
	return e == INRO_OK ? blob_set(&rec->fingerprint, BYTES(hash, 32)) : e;
}

/* Ends are spread over a year, so that a search by them finds a part. */
static void fill_times(struct credential *rec, long n)
{
	rec->created_ms = rec->updated_ms = clock_now_ms();
	rec->not_before = clock_now() - 86400;
	rec->not_after = rec->not_before + (1 + n % 365) * 86400;
}

static enum inro_err record(struct core *c, struct credential *rec, const char *device)
{
	SCOPED(buf) detail = { 0 };
	char action[32], id[24];
	enum inro_err e = cred_insert(c, rec);

	snprintf(action, sizeof action, "%s.issue", cred_kind_names[rec->kind]);
	snprintf(id, sizeof id, "%lld", (long long)rec->id);
	if (rec->kind == CRED_CERTIFICATE) {
		detail_text(&detail, "ca", "issuing");
		detail_text(&detail, "profile", rec->profile);
	}
	detail_text(&detail, "device", device);
	detail_text(&detail, "algorithm", rec->algorithm);
	detail_text(&detail, "subject", rec->subject);
	detail_hex(&detail, "serial", blob_bytes(&rec->serial));
	detail_hex(&detail, "sha256", blob_bytes(&rec->fingerprint));
	detail_int(&detail, "not_after", rec->not_after);
	return e == INRO_OK ? event_of(c, action, cred_kind_names[rec->kind], id, &detail) : e;
}

static enum inro_err add_cert(struct core *c, const struct mould *m, long n, const struct device *d)
{
	SCOPED(credential)
	rec = { .tenant = d->tenant,
		.kind = CRED_CERTIFICATE,
		.state = CRED_ACTIVE,
		.device = d->id,
		.ca = m->ca.id,
		.ca_generation = 1 };
	char subject[32];
	enum inro_err e = blob_set(&rec.cert, blob_bytes(&m->rec.cert));

	snprintf(subject, sizeof subject, "CN=%s", d->device_id);
	fill_times(&rec, n);
	if (e == INRO_OK)
		e = cast(m, d->device_id, &rec);
	if (e == INRO_OK)
		e = text_set(&rec.profile, m->rec.profile);
	if (e == INRO_OK)
		e = text_set(&rec.algorithm, m->rec.algorithm);
	if (e == INRO_OK)
		e = text_set(&rec.signature, m->rec.signature);
	if (e == INRO_OK)
		e = text_set(&rec.subject, subject);
	return e == INRO_OK ? record(c, &rec, d->device_id) : e;
}

static enum inro_err add_key(struct core *c, long n, const struct device *d)
{
	SCOPED(credential)
	rec = { .tenant = d->tenant,
		.kind = CRED_KEY,
		.state = CRED_ACTIVE,
		.device = d->id,
		.ca_generation = 1 };
	uint8_t serial[SERIAL], sealed[SEALED];
	enum inro_err e = random_fill(serial, sizeof serial);

	serial[0] |= 0x80;
	fill_times(&rec, n);
	if (e == INRO_OK)
		e = random_fill(sealed, sizeof sealed);
	if (e == INRO_OK)
		e = blob_set(&rec.serial, BYTES(serial, sizeof serial));
	if (e == INRO_OK)
		e = blob_set(&rec.secret, BYTES(sealed, sizeof sealed));
	if (e == INRO_OK)
		e = text_set(&rec.algorithm, "aes-256");
	return e == INRO_OK ? record(c, &rec, d->device_id) : e;
}

struct part {
	const struct mould *m;
	long from, to;
};

static enum inro_err add_part(struct core *c, void *arg)
{
	const struct part *p = arg;
	enum inro_err e = INRO_OK;

	for (long n = p->from; e == INRO_OK && n < p->to; n++) {
		SCOPED(device) d = { .tenant = c->tenant };

		e = add_device(c, p->m, n, &d);
		if (e == INRO_OK)
			e = add_cert(c, p->m, n, &d);
		if (e == INRO_OK)
			e = add_key(c, n, &d);
	}
	return e;
}

void fleet_make(struct core *c, long n)
{
	static struct mould m;

	make_mould(c, &m);
	make_groups(c, &m);
	for (long at = 0; at < n; at += FLEET_BATCH) {
		struct part p = { &m, at, at + FLEET_BATCH < n ? at + FLEET_BATCH : n };

		OK(core_write(c, add_part, &p));
	}
	credential_clear(&m.rec);
	ca_clear(&m.ca);
}
