/* hearth.core.fs_event: says that something in a folder changed. Changes that come together are one call; what changed is the caller's to find out. */
#include <stdlib.h>

#include <lauxlib.h>

#include "error.h"
#include "module.h"
#include "ref.h"
#include "state.h"

#define WATCHER_CLASS "hearth.fs_watcher"

/* The handle outlives the userdata until it is closed; `self` anchors the userdata, whose user value 1 is the function, while it watches. */
typedef struct watch {
  hearth__op op; /* nobody waits for it: its push calls the function at the top of the loop */
  uv_fs_event_t event;
  int self;
  bool ready, open;
} watch;

static int watch_push(lua_State *L, hearth__op *op) {
  watch *w = (watch *)op;
  w->ready = false;
  op->done = false;
  if (!w->open) return 0;
  hearth__ref_push(L, w->self);
  lua_getiuservalue(L, -1, 1);
  lua_call(L, 0, 0);
  return 0;
}

static void on_closed(uv_handle_t *handle) {
  free(handle->data);
}

/* Called after each push; frees only what was stopped. */
static void watch_release(hearth__op *op) {
  watch *w = (watch *)op;
  if (!w->open && !w->ready && !uv_is_closing((uv_handle_t *)&w->event)) uv_close((uv_handle_t *)&w->event, on_closed);
}

static const hearth__op_class watch_class = {"fs_event", watch_push, watch_release};

static void on_event(uv_fs_event_t *event, const char *name, int events, int status) {
  (void)name;
  (void)events;
  (void)status;
  watch *w = event->data;
  if (w->ready || !w->open) return;
  w->ready = true;
  hearth__ready(&w->op);
}

/* watcher:stop() */
static int l_stop(lua_State *L) {
  watch **box = luaL_checkudata(L, 1, WATCHER_CLASS);
  watch *w = *box;
  if (!w) return 0;
  *box = NULL;
  w->open = false;
  uv_fs_event_stop(&w->event);
  hearth__unref(w->op.state->L, w->self);
  w->self = LUA_NOREF;
  if (!w->ready) watch_release(&w->op);
  return 0;
}

static const luaL_Reg methods[] = {{"stop", l_stop}, {"__gc", l_stop}, {NULL, NULL}};

/* watch(folder, fn) -> watcher: fn() at the top of the loop, soon after anything in the folder changed; it must not await. Does not keep the program
** alive. ENOKEY when the folder is not there. */
static int l_watch(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  const char *path = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  watch **box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = NULL;
  if (luaL_getmetatable(L, WATCHER_CLASS) != LUA_TTABLE) {
    lua_pop(L, 1);
    hearth__new_class(L, s, WATCHER_CLASS, methods);
  }
  lua_setmetatable(L, -2);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, -1);
  int self = hearth__ref(L);
  watch *w = calloc(1, sizeof *w);
  if (!w) {
    hearth__unref(L, self);
    return hearth__no_memory(L);
  }
  hearth__op_init(&w->op, &watch_class, s);
  w->event.data = w;
  int err = uv_fs_event_init(hearth_loop(hearth__runtime_of(s)), &w->event);
  if (err) {
    free(w);
    hearth__unref(L, self);
    return hearth__raise(L, hearth__code_of_errno(err), &(hearth__error_fields){.path = path}, "fs_event.watch: %s cannot be watched",
                         path);
  }
  err = uv_fs_event_start(&w->event, on_event, path, 0);
  if (err) {
    uv_close((uv_handle_t *)&w->event, on_closed);
    hearth__unref(L, self);
    return hearth__raise(L, hearth__code_of_errno(err), &(hearth__error_fields){.path = path}, "fs_event.watch: %s cannot be watched",
                         path);
  }
  uv_unref((uv_handle_t *)&w->event);
  w->self = self;
  w->open = true;
  *box = w;
  return 1;
}

static const luaL_Reg verbs[] = {{"watch", l_watch}, {NULL, NULL}};

int hearth__open_fs_event(lua_State *L) {
  hearth__state *s = lua_touserdata(L, 1);
  hearth__new_lib(L, s, verbs);
  return 1;
}
