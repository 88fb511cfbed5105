/* hearth.Set: a set of scalars that keeps their subtypes. A Lua table has one slot for 1 and 1.0, so floats without fraction live in a
** table of their own, by their integer. Both tables and the count stand under private keys of the set. */
#include <math.h>

#include <lauxlib.h>

#include "error.h"
#include "json/codec.h"

static const char items_key = 0, floats_key = 0, count_key = 0;

/* Can the value at idx be an element? NULL if so, else what is wrong. */
static const char *refusal(lua_State *L, int idx) {
  switch (lua_type(L, idx)) {
    case LUA_TSTRING:
    case LUA_TBOOLEAN: return NULL;
    case LUA_TNUMBER: return lua_isinteger(L, idx) || isfinite(lua_tonumber(L, idx)) ? NULL : "NaN and infinities cannot be stored";
    case LUA_TLIGHTUSERDATA: return lua_touserdata(L, idx) ? "light userdata cannot be stored" : NULL;
    case LUA_TNIL:
    case LUA_TNONE: return "nil is no element (hearth.null is)";
    case LUA_TTABLE: return "a table is no element: only strings, numbers, booleans and hearth.null are";
    default: return "only strings, numbers, booleans and hearth.null are elements";
  }
}

/* Is the number at idx a float that a table would take for an integer? */
static bool is_integral_float(lua_State *L, int idx) {
  int yes = 0;
  if (lua_type(L, idx) != LUA_TNUMBER || lua_isinteger(L, idx)) return false;
  lua_tointegerx(L, idx, &yes);
  return yes;
}

/* Pushes the table of the set at idx in which the value at `value` would be. */
static void table_of(lua_State *L, int idx, int value) {
  lua_rawgetp(L, idx, is_integral_float(L, value) ? &floats_key : &items_key);
}

void hearth__json_set_items(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  lua_rawgetp(L, idx, &items_key);
  lua_rawgetp(L, idx, &floats_key);
}

