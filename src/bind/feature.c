/* hearth.core.feature: what an app does not use it does not pay for. load(name) finds hearth-NAME.so beside our own file, or where `make install`
** puts it, and opens it with the table of api.h. A module stays loaded until the process ends. */
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>

#include "api.h"
#include "error.h"
#include "module.h"

#ifndef HEARTH__LIBDIR
#define HEARTH__LIBDIR "/usr/local/lib/hearth"
#endif

static const hearth__api api = {
    .version = HEARTH__API_VERSION,
    .runtime_of = hearth__runtime_of,
    .loop = hearth_loop,
    .busy_begin = hearth__busy_begin,
    .busy_end = hearth__busy_end,
    .at_close = hearth__at_close,
    .on_report = hearth__on_report,
    .op_init = hearth__op_init,
    .op_done = hearth__op_done,
    .check_await = hearth__check_await,
    .await = hearth__await,
    .timer_start = hearth__timer_start,
    .timer_stop = hearth__timer_stop,
    .error_push = hearth__error_push,
    .no_memory = hearth__no_memory,
    .code_of_errno = hearth__code_of_errno,
    .ref = hearth__ref,
    .unref = hearth__unref,
    .main_of = hearth__main_of,
    .work = hearth_await,
};

/* Pushes the folder of the file that holds this code: the program, libhearth.so or hearth.so. */
static const char *push_own_folder(lua_State *L) {
  Dl_info info = {0};
  char path[PATH_MAX] = "";
  /* A program that PATH resolved is known to the linker by a bare name only. */
  if (!dladdr(&api, &info) || !info.dli_fname || !strchr(info.dli_fname, '/') || !realpath(info.dli_fname, path)) {
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
  }
  const char *slash = strrchr(path, '/');
  return slash ? lua_pushlstring(L, path, (size_t)(slash - path)) : lua_pushliteral(L, ".");
}

/* Pushes the path of the first place that has the module, or nil. Below the folder of our own file: beside it, as in a build; under it, for
** lib/libhearth.so; and for bin/hearth and lib/lua/5.4/hearth.so. */
static void push_path(lua_State *L, const char *name) {
  static const char *const places[] = {"", "/hearth", "/../lib/hearth", "/../../hearth"};
  const char *folder = push_own_folder(L);
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    const char *path = lua_pushfstring(L, "%s%s/hearth-%s.so", folder, places[i], name);
    if (access(path, R_OK) == 0) return;
    lua_pop(L, 1);
  }
  const char *path = lua_pushfstring(L, HEARTH__LIBDIR "/hearth-%s.so", name);
  if (access(path, R_OK) != 0) lua_pushnil(L);
}

static int refuse(lua_State *L, const char *name, const char *why) {
  return hearth__raise(L, "EIO", &(hearth__error_fields){.op = "feature.load"},
                       "the module hearth-%s.so cannot be loaded: %s; build and install Hearth whole", name, why);
}

/* load(name) -> the module's table of raw verbs */
static int l_load(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  lua_pushvalue(L, 1);
  if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) return 1;
  push_path(L, name);
  const char *path = lua_tostring(L, -1);
  if (!path) return refuse(L, name, "it is not beside the program nor in " HEARTH__LIBDIR);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) return refuse(L, name, dlerror());
  lua_pushfstring(L, "hearth__feature_%s", name);
  hearth__feature_open *open;
  *(void **)&open = dlsym(library, lua_tostring(L, -1));
  if (!open) return refuse(L, name, "it is no module of Hearth");
  int n = open(L, &api, s);
  if (n != 1) return refuse(L, name, "it was built for another version");
  lua_pushvalue(L, 1);
  lua_pushvalue(L, -2);
  lua_rawset(L, lua_upvalueindex(2));
  return 1;
}

int hearth__open_feature(lua_State *L) {
  lua_newtable(L);
  lua_pushvalue(L, 1);
  lua_newtable(L); /* what has been loaded */
  lua_pushcclosure(L, l_load, 2);
  lua_setfield(L, -2, "load");
  return 1;
}
