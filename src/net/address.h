/* Which addresses belong to the public internet: what a fetch with public_only may connect to. */
#ifndef HEARTH__ADDRESS_H
#define HEARTH__ADDRESS_H

#include <stdbool.h>

#include <sys/socket.h>

/* False for private, loopback, link-local, multicast, documentation and other special ranges (IANA), also where an IPv6 address carries such an
** IPv4 one, and for families other than IPv4 and IPv6. */
bool hearth__address_is_public(const struct sockaddr *address);

/* The same for its text, without brackets or port; false for what is no address. */
bool hearth__address_text_is_public(const char *text);

#endif
