/* See transfer.h. */
#include "transfer.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "error.h"
#include "json/json.h"
#include "outcome.h"
#include "state.h"

enum { T_NIL, T_FALSE, T_TRUE, T_INTEGER, T_FLOAT, T_STRING, T_POINTER, T_TABLE, T_ARRAY, T_SET, T_SAME, T_END, T_FUTURE };

/* ---- out */

typedef struct packing {
  hearth__parcel *p;
  const char *op, *what;
  int first, seen, count; /* `seen`: index of the table of tables -> number */
  int keys[HEARTH__TRANSFER_DEPTH], depth;
  int value; /* index of the value that is being packed */
} packing;

static void put(lua_State *L, packing *k, const void *bytes, size_t n) {
  hearth__parcel *p = k->p;
  if (p->size + n > p->room) {
    size_t room = p->room ? p->room * 2 : 256;
    while (room < p->size + n) room *= 2;
    char *grown = realloc(p->bytes, room);
    if (!grown) hearth__no_memory(L);
    p->bytes = grown;
    p->room = room;
  }
  if (n) memcpy(p->bytes + p->size, bytes, n);
  p->size += n;
}

static void put_tag(lua_State *L, packing *k, char tag) {
  put(L, k, &tag, 1);
}

static bool is_name(const char *s, size_t n) {
  if (n == 0 || strlen(s) != n || (*s >= '0' && *s <= '9')) return false;
  return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == n;
}

static int refuse(lua_State *L, packing *k, const char *type) {
  luaL_Buffer b;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  luaL_buffinit(L, &b);
  luaL_addchar(&b, '$');
  for (int i = 0; i < k->depth; i++) {
    int key = k->keys[i];
    size_t n;
    if (lua_type(L, key) == LUA_TSTRING) {
      const char *s = lua_tolstring(L, key, &n);
      bool name = is_name(s, n);
      luaL_addstring(&b, name ? "." : "[\"");
      luaL_addlstring(&b, s, n);
      if (!name) luaL_addstring(&b, "\"]");
    } else {
      luaL_addchar(&b, '[');
      luaL_tolstring(L, key, NULL);
      luaL_addvalue(&b);
      luaL_addchar(&b, ']');
    }
  }
  luaL_pushresult(&b);
  const char *path = lua_tostring(L, -1);
  return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = k->op, .path = path},
                       "%s: %s %d cannot be copied to another state, at %s: %s; give it tables, strings, numbers, booleans or futures",
                       k->op, k->what, k->value - k->first + 1, path, type);
}

static void pack_value(lua_State *L, packing *k, int idx);

static void pack_table(lua_State *L, packing *k, int idx) {
  lua_pushvalue(L, idx);
  if (lua_rawget(L, k->seen) == LUA_TNUMBER) {
    lua_Integer number = lua_tointeger(L, -1);
    put_tag(L, k, T_SAME);
    put(L, k, &number, sizeof number);
    lua_pop(L, 1);
    return;
  }
  lua_pop(L, 1);
  bool set = hearth__json_is_set(L, idx);
  hearth__json_thaw(L, idx);
  if (k->depth == HEARTH__TRANSFER_DEPTH) refuse(L, k, "nested too deeply");
  lua_pushvalue(L, idx);
  lua_pushinteger(L, ++k->count);
  lua_rawset(L, k->seen);
  put_tag(L, k, set ? T_SET : hearth__json_is_array(L, idx) ? T_ARRAY : T_TABLE);
  int sizes[2] = {(int)lua_rawlen(L, idx), 0};
  put(L, k, sizes, sizeof sizes);
  lua_pushnil(L);
  while (lua_next(L, idx)) { /* … key value */
    int value = lua_gettop(L);
    k->keys[k->depth++] = value - 1;
    pack_value(L, k, value - 1);
    pack_value(L, k, value);
    k->depth--;
    lua_settop(L, value - 1);
  }
  put_tag(L, k, T_END);
}

static void pack_value(lua_State *L, packing *k, int idx) {
  luaL_checkstack(L, 8, "value nested too deeply");
  switch (lua_type(L, idx)) {
    case LUA_TNIL: put_tag(L, k, T_NIL); return;
    case LUA_TBOOLEAN: put_tag(L, k, lua_toboolean(L, idx) ? T_TRUE : T_FALSE); return;
    case LUA_TNUMBER:
      if (lua_isinteger(L, idx)) {
        lua_Integer i = lua_tointeger(L, idx);
        put_tag(L, k, T_INTEGER);
        put(L, k, &i, sizeof i);
      } else {
        lua_Number n = lua_tonumber(L, idx);
        put_tag(L, k, T_FLOAT);
        put(L, k, &n, sizeof n);
      }
      return;
    case LUA_TSTRING: {
      size_t n;
      const char *s = lua_tolstring(L, idx, &n);
      put_tag(L, k, T_STRING);
      put(L, k, &n, sizeof n);
      put(L, k, s, n);
      return;
    }
    case LUA_TLIGHTUSERDATA: {
      void *pointer = lua_touserdata(L, idx);
      put_tag(L, k, T_POINTER);
      put(L, k, &pointer, sizeof pointer);
      return;
    }
    case LUA_TTABLE: pack_table(L, k, idx); return;
    default: break;
  }
  hearth__remote *r = hearth__remote_at(L, idx);
  hearth__outcome *o = r ? NULL : hearth__to_outcome(L, idx);
  if (!r && (!o || o->kind != &hearth__future_kind)) refuse(L, k, o ? "a task" : luaL_typename(L, idx));
  put_tag(L, k, T_FUTURE);
  put(L, k, &(hearth__remote *){NULL}, sizeof r); /* its place first: nothing can fail once it is counted */
  if (r)
    hearth__remote_retain(r);
  else
    r = hearth__remote_new(L, o->state, idx);
  memcpy(k->p->bytes + k->p->size - sizeof r, &r, sizeof r);
}

