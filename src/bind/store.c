/* hearth.core.store: opens stores and closes them, and carries what waits for them. The verbs are in store_read.c, store_write.c,
** store_admin.c and store_events.c; their contract is in docs/internals.md. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "bind/store.h"
#include "error.h"
#include "module.h"
#include "ref.h"
#include "store/files.h"

#define STORE_CLASS "hearth.store"

static const char stores_slot = 's';

hearth__stores *hearth__stores_of(lua_State *L) {
  hearth__slot_push(L, &stores_slot);
  hearth__stores *ss = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return ss;
}

/* ---- handles */

void hearth__stores_unref(hearth__stores *ss) {
  if (--ss->refs > 0) return;
  free(ss->tags);
  free(ss->latency);
  free(ss);
}

void hearth__handle_ref(hearth__handle *hd) {
  hd->refs++;
}

void hearth__handle_unref(hearth__handle *hd) {
  if (--hd->refs > 0) return;
  hearth__stores_unref(hd->stores);
  free(hd);
}

/* One reference belongs to the message, posted or not, for as long as there is a store. */
static void message_run(hearth_t *h, hearth__message *m) {
  hearth__handle *hd = (hearth__handle *)m;
  (void)h;
  atomic_store(&hd->posted, false);
  if (hd->store) {
    hearth__handle_ref(hd);
    hearth__store_deliver(hd->store);
  }
  hearth__handle_unref(hd);
}

static void message_drop(hearth__message *m) {
  hearth__handle_unref((hearth__handle *)m);
}

/* Any thread, under the store's lock. */
static void wake(void *arg) {
  hearth__handle *hd = arg;
  atomic_store(&hd->posted, true);
  if (hearth__post(hearth__inbox_of(hd->stores->h), &hd->message) != 0) atomic_store(&hd->posted, false);
}

static void events_came(hearth__store *s, const hearth__events *events) {
  hearth__handle_events(hearth__store_arg(s), events);
}

static hearth__handle *handle_new(hearth__stores *ss) {
  hearth__handle *hd = calloc(1, sizeof *hd);
  if (!hd) return NULL;
  hd->stores = ss;
  hd->refs = 1;
  ss->refs++;
  hd->message.run = message_run;
  hd->message.drop = message_drop;
  return hd;
}

/* ---- the turn's end */

static void turn_over(uv_prepare_t *handle) {
  hearth__stores *ss = handle->data;
  uv_prepare_stop(handle);
  for (hearth__handle *hd = ss->first; hd; hd = hd->next)
    if (hd->store) hearth__store_kick(hd->store);
}

static void arm_turn(void *arg) {
  hearth__stores *ss = ((hearth__handle *)arg)->stores;
  if (ss->turn) uv_prepare_start(ss->turn, turn_over);
}

static void turn_closed(uv_handle_t *handle) {
  free(handle);
}

static int turn_new(hearth__stores *ss) {
  ss->turn = calloc(1, sizeof *ss->turn);
  if (!ss->turn) return -1;
  uv_prepare_init(hearth_loop(ss->h), ss->turn);
  uv_unref((uv_handle_t *)ss->turn);
  ss->turn->data = ss;
  return 0;
}

static void not_busy(hearth__stores *ss) {
  if (ss->h) hearth__busy_end(ss->h);
}

hearth__handle *hearth__handle_check(lua_State *L, int idx, const char *verb) {
  hearth__handle **box = luaL_testudata(L, idx, STORE_CLASS);
  if (!box) hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: call it on a store, with a colon", verb);
  if (!*box || (*box)->closed)
    hearth__raise(L, "ECLOSED", &(hearth__error_fields){.op = verb}, "%s: the store has been closed; open it again", verb);
  return *box;
}

hearth__handle *hearth__handle_bound(lua_State *L, const char *verb) {
  hearth__handle *hd = *(hearth__handle **)lua_touserdata(L, lua_upvalueindex(2));
  if (!hd || hd->closed)
    hearth__raise(L, "ECLOSED", &(hearth__error_fields){.op = verb}, "%s: the store has been closed; open it again", verb);
  return hd;
}

int hearth__bind(lua_State *L, lua_CFunction fn) {
  hearth__handle_check(L, 1, "store:bind");
  luaL_checktype(L, 2, LUA_TSTRING);
  luaL_checkstring(L, 3);
  lua_pushlightuserdata(L, hearth__state_of(L));
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_pushcclosure(L, fn, 4);
  return 1;
}

