/* hearth.core.feature.load "web": the web server as raw verbs (docs/internals.md). Built into hearth-web.so with src/net/web_server.c; all of ours is
** called through the table of api.h. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "api.h"
#include "net/web_server.h"

#define SERVER_CLASS "hearth.web.server"

typedef struct server server;

/* What server:wait() waits for; it may outlive the server. */
typedef struct waiter {
  hearth__op op;
  server *s;
} waiter;

/* One per `listen`: a userdata that is anchored, because its end is the runtime's. */
struct server {
  hearth__closer closer;
  const hearth__api *api;
  hearth__state *state;
  hearth__web *web;
  waiter *waiter;
  bool closed;
};

static server *check_server(lua_State *L) {
  return luaL_checkudata(L, 1, SERVER_CLASS);
}

static int refuse(lua_State *L, server *s, const char *code, const char *fmt, const char *arg) {
  s->api->error_push(L, code, &(hearth__error_fields){.op = "serve"}, fmt, arg);
  return lua_error(L);
}

static server *check_open(lua_State *L) {
  server *s = check_server(L);
  if (s->closed) refuse(L, s, "ECLOSED", "serve: the server was closed%s", "");
  return s;
}

static void wake(server *s) {
  waiter *wt = s->waiter;
  if (!wt) return;
  s->waiter = NULL;
  s->api->op_done(&wt->op);
}

static void on_notify(void *user) {
  wake(user);
}

/* ---- events */

static void push_event(lua_State *L, const hearth__web_event *e) {
  static const char *const kinds[] = {"request", "open", "message", "close"};
  lua_createtable(L, 0, 4);
  lua_pushstring(L, kinds[e->kind]);
  lua_setfield(L, -2, "kind");
  lua_pushinteger(L, (lua_Integer)e->id);
  lua_setfield(L, -2, "id");
  if (e->client[0]) {
    lua_pushstring(L, e->client);
    lua_setfield(L, -2, "client");
  }
  if (e->metrics) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "metrics");
  }
  if (e->kind == HEARTH__WEB_REQUEST || e->kind == HEARTH__WEB_MESSAGE) {
    lua_pushlstring(L, e->text, e->size);
    lua_setfield(L, -2, e->kind == HEARTH__WEB_REQUEST ? "path" : "text");
  }
}

/* server:wait() -> list of events, oldest first; nil when the server was closed. Awaits. */
static int wait_push(lua_State *L, hearth__op *op) {
  server *s = ((waiter *)op)->s;
  const hearth__web_event *e;
  if (s->closed) return 0;
  lua_newtable(L);
  for (lua_Integer i = 1; (e = hearth__web_first(s->web)); i++) {
    push_event(L, e);
    lua_rawseti(L, -2, i);
    hearth__web_taken(s->web);
  }
  return 1;
}

static void wait_release(hearth__op *op) {
  waiter *wt = (waiter *)op;
  if (wt->s->waiter == wt) wt->s->waiter = NULL;
  free(wt);
}

static const hearth__op_class wait_class = {"serve", wait_push, wait_release};

static int l_wait(lua_State *L) {
  server *s = check_open(L);
  s->api->check_await(L, s->state, "serve");
  if (s->waiter) return refuse(L, s, "EINVAL", "serve: another task waits for the events of this server%s", "");
  waiter *wt = calloc(1, sizeof *wt);
  if (!wt) return s->api->no_memory(L);
  wt->s = s;
  s->waiter = wt;
  s->api->op_init(&wt->op, &wait_class, s->state);
  if (hearth__web_first(s->web)) wake(s);
  return s->api->await(L, &wt->op);
}

/* ---- answers */

/* server:reply(id, status, {"name:", value, …}, body) -> was it there */
static int l_reply(lua_State *L) {
  server *s = check_open(L);
  size_t size, count;
  lua_Integer id = luaL_checkinteger(L, 2), status = luaL_checkinteger(L, 3);
  luaL_checktype(L, 4, LUA_TTABLE);
  const char *body = luaL_checklstring(L, 5, &size);
  count = (size_t)lua_rawlen(L, 4) / 2;
  luaL_checkstack(L, (int)count * 2 + 4, "too many headers");
  const char **headers = lua_newuserdatauv(L, (2 * count + 1) * sizeof *headers, 0);
  for (size_t i = 0; i < 2 * count; i++) {
    lua_rawgeti(L, 4, (lua_Integer)i + 1);
    headers[i] = luaL_checkstring(L, -1);
  }
  lua_pushboolean(L, hearth__web_reply(s->web, (uint64_t)id, (unsigned)status, headers, count, body, size));
  return 1;
}

/* server:send(id, text) -> is it on its way */
static int l_send(lua_State *L) {
  server *s = check_open(L);
  size_t size;
  const char *text = luaL_checklstring(L, 3, &size);
  lua_pushboolean(L, hearth__web_send(s->web, (uint64_t)luaL_checkinteger(L, 2), text, size));
  return 1;
}

