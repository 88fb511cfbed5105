/* The JSON file engine: one readable file, for development. The records are held in memory; each commit writes the whole file anew (temporary
** file, sync, rename, sync of the folder), so that it is what it was or what it became, never something between. Before each
** transaction, and when a reader asks, a file that somebody else has replaced is taken over: another process, or a person with an
** editor. One that cannot be read is refused where it stands, and what was read before stays readable.
**
** A transaction works on a draft, a copy that shares the values: readers never wait for a file that is being written. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/files.h"
#include "store/gate.h"
#include "store/jsontext.h"
#include "store/news.h"

enum { GATE_MS = 10000 };

/* Which file we have read or written. Two that are written within one tick of the file system's clock look alike: the gate's count tells them apart. */
typedef struct stamp {
  int64_t writes;
  dev_t dev;
  ino_t ino;
  off_t size;
  struct timespec time;
} stamp;

typedef struct json_engine {
  hearth__memory memory; /* first: the engine */
  hearth__memory draft;  /* the writer's, between begin and its end */
  bool drafting;
  char *path;
  hearth__gate *gate; /* NULL: read only */
  atomic_bool *abort;
  uv_mutex_t lock; /* of `seen` */
  stamp seen;
  bool exists;
  hearth__news news; /* under the memory's lock */
} json_engine;

static json_engine *of(hearth__engine *e) {
  return (json_engine *)e;
}

static bool look(const json_engine *j, stamp *s) {
  struct stat st;
  int64_t writes = j->gate ? hearth__gate_number(j->gate) : 0; /* before the file: one that comes in between is looked at again */
  if (stat(j->path, &st) != 0) return false;
  *s = (stamp){writes, st.st_dev, st.st_ino, st.st_size, st.st_mtim};
  return true;
}

static bool same(const stamp *a, const stamp *b) {
  return a->writes == b->writes && a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->time.tv_sec == b->time.tv_sec &&
         a->time.tv_nsec == b->time.tv_nsec;
}

/* Any thread. Is the file still the one that we know? */
static bool unchanged(json_engine *j) {
  stamp now;
  bool exists = look(j, &now);
  uv_mutex_lock(&j->lock);
  bool is = exists == j->exists && (!exists || same(&now, &j->seen));
  uv_mutex_unlock(&j->lock);
  return is;
}

static void remember(json_engine *j, bool exists, const stamp *s) {
  uv_mutex_lock(&j->lock);
  j->exists = exists;
  if (exists) j->seen = *s;
  uv_mutex_unlock(&j->lock);
}

/* Under the memory's lock: its content becomes that of the file. On failure it stays as it was. */
static int take_over(json_engine *j, hearth__fault *f) {
  hearth__memory fresh;
  stamp before, after;
  char *text = NULL;
  size_t size = 0;
  bool exists = look(j, &before);
  if (!exists && errno != ENOENT && errno != ENOTDIR) return hearth__fail(f, hearth__errno_code(errno), "%s: %s", j->path, strerror(errno));
  if (hearth__memory_init(&fresh, &hearth__json_engine) != 0) return hearth__fail(f, "EIO", "out of memory");
  int status = 0;
  while (exists) {
    status = hearth__read_file(j->path, &text, &size, f);
    if (status != 0 || (look(j, &after) && same(&before, &after))) break;
    free(text); /* it was replaced while we read */
    text = NULL;
    exists = look(j, &before);
  }
  if (status == 0 && exists && size > 0) {
    int64_t edited = (int64_t)before.time.tv_sec * 1000 + before.time.tv_nsec / 1000000;
    status = hearth__jsontext_read(&fresh, j->path, text, size, edited, f);
  }
  free(text);
  if (status == 0) {
    if (fresh.next_id < j->memory.next_id) fresh.next_id = j->memory.next_id;
    hearth__news_take(&j->news, &j->memory, &fresh);
    hearth__memory_swap(&j->memory, &fresh);
    remember(j, exists, &before);
  }
  hearth__memory_free(&fresh);
  return status;
}

/* ---- open */

/* Broken, but begun as one of ours? Only such a file may be set aside. */
static bool is_ours(const char *path) {
  char head[128] = {0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, head, sizeof head - 1);
  close(fd);
  return n > 0 && strstr(head, "\"hearth\"") && strstr(head, "\"format\"");
}

static int set_aside(json_engine *j, int64_t now, hearth__fault *f) {
  char to[4200];
  hearth__fault why = *f;
  if (hearth__set_aside(j->path, now, to, sizeof to, f) != 0) return -1;
  fprintf(stderr, "hearth: %s\nhearth: the damaged store was set aside as %s; a new one begins\n", why.message, to);
  return 0;
}

