/*
 * noun_attest - is this key in a TPM?  Asked on any machine: nothing here but `answer` needs a TPM.
 *
 * First the TPM's attestation key is proven once: challenge (here), answer (there), enroll (here).
 * From then on its evidence about any of its keys can be verified.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/pem.h"
#include "backoffice/pki/pubkey.h"
#include "base/clock.h"
#include "base/file.h"
#include "tools/ak_proof.h"
#include "tools/evidence_doc.h"
#include "tools/known_ak.h"
#include "tools/made_key.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/text.h"

#define NONCE_MIN     8
#define NONCE_MAX     64
#define CHALLENGE_MAX ((size_t)8192)
#define PEM_CHALLENGE "TPM CHALLENGE"

struct nonce {
	uint8_t p[NONCE_MAX];
	size_t n;
};

static enum inro_err take_nonce(const struct call *c, struct nonce *ret)
{
	enum inro_err e =
		hex_decode(bytes_of(call_opt(c, "nonce")), ret->p, sizeof ret->p, &ret->n);

	if (e || ret->n < NONCE_MIN)
		return err_set(INRO_E_ARG, "--nonce has %d to %d bytes, in hex", NONCE_MIN,
			       NONCE_MAX);
	return INRO_OK;
}

static json_t *json_of_name(const TPM2B_NAME *n)
{
	return json_of_hex(BYTES(n->name, n->size));
}

/* ---- inro key attest ---- */

enum inro_err key_attest_check(const struct call *c)
{
	struct nonce nonce;

	return take_nonce(c, &nonce);
}

static enum inro_err attest(const struct call *c, struct token *t, const struct p11_uri *uri,
			    struct token_entry *k, struct buf *ret)
{
	struct nonce nonce;
	enum inro_err e = take_nonce(c, &nonce);

	if (!e)
		e = one_entry(t, uri, call_arg(c, 0), k);
	return e ? e : token_key_attest(t, k, BYTES(nonce.p, nonce.n), ret);
}

static json_t *text_of_doc(json_t *doc)
{
	char *text = json_dumps(doc, JSON_INDENT(2));
	json_t *ret = text ? json_sprintf("%s\n", text) : NULL;

	free(text);
	return ret;
}

enum inro_err key_attest_run(const struct call *c, json_t **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	SCOPED(buf) evidence = { 0 };
	AUTO(token_close_ptr) struct token *t = NULL;
	struct token_entry k;
	json_t *doc = NULL;
	enum inro_err e = p11_uri_parse(call_arg(c, 0), &uri);

	if (!e)
		e = open_logged_in(c, &uri, &t);
	if (!e)
		e = attest(c, t, &uri, &k, &evidence);
	if (!e)
		e = evidence_doc_make(buf_bytes(&evidence), &doc);
	if (e)
		return e;
	return json_give(json_pack("{s:o s:o s:o s:o}", "label", text_json(bytes_of(k.label)),
				   "token", text_json(bytes_of(token_label(t))), "pem",
				   text_of_doc(doc), "evidence", doc),
			 ret);
}

/* ---- verify ---- */

static enum inro_err verify_check(const struct call *c)
{
	if (call_has(c, "ak") == call_has(c, "known"))
		return err_set(INRO_E_ARG,
			       "an attestation key is believed that has answered a challenge: "
			       "--known FILE has it, or --ak NAME is it");
	if (call_has(c, "ak") != call_has(c, "ek"))
		return err_set(INRO_E_ARG, "--ak goes with --ek, the endorsement key of the same "
					   "TPM: both were said by 'inro attest enroll'");
	return key_attest_check(c);
}

static enum inro_err key_of_token(const struct call *c, struct buf *ret)
{
	SCOPED(p11_uri) uri = { 0 };
	AUTO(token_close_ptr) struct token *t = NULL;
	struct token_entry k;
	const char *text = call_opt(c, "key");
	enum inro_err e = p11_uri_parse(text, &uri);

	if (!e)
		e = token_open_public(&uri, &t);
	if (!e)
		e = one_entry(t, &uri, text, &k);
	return e ? e : token_entry_spki(t, &k, ret);
}

static enum inro_err key_of_file(const struct call *c, struct buf *ret)
{
	SCOPED(buf) text = { 0 };
	const char *path = call_opt(c, "key");
	enum inro_err e = file_read(path, CHALLENGE_MAX, &text);

	return e ? e
		 : pem_or_der(buf_bytes(&text), PEM_PUBLIC_KEY, CHALLENGE_MAX, "public key", ret);
}

