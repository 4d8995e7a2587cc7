/*
 * fuzz_cmp - a CMP message and what is in it: header, certificate request, confirmation, questions, MAC
 * parameters, and what another CA answers.  What is taken lies inside what was read.
 */
#include "tests/fuzz/fuzz.h"

#include "backoffice/pki/cmp_ask.h"
#include "backoffice/pki/crmf.h"
#include "tests/fuzz/input.h"

static void try_request(struct bytes der)
{
	SCOPED(csr) csr = { 0 };
	struct crmf_facts facts;
	struct bytes issuer, serial;

	if (crmf_read_facts(der, &facts) == INRO_OK)
		input_has(der, facts.old_serial);
	if (crmf_read_id(der, &issuer, &serial) == INRO_OK)
		input_has(der, serial);
	if (crmf_read(der, &csr) == INRO_OK)
		(void)!csr_verify(&csr);
}

static void try_certs(struct bytes list)
{
	struct bytes one, rest = list;

	while (rest.n && cmp_next_cert(&rest, &one) == INRO_OK)
		input_has(list, one);
}

static void try_answer(struct bytes body)
{
	struct cmp_came came;
	struct cmp_said said;
	int64_t request, after;

	if (cmp_read_answer(body, &came) == INRO_OK) {
		input_has(body, came.cert);
		input_has(body, came.said.text);
		FUZZ_REQUIRE(came.said.fails >> CMP_FAIL__MAX == 0);
	}
	if (cmp_read_revoked(body, &said) == INRO_OK)
		input_has(body, said.text);
	if (cmp_read_error(body, &said) == INRO_OK)
		input_has(body, said.text);
	(void)!cmp_read_poll(body, &request, &after);
}

static void try_body(const struct cmp_message *m)
{
	struct cmp_confirmation c;
	struct bytes one, infos = m->body, oid, value;

	if (cmp_only_one(m->body, &one) == INRO_OK) {
		try_request(one);
		if (cmp_read_confirmation(one, &c) == INRO_OK)
			input_has(m->body, c.hash);
	}
	while (infos.n && cmp_next_info(&infos, &oid, &value) == INRO_OK) {
		input_has(m->body, value);
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
	input_has(in, m.header);
	input_has(in, m.body_whole);
	input_has(in, m.id);
	input_has(in, m.protection);
	for (size_t i = 0; i < m.n_certs; i++)
		input_has(in, m.certs[i]);
	try_body(&m);
	try_mac(&m);
	return 0;
}
