/* conn - one connection; conn.c moves it through its states, body.c reads what comes behind a head. */
#ifndef INRO_BACKOFFICE_HTTP_CONN_H
#define INRO_BACKOFFICE_HTTP_CONN_H

#include "backoffice/http/engine.h"

enum conn_state {
	CONN_HANDSHAKE,
	CONN_IDLE,
	CONN_HEAD,
	CONN_BODY,
	CONN_WORK,   /* a worker has the exchange */
	CONN_ANSWER, /* bytes are on their way to the client */
	CONN_LINGER, /* the last ones were sent; what still comes is thrown away */
	CONN_GONE    /* freed at the end of this callback */
};

enum body_stage { BODY_DATA, BODY_SIZE, BODY_DATA_END, BODY_TRAILER };

struct body {
	bool chunked;
	enum body_stage stage;
	uint64_t left; /* of the body, or of the chunk */
	uint64_t taken;
	size_t max, trailer; /* the longest body; bytes of trailers until now */
};

struct conn {
	struct conn *next, **back; /* in its loop */
	struct loop *loop;
	struct bufferevent *bev;
	SSL *ssl; /* the bufferevent's */
	struct event *timer;
	struct sockaddr_storage from;
	struct peer *peer;
	struct exchange *x;
	enum conn_state state;
	size_t scanned;
	int64_t began_ms; /* of the request that is read */
	struct body body;
	bool eof, used; /* used: a request was answered */
};

/* 0: more must come; 1: it is whole; else the status with which it is refused, and why. */
int wire_body_read(struct body *b, struct evbuffer *in, struct buf *out, const char **ret_why);

#endif
