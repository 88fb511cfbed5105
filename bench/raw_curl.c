/* The raw side of bench/fetch.lua: N requests at once through libcurl's multi interface on libuv, written as its documentation shows, and that
** again on the connections that it left.
** usage: raw_curl URL N TIMES; prints for each time the seconds from the first handle to the last answer. */
#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>
#include <uv.h>

static uv_loop_t *loop;
static uv_timer_t timer;
static CURLM *multi;
static long left;

typedef struct body {
  char *at;
  size_t size;
} body;

static size_t on_body(char *data, size_t one, size_t n, void *user) {
  body *b = user;
  char *at = realloc(b->at, b->size + one * n);
  if (!at) return 0;
  b->at = at;
  for (size_t i = 0; i < one * n; i++) at[b->size + i] = data[i];
  b->size += one * n;
  return one * n;
}

static void collect(void) {
  CURLMsg *m;
  int more;
  while ((m = curl_multi_info_read(multi, &more)) != NULL) {
    body *b = NULL;
    if (m->msg != CURLMSG_DONE) continue;
    if (m->data.result != CURLE_OK) fprintf(stderr, "%s\n", curl_easy_strerror(m->data.result));
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &b);
    curl_multi_remove_handle(multi, m->easy_handle);
    curl_easy_cleanup(m->easy_handle);
    free(b->at);
    free(b);
    if (--left == 0) uv_stop(loop);
  }
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  int flags = status < 0 ? CURL_CSELECT_ERR : 0, running, fd;
  uv_fileno((uv_handle_t *)poll, &fd);
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  curl_multi_socket_action(multi, fd, flags, &running);
  collect();
}

static void on_closed(uv_handle_t *handle) {
  free(handle);
}

static int on_socket(CURL *easy, curl_socket_t s, int what, void *user, void *assigned) {
  uv_poll_t *poll = assigned;
  (void)easy;
  (void)user;
  if (what == CURL_POLL_REMOVE) {
    if (poll) {
      uv_poll_stop(poll);
      uv_close((uv_handle_t *)poll, on_closed);
      curl_multi_assign(multi, s, NULL);
    }
    return 0;
  }
  if (!poll) {
    poll = malloc(sizeof *poll);
    if (!poll) abort();
    uv_poll_init_socket(loop, poll, s);
    curl_multi_assign(multi, s, poll);
  }
  uv_poll_start(poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), on_poll);
  return 0;
}

static void on_timeout(uv_timer_t *t) {
  int running;
  (void)t;
  curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  collect();
}

static int on_timer(CURLM *m, long ms, void *user) {
  (void)m;
  (void)user;
  if (ms < 0) return uv_timer_stop(&timer);
  return uv_timer_start(&timer, on_timeout, (uint64_t)ms, 0);
}

static double burst(const char *url, long n) {
  left = n;
  uint64_t start = uv_hrtime();
  for (long i = n; i > 0; i--) {
    CURL *easy = curl_easy_init();
    body *b = calloc(1, sizeof *b);
    if (!easy || !b) abort();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, b);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, b);
    curl_multi_add_handle(multi, easy);
  }
  uv_run(loop, UV_RUN_DEFAULT);
  return (double)(uv_hrtime() - start) / 1e9;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  loop = uv_default_loop();
  curl_global_init(CURL_GLOBAL_DEFAULT);
  multi = curl_multi_init();
  uv_timer_init(loop, &timer);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  for (long i = atol(argv[3]); i > 0; i--) printf("%.6f\n", burst(argv[1], atol(argv[2])));
  return 0;
}
