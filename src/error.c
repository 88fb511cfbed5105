/* See error.h. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>
#include <uv.h>

static const char class_name[] = "hearth.error";

static int to_string(lua_State *L) {
  lua_getfield(L, 1, "code");
  lua_getfield(L, 1, "message");
  lua_pushfstring(L, "%s: %s", lua_isstring(L, -2) ? lua_tostring(L, -2) : "?", lua_isstring(L, -1) ? lua_tostring(L, -1) : "");
  return 1;
}

void hearth__error_metatable(lua_State *L) {
  if (luaL_newmetatable(L, class_name)) {
    lua_pushcfunction(L, to_string);
    lua_setfield(L, -2, "__tostring");
  }
}

static void set_field(lua_State *L, const char *name, const char *value) {
  if (!value) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

/* With C's formats, which the compiler checks; Lua's own are others. */
static void push_message(lua_State *L, const char *fmt, va_list args) {
  char small[512];
  va_list again;
  va_copy(again, args);
  int size = vsnprintf(small, sizeof small, fmt, args);
  if (size < 0) {
    lua_pushstring(L, fmt);
  } else if ((size_t)size < sizeof small) {
    lua_pushlstring(L, small, (size_t)size);
  } else {
    luaL_Buffer b;
    char *large = luaL_buffinitsize(L, &b, (size_t)size + 1);
    vsnprintf(large, (size_t)size + 1, fmt, again);
    luaL_pushresultsize(&b, (size_t)size);
  }
  va_end(again);
}

static void push_v(lua_State *L, const char *code, const hearth__error_fields *fields, const char *fmt, va_list args) {
  luaL_checkstack(L, 4, NULL);
  lua_createtable(L, 0, 4);
  set_field(L, "code", code);
  push_message(L, fmt, args);
  lua_setfield(L, -2, "message");
  if (fields) {
    set_field(L, "op", fields->op);
    set_field(L, "namespace", fields->ns);
    set_field(L, "path", fields->path);
    if (fields->key) {
      lua_pushlstring(L, fields->key, fields->key_size);
      lua_setfield(L, -2, "key");
    }
  }
  hearth__error_metatable(L);
  lua_setmetatable(L, -2);
}

void hearth__error_push(lua_State *L, const char *code, const hearth__error_fields *fields, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  push_v(L, code, fields, fmt, args);
  va_end(args);
}

int hearth__raise(lua_State *L, const char *code, const hearth__error_fields *fields, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  push_v(L, code, fields, fmt, args);
  va_end(args);
  lua_error(L);
  __builtin_unreachable();
}

int hearth__no_memory(lua_State *L) {
  hearth__raise(L, "EIO", NULL, HEARTH__NO_MEMORY);
}

const char *hearth__error_code(lua_State *L, int idx) {
  const char *code = NULL;
  idx = lua_absindex(L, idx);
  if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx)) return NULL;
  luaL_getmetatable(L, class_name);
  if (lua_rawequal(L, -1, -2)) {
    lua_pushliteral(L, "code");
    lua_rawget(L, idx);
    code = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
  return code;
}

const char *hearth__code_of_errno(int err) {
  switch (err < 0 ? err : -err) {
    case UV_EACCES:
    case UV_EPERM: return "EACCES";
    case UV_EROFS: return "EROFS";
    case UV_ENOSPC: return "ENOSPC";
    case UV_EINVAL: return "EINVAL";
    case UV_ECANCELED: return "ECANCELED";
    case UV_ETIMEDOUT: return "ETIMEOUT";
    default: return "EIO";
  }
}
