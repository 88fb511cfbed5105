/* require "hearth.core.json": the codec, its marks, sets, and comparison and copying of values. */
#include "json/json.h"

#include <lauxlib.h>

#include "error.h"
#include "module.h"

static int encode_with(lua_State *L, bool sets, const char *op) {
  size_t key_size = 0;
  const char *key = NULL;
  if (sets) { /* encode_stored(value [, op [, key]]): whose verb and key the error names */
    op = luaL_optstring(L, 2, op);
    key = luaL_optlstring(L, 3, NULL, &key_size);
  }
  if (lua_isnone(L, 1)) lua_settop(L, 1);
  hearth__json_encode(L, 1, sets, op, key, key_size);
  return 1;
}

static int decode_with(lua_State *L, bool sets, const char *op) {
  size_t size;
  if (lua_type(L, 1) != LUA_TSTRING) {
    hearth__error_fields fields = {.op = op};
    return hearth__raise(L, "EINVAL", &fields, "%s: the text must be a string, not %s", op, luaL_typename(L, 1));
  }
  const char *text = lua_tolstring(L, 1, &size);
  if (hearth__json_decode(L, text, size, sets) == 0) return 1;
  lua_pushstring(L, op);
  lua_setfield(L, -2, "op");
  return lua_error(L);
}

static int encode(lua_State *L) {
  return encode_with(L, false, "json.encode");
}
static int encode_stored(lua_State *L) {
  return encode_with(L, true, "json.encode");
}
/* pack(value) -> text | packed: the text of a stored value, or where that is long what store verbs take in its place */
static int pack(lua_State *L) {
  lua_settop(L, 1);
  hearth__json_pack(L, 1);
  return 1;
}
/* done(text | packed): it is not needed again; what was packed gives its memory to the next value */
static int done(lua_State *L) {
  lua_settop(L, 1);
  hearth__json_pack_done(L, 1);
  return 0;
}
static int decode(lua_State *L) {
  return decode_with(L, false, "json.decode");
}
static int decode_stored(lua_State *L) {
  return decode_with(L, true, "json.decode");
}

static int equal(lua_State *L) {
  lua_settop(L, 2);
  lua_pushboolean(L, hearth__json_equal(L, 1, 2));
  return 1;
}

static int copy(lua_State *L) {
  lua_settop(L, 1);
  hearth__json_copy(L, 1);
  return 1;
}

static int array(lua_State *L) {
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  if (!hearth__json_mark_array(L, 1)) {
    hearth__error_fields fields = {.op = "hearth.array"};
    return hearth__raise(L, "EINVAL", &fields, "hearth.array: give it a table without a metatable of its own, not %s",
                         lua_istable(L, 1) ? "one with" : luaL_typename(L, 1));
  }
  return 1;
}

static int is_array(lua_State *L) {
  lua_pushboolean(L, hearth__json_is_array(L, 1));
  return 1;
}

static int is_set(lua_State *L) {
  lua_pushboolean(L, hearth__json_is_set(L, 1));
  return 1;
}

int hearth__open_json(lua_State *L) {
  static const luaL_Reg verbs[] = {{"encode", encode},
                                   {"decode", decode},
                                   {"encode_stored", encode_stored},
                                   {"pack", pack},
                                   {"done", done},
                                   {"decode_stored", decode_stored},
                                   {"equal", equal},
                                   {"copy", copy},
                                   {"array", array},
                                   {"is_array", is_array},
                                   {"set", hearth__json_set_of_list},
                                   {"is_set", is_set},
                                   {NULL, NULL}};
  hearth__state *s = hearth__state_of(L);
  hearth__new_lib(L, s, verbs);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  return 1;
}
