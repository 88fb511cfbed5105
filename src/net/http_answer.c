/* See http_internal.h: the head, the body, and what went wrong. */
#include "net/http_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEAD_LIMIT = 1024 * 1024, STREAM_BUFFER = 64 * 1024 };

/* ---- failures */

void hearth__http_fail(hearth__http_failure *f, const char *code, const char *reason, const char *fmt, ...) {
  va_list args;
  if (f->code) return;
  f->code = code;
  f->reason = reason;
  va_start(args, fmt);
  vsnprintf(f->message, sizeof f->message, fmt, args);
  va_end(args);
}

static const char *said(const hearth__exchange *x, CURLcode rc) {
  return x->curl_message[0] ? x->curl_message : curl_easy_strerror(rc);
}

/* The request was sent and its answer's head has not ended. */
static bool in_head(const hearth__exchange *x) {
  long sent = 0;
  curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &sent);
  return sent > 0 && !x->head_ended;
}

/* libcurl has one result for a connection that broke and for an answer that cannot be read: its text tells them apart. */
static void explain_broken(hearth__exchange *x, const char *text) {
  hearth__http_failure *f = &x->failure;
  if (strstr(text, "chunked-encoding"))
    hearth__http_fail(f, "ENET", "protocol", "the answer is not HTTP: %s", text);
  else if (strstr(text, "Too large response headers"))
    hearth__http_fail(f, "EBIG", "head", "the headers of the answer are too large: %s", text);
  else
    hearth__http_fail(f, "ENET", "reset", "the connection broke: %s", text);
}

/* What libcurl's result means; a failure that a callback noted before stands. */
void hearth__http_explain(hearth__exchange *x, CURLcode rc) {
  hearth__http_failure *f = &x->failure;
  const char *text = said(x, rc);
  switch (rc) {
    case CURLE_OK: /* libcurl takes a connection that closes for the end of a head, too */
      if (!x->head_ended) hearth__http_fail(f, "ENET", "partial", "the answer broke off in its head");
      return;
    case CURLE_URL_MALFORMAT: hearth__http_fail(f, "EINVAL", "url", "the URL is malformed: %s", text); return;
    case CURLE_UNSUPPORTED_PROTOCOL: /* also said of an answer that is not HTTP */
      if (x->status >= 300 && x->status < 400)
        hearth__http_fail(f, "EINVAL", "scheme", "it redirects to another scheme, and only http and https can be fetched: %s", text);
      else
        hearth__http_fail(f, "ENET", "protocol", "the answer is not HTTP: %s", text);
      return;
    case CURLE_OPERATION_TIMEDOUT: hearth__http_fail(f, "ETIMEOUT", "timeout", "%s", text); return;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: hearth__http_fail(f, "ENET", "resolve", "the name has no address: %s", text); return;
    case CURLE_COULDNT_CONNECT: hearth__http_fail(f, "ENET", "refused", "the server cannot be reached: %s", text); return;
    case CURLE_TOO_MANY_REDIRECTS: hearth__http_fail(f, "ENET", "redirects", "the redirects do not end: %s", text); return;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      hearth__http_fail(f, "ENET", "certificate", "the server's certificate is not trusted: %s", text);
      return;
    case CURLE_SSL_CONNECT_ERROR: hearth__http_fail(f, "ENET", "tls", "no secure connection: %s", text); return;
    case CURLE_SSL_CACERT_BADFILE: hearth__http_fail(f, "ENET", "certificate", "the trusted certificates cannot be read: %s", text); return;
    case CURLE_PARTIAL_FILE: hearth__http_fail(f, "ENET", "partial", "the answer broke off: %s", text); return;
    case CURLE_GOT_NOTHING: hearth__http_fail(f, "ENET", "empty", "the server closed the connection without an answer: %s", text); return;
    case CURLE_HTTP2_STREAM: /* it reset this request; others on the connection go on */
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: explain_broken(x, text); return;
    case CURLE_BAD_CONTENT_ENCODING: hearth__http_fail(f, "ENET", "encoding", "the answer cannot be decompressed: %s", text); return;
    case CURLE_ABORTED_BY_CALLBACK: hearth__http_fail(f, "EIO", "file", "the file that is sent cannot be read to its end"); return;
    case CURLE_OUT_OF_MEMORY: /* also said of a line of the head that is longer than libcurl takes */
      if (in_head(x))
        hearth__http_fail(f, "EBIG", "head", "a line of the answer's head is too long");
      else
        hearth__http_fail(f, "EIO", "memory", "not enough memory");
      return;
    default: hearth__http_fail(f, "ENET", "protocol", "%s", text); return;
  }
}

