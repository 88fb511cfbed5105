/* See http.h: the client on its loop, and the life of an exchange. libcurl says which sockets and which deadline it waits for; libuv waits; what
** has ended is collected afterwards, never inside one of libcurl's callbacks. */
#include "net/http_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* ---- the life of an exchange */

static CURL *take_easy(hearth__http *c) {
  return c->spares ? c->spare[--c->spares] : curl_easy_init();
}

/* One with cookies is not used again: resetting it loses memory in libcurl 7.88. */
static void give_easy(hearth__http *c, CURL *easy, bool cookies) {
  if (c->closed || cookies || c->spares == KEPT_EASY) {
    curl_easy_cleanup(easy);
  } else {
    curl_easy_reset(easy);
    c->spare[c->spares++] = easy;
  }
}

/* Lets go of all that is libcurl's. In flight this closes the connection. Never inside one of its callbacks. */
static void detach(hearth__exchange *x) {
  if (x->easy) {
    hearth__http *c = x->client;
    CURL *easy = x->easy;
    x->easy = NULL;
    if (x->link) {
      *x->link = x->next;
      if (x->next) x->next->link = x->link;
      x->link = NULL;
      curl_multi_remove_handle(c->multi, easy);
    }
    curl_easy_setopt(easy, CURLOPT_SHARE, NULL);
    if (x->form) curl_easy_setopt(easy, CURLOPT_MIMEPOST, NULL);
    give_easy(c, easy, x->jar != NULL);
    if (x->jar) hearth__jars_leave(&c->jars, x->jar);
    x->jar = NULL;
  }
  curl_mime_free(x->form);
  x->form = NULL;
  curl_slist_free_all(x->headers);
  x->headers = NULL;
  for (size_t i = 0; i < x->sent_count; i++) hearth__source_close(x->sent[i].source);
  x->sent_count = 0;
  x->ended = true;
}

/* Takes in what has ended, and tells. */
static void collect(hearth__http *c) {
  CURLMsg *m;
  int left;
  while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
    hearth__exchange *x = NULL;
    CURLcode rc = m->data.result;
    if (m->msg != CURLMSG_DONE) continue;
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
    hearth__http_note_answer(x);
    hearth__http_explain(x, rc);
    detach(x);
    x->events->done(x->user);
  }
  for (hearth__exchange *x = c->starved ? c->running : NULL, *next; x; x = next) {
    next = x->next;
    if (!x->starved) continue;
    hearth__exchange_abort(x, "EIO", "memory", "not enough memory or descriptors to watch its socket");
    x->events->done(x->user);
  }
  c->starved = false;
}

void hearth__exchange_abort(hearth__exchange *x, const char *code, const char *reason, const char *message) {
  if (x->ended) return;
  hearth__http_note_answer(x);
  detach(x);
  hearth__http_fail(&x->failure, code, reason, "%s", message);
}

void hearth__exchange_free(hearth__exchange *x) {
  if (!x) return;
  detach(x);
  hearth__http_forget(&x->head);
  hearth__http_forget(&x->body);
  free(x->sent);
  free(x->url);
  free(x);
}

/* A copy of the URL, checked. Many requests in a row are for one. */
static char *good_url(hearth__http *c, const char *url, hearth__http_failure *f) {
  if (c->good_url && strcmp(url, c->good_url) == 0) {
    char *copy = strdup(url);
    if (!copy) hearth__http_fail(f, "EIO", "memory", "not enough memory");
    return copy;
  }
  char *checked = hearth__http_check_url(url, f);
  free(c->good_url);
  c->good_url = checked ? strdup(checked) : NULL;
  return checked;
}

hearth__exchange *hearth__http_start(hearth__http *c, const hearth__http_request *r, const hearth__http_events *events, void *user,
                                     hearth__http_failure *failure) {
  size_t files = 1;
  *failure = (hearth__http_failure){0};
  if (c->closed) {
    hearth__http_fail(failure, "ECLOSED", "closed", "the runtime has ended");
    return NULL;
  }
  hearth__exchange *x = calloc(1, sizeof *x);
  if (!x) goto memory;
  x->client = c;
  x->events = events;
  x->user = user;
  x->max_bytes = r->max_bytes;
  x->follow = r->max_redirects >= 0;
  x->stream = r->stream;
  x->public_only = r->public_only;
  x->url = good_url(c, r->url, failure);
  if (!x->url) goto fail;
  files += r->part_count;
  if (r->file || r->parts) {
    x->sent = calloc(files, sizeof *x->sent);
    if (!x->sent) goto memory;
  }
  x->easy = take_easy(c);
  if (!x->easy) goto memory;
  if (r->jar && !(x->jar = hearth__jars_enter(&c->jars, r->jar))) goto memory;
  if (!hearth__http_prepare(x, r, failure)) goto memory;
  if (curl_multi_add_handle(c->multi, x->easy) != CURLM_OK) goto memory;
  x->next = c->running;
  x->link = &c->running;
  if (x->next) x->next->link = &x->next;
  c->running = x;
  return x;
memory:
  hearth__http_fail(failure, "EIO", "memory", "the request cannot be prepared: not enough memory, or an option that libcurl refuses");
fail:
  hearth__exchange_free(x);
  return NULL;
}

/* ---- the loop's side */