/* server:say(id, number, handled, body) -> is {"q":number,"a":handled,body} on its way */
static int l_say(lua_State *L) {
  server *s = check_open(L);
  size_t size;
  lua_Integer id = luaL_checkinteger(L, 2), number = luaL_checkinteger(L, 3), handled = luaL_checkinteger(L, 4);
  const char *body = luaL_checklstring(L, 5, &size);
  lua_pushboolean(L, hearth__web_say(s->web, (uint64_t)id, number, handled, body, size));
  return 1;
}

/* server:kick(id [, drain]) */
static int l_kick(lua_State *L) {
  server *s = check_open(L);
  hearth__web_kick(s->web, (uint64_t)luaL_checkinteger(L, 2), lua_toboolean(L, 3));
  return 0;
}

/* server:sign(id) -> the signature that a cookie carries behind it */
static int l_sign(lua_State *L) {
  server *s = check_open(L);
  char out[HEARTH__WEB_SIGNATURE + 1];
  if (!hearth__web_sign(s->web, luaL_checkstring(L, 2), out)) return refuse(L, s, "EIO", "serve: the cookie cannot be signed%s", "");
  lua_pushstring(L, out);
  return 1;
}

static int l_port(lua_State *L) {
  lua_pushinteger(L, hearth__web_port(check_open(L)->web));
  return 1;
}

static int l_metrics_port(lua_State *L) {
  lua_pushinteger(L, hearth__web_metrics_port(check_open(L)->web));
  return 1;
}

static int l_clients(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)hearth__web_clients(check_open(L)->web));
  return 1;
}

static const luaL_Reg methods[] = {{"wait", l_wait}, {"reply", l_reply},     {"send", l_send},
                                   {"say", l_say},   {"kick", l_kick},       {"sign", l_sign},
                                   {"port", l_port}, {"clients", l_clients}, {"metrics_port", l_metrics_port},
                                   {NULL, NULL}};

/* ---- the end: with the runtime */

static bool on_flush(hearth__closer *c) {
  return hearth__web_stop(((server *)c)->web);
}

static void on_close(hearth__closer *c) {
  server *s = (server *)c;
  s->closed = true;
  hearth__web_stop(s->web);
  hearth__web_free(s->web);
  s->web = NULL;
}

/* ---- listen */

static const char *text_field(lua_State *L, const char *name, size_t *size) {
  return lua_getfield(L, 1, name) == LUA_TSTRING ? lua_tolstring(L, -1, size) : NULL;
}

static lua_Integer number_field(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  lua_Integer value = luaL_checkinteger(L, -1);
  lua_pop(L, 1);
  return value;
}

/* listen{host=, port=, cert=, key=, cookie=, secret=, bye=, max_clients=, max_message=, max_queue=, idle=, rate=, metrics_host=, metrics_port=} -> server */
static int l_listen(lua_State *L) {
  server *of = lua_touserdata(L, lua_upvalueindex(1));
  hearth__web_options o = {0};
  char why[HEARTH__WEB_WHY];
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_checkstack(L, 20, NULL);
  o.host = text_field(L, "host", NULL);
  o.cert = text_field(L, "cert", NULL);
  o.key = text_field(L, "key", NULL);
  o.cookie = text_field(L, "cookie", NULL);
  o.secret = text_field(L, "secret", &o.secret_size);
  o.bye = text_field(L, "bye", NULL);
  if (!o.cookie || !o.secret || !o.bye || !o.cert != !o.key)
    return luaL_error(L, "web.listen: cookie, secret and bye are strings; cert comes with key");
  o.port = (int)number_field(L, "port");
  o.max_clients = (unsigned)number_field(L, "max_clients");
  o.max_message = (size_t)number_field(L, "max_message");
  o.max_queue = (size_t)number_field(L, "max_queue");
  o.idle = (unsigned)number_field(L, "idle");
  o.rate = (unsigned)number_field(L, "rate");
  o.metrics_host = text_field(L, "metrics_host", NULL);
  o.metrics_port = lua_getfield(L, 1, "metrics_port") == LUA_TNIL ? -1 : (int)luaL_checkinteger(L, -1);
  server *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (server){.closer = {.flush = on_flush, .close = on_close}, .api = of->api, .state = of->state, .closed = true};
  luaL_setmetatable(L, SERVER_CLASS);
  lua_pushvalue(L, -1);
  s->api->ref(L);
  hearth_t *h = s->api->runtime_of(s->state);
  s->web = hearth__web_listen(s->api->loop(h), &o, on_notify, s, why);
  if (!s->web) return refuse(L, s, "EIO", "serve: %s", why);
  s->closed = false;
  s->api->at_close(s->state, &s->closer);
  return 1;
}

static const luaL_Reg verbs[] = {{"listen", l_listen}, {NULL, NULL}};

__attribute__((visibility("default"))) int hearth__feature_web(lua_State *L, const hearth__api *api, hearth__state *s);

int hearth__feature_web(lua_State *L, const hearth__api *api, hearth__state *s) {
  if (api->version != HEARTH__API_VERSION) return 0;
  luaL_newlibtable(L, verbs);
  server *of = lua_newuserdatauv(L, sizeof *of, 0); /* what every server begins with */
  *of = (server){.api = api, .state = s, .closed = true};
  luaL_setfuncs(L, verbs, 1);
  luaL_newmetatable(L, SERVER_CLASS);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  return 1;
}