static enum inro_err claimed_key(const struct call *c, struct buf *ret)
{
	const char *key = call_opt(c, "key");

	if (!key)
		return INRO_OK;
	return strncmp(key, "pkcs11:", 7) == 0 ? key_of_token(c, ret) : key_of_file(c, ret);
}

static enum inro_err name_in(const struct call *c, const char *opt, TPM2B_NAME *ret)
{
	size_t n = 0;
	enum inro_err e = hex_decode(bytes_of(call_opt(c, opt)), ret->name, sizeof ret->name, &n);

	if (e || n == 0)
		return err_set(INRO_E_ARG, "--%s is the Name of a key, in hex", opt);
	ret->size = (uint16_t)n;
	return INRO_OK;
}

/* What belongs together in one TPM. */
struct believed {
	TPM2B_NAME ak, ek;
};

/* The attestation key that is believed, and its endorsement key: those given, or those of the
 * evidence, if they are known together. */
static enum inro_err believed(const struct call *c, const struct evidence *v, struct believed *ret)
{
	enum inro_err e;

	if (call_has(c, "known")) {
		e = evidence_names(v, &ret->ak, &ret->ek);
		return e ? e : known_ak_find(call_opt(c, "known"), &ret->ak, &ret->ek);
	}
	e = name_in(c, "ak", &ret->ak);
	return e ? e : name_in(c, "ek", &ret->ek);
}

static const struct {
	TPMA_OBJECT bit;
	const char *name;
} attributes[] = {
	{ TPMA_OBJECT_FIXEDTPM, "fixedtpm" },
	{ TPMA_OBJECT_FIXEDPARENT, "fixedparent" },
	{ TPMA_OBJECT_SENSITIVEDATAORIGIN, "sensitivedataorigin" },
	{ TPMA_OBJECT_USERWITHAUTH, "userwithauth" },
	{ TPMA_OBJECT_NODA, "noda" },
	{ TPMA_OBJECT_RESTRICTED, "restricted" },
	{ TPMA_OBJECT_DECRYPT, "decrypt" },
	{ TPMA_OBJECT_SIGN_ENCRYPT, "sign" },
};

static json_t *json_of_attributes(TPMA_OBJECT a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (a & attributes[i].bit)
			json_array_append_new(list, json_string(attributes[i].name));
	return list;
}

static json_t *json_of_key(const struct buf *spki)
{
	struct pubkey pub;
	char type[PUBKEY_NAME_MAX] = "secret";

	if (spki->n && pubkey_read(buf_bytes(spki), &pub))
		return json_null();
	if (spki->n)
		pubkey_name(&pub, type, sizeof type);
	return json_string(type);
}

static json_t *json_of_firmware(uint64_t v)
{
	return json_sprintf("%u.%u.%u.%u", (unsigned)(v >> 48) & 0xffff,
			    (unsigned)(v >> 32) & 0xffff, (unsigned)(v >> 16) & 0xffff,
			    (unsigned)v & 0xffff);
}

static json_t *json_of_found(const struct evidence_found *f)
{
	const TPMS_CLOCK_INFO *clock = &f->attest.clockInfo;
	struct bytes spki = buf_bytes(&f->spki);

	return json_pack(
		"{s:o s:o s:o s:o s:o s:o s:o s:o s:o s:I s:I s:I s:b}", "type",
		json_of_key(&f->spki), "public_key",
		spki.n ? json_of_pem(PEM_PUBLIC_KEY, &spki, 1) : json_null(), "attributes",
		json_of_attributes(f->key_attributes), "ak", json_of_name(&f->ak_name), "ek",
		json_of_name(&f->ek_name), "maker", json_of_text(f->tpm.maker), "model",
		json_of_text(f->tpm.model), "tpm_version", json_of_text(f->tpm.version), "firmware",
		json_of_firmware(f->attest.firmwareVersion), "clock_ms", (json_int_t)clock->clock,
		"resets", (json_int_t)clock->resetCount, "restarts",
		(json_int_t)clock->restartCount, "clock_safe", (int)clock->safe);
}

/* What the caller says of what is to be believed. */
static enum inro_err check(const struct call *c, const struct evidence *v,
			   struct evidence_found *ret)
{
	SCOPED(buf) spki = { 0 };
	struct nonce nonce;
	struct believed is = { 0 };
	struct evidence_check by = { .roots = call_opt(c, "roots"),
				     .now = clock_now(),
				     .imported_too = call_has(c, "imported") };
	enum inro_err e = take_nonce(c, &nonce);

