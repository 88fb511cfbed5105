/* What Lua sees of the store, and what it may say: errors with their fields, records, names. */
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "bind/store.h"
#include "error.h"

void hearth__push_fault(lua_State *L, const hearth__fault *f, const char *verb, const hearth__name *name) {
  hearth__error_fields fields = {.op = verb};
  char place[128] = "";
  if (name) {
    luaL_checkstack(L, 2, NULL);
    lua_pushlstring(L, name->ns, name->ns_size);
    fields.ns = lua_tostring(L, -1);
    fields.key = name->key;
    fields.key_size = name->key_size;
    snprintf(place, sizeof place, "(\"%.*s\")", (int)(name->key_size > 100 ? 100 : name->key_size), name->key);
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
