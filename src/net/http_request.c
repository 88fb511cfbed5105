/* See http_internal.h: a request as libcurl's options; files that are sent; where connections may go. */
#include "net/http_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/address.h"

/* ---- callbacks while it is sent */

static size_t on_send(char *buffer, size_t one, size_t n, void *user) {
  hearth__sending *s = user;
  long got = hearth__source_read(s->source, buffer, one * n);
  if (got == HEARTH__SOURCE_WAIT) return CURL_READFUNC_PAUSE;
  if (got == HEARTH__SOURCE_FAILED) return CURL_READFUNC_ABORT;
  return (size_t)got;
}

static int on_seek(void *user, curl_off_t offset, int origin) {
  hearth__sending *s = user;
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  hearth__source_seek(s->source, offset);
  return CURL_SEEKFUNC_OK;
}

/* A file has bytes again. */
static void on_more(void *user) {
  hearth__exchange *x = ((hearth__sending *)user)->exchange;
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
    hearth__http_fail(&x->failure, "EACCES", "private", "%s", refused);
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
  hearth__http_fail(&x->failure, "EACCES", "private", "%s", refused);
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
    if (strncasecmp(r->headers[i], prefix, strlen(prefix)) == 0) return true;
  return false;
}

/* These methods send a body, though it may be empty. */
static bool sends_body(const hearth__http_request *r) {
  return r->body || r->file || r->parts || strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0 ||
         strcmp(r->method, "PATCH") == 0;
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
  if (!sends_body(r)) return true;
  if (!has_header(r, "expect:") && !add_header(x, "Expect:"))
    return false; /* waiting for "100 Continue" costs a second where it is not spoken */
  if (!r->parts && !has_header(r, "content-type:") && !add_header(x, "Content-Type:")) return false; /* libcurl would say it is a form */
  return true;
}

static bool open_file(hearth__exchange *x, const char *path, hearth__sending *s, hearth__http_failure *f) {
  s->exchange = x;
  int err = hearth__source_open(x->client->loop, path, on_more, s, &s->source);
  if (!err) {
    x->sent_count++;
    return true;
  }
  const char *code = err == UV_ENOENT ? "ENOKEY" : err == UV_EACCES || err == UV_EPERM ? "EACCES" : err == UV_EINVAL ? "EINVAL" : "EIO";
  char why[64];
  uv_strerror_r(err, why, sizeof why);
  hearth__http_fail(f, code, "file", "the file '%.200s' cannot be sent: %s", path, err == UV_EINVAL ? "it is not a regular file" : why);
  return false;
}

static bool set_form(hearth__exchange *x, const hearth__http_request *r, hearth__http_failure *f) {
  bool ok = (x->form = curl_mime_init(x->easy)) != NULL;
  for (size_t i = 0; ok && i < r->part_count; i++) {
    const hearth__http_part *p = &r->parts[i];
    curl_mimepart *part = curl_mime_addpart(x->form);
    ok = part && curl_mime_name(part, p->name) == CURLE_OK;
    if (ok && p->file) {
      hearth__sending *s = &x->sent[x->sent_count];
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
  } else if (sends_body(r)) {
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
  /* Where HTTP/2 may be spoken, a request waits for a connection that is being made: it may carry both. */
  SET(CURLOPT_PIPEWAIT, strncasecmp(x->url, "https:", 6) == 0 ? 1L : 0L);
  SET(CURLOPT_TIMEOUT_MS, r->timeout_ms);
  SET(CURLOPT_CONNECTTIMEOUT_MS, r->connect_timeout_ms ? r->connect_timeout_ms : r->timeout_ms);
  SET(CURLOPT_FOLLOWLOCATION, r->max_redirects >= 0 ? 1L : 0L);
  if (r->max_redirects >= 0) SET(CURLOPT_MAXREDIRS, r->max_redirects);
  SET(CURLOPT_POSTREDIR, (long)(r->max_redirects >= 0 && strcmp(r->method, "POST") != 0 ? CURL_REDIR_POST_301 | CURL_REDIR_POST_302 : 0));
  SET(CURLOPT_PROXY, r->proxy ? r->proxy : "");
  SET(CURLOPT_NOPROXY, "");
  SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  SET(CURLOPT_USERAGENT, "hearth");
  SET(CURLOPT_HEADERFUNCTION, hearth__http_on_header);
  SET(CURLOPT_HEADERDATA, x);
  SET(CURLOPT_WRITEFUNCTION, hearth__http_on_body);
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
  if (x->jar) {
    SET(CURLOPT_COOKIEFILE, "");
    SET(CURLOPT_SHARE, hearth__jar_share(x->jar));
  }
  if (x->headers) SET(CURLOPT_HTTPHEADER, x->headers);
  return true;
}

bool hearth__http_prepare(hearth__exchange *x, const hearth__http_request *r, hearth__http_failure *f) {
  return set_headers(x, r) && set_options(x, r) && set_body(x, r, f);
}

char *hearth__http_check_url(const char *text, hearth__http_failure *f) {
  CURLU *u = curl_url();
  char *scheme = NULL, *host = NULL, *copy = NULL;
  if (!u) {
    hearth__http_fail(f, "EIO", "memory", "not enough memory");
    return NULL;
  }
  CURLUcode rc = curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
  if (rc == CURLUE_OK) rc = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
  if (rc == CURLUE_OK && strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0) {
    hearth__http_fail(f, "EINVAL", "scheme", "the URL has the scheme '%.40s'; only http and https can be fetched", scheme);
  } else {
    if (rc == CURLUE_OK) rc = curl_url_get(u, CURLUPART_HOST, &host, 0);
    if (rc != CURLUE_OK)
      hearth__http_fail(f, "EINVAL", "url", "the URL is malformed (%s); write http://host/path or https://host/path",
                        curl_url_strerror(rc));
    else if (!(copy = strdup(text)))
      hearth__http_fail(f, "EIO", "memory", "not enough memory");
  }
  curl_free(scheme);
  curl_free(host);
  curl_url_cleanup(u);
  return copy;
}
