/* Where the server listens: libwebsockets on our loop, an address for pages and one for metrics, and why that does not work. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "net/web_internal.h"

#define HEADERS (16 * 1024) /* bytes of a request's head: a browser sends every cookie of the host, whichever port set it */

typedef struct address {
  const char *purpose, *host;
  int port;
} address;

/* A socket for each page: the soft limit of 1,024 files is for programs that use select. */
static void allow_files(unsigned pages) {
  struct rlimit files;
  rlim_t want = (rlim_t)pages + 1024;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= want) return;
  files.rlim_cur = files.rlim_max < want ? files.rlim_max : want;
  setrlimit(RLIMIT_NOFILE, &files);
}

/* Left to itself, libwebsockets takes an IPv4 address for no restriction at all where there is IPv6, and listens on every address. */
static uint64_t family_of(const char *host, uint64_t options) {
  return host && strchr(host, ':') ? options : options | LWS_SERVER_OPTION_DISABLE_IPV6;
}

static bool is_address(const char *host) {
  unsigned char bytes[sizeof(struct in6_addr)];
  return !host || inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* libwebsockets does not say why it cannot listen: another try does. */
static const char *why_not(const address *a) {
  struct sockaddr_storage to = {0};
  int fd = -1, error = EINVAL;
  if (uv_ip4_addr(a->host ? a->host : "0.0.0.0", a->port, (struct sockaddr_in *)&to) == 0 ||
      uv_ip6_addr(a->host, a->port, (struct sockaddr_in6 *)&to) == 0)
    fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    error = bind(fd, (struct sockaddr *)&to, sizeof to) == 0 ? 0 : errno;
    close(fd);
  }
  switch (error) {
    case EADDRINUSE: return "the port is in use; --port 0 takes any that is free";
    case EADDRNOTAVAIL: return "the address is none of this machine";
    case EACCES: return "ports below 1024 are for the administrator";
    default: return "the address cannot be had";
  }
}

enum { REFUSED = 128 };

/* NULL: they can be read, belong together, and are good enough for OpenSSL (a short key is not). `text` has room for an answer. */
static const char *check_certificate(const char *cert, const char *key, char text[REFUSED]) {
  const char *why = "out of memory", *reason;
  EVP_PKEY *k = NULL;
  BIO *in = NULL;
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (!context) goto done;
  if (SSL_CTX_use_certificate_chain_file(context, cert) != 1) {
    unsigned long error = ERR_peek_error();
    reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_reason_error_string(error) : NULL;
    why = "the certificate is no PEM file";
    if (!reason) goto done;
    snprintf(text, REFUSED, "the certificate is refused by OpenSSL: %s", reason);
    why = text;
    goto done;
  }
  why = "the key is no PEM file without a password";
  in = BIO_new_file(key, "r");
  if (in) k = PEM_read_bio_PrivateKey(in, NULL, NULL, (void *)"");
  if (!k) goto done;
  why = SSL_CTX_use_PrivateKey(context, k) == 1 ? NULL : "the key is that of another certificate";
done:
  BIO_free(in);
  EVP_PKEY_free(k);
  SSL_CTX_free(context);
  ERR_clear_error();
  return why;
}

static bool failed(char why[HEARTH__WEB_WHY], const address *a, const char *because) {
  snprintf(why, HEARTH__WEB_WHY, "cannot listen%s on %s:%d: %s", a->purpose, a->host ? a->host : "*", a->port, because);
  return false;
}

bool hearth__web_open(hearth__web *w, char why[HEARTH__WEB_WHY]) {
  const hearth__web_options *o = &w->o;
  const address pages = {"", o->host, o->port}, metrics = {" for metrics", o->metrics_host, o->metrics_port};
  void *loops[1] = {w->loop};
  if (!is_address(pages.host)) return failed(why, &pages, "the host is no IP address");
  if (metrics.port >= 0 && !is_address(metrics.host)) return failed(why, &metrics, "the host is no IP address");
  w->protocols[0] =
      (struct lws_protocols){.name = "http", .callback = hearth__web_on_http, .per_session_data_size = sizeof(hearth__web_slot)};
  /* A small buffer for each page: longer messages come in pieces. */
  w->protocols[1] = (struct lws_protocols){
      .name = "hearth", .callback = hearth__web_on_page, .per_session_data_size = sizeof(hearth__web_slot), .rx_buffer_size = 1024};
  w->pings.secs_since_valid_ping = 25;
  w->pings.secs_since_valid_hangup = 40;
  struct lws_context_creation_info info = {
      .port = pages.port,
      .iface = pages.host,
      .protocols = w->protocols,
      .foreign_loops = loops,
      .user = w,
      .pcontext = &w->context,
      .retry_and_idle_policy = &w->pings,
      .server_string = "hearth",
      .alpn = "http/1.1",
      .max_http_header_data = HEADERS,
      .keepalive_timeout = (int)o->idle,
      .timeout_secs = o->idle,
      .gid = -1,
      .uid = -1,
      .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                 LWS_SERVER_OPTION_VALIDATE_UTF8,
  };
  if (o->cert) {
    char text[REFUSED];
    const char *because = check_certificate(o->cert, o->key, text);
    if (because) return failed(why, &pages, because);
    info.ssl_cert_filepath = o->cert;
    info.ssl_private_key_filepath = o->key;
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
  }
  /* Destroying the context unloads this while handles on our loop may still call into it. */
  static const char plugin[] = "libwebsockets-evlib_uv.so";
  if (!dlopen(plugin, RTLD_NOW | RTLD_NODELETE)) dlerror();
  lws_set_log_level(0, NULL);
  allow_files(o->max_clients); /* it is asked once, when the context is made */
  w->context = hearth__web_context_new(w, &info);
  if (!w->context) return failed(why, &pages, "libwebsockets cannot be started; is libwebsockets-evlib-uv installed?");
  uint64_t vhost_options = info.options;
  info.vhost_name = "pages";
  info.options = family_of(pages.host, vhost_options);
  w->vhost = lws_create_vhost(w->context, &info);
  if (!w->vhost || hearth__web_port(w) <= 0) return failed(why, &pages, why_not(&pages));
  if (metrics.port >= 0) {
    info.vhost_name = "metrics";
    info.options = family_of(metrics.host, vhost_options);
    info.port = metrics.port;
    info.iface = metrics.host;
    info.ssl_cert_filepath = info.ssl_private_key_filepath = NULL;
    w->metrics = lws_create_vhost(w->context, &info);
    if (!w->metrics || hearth__web_metrics_port(w) <= 0) return failed(why, &metrics, why_not(&metrics));
  }
  return true;
}