/* ---- errors and records as Lua sees them */

void hearth__push_fault(lua_State *L, const hearth__fault *f, const char *verb, const hearth__name *name) {
  hearth__error_fields fields = {.op = verb};
  char place[128] = "";
  if (name) {
    luaL_checkstack(L, 2, NULL);
    lua_pushlstring(L, name->ns, name->ns_size);
    fields.ns = lua_tostring(L, -1);
    fields.key = name->key;
    fields.key_size = name->key_size;
    snprintf(place, sizeof place, " \"%.*s\"", (int)(name->key_size > 100 ? 100 : name->key_size), name->key);
  }
  const char *path = f->message[0] == '/' ? strstr(f->message, ": ") : NULL; /* messages about a file begin with it */
  if (path) {
    luaL_checkstack(L, 2, NULL);
    lua_pushlstring(L, f->message, (size_t)(path - f->message));
    fields.path = lua_tostring(L, -1);
  }
  hearth__error_push(L, f->code, &fields, "%s%s: %s", verb, place, f->message);
  if (path) lua_remove(L, -2);
  if (name) lua_remove(L, -2);
}

int hearth__raise_fault(lua_State *L, const hearth__fault *f, const char *verb, const hearth__name *name) {
  hearth__push_fault(L, f, verb, name);
  return lua_error(L);
}

static void set_time(lua_State *L, const char *field, int64_t ms) {
  if (ms == 0) return;
  lua_pushnumber(L, (lua_Number)ms / 1000);
  lua_setfield(L, -2, field);
}

void hearth__push_record(lua_State *L, const hearth__record *r, const hearth__fault *f, const char *verb, const hearth__name *name) {
  lua_createtable(L, 0, 8);
  lua_pushinteger(L, r->revision);
  lua_setfield(L, -2, "revision");
  if (f) {
    hearth__push_fault(L, f, verb, name);
    lua_setfield(L, -2, "error");
    return;
  }
  if (r->state != HEARTH__PRESENT) return;
  lua_pushlstring(L, r->value->bytes, r->value->size);
  lua_setfield(L, -2, "value");
  set_time(L, "created_at", r->created_at);
  set_time(L, "updated_at", r->updated_at);
  set_time(L, "expires_at", r->expires_at);
  lua_pushinteger(L, r->version);
  lua_setfield(L, -2, "version");
  lua_pushinteger(L, (lua_Integer)r->size);
  lua_setfield(L, -2, "size");
  lua_pushstring(L, r->kind == HEARTH__JSON ? "json" : "text");
  lua_setfield(L, -2, "kind");
}

hearth__name hearth__check_name(lua_State *L, int ns_idx, int key_idx, const char *verb) {
  hearth__name name;
  if (lua_type(L, ns_idx) != LUA_TSTRING)
    hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: a namespace is a string, not a %s", verb,
                  luaL_typename(L, ns_idx));
  if (lua_type(L, key_idx) != LUA_TSTRING)
    hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: a key is a string, not a %s", verb, luaL_typename(L, key_idx));
  name.ns = lua_tolstring(L, ns_idx, &name.ns_size);
  name.key = lua_tolstring(L, key_idx, &name.key_size);
  if (name.key_size > HEARTH__KEY_MAX || name.ns_size > HEARTH__KEY_MAX)
    hearth__raise(L, "EBIG", &(hearth__error_fields){.op = verb}, "%s: a key of %d bytes; a key is at most %d bytes", verb,
                  (int)name.key_size, HEARTH__KEY_MAX);
  return name;
}

/* ---- what waits */

void *hearth__wait_new(lua_State *L, hearth__handle *hd, size_t size, const hearth__op_class *class_, void (*start)(hearth__wait *w),
                       void (*drop)(hearth__wait *w)) {
  hearth__wait *w = calloc(1, size);
  (void)L;
  if (!w) return NULL;
  hearth__op_init(&w->op, class_, hd->stores->state);
  w->handle = hd;
  w->start = start;
  w->drop = drop;
  hearth__handle_ref(hd);
  return w;
}

void hearth__wait_free(hearth__wait *w) {
  hearth__handle_unref(w->handle);
  free(w);
}

static void close_if_quiet(hearth__handle *hd);