typedef struct watched {
  uv_poll_t poll;
  hearth__http *client;
  curl_socket_t socket;
} watched;

static void free_watched(uv_handle_t *handle) {
  free(handle->data);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  watched *w = poll->data;
  hearth__http *c = w->client;
  int flags = status < 0 ? CURL_CSELECT_ERR : 0, running;
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  curl_multi_socket_action(c->multi, w->socket, flags, &running); /* w may be closed now */
  collect(c);
}

static void on_timeout(uv_timer_t *timer);

/* A callback that fails would leave libcurl's handle useless for good: the exchange alone is given up, as soon as collect may. */
static int starve(hearth__http *c, CURL *easy) {
  hearth__exchange *x = NULL;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &x);
  if (x) x->starved = true;
  c->starved = true;
  uv_timer_start(&c->timer, on_timeout, 0, 0);
  return 0;
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *user, void *assigned) {
  hearth__http *c = user;
  watched *w = assigned;
  if (what == CURL_POLL_REMOVE) {
    if (!w) return 0;
    curl_multi_assign(c->multi, socket, NULL);
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, free_watched);
    return 0;
  }
  if (!w) {
    w = calloc(1, sizeof *w);
    if (!w || uv_poll_init_socket(c->loop, &w->poll, socket) != 0) {
      free(w);
      return starve(c, easy);
    }
    w->poll.data = w;
    w->client = c;
    w->socket = socket;
    uv_unref((uv_handle_t *)&w->poll); /* it is the exchanges that keep a program alive, not idle connections */
    curl_multi_assign(c->multi, socket, w);
  }
  int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  return uv_poll_start(&w->poll, events, on_poll) == 0 ? 0 : starve(c, easy);
}

static void on_timeout(uv_timer_t *timer) {
  hearth__http *c = timer->data;
  int running;
  curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  collect(c);
}

static int on_timer(CURLM *multi, long ms, void *user) {
  hearth__http *c = user;
  (void)multi;
  if (c->starved) ms = 0;
  if (c->closed || ms < 0) return c->closed ? 0 : uv_timer_stop(&c->timer);
  uv_update_time(c->loop);
  int err = uv_timer_start(&c->timer, on_timeout, (uint64_t)ms, 0);
  uv_unref((uv_handle_t *)&c->timer);
  return err ? -1 : 0;
}

/* How many connections at once: what waits for one waits in libcurl. A quarter of the descriptors stays for everything else. */
static long connection_limit(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY || files.rlim_cur > 8192) return 4096;
  long limit = (long)files.rlim_cur / 4 * 3;
  return limit < 8 ? 8 : limit;
}

static uv_once_t global_once = UV_ONCE_INIT;
static CURLcode global_status;

static void global_init(void) {
  global_status = curl_global_init(CURL_GLOBAL_DEFAULT);
}

hearth__http *hearth__http_new(uv_loop_t *loop) {
  uv_once(&global_once, global_init);
  if (global_status != CURLE_OK) return NULL;
  hearth__http *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->loop = loop;
  c->multi = curl_multi_init();
  if (!c->multi) goto fail;
  curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
  curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
  curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connection_limit());
  curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, 512L); /* kept alive when idle; above it each answer costs a search and a close */
  if (uv_timer_init(loop, &c->timer) != 0) goto fail;
  c->timer.data = c;
  uv_unref((uv_handle_t *)&c->timer);
  return c;
fail:
  curl_multi_cleanup(c->multi);
  free(c);
  return NULL;
}

static void free_client(uv_handle_t *handle) {
  hearth__http *c = handle->data;
  free(c->good_url);
  free(c);
}

void hearth__http_close(hearth__http *c) {
  if (!c || c->closed) return;
  c->closed = true;
  while (c->running) hearth__exchange_abort(c->running, "ECLOSED", "closed", "the runtime has ended");
  while (c->spares) curl_easy_cleanup(c->spare[--c->spares]);
  curl_multi_cleanup(c->multi);
  hearth__jars_free(&c->jars);
  uv_timer_stop(&c->timer);
  uv_close((uv_handle_t *)&c->timer, free_client);
}

/* ---- asking */

bool hearth__exchange_done(const hearth__exchange *x) {
  return x->ended;
}

const hearth__http_failure *hearth__exchange_failure(const hearth__exchange *x) {
  return &x->failure;
}

long hearth__exchange_status(const hearth__exchange *x) {
  return x->status;
}

const char *hearth__exchange_url(const hearth__exchange *x) {
  return x->url;
}

const char *hearth__exchange_head(const hearth__exchange *x, size_t *size) {
  *size = x->head.size;
  return x->head.at ? x->head.at : "";
}

const char *hearth__exchange_body(const hearth__exchange *x, size_t *size) {
  *size = x->body.size;
  return x->body.at ? x->body.at : "";
}

void hearth__exchange_taken(hearth__exchange *x) {
  x->body.size = 0;
  if (!x->paused || !x->easy) return;
  x->paused = false;
  /* What libcurl kept is given to hearth__http_on_body now, and may be too much: it says so here and nowhere else. */
  CURLcode rc = curl_easy_pause(x->easy, CURLPAUSE_CONT);
  if (rc != CURLE_OK) {
    hearth__http_note_answer(x);
    hearth__http_explain(x, rc);
    detach(x);
    x->events->done(x->user);
  }
}
