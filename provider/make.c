/* make - see make.h. */
#include "provider/make.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/ec.h>
#include <openssl/objects.h>

#include "base/secret.h"
#include "provider/pss.h"

#define ID_BYTES 16
#define ATTRS	 16

enum use {
	USE_SIGN = 1 << 0,
	USE_DECRYPT = 1 << 1,
	USE_DERIVE = 1 << 2,
	USE_KEM = 1 << 3,
};

/* What each half may be used for; CKA_DERIVE has no counterpart in a public key. */
static const struct use_row {
	enum use use;
	CK_ATTRIBUTE_TYPE private, public;
} uses[] = {
	{ USE_SIGN, CKA_SIGN, CKA_VERIFY },
	{ USE_DECRYPT, CKA_DECRYPT, CKA_ENCRYPT },
	{ USE_DERIVE, CKA_DERIVE, CKA_DERIVE },
	{ USE_KEM, CKA_DECAPSULATE, CKA_ENCAPSULATE },
};

#define SLH_DSA(name, set)                                                                         \
	{                                                                                          \
		name, CKM_SLH_DSA_KEY_PAIR_GEN, USE_SIGN, NULL, set                                \
	}

/* How a kind of key is made.  `fixed`: its curve, where the kind has just one; `set`: its number
 * among the parameter sets of its Cryptoki type. */
static const struct maker {
	const char *name;
	CK_MECHANISM_TYPE mech;
	unsigned uses;
	const char *fixed;
	CK_ULONG set;
} makers[] = {
	{ "RSA", CKM_RSA_PKCS_KEY_PAIR_GEN, USE_SIGN | USE_DECRYPT, NULL, 0 },
	{ "RSA-PSS", CKM_RSA_PKCS_KEY_PAIR_GEN, USE_SIGN, NULL, 0 },
	{ "EC", CKM_EC_KEY_PAIR_GEN, USE_SIGN | USE_DERIVE, NULL, 0 },
	{ "ED25519", CKM_EC_EDWARDS_KEY_PAIR_GEN, USE_SIGN, "ED25519", 0 },
	{ "ED448", CKM_EC_EDWARDS_KEY_PAIR_GEN, USE_SIGN, "ED448", 0 },
	{ "X25519", CKM_EC_MONTGOMERY_KEY_PAIR_GEN, USE_DERIVE, "X25519", 0 },
	{ "X448", CKM_EC_MONTGOMERY_KEY_PAIR_GEN, USE_DERIVE, "X448", 0 },
	{ "ML-DSA-44", CKM_ML_DSA_KEY_PAIR_GEN, USE_SIGN, NULL, CKP_ML_DSA_44 },
	{ "ML-DSA-65", CKM_ML_DSA_KEY_PAIR_GEN, USE_SIGN, NULL, CKP_ML_DSA_65 },
	{ "ML-DSA-87", CKM_ML_DSA_KEY_PAIR_GEN, USE_SIGN, NULL, CKP_ML_DSA_87 },
	{ "ML-KEM-512", CKM_ML_KEM_KEY_PAIR_GEN, USE_KEM, NULL, CKP_ML_KEM_512 },
	{ "ML-KEM-768", CKM_ML_KEM_KEY_PAIR_GEN, USE_KEM, NULL, CKP_ML_KEM_768 },
	{ "ML-KEM-1024", CKM_ML_KEM_KEY_PAIR_GEN, USE_KEM, NULL, CKP_ML_KEM_1024 },
	SLH_DSA("SLH-DSA-SHA2-128s", CKP_SLH_DSA_SHA2_128S),
	SLH_DSA("SLH-DSA-SHA2-128f", CKP_SLH_DSA_SHA2_128F),
	SLH_DSA("SLH-DSA-SHA2-192s", CKP_SLH_DSA_SHA2_192S),
	SLH_DSA("SLH-DSA-SHA2-192f", CKP_SLH_DSA_SHA2_192F),
	SLH_DSA("SLH-DSA-SHA2-256s", CKP_SLH_DSA_SHA2_256S),
	SLH_DSA("SLH-DSA-SHA2-256f", CKP_SLH_DSA_SHA2_256F),
	SLH_DSA("SLH-DSA-SHAKE-128s", CKP_SLH_DSA_SHAKE_128S),
	SLH_DSA("SLH-DSA-SHAKE-128f", CKP_SLH_DSA_SHAKE_128F),
	SLH_DSA("SLH-DSA-SHAKE-192s", CKP_SLH_DSA_SHAKE_192S),
	SLH_DSA("SLH-DSA-SHAKE-192f", CKP_SLH_DSA_SHAKE_192F),
	SLH_DSA("SLH-DSA-SHAKE-256s", CKP_SLH_DSA_SHAKE_256S),
	SLH_DSA("SLH-DSA-SHAKE-256f", CKP_SLH_DSA_SHAKE_256F),
};

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

