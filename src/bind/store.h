/* hearth.core.store, shared by its files: the handle behind a Lua store, and what waits for it.
**
** A handle outlives its userdata for as long as something of it is on its way. Everything here is for the owner thread. */
#ifndef HEARTH__BIND_STORE_H
#define HEARTH__BIND_STORE_H

#include <lua.h>

#include "blocks.h"
#include "error.h"
#include "runtime.h"
#include "store/store.h"
#include "task.h"
#include "timer.h"

#define HEARTH__STORE_CLASS "hearth.store"
#define HEARTH__PLANNED     "a fault that the test asked for"

typedef struct hearth__handle hearth__handle;
typedef struct hearth__wait hearth__wait;
typedef struct hearth__delay hearth__delay;
typedef struct hearth__making hearth__making;

/* What tests ask for: it sits in front of the cache. */
typedef struct hearth__plan {
  double latency, last_due;
  char op[8]; /* "read", "write", "open"; empty: nothing fails */
  char code[16];
  int nth, times;
  bool active;
} hearth__plan;

typedef struct hearth__latency hearth__latency;

/* One for each state: its handles and its faults. */
typedef struct hearth__stores {
  hearth__closer closer;
  hearth_t *h;
  hearth__state *state;
  hearth__handle *first;
  hearth__wait *delayed, **delayed_tail;
  hearth__plan plan;
  uv_prepare_t *turn;   /* runs before the loop waits: the turn's writes begin */
  int refs;             /* handles, and the state */
  hearth__blocks waits; /* the memory of what waits: made and let go of by the thousand */
  hearth__blob *lent;   /* is being copied to Lua, which may raise: released before the next, or at the end */
  hearth__timer sweep;  /* lets go of tags */
  int *tags;
  size_t n_tags, room_tags;
  size_t opening;
  hearth__latency *latency; /* NULL: nobody asked */
  hearth__making *makings;  /* on workers */
  bool ended;               /* opens nothing more; `h` is NULL once it is gone */
} hearth__stores;

typedef struct hearth__listener {
  struct hearth__listener *next;
  int fn; /* reference */
} hearth__listener;

struct hearth__handle {
  hearth__message message; /* "something landed" */
  hearth__handle *next, *prev;
  hearth__stores *stores;
  hearth__store *store; /* NULL once closed */
  atomic_bool posted;
  int refs;
  bool closed;           /* takes nothing more */
  size_t in_flight;      /* waits that have started or are delayed */
  hearth__wait *closing; /* those who wait for the close */
  hearth__listener *listeners;
  uv_fs_event_t *notice;
  hearth__timer poll;
  int64_t next_expiry;
  hearth__timer expiry;
};

/* One operation on its way. It starts at once or after the latency that a test asked for; `landed` is called once; whoever waits may
** let go before. */
struct hearth__wait {
  hearth__op op;
  hearth__handle *handle;
  hearth__wait *next;
  void (*start)(hearth__wait *w);
  void (*drop)(hearth__wait *w); /* frees it with all that it holds */
  hearth__delay *delay;          /* while it is delayed */
  uint64_t began;                /* when, in ns; 0: it is not measured */
  const char *code, *why;        /* static; NULL: look at the answer */
  uint32_t size;                 /* of its block */
  bool landed, released;
  bool write; /* which histogram */
};

/* store_wait.c. Frees with hearth__wait_free at the end of `drop`. NULL when memory is short. */
void *hearth__wait_new(lua_State *L, hearth__handle *hd, size_t size, const hearth__op_class *class_, void (*start)(hearth__wait *w),
                       void (*drop)(hearth__wait *w));
void hearth__wait_free(hearth__wait *w);
/* kind: "read", "write" or NULL (never fails). After this the wait is on its way. */
void hearth__wait_go(hearth__wait *w, const char *kind);
void hearth__wait_fail(hearth__wait *w, const char *code, const char *why);
/* Why it failed: its own reason (put into `room`), else that of the work that it waited for; NULL: it did not. `job` may be NULL. */
const hearth__fault *hearth__wait_fault(const hearth__wait *w, const hearth__fault *job, hearth__fault *room);
void hearth__wait_begin(hearth__wait *w);   /* what was delayed begins */
void hearth__wait_undelay(hearth__wait *w); /* takes it out of the delayed ones, and stops its timer */
void hearth__wait_landed(hearth__wait *w);
void hearth__wait_release(hearth__op *op); /* release of every class here */

/* The code that the plan of a test asks for, in operations of this kind; NULL: it goes on. */
const char *hearth__plan_hit(hearth__stores *ss, const char *kind);