static int pack_protected(lua_State *L) {
  packing *k = lua_touserdata(L, lua_gettop(L));
  lua_pop(L, 1);
  int last = lua_gettop(L);
  lua_newtable(L);
  k->seen = lua_gettop(L);
  k->first = 1;
  for (int i = 1; i <= last; i++) {
    k->value = i;
    k->depth = 0;
    pack_value(L, k, i);
    k->p->values++;
  }
  return 0;
}

void hearth__parcel_pack(lua_State *L, int first, hearth__parcel *p, const char *op, const char *what) {
  packing k = {.p = p, .op = op, .what = what};
  int n = lua_gettop(L) - first + 1;
  luaL_checkstack(L, n + 4, "too many values");
  lua_pushcfunction(L, pack_protected);
  for (int i = 0; i < n; i++) lua_pushvalue(L, first + i);
  lua_pushlightuserdata(L, &k);
  if (lua_pcall(L, n + 1, 0, 0) == LUA_OK) return;
  hearth__parcel_free(p);
  lua_error(L);
}

/* ---- in */

typedef struct reading {
  const char *at;
  int tables, count;
} reading;

static void get(reading *r, void *out, size_t n) {
  memcpy(out, r->at, n);
  r->at += n;
}

/* Pushes one value; false, and nothing pushed, at the end of a table. */
static bool push_value(lua_State *L, reading *r) {
  luaL_checkstack(L, 8, NULL);
  char tag = *r->at++;
  switch (tag) {
    case T_NIL: lua_pushnil(L); break;
    case T_FALSE:
    case T_TRUE: lua_pushboolean(L, tag == T_TRUE); break;
    case T_INTEGER: {
      lua_Integer i;
      get(r, &i, sizeof i);
      lua_pushinteger(L, i);
      break;
    }
    case T_FLOAT: {
      lua_Number n;
      get(r, &n, sizeof n);
      lua_pushnumber(L, n);
      break;
    }
    case T_STRING: {
      size_t n;
      get(r, &n, sizeof n);
      lua_pushlstring(L, r->at, n);
      r->at += n;
      break;
    }
    case T_POINTER: {
      void *pointer;
      get(r, &pointer, sizeof pointer);
      lua_pushlightuserdata(L, pointer);
      break;
    }
    case T_SAME: {
      lua_Integer number;
      get(r, &number, sizeof number);
      lua_rawgeti(L, r->tables, number);
      break;
    }
    case T_FUTURE: {
      hearth__remote *f;
      get(r, &f, sizeof f);
      hearth__remote_push(L, f);
      break;
    }
    case T_TABLE:
    case T_SET:
    case T_ARRAY: {
      int sizes[2];
      get(r, sizes, sizeof sizes);
      lua_createtable(L, sizes[0], sizes[1]);
      lua_pushvalue(L, -1);
      lua_rawseti(L, r->tables, ++r->count);
      while (push_value(L, r)) {
        push_value(L, r);
        lua_rawset(L, -3);
      }
      if (tag == T_ARRAY) hearth__json_mark_array(L, lua_gettop(L));
      if (tag == T_SET) hearth__json_mark_set(L, lua_gettop(L));
      break;
    }
    default: return false;
  }
  return true;
}

int hearth__parcel_push(lua_State *L, const hearth__parcel *p) {
  reading r = {.at = p->bytes};
  luaL_checkstack(L, p->values + 8, "too many values");
  lua_newtable(L);
  r.tables = lua_gettop(L);
  for (int i = 0; i < p->values; i++) push_value(L, &r);
  lua_remove(L, r.tables);
  return p->values;
}

/* Futures in it are counted: walks over what is there without building it. */
static void drop_futures(const hearth__parcel *p) {
  static const size_t plain[] = {
      [T_INTEGER] = sizeof(lua_Integer), [T_FLOAT] = sizeof(lua_Number), [T_POINTER] = sizeof(void *),   [T_TABLE] = 2 * sizeof(int),
      [T_ARRAY] = 2 * sizeof(int),       [T_SET] = 2 * sizeof(int),      [T_SAME] = sizeof(lua_Integer), [T_FUTURE] = sizeof(void *)};
  reading r = {.at = p->bytes};
  while (r.at < p->bytes + p->size) {
    int tag = *r.at++;
    if (tag == T_STRING) {
      size_t n;
      get(&r, &n, sizeof n);
      r.at += n;
    } else {
      hearth__remote *f = NULL;
      if (tag == T_FUTURE && r.at + sizeof f <= p->bytes + p->size) memcpy(&f, r.at, sizeof f);
      if (f) hearth__remote_unref(f);
      r.at += (size_t)tag < sizeof plain / sizeof *plain ? plain[tag] : 0;
    }
  }
}

void hearth__parcel_free(hearth__parcel *p) {
  if (p->bytes) drop_futures(p);
  free(p->bytes);
  *p = (hearth__parcel){0};
}
