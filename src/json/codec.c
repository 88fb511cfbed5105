/* The codec of a Lua state: the metatables that mark arrays and sets, and scratch memory that lasts from one call to the next, so that
** nothing leaks when Lua raises a memory error. It hangs in the registry. */
#include <lauxlib.h>

#include "json/codec.h"
#include "large.h"
#include "ref.h"

enum { KEPT = 4 << 20, KEPT_FLAT = 2 << 20 };

static const char slot = 0;

static void release(hearth__json_codec *c) {
  hearth__json_flat_clear(&c->flat);
  hearth__json_release(&c->ranks);
  hearth__json_release(&c->out);
  hearth__json_release(&c->path);
}

static int collect(lua_State *L) {
  hearth__json_codec *c = lua_touserdata(L, 1);
  release(c);
  c->closed = true;
  return 0;
}

void hearth__json_codec_trim(hearth__json_codec *c) {
  size_t kept = c->flat.bytes.capacity + c->out.capacity + c->ranks.capacity + c->path.capacity;
  if (c->closed || kept > KEPT) release(c);
}

void hearth__json_codec_take(hearth__json_codec *c, hearth__json_flat *flat) {
  hearth__json_buffer *bytes = &flat->bytes, *kept = &c->flat.bytes;
  if (bytes->capacity > KEPT_FLAT) {
    char *data = hearth__large_resize(bytes->data, bytes->capacity, KEPT_FLAT);
    if (data) {
      bytes->data = data;
      bytes->capacity = KEPT_FLAT;
    }
  }
  if (!c->closed && bytes->capacity <= KEPT_FLAT && bytes->capacity > kept->capacity) {
    hearth__json_buffer smaller = *kept;
    *kept = *bytes;
    *bytes = smaller;
  }
  hearth__json_flat_free(flat);
}

hearth__json_codec *hearth__json_codec_push(lua_State *L) {
  if (hearth__slot_push(L, &slot) == LUA_TUSERDATA) return lua_touserdata(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, 8, NULL);
  hearth__json_codec *c = lua_newuserdatauv(L, sizeof *c, 2);
  memset(c, 0, sizeof *c);
  void *ud;
  lua_Alloc alloc = lua_getallocf(L, &ud);
  hearth__json_buffer *buffers[] = {&c->out, &c->path, &c->ranks};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
    buffers[i]->alloc = alloc;
    buffers[i]->ud = ud;
  }
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_createtable(L, 0, 0);
  c->array_mark = lua_topointer(L, -1);
  lua_setiuservalue(L, -2, HEARTH__CODEC_ARRAY);
  hearth__json_set_class(L);
  c->set_class = lua_topointer(L, -1);
  lua_setiuservalue(L, -2, HEARTH__CODEC_SET);
  lua_pushvalue(L, -1);
  hearth__slot_set(L, &slot);
  return c;
}

hearth__json_codec *hearth__json_codec_of(lua_State *L) {
  luaL_checkstack(L, 2, NULL);
  hearth__json_codec *c = hearth__json_codec_push(L);
  lua_pop(L, 1);
  return c;
}

bool hearth__json_thaw(lua_State *L, int idx) {
  if (!lua_getmetatable(L, idx)) return false;
  bool frozen = lua_rawgeti(L, -1, 2) == LUA_TLIGHTUSERDATA && !lua_touserdata(L, -1);
  lua_pop(L, 1);
  frozen = lua_rawgeti(L, -1, 1) == LUA_TTABLE && frozen;
  if (frozen) lua_copy(L, -1, idx);
  lua_pop(L, 2);
  return frozen;
}

static hearth__json_mark mark_at(lua_State *L, int idx) {
  if (!lua_istable(L, idx)) return MARK_NONE;
  const hearth__json_codec *c = hearth__json_codec_of(L);
  return hearth__json_mark_of(L, c, idx);
}

bool hearth__json_is_array(lua_State *L, int idx) {
  return mark_at(L, idx) == MARK_ARRAY;
}
bool hearth__json_is_set(lua_State *L, int idx) {
  return mark_at(L, idx) == MARK_SET;
}

bool hearth__json_mark_array(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (!lua_istable(L, idx)) return false;
  if (mark_at(L, idx) == MARK_ARRAY) return true;
  if (lua_getmetatable(L, idx)) {
    lua_pop(L, 1);
    return false;
  }
  hearth__json_codec_push(L);
  lua_getiuservalue(L, -1, HEARTH__CODEC_ARRAY);
  lua_setmetatable(L, idx);
  lua_pop(L, 1);
  return true;
}
