/* A web server on the caller's loop: HTTP requests that are answered whole, and WebSocket connections for one page each. Everything is for the loop's
** thread. It queues events and never calls back into its user except `notify`, so whoever uses it may take them when it suits him. No lua.h.
**
** Who may connect is decided here, at the upgrade: Origin must be the Host that was asked, and the cookie NAME=ID.SIGNATURE must carry our HMAC-SHA256. */
#ifndef HEARTH__WEB_SERVER_H
#define HEARTH__WEB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#define HEARTH__WEB_SIGNATURE 64 /* hexadecimal digits */
#define HEARTH__WEB_CLIENT    64 /* characters of a browser's ID, at most */

#define HEARTH__WEB_WHY       256

typedef struct hearth__web hearth__web;

typedef struct hearth__web_options {
  const char *host;       /* an address of this machine; NULL: all of them */
  int port;               /* 0: any that is free */
  const char *cert, *key; /* files in PEM; both or none */
  const char *metrics_host;
  int metrics_port;   /* where requests are marked `metrics`; -1: nowhere. Plain HTTP, without pages */
  const char *cookie; /* its name, to which the port is added: cookies know no ports */
  const char *secret; /* what signs the cookie */
  size_t secret_size;
  const char *bye;      /* sent to every page when the server stops */
  unsigned max_clients; /* pages connected at once; further ones get 503 */
  size_t max_message;   /* bytes of a message from a page; a longer one closes its connection */
  size_t max_queue;     /* bytes that wait for a slow page until it is cut */
  unsigned idle;        /* seconds in which a request must go on: to be told, to take some of its answer, to be followed by another one */
  unsigned rate;        /* messages a second from one page, with bursts of twice as many; each 64 KiB count as one more */
} hearth__web_options;

typedef enum hearth__web_kind { HEARTH__WEB_REQUEST, HEARTH__WEB_OPEN, HEARTH__WEB_MESSAGE, HEARTH__WEB_CLOSE } hearth__web_kind;

typedef struct hearth__web_event {
  struct hearth__web_event *next;
  hearth__web_kind kind;
  uint64_t id;                         /* of the connection, never used again; for a request of the request */
  char client[HEARTH__WEB_CLIENT + 1]; /* request, open: the ID of a cookie that we signed, or "" */
  bool head;                           /* request: HEAD in place of GET */
  bool metrics;                        /* request: came to the address for metrics */
  size_t size;
  char text[]; /* request: the path; message: what came; ends in NUL */
} hearth__web_event;

/* NULL, and why in a sentence, when it cannot listen. `notify` is called when an event is queued where there was none; it must not call back. */
hearth__web *hearth__web_listen(uv_loop_t *loop, const hearth__web_options *options, void (*notify)(void *user), void *user,
                                char why[HEARTH__WEB_WHY]);
int hearth__web_port(const hearth__web *w);
int hearth__web_metrics_port(const hearth__web *w); /* 0: there is none */

/* The next event or NULL; it stays the server's until it is taken. */
const hearth__web_event *hearth__web_first(const hearth__web *w);
void hearth__web_taken(hearth__web *w);

/* Answers a request; `headers` are `count` pairs of name ("content-type:") and value. All is copied. False when it is gone or memory is short. */
bool hearth__web_reply(hearth__web *w, uint64_t id, unsigned status, const char *const *headers, size_t count, const char *body,
                       size_t size);

/* Queues a message for a page: it is sent when the loop is about to wait, with others in one frame, a newline between them. False when the page is gone, or
** is cut now because it is too slow. */
bool hearth__web_send(hearth__web *w, uint64_t id, const char *text, size_t size);

/* The same for a message that is numbered and tells what of the page was handled: {"q":NUMBER,"a":HANDLED,BODY}. */
bool hearth__web_say(hearth__web *w, uint64_t id, int64_t number, int64_t handled, const char *body, size_t size);

/* Closes a page's connection, after what is queued for it when `drain`. */
void hearth__web_kick(hearth__web *w, uint64_t id, bool drain);

size_t hearth__web_clients(const hearth__web *w);

/* HEARTH__WEB_SIGNATURE digits and a NUL into `out`. False when the library fails. */
bool hearth__web_sign(const hearth__web *w, const char *id, char *out);

/* Takes nothing new, says bye, and closes. Ask again, from turn to turn of the loop, until it returns true. */
bool hearth__web_stop(hearth__web *w);

/* After hearth__web_stop; what is not closed then is closed with the loop. */
void hearth__web_free(hearth__web *w);

#endif