struct template
{
	CK_ATTRIBUTE a[ATTRS];
	CK_ULONG n;
};

/* One pair in the making. */
struct making {
	const struct make_spec *spec;
	const struct maker *maker;
	struct token *token;
	struct seat seat;
	char *label;
	uint8_t random_id[ID_BYTES];
	struct bytes id;
	unsigned char *curve; /* DER, libcrypto's memory */
	CK_ULONG curve_n, bits, set;
	CK_MECHANISM_TYPE allowed[PSS_MECHS];
	CK_ULONG allowed_n; /* 0: any */
	CK_OBJECT_HANDLE public, private, secret;
};

static const struct maker *maker_of(const struct key_type *type)
{
	for (size_t i = 0; i < ARRAY_LEN(makers); i++)
		if (strcmp(makers[i].name, type->name) == 0)
			return &makers[i];
	return NULL;
}

bool make_is_identity(const struct key_type *type)
{
	const struct maker *m = maker_of(type);

	return m && (m->uses & USE_SIGN);
}

static enum inro_err check_name(const struct p11_uri *uri)
{
	if (!uri->object || !*uri->object)
		return err_set(INRO_E_ARG, "the URI of a new key must name it: add object=LABEL");
	if (uri->has_id && !uri->id_n)
		return err_set(INRO_E_ARG, "the id in the URI of a new key is empty: leave it out for a random one");
	return INRO_OK;
}

enum inro_err make_check_uri(const struct p11_uri *uri, bool from_setting)
{
	if (uri->type != P11_ANY && uri->type != P11_PRIVATE)
		return err_set(INRO_E_ARG, "the URI of a new key is of another type than private");
	if (uri->has_id && from_setting)
		return err_set(INRO_E_ARG, "the setting keygen has an id: each key made gets one "
					   "of its own");
	return from_setting ? INRO_OK : check_name(uri);
}

static void add(struct template *t, CK_ATTRIBUTE_TYPE type, const void *value, size_t n)
{
	t->a[t->n++] = (CK_ATTRIBUTE) { type, (void *)(uintptr_t)value, n };
}

static void add_flag(struct template *t, CK_ATTRIBUTE_TYPE type, bool on)
{
	add(t, type, on ? &yes : &no, sizeof yes);
}

static void add_name(struct template *t, const struct making *m)
{
	add_flag(t, CKA_TOKEN, true);
	add(t, CKA_LABEL, m->label, strlen(m->label));
	add(t, CKA_ID, m->id.p, m->id.n);
}

static void add_uses(struct template *t, const struct making *m, bool private)
{
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		if ((m->maker->uses & uses[i].use) && (private || uses[i].use != USE_DERIVE))
			add_flag(t, private ? uses[i].private : uses[i].public, true);
}

