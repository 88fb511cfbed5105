/* What the files of the HTTP client share: http.c is the client on its loop and the life of an exchange, http_request.c turns a request into
** libcurl's options, http_answer.c takes in what comes back. Nobody else looks inside. */
#ifndef HEARTH__HTTP_INTERNAL_H
#define HEARTH__HTTP_INTERNAL_H

#include <curl/curl.h>

#include "net/http.h"
#include "net/jars.h"
#include "net/source.h"

enum { KEPT_EASY = 64 };

struct hearth__http {
  uv_loop_t *loop;
  uv_timer_t timer;
  CURLM *multi;
  hearth__jars jars;
  CURL *spare[KEPT_EASY]; /* handles to use again */
  size_t spares;
  hearth__exchange *running;
  char *good_url;       /* the URL that was checked last, or NULL */
  bool closed, starved; /* some exchange is */
};

typedef struct hearth__bytes {
  char *at;
  size_t size, room;
} hearth__bytes;

/* A file or a part's file, as libcurl's callbacks see it. */
typedef struct hearth__sending {
  hearth__exchange *exchange;
  hearth__source *source;
} hearth__sending;

struct hearth__exchange {
  hearth__http *client;
  CURL *easy; /* NULL when it has ended */
  hearth__exchange **link, *next;
  const hearth__http_events *events;
  void *user;
  struct curl_slist *headers;
  curl_mime *form;
  hearth__sending *sent;
  size_t sent_count;
  hearth__bytes head, body;
  char *url;
  long status;
  int64_t received, max_bytes;
  hearth__jar *jar; /* while it uses one */
  bool follow, stream, public_only, ended, head_ended, head_told, paused;
  bool starved; /* its socket could not be watched */
  hearth__http_failure failure;
  char curl_message[CURL_ERROR_SIZE];
};

/* The first failure is the true one: later ones change nothing. */
__attribute__((format(printf, 4, 5))) void hearth__http_fail(hearth__http_failure *f, const char *code, const char *reason, const char *fmt,
                                                             ...);

/* http_request.c. The URL as libcurl understands it, to be freed, or NULL with the failure. */
char *hearth__http_check_url(const char *text, hearth__http_failure *f);
/* Sets everything in x->easy. False with the failure filled in, or without one when memory is short. */
bool hearth__http_prepare(hearth__exchange *x, const hearth__http_request *r, hearth__http_failure *f);

/* http_answer.c: callbacks for x, which note, and tell events that only mark things as ready. */
size_t hearth__http_on_header(char *data, size_t one, size_t n, void *x);
size_t hearth__http_on_body(char *data, size_t one, size_t n, void *x);
/* What libcurl's result means for x->failure. */
void hearth__http_explain(hearth__exchange *x, CURLcode rc);
/* Status and URL, as far as they are known. */
void hearth__http_note_answer(hearth__exchange *x);
void hearth__http_forget(hearth__bytes *b);

#endif