static void close_json(hearth__engine *e) {
  json_engine *j = of(e);
  hearth__gate_close(j->gate);
  hearth__memory_free(&j->memory);
  hearth__news_free(&j->news);
  uv_mutex_destroy(&j->lock);
  free(j->path);
  free(j);
}

static int open_json(const char *location, const hearth__engine_options *options, hearth__engine **out, hearth__fault *f) {
  json_engine *j = calloc(1, sizeof *j);
  if (!j || hearth__memory_init(&j->memory, &hearth__json_engine) != 0) {
    free(j);
    return hearth__fail(f, "EIO", "out of memory");
  }
  if (uv_mutex_init(&j->lock) != 0) {
    hearth__memory_free(&j->memory);
    free(j);
    return hearth__fail(f, "EIO", "out of memory");
  }
  j->abort = options->abort;
  size_t room = strlen(location) + 8;
  char *gate = malloc(room);
  j->path = strdup(location);
  int status = j->path && gate ? 0 : hearth__fail(f, "EIO", "out of memory");
  if (status == 0) status = hearth__check_place(location, f);
  if (status == 0 && !options->read_only) {
    snprintf(gate, room, "%s-gate", location);
    status = hearth__make_folders(location, f);
    if (status == 0) status = hearth__gate_open(gate, &j->gate, f);
  } else if (status == 0 && access(location, R_OK) != 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      status = hearth__fail(f, "ENOKEY", "%s: there is no store yet", location);
    else
      status = hearth__fail(f, hearth__errno_code(errno), "%s: %s", location, strerror(errno));
  }
  if (status == 0) {
    status = take_over(j, f);
    if (status != 0 && strcmp(f->code, "ECORRUPT") == 0 && options->set_aside && j->gate && is_ours(location)) {
      if (hearth__gate_alone(j->gate)) {
        status = set_aside(j, options->now, f);
        hearth__gate_not_alone(j->gate);
        if (status == 0) status = take_over(j, f);
      }
    }
  }
  free(gate);
  if (status != 0) {
    hearth__gate_discard(j->gate);
    j->gate = NULL;
    close_json(&j->memory.engine);
    return -1;
  }
  hearth__news_free(&j->news);
  j->news.reaches_back = j->memory.commit;
  *out = &j->memory.engine;
  return 0;
}

/* ---- the writer */

static void end_draft(json_engine *j) {
  if (!j->drafting) return;
  j->drafting = false;
  hearth__memory_free(&j->draft);
  hearth__gate_leave(j->gate);
}

static int begin(hearth__engine *e, int64_t *commit, hearth__fault *f) {
  json_engine *j = of(e);
  if (!j->gate) return hearth__fail(f, "EROFS", "%s: was opened read only", j->path);
  if (hearth__gate_enter(j->gate, j->abort, GATE_MS) != 0) /* there is no other lock than this one: no entry, no commit */
    return hearth__fail(f, "ETIMEOUT", "%s: another process holds the lock of the file and does not let go", j->path);
  uv_mutex_lock(&j->memory.lock);
  int status = unchanged(j) ? 0 : take_over(j, f);
  if (status == 0 && hearth__memory_clone(&j->memory, &j->draft) != 0) status = hearth__fail(f, "EIO", "out of memory");
  uv_mutex_unlock(&j->memory.lock);
  if (status != 0) {
    hearth__gate_leave(j->gate);
    return -1;
  }
  j->drafting = true;
  *commit = j->draft.commit;
  return 0;
}

static int apply(hearth__engine *e, hearth__change *list, size_t n, hearth__fault *f) {
  return hearth__memory_apply(&of(e)->draft.engine, list, n, f);
}

static int clear(hearth__engine *e, const char *ns, size_t ns_size, hearth__fault *f) {
  return hearth__memory_clear(&of(e)->draft.engine, ns, ns_size, f);
}

static int keep(hearth__engine *e, const hearth__name *name, const hearth__record *r, int64_t now, hearth__fault *f) {
  return hearth__memory_keep_damaged(&of(e)->draft.engine, name, r, now, f);
}

static int drop(hearth__engine *e, int64_t kept_id, bool *found, hearth__fault *f) {
  return hearth__memory_drop_kept(&of(e)->draft.engine, kept_id, found, f);
}

static int commit(hearth__engine *e, int64_t revision, const void *log, size_t log_size, hearth__fault *f) {
  json_engine *j = of(e);
  size_t size;
  stamp s;
  (void)log;
  (void)log_size;
  j->draft.commit = revision;
  char *text = hearth__jsontext_write(&j->draft, &size);
  int status = text ? hearth__replace_file(j->path, text, size, false, f) : hearth__fail(f, "EIO", "out of memory");
  free(text);
  if (status != 0) return -1;
  uv_mutex_lock(&j->memory.lock);
  bool exists = look(j, &s);
  s.writes = hearth__gate_number(j->gate) + 1;
  remember(j, exists, &s);
  hearth__memory_swap(&j->memory, &j->draft);
  uv_mutex_unlock(&j->memory.lock);
  hearth__gate_publish(j->gate, s.writes);
  end_draft(j);
  return 0;
}