/* ---- bytes */

static bool append(hearth__bytes *b, const char *data, size_t n) {
  if (b->room - b->size < n) {
    size_t room = b->room ? b->room : 512;
    while (room - b->size < n) room *= 2;
    char *at = realloc(b->at, room);
    if (!at) return false;
    b->at = at;
    b->room = room;
  }
  memcpy(b->at + b->size, data, n);
  b->size += n;
  return true;
}

void hearth__http_forget(hearth__bytes *b) {
  free(b->at);
  *b = (hearth__bytes){0};
}

/* ---- the answer */

void hearth__http_note_answer(hearth__exchange *x) {
  char *url = NULL;
  curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &x->status);
  if (curl_easy_getinfo(x->easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK && url) {
    char *copy = strdup(url);
    if (copy) {
      free(x->url);
      x->url = copy;
    }
  }
}

static bool starts_with(const char *data, size_t n, const char *prefix) {
  size_t m = strlen(prefix);
  return n >= m && strncasecmp(data, prefix, m) == 0;
}

/* Is the head that has just ended one of several: an interim answer, or a redirect that is followed? */
static bool head_is_final(const hearth__exchange *x) {
  long status = 0;
  curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200) return false;
  if (!x->follow || !(status == 301 || status == 302 || status == 303 || status == 307 || status == 308)) return true;
  for (size_t i = 0; i < x->head.size;) {
    const char *line = x->head.at + i;
    const char *end = memchr(line, '\n', x->head.size - i);
    if (starts_with(line, x->head.size - i, "location:")) return false;
    if (!end) break;
    i = (size_t)(end - x->head.at) + 1;
  }
  return true;
}

size_t hearth__http_on_header(char *data, size_t one, size_t n, void *user) {
  hearth__exchange *x = user;
  n *= one;
  if (x->head_told) return n; /* trailers */
  if (starts_with(data, n, "HTTP/")) {
    long status = 0;
    x->head.size = 0;
    x->head_ended = false;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    /* "See other" turns every method into GET; libcurl would keep one that was set by name. */
    if (status == 303 && x->follow) curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, NULL);
  }
  if (x->head.size + n > HEAD_LIMIT) {
    hearth__http_fail(&x->failure, "EBIG", "head", "the headers of the answer are larger than %d bytes", HEAD_LIMIT);
    return 0;
  }
  if (!append(&x->head, data, n)) {
    hearth__http_fail(&x->failure, "EIO", "memory", "not enough memory for the answer");
    return 0;
  }
  if (n == 2 ? data[0] == '\r' : n == 1) x->head_ended = true;
  if (x->stream && x->head_ended && head_is_final(x)) {
    hearth__http_note_answer(x);
    x->head_told = true;
    x->events->head(x->user);
  }
  return n;
}

size_t hearth__http_on_body(char *data, size_t one, size_t n, void *user) {
  hearth__exchange *x = user;
  n *= one;
  if (x->stream && x->body.size >= STREAM_BUFFER) {
    x->paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  x->received += (int64_t)n;
  if (x->max_bytes >= 0 && x->received > x->max_bytes) {
    hearth__http_fail(&x->failure, "EBIG", "size", "the answer is larger than max_bytes=%lld", (long long)x->max_bytes);
    return 0;
  }
  if (!append(&x->body, data, n)) {
    hearth__http_fail(&x->failure, "EIO", "memory", "not enough memory for the answer");
    return 0;
  }
  if (x->stream) x->events->data(x->user);
  return n;
}