lua_Integer hearth__json_set_count(lua_State *L, int idx) {
  lua_rawgetp(L, idx, &count_key);
  lua_Integer n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

static void add_to_count(lua_State *L, int idx, lua_Integer by) {
  lua_pushinteger(L, hearth__json_set_count(L, idx) + by);
  lua_rawsetp(L, idx, &count_key);
}

static bool contains(lua_State *L, int idx, int value) {
  if (lua_isnoneornil(L, value)) return false;
  table_of(L, idx, value);
  lua_pushvalue(L, value);
  bool yes = lua_rawget(L, -2) != LUA_TNIL;
  lua_pop(L, 2);
  return yes;
}

const char *hearth__json_set_add(lua_State *L, int idx) {
  int value = lua_gettop(L);
  const char *why = refusal(L, value);
  if (!why && !contains(L, idx, value)) {
    table_of(L, idx, value);
    lua_pushvalue(L, value);
    if (is_integral_float(L, value))
      lua_pushvalue(L, value);
    else
      lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    add_to_count(L, idx, 1);
  }
  lua_settop(L, value - 1);
  return why;
}

void hearth__json_set_new(lua_State *L) {
  luaL_checkstack(L, 8, NULL);
  lua_createtable(L, 0, 3);
  lua_createtable(L, 0, 0);
  lua_rawsetp(L, -2, &items_key);
  lua_createtable(L, 0, 0);
  lua_rawsetp(L, -2, &floats_key);
  lua_pushinteger(L, 0);
  lua_rawsetp(L, -2, &count_key);
  hearth__json_mark_set(L, lua_gettop(L));
}

void hearth__json_mark_set(lua_State *L, int idx) {
  hearth__json_codec_push(L);
  lua_getiuservalue(L, -1, HEARTH__CODEC_SET);
  lua_setmetatable(L, idx);
  lua_pop(L, 1);
}

/* ---- methods */

static void check_set(lua_State *L, const char *op) {
  luaL_checkstack(L, 8, NULL);
  if (lua_istable(L, 1) && hearth__json_mark_of(L, hearth__json_codec_of(L), 1) == MARK_SET) return;
  hearth__error_fields fields = {.op = op};
  const char *method = strrchr(op, '.') + 1;
  hearth__raise(L, "EINVAL", &fields, "%s is a method of a set: call it with a colon, set:%s(value)", op, method);
}

static int refuse(lua_State *L, const char *op, const char *why) {
  hearth__error_fields fields = {.op = op};
  return hearth__raise(L, "EINVAL", &fields, "%s: %s", op, why);
}

static int method_add(lua_State *L) {
  check_set(L, "hearth.Set.add");
  lua_settop(L, 2);
  const char *why = hearth__json_set_add(L, 1);
  return why ? refuse(L, "hearth.Set.add", why) : 1; /* the set, for a chain of calls */
}

static int method_discard(lua_State *L) {
  check_set(L, "hearth.Set.discard");
  lua_settop(L, 2);
  bool had = contains(L, 1, 2);
  if (had) {
    table_of(L, 1, 2);
    lua_pushvalue(L, 2);
    lua_pushnil(L);
    lua_rawset(L, -3);
    add_to_count(L, 1, -1);
  }
  lua_pushboolean(L, had);
  return 1;
}

static int method_contains(lua_State *L) {
  check_set(L, "hearth.Set.contains");
  lua_settop(L, 2);
  lua_pushboolean(L, contains(L, 1, 2));
  return 1;
}

static int meta_len(lua_State *L) {
  check_set(L, "hearth.Set.len");
  lua_pushinteger(L, hearth__json_set_count(L, 1));
  return 1;
}

/* next(set, element) -> element, true: the ordinary ones, then the integral floats. */
static int next_element(lua_State *L) {
  check_set(L, "hearth.Set.next");
  lua_settop(L, 2);
  hearth__json_set_items(L, 1); /* set key items floats */
  if (!is_integral_float(L, 2)) {
    lua_pushvalue(L, 2);
    if (lua_next(L, 3)) {
      lua_pop(L, 1);
      lua_pushboolean(L, 1);
      return 2;
    }
    lua_pushnil(L);
  } else
    lua_pushinteger(L, lua_tointeger(L, 2));
  if (!lua_next(L, 4)) return 0;
  lua_pushboolean(L, 1); /* … integer float true */
  return 2;
}

static int meta_pairs(lua_State *L) {
  check_set(L, "hearth.Set.pairs");
  lua_pushcfunction(L, next_element);
  lua_pushvalue(L, 1);
  return 2;
}

static int meta_newindex(lua_State *L) {
  return refuse(L, "hearth.Set", "a set has no fields: use set:add(value)");
}

bool hearth__json_set_equal(lua_State *L, int a, int b) {
  if (hearth__json_set_count(L, a) != hearth__json_set_count(L, b)) return false;
  luaL_checkstack(L, 12, NULL);
  int top = lua_gettop(L);
  hearth__json_set_items(L, a);
  hearth__json_set_items(L, b);
  bool equal = true;
  for (int i = 1; i <= 2 && equal; i++) {
    for (lua_pushnil(L); equal && lua_next(L, top + i); lua_pop(L, 1)) {
      lua_pushvalue(L, -2);
      equal = lua_rawget(L, top + 2 + i) != LUA_TNIL;
      lua_pop(L, 1);
    }
  }
  lua_settop(L, top);
  return equal;
}

static int meta_eq(lua_State *L) {
  hearth__json_codec *c = hearth__json_codec_of(L);
  bool sets =
      lua_istable(L, 1) && lua_istable(L, 2) && hearth__json_mark_of(L, c, 1) == MARK_SET && hearth__json_mark_of(L, c, 2) == MARK_SET;
  lua_pushboolean(L, sets && hearth__json_set_equal(L, 1, 2));
  return 1;
}

void hearth__json_set_class(lua_State *L) {
  static const luaL_Reg methods[] = {{"add", method_add}, {"discard", method_discard}, {"contains", method_contains}, {NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__len", meta_len}, {"__pairs", meta_pairs}, {"__eq", meta_eq}, {"__newindex", meta_newindex}, {NULL, NULL}};
  luaL_newlib(L, meta);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "hearth.Set");
  lua_setfield(L, -2, "__name");
}

/* Set{…}: of a list, of another set, or empty. */
int hearth__json_set_of_list(lua_State *L) {
  const char *op = "hearth.Set";
  lua_settop(L, 1);
  luaL_checkstack(L, 12, NULL);
  hearth__json_set_new(L);
  if (lua_isnil(L, 1)) return 1;
  if (!lua_istable(L, 1)) return refuse(L, op, "give it a list: hearth.Set{\"a\", \"b\"}");
  hearth__json_codec *c = hearth__json_codec_of(L);
  if (hearth__json_mark_of(L, c, 1) == MARK_SET) {
    hearth__json_set_items(L, 1);
    for (int i = 3; i <= 4; i++)
      for (lua_pushnil(L); lua_next(L, i);) {
        if (i == 3) {
          lua_pop(L, 1);
          lua_pushvalue(L, -1);
        } /* key element */
        hearth__json_set_add(L, 2);
      }
    lua_settop(L, 2);
    return 1;
  }
  lua_Integer n = (lua_Integer)lua_rawlen(L, 1), keys = 0;
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1), keys++)
    if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1 || lua_tointeger(L, -2) > n)
      return refuse(L, op, "give it a list without holes: hearth.Set{\"a\", \"b\"}");
  if (keys != n) return refuse(L, op, "give it a list without holes: hearth.Set{\"a\", \"b\"}");
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, 1, i);
    const char *why = hearth__json_set_add(L, 2);
    if (why) return refuse(L, op, why);
  }
  return 1;
}
