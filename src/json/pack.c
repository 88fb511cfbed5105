/* Large values on their way between Lua and other threads. A packed value is one whose text somebody else makes; a reader builds a value, of which
** somebody else has read the text, in steps that hold the loop for a fraction of a millisecond each. */
#include <stdlib.h>

#include <lauxlib.h>

#include "error.h"
#include "json/codec.h"
#include "json/tape.h"

#define PACKED_CLASS "hearth.json.packed"
#define READER_CLASS "hearth.json.reader"

enum { STEP = 8192 }; /* items: some 0.5 ms */

/* ---- packed */

typedef struct packed {
  hearth__json_flat *flat; /* that of a string is read out of the user value */
} packed;

static void give_back(lua_State *L, packed *p) {
  if (p->flat) hearth__json_codec_take(hearth__json_codec_of(L), p->flat);
  p->flat = NULL;
}

static int packed_gc(lua_State *L) {
  give_back(L, lua_touserdata(L, 1));
  return 0;
}

/* Its text, made here and now. */
static int packed_text(lua_State *L) {
  const hearth__json_flat *flat = hearth__json_packed(L, 1);
  hearth__json_codec *c = hearth__json_codec_of(L);
  c->out.size = 0;
  if (!flat || !hearth__json_print_flat(flat, &c->ranks, &c->out)) return hearth__no_memory(L);
  lua_pushlstring(L, c->out.data, c->out.size);
  hearth__json_codec_trim(c);
  return 1;
}

void hearth__json_pack(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 4, NULL);
  packed *p = lua_newuserdatauv(L, sizeof *p, 1);
  p->flat = NULL;
  if (luaL_newmetatable(L, PACKED_CLASS)) {
    lua_pushcfunction(L, packed_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, packed_text);
    lua_setfield(L, -2, "__tostring");
  }
  lua_setmetatable(L, -2);
  lua_pushvalue(L, idx);
  p->flat = hearth__json_encode_or_flatten(L, -1, HEARTH__JSON_LARGE);
  if (!p->flat) { /* packed value text */
    lua_replace(L, -3);
    lua_pop(L, 1);
  } else if (lua_type(L, -1) == LUA_TSTRING)
    lua_setiuservalue(L, -2, 1);
  else
    lua_pop(L, 1);
}

void hearth__json_pack_done(lua_State *L, int idx) {
  packed *p = lua_type(L, idx) == LUA_TUSERDATA ? luaL_testudata(L, idx, PACKED_CLASS) : NULL;
  if (p) give_back(L, p);
}

const hearth__json_flat *hearth__json_packed(lua_State *L, int idx) {
  packed *p = lua_type(L, idx) == LUA_TUSERDATA ? luaL_testudata(L, idx, PACKED_CLASS) : NULL;
  return p ? p->flat : NULL;
}

/* ---- readers */

typedef struct reader {
  hearth__json_tape *tape; /* NULL: done */
  void *keep;
  void (*let_go)(void *keep);
  bool failed;
  int saved; /* values of the builder, in the table that is the user value */
  hearth__json_builder builder;
} reader;

static void reader_end(reader *r) {
  hearth__json_tape_free(r->tape);
  if (r->let_go) r->let_go(r->keep);
  r->tape = NULL;
  r->let_go = NULL;
}

static int reader_gc(lua_State *L) {
  reader_end(lua_touserdata(L, 1));
  return 0;
}

void hearth__json_reader_push(lua_State *L, hearth__json_tape *tape, void *keep, void (*let_go)(void *keep)) {
  luaL_checkstack(L, 4, NULL);
  reader *r = lua_newuserdatauv(L, sizeof *r, 1);
  memset(r, 0, offsetof(reader, builder.frames));
  if (luaL_newmetatable(L, READER_CLASS)) {
    lua_pushcfunction(L, reader_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  lua_newtable(L);
  lua_setiuservalue(L, -2, 1);
  r->tape = tape;
  r->keep = keep;
  r->let_go = let_go;
  r->builder.tape = tape;
  r->builder.sets = true;
}

bool hearth__json_reader_step(lua_State *L, int idx) {
  reader *r = luaL_checkudata(L, idx, READER_CLASS);
  if (!r->tape || r->failed) hearth__no_memory(L); /* an earlier step has failed */
  luaL_checkstack(L, r->saved + 8, NULL);
  lua_getiuservalue(L, idx, 1);
  int table = lua_gettop(L), mark = table + 1;
  hearth__json_push_array_mark(L);
  for (int i = 1; i <= r->saved; i++) lua_rawgeti(L, table, i);
  r->failed = true; /* when memory is short half way, there is no way on */
  bool done = hearth__json_build(L, &r->builder, mark, STEP);
  r->failed = false;
  if (done) {
    lua_replace(L, table);
    lua_settop(L, table);
    reader_end(r);
    return true;
  }
  r->saved = lua_gettop(L) - mark;
  for (int i = r->saved; i >= 1; i--) lua_rawseti(L, table, i);
  lua_settop(L, table - 1);
  return false;
}
