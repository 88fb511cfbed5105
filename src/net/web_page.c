/* WebSocket connections of pages. What is sent is gathered until the loop is about to wait; then each page gets its messages as one frame, a newline between
** them, written at once: asking the loop first whether the socket takes it would be three system calls in place of one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "net/web_internal.h"

#define DUE        64                 /* pages that have something to send, until it is sent without waiting for the end of the turn */
#define ALL_PARTS  (64 * 1024 * 1024) /* bytes of messages that have not come whole, of all pages */
#define TOKEN_SIZE (64 * 1024)        /* bytes of a message that count as one more message */

typedef hearth__web_conn conn;

struct hearth__web_message {
  hearth__web_message *next;
  size_t size;
  unsigned char bytes[]; /* LWS_PRE to scribble on, then the text */
};

static void remove_due(conn *c) {
  if (!c->due) return;
  c->due = false;
  c->w->n_due--;
  if (c->prev_due)
    c->prev_due->next_due = c->next_due;
  else
    c->w->due = c->next_due;
  if (c->next_due) c->next_due->prev_due = c->prev_due;
}

static void add_due(conn *c) {
  hearth__web *w = c->w;
  if (c->due) return;
  if (!w->due) uv_prepare_start(&w->before_wait, hearth__web_send_due);
  c->due = true;
  w->n_due++;
  c->prev_due = NULL;
  c->next_due = w->due;
  if (c->next_due) c->next_due->prev_due = c;
  w->due = c;
}

static void forget_partial(conn *c) {
  c->w->partial -= c->partial_room;
  free(c->partial);
  c->partial = NULL;
  c->partial_size = c->partial_room = 0;
}

void hearth__web_page_clear(conn *c) {
  remove_due(c);
  while (c->first) {
    hearth__web_message *m = c->first;
    c->first = m->next;
    free(m);
  }
  forget_partial(c);
}

/* ---- from a page */

/* A long message counts as several. */
static bool within_rate(conn *c, size_t size) {
  uint64_t now = uv_now(c->w->loop);
  double rate = c->w->o.rate;
  c->tokens += (double)(now - c->refilled) * rate / 1000;
  c->refilled = now;
  if (c->tokens > 2 * rate) c->tokens = 2 * rate;
  if (c->tokens < 1) return false;
  c->tokens -= 1 + (double)size / TOKEN_SIZE;
  return true;
}

/* Adds a piece of a message that comes in several. */
static bool gather(conn *c, const char *bytes, size_t size) {
  hearth__web *w = c->w;
  size_t room = c->partial_room;
  while (room < c->partial_size + size) room = room ? room * 2 : 4096;
  if (room > c->partial_room) {
    if (w->partial + (room - c->partial_room) > ALL_PARTS) return false;
    char *grown = realloc(c->partial, room);
    if (!grown) return false;
    c->partial = grown;
    w->partial += room - c->partial_room;
    c->partial_room = room;
  }
  memcpy(c->partial + c->partial_size, bytes, size);
  c->partial_size += size;
  return true;
}

static int on_receive(conn *c, const char *bytes, size_t size) {
  hearth__web *w = c->w;
  bool last = lws_is_final_fragment(c->wsi) && lws_remaining_packet_payload(c->wsi) == 0;
  if (c->cut || c->closing || lws_frame_is_binary(c->wsi)) return -1;
  if (c->partial_size + size > w->o.max_message) return -1;
  if (!last || c->partial) {
    if (!gather(c, bytes, size)) return -1;
    if (!last) return 0;
    bytes = c->partial;
    size = c->partial_size;
  }
  bool fine = within_rate(c, size) && hearth__web_push(w, HEARTH__WEB_MESSAGE, c, NULL, bytes, size);
  forget_partial(c);
  return fine ? 0 : -1;
}

/* ---- to a page */

/* A message of up to three parts; `text` is the middle one. */
static bool enqueue(conn *c, const char *head, const char *text, size_t text_size, const char *tail) {
  size_t head_size = strlen(head), tail_size = strlen(tail), size = head_size + text_size + tail_size;
  hearth__web_message *m = malloc(sizeof *m + LWS_PRE + size);
  if (!m) return false;
  m->next = NULL;
  m->size = size;
  memcpy(m->bytes + LWS_PRE, head, head_size);
  memcpy(m->bytes + LWS_PRE + head_size, text, text_size);
  memcpy(m->bytes + LWS_PRE + head_size + text_size, tail, tail_size);
  if (c->first)
    c->last->next = m;
  else
    c->first = m;
  c->last = m;
  c->queued += size;
  add_due(c);
  /* A change for a thousand pages is on its way to the first of them while it is made for the others. */
  if (c->w->n_due >= DUE) hearth__web_send_due(&c->w->before_wait);
  return true;
}

