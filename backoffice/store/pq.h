/*
 * pq - libpq, loaded when the first PostgreSQL database is opened.
 *
 * 1. Nothing of ours is linked with libpq: a station or a device with the embedded database
 * installs none, and no program loads it (and Kerberos and LDAP with it) that does not use it.
 * 2. Only what is in PQ_FUNCTIONS is used; each is looked up by its name, all or none.
 */
#ifndef INRO_BACKOFFICE_STORE_PQ_H
#define INRO_BACKOFFICE_STORE_PQ_H

#include <libpq-fe.h>

#include "base/library.h"

/* clang-format off */
#define PQ_FUNCTIONS(X) \
	X(PQconnectStartParams) X(PQconnectPoll) X(PQconninfoParse) X(PQconninfoFree) X(PQfreemem) \
	X(PQfinish) X(PQstatus) X(PQsocket) X(PQdb) X(PQhost) X(PQport) X(PQerrorMessage) \
	X(PQserverVersion) X(PQparameterStatus) X(PQtransactionStatus) X(PQsetErrorVerbosity) \
	X(PQsetNoticeReceiver) X(PQexec) X(PQprepare) X(PQexecPrepared) X(PQsendQueryPrepared) \
	X(PQsendQueryParams) X(PQsetSingleRowMode) X(PQgetResult) X(PQenterPipelineMode) \
	X(PQexitPipelineMode) X(PQpipelineSync) X(PQflush) X(PQresultStatus) X(PQresultErrorField) X(PQclear) \
	X(PQntuples) X(PQnfields) X(PQgetvalue) X(PQgetlength) X(PQgetisnull) X(PQcmdTuples) \
	X(PQcmdStatus)
/* clang-format on */

struct pq {
	LIBRARY_MEMBERS(PQ_FUNCTIONS)
};

/* The functions.  INRO_E_CONFIG says what to install.  Any thread. */
MUST_CHECK enum inro_err pq_load(const struct pq **ret);

#endif
