/*
 * certs - certificates of CAs to be fetched (RFC 5280 4.2.2.1, the addresses of `issuer_url`): /ca/CA.cer, the
 * certificate of its present key; /ca/CA/key2.cer, that of its second; with .p7c it and those above it up to the root.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/network.h"
#include "backoffice/pki/bundle.h"
#include "backoffice/serve/parts.h"

#define NAME_ROOM  65
#define NUMBER_MAX 9
#define FRESH	   "public, max-age=3600"

static const struct form {
	const char *suffix, *type;
	bool chain;
} forms[] = {
	{ ".cer", "application/pkix-cert", false },
	{ ".p7c", "application/pkcs7-mime; smime-type=certs-only", true },
};

struct which {
	char ca[NAME_ROOM];
	unsigned generation; /* 0: the present one */
	const struct form *form;
};

/* The form that the name ends with, and the name without it; NULL: none. */
static const struct form *take_form(const char *file, char out[static NAME_ROOM])
{
	size_t n = strlen(file);

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		size_t end = strlen(forms[i].suffix);

		if (n <= end || n - end >= NAME_ROOM || strcmp(file + n - end, forms[i].suffix) != 0)
			continue;
		memcpy(out, file, n - end);
		out[n - end] = '\0';
		return &forms[i];
	}
	return NULL;
}

/* "key2" */
static bool read_generation(const char *text, unsigned *ret)
{
	const char *digits = text + 3;
	size_t n;

	if (strncmp(text, "key", 3) != 0 || *digits == '0')
		return false;
	n = strspn(digits, "0123456789");
	if (!n || n > NUMBER_MAX || digits[n])
		return false;
	*ret = (unsigned)strtoul(digits, NULL, 10);
	return true;
}

static bool read_which(const struct http_call *c, struct which *w)
{
	char name[NAME_ROOM];

	*w = (struct which) { .form = take_form(c->args[c->n_args - 1], name) };
	if (!w->form)
		return false;
	if (c->n_args == 1) {
		memcpy(w->ca, name, sizeof w->ca);
		return true;
	}
	return snprintf(w->ca, sizeof w->ca, "%s", c->args[0]) < (int)sizeof w->ca &&
	       read_generation(name, &w->generation);
}

static enum inro_err give(struct http_call *c, const struct form *form, const struct chain *chain)
{
	struct bytes certs[BUNDLE_CERTS_MAX];
	size_t n = 0;

	for (; n < chain->n && n < ARRAY_LEN(certs); n++)
		certs[n] = blob_bytes(&chain->certs[n]);
	c->answer->type = form->type;
	http_answer_header(c->answer, "Cache-Control", FRESH);
	if (form->chain)
		return bundle_pkcs7(certs, n, &c->answer->body);
	if (n)
		buf_add(&c->answer->body, certs[0]);
	return n ? buf_err(&c->answer->body) : INRO_E_NOT_FOUND;
}

static enum inro_err h_cert(struct http_call *c, void *arg)
{
	struct core *core = c->worker;
	SCOPED(chain) chain = { 0 };
	struct core_who who;
	struct which w;
	enum inro_err e = read_which(c, &w) ? who_public(core, &who) : INRO_E_NOT_FOUND;

	(void)arg;
	if (e == INRO_OK)
		e = core_become(core, &who);
	if (e == INRO_OK)
		e = ca_chain(core, w.ca, w.generation, &chain);
	core_nobody(core);
	if (e == INRO_OK)
		e = give(c, w.form, &chain);
	if (e == INRO_E_NOT_FOUND || e == INRO_E_ARG || e == INRO_E_STATE)
		return err_set(INRO_E_NOT_FOUND, "there is no such certificate");
	return e;
}

struct http_table cert_routes(struct serving *s)
{
	static const struct http_route rows[] = {
		{ "GET", "/ca/{file}", HTTP_PLAIN, h_cert, NULL, 0, NULL },
		{ "GET", "/ca/{ca}/{file}", HTTP_PLAIN, h_cert, NULL, 0, NULL },
	};

	return (struct http_table) { rows, ARRAY_LEN(rows), s };
}
