/* See http.h. libcurl says which sockets and which deadline it waits for; libuv waits; what has ended is collected afterwards, never inside one
** of libcurl's callbacks. */
#include "net/http.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include <curl/curl.h>

#include "net/address.h"
#include "net/source.h"

enum { KEPT_EASY = 64, HEAD_LIMIT = 1024 * 1024, STREAM_BUFFER = 64 * 1024 };

struct hearth__http {
  uv_loop_t *loop;
  uv_timer_t timer;
  CURLM *multi;
  CURLSH *jar;
  CURL *spare[KEPT_EASY]; /* handles to use again */
  size_t spares;
  hearth__exchange *running;
  bool closed;
};

typedef struct bytes {
  char *at;
  size_t size, room;
} bytes;

/* A file or a part's file, as libcurl's callbacks see it. */
typedef struct sending {
  hearth__exchange *exchange;
  hearth__source *source;
} sending;

struct hearth__exchange {
  hearth__http *client;
  CURL *easy; /* NULL when it has ended */
  hearth__exchange **link, *next;
  const hearth__http_events *events;
  void *user;
  struct curl_slist *headers;
  curl_mime *form;
  sending *sent;
  size_t sent_count;
  bytes head, body;
  char *url;
  long status;
  int64_t received, max_bytes;
  bool follow, stream, public_only, cookies, ended, head_told, paused;
  hearth__http_failure failure;
  char curl_message[CURL_ERROR_SIZE];
};

/* ---- failures */

__attribute__((format(printf, 4, 5))) static void fail(hearth__http_failure *f, const char *code, const char *reason, const char *fmt,
                                                       ...) {
  va_list args;
  if (f->code) return; /* the first reason is the true one */
  f->code = code;
  f->reason = reason;
  va_start(args, fmt);
  vsnprintf(f->message, sizeof f->message, fmt, args);
  va_end(args);
}

static const char *said(const hearth__exchange *x, CURLcode rc) {
  return x->curl_message[0] ? x->curl_message : curl_easy_strerror(rc);
}

/* What libcurl's result means; a failure that a callback noted before stands. */
static void explain(hearth__exchange *x, CURLcode rc) {
  hearth__http_failure *f = &x->failure;
  const char *text = said(x, rc);
  switch (rc) {
    case CURLE_OK: return;
    case CURLE_URL_MALFORMAT: fail(f, "EINVAL", "url", "the URL is malformed: %s", text); return;
    case CURLE_UNSUPPORTED_PROTOCOL: /* also said of an answer that is not HTTP */
      if (x->status >= 300 && x->status < 400)
        fail(f, "EINVAL", "scheme", "it redirects to another scheme, and only http and https can be fetched: %s", text);
      else
        fail(f, "ENET", "protocol", "the answer is not HTTP: %s", text);
      return;
    case CURLE_OPERATION_TIMEDOUT: fail(f, "ETIMEOUT", "timeout", "%s", text); return;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: fail(f, "ENET", "resolve", "the name has no address: %s", text); return;
    case CURLE_COULDNT_CONNECT: fail(f, "ENET", "refused", "the server cannot be reached: %s", text); return;
    case CURLE_TOO_MANY_REDIRECTS: fail(f, "ENET", "redirects", "the redirects do not end: %s", text); return;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH: fail(f, "ENET", "certificate", "the server's certificate is not trusted: %s", text); return;
    case CURLE_SSL_CONNECT_ERROR: fail(f, "ENET", "tls", "no secure connection: %s", text); return;
    case CURLE_SSL_CACERT_BADFILE: fail(f, "ENET", "certificate", "the trusted certificates cannot be read: %s", text); return;
    case CURLE_PARTIAL_FILE: fail(f, "ENET", "partial", "the answer broke off: %s", text); return;
    case CURLE_GOT_NOTHING: fail(f, "ENET", "empty", "the server closed the connection without an answer: %s", text); return;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: fail(f, "ENET", "reset", "the connection broke: %s", text); return;
    case CURLE_BAD_CONTENT_ENCODING: fail(f, "ENET", "encoding", "the answer cannot be decompressed: %s", text); return;
    case CURLE_ABORTED_BY_CALLBACK: fail(f, "EIO", "file", "the file that is sent cannot be read to its end"); return;
    case CURLE_OUT_OF_MEMORY: fail(f, "EIO", "memory", "not enough memory"); return;
    default: fail(f, "ENET", "protocol", "%s", text); return;
  }
}

