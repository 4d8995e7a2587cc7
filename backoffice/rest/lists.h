/* lists - the rows of each file, and the shapes that several share. */
#ifndef INRO_BACKOFFICE_REST_LISTS_H
#define INRO_BACKOFFICE_REST_LISTS_H

#include "backoffice/rest/rows.h"

extern const struct rest_row rest_device_rows[], rest_cred_rows[], rest_secret_rows[], rest_ca_rows[],
	rest_other_rows[], rest_check_rows[], rest_people_rows[], rest_work_rows[], rest_self_rows[], rest_attest_rows[];

extern const struct rest_shape rest_event, rest_verified, rest_certificate, rest_symkey, rest_ca;

extern const struct rest_shape rest_errand;

#endif