void hearth__wait_landed(hearth__wait *w) {
  hearth__handle *hd = w->handle;
  w->landed = true;
  if (w->began) hearth__latency_note(hd->stores->latency, w->write, uv_hrtime() - w->began);
  hd->in_flight--;
  not_busy(hd->stores);
  hearth__handle_ref(hd);
  if (w->released || !hd->stores->h)
    w->drop(w);
  else
    hearth__op_done(&w->op);
  close_if_quiet(hd);
  hearth__handle_unref(hd);
}

void hearth__wait_release(hearth__op *op) {
  hearth__wait *w = (hearth__wait *)op;
  w->released = true;
  if (w->landed) w->drop(w);
}

static void undelay(hearth__wait *w) {
  hearth__stores *ss = w->handle->stores;
  hearth__wait **at = &ss->delayed;
  while (*at && *at != w) at = &(*at)->next;
  if (!*at) return;
  *at = w->next;
  if (!*at) {
    ss->delayed_tail = &ss->delayed;
    while (*ss->delayed_tail) ss->delayed_tail = &(*ss->delayed_tail)->next;
  }
}

static void begin(hearth__wait *w) {
  if (w->code)
    hearth__wait_landed(w);
  else
    w->start(w);
}

static void delay_over(hearth_t *h, hearth__timer *t) {
  hearth__wait *w = (hearth__wait *)(void *)((char *)t - offsetof(hearth__wait, timer));
  (void)h;
  undelay(w);
  begin(w);
}

/* Does the plan make this operation fail? Counts it. */
const char *hearth__plan_hit(hearth__stores *ss, const char *kind) {
  hearth__plan *p = &ss->plan;
  if (!kind || strcmp(p->op, kind) != 0 || p->times <= 0 || --p->nth > 0) return NULL;
  p->nth = 1;
  p->times--;
  static const char *const codes[] = {"EIO",  "EACCES",   "EROFS",  "ENOSPC",  "ECORRUPT", "ENEWER",    "ECONFLICT", "EQUOTA",
                                      "EBIG", "ETIMEOUT", "EINVAL", "ECLOSED", "ENOKEY",   "ECANCELED", "EMIGRATE",  "ENET"};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (strcmp(codes[i], p->code) == 0) return codes[i];
  return codes[0];
}

#define PLANNED "a fault that the test asked for"

void hearth__wait_fail(hearth__wait *w, const char *code, const char *why) {
  w->code = code;
  w->why = why;
}

const hearth__fault *hearth__wait_fault(const hearth__wait *w, hearth__fault *room) {
  if (!w->code) return NULL;
  hearth__fail(room, w->code, "%s", w->why);
  return room;
}

void hearth__wait_go(hearth__wait *w, const char *kind) {
  hearth__handle *hd = w->handle;
  hearth__stores *ss = hd->stores;
  hd->in_flight++;
  hearth__busy_begin(ss->h);
  if (kind && *kind == 'w') hearth__accepted_is_queued(ss->state);
  if (ss->latency && kind) {
    w->began = uv_hrtime();
    w->write = kind[0] == 'w';
  }
  if (ss->plan.active || ss->delayed) {
    hearth__wait_fail(w, hearth__plan_hit(ss, kind), PLANNED);
    double now = (double)uv_hrtime() / 1e9, due = now + ss->plan.latency;
    if (due < ss->plan.last_due && ss->delayed) due = ss->plan.last_due;
    ss->plan.last_due = due;
    if (due > now) {
      w->timer.fire = delay_over;
      if (hearth__timer_start(ss->h, &w->timer, due - now, HEARTH__TIMER_REAL) == 0) {
        *ss->delayed_tail = w;
        w->next = NULL;
        ss->delayed_tail = &w->next;
        return;
      }
    }
  }
  begin(w);
}

/* ---- open */

typedef struct opening {
  hearth__op op;
  uv_work_t work;
  hearth__timer timer;
  hearth__stores *stores;
  hearth__handle *handle;
  char *url;
  hearth__store_options options;
  hearth__fault fault;
  bool landed, released;
} opening;

static void opening_free(opening *o) {
  hearth__stores_unref(o->stores);
  free(o->url);
  free(o);
}

static void forget_handle(hearth__handle *hd) {
  hearth__stores *ss = hd->stores;
  if (hd->prev)
    hd->prev->next = hd->next;
  else if (ss->first == hd)
    ss->first = hd->next;
  else
    return;
  if (hd->next) hd->next->prev = hd->prev;
  hd->next = hd->prev = NULL;
}