static hearth__web_message *shift(conn *c) {
  hearth__web_message *m = c->first;
  c->first = m->next;
  c->queued -= m->size;
  return m;
}

/* Writes the first messages as one frame. Small ones are put together in the server's own buffer. */
static bool write_frame(conn *c) {
  hearth__web *w = c->w;
  hearth__web_message *m = c->first;
  unsigned char *text = m->bytes + LWS_PRE;
  size_t size = m->size;
  bool joined = m->next && size + 1 + m->next->size <= HEARTH__WEB_FRAME;
  if (joined) {
    text = w->frame + LWS_PRE;
    memcpy(text, m->bytes + LWS_PRE, size);
    free(shift(c));
    while ((m = c->first) && size + 1 + m->size <= HEARTH__WEB_FRAME) {
      text[size] = '\n';
      memcpy(text + size + 1, m->bytes + LWS_PRE, m->size);
      size += 1 + m->size;
      free(shift(c));
    }
  }
  bool fine = lws_write(c->wsi, text, size, LWS_WRITE_TEXT) >= (int)size;
  if (!joined) free(shift(c));
  return fine;
}

/* As much as the socket takes; the rest when it takes more. */
static bool write_queue(conn *c) {
  while (c->first && !lws_partial_buffered(c->wsi))
    if (!write_frame(c)) return false;
  if (c->first || c->closing || c->cut) lws_callback_on_writable(c->wsi);
  return true;
}

/* A socket that takes nothing is never writable: the time-out closes it. */
static void cut(conn *c) {
  c->cut = true;
  lws_callback_on_writable(c->wsi);
  lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

void hearth__web_send_due(uv_prepare_t *handle) {
  hearth__web *w = handle->data;
  while (w->due) {
    conn *c = w->due;
    remove_due(c);
    if (!c->cut && !write_queue(c)) cut(c);
  }
  uv_prepare_stop(handle);
}

static int on_writable(conn *c) {
  remove_due(c);
  if (c->cut || !write_queue(c)) return -1;
  return c->closing && !c->first && !lws_partial_buffered(c->wsi) ? -1 : 0;
}

static bool send_parts(hearth__web *w, uint64_t id, const char *head, const char *text, size_t size, const char *tail) {
  conn *c = hearth__web_find(w, id, true);
  if (!c || c->cut || c->closing) return false;
  if (c->queued + size > w->o.max_queue || !enqueue(c, head, text, size, tail)) {
    cut(c);
    return false;
  }
  return true;
}

bool hearth__web_send(hearth__web *w, uint64_t id, const char *text, size_t size) {
  return send_parts(w, id, "", text, size, "");
}

/* Here and not in Lua, which would make a string of its own for each of a thousand pages that are told the same. */
bool hearth__web_say(hearth__web *w, uint64_t id, int64_t number, int64_t handled, const char *body, size_t size) {
  char head[64];
  snprintf(head, sizeof head, "{\"q\":%" PRId64 ",\"a\":%" PRId64 ",", number, handled);
  return send_parts(w, id, head, body, size, "}");
}

void hearth__web_kick(hearth__web *w, uint64_t id, bool drain) {
  conn *c = hearth__web_find(w, id, true);
  if (!c) return;
  c->closing = true;
  if (!drain) c->cut = true;
  lws_callback_on_writable(c->wsi);
}

void hearth__web_page_bye(conn *c) {
  enqueue(c, "", c->w->bye, strlen(c->w->bye), "");
  c->closing = true;
  lws_callback_on_writable(c->wsi);
}

/* ---- its life */

int hearth__web_on_page(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size) {
  hearth__web_slot *s = user;
  hearth__web *w = lws_context_user(lws_get_context(wsi));
  switch ((int)reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
      if (!s) return -1;
      hearth__web_read_cookie(w, wsi, s->client); /* the headers are gone when it is established */
      return s->client[0] ? 0 : -1;
    case LWS_CALLBACK_ESTABLISHED:
      if (!s || !s->client[0]) return -1;
      s->c = hearth__web_conn_new(w, wsi, true);
      return s->c && hearth__web_push(w, HEARTH__WEB_OPEN, s->c, s->client, NULL, 0) ? 0 : -1;
    case LWS_CALLBACK_RECEIVE: return s && s->c ? on_receive(s->c, in, size) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE: return s && s->c ? on_writable(s->c) : -1;
    case LWS_CALLBACK_CLOSED:
      if (s && s->c) {
        hearth__web_push(w, HEARTH__WEB_CLOSE, s->c, NULL, NULL, 0);
        hearth__web_conn_free(s->c);
        s->c = NULL;
      }
      return 0;
    default: return 0;
  }
}