static void fill_public(struct template *t, const struct making *m)
{
	static const uint8_t f4[] = { 1, 0, 1 };
	struct bytes e = m->spec->exponent.n ? m->spec->exponent : BYTES(f4, sizeof f4);

	add_name(t, m);
	add_flag(t, CKA_PRIVATE, false);
	add_uses(t, m, false);
	if (m->curve)
		add(t, CKA_EC_PARAMS, m->curve, m->curve_n);
	if (m->set)
		add(t, CKA_PARAMETER_SET, &m->set, sizeof m->set);
	if (m->maker->mech != CKM_RSA_PKCS_KEY_PAIR_GEN)
		return;
	if (m->allowed_n && ck_module_admin(m->seat.m)) /* others' need not take it there */
		add(t, CKA_ALLOWED_MECHANISMS, m->allowed, m->allowed_n * sizeof *m->allowed);
	add(t, CKA_MODULUS_BITS, &m->bits, sizeof m->bits);
	add(t, CKA_PUBLIC_EXPONENT, e.p, e.n);
}

static void fill_private(struct template *t, const struct making *m)
{
	add_name(t, m);
	add_flag(t, CKA_PRIVATE, true);
	add_flag(t, CKA_SENSITIVE, true);
	add_flag(t, CKA_EXTRACTABLE, false);
	add_uses(t, m, true);
	if (m->allowed_n)
		add(t, CKA_ALLOWED_MECHANISMS, m->allowed, m->allowed_n * sizeof *m->allowed);
}

/* As libcrypto knows them: whatever case its letters are in, unless it is NIST's name. */
static int curve_named(const char *name)
{
	EC_builtin_curve all[128];
	size_t n = EC_get_builtin_curves(all, ARRAY_LEN(all));
	int nid = EC_curve_nist2nid(name);

	if (nid == NID_undef)
		nid = OBJ_txt2nid(name);
	for (size_t i = 0; nid == NID_undef && i < n && i < ARRAY_LEN(all); i++)
		if (strcasecmp(OBJ_nid2sn(all[i].nid), name) == 0)
			nid = all[i].nid;
	return nid;
}

static enum inro_err find_curve(struct making *m)
{
	const char *name = m->maker->fixed ? m->maker->fixed : m->spec->group;
	int nid, n;

	if (m->maker->mech != CKM_EC_KEY_PAIR_GEN && !m->maker->fixed)
		return INRO_OK;
	if (!name)
		return err_set(INRO_E_ARG, "the curve of the new key is missing: "
					   "-pkeyopt ec_paramgen_curve:P-256");
	nid = curve_named(name);
	n = nid == NID_undef ? 0 : i2d_ASN1_OBJECT(OBJ_nid2obj(nid), &m->curve);
	if (n <= 0)
		return err_set(INRO_E_CURVE, "no curve is called '%s'", name);
	m->curve_n = (CK_ULONG)n;
	return INRO_OK;
}

/* The id of the URI, else a random one: it ties both halves and the certificate together. */
static enum inro_err name_it(struct making *m)
{
	const struct p11_uri *uri = m->spec->uri;
	SCOPED(buf) label = { 0 };
	enum inro_err e = random_fill(m->random_id, sizeof m->random_id);

	if (e)
		return e;
	m->id = BYTES(m->random_id, sizeof m->random_id);
	if (uri->has_id)
		m->id = BYTES(uri->id, uri->id_n);
	buf_add_str(&label, uri->object && *uri->object ? uri->object : m->spec->type->name);
	if (m->spec->from_setting) {
		buf_add_str(&label, "-");
		buf_add_hex(&label, BYTES(m->random_id, 8));
	}
	m->label = buf_take_str(&label);
	return m->label ? INRO_OK : INRO_E_NO_MEMORY;
}

static enum inro_err bind_to_pss(struct making *m)
{
	if (m->spec->type != &key_types[KEY_TYPE_rsa_pss])
		return INRO_OK;
	m->allowed_n = pss_mechanisms(m->spec->bound, m->allowed);
	return m->allowed_n ? INRO_OK
			    : err_set(INRO_E_UNSUPPORTED, "a token binds no key to PSS with %s",
				      m->spec->bound->names[0]);
}

static enum inro_err prepare(struct making *m)
{
	enum inro_err e;

