/* See jars.h. A list in order of use: there are as many jars as people for whom a program keeps cookies. */
#include "net/jars.h"

#include <stdlib.h>
#include <string.h>

struct hearth__jar {
  hearth__jar *next;
  CURLSH *share;
  size_t users; /* requests in flight */
  char name[];
};

static void destroy(hearth__jar *jar) {
  curl_share_cleanup(jar->share);
  free(jar);
}

static hearth__jar *create(const char *name) {
  size_t size = strlen(name) + 1;
  hearth__jar *jar = malloc(sizeof *jar + size);
  if (!jar) return NULL;
  *jar = (hearth__jar){.share = curl_share_init()};
  memcpy(jar->name, name, size);
  if (jar->share && curl_share_setopt(jar->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE) == CURLSHE_OK) return jar;
  destroy(jar);
  return NULL;
}

/* Those that nobody uses go, the longest unused first. */
static void trim(hearth__jars *jars) {
  while (jars->count > HEARTH__JARS_KEPT) {
    hearth__jar **oldest = NULL;
    for (hearth__jar **link = &jars->first; *link; link = &(*link)->next)
      if ((*link)->users == 0) oldest = link;
    if (!oldest) return;
    hearth__jar *jar = *oldest;
    *oldest = jar->next;
    jars->count--;
    destroy(jar);
  }
}

hearth__jar *hearth__jars_enter(hearth__jars *jars, const char *name) {
  hearth__jar **link = &jars->first;
  while (*link && strcmp((*link)->name, name) != 0) link = &(*link)->next;
  hearth__jar *jar = *link;
  if (jar) {
    *link = jar->next;
  } else {
    jar = create(name);
    if (!jar) return NULL;
    jars->count++;
  }
  jar->next = jars->first;
  jars->first = jar;
  jar->users++;
  trim(jars);
  return jar;
}

void hearth__jars_leave(hearth__jars *jars, hearth__jar *jar) {
  jar->users--;
  trim(jars);
}

CURLSH *hearth__jar_share(const hearth__jar *jar) {
  return jar->share;
}

void hearth__jars_free(hearth__jars *jars) {
  while (jars->first) {
    hearth__jar *jar = jars->first;
    jars->first = jar->next;
    destroy(jar);
  }
  jars->count = 0;
}
