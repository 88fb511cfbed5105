/* hearth.core.feature.load "net": HTTP requests as raw verbs (docs/internals.md). Built into hearth-net.so with src/net/; all of ours is called
** through the table of api.h. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "api.h"
#include "net/http.h"

#define STREAM_CLASS "hearth.net.stream"

/* One per Lua state: upvalue 1 of every function here. */
typedef struct net {
  hearth__closer closer;
  const hearth__api *api;
  hearth__state *state;
  hearth_t *h;
  hearth__http *http;
  bool ended; /* the runtime has; what Lua collects now lets go of its own memory only */
} net;

typedef struct flow flow;

/* What stream:read() waits for. It may outlive the flow: a read that raised is released late. */
typedef struct reader {
  hearth__op op;
  flow *f;
} reader;

/* One request as Lua sees it: what `request` waits for, and then, for a stream, what a userdata owns. */
struct flow {
  hearth__op op;
  net *n;
  hearth__exchange *x;
  hearth__timer idle; /* a stream's time-out, from one sign of life to the next */
  double idle_seconds;
  int body;           /* anchors the string that is sent */
  reader *reader;     /* what was begun last and is not released */
  hearth__op *waiter; /* who waits now, or NULL */
  bool stream, owned;
};

#define net_of(L) ((net *)lua_touserdata((L), lua_upvalueindex(1)))

static int refuse(lua_State *L, net *n, const char *code, const char *fmt, const char *arg) {
  n->api->error_push(L, code, &(hearth__error_fields){.op = "fetch"}, fmt, arg);
  return lua_error(L);
}

/* Raises what went wrong, with `reason` and `url`. */
static int raise_failure(lua_State *L, net *n, const hearth__http_failure *f, const char *url) {
  n->api->error_push(L, f->code, &(hearth__error_fields){.op = "fetch"}, "fetch '%s': %s", url ? url : "", f->message);
  lua_pushstring(L, f->reason);
  lua_setfield(L, -2, "reason");
  lua_pushstring(L, url);
  lua_setfield(L, -2, "url");
  return lua_error(L);
}

static void flow_free(flow *f) {
  net *n = f->n;
  hearth__exchange_free(f->x);
  if (f->reader) f->reader->f = NULL;
  if (!n->ended) {
    n->api->timer_stop(n->h, &f->idle);
    if (f->waiter) n->api->busy_end(n->h);
    n->api->unref(n->api->main_of(n->state), f->body);
  }
  free(f);
}

/* Somebody waits from now on: settle() does too, and the program does not end. */
static void begin_wait(flow *f, hearth__op *op, const hearth__op_class *class_) {
  f->n->api->op_init(op, class_, f->n->state);
  f->waiter = op;
  f->n->api->busy_begin(f->n->h);
}

static void end_wait(flow *f, bool tell) {
  hearth__op *op = f->waiter;
  if (!op) return;
  f->waiter = NULL;
  f->n->api->busy_end(f->n->h);
  if (tell) f->n->api->op_done(op);
}

/* ---- events, from inside the loop */

static void on_idle(hearth_t *h, hearth__timer *t) {
  (void)h;
  flow *f = (flow *)(void *)((char *)t - offsetof(flow, idle));
  hearth__exchange_abort(f->x, "ETIMEOUT", "timeout", "nothing has come within the time-out");
  end_wait(f, true);
}

static void restart_idle(flow *f) {
  if (f->idle_seconds > 0) f->n->api->timer_start(f->n->h, &f->idle, f->idle_seconds, HEARTH__TIMER_REAL | HEARTH__TIMER_UNREF);
}

static void on_head(void *user) {
  end_wait(user, true);
}

static void on_data(void *user) {
  end_wait(user, true);
}

static void on_done(void *user) {
  flow *f = user;
  f->n->api->timer_stop(f->n->h, &f->idle);
  end_wait(f, true);
}

static const hearth__http_events events = {on_head, on_data, on_done};

/* ---- a stream: what is left to read */

static flow *check_stream(lua_State *L) {
  flow **box = luaL_checkudata(L, 1, STREAM_CLASS);
  return *box;
}

static int read_push(lua_State *L, hearth__op *op) {
  flow *f = ((reader *)op)->f;
  size_t size;
  if (!f) return 0; /* closed since */
  const char *bytes = hearth__exchange_body(f->x, &size);
  const hearth__http_failure *failure = hearth__exchange_failure(f->x);
  f->n->api->timer_stop(f->n->h, &f->idle);
  if (size > 0) {
    lua_pushlstring(L, bytes, size);
    hearth__exchange_taken(f->x);
    return 1;
  }
  if (failure->code) return raise_failure(L, f->n, failure, hearth__exchange_url(f->x));
  lua_pushnil(L);
  return 1;
}