static void name_unsaved(void *arg, const hearth__name *name) {
  hearth__handle *hd = arg;
  char text[512];
  snprintf(text, sizeof text, "%s: could not be saved: namespace \"%.*s\", key \"%.*s\"", hearth__store_url(hd->store),
           (int)(name->ns_size > 100 ? 100 : name->ns_size), name->ns, (int)(name->key_size > 200 ? 200 : name->key_size), name->key);
  hearth__report(hd->stores->h, text);
}

/* Gives the store up; what is still queued after `ms` is named. */
static void handle_close(hearth__handle *hd, int ms) {
  if (!hd->store) return;
  hd->closed = true;
  hearth__handle_quiet(hd);
  hearth__timer_stop(hd->stores->h, &hd->expiry);
  hearth__store *s = hd->store;
  hearth__handle_ref(hd);
  hearth__store_close(s, ms, name_unsaved, hd);
  hd->store = NULL;
  forget_handle(hd);
  if (!atomic_load(&hd->posted)) hd->refs--; /* the message's; ours is still there */
  hearth__handle_unref(hd);
}

static void opening_end(opening *o) {
  o->stores->opening--;
  not_busy(o->stores);
  o->landed = true;
  /* Callbacks run while the runtime flushes: what they wait for is still of use. */
  bool wanted = !o->released && o->stores->h && (!o->stores->ended || o->op.callback != LUA_NOREF);
  if (o->handle && !wanted) {
    handle_close(o->handle, 2000);
    hearth__handle_unref(o->handle);
    o->handle = NULL;
  }
  if (o->released || !o->stores->h)
    opening_free(o);
  else
    hearth__op_done(&o->op);
}

static void open_on_worker(uv_work_t *work) {
  opening *o = work->data;
  hearth__outlive_file_limit();
  if (hearth__store_open(o->url, &o->options, &o->handle->store, &o->fault) != 0) o->handle->store = NULL;
}

static void open_after(uv_work_t *work, int status) {
  opening *o = work->data;
  hearth__handle *hd = o->handle;
  if (status != 0) hearth__fail(&o->fault, "ECANCELED", "%s: the open was cancelled", o->url);
  hearth__stores *ss = o->stores;
  if (hd->store && !ss->h) { /* the state has ended meanwhile */
    hearth__store_close(hd->store, 0, name_unsaved, hd);
    hd->store = NULL;
  }
  if (!hd->store) {
    hearth__handle_unref(hd);
    o->handle = NULL;
  } else {
    hearth__handle_ref(hd); /* the message's */
    hd->next = ss->first;
    if (hd->next) hd->next->prev = hd;
    ss->first = hd;
    hearth__store_attach(hd->store, hearth_loop(ss->h), wake, hd, events_came);
    if (ss->turn) hearth__store_gather(hd->store, arm_turn);
  }
  opening_end(o);
}

static void open_start(opening *o) {
  if (!o->fault.code) {
    o->handle = handle_new(o->stores);
    if (!o->handle) {
      hearth__fail(&o->fault, "EIO", "%s: out of memory", o->url);
    } else {
      o->work.data = o;
      if (strncmp(o->url, "memory:", 7) == 0) { /* nothing blocks */
        open_on_worker(&o->work);
        open_after(&o->work, 0);
        return;
      }
      if (uv_queue_work(hearth_loop(o->stores->h), &o->work, open_on_worker, open_after) == 0) return;
      hearth__fail(&o->fault, "EIO", "%s: no worker to open it with", o->url);
      hearth__handle_unref(o->handle);
      o->handle = NULL;
    }
  }
  opening_end(o);
}

static void open_late(hearth_t *h, hearth__timer *t) {
  (void)h;
  open_start((opening *)(void *)((char *)t - offsetof(opening, timer)));
}

static int open_push(lua_State *L, hearth__op *op) {
  opening *o = (opening *)op;
  if (!o->handle) return hearth__raise_fault(L, &o->fault, "store.open", NULL);
  hearth__handle **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = o->handle;
  o->handle = NULL;
  luaL_setmetatable(L, STORE_CLASS);
  return 1;
}

static void open_release(hearth__op *op) {
  opening *o = (opening *)op;
  o->released = true;
  if (!o->landed) return;
  if (o->handle) {
    handle_close(o->handle, 2000);
    hearth__handle_unref(o->handle);
  }
  opening_free(o);
}

