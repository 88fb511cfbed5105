/* Cookie jars of an HTTP client, in memory, each by its name: whose cookies they are. What one jar holds never goes out with a request of
** another. The jars used last are kept, up to a limit. For the loop's thread. */
#ifndef HEARTH__JARS_H
#define HEARTH__JARS_H

#include <stddef.h>

#include <curl/curl.h>

enum { HEARTH__JARS_KEPT = 1000 };

typedef struct hearth__jar hearth__jar;

typedef struct hearth__jars {
  hearth__jar *first; /* the one that was used last */
  size_t count;
} hearth__jars;

/* The jar of this name, empty when it is new; a request uses it until `leave`. NULL when memory is short. */
hearth__jar *hearth__jars_enter(hearth__jars *jars, const char *name);
void hearth__jars_leave(hearth__jars *jars, hearth__jar *jar);
CURLSH *hearth__jar_share(const hearth__jar *jar);

/* Frees all. No request may be using one. */
void hearth__jars_free(hearth__jars *jars);

#endif