static void read_release(hearth__op *op) {
  reader *r = (reader *)op;
  flow *f = r->f;
  if (f && f->reader == r) f->reader = NULL;
  if (f && f->waiter == op) {
    end_wait(f, false); /* the reader was cancelled: so is the transfer */
    f->n->api->timer_stop(f->n->h, &f->idle);
    hearth__exchange_abort(f->x, "ECANCELED", "cancelled", "the task that read it was cancelled");
  }
  free(r);
}

static const hearth__op_class read_class = {"fetch", read_push, read_release};

/* stream:read() -> string, or nil at the end; awaits. */
static int l_read(lua_State *L) {
  net *n = net_of(L);
  flow *f = check_stream(L);
  size_t size;
  n->api->check_await(L, n->state, "fetch");
  if (!f) return refuse(L, n, "ECLOSED", "resp:chunks: the answer was closed%s", "");
  if (f->waiter) return refuse(L, n, "EINVAL", "resp:chunks: another task is reading this answer%s", "");
  reader *r = calloc(1, sizeof *r);
  if (!r) return n->api->no_memory(L);
  if (f->reader) f->reader->f = NULL;
  r->f = f;
  f->reader = r;
  hearth__exchange_body(f->x, &size);
  begin_wait(f, &r->op, &read_class);
  if (size > 0 || hearth__exchange_done(f->x))
    end_wait(f, true);
  else
    restart_idle(f);
  return n->api->await(L, &r->op);
}

/* stream:close(): the transfer is aborted if it goes on. */
static int l_close(lua_State *L) {
  flow **box = luaL_checkudata(L, 1, STREAM_CLASS);
  flow *f = *box;
  if (!f) return 0;
  if (f->waiter) {
    hearth__exchange_abort(f->x, "ECLOSED", "closed", "the answer was closed");
    end_wait(f, true);
    return 0;
  }
  *box = NULL;
  flow_free(f);
  return 0;
}

static const luaL_Reg stream_methods[] = {{"read", l_read}, {"close", l_close}, {"__close", l_close}, {"__gc", l_close}, {NULL, NULL}};

/* ---- request */

static int request_push(lua_State *L, hearth__op *op) {
  flow *f = (flow *)op;
  const hearth__http_failure *failure = hearth__exchange_failure(f->x);
  size_t size;
  f->n->api->timer_stop(f->n->h, &f->idle);
  if (failure->code) return raise_failure(L, f->n, failure, hearth__exchange_url(f->x));
  flow **box = NULL;
  if (f->stream) {
    box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    luaL_setmetatable(L, STREAM_CLASS);
  }
  lua_pushinteger(L, (lua_Integer)hearth__exchange_status(f->x));
  lua_pushstring(L, hearth__exchange_url(f->x));
  const char *head = hearth__exchange_head(f->x, &size);
  lua_pushlstring(L, head, size);
  if (box) {
    lua_rotate(L, -4, -1);
    *box = f;
    f->owned = true;
  } else {
    const char *body = hearth__exchange_body(f->x, &size);
    lua_pushlstring(L, body, size);
  }
  return 4;
}

static void request_release(hearth__op *op) {
  flow *f = (flow *)op;
  if (!f->owned) flow_free(f); /* in flight: this is the abort */
}

static const hearth__op_class request_class = {"fetch", request_push, request_release};

/* The field of the table at index 1; the value stays on the stack, so that what it points to stays too. */
static const char *field(lua_State *L, int table, const char *name, size_t *size) {
  luaL_checkstack(L, 8, "too many parts");
  return lua_getfield(L, table, name) == LUA_TNIL ? NULL : lua_tolstring(L, -1, size);
}

static lua_Number number(lua_State *L, const char *name, lua_Number absent) {
  lua_Number value = lua_getfield(L, 1, name) == LUA_TNUMBER ? lua_tonumber(L, -1) : absent;
  lua_pop(L, 1);
  return value;
}

static bool flag(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  bool value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

/* A list below the request's table: pushes it, or returns 0. */
static size_t list(lua_State *L, const char *name) {
  return lua_getfield(L, 1, name) == LUA_TTABLE ? (size_t)lua_rawlen(L, -1) : 0;
}

static void read_headers(lua_State *L, hearth__http_request *r) {
  size_t count = list(L, "headers");
  int table = lua_gettop(L);
  const char **lines = lua_newuserdatauv(L, (count + 1) * sizeof *lines, 0);
  luaL_checkstack(L, (int)count + 8, "too many headers");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, table, (lua_Integer)i + 1);
    lines[i] = luaL_checkstring(L, -1);
  }
  r->headers = lines;
  r->header_count = count;
}

