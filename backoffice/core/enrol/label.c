/* label - see label.h. */
#include "backoffice/core/label.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/group.h"
#include "backoffice/core/profile_store.h"

#define PROFILE_DEFAULT "tls-client"

static enum inro_err put(char to[static LABEL_PART], const char *from, size_t n)
{
	if (n >= LABEL_PART)
		return err_set(INRO_E_NOT_FOUND, "there is no CA or profile of that name");
	memcpy(to, from, n);
	to[n] = 0;
	return INRO_OK;
}

/* A name that can't be one is no CA's either. */
static enum inro_err is_ca(struct core *c, const char *name)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e = ca_load(c, name, &ca);

	if (e == INRO_E_ARG)
		return err_set(INRO_E_NOT_FOUND, "there is no CA of that name");
	return e;
}

static enum inro_err is_profile(struct core *c, const char *name)
{
	SCOPED(profile) p = { 0 };

	return profile_load(c, name, &p);
}

static enum inro_err in_two(struct core *c, const char *text, struct label *ret)
{
	const char *dot = strrchr(text, '.');
	enum inro_err e;

	if (!dot || dot == text || !dot[1])
		return err_set(INRO_E_NOT_FOUND, "no CA '%.64s'", text);
	e = put(ret->ca, text, (size_t)(dot - text));
	if (e == INRO_OK)
		e = put(ret->profile, dot + 1, strlen(dot + 1));
	if (e == INRO_OK)
		e = is_ca(c, ret->ca);
	return e == INRO_OK ? is_profile(c, ret->profile) : e;
}

enum inro_err label_parse(struct core *c, const char *text, struct label *ret)
{
	struct label l = { 0 };
	enum inro_err e = is_ca(c, text);

	if (e == INRO_OK)
		e = put(l.ca, text, strlen(text));
	else if (e == INRO_E_NOT_FOUND)
		e = in_two(c, text, &l);
	if (e == INRO_OK)
		*ret = l;
	return e;
}

static enum inro_err by_policy(struct core *c, const struct device *d, struct policy *ret)
{
	static const struct device nobody = { 0 };

	return policy_of_device(c, d ? d : &nobody, ret);
}

/* Of who names none. */
static const char *usual_profile(const struct policy *p)
{
	if (p->profile)
		return p->profile;
	return p->profiles.n ? p->profiles.items[0] : PROFILE_DEFAULT;
}

enum inro_err label_for(struct core *c, const char *text, const struct device *d, struct label *ret)
{
	SCOPED(policy) p = { 0 };
	struct label l = { 0 };
	enum inro_err e = by_policy(c, d, &p);

	if (e == INRO_OK && !text && !(text = p.ca))
		e = err_set(INRO_E_NOT_FOUND, "a label is missing: CA or CA.PROFILE");
	if (e == INRO_OK)
		e = label_parse(c, text, &l);
	if (e == INRO_OK && !*l.profile)
		snprintf(l.profile, sizeof l.profile, "%s", usual_profile(&p));
	if (e == INRO_OK)
		*ret = l;
	return e;
}
