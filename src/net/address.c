/* See address.h. Two tables of prefixes; the ranges are those of IANA's special-purpose registries. */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct range4 {
  uint32_t address;
  unsigned bits;
} range4;

static const range4 special4[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* carrier-grade NAT */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local, and clouds' metadata */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* 6to4 relays */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 4},  /* multicast */
    {0xf0000000, 4},  /* reserved, and broadcast */
};

static bool public4(uint32_t address) {
  for (size_t i = 0; i < sizeof special4 / sizeof special4[0]; i++)
    if ((address ^ special4[i].address) >> (32 - special4[i].bits) == 0) return false;
  return true;
}

typedef struct range6 {
  uint8_t prefix[16];
  unsigned bits;
} range6;

static const range6 special6[] = {
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48}, /* local-use translation */
    {{0x01}, 64},                               /* discard only */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},             /* documentation */
    {{0x20, 0x01, 0x00}, 23},                   /* protocol assignments, Teredo */
    {{0x20, 0x02}, 16},                         /* 6to4 */
    {{0x3f, 0xff, 0x00}, 20},                   /* documentation */
    {{0xfc}, 7},                                /* unique local */
    {{0xfe, 0x80}, 10},                         /* link-local */
    {{0xfe, 0xc0}, 10},                         /* site-local */
    {{0xff}, 8},                                /* multicast */
};

static bool within(const uint8_t *address, const range6 *r) {
  unsigned whole = r->bits / 8, rest = r->bits % 8;
  if (memcmp(address, r->prefix, whole) != 0) return false;
  return rest == 0 || (address[whole] ^ r->prefix[whole]) >> (8 - rest) == 0;
}

static uint32_t tail4(const uint8_t *a) {
  return (uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 | (uint32_t)a[14] << 8 | a[15];
}

static bool public6(const uint8_t *a) {
  static const uint8_t zero[12], mapped[12] = {[10] = 0xff, [11] = 0xff}, translated[12] = {0x00, 0x64, 0xff, 0x9b};
  if (memcmp(a, zero, 12) == 0) return false; /* unspecified, loopback, IPv4-compatible */
  if (memcmp(a, mapped, 12) == 0 || memcmp(a, translated, 12) == 0) return public4(tail4(a));
  for (size_t i = 0; i < sizeof special6 / sizeof special6[0]; i++)
    if (within(a, &special6[i])) return false;
  return true;
}

bool hearth__address_is_public(const struct sockaddr *address) {
  if (address->sa_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in);
    return public4(ntohl(in.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    struct sockaddr_in6 in;
    memcpy(&in, address, sizeof in);
    return public6(in.sin6_addr.s6_addr);
  }
  return false;
}

bool hearth__address_text_is_public(const char *text) {
  struct in_addr four;
  struct in6_addr six;
  char plain[INET6_ADDRSTRLEN];
  if (inet_pton(AF_INET, text, &four) == 1) return public4(ntohl(four.s_addr));
  size_t n = strcspn(text, "%"); /* a zone is no part of the address */
  if (n >= sizeof plain) return false;
  memcpy(plain, text, n);
  plain[n] = '\0';
  return inet_pton(AF_INET6, plain, &six) == 1 && public6(six.s6_addr);
}
