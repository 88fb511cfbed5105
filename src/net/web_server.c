/* The web server's connections and events, its beginning and its end. What libwebsockets 4.1 needs to be told, here and beside: user pointers may be NULL in
** callbacks of refused connections; lws_write scribbles before the payload; nothing bounds what is queued but us; permessage-deflate stalls and is not
** offered; a context is destroyed in two steps. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "net/web_internal.h"

#define TICK_MS   2
#define BYE_TICKS 150 /* how long pages may take to be told that the server stops */
#define DRY_TICKS 3   /* turns of the loop in which the handles of a destroyed context close */

typedef hearth__web_conn conn;

/* ---- events */

bool hearth__web_push(hearth__web *w, hearth__web_kind kind, const conn *c, const char *client, const char *text, size_t size) {
  if (w->stopping) return true;
  hearth__web_event *e = calloc(1, sizeof *e + size + 1);
  if (!e) return false;
  e->kind = kind;
  e->id = c->id;
  e->head = c->head;
  e->metrics = c->metrics;
  e->size = size;
  if (client) snprintf(e->client, sizeof e->client, "%s", client);
  if (size) memcpy(e->text, text, size);
  bool was_empty = !w->first;
  if (was_empty)
    w->first = e;
  else
    w->last->next = e;
  w->last = e;
  if (was_empty) w->notify(w->user);
  return true;
}

const hearth__web_event *hearth__web_first(const hearth__web *w) {
  return w->first;
}

void hearth__web_taken(hearth__web *w) {
  hearth__web_event *e = w->first;
  w->first = e->next;
  free(e);
}

/* ---- connections */

conn *hearth__web_conn_new(hearth__web *w, struct lws *wsi, bool page) {
  conn *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->w = w;
  c->wsi = wsi;
  c->id = ++w->ids;
  c->page = page;
  c->tokens = 2.0 * w->o.rate;
  c->refilled = uv_now(w->loop);
  conn **bucket = &w->conns[c->id % HEARTH__WEB_BUCKETS];
  c->next = *bucket;
  if (c->next) c->next->prev = c;
  *bucket = c;
  if (page) w->clients++;
  return c;
}

void hearth__web_conn_free(conn *c) {
  hearth__web *w = c->w;
  if (c->prev)
    c->prev->next = c->next;
  else
    w->conns[c->id % HEARTH__WEB_BUCKETS] = c->next;
  if (c->next) c->next->prev = c->prev;
  if (c->page) w->clients--;
  hearth__web_page_clear(c);
  free(c->answer);
  free(c);
}

conn *hearth__web_find(hearth__web *w, uint64_t id, bool page) {
  for (conn *c = w->conns[id % HEARTH__WEB_BUCKETS]; c; c = c->next)
    if (c->id == id) return c->page == page ? c : NULL;
  return NULL;
}

size_t hearth__web_clients(const hearth__web *w) {
  return w->clients;
}

/* ---- beginning and end */

static void free_options(hearth__web *w) {
  free(w->cookie);
  free(w->bye);
  free(w->frame);
  if (w->secret) OPENSSL_cleanse(w->secret, w->o.secret_size);
  free(w->secret);
}

static bool copy_options(hearth__web *w, const hearth__web_options *options, size_t cookie_size) {
  w->o = *options;
  w->cookie = malloc(cookie_size);
  w->bye = strdup(options->bye);
  w->secret = malloc(options->secret_size + 1);
  w->frame = malloc(LWS_PRE + HEARTH__WEB_FRAME);
  if (!w->cookie || !w->bye || !w->secret || !w->frame) return false;
  memcpy(w->secret, options->secret, options->secret_size);
  return true;
}

static void on_handle_closed(uv_handle_t *handle) {
  hearth__web *w = handle->data;
  if (--w->handles == 0 && w->freed) free(w);
}

hearth__web *hearth__web_listen(uv_loop_t *loop, const hearth__web_options *options, void (*notify)(void *user), void *user,
                                char why[HEARTH__WEB_WHY]) {
  size_t cookie_size = strlen(options->cookie) + 8;
  hearth__web *w = calloc(1, sizeof *w);
  snprintf(why, HEARTH__WEB_WHY, "not enough memory");
  if (!w) return NULL;
  w->loop = loop;
  w->notify = notify;
  w->user = user;
  if (!copy_options(w, options, cookie_size)) {
    free_options(w);
    free(w);
    return NULL;
  }
  if (uv_prepare_init(loop, &w->before_wait) == 0) w->handles++;
  w->before_wait.data = w;
  uv_unref((uv_handle_t *)&w->before_wait);
  if (hearth__web_open(w, why)) {
    snprintf(w->cookie, cookie_size, "%s%d", options->cookie, hearth__web_port(w));
    return w;
  }
  uv_close((uv_handle_t *)&w->before_wait, on_handle_closed);
  free_options(w);
  w->cookie = w->bye = w->secret = NULL;
  w->stopping = w->destroyed = true;
  if (w->context)
    hearth__web_context_end(w); /* it refers to w until the loop has turned: both are left */
  else
    w->freed = true;
  return NULL;
}

int hearth__web_port(const hearth__web *w) {
  return lws_get_vhost_listen_port(w->vhost);
}

int hearth__web_metrics_port(const hearth__web *w) {
  return w->metrics ? lws_get_vhost_listen_port(w->metrics) : 0;
}

static void on_tick(uv_timer_t *t) {
  ((hearth__web *)t->data)->ticks++;
}

bool hearth__web_stop(hearth__web *w) {
  if (!w->stopping) {
    w->stopping = true;
    if (uv_timer_init(w->loop, &w->tick) == 0) {
      w->ticking = true;
      w->handles++;
      w->tick.data = w;
      uv_timer_start(&w->tick, on_tick, TICK_MS, TICK_MS);
    }
    for (size_t i = 0; i < HEARTH__WEB_BUCKETS; i++)
      for (conn *c = w->conns[i]; c; c = c->next)
        if (c->page) hearth__web_page_bye(c);
  }
  if (!w->destroyed) {
    if (w->ticking && w->clients > 0 && w->ticks < BYE_TICKS) return false;
    w->destroyed = true;
    w->ticks = 0;
    if (w->context) hearth__web_context_end(w);
  }
  return !w->ticking || w->ticks >= DRY_TICKS;
}

void hearth__web_free(hearth__web *w) {
  /* A context whose handles are still open is left as it is: they belong to the loop, and refer to it, and it to us. */
  bool dry = w->ticks >= DRY_TICKS;
  if (w->context && dry) lws_context_destroy(w->context);
  while (w->first) hearth__web_taken(w);
  for (size_t i = 0; i < HEARTH__WEB_BUCKETS; i++)
    while (w->conns[i]) hearth__web_conn_free(w->conns[i]);
  free_options(w);
  w->freed = !w->context;
  uv_close((uv_handle_t *)&w->before_wait, on_handle_closed);
  if (w->ticking) uv_close((uv_handle_t *)&w->tick, on_handle_closed);
}
