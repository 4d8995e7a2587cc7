/*
 * fuzz_cmp - a CMP message and what is in it: header, certificate request, confirmation, questions, MAC
 * parameters, and what another CA answers.  What is taken lies inside what was read.
 */
#include "tests/fuzz/fuzz.h"

#include "backoffice/pki/cmp_ask.h"
#include "backoffice/pki/crmf.h"

static void inside(struct bytes part, struct bytes whole)
{
	if (part.n)
		FUZZ_REQUIRE(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void try_request(struct bytes der)
{
	SCOPED(csr) csr = { 0 };
	struct crmf_facts facts;
	struct bytes issuer, serial;

	if (crmf_read_facts(der, &facts) == INRO_OK)
		inside(facts.old_serial, der);
	if (crmf_read_id(der, &issuer, &serial) == INRO_OK)
		inside(serial, der);
	if (crmf_read(der, &csr) == INRO_OK)
		(void)!csr_verify(&csr);
}

static void try_certs(struct bytes list)
{
	struct bytes one, rest = list;

	while (rest.n && cmp_next_cert(&rest, &one) == INRO_OK)
		inside(one, list);
}

static void try_answer(struct bytes body)
{
	struct cmp_came came;
	struct cmp_said said;
	int64_t request, after;

	if (cmp_read_answer(body, &came) == INRO_OK) {
		inside(came.cert, body);
		inside(came.said.text, body);
		FUZZ_REQUIRE(came.said.fails >> CMP_FAIL__MAX == 0);
	}
	if (cmp_read_revoked(body, &said) == INRO_OK)
		inside(said.text, body);
	if (cmp_read_error(body, &said) == INRO_OK)
		inside(said.text, body);
	(void)!cmp_read_poll(body, &request, &after);
}

static void try_body(const struct cmp_message *m)
{
	struct cmp_confirmation c;
	struct bytes one, infos = m->body, oid, value;

	if (cmp_only_one(m->body, &one) == INRO_OK) {
		try_request(one);
		if (cmp_read_confirmation(one, &c) == INRO_OK)
			inside(c.hash, m->body);
	}
	while (infos.n && cmp_next_info(&infos, &oid, &value) == INRO_OK) {
		inside(value, m->body);
		try_certs(value);
	}
	try_answer(m->body);
}

static void try_mac(const struct cmp_message *m)
{
	uint8_t mac[CMP_MAC_MAX];
	size_t n;
	struct cmp_pbm p;

	if (!cmp_is_pbm(m->algorithm) || cmp_pbm_read(m->algorithm, &p) != INRO_OK)
		return;
	p.rounds = p.rounds > 3 ? 3 : p.rounds;
	FUZZ_REQUIRE(cmp_pbm_mac(&p, bytes_of("secret"), m->body, mac, &n) == INRO_OK);
	FUZZ_REQUIRE(n <= sizeof mac);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	struct cmp_message m;

	try_request(in);
	if (cmp_read(in, &m) != INRO_OK)
		return 0;
	inside(m.header, in);
	inside(m.body_whole, in);
	inside(m.id, in);
	inside(m.protection, in);
	for (size_t i = 0; i < m.n_certs; i++)
		inside(m.certs[i], in);
	try_body(&m);
	try_mac(&m);
	return 0;
}