static const hearth__op_class open_class = {"store.open", open_push, open_release};

static int64_t option_bytes(lua_State *L, int idx, const char *field) {
  int is_integer;
  lua_getfield(L, idx, field);
  int64_t n = lua_tointegerx(L, -1, &is_integer);
  if (!lua_isnil(L, -1) && (!is_integer || n <= 0))
    hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "store.open", .path = field}, "store.open: %s is a positive number of bytes",
                  field);
  lua_pop(L, 1);
  return n;
}

/* open(url, options) -> store, or with a function as third argument from anywhere: fn(store), or fn(nil, nil, err), later */
static int l_open(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  hearth__stores *ss = hearth__stores_of(L);
  hearth__store_options options = {.set_aside = false};
  size_t size;
  bool calls_back = lua_isfunction(L, 3);
  int callback = LUA_NOREF;
  if (!calls_back) hearth__check_await(L, s, open_class.verb);
  if (lua_type(L, 1) != LUA_TSTRING)
    return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "store.open"}, "store.open: a URL is a string, not a %s",
                         luaL_typename(L, 1));
  const char *url = lua_tolstring(L, 1, &size);
  if (strlen(url) != size)
    return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "store.open"}, "store.open: a URL has no NUL in it");
  if (lua_istable(L, 2)) {
    lua_getfield(L, 2, "read_only");
    options.read_only = lua_toboolean(L, -1);
    lua_getfield(L, 2, "on_damage");
    const char *on_damage = lua_isnil(L, -1) ? "refuse" : lua_tostring(L, -1);
    if (!on_damage || (strcmp(on_damage, "refuse") != 0 && strcmp(on_damage, "set_aside") != 0))
      return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "store.open"},
                           "store.open: on_damage is \"refuse\" or \"set_aside\"");
    options.set_aside = strcmp(on_damage, "set_aside") == 0;
    lua_pop(L, 2);
    options.quota = option_bytes(L, 2, "quota");
    options.cache = (size_t)option_bytes(L, 2, "cache");
  }
  if (!ss->h || (ss->ended && !calls_back)) /* callbacks run while the runtime flushes: writes that were accepted may wait for it */
    return hearth__raise(L, "ECLOSED", &(hearth__error_fields){.op = "store.open"}, "store.open: the runtime is ending");
  options.now = hearth__wall_ms(ss->h);
  if (calls_back) {
    lua_settop(L, 3);
    callback = hearth__ref(L);
  }
  opening *o = calloc(1, sizeof *o);
  if (!o || !(o->url = strdup(url))) {
    free(o);
    hearth__unref(L, callback);
    return hearth__no_memory(L);
  }
  hearth__op_init(&o->op, &open_class, s);
  o->op.callback = callback;
  o->stores = ss;
  ss->refs++;
  o->options = options;
  hearth__busy_begin(ss->h);
  ss->opening++;
  const char *planned = hearth__plan_hit(ss, "open");
  if (planned) hearth__fail(&o->fault, planned, PLANNED);
  o->timer.fire = open_late;
  if (!ss->plan.active || ss->plan.latency <= 0 || hearth__timer_start(ss->h, &o->timer, ss->plan.latency, HEARTH__TIMER_REAL) != 0)
    open_start(o);
  return calls_back ? 0 : hearth__await(L, &o->op);
}

/* ---- close */

static void close_start(hearth__wait *w) {
  hearth__handle *hd = w->handle;
  w->next = hd->closing;
  hd->closing = w;
}

static void barrier_done(hearth__batch *b) {
  hearth__handle *hd = b->user;
  hearth__batch_free(b);
  hd->in_flight--;
  not_busy(hd->stores);
  close_if_quiet(hd);
  hearth__handle_unref(hd);
}

/* Once everything that was accepted has landed, the store is given up and those who wait for it go on. */
static void close_if_quiet(hearth__handle *hd) {
  size_t waiting = 0;
  for (hearth__wait *w = hd->closing; w; w = w->next) waiting++;
  if (!hd->closed || waiting == 0 || hd->in_flight > waiting) return;
  hearth__wait *list = hd->closing;
  hd->closing = NULL;
  handle_close(hd, 2000);
  for (hearth__wait *w = list, *next; w; w = next) {
    next = w->next;
    hearth__wait_landed(w);
  }
}

