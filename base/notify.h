/*
 * notify - tells systemd how a service is: "READY=1", "STOPPING=1" … (sd_notify(3)), without its library.
 *
 * Nothing happens where nobody wants to know (no NOTIFY_SOCKET).
 */
#ifndef INRO_BASE_NOTIFY_H
#define INRO_BASE_NOTIFY_H

#include "base/err.h"

/* INRO_E_IO: it was not told, which the service may live with. */
MUST_CHECK enum inro_err notify(const char *state);

#endif