/* ---- bytes */

static bool append(bytes *b, const char *data, size_t n) {
  if (b->room - b->size < n) {
    size_t room = b->room ? b->room : 4096;
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

static void forget(bytes *b) {
  free(b->at);
  *b = (bytes){0};
}

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
    give_easy(c, easy, x->cookies);
  }
  curl_mime_free(x->form);
  x->form = NULL;
  curl_slist_free_all(x->headers);
  x->headers = NULL;
  for (size_t i = 0; i < x->sent_count; i++) hearth__source_close(x->sent[i].source);
  x->sent_count = 0;
  x->ended = true;
}

static void note_answer(hearth__exchange *x) {
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

/* Takes in what has ended, and tells. */
static void collect(hearth__http *c) {
  CURLMsg *m;
  int left;
  while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
    hearth__exchange *x = NULL;
    CURLcode rc = m->data.result;
    if (m->msg != CURLMSG_DONE) continue;
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
    note_answer(x);
    explain(x, rc);
    detach(x);
    x->events->done(x->user);
  }
}

void hearth__exchange_abort(hearth__exchange *x, const char *code, const char *reason, const char *message) {
  if (x->ended) return;
  note_answer(x);
  detach(x);
  fail(&x->failure, code, reason, "%s", message);
}

void hearth__exchange_free(hearth__exchange *x) {
  if (!x) return;
  detach(x);
  forget(&x->head);
  forget(&x->body);
  free(x->sent);
  free(x->url);
  free(x);
}

/* ---- libcurl's callbacks: they note, and tell events that only mark things as ready */

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

static size_t on_header(char *data, size_t one, size_t n, void *user) {
  hearth__exchange *x = user;
  n *= one;
  if (x->head_told) return n; /* trailers */
  if (starts_with(data, n, "HTTP/")) {
    long status = 0;
    x->head.size = 0;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    /* "See other" turns every method into GET; libcurl would keep one that was set by name. */
    if (status == 303 && x->follow) curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, NULL);
  }
  if (x->head.size + n > HEAD_LIMIT) {
    fail(&x->failure, "EBIG", "head", "the headers of the answer are larger than %d bytes", HEAD_LIMIT);
    return 0;
  }
  if (!append(&x->head, data, n)) {
    fail(&x->failure, "EIO", "memory", "not enough memory for the answer");
    return 0;
  }
  if (x->stream && (n == 2 ? data[0] == '\r' : n == 1) && head_is_final(x)) {
    note_answer(x);
    x->head_told = true;
    x->events->head(x->user);
  }
  return n;
}