static int close_push(lua_State *L, hearth__op *op) {
  (void)L;
  (void)op;
  return 0;
}

static const hearth__op_class close_class = {"store:close", close_push, hearth__wait_release};

/* close(): waits for what was accepted. */
static int l_close(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  hearth__handle **box = luaL_checkudata(L, 1, STORE_CLASS);
  hearth__check_await(L, s, close_class.verb);
  hearth__handle *hd = *box;
  if (!hd || !hd->store) return 0;
  hearth__wait *w = hearth__wait_new(L, hd, sizeof *w, &close_class, close_start, hearth__wait_free);
  if (!w) return hearth__no_memory(L);
  bool first = !hd->closed;
  hearth__batch *b = first ? hearth__batch_new(hd->store, 0, 0) : NULL;
  hd->closed = true;
  if (b) { /* answered when everything before it has landed, housekeeping included */
    b->done = barrier_done;
    b->user = hd;
    hd->in_flight++;
    hearth__busy_begin(hd->stores->h);
    hearth__handle_ref(hd);
    hearth__store_submit(hd->store, b);
  }
  hearth__wait_go(w, NULL);
  close_if_quiet(hd);
  return hearth__await(L, &w->op);
}

static int l_gc(lua_State *L) {
  hearth__handle **box = lua_touserdata(L, 1);
  hearth__handle *hd = *box;
  *box = NULL;
  if (!hd) return 0;
  /* Not closed: it lands what it has and goes with the runtime, or now if nothing is on its way. */
  if (hd->store && !hd->stores->ended && hd->in_flight == 0 && !hd->listeners) handle_close(hd, 2000);
  hearth__handle_unref(hd);
  return 0;
}

/* ---- small verbs */

static int l_url(lua_State *L) {
  hearth__handle *hd = hearth__handle_check(L, 1, "store:url");
  lua_pushstring(L, hearth__store_url(hd->store));
  return 1;
}

/* id() -> equal for handles of one database; also after it was closed, for as long as it is asked with another open */
static int l_id(lua_State *L) {
  hearth__handle *hd = hearth__handle_check(L, 1, "store:id");
  lua_pushlightuserdata(L, (void *)(uintptr_t)hearth__store_id(hd->store));
  return 1;
}

/* crash(): forgets caches and what is queued, as kill -9 does */
static int l_crash(lua_State *L) {
  hearth__handle *hd = hearth__handle_check(L, 1, "store:crash");
  hearth__stores *ss = hd->stores;
  hearth__wait *mine = NULL, **tail = &mine;
  for (hearth__wait *w = ss->delayed, *next; w; w = next) {
    next = w->next;
    if (w->handle != hd) continue;
    undelay(w);
    hearth__timer_stop(ss->h, &w->timer);
    w->next = NULL;
    *tail = w;
    tail = &w->next;
  }
  hearth__store_crash(hd->store);
  for (hearth__wait *w = mine, *next; w; w = next) {
    next = w->next;
    hearth__wait_fail(w, "ECANCELED", "the store was restarted before this was done");
    hearth__wait_landed(w);
  }
  return 0;
}

/* set_faults(plan | nil): {latency=, fail={op=, nth=, times=, code=}} */
static int l_set_faults(lua_State *L) {
  hearth__plan *p = &hearth__stores_of(L)->plan;
  hearth__plan plan = {.last_due = p->last_due};
  if (lua_istable(L, 1)) {
    lua_getfield(L, 1, "latency");
    plan.latency = lua_tonumber(L, -1);
    if (!(plan.latency >= 0) || !isfinite(plan.latency))
      return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "set_faults"},
                           "set_faults: latency is a number of seconds, 0 or more");
    lua_getfield(L, 1, "fail");
    if (lua_istable(L, -1)) {
      lua_getfield(L, -1, "op");
      const char *op = lua_tostring(L, -1);
      lua_getfield(L, -2, "code");
      const char *code = lua_isnil(L, -1) ? "EIO" : lua_tostring(L, -1);
      lua_getfield(L, -3, "nth");
      plan.nth = lua_isnil(L, -1) ? 1 : (int)lua_tointeger(L, -1);
      lua_getfield(L, -4, "times");
      plan.times = lua_isnil(L, -1) ? 1 : lua_tonumber(L, -1) > 1e9 ? 1000000000 : (int)lua_tonumber(L, -1);
      if (!op || (strcmp(op, "read") != 0 && strcmp(op, "write") != 0 && strcmp(op, "open") != 0))
        return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "set_faults"},
                             "set_faults: fail.op is \"read\", \"write\" or \"open\"");
      snprintf(plan.op, sizeof plan.op, "%s", op);
      snprintf(plan.code, sizeof plan.code, "%s", code ? code : "EIO");
    }
    plan.active = plan.latency > 0 || plan.op[0];
  }
  *p = plan;
  return 0;
}