	if (!e)
		e = claimed_key(c, &spki);
	if (!e)
		e = believed(c, v, &is);
	if (e)
		return e;
	by.nonce = BYTES(nonce.p, nonce.n);
	by.spki = buf_bytes(&spki);
	by.ak_name = BYTES(is.ak.name, is.ak.size);
	by.ek_name = BYTES(is.ek.name, is.ek.size);
	return evidence_check(v, &by, ret);
}

static enum inro_err verify_run(const struct call *c, json_t **ret)
{
	SCOPED(buf) blob = { 0 };
	SCOPED(evidence_found) found = { 0 };
	struct evidence v;
	enum inro_err e = evidence_doc_read(call_arg(c, 0), &blob);

	if (!e)
		e = evidence_read(buf_bytes(&blob), &v);
	if (!e)
		e = check(c, &v, &found);
	return e ? e : json_give(json_of_found(&found), ret);
}

/* ---- challenge ---- */

static json_t *json_of_challenge(struct bytes blob)
{
	SCOPED(buf) pem = { 0 };

	pem_add(&pem, PEM_CHALLENGE, blob);
	return buf_err(&pem) ? NULL : text_json(buf_bytes(&pem));
}

static enum inro_err challenge_run(const struct call *c, json_t **ret)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) blob = { 0 };
	SCOPED(ak_proof) p = { 0 };
	const struct evidence_check by = { .roots = call_opt(c, "roots"), .now = clock_now() };
	struct evidence v;
	enum inro_err e = evidence_doc_read(call_arg(c, 0), &text);

	if (!e)
		e = evidence_read(buf_bytes(&text), &v);
	if (!e)
		e = evidence_names(&v, &p.ak, &p.ek);
	if (!e)
		e = evidence_challenge(&v, &by, &p.secret, &blob);
	if (!e)
		e = ak_proof_write(call_opt(c, "secret-out"), &p);
	return e ? e
		 : json_give(json_pack("{s:o s:o s:o}", "ak", json_of_name(&p.ak), "ek",
				       json_of_name(&p.ek), "pem",
				       json_of_challenge(buf_bytes(&blob))),
			     ret);
}

/* ---- answer ---- */

static enum inro_err answer_run(const struct call *c, json_t **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	SCOPED(buf) text = { 0 };
	SCOPED(buf) blob = { 0 };
	SCOPED(buf) answer = { .secret = true };
	SCOPED(buf) hex = { .secret = true };
	AUTO(token_close_ptr) struct token *t = NULL;
	enum inro_err e = file_read(call_arg(c, 0), CHALLENGE_MAX, &text);

	if (!e)
		e = pem_or_der(buf_bytes(&text), PEM_CHALLENGE, CHALLENGE_MAX, "challenge", &blob);
	if (!e)
		e = p11_uri_name_token(call_opt(c, "token"), &uri);
	if (!e)
		e = token_open_public(&uri, &t);
	if (!e)
		e = token_answer(t, buf_bytes(&blob), &answer);
	if (e)
		return e;
	buf_add_hex(&hex, buf_bytes(&answer));
	buf_add_u8(&hex, '\n');
	e = buf_err(&hex);
	return e ? e : json_give(json_pack("{s:o}", "pem", text_json(buf_bytes(&hex))), ret);
}

/* ---- enroll ---- */

static bool same_name(const TPM2B_NAME *a, const TPM2B_NAME *b)
{
	return bytes_equal(BYTES(a->name, a->size), BYTES(b->name, b->size));
}

/* Whom the challenge was made for stands in the secret's file: the evidence must be by the same. */
static enum inro_err check_same(const char *path, const struct ak_proof *p)
{
	SCOPED(buf) blob = { 0 };
	struct evidence v;
	TPM2B_NAME ak, ek;
	enum inro_err e = evidence_doc_read(path, &blob);

	if (!e)
		e = evidence_read(buf_bytes(&blob), &v);
	if (!e)
		e = evidence_names(&v, &ak, &ek);
	if (!e && !(same_name(&ak, &p->ak) && same_name(&ek, &p->ek)))
		e = err_set(INRO_E_POLICY,
			    "the challenge was made for another TPM or attestation key than '%s' "
			    "is by",
			    path);
	return e;
}

