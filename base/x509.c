/* x509 - see x509.h. */
#include "base/x509.h"

#define VERSION DER_CONTEXT_CONSTRUCTED /* [0] */

enum inro_err x509_read_tbs(struct bytes tbs, struct x509 *ret)
{
	struct x509 x = { 0 };
	enum inro_err e = der_only(tbs, DER_SEQUENCE, &x.rest);

	if (!e && der_peek(x.rest) == VERSION)
		e = der_take(&x.rest, VERSION, &x.version);
	if (!e)
		e = der_take_whole(&x.rest, DER_INTEGER, &x.serial);
	if (!e)
		e = der_take_whole(&x.rest, DER_SEQUENCE, &x.algorithm);
	if (!e)
		e = der_take_whole(&x.rest, DER_SEQUENCE, &x.issuer);
	if (!e)
		e = der_take(&x.rest, DER_SEQUENCE, &x.validity);
	if (!e)
		e = der_take_whole(&x.rest, DER_SEQUENCE, &x.subject);
	if (!e)
		e = der_take_whole(&x.rest, DER_SEQUENCE, &x.spki);
	if (!e)
		*ret = x;
	return e;
}

enum inro_err x509_read(struct bytes der, struct x509 *ret)
{
	struct bytes cert, tbs;
	enum inro_err e = der_only(der, DER_SEQUENCE, &cert);

	if (!e)
		e = der_take_whole(&cert, DER_SEQUENCE, &tbs);
	return e ? e : x509_read_tbs(tbs, ret);
}
