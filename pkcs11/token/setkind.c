/* setkind - see setkind.h. */
#include "pkcs11/token/setkind.h"

static const struct {
	enum key_kind kind;
	CK_KEY_TYPE type;
} rows[] = {
	{ KEY_ML_DSA, CKK_ML_DSA },
	{ KEY_SLH_DSA, CKK_SLH_DSA },
	{ KEY_ML_KEM, CKK_ML_KEM },
};

enum inro_err setkind_find(enum key_kind kind, CK_ULONG set, const struct param_set **ret)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].kind == kind)
			return paramset_find(rows[i].type, set, ret);
	return err_set(INRO_E_PARAMETER_SET, "this type of key has no parameter sets");
}

enum key_kind setkind_of(const struct param_set *set)
{
	size_t i = 0;

	while (i < ARRAY_LEN(rows) - 1 && rows[i].type != set->type)
		i++;
	return rows[i].kind;
}
