/* Who somebody is, and whether he may connect: the cookie that we signed, and the Origin of the page that asks. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "net/web_internal.h"

bool hearth__web_sign(const hearth__web *w, const char *id, char *out) {
  static const char digits[] = "0123456789abcdef";
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!HMAC(EVP_sha256(), w->secret, (int)w->o.secret_size, (const unsigned char *)id, strlen(id), mac, &size) ||
      size * 2 != HEARTH__WEB_SIGNATURE)
    return false;
  for (unsigned i = 0; i < size; i++) {
    out[2 * i] = digits[mac[i] >> 4];
    out[2 * i + 1] = digits[mac[i] & 15];
  }
  out[HEARTH__WEB_SIGNATURE] = '\0';
  return true;
}

/* NAME=ID.SIGNATURE of a Cookie header, when we signed it; else "". */
void hearth__web_read_cookie(hearth__web *w, struct lws *wsi, char client[HEARTH__WEB_CLIENT + 1]) {
  size_t name_size = strlen(w->cookie);
  int size = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_COOKIE) + 1; /* with those of every other port of this host */
  char *text = size > 1 ? malloc((size_t)size) : NULL;
  client[0] = '\0';
  if (!text || lws_hdr_copy(wsi, text, size, WSI_TOKEN_HTTP_COOKIE) <= 0) goto done;
  for (char *p = text; *p; p += strcspn(p, ";"), p += *p == ';') {
    p += strspn(p, " ");
    if (strncmp(p, w->cookie, name_size) != 0 || p[name_size] != '=') continue;
    const char *id = p + name_size + 1;
    size_t id_size = strspn(id, "0123456789abcdef");
    const char *signature = id + id_size + 1;
    if (id_size == 0 || id_size > HEARTH__WEB_CLIENT || id[id_size] != '.' || strcspn(signature, "; ") != HEARTH__WEB_SIGNATURE) continue;
    char found[HEARTH__WEB_CLIENT + 1], want[HEARTH__WEB_SIGNATURE + 1];
    memcpy(found, id, id_size);
    found[id_size] = '\0';
    if (hearth__web_sign(w, found, want) && CRYPTO_memcmp(want, signature, HEARTH__WEB_SIGNATURE) == 0) memcpy(client, found, id_size + 1);
  }
done:
  free(text);
}

/* A page that we served says where it came from; another site's page says that too. Whom we serve without TLS may have it from a proxy in front of us,
** whose pages are https; whom we serve with TLS has no page of ours that came without. */
static bool same_origin(struct lws *wsi) {
  char origin[512], host[512];
  if (lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) <= 0 || lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) <= 0)
    return false;
  const char *rest = strstr(origin, "://");
  if (!rest || strcasecmp(rest + 3, host) != 0) return false;
  return strncasecmp(origin, "https:", 6) == 0 || (!lws_is_ssl(wsi) && strncasecmp(origin, "http:", 5) == 0);
}

int hearth__web_check_upgrade(hearth__web *w, struct lws *wsi) {
  char protocol[32], client[HEARTH__WEB_CLIENT + 1];
  unsigned status = 0;
  hearth__web_read_cookie(w, wsi, client);
  if (lws_get_vhost(wsi) != w->vhost || !same_origin(wsi) || !client[0])
    status = HTTP_STATUS_FORBIDDEN;
  else if (lws_hdr_copy(wsi, protocol, sizeof protocol, WSI_TOKEN_PROTOCOL) <= 0 || strcmp(protocol, w->protocols[1].name) != 0)
    status = HTTP_STATUS_BAD_REQUEST;
  else if (w->stopping || w->clients >= w->o.max_clients)
    status = HTTP_STATUS_SERVICE_UNAVAILABLE;
  return status ? hearth__web_refuse(wsi, status) : 0;
}