static size_t on_body(char *data, size_t one, size_t n, void *user) {
  hearth__exchange *x = user;
  n *= one;
  if (x->stream && x->body.size >= STREAM_BUFFER) {
    x->paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  x->received += (int64_t)n;
  if (x->max_bytes >= 0 && x->received > x->max_bytes) {
    fail(&x->failure, "EBIG", "size", "the answer is larger than max_bytes=%lld", (long long)x->max_bytes);
    return 0;
  }
  if (!append(&x->body, data, n)) {
    fail(&x->failure, "EIO", "memory", "not enough memory for the answer");
    return 0;
  }
  if (x->stream) x->events->data(x->user);
  return n;
}

static size_t on_send(char *buffer, size_t one, size_t n, void *user) {
  sending *s = user;
  long got = hearth__source_read(s->source, buffer, one * n);
  if (got == HEARTH__SOURCE_WAIT) return CURL_READFUNC_PAUSE;
  if (got == HEARTH__SOURCE_FAILED) return CURL_READFUNC_ABORT;
  return (size_t)got;
}

static int on_seek(void *user, curl_off_t offset, int origin) {
  sending *s = user;
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  hearth__source_seek(s->source, offset);
  return CURL_SEEKFUNC_OK;
}

/* A file has bytes again. */
static void on_more(void *user) {
  hearth__exchange *x = ((sending *)user)->exchange;
  if (!x->easy) return;
  /* A form that has read its boundary and then nothing of the file has not paused the transfer, but does not ask for the file again either
  ** until the transfer is resumed: so it is paused first. */
  curl_easy_pause(x->easy, x->paused ? CURLPAUSE_ALL : CURLPAUSE_SEND);
  curl_easy_pause(x->easy, x->paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}

static const char refused[] = "public_only is set and the address is not one of the public internet";

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *a) {
  hearth__exchange *x = user;
  (void)purpose;
  if (x->public_only && !hearth__address_is_public(&a->addr)) {
    fail(&x->failure, "EACCES", "private", "%s", refused);
    return CURL_SOCKET_BAD;
  }
  return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* Before each request on a connection: one that was opened by another fetch may be anywhere. */
static int on_request(void *user, char *remote, char *local, int remote_port, int local_port) {
  hearth__exchange *x = user;
  (void)local;
  (void)remote_port;
  (void)local_port;
  if (!x->public_only || hearth__address_text_is_public(remote)) return CURL_PREREQFUNC_OK;
  fail(&x->failure, "EACCES", "private", "%s", refused);
  return CURL_PREREQFUNC_ABORT;
}

/* ---- a request */

static bool add_header(hearth__exchange *x, const char *line) {
  struct curl_slist *list = curl_slist_append(x->headers, line);
  if (!list) return false;
  x->headers = list;
  return true;
}

static bool has_header(const hearth__http_request *r, const char *prefix) {
  for (size_t i = 0; i < r->header_count; i++)
    if (starts_with(r->headers[i], strlen(r->headers[i]), prefix)) return true;
  return false;
}

static bool set_headers(hearth__exchange *x, const hearth__http_request *r) {
  for (size_t i = 0; i < r->header_count; i++) {
    const char *line = r->headers[i], *colon = strchr(line, ':');
    /* An empty value is written with a semicolon in libcurl's lists. */
    if (colon && colon[1 + strspn(colon + 1, " ")] == '\0') {
      char *copy = strdup(line);
      if (!copy) return false;
      strcpy(copy + (colon - line), ";");
      bool ok = add_header(x, copy);
      free(copy);
      if (!ok) return false;
    } else if (!add_header(x, line)) {
      return false;
    }
  }
  if (!has_header(r, "expect:") && !add_header(x, "Expect:"))
    return false; /* waiting for "100 Continue" costs a second where it is not spoken */
  if (!r->parts && !has_header(r, "content-type:") && !add_header(x, "Content-Type:")) return false; /* libcurl would say it is a form */
  return true;
}

static bool open_file(hearth__exchange *x, const char *path, sending *s, hearth__http_failure *f) {
  s->exchange = x;
  int err = hearth__source_open(x->client->loop, path, on_more, s, &s->source);
  if (!err) {
    x->sent_count++;
    return true;
  }
  const char *code = err == UV_ENOENT ? "ENOKEY" : err == UV_EACCES || err == UV_EPERM ? "EACCES" : err == UV_EINVAL ? "EINVAL" : "EIO";
  char why[64];
  uv_strerror_r(err, why, sizeof why);
  fail(f, code, "file", "the file '%.200s' cannot be sent: %s", path, err == UV_EINVAL ? "it is not a regular file" : why);
  return false;
}

static bool set_form(hearth__exchange *x, const hearth__http_request *r, hearth__http_failure *f) {
  bool ok = (x->form = curl_mime_init(x->easy)) != NULL;
  for (size_t i = 0; ok && i < r->part_count; i++) {
    const hearth__http_part *p = &r->parts[i];
    curl_mimepart *part = curl_mime_addpart(x->form);
    ok = part && curl_mime_name(part, p->name) == CURLE_OK;
    if (ok && p->file) {
      sending *s = &x->sent[x->sent_count];
      if (!open_file(x, p->file, s, f)) return false;
      ok = curl_mime_data_cb(part, hearth__source_size(s->source), on_send, on_seek, NULL, s) == CURLE_OK;
    } else if (ok) {
      ok = curl_mime_data(part, p->data, p->size) == CURLE_OK;
    }
    if (ok && p->filename) ok = curl_mime_filename(part, p->filename) == CURLE_OK;
    if (ok && p->type) ok = curl_mime_type(part, p->type) == CURLE_OK;
  }
  return ok && curl_easy_setopt(x->easy, CURLOPT_MIMEPOST, x->form) == CURLE_OK;
}

#define SET(option, value)                                                   \
  do {                                                                       \
    if (curl_easy_setopt(easy, (option), (value)) != CURLE_OK) return false; \
  } while (0)

/* The method and the body. */
static bool set_body(hearth__exchange *x, const hearth__http_request *r, hearth__http_failure *f) {
  CURL *easy = x->easy;
  bool get = strcmp(r->method, "GET") == 0, post = strcmp(r->method, "POST") == 0;
  if (r->parts) {
    if (!set_form(x, r, f)) return false;
    if (!post) SET(CURLOPT_CUSTOMREQUEST, r->method);
  } else if (r->file) {
    if (!open_file(x, r->file, &x->sent[0], f)) return false;
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)hearth__source_size(x->sent[0].source));
    SET(CURLOPT_READFUNCTION, on_send);
    SET(CURLOPT_READDATA, &x->sent[0]);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, &x->sent[0]);
    if (!post) SET(CURLOPT_CUSTOMREQUEST, r->method);
  } else if (r->body || post || strcmp(r->method, "PUT") == 0 || strcmp(r->method, "PATCH") == 0) {
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_size);
    SET(CURLOPT_POSTFIELDS, r->body ? r->body : "");
    if (!post) SET(CURLOPT_CUSTOMREQUEST, r->method);
  } else if (strcmp(r->method, "HEAD") == 0) {
    SET(CURLOPT_NOBODY, 1L);
  } else if (!get) {
    SET(CURLOPT_CUSTOMREQUEST, r->method);
  }
  return true;
}

