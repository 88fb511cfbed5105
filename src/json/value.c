/* Values without text: whether two have the same content, and a copy of one. Both see what the codec sees: raw tables, marks and sets. */
#include <lauxlib.h>

#include "error.h"
#include "json/codec.h"

#include <math.h>

static bool equal(lua_State *L, const hearth__json_codec *c, int a, int b, int depth);

static bool equal_tables(lua_State *L, const hearth__json_codec *c, int a, int b, int depth) {
  hearth__json_thaw(L, a);
  hearth__json_thaw(L, b);
  hearth__json_mark m = hearth__json_mark_of(L, c, a), n = hearth__json_mark_of(L, c, b);
  if (m == MARK_SET || n == MARK_SET) return m == n && hearth__json_set_equal(L, a, b);
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, a); lua_pop(L, 2), count++) { /* key left */
    lua_pushvalue(L, -2);
    lua_rawget(L, b); /* key left right */
    int top = lua_gettop(L);
    if (!equal(L, c, top - 1, top, depth + 1)) return false;
  }
  for (lua_pushnil(L); lua_next(L, b); lua_pop(L, 1))
    if (count-- == 0) return false;
  /* Empty tables are [] or {}, others say themselves which they are. */
  if (m == n) return true;
  lua_pushnil(L);
  if (!lua_next(L, a)) return false;
  lua_pop(L, 2);
  return true;
}

/* Absolute indices; on false the stack may be higher than it was. */
static bool equal(lua_State *L, const hearth__json_codec *c, int a, int b, int depth) {
  int type = lua_type(L, a);
  if (type != lua_type(L, b)) return false;
  if (type == LUA_TNUMBER) {
    if (lua_isinteger(L, a) != lua_isinteger(L, b)) return false;
    if (lua_isinteger(L, a)) return lua_tointeger(L, a) == lua_tointeger(L, b);
    double x = lua_tonumber(L, a), y = lua_tonumber(L, b);
    return memcmp(&x, &y, sizeof x) == 0 || (x != x && y != y);
  }
  if (lua_rawequal(L, a, b)) return true;
  if (type != LUA_TTABLE || depth >= HEARTH__JSON_DEPTH) return false;
  luaL_checkstack(L, 12, NULL);
  return equal_tables(L, c, a, b, depth);
}

bool hearth__json_equal(lua_State *L, int a, int b) {
  int top = lua_gettop(L);
  a = lua_absindex(L, a);
  b = lua_absindex(L, b);
  luaL_checkstack(L, 2, NULL);
  lua_pushvalue(L, a);
  lua_pushvalue(L, b);
  bool same = equal(L, hearth__json_codec_of(L), top + 1, top + 2, 0);
  lua_settop(L, top);
  return same;
}

typedef struct copier {
  lua_State *L;
  const hearth__json_codec *codec;
  int array, set; /* where the metatables are */
} copier;

/* Pushes a copy of the value at idx. NULL, or why there is none. `inner`: a table that a set keeps its elements in, whose keys are its own affair. */
static const char *copy(const copier *w, int idx, int depth, bool inner) {
  lua_State *L = w->L;
  switch (lua_type(L, idx)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TSTRING: lua_pushvalue(L, idx); return NULL;
    case LUA_TNUMBER:
      if (!lua_isinteger(L, idx) && !isfinite(lua_tonumber(L, idx))) return "NaN or an infinity";
      lua_pushvalue(L, idx);
      return NULL;
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(L, idx)) return "a pointer";
      lua_pushvalue(L, idx);
      return NULL;
    case LUA_TTABLE: break;
    default: return luaL_typename(L, idx);
  }
  if (depth == HEARTH__JSON_DEPTH) return "a table that contains itself, or is nested more than 1000 deep";
  luaL_checkstack(L, 12, NULL);
  hearth__json_thaw(L, idx);
  hearth__json_mark mark = hearth__json_mark_of(L, w->codec, idx);
  size_t length = lua_rawlen(L, idx);
  lua_createtable(L, length < 0x7FFFFFFF ? (int)length : 0, 0);
  int to = lua_gettop(L);
  lua_Integer integers = 0, last = 0, others = 0;
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    /* key value */
    if (lua_isinteger(L, -2)) {
      integers++;
      if (lua_tointeger(L, -2) > last) last = lua_tointeger(L, -2);
      if (lua_tointeger(L, -2) < 1) others++;
    } else if (lua_type(L, -2) == LUA_TSTRING) {
      others++;
    } else if (mark != MARK_SET && !inner) {
      return "a table with keys that are neither strings nor 1 to n";
    }
    if (lua_type(L, -1) == LUA_TNUMBER || lua_type(L, -1) == LUA_TLIGHTUSERDATA || lua_type(L, -1) == LUA_TTABLE ||
        lua_type(L, -1) > LUA_TTABLE) {
      const char *why = copy(w, lua_gettop(L), depth + 1, mark == MARK_SET);
      if (why) return why;
      lua_replace(L, -2);
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2); /* key key value */
    lua_rawset(L, to);
  }
  if (mark != MARK_SET && !inner && integers > 0 && (others > 0 || last != integers)) return "a table with mixed or sparse keys";
  if (mark == MARK_ARRAY && others > 0) return "an array with keys that are strings";
  if (mark != MARK_NONE) {
    lua_pushvalue(L, mark == MARK_ARRAY ? w->array : w->set);
    lua_setmetatable(L, to);
  }
  return NULL;
}

void hearth__json_copy(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 12, NULL);
  const hearth__json_codec *c = hearth__json_codec_push(L);
  int base = lua_gettop(L);
  lua_getiuservalue(L, base, HEARTH__CODEC_ARRAY);
  lua_getiuservalue(L, base, HEARTH__CODEC_SET);
  copier w = {.L = L, .codec = c, .array = base + 1, .set = base + 2};
  lua_pushvalue(L, idx);
  const char *why = copy(&w, lua_gettop(L), 0, false);
  if (why) {
    lua_settop(L, base);
    lua_pop(L, 1);
    /* The encoder finds the path; what it takes, it says in its own words. */
    hearth__json_encode(L, idx, true, NULL, NULL, 0);
    hearth__error_fields fields = {0};
    hearth__raise(L, "EINVAL", &fields, "%s cannot be copied", why);
  }
  lua_replace(L, base);
  lua_settop(L, base);
}