static void read_parts(lua_State *L, hearth__http_request *r) {
  size_t count = list(L, "parts");
  int table = lua_gettop(L);
  if (lua_isnil(L, table)) return;
  hearth__http_part *parts = lua_newuserdatauv(L, (count + 1) * sizeof *parts, 0);
  for (size_t i = 0; i < count; i++) {
    hearth__http_part *p = &parts[i];
    *p = (hearth__http_part){0};
    luaL_checkstack(L, 8, "too many parts");
    lua_rawgeti(L, table, (lua_Integer)i + 1);
    int part = lua_gettop(L);
    p->name = field(L, part, "name", NULL);
    p->filename = field(L, part, "filename", NULL);
    p->type = field(L, part, "type", NULL);
    p->file = field(L, part, "file", NULL);
    p->data = field(L, part, "data", &p->size);
  }
  r->parts = parts;
  r->part_count = count;
}

/* request(t) -> status, url, head, content | stream; awaits. The fields of t are those of hearth__http_request, with times in seconds. */
static int l_request(lua_State *L) {
  net *n = net_of(L);
  hearth__http_request r = {0};
  hearth__http_failure failure;
  n->api->check_await(L, n->state, "fetch");
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  r.url = field(L, 1, "url", NULL);
  r.method = field(L, 1, "method", NULL);
  r.body = field(L, 1, "body", &r.body_size);
  r.file = field(L, 1, "file", NULL);
  r.proxy = field(L, 1, "proxy", NULL);
  r.ca_file = field(L, 1, "ca_file", NULL);
  r.jar = field(L, 1, "jar", NULL);
  if (!r.url || !r.method) return luaL_error(L, "net.request: url and method are strings");
  r.connect_timeout_ms = (long)(number(L, "connect_timeout", 0) * 1000 + 0.5);
  r.timeout_ms = (long)(number(L, "timeout", 0) * 1000 + 0.5);
  r.max_bytes = (int64_t)number(L, "max_bytes", -1);
  r.max_redirects = (long)number(L, "max_redirects", -1);
  r.stream = flag(L, "stream");
  r.decode = flag(L, "decode");
  r.public_only = flag(L, "public_only");
  read_headers(L, &r);
  read_parts(L, &r);
  flow *f = calloc(1, sizeof *f);
  if (!f) return n->api->no_memory(L);
  f->n = n;
  f->body = LUA_NOREF;
  f->stream = r.stream;
  if (r.stream) {
    if (!r.connect_timeout_ms) r.connect_timeout_ms = r.timeout_ms;
    f->idle_seconds = (double)r.timeout_ms / 1000;
    f->idle.fire = on_idle;
    r.timeout_ms = 0;
  }
  f->x = hearth__http_start(n->http, &r, &events, f, &failure);
  if (!f->x) {
    free(f);
    return raise_failure(L, n, &failure, r.url);
  }
  begin_wait(f, &f->op, &request_class);
  if (r.stream) restart_idle(f);
  lua_settop(L, 1);
  /* From here on the op owns the flow; the string that is sent stays in the request's table, which this frame holds while it waits. A stream may
  ** outlive the frame, so there it is anchored. */
  if (r.stream && r.body) {
    lua_getfield(L, 1, "body");
    f->body = n->api->ref(L);
  }
  return n->api->await(L, &f->op);
}

static const luaL_Reg verbs[] = {{"request", l_request}, {NULL, NULL}};

static void on_close(hearth__closer *c) {
  net *n = (net *)c;
  n->ended = true;
  hearth__http_close(n->http);
}

__attribute__((visibility("default"))) int hearth__feature_net(lua_State *L, const hearth__api *api, hearth__state *s);

int hearth__feature_net(lua_State *L, const hearth__api *api, hearth__state *s) {
  if (api->version != HEARTH__API_VERSION) return 0;
  hearth_t *h = api->runtime_of(s);
  net *n = lua_newuserdatauv(L, sizeof *n, 0); /* lives as long as the state: streams are collected when it closes */
  *n = (net){.closer = {.close = on_close}, .api = api, .state = s, .h = h};
  api->ref(L);
  n->http = hearth__http_new(api->loop(h));
  if (!n->http) return luaL_error(L, "net: libcurl cannot be started: not enough memory or descriptors");
  api->at_close(s, &n->closer);
  luaL_newlibtable(L, verbs);
  lua_pushlightuserdata(L, n);
  luaL_setfuncs(L, verbs, 1);
  luaL_newmetatable(L, STREAM_CLASS);
  lua_pushlightuserdata(L, n);
  luaL_setfuncs(L, stream_methods, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  return 1;
}
