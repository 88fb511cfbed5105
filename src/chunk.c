/* Main chunks that a C caller runs, and errors as it gets them. */
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "error.h"
#include "state.h"
#include "traceback.h"

/* ---- errors */

void hearth__say_error(hearth_error *error, const char *code, const char *message) {
  if (!error) return;
  memset(error, 0, sizeof *error);
  snprintf(error->code, sizeof error->code, "%s", code);
  snprintf(error->message, sizeof error->message, "%s", message);
}

/* The code of an error value that is no object of ours: Lua says with a text of its own that memory has run out. */
static const char *code_of_value(lua_State *L, int idx) {
  return lua_type(L, idx) == LUA_TSTRING && strcmp(lua_tostring(L, idx), HEARTH__NO_MEMORY) == 0 ? "EIO" : "EINVAL";
}

/* Copies the error value at 2 into what a C caller gets, the hearth_error at 1; protected. */
static int copy_error(lua_State *L) {
  hearth_error *error = lua_touserdata(L, 1);
  const char *code = hearth__error_code(L, 2);
  snprintf(error->code, sizeof error->code, "%s", code ? code : code_of_value(L, 2));
  if (code) {
    lua_getfield(L, 2, "traceback");
    if (lua_isstring(L, -1)) snprintf(error->traceback, sizeof error->traceback, "%s", lua_tostring(L, -1));
    lua_getfield(L, 2, "message");
  } else {
    hearth__error_text(L, 2);
  }
  if (lua_isstring(L, -1)) snprintf(error->message, sizeof error->message, "%s", lua_tostring(L, -1));
  return 0;
}

void hearth__take_error(lua_State *L, hearth_error *error) {
  if (error) {
    hearth__say_error(error, "EIO", HEARTH__NO_MEMORY);
    lua_pushcfunction(L, copy_error);
    lua_pushlightuserdata(L, error);
    lua_pushvalue(L, -3);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* ---- chunks */

/* Message handler of a main chunk: adds where it happened. Only the C caller sees what comes of it. */
static int with_traceback(lua_State *L) {
  hearth__traceback(L, 1, NULL, 1);
  if (!hearth__error_code(L, 1)) {
    hearth__error_text(L, 1);
    hearth__error_push(L, code_of_value(L, 1), NULL, "%s", lua_tostring(L, -1));
    lua_replace(L, 1);
    lua_settop(L, 2);
  }
  bool known = lua_getfield(L, 1, "traceback") != LUA_TNIL;
  lua_pop(L, 1);
  if (!known) lua_setfield(L, 1, "traceback");
  lua_settop(L, 1);
  return 1;
}

typedef struct chunk {
  const char *path, *text, *name;
} chunk;

static int load_chunk(lua_State *L) {
  const chunk *c = lua_touserdata(L, 1);
  int status = c->path ? luaL_loadfile(L, c->path) : luaL_loadbuffer(L, c->text, strlen(c->text), c->name ? c->name : c->text);
  return status == LUA_OK ? 1 : lua_error(L);
}

static int run_chunk(hearth_t *h, chunk c, hearth_error *error) {
  lua_State *L = h->state->L;
  lua_pushcfunction(L, with_traceback);
  int handler = lua_gettop(L);
  lua_pushcfunction(L, load_chunk);
  lua_pushlightuserdata(L, &c);
  int status = lua_pcall(L, 1, 1, 0); /* a chunk that does not load has no traceback */
  if (status == LUA_OK) status = lua_pcall(L, 0, 0, handler);
  lua_remove(L, handler);
  if (status == LUA_OK) return 0;
  hearth__take_error(L, error);
  return -1;
}

int hearth_do_file(hearth_t *h, const char *path, hearth_error *error) {
  return run_chunk(h, (chunk){.path = path}, error);
}

int hearth_do_string(hearth_t *h, const char *text, const char *name, hearth_error *error) {
  return run_chunk(h, (chunk){.text = text, .name = name}, error);
}
