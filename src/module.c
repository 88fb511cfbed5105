/* See module.h. A module is loaded once per state, also when a test runner clears package.loaded: the host's truth must not exist twice. */
#include "module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "ref.h"

static const struct {
  const char *name;
  int (*open)(lua_State *L);
} bindings[] = {
#define BINDING(name) {"hearth.core." #name, hearth__open_##name},
#include "bind/list.h"
#undef BINDING
    {NULL, NULL}};

/* Registry slot of the table name -> value of the modules that have been loaded. */
static const char loaded_slot = 'l';

/* Pushes what was loaded under the name at index 1 before, or nothing. */
static int push_loaded(lua_State *L) {
  hearth__slot_push(L, &loaded_slot);
  lua_pushvalue(L, 1);
  if (lua_rawget(L, -2) != LUA_TNIL) return 1;
  lua_pop(L, 2);
  return 0;
}

static void keep_loaded(lua_State *L) {
  hearth__slot_push(L, &loaded_slot);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* Loader of a binding. Upvalues: state, its index. Argument 1: the name. */
static int load_binding(lua_State *L) {
  if (push_loaded(L)) return 1;
  lua_pushcfunction(L, bindings[lua_tointeger(L, lua_upvalueindex(2))].open);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_call(L, 1, 1);
  keep_loaded(L);
  return 1;
}

/* Pushes what is in a file, for development: raises where it cannot. */
static void push_file(lua_State *L, const char *path) {
  FILE *f = fopen(path, "rb");
  luaL_Buffer b;
  if (!f) luaL_error(L, "cannot open %s", path);
  luaL_buffinit(L, &b);
  for (size_t n; (n = fread(luaL_prepbuffer(&b), 1, LUAL_BUFFERSIZE, f)) > 0;) luaL_addsize(&b, n);
  fclose(f);
  luaL_pushresult(&b);
}

static bool is_lua(const char *path) {
  size_t n = strlen(path);
  return n > 4 && strcmp(path + n - 4, ".lua") == 0;
}

/* Loader of an embedded module. Upvalue: the module. What is no Lua (a script or a style sheet of a page) is its text. */
static int load_module(lua_State *L) {
  const hearth__module *m = lua_touserdata(L, lua_upvalueindex(1));
  const char *folder = getenv("HEARTH_LUA");
  int status;
  if (push_loaded(L)) return 1;
  if (folder && *folder && strncmp(m->path, "hearth/", 7) == 0) { /* the program's own modules stay its own */
    lua_pushfstring(L, "%s/%s", folder, m->path);
    if (!is_lua(m->path)) {
      push_file(L, lua_tostring(L, -1));
      keep_loaded(L);
      return 1;
    }
    status = luaL_loadfile(L, lua_tostring(L, -1));
  } else {
    status = luaL_loadbufferx(L, (const char *)m->bytes, m->size, m->name, "b");
  }
  if (status != LUA_OK) return lua_error(L);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  keep_loaded(L);
  return 1;
}

void hearth__modules_add(lua_State *L, hearth__state *s, const hearth__module *modules) {
  (void)s;
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (const hearth__module *m = modules; m->name; m++) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)m);
    lua_pushcclosure(L, load_module, 1);
    lua_setfield(L, -2, m->name);
  }
  lua_pop(L, 1);
}

void hearth__modules_install(lua_State *L, hearth__state *s) {
  lua_newtable(L);
  hearth__slot_set(L, &loaded_slot);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (int i = 0; bindings[i].name; i++) {
    lua_pushlightuserdata(L, s);
    lua_pushinteger(L, i);
    lua_pushcclosure(L, load_binding, 2);
    lua_setfield(L, -2, bindings[i].name);
  }
  lua_pop(L, 1);
  hearth__modules_add(L, s, hearth__modules);
}

void hearth__modules_worker(lua_State *L) {
  lua_newtable(L);
  hearth__slot_set(L, &loaded_slot);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (int i = 0; bindings[i].name; i++) {
    if (strcmp(bindings[i].name, "hearth.core.json") != 0) continue;
    lua_pushlightuserdata(L, NULL);
    lua_pushinteger(L, i);
    lua_pushcclosure(L, load_binding, 2);
    lua_setfield(L, -2, bindings[i].name);
  }
  for (const hearth__module *m = hearth__modules; m->name; m++) {
    bool worker = strcmp(m->name, "hearth.worker") == 0;
    if (!worker && strcmp(m->name, "hearth.json") != 0) continue;
    lua_pushlightuserdata(L, (void *)(uintptr_t)m);
    lua_pushcclosure(L, load_module, 1);
    lua_setfield(L, -2, worker ? "hearth" : m->name);
  }
  lua_pop(L, 1);
}
