/* hearth.core.feature.load "image": pictures for a text screen as raw verbs (docs/internals.md). Built into hearth-image.so with src/term/picture.c, apart
** from "term": few apps show one, and its libraries cost a start. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "api.h"
#include "term/picture.h"

#define CLASS "hearth.core.picture"

/* The largest size that a picture is asked for: cells of the largest screen, two pixels high. */
#define MOST_SIDE 4096

typedef struct reading {
  hearth_work work;
  const hearth__api *api;
  const char *problem;
  unsigned char background[3];
  hearth__picture picture;
  char path[];
} reading;

static void read_work(hearth_work *work) {
  reading *r = (reading *)work;
  r->problem = hearth__picture_read(r->path, r->background, &r->picture);
}

static int read_push(lua_State *L, hearth_work *work) {
  reading *r = (reading *)work;
  if (r->problem) {
    r->api->error_push(L, "EIO", &(hearth__error_fields){.op = "image.read"}, "Image: %s: %s", r->path, r->problem);
    return lua_error(L);
  }
  hearth__picture *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = r->picture;
  r->picture.pixels = NULL; /* the userdata's from here on */
  luaL_setmetatable(L, CLASS);
  return 1;
}

static void read_free(hearth_work *work) {
  reading *r = (reading *)work;
  hearth__picture_free(&r->picture);
  free(r);
}

/* read(path, background) -> picture; awaits. background: 0xRRGGBB, seen through what is transparent. Raises EIO, which says what is wrong. */
static int l_read(lua_State *L) {
  const hearth__api *api = lua_touserdata(L, lua_upvalueindex(1));
  const char *path = luaL_checkstring(L, 1);
  lua_Integer colour = luaL_checkinteger(L, 2);
  size_t size = strlen(path) + 1;
  reading *r = calloc(1, sizeof *r + size);
  if (!r) return api->no_memory(L);
  r->work = (hearth_work){.size = sizeof r->work, .work = read_work, .push = read_push, .free = read_free};
  r->api = api;
  for (int i = 0; i < 3; i++) r->background[i] = (unsigned char)(colour >> (16 - 8 * i) & 255);
  memcpy(r->path, path, size);
  return api->work(L, &r->work);
}

/* picture:size() -> width, height: in pixels, as they are kept */
static int l_size(lua_State *L) {
  const hearth__picture *p = luaL_checkudata(L, 1, CLASS);
  lua_pushinteger(L, (lua_Integer)p->width);
  lua_pushinteger(L, (lua_Integer)p->height);
  return 2;
}

/* picture:scaled(width, height) -> bytes: red, green and blue of each pixel */
static int l_scaled(lua_State *L) {
  const hearth__picture *p = luaL_checkudata(L, 1, CLASS);
  lua_Integer width = luaL_checkinteger(L, 2), height = luaL_checkinteger(L, 3);
  luaL_argcheck(L, width > 0 && width <= MOST_SIDE, 2, "not a width");
  luaL_argcheck(L, height > 0 && height <= MOST_SIDE, 3, "not a height");
  luaL_Buffer b;
  size_t size = (size_t)width * (size_t)height * 3;
  hearth__picture_scale(p, (size_t)width, (size_t)height, (unsigned char *)luaL_buffinitsize(L, &b, size));
  luaL_pushresultsize(&b, size);
  return 1;
}

static int l_gc(lua_State *L) {
  hearth__picture_free(luaL_checkudata(L, 1, CLASS));
  return 0;
}

static const luaL_Reg methods[] = {{"size", l_size}, {"scaled", l_scaled}, {"__gc", l_gc}, {NULL, NULL}};

HEARTH_API hearth__feature_open hearth__feature_image;

int hearth__feature_image(lua_State *L, const hearth__api *api, hearth__state *s) {
  (void)s;
  if (api->version != HEARTH__API_VERSION) return 0;
  luaL_newmetatable(L, CLASS);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushlightuserdata(L, (void *)(uintptr_t)api);
  lua_pushcclosure(L, l_read, 1);
  lua_setfield(L, -2, "read");
  return 1;
}
