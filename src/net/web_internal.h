/* What the parts of the web server share: web_server.c (connections, events, beginning and end), web_listen.c (addresses), web_http.c (plain
** requests), web_page.c (WebSocket connections), web_identity.c (who somebody is) and web_pipe.c (a descriptor that would be closed twice).
** Everything is for the loop's thread. */
#ifndef HEARTH__WEB_INTERNAL_H
#define HEARTH__WEB_INTERNAL_H

#include <libwebsockets.h>

#include "net/web_server.h"

#define HEARTH__WEB_BUCKETS 1024
#define HEARTH__WEB_SPARES  4

typedef struct hearth__web_message hearth__web_message;

/* A request that waits for its answer, or a page. */
typedef struct hearth__web_conn {
  struct hearth__web_conn *next, *prev;
  hearth__web *w;
  struct lws *wsi;
  uint64_t id;
  bool page, cut, closing, replied, head, metrics;
  /* a page */
  struct hearth__web_conn *next_due, *prev_due; /* those that have something to send, and are not waiting for their socket */
  bool due;
  hearth__web_message *first, *last;
  size_t queued;
  char *partial; /* of a message that comes in pieces */
  size_t partial_size, partial_room;
  double tokens;
  uint64_t refilled;
  /* an answer: LWS_PRE to scribble on, then headers and body */
  unsigned char *answer;
  size_t answer_size, answer_sent;
} hearth__web_conn;

/* What libwebsockets keeps for us with each connection. */
typedef struct hearth__web_slot {
  hearth__web_conn *c;
  char client[HEARTH__WEB_CLIENT + 1];
} hearth__web_slot;

struct hearth__web {
  uv_loop_t *loop;
  struct lws_context *context;
  struct lws_vhost *vhost, *metrics;
  struct lws_protocols protocols[3];
  struct lws_retry_bo pings;
  hearth__web_options o;
  char *cookie, *secret, *bye;
  hearth__web_conn *conns[HEARTH__WEB_BUCKETS]; /* by id */
  hearth__web_conn *due;
  unsigned n_due;
  unsigned char *frame; /* where several messages become one */
  uint64_t ids;
  size_t clients;
  size_t partial; /* bytes of all messages that have not come whole */
  hearth__web_event *first, *last;
  void (*notify)(void *user);
  void *user;
  uv_prepare_t before_wait;            /* sends what is due */
  uv_timer_t tick;                     /* while it stops: the loop turns, and time passes */
  int pipe, spare[HEARTH__WEB_SPARES]; /* descriptors: web_pipe.c */
  unsigned handles;                    /* of ours, open on the loop */
  unsigned ticks;
  bool stopping, ticking, destroyed, freed;
};

/* web_server.c */
hearth__web_conn *hearth__web_conn_new(hearth__web *w, struct lws *wsi, bool page);
void hearth__web_conn_free(hearth__web_conn *c);
hearth__web_conn *hearth__web_find(hearth__web *w, uint64_t id, bool page);
bool hearth__web_push(hearth__web *w, hearth__web_kind kind, const hearth__web_conn *c, const char *client, const char *text, size_t size);

/* web_listen.c. False, and why: what was begun is undone in the next turns of the loop. */
bool hearth__web_open(hearth__web *w, char why[HEARTH__WEB_WHY]);

/* web_pipe.c. As lws_create_context and the first lws_context_destroy do. */
struct lws_context *hearth__web_context_new(hearth__web *w, const struct lws_context_creation_info *info);
void hearth__web_context_end(hearth__web *w);

/* web_http.c */
int hearth__web_on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size);
int hearth__web_refuse(struct lws *wsi, unsigned status); /* -1, which closes the connection */

/* web_page.c */
int hearth__web_on_page(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size);
void hearth__web_page_clear(hearth__web_conn *c); /* frees what only a page has */
void hearth__web_page_bye(hearth__web_conn *c);
void hearth__web_send_due(uv_prepare_t *handle);
#define HEARTH__WEB_FRAME (64 * 1024) /* messages are joined up to this many bytes */

/* web_identity.c: the ID of a cookie that we signed, or "" */
void hearth__web_read_cookie(hearth__web *w, struct lws *wsi, char client[HEARTH__WEB_CLIENT + 1]);
/* 0: the upgrade is allowed; -1: it was refused, with an answer. */
int hearth__web_check_upgrade(hearth__web *w, struct lws *wsi);

#endif