/* store.c */
hearth__stores *hearth__stores_of(lua_State *L);
void hearth__stores_unref(hearth__stores *ss);
void hearth__stores_rest(hearth__stores *ss); /* one operation less */
void hearth__stores_arm(void *handle);        /* the turn's end is to begin the writing */

/* store_handle.c */
hearth__handle *hearth__handle_new(hearth__stores *ss); /* NULL when memory is short */
void hearth__handle_attach(hearth__handle *hd);         /* its store is open: it hears of what lands */
void hearth__handle_close(hearth__handle *hd, int ms);  /* gives the store up; what is still queued after `ms` is named */
void hearth__handle_settle(hearth__handle *hd);         /* something landed: a close that waits for that may go on */
void hearth__name_unsaved(void *handle, const hearth__name *name);
void hearth__handle_ref(hearth__handle *hd);
void hearth__handle_unref(hearth__handle *hd);
hearth__handle *hearth__handle_check(lua_State *L, int idx, const char *verb); /* raises ECLOSED, EINVAL */
/* Pushes fn with the upvalues state, handle, namespace and verb, of which the last three are the arguments; and the handle that it is bound to. */
int hearth__bind(lua_State *L, lua_CFunction fn);
hearth__handle *hearth__handle_bound(lua_State *L, const char *verb);

/* store_push.c. The name at idx (namespace) and idx + 1 (key), checked: EINVAL, EBIG. Borrowed from the Lua strings. */
hearth__name hearth__check_name(lua_State *L, int ns_idx, int key_idx, const char *verb);
int hearth__raise_fault(lua_State *L, const hearth__fault *f, const char *verb, const hearth__name *name);
void hearth__push_fault(lua_State *L, const hearth__fault *f, const char *verb, const hearth__name *name);
void hearth__push_record(lua_State *L, const hearth__record *r, const hearth__fault *f, const char *verb, const hearth__name *name);

/* store_latency.c */
void hearth__latency_note(hearth__latency *l, bool write, uint64_t nanoseconds);
int hearth__l_store_latency(lua_State *L);

/* store_make.c. Is the value at idx, a string or packed, one that a worker makes? */
bool hearth__makes_later(lua_State *L, int idx);
/* The worker is to make the value of this op; *making is NULL at first. Raises when memory is short: *making stays the caller's to free. */
void hearth__making_add(lua_State *L, hearth__handle *hd, hearth__making **making, hearth__write_op *op, int idx);
size_t hearth__making_count(const hearth__making *m);
/* After the batch was submitted, with so many values unmade. `over`, on the loop, gives the making back: then the batch may be freed. */
void hearth__making_start(hearth__making *m, hearth__batch *b, void (*over)(void *user), void *user);
void hearth__making_free(hearth__making *m);   /* before start, or in `over` */
void hearth__makings_stop(hearth__stores *ss); /* no worker looks at anything of Lua afterwards */

/* store_events.c */
void hearth__handle_events(hearth__handle *hd, const hearth__events *events);
void hearth__handle_quiet(hearth__handle *hd); /* stops hearing for good */
int hearth__l_store_subscribe(lua_State *L);
void hearth__tag_later(hearth__stores *ss, int ref);
void hearth__tags_free(hearth__stores *ss);

/* Methods and functions, by their files. */
int hearth__l_store_open(lua_State *L);
int hearth__l_store_close(lua_State *L);
int hearth__l_store_gc(lua_State *L);
int hearth__l_store_crash(lua_State *L);
int hearth__l_store_set_faults(lua_State *L);
int hearth__l_store_get(lua_State *L);
int hearth__l_store_getter(lua_State *L);
int hearth__l_store_get_json(lua_State *L);
int hearth__l_store_build(lua_State *L);
int hearth__l_store_read(lua_State *L);
int hearth__l_store_read_many(lua_State *L);
int hearth__l_store_fetch(lua_State *L);
int hearth__l_store_load(lua_State *L);
int hearth__l_store_write(lua_State *L);
int hearth__l_store_setter(lua_State *L);
int hearth__l_store_put_many(lua_State *L);
int hearth__l_store_apply(lua_State *L);
int hearth__l_store_submit(lua_State *L);
int hearth__l_store_put_raw(lua_State *L);
int hearth__l_store_quarantine_take(lua_State *L);
int hearth__l_store_purge(lua_State *L);
int hearth__l_store_flush(lua_State *L);
int hearth__l_store_scan(lua_State *L);
int hearth__l_store_namespaces(lua_State *L);
int hearth__l_store_usage(lua_State *L);
int hearth__l_store_quarantine(lua_State *L);
int hearth__l_store_verify(lua_State *L);
int hearth__l_store_stats(lua_State *L);
int hearth__l_store_backup(lua_State *L);

#endif