/* ---- the end of the runtime */

static hearth__stores *of_closer(hearth__closer *c) {
  return (hearth__stores *)(void *)((char *)c - offsetof(hearth__stores, closer));
}

/* Accepted writes reach the disk: those that a test delays start now. */
static bool flush_all(hearth__closer *c) {
  hearth__stores *ss = of_closer(c);
  ss->ended = true;
  while (ss->delayed) {
    hearth__wait *w = ss->delayed;
    undelay(w);
    hearth__timer_stop(ss->h, &w->timer);
    begin(w);
  }
  for (hearth__handle *hd = ss->first; hd; hd = hd->next)
    if (hd->store && hearth__store_pending(hd->store) > 0) return false;
  return ss->opening == 0;
}

static void say_late(hearth__closer *c) {
  hearth__stores *ss = of_closer(c);
  while (ss->first) handle_close(ss->first, 0);
}

static void close_all(hearth__closer *c) {
  hearth__stores *ss = of_closer(c);
  ss->ended = true;
  hearth__blob_release(ss->lent);
  ss->lent = NULL;
  while (ss->first) handle_close(ss->first, 100);
  hearth__makings_stop(ss);
  uv_close((uv_handle_t *)ss->turn, turn_closed);
  ss->turn = NULL;
  hearth__timer_stop(ss->h, &ss->sweep);
  ss->h = NULL;
  hearth__stores_unref(ss);
}

static const luaL_Reg methods[] = {{"get", hearth__l_store_get},
                                   {"getter", hearth__l_store_getter},
                                   {"setter", hearth__l_store_setter},
                                   {"get_json", hearth__l_store_get_json},
                                   {"read", hearth__l_store_read},
                                   {"read_many", hearth__l_store_read_many},
                                   {"fetch", hearth__l_store_fetch},
                                   {"load", hearth__l_store_load},
                                   {"write", hearth__l_store_write},
                                   {"put_many", hearth__l_store_put_many},
                                   {"apply", hearth__l_store_apply},
                                   {"submit", hearth__l_store_submit},
                                   {"subscribe", hearth__l_store_subscribe},
                                   {"scan", hearth__l_store_scan},
                                   {"namespaces", hearth__l_store_namespaces},
                                   {"usage", hearth__l_store_usage},
                                   {"quarantine", hearth__l_store_quarantine},
                                   {"quarantine_take", hearth__l_store_quarantine_take},
                                   {"purge", hearth__l_store_purge},
                                   {"verify", hearth__l_store_verify},
                                   {"stats", hearth__l_store_stats},
                                   {"backup", hearth__l_store_backup},
                                   {"put_raw", hearth__l_store_put_raw},
                                   {"crash", l_crash},
                                   {"flush", hearth__l_store_flush},
                                   {"close", l_close},
                                   {"url", l_url},
                                   {"id", l_id},
                                   {"__gc", l_gc},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"open", l_open}, {"build", hearth__l_store_build}, {"set_faults", l_set_faults}, {"latency", hearth__l_store_latency}, {NULL, NULL}};

int hearth__open_store(lua_State *L) {
  hearth__state *s = lua_touserdata(L, 1);
  hearth__stores *ss = calloc(1, sizeof *ss);
  if (!ss) return hearth__no_memory(L);
  ss->refs = 1;
  ss->h = hearth__runtime_of(s);
  ss->state = s;
  ss->delayed_tail = &ss->delayed;
  ss->closer = (hearth__closer){.flush = flush_all, .late = say_late, .close = close_all};
  if (turn_new(ss) != 0) {
    free(ss);
    return hearth__no_memory(L);
  }
  hearth__at_close(s, &ss->closer);
  lua_pushlightuserdata(L, ss);
  hearth__slot_set(L, &stores_slot);
  hearth__new_class(L, s, STORE_CLASS, methods);
  lua_pop(L, 1);
  hearth__new_lib(L, s, functions);
  return 1;
}
