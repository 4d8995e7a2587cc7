/* prov - see prov.h. */
#include "provider/prov.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "provider/asker.h"
#include "provider/gate.h"
#include "provider/keygen.h"
#include "provider/refused.h"
#include "provider/secret_key.h"

/* Programs that look at errno before the error queue, as Python does, would tell of whatever system
 * call failed last. */
static const struct errno_of {
	enum inro_err e;
	int value;
} errnos[] = {
	{ INRO_E_NOT_FOUND, ENOENT },  { INRO_E_ACCESS, EACCES },      { INRO_E_PIN_WRONG, EACCES },
	{ INRO_E_PIN_LOCKED, EACCES }, { INRO_E_PIN_MISSING, EACCES }, { INRO_E_NO_MEMORY, ENOMEM },
};

static int errno_of(enum inro_err e)
{
	for (size_t i = 0; i < ARRAY_LEN(errnos); i++)
		if (errnos[i].e == e)
			return errnos[i].value;
	return 0;
}

int prov_raise_at(const struct prov *p, enum inro_err e, const char *file, int line,
		  const char *function)
{
	core_raise(&p->core, e, file, line, function);
	errno = errno_of(e);
	return 0;
}

enum inro_err prov_module(struct prov *p, struct ck_module **ret)
{
	struct ck_module *m = atomic_load_explicit(&p->module, memory_order_acquire), *none = NULL;
	enum inro_err e;

	if (m) {
		*ret = m;
		return INRO_OK;
	}
	e = ck_module_open(core_setting(&p->core, SETTING_MODULE), &m);
	if (e)
		return e;
	if (!atomic_compare_exchange_strong(&p->module, &none, m)) {
		ck_module_close(m); /* another thread was first; the module counts its users */
		m = none;
	} else {
		gate_watch(p);
	}
	*ret = m;
	return INRO_OK;
}

void prov_let_go(struct prov *p)
{
	tokens_close(p);
	ck_module_close(atomic_load(&p->module));
}

static void teardown(void *vprov)
{
	struct prov *p = vprov;
	bool mine = gate_unwatch(p);

	if (gate_enter() == INRO_OK) {
		prov_let_go(p);
		gate_leave();
	}
	if (!mine)
		return;
	tokens_free(p);
	refused_free(atomic_load(&p->refused));
	below_clear(&p->below);
	free(p);
}

static const OSSL_PARAM *gettable_params(void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, NULL, 0),
		OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return table;
}

static int get_params(void *vprov, OSSL_PARAM params[])
{
	static const struct {
		const char *name, *value;
	} texts[] = {
		{ OSSL_PROV_PARAM_NAME, "Inro: keys in a token, over PKCS#11" },
		{ OSSL_PROV_PARAM_VERSION, INRO_VERSION },
		{ OSSL_PROV_PARAM_BUILDINFO, INRO_VERSION },
	};
	OSSL_PARAM *p;

	(void)vprov;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		p = OSSL_PARAM_locate(params, texts[i].name);
		if (p && !OSSL_PARAM_set_utf8_ptr(p, texts[i].value))
			return 0;
	}
	p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
	return !p || OSSL_PARAM_set_int(p, 1);
}

/* The tables change with these versions. */
enum era { ERA_30, ERA_31, ERA_32, ERA_35, ERA__MAX };

static enum era era_of_libcrypto(void)
{
	unsigned long version = OpenSSL_version_num();

	if (version >= 0x30500000UL)
		return ERA_35;
	if (version >= 0x30200000UL)
		return ERA_32;
	return version >= 0x30100000UL ? ERA_31 : ERA_30;
}

/* One table until 3.4, and one from 3.5 on. */
#define UNTIL_35(old, later)                                                                       \
	{                                                                                          \
		(old), (old), (old), (later)                                                       \
	}

static bool is_by_secret_key(int operation)
{
	return operation == OSSL_OP_CIPHER || operation == OSSL_OP_MAC ||
	       operation == OSSL_OP_SKEYMGMT;
}

