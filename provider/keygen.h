/*
 * keygen - keys made in software, for programs whose "RSA" or "EC" was fetched from us.
 *
 * Everything is handed to the context below; the result is a software key (key.h).
 */
#ifndef INRO_PROVIDER_KEYGEN_H
#define INRO_PROVIDER_KEYGEN_H

#include "provider/key.h"

void *keygen_init(struct prov *p, const struct key_type *type, int selection,
		  const OSSL_PARAM params[]);
int keygen_set_template(void *vgen, void *vkey);
int keygen_set_params(void *vgen, const OSSL_PARAM params[]);
const OSSL_PARAM *keygen_settable_params(void *vgen, void *vprov);
void *keygen_run(void *vgen, OSSL_CALLBACK *progress, void *arg);
void keygen_cleanup(void *vgen);

#endif