	m->maker = maker_of(m->spec->type);
	if (!m->maker)
		return err_set(INRO_E_UNSUPPORTED, "keys of type %s are not made in a token",
			       m->spec->type->name);
	m->bits = m->spec->bits;
	m->set = m->maker->set;
	e = bind_to_pss(m);
	if (!e)
		e = find_curve(m);
	return e ? e : name_it(m);
}

static enum inro_err choose_token(struct prov *p, struct making *m)
{
	SCOPED(token_choice) found = { 0 };
	enum inro_err e = tokens_find(p, m->spec->uri, &found);

	if (e)
		return e;
	if (found.n > 1)
		return err_set(INRO_E_AMBIGUOUS,
			       "the new key may go into token '%s' or '%s': say which with "
			       "token=LABEL",
			       token_label(found.all[0]), token_label(found.all[1]));
	m->token = found.all[0];
	return INRO_OK;
}

/* How many of a class have the value, two at most, less the one that was just made. */
static enum inro_err count_others(const struct making *m, CK_OBJECT_CLASS class, bool made,
				  CK_ATTRIBUTE_TYPE type, struct bytes value, CK_ULONG *ret)
{
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &class, sizeof class },
		{ type, (void *)(uintptr_t)value.p, value.n },
	};
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0;
	enum inro_err e = ck_find(m->seat.m, m->seat.session, wanted, ARRAY_LEN(wanted), found,
				  ARRAY_LEN(found), &n);

	*ret = n > 0 && made ? n - 1 : n;
	return e;
}

/* With a login only, for private keys show themselves then. */
static enum inro_err refuse_taken(const struct making *m, CK_ATTRIBUTE_TYPE type,
				  struct bytes value)
{
	const struct {
		CK_OBJECT_CLASS class;
		CK_OBJECT_HANDLE made;
	} kinds[] = { { CKO_PRIVATE_KEY, m->private },
		      { CKO_PUBLIC_KEY, m->public },
		      { CKO_SECRET_KEY, m->secret } };
	CK_ULONG n = 0;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && !n && i < ARRAY_LEN(kinds); i++)
		e = count_others(m, kinds[i].class, kinds[i].made != CK_INVALID_HANDLE, type, value,
				 &n);
	if (!e && n)
		e = err_set(INRO_E_EXISTS,
			    "token '%s' has a key of that %s already ('%s'): take another, or "
			    "delete it first",
			    token_label(m->token), type == CKA_ID ? "id" : "label", m->label);
	return e;
}

static enum inro_err refuse_names_taken(const struct making *m)
{
	enum inro_err e = refuse_taken(m, CKA_LABEL, bytes_of(m->label));

	return !e && m->spec->uri->has_id ? refuse_taken(m, CKA_ID, m->id) : e;
}

static enum inro_err generate(struct making *m)
{
	struct template public = { 0 }, private = { 0 };
	CK_MECHANISM mech = { m->maker->mech, NULL, 0 };
	CK_RV rv;

	fill_public(&public, m);
	fill_private(&private, m);
	rv = m->seat.f->C_GenerateKeyPair(m->seat.session, &mech, public.a, public.n, private.a,
					  private.n, &m->public, &m->private);
	return ck_err(m->seat.m, rv, "C_GenerateKeyPair");
}

static void delete_made(struct making *m)
{
	SCOPED(err_kept) kept = err_keep();
	const CK_OBJECT_HANDLE made[] = { m->private, m->public, m->secret };

	(void)kept;
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		if (made[i] != CK_INVALID_HANDLE)
			m->seat.f->C_DestroyObject(m->seat.session, made[i]);
}

static enum inro_err take_key(struct making *m, struct key **ret)
{
	struct key *k = NULL;
	enum inro_err e = key_open(m->token, &m->seat, m->private, true, m->spec->uri, &k);