static const OSSL_ALGORITHM *query_operation(void *vprov, int operation, int *no_cache)
{
	const struct prov *p = vprov;
	static const struct {
		int operation;
		const OSSL_ALGORITHM *of[ERA__MAX];
	} operations[] = {
		{ OSSL_OP_KEYMGMT, UNTIL_35(keymgmt_algorithms, keymgmt_algorithms_35) },
		{ OSSL_OP_SIGNATURE, UNTIL_35(signature_algorithms, signature_algorithms_35) },
		{ OSSL_OP_ASYM_CIPHER, UNTIL_35(asym_cipher_algorithms, asym_cipher_algorithms) },
		{ OSSL_OP_KEYEXCH, UNTIL_35(exchange_algorithms, exchange_algorithms) },
		{ OSSL_OP_KEM,
		  { kem_algorithms, kem_algorithms, kem_algorithms_32, kem_algorithms_35 } },
		{ OSSL_OP_MAC, UNTIL_35(mac_algorithms, mac_algorithms) },
		{ OSSL_OP_CIPHER, UNTIL_35(cipher_algorithms, cipher_algorithms) },
		{ OSSL_OP_SKEYMGMT, UNTIL_35(NULL, skeymgmt_algorithms_35) },
		{ OSSL_OP_STORE, UNTIL_35(store_algorithms, store_algorithms) },
		{ OSSL_OP_ENCODER, UNTIL_35(encoder_algorithms, encoder_algorithms_35) },
		{ OSSL_OP_DECODER,
		  { decoder_algorithms_30, decoder_algorithms, decoder_algorithms,
		    decoder_algorithms } },
	};

	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT && p->shown.hides)
		return shown_kinds(p, no_cache);
	if (p->pairs_alone && is_by_secret_key(operation))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(operations); i++)
		if (operations[i].operation == operation)
			return operations[i].of[era_of_libcrypto()] +
			       (operation == OSSL_OP_DECODER && p->pem_alone);
	return NULL;
}

/* libssl uses a group for its key exchange, and from 3.5 on a kind of signature, only when the
 * provider that has it is the one whose "EC" or "ML-DSA-65" it fetches; that may be ours. */
static int get_capabilities(void *vprov, const char *capability, OSSL_CALLBACK *callback, void *arg)
{
	struct prov *p = vprov;
	enum inro_err e;
	int ok = 1;

	if (strcmp(capability, "TLS-GROUP") != 0 && strcmp(capability, "TLS-SIGALG") != 0)
		return 1;
	e = keygen_tls_groups(p, callback, arg, &ok);
	if (!e && ok)
		e = below_capabilities(&p->below, capability, callback, arg, &ok);
	return e ? prov_raise(p, e) : ok;
}

static const OSSL_ITEM *get_reason_strings(void *vprov)
{
	(void)vprov;
	return core_reasons();
}

static const OSSL_DISPATCH dispatch[] = {
	ENTRY(OSSL_FUNC_PROVIDER_TEARDOWN, teardown),
	ENTRY(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, gettable_params),
	ENTRY(OSSL_FUNC_PROVIDER_GET_PARAMS, get_params),
	ENTRY(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query_operation),
	ENTRY(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, get_capabilities),
	ENTRY(OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, get_reason_strings),
	ENTRY_END,
};

static bool is_set(const struct prov *p, const char *setting, const char *to)
{
	const char *said = core_setting(&p->core, setting);

	return said && strcmp(said, to) == 0;
}

/* What is left out for speed: later releases keep what they found, and openssl(1) has everything. */
static bool may_leave_out(void)
{
	return era_of_libcrypto() == ERA_30 && !asker_is_openssl();
}

static bool wants_pem_alone(const struct prov *p)
{
	return is_set(p, SETTING_REFERENCES, "pem") && may_leave_out();
}

static bool wants_pairs_alone(const struct prov *p)
{
	return is_set(p, SETTING_SECRET_KEYS, "no") ||
	       (is_set(p, SETTING_SECRET_KEYS, "openssl") && may_leave_out());
}

int prov_open(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
	      void **ret)
{
	struct prov *p = calloc(1, sizeof *p);

	if (!p || !core_init(handle, in, &p->core)) {
		free(p);
		return 0;
	}
	shown_init(p);
	p->pairs_alone = wants_pairs_alone(p);
	p->pem_alone = wants_pem_alone(p);
	*out = dispatch;
	*ret = p;
	return 1;
}
