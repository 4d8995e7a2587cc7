/*
 * timer - libevent's timers in milliseconds.
 *
 * It is compiled for times as libevent has them: on ARMv7 they may be shorter than ours.
 */
#ifndef INRO_BACKOFFICE_HTTP_TIMER_H
#define INRO_BACKOFFICE_HTTP_TIMER_H

#include <event2/event.h>
#include <stdint.h>

void timer_start(struct event *timer, int64_t ms);

#endif