static void rollback(hearth__engine *e) {
  end_draft(of(e));
}

/* ---- readers */

/* What a reader sees: the file's content; the writer, who has no connection: its draft. */
static hearth__engine *seen_by(hearth__engine *e, const hearth__conn *c) {
  return c ? e : &of(e)->draft.engine;
}

static int load(hearth__engine *e, hearth__conn *c, hearth__item *items, size_t n, hearth__fault *f) {
  return hearth__memory_load(seen_by(e, c), c, items, n, f);
}

static int scan(hearth__engine *e, hearth__conn *c, const hearth__scan *s, hearth__key_fn *fn, void *arg, hearth__fault *f) {
  return hearth__memory_scan(seen_by(e, c), c, s, fn, arg, f);
}

static int each(hearth__engine *e, hearth__conn *c, const char *ns, size_t ns_size, bool values, hearth__record_fn *fn, void *arg,
                hearth__fault *f) {
  return hearth__memory_each(seen_by(e, c), c, ns, ns_size, values, fn, arg, f);
}

static int expiring(hearth__engine *e, hearth__conn *c, int64_t until, int64_t limit, hearth__record_fn *fn, void *arg, hearth__fault *f) {
  return hearth__memory_expiring(seen_by(e, c), c, until, limit, fn, arg, f);
}

static int namespaces(hearth__engine *e, hearth__conn *c, hearth__key_fn *fn, void *arg, hearth__fault *f) {
  return hearth__memory_namespaces(seen_by(e, c), c, fn, arg, f);
}

static int kept(hearth__engine *e, hearth__conn *c, hearth__kept_fn *fn, void *arg, hearth__fault *f) {
  return hearth__memory_kept_each(seen_by(e, c), c, fn, arg, f);
}

/* Takes over what others wrote. */
static int changes(hearth__engine *e, hearth__conn *c, int64_t since, int64_t *commit_out, bool *complete, hearth__log_fn *fn, void *arg,
                   hearth__fault *f) {
  json_engine *j = of(e);
  int status = 0;
  uv_mutex_lock(&j->memory.lock);
  if (c && !unchanged(j)) { /* the writer has looked when it began */
    hearth__fault own = {0};
    /* A file that is being edited and does not parse yet: what was read before stays, until a write asks for more. */
    if (take_over(j, &own) != 0 && strcmp(own.code, "ECORRUPT") != 0) {
      *f = own;
      status = -1;
    }
  }
  *commit_out = c ? j->memory.commit : j->draft.commit;
  int told = status == 0 ? hearth__news_tell(&j->news, since, complete, fn, arg) : 0;
  uv_mutex_unlock(&j->memory.lock);
  return status != 0 ? status : told;
}

static bool current(hearth__engine *e, int64_t known) {
  json_engine *j = of(e);
  (void)known;
  return unchanged(j);
}

static int usage(hearth__engine *e, hearth__conn *c, const char *ns, size_t ns_size, hearth__usage *u, hearth__fault *f) {
  struct stat st;
  int status = hearth__memory_usage(seen_by(e, c), c, ns, ns_size, u, f);
  if (status == 0 && stat(of(e)->path, &st) == 0) u->file_bytes = st.st_size;
  return status;
}

static int backup(hearth__engine *e, hearth__conn *c, const char *path, atomic_bool *stop, hearth__fault *f) {
  json_engine *j = of(e);
  size_t size;
  (void)stop;
  (void)c; /* always a reader's */
  uv_mutex_lock(&j->memory.lock);
  char *text = hearth__jsontext_write(&j->memory, &size);
  uv_mutex_unlock(&j->memory.lock);
  int status = text ? hearth__replace_file(path, text, size, true, f) : hearth__fail(f, "EIO", "out of memory");
  free(text);
  return status;
}

static const char *notice(hearth__engine *e) {
  return of(e)->gate ? hearth__gate_path(of(e)->gate) : NULL;
}

const hearth__engine_class hearth__json_engine = {
    .name = "json",
    .is_file = true,
    .open = open_json,
    .close = close_json,
    .begin = begin,
    .apply = apply,
    .clear = clear,
    .keep = keep,
    .drop = drop,
    .commit = commit,
    .rollback = rollback,
    .connect = hearth__memory_connect,
    .disconnect = hearth__memory_disconnect,
    .load = load,
    .scan = scan,
    .each = each,
    .expiring = expiring,
    .usage = usage,
    .namespaces = namespaces,
    .kept = kept,
    .changes = changes,
    .backup = backup,
    .current = current,
    .notice = notice,
};