static enum inro_err enroll_run(const struct call *c, json_t **ret)
{
	SCOPED(ak_proof) p = { 0 };
	SCOPED(secret) answer = { 0 };
	const char *known = call_opt(c, "known");
	enum inro_err e = ak_proof_read(call_opt(c, "secret"), &p);

	if (!e)
		e = ak_proof_answer(call_opt(c, "answer"), &answer);
	if (!e)
		e = check_same(call_arg(c, 0), &p);
	if (!e && !secret_equal(secret_bytes(&answer), secret_bytes(&p.secret)))
		e = err_set(INRO_E_POLICY,
			    "the answer is wrong: this attestation key is not in the "
			    "TPM that it claims");
	if (!e)
		e = known_ak_add(known, &p.ak, &p.ek);
	return e ? e
		 : json_give(json_pack("{s:o s:o s:s}", "ak", json_of_name(&p.ak), "ek",
				       json_of_name(&p.ek), "known", known),
			     ret);
}

/* ---- the rows ---- */

#define ARG_EVIDENCE                                                                               \
	{                                                                                          \
		.name = "FILE", .help = "what 'inro key attest' wrote; - is standard input"        \
	}
#define OPT_ROOTS                                                                                  \
	{                                                                                          \
		.name = "roots", .arg = "DIR", .kind = OPT_DIR, .required = true,                  \
		.help = "folder of the certificates of TPM makers, PEM or DER; each is trusted"    \
	}

const struct cmd_verb attest_verbs[] = {
	{ .name = "verify",
	  .summary = "Checks evidence that a key is in a TPM of a known manufacturer",
	  .args = ARGS(ARG_EVIDENCE),
	  .opts = OPTS(OPT_NONCE("what was asked for: 8 to 64 bytes"), OPT_ROOTS,
		       { .name = "ak",
			 .arg = "NAME",
			 .kind = OPT_HEX,
			 .help = "Name of the trusted attestation key" },
		       { .name = "ek",
			 .arg = "NAME",
			 .kind = OPT_HEX,
			 .help = "with --ak: Name of the endorsement key of the same TPM" },
		       { .name = "known",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .help = "file of trusted attestation keys: see 'inro attest enroll'" },
		       { .name = "key",
			 .arg = "KEY",
			 .kind = OPT_FILE,
			 .help = "the key that it must be: pkcs11: URI, or public key in PEM or "
				 "DER" },
		       { .name = "imported",
			 .kind = OPT_FLAG,
			 .help = "accept also a key that was brought into the TPM or may leave "
				 "it" }),
	  .run = verify_run,
	  .least = LEAST_NONE,
	  .reads = true,
	  .check = verify_check,
	  .shape = SHOW_RECORD,
	  .columns =
		  COLUMNS({ "type", "Key" }, { "attributes", "Attributes" },
			  { "ak", "Attestation key" }, { "ek", "Endorsement key" },
			  { "maker", "Maker" }, { "model", "Model" }, { "tpm_version", "Version" },
			  { "firmware", "Firmware" }, { "clock_ms", "Clock (ms)" },
			  { "resets", "Resets" }, { "restarts", "Restarts" }) },
	{ .name = "challenge",
	  .summary = "Creates a challenge that only the TPM of this evidence can answer",
	  .args = ARGS(ARG_EVIDENCE),
	  .opts = OPTS(OPT_ROOTS,
		       { .name = "secret-out",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .makes = true,
			 .required = true,
			 .help = "file for the expected answer; keep it here" },
		       OPT_OUT),
	  .run = challenge_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_PEM,
	  .said = "the challenge is in {file}" },
	{ .name = "answer",
	  .summary = "Answers a credential challenge with the TPM of a token",
	  .args = ARGS({ .name = "FILE", .help = "what 'inro attest challenge' wrote" }),
	  .opts = OPTS(OPT_TOKEN(true), OPT_OUT),
	  .run = answer_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_PEM,
	  .said = "the answer is in {file}" },
	{ .name = "enroll",
	  .summary = "Checks the answer to a challenge, and trusts the attestation key from now on",
	  .args = ARGS(ARG_EVIDENCE),
	  .opts = OPTS({ .name = "secret",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .required = true,
			 .help = "of 'inro attest challenge'" },
		       { .name = "answer",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .required = true,
			 .help = "of 'inro attest answer'" },
		       { .name = "known",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .required = true,
			 .help = "file of trusted attestation keys; created when it is missing" }),
	  .run = enroll_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "attestation key {ak} is believed" },
	{ 0 },
};
