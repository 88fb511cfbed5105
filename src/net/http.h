/* HTTP requests on a libuv loop, through libcurl's multi interface. Knows nothing of Lua. Everything is for the loop's thread; nothing blocks.
**
** A client owns connections, which it keeps alive and shares between requests; an exchange is one request and its answer. Events are told from
** inside the loop: they must not free the exchange and must not call back into the client. */
#ifndef HEARTH__HTTP_H
#define HEARTH__HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

typedef struct hearth__http hearth__http;
typedef struct hearth__exchange hearth__exchange;

/* NULL when memory or descriptors are short. The loop must outlive the client's handles: run it once after close. */
hearth__http *hearth__http_new(uv_loop_t *loop);

/* Aborts what is in flight without telling, closes every connection, frees the client as its handles close. Exchanges stay the owner's. */
void hearth__http_close(hearth__http *c);

/* One part of a multipart form: bytes, or a file that is read while it is sent. */
typedef struct hearth__http_part {
  const char *name, *filename, *type; /* filename and type may be NULL */
  const char *data;
  size_t size;
  const char *file; /* instead of data */
} hearth__http_part;

/* Strings are copied by start, but for `body`, which must stay until the exchange is freed. */
typedef struct hearth__http_request {
  const char *url, *method;
  const char *const *headers; /* "Name: value" */
  size_t header_count;
  const char *body; /* NULL: none */
  size_t body_size;
  const char *file; /* the body is this file */
  const hearth__http_part *parts;
  size_t part_count;
  long timeout_ms, connect_timeout_ms; /* 0: none */
  int64_t max_bytes;                   /* of the body as it is after decompression; negative: any */
  long max_redirects;                  /* negative: redirects are not followed */
  bool stream;                         /* the body is read piece by piece (hearth__exchange_take), with back-pressure */
  bool decode;                         /* ask for compression, and undo it */
  bool public_only;                    /* connect to addresses of the public internet only */
  const char *jar;                     /* keep and send the cookies of this jar, by name (jars.h); NULL: none */
  const char *proxy;                   /* NULL: none, whatever the environment says */
  const char *ca_file;                 /* NULL: the system's certificates */
} hearth__http_request;

typedef struct hearth__http_events {
  void (*head)(void *user); /* the head of the final answer is there; for streams only */
  void (*data)(void *user); /* bytes came; for streams only */
  void (*done)(void *user); /* the exchange ended, well or not; once */
} hearth__http_events;

/* Why an exchange or its start failed. */
typedef struct hearth__http_failure {
  const char *code;   /* EINVAL, ENET, ETIMEOUT, EBIG, EACCES, … ; NULL: it did not fail */
  const char *reason; /* one word: "refused", "reset", "partial", "certificate", "resolve", "redirects", … */
  char message[400];
} hearth__http_failure;

/* NULL with the failure filled in when the request is not one that can be sent: then no event comes. */
hearth__exchange *hearth__http_start(hearth__http *c, const hearth__http_request *r, const hearth__http_events *events, void *user,
                                     hearth__http_failure *failure);

/* Aborts it if it is in flight: its connection is closed at once, no event comes. */
void hearth__exchange_free(hearth__exchange *x);

/* Ends it with this failure, as if it had come from the network; tells no event. */
void hearth__exchange_abort(hearth__exchange *x, const char *code, const char *reason, const char *message);

bool hearth__exchange_done(const hearth__exchange *x);
const hearth__http_failure *hearth__exchange_failure(const hearth__exchange *x);
long hearth__exchange_status(const hearth__exchange *x);
const char *hearth__exchange_url(const hearth__exchange *x);                /* after redirects */
const char *hearth__exchange_head(const hearth__exchange *x, size_t *size); /* the lines of the final head */
const char *hearth__exchange_body(const hearth__exchange *x, size_t *size); /* what has come, or since the last take */
/* What body gave is used up: a stream goes on. May tell data or done before it returns. */
void hearth__exchange_taken(hearth__exchange *x);

#endif
