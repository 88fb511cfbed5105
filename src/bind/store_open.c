/* Opening: on a worker, since files may block; what is asked of the store meanwhile is asked by those who have it. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "bind/store.h"
#include "error.h"
#include "module.h"
#include "ref.h"
#include "store/files.h"

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

static void opening_end(opening *o) {
  o->stores->opening--;
  hearth__stores_rest(o->stores);
  o->landed = true;
  /* Callbacks run while the runtime flushes: what they wait for is still of use. */
  bool wanted = !o->released && o->stores->h && (!o->stores->ended || o->op.callback != LUA_NOREF);
  if (o->handle && !wanted) {
    hearth__handle_close(o->handle, 2000);
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
    hearth__store_close(hd->store, 0, hearth__name_unsaved, hd);
    hd->store = NULL;
  }
  if (!hd->store) {
    hearth__handle_unref(hd);
    o->handle = NULL;
  } else {
    hearth__handle_attach(hd);
  }
  opening_end(o);
}

static void open_start(opening *o) {
  if (!o->fault.code) {
    o->handle = hearth__handle_new(o->stores);
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
  luaL_setmetatable(L, HEARTH__STORE_CLASS);
  return 1;
}

static void open_release(hearth__op *op) {
  opening *o = (opening *)op;
  o->released = true;
  if (!o->landed) return;
  if (o->handle) {
    hearth__handle_close(o->handle, 2000);
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
int hearth__l_store_open(lua_State *L) {
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
  if (planned) hearth__fail(&o->fault, planned, HEARTH__PLANNED);
  o->timer.fire = open_late;
  if (!ss->plan.active || ss->plan.latency <= 0 || hearth__timer_start(ss->h, &o->timer, ss->plan.latency, HEARTH__TIMER_REAL) != 0)
    open_start(o);
  return calls_back ? 0 : hearth__await(L, &o->op);
}
