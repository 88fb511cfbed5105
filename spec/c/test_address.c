/* What public_only lets through: the edges of every special range. */
#include "check.h"

#include "net/address.c"

static void private_addresses_are_not_public(void) {
  static const char *const texts[] = {"0.0.0.0",
                                      "10.0.0.1",
                                      "10.255.255.255",
                                      "100.64.0.0",
                                      "100.127.255.255",
                                      "127.0.0.1",
                                      "127.255.255.255",
                                      "169.254.169.254",
                                      "172.16.0.0",
                                      "172.31.255.255",
                                      "192.0.0.8",
                                      "192.0.2.1",
                                      "192.168.0.1",
                                      "198.18.0.1",
                                      "198.19.255.255",
                                      "198.51.100.7",
                                      "203.0.113.9",
                                      "224.0.0.1",
                                      "239.1.2.3",
                                      "255.255.255.255",
                                      "::",
                                      "::1",
                                      "::ffff:10.0.0.1",
                                      "::127.0.0.1",
                                      "64:ff9b::a00:1",
                                      "64:ff9b:1::1",
                                      "100::1",
                                      "2001:db8::1",
                                      "2001::1",
                                      "2002:a00:1::",
                                      "fc00::1",
                                      "fdff::1",
                                      "fe80::1",
                                      "fe80::1%eth0",
                                      "febf::1",
                                      "fec0::1",
                                      "ff02::1",
                                      "localhost",
                                      "",
                                      "1.2.3"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (hearth__address_text_is_public(texts[i])) fprintf(stderr, "%s is taken for public\n", texts[i]);
    CHECK(!hearth__address_text_is_public(texts[i]));
  }
}

static void public_addresses_are(void) {
  static const char *const texts[] = {"1.1.1.1",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255", "100.128.0.0",
                                      "126.255.255.255", "172.15.255.255",  "172.32.0.0",      "192.167.0.1",    "192.169.0.1",
                                      "198.17.255.255",  "198.20.0.0",      "223.255.255.255", "2606:4700::1",   "2a00:1450::1",
                                      "::ffff:8.8.8.8",  "64:ff9b::808:808"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (!hearth__address_text_is_public(texts[i])) fprintf(stderr, "%s is taken for private\n", texts[i]);
    CHECK(hearth__address_text_is_public(texts[i]));
  }
}

static void a_socket_address_is_read_as_its_text(void) {
  struct sockaddr_in four = {.sin_family = AF_INET};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6};
  struct sockaddr other = {.sa_family = AF_UNIX};
  four.sin_addr.s_addr = htonl(0x7f000001);
  CHECK(!hearth__address_is_public((struct sockaddr *)&four));
  four.sin_addr.s_addr = htonl(0x08080808);
  CHECK(hearth__address_is_public((struct sockaddr *)&four));
  CHECK(!hearth__address_is_public((struct sockaddr *)&six));
  CHECK(!hearth__address_is_public(&other));
}

int main(void) {
  RUN(private_addresses_are_not_public);
  RUN(public_addresses_are);
  RUN(a_socket_address_is_read_as_its_text);
  return check_end();
}