static bool set_options(hearth__exchange *x, const hearth__http_request *r) {
  CURL *easy = x->easy;
  SET(CURLOPT_PRIVATE, x);
  SET(CURLOPT_URL, x->url);
  SET(CURLOPT_ERRORBUFFER, x->curl_message);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_QUICK_EXIT, 1L); /* a cancelled look-up of a name must not stop the loop */
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  SET(CURLOPT_TIMEOUT_MS, r->timeout_ms);
  SET(CURLOPT_CONNECTTIMEOUT_MS, r->connect_timeout_ms ? r->connect_timeout_ms : r->timeout_ms);
  SET(CURLOPT_FOLLOWLOCATION, r->max_redirects >= 0 ? 1L : 0L);
  if (r->max_redirects >= 0) SET(CURLOPT_MAXREDIRS, r->max_redirects);
  SET(CURLOPT_POSTREDIR, (long)(r->max_redirects >= 0 && strcmp(r->method, "POST") != 0 ? CURL_REDIR_POST_301 | CURL_REDIR_POST_302 : 0));
  SET(CURLOPT_PROXY, r->proxy ? r->proxy : "");
  SET(CURLOPT_NOPROXY, "");
  SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  SET(CURLOPT_USERAGENT, "hearth");
  SET(CURLOPT_HEADERFUNCTION, on_header);
  SET(CURLOPT_HEADERDATA, x);
  SET(CURLOPT_WRITEFUNCTION, on_body);
  SET(CURLOPT_WRITEDATA, x);
  SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
  SET(CURLOPT_OPENSOCKETDATA, x);
  if (r->public_only) {
    SET(CURLOPT_PREREQFUNCTION, on_request);
    SET(CURLOPT_PREREQDATA, x);
  }
  if (r->decode) SET(CURLOPT_ACCEPT_ENCODING, "");
  if (r->ca_file) {
    SET(CURLOPT_CAINFO, r->ca_file);
    SET(CURLOPT_CAPATH, NULL);
  }
  if (r->cookies) {
    SET(CURLOPT_COOKIEFILE, "");
    SET(CURLOPT_SHARE, x->client->jar);
  }
  SET(CURLOPT_HTTPHEADER, x->headers);
  return true;
}