	if (!e && k->type != m->spec->type) {
		key_free(k);
		e = err_set(INRO_E_UNSUPPORTED, "token '%s' can't hold a key of type %s",
			    token_label(m->token), m->spec->type->name);
	}
	if (e)
		delete_made(m);
	else
		*ret = k;
	return e;
}

static enum inro_err log_in(struct making *m)
{
	struct pin_source from = { .uri = m->spec->uri };
	enum inro_err e = token_login(m->token, &m->seat, &from);

	return e ? e : refuse_names_taken(m);
}

/* Another program may have looked and made one of that name as we did.  Who looks last sees both,
 * so at most one of the keys stays, and none is ever one of two. */
static enum inro_err look_again(struct making *m)
{
	enum inro_err e = refuse_names_taken(m);

	if (e)
		delete_made(m);
	return e;
}

static enum inro_err make_in(struct making *m, struct key **ret)
{
	enum inro_err e = log_in(m);

	if (!e)
		e = generate(m);
	if (!e)
		e = look_again(m);
	return e ? e : take_key(m, ret);
}

enum inro_err make_pair(struct prov *p, const struct make_spec *spec, struct key **ret)
{
	struct making m = { .spec = spec };
	enum inro_err e = prepare(&m);

	if (!e)
		e = choose_token(p, &m);
	if (!e)
		e = token_enter_writing(m.token, &m.seat);
	if (!e) {
		e = make_in(&m, ret);
		token_leave(&m.seat, false); /* closed: it is not one of the pool's kind */
	}
	OPENSSL_free(m.curve);
	free(m.label);
	return e ? err_context(e, "making a key in a token") : INRO_OK;
}

static void fill_secret(struct template *t, const struct making *m, const struct make_secret *what,
			const CK_ULONG *size)
{
	add_name(t, m);
	add_flag(t, CKA_PRIVATE, true);
	add_flag(t, CKA_SENSITIVE, true);
	add_flag(t, CKA_EXTRACTABLE, false);
	add_flag(t, what->encrypts ? CKA_ENCRYPT : CKA_SIGN, true);
	add_flag(t, what->encrypts ? CKA_DECRYPT : CKA_VERIFY, true);
	add(t, CKA_VALUE_LEN, size, sizeof *size);
}

static enum inro_err make_secret_in(struct making *m, const struct make_secret *what,
				    struct object **ret)
{
	struct template secret = { 0 };
	CK_MECHANISM mech = { what->mech, NULL, 0 };
	CK_ULONG size = what->size;
	enum inro_err e = log_in(m);
	CK_RV rv;

	if (e)
		return e;
	fill_secret(&secret, m, what, &size);
	rv = m->seat.f->C_GenerateKey(m->seat.session, &mech, secret.a, secret.n, &m->secret);
	e = ck_err(m->seat.m, rv, "C_GenerateKey");
	if (!e)
		e = look_again(m);
	if (e)
		return e;
	e = object_new(m->token, &m->seat, m->secret, what->uri, ret);
	if (e)
		delete_made(m);
	return e;
}

static enum inro_err check_secret_uri(const struct p11_uri *uri)
{
	if (uri->type != P11_ANY && uri->type != P11_SECRET_KEY)
		return err_set(INRO_E_ARG,
			       "the URI of a new secret key is of another type than secret-key");
	return check_name(uri);
}

enum inro_err make_secret_key(struct prov *p, const struct make_secret *what, struct object **ret)
{
	const struct make_spec spec = { .uri = what->uri };
	struct making m = { .spec = &spec };
	enum inro_err e = check_secret_uri(what->uri);

	what->uri->type = P11_SECRET_KEY;
	if (!e)
		e = name_it(&m);
	if (!e)
		e = choose_token(p, &m);
	if (!e)
		e = token_enter_writing(m.token, &m.seat);
	if (!e) {
		e = make_secret_in(&m, what, ret);
		token_leave(&m.seat, false); /* closed: it is not one of the pool's kind */
	}
	free(m.label);
	return e ? err_context(e, "making a key of %s in a token", what->name) : INRO_OK;
}
