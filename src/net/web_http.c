/* Plain requests: each waits for an answer that is given whole, and is written as the socket takes it. */
#include <stdlib.h>
#include <string.h>

#include "net/web_internal.h"

#define CHUNK (64 * 1024)

typedef hearth__web_conn conn;
typedef hearth__web_slot slot;

/* Head and body in one piece of memory, to be written at once. */
static bool write_head(conn *c, unsigned status, const char *const *headers, size_t count, size_t size) {
  size_t room = 512;
  for (size_t i = 0; i < 2 * count; i++) room += strlen(headers[i]) + 4;
  c->answer = malloc(LWS_PRE + room + size);
  if (!c->answer) return false;
  unsigned char *p = c->answer + LWS_PRE, *end = p + room;
  if (lws_add_http_header_status(c->wsi, status, &p, end) || lws_add_http_header_content_length(c->wsi, size, &p, end)) return false;
  for (size_t i = 0; i < 2 * count; i += 2) {
    const unsigned char *name = (const unsigned char *)headers[i], *value = (const unsigned char *)headers[i + 1];
    if (lws_add_http_header_by_name(c->wsi, name, value, (int)strlen(headers[i + 1]), &p, end)) return false;
  }
  if (lws_finalize_http_header(c->wsi, &p, end)) return false;
  c->answer_size = (size_t)(p - c->answer) - LWS_PRE;
  return true;
}

/* As long as it takes some of it, it has time. */
static void give_time(const conn *c) {
  lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, (int)c->w->o.idle);
}

bool hearth__web_reply(hearth__web *w, uint64_t id, unsigned status, const char *const *headers, size_t count, const char *body,
                       size_t size) {
  conn *c = hearth__web_find(w, id, false);
  if (!c || c->replied) return false;
  c->replied = true;
  if (!write_head(c, status, headers, count, size)) {
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    return false;
  }
  if (!c->head) {
    memcpy(c->answer + LWS_PRE + c->answer_size, body, size);
    c->answer_size += size;
  }
  give_time(c);
  lws_callback_on_writable(c->wsi);
  return true;
}

static int write_answer(slot *s) {
  conn *c = s->c;
  if (!c || !c->answer_size) return 0;
  struct lws *wsi = c->wsi;
  size_t left = c->answer_size - c->answer_sent, n = left > CHUNK ? CHUNK : left;
  /* What lies before this part has been sent: it may be scribbled on. */
  if (lws_write(wsi, c->answer + LWS_PRE + c->answer_sent, n, n == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0) return -1;
  c->answer_sent += n;
  if (n < left) {
    give_time(c);
    lws_callback_on_writable(wsi);
    return 0;
  }
  s->c = NULL;
  hearth__web_conn_free(c);
  return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* An answer of a head alone. What else the request holds is of no interest: the connection ends. */
int hearth__web_refuse(struct lws *wsi, unsigned status) {
  unsigned char answer[LWS_PRE + 160];
  const char *more = status == HTTP_STATUS_METHOD_NOT_ALLOWED ? "allow: GET, HEAD\r\n" : "";
  int size = snprintf((char *)answer + LWS_PRE, sizeof answer - LWS_PRE,
                      "HTTP/1.1 %u Refused\r\n%sconnection: close\r\ncontent-length: 0\r\n\r\n", status, more);
  lws_write(wsi, answer + LWS_PRE, (size_t)size, LWS_WRITE_HTTP_HEADERS);
  return -1;
}

int hearth__web_on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size) {
  slot *s = user;
  hearth__web *w = lws_context_user(lws_get_context(wsi));
  switch ((int)reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return hearth__web_check_upgrade(w, wsi);
    case LWS_CALLBACK_HTTP: {
      bool head = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
      char client[HEARTH__WEB_CLIENT + 1];
      if (!head && lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) <= 0) return hearth__web_refuse(wsi, HTTP_STATUS_METHOD_NOT_ALLOWED);
      if (w->stopping || !s) return hearth__web_refuse(wsi, HTTP_STATUS_SERVICE_UNAVAILABLE);
      hearth__web_read_cookie(w, wsi, client);
      if (s->c) hearth__web_conn_free(s->c);
      s->c = hearth__web_conn_new(w, wsi, false);
      if (!s->c) return -1;
      s->c->head = head;
      s->c->metrics = w->metrics && lws_get_vhost(wsi) == w->metrics;
      return hearth__web_push(w, HEARTH__WEB_REQUEST, s->c, client, in, size) ? 0 : -1;
    }
    case LWS_CALLBACK_HTTP_WRITEABLE: return s ? write_answer(s) : -1;
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
      if (s && s->c) hearth__web_conn_free(s->c);
      if (s) s->c = NULL;
      return 0;
    case LWS_CALLBACK_ESTABLISHED: return -1; /* a page has the protocol of its own */
    default: return 0;
  }
}