/* The URL as libcurl understands it, or NULL with the failure. */
static char *check_url(const char *text, hearth__http_failure *f) {
  CURLU *u = curl_url();
  char *scheme = NULL, *host = NULL, *copy = NULL;
  if (!u) {
    fail(f, "EIO", "memory", "not enough memory");
    return NULL;
  }
  CURLUcode rc = curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
  if (rc == CURLUE_OK) rc = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
  if (rc == CURLUE_OK && strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0) {
    fail(f, "EINVAL", "scheme", "the URL '%.200s' has the scheme '%.40s'; only http and https can be fetched", text, scheme);
  } else {
    if (rc == CURLUE_OK) rc = curl_url_get(u, CURLUPART_HOST, &host, 0);
    if (rc != CURLUE_OK)
      fail(f, "EINVAL", "url", "the URL '%.200s' is malformed (%s); write http://host/path or https://host/path", text,
           curl_url_strerror(rc));
    else if (!(copy = strdup(text)))
      fail(f, "EIO", "memory", "not enough memory");
  }
  curl_free(scheme);
  curl_free(host);
  curl_url_cleanup(u);
  return copy;
}

hearth__exchange *hearth__http_start(hearth__http *c, const hearth__http_request *r, const hearth__http_events *events, void *user,
                                     hearth__http_failure *failure) {
  size_t files = 1;
  *failure = (hearth__http_failure){0};
  if (c->closed) {
    fail(failure, "ECLOSED", "closed", "the runtime has ended");
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
  x->cookies = r->cookies;
  x->url = check_url(r->url, failure);
  if (!x->url) goto fail;
  files += r->part_count;
  if (r->file || r->parts) {
    x->sent = calloc(files, sizeof *x->sent);
    if (!x->sent) goto memory;
  }
  x->easy = take_easy(c);
  if (!x->easy) goto memory;
  if (!set_headers(x, r) || !set_options(x, r) || !set_body(x, r, failure)) goto memory;
  if (curl_multi_add_handle(c->multi, x->easy) != CURLM_OK) goto memory;
  x->next = c->running;
  x->link = &c->running;
  if (x->next) x->next->link = &x->next;
  c->running = x;
  return x;
memory:
  fail(failure, "EIO", "memory", "the request cannot be prepared: not enough memory, or an option that libcurl refuses");
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

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *user, void *assigned) {
  hearth__http *c = user;
  watched *w = assigned;
  (void)easy;
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
      return -1;
    }
    w->poll.data = w;
    w->client = c;
    w->socket = socket;
    uv_unref((uv_handle_t *)&w->poll); /* it is the exchanges that keep a program alive, not idle connections */
    curl_multi_assign(c->multi, socket, w);
  }
  int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  return uv_poll_start(&w->poll, events, on_poll) == 0 ? 0 : -1;
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
  c->jar = curl_share_init();
  if (!c->multi || !c->jar || curl_share_setopt(c->jar, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE) != CURLSHE_OK) goto fail;
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
  curl_share_cleanup(c->jar);
  free(c);
  return NULL;
}

static void free_client(uv_handle_t *handle) {
  free(handle->data);
}

void hearth__http_close(hearth__http *c) {
  if (!c || c->closed) return;
  c->closed = true;
  while (c->running) hearth__exchange_abort(c->running, "ECLOSED", "closed", "the runtime has ended");
  while (c->spares) curl_easy_cleanup(c->spare[--c->spares]);
  curl_multi_cleanup(c->multi);
  curl_share_cleanup(c->jar);
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
  /* What libcurl kept is given to on_body now, and may be too much: it says so here and nowhere else. */
  CURLcode rc = curl_easy_pause(x->easy, CURLPAUSE_CONT);
  if (rc != CURLE_OK) {
    note_answer(x);
    explain(x, rc);
    detach(x);
    x->events->done(x->user);
  }
}
