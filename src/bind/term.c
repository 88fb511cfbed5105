/* hearth.core.feature.load "term": a full-screen terminal as raw verbs (docs/internals.md). Built into hearth-term.so with src/term/; all of ours is
** called through the table of api.h. Coordinates count from 0. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>

#include "api.h"
#include "term/cells.h"
#include "term/tty.h"

typedef struct wait_op wait_op;

/* One per Lua state: upvalue 1 of every function here. */
typedef struct term {
  hearth__closer closer;
  const hearth__api *api;
  hearth__state *state;
  hearth_t *h;
  hearth__cells cells;
  uv_poll_t input;
  uv_signal_t resized, stopped, continued;
  int open_handles;
  wait_op *waiting;
  bool started, size_changed, woken, gone, ended;
  lua_Integer reports; /* errors that were reported while the terminal was ours */
  size_t size;
  char bytes[4096]; /* input that nobody has asked for yet */
} term;

struct wait_op {
  hearth__op op;
  term *from; /* NULL once the answer is there or the waiter has gone */
};

#define term_of(L) ((term *)lua_touserdata((L), lua_upvalueindex(1)))

static bool has_news(const term *t) {
  return t->size > 0 || t->size_changed || t->woken || t->gone;
}

static void tell(term *t) {
  wait_op *w = t->waiting;
  if (!w || !has_news(t)) return;
  t->waiting = NULL;
  w->from = NULL;
  t->api->op_done(&w->op);
}

static void on_input(uv_poll_t *poll, int status, int events) {
  (void)events;
  term *t = poll->data;
  if (t->size == sizeof t->bytes) { /* nobody reads: the terminal keeps the rest */
    uv_poll_stop(poll);
    return;
  }
  ssize_t n = status < 0 ? -1 : read(STDIN_FILENO, t->bytes + t->size, sizeof t->bytes - t->size);
  if (n > 0) {
    t->size += (size_t)n;
  } else if (n == 0 || status < 0 || (errno != EAGAIN && errno != EINTR)) {
    t->gone = true;
    uv_poll_stop(poll);
  }
  tell(t);
}

static void on_report(void *data) {
  term *t = data;
  t->reports++;
  t->woken = true;
  tell(t);
}

static void on_resized(uv_signal_t *handle, int sig) {
  (void)sig;
  term *t = handle->data;
  t->size_changed = true;
  tell(t);
}

static void on_stopped(uv_signal_t *handle, int sig) {
  hearth__tty_suspend();
  on_resized(handle, sig);
}

/* After a stop that nobody could catch, the terminal is as the shell left it. */
static void on_continued(uv_signal_t *handle, int sig) {
  hearth__tty_leave();
  hearth__tty_enter();
  on_resized(handle, sig);
}

/* ---- its life */

static void free_when_closed(term *t) {
  if (t->open_handles > 0) return;
  hearth__cells_free(&t->cells);
  free(t);
}

static void on_closed(uv_handle_t *handle) {
  term *t = handle->data;
  t->open_handles--;
  free_when_closed(t);
}

static void close_handle(term *t, uv_handle_t *handle) {
  (void)t;
  uv_close(handle, on_closed);
}

static void close_term(hearth__closer *c) {
  term *t = (term *)(void *)((char *)c - offsetof(term, closer));
  t->ended = true;
  if (t->started) {
    t->api->on_report(t->h, NULL, NULL);
    hearth__tty_close();
  }
  if (t->waiting) t->waiting->from = NULL;
  t->waiting = NULL;
  if (t->started) {
    close_handle(t, (uv_handle_t *)&t->input);
    close_handle(t, (uv_handle_t *)&t->resized);
    close_handle(t, (uv_handle_t *)&t->stopped);
    close_handle(t, (uv_handle_t *)&t->continued);
  } else {
    free_when_closed(t);
  }
}

static int refuse(lua_State *L, term *t, const char *verb, const char *why) {
  t->api->error_push(L, "EIO", &(hearth__error_fields){.op = verb}, "%s: %s", verb, why);
  return lua_error(L);
}

/* Handles that keep nothing alive: a mounted UI does. */
static int start(term *t) {
  uv_loop_t *loop = t->api->loop(t->h);
  int flags = fcntl(STDIN_FILENO, F_GETFL);
  int err = uv_poll_init(loop, &t->input, STDIN_FILENO);
  if (err) return err;
  if (flags >= 0) fcntl(STDIN_FILENO, F_SETFL, flags); /* it became non-blocking, for everybody who shares it */
  uv_signal_init(loop, &t->resized);
  uv_signal_init(loop, &t->stopped);
  uv_signal_init(loop, &t->continued);
  t->input.data = t->resized.data = t->stopped.data = t->continued.data = t;
  t->open_handles = 4;
  t->started = true;
  uv_poll_start(&t->input, UV_READABLE, on_input);
  uv_signal_start(&t->resized, on_resized, SIGWINCH);
  uv_signal_start(&t->stopped, on_stopped, SIGTSTP);
  uv_signal_start(&t->continued, on_continued, SIGCONT);
  uv_unref((uv_handle_t *)&t->input);
  uv_unref((uv_handle_t *)&t->resized);
  uv_unref((uv_handle_t *)&t->stopped);
  uv_unref((uv_handle_t *)&t->continued);
  return 0;
}

/* usable() -> true | false, why: can a full-screen program run here? */
static int l_usable(lua_State *L) {
  const char *why = hearth__tty_open();
  lua_pushboolean(L, !why);
  lua_pushstring(L, why);
  return 2;
}

/* enter() -> width, height: takes the terminal. After leave() too. */
static int l_enter(lua_State *L) {
  term *t = term_of(L);
  const char *why = hearth__tty_open();
  if (why) return refuse(L, t, "terminal", why);
  if (hearth__tty_enter() != 0) return refuse(L, t, "terminal", strerror(errno));
  int err = t->started ? 0 : start(t);
  if (err) {
    hearth__tty_close();
    return refuse(L, t, "terminal", "standard input cannot be watched");
  }
  int width, height;
  hearth__tty_size(&width, &height);
  if (hearth__cells_resize(&t->cells, width, height) != 0) {
    hearth__tty_close();
    return t->api->no_memory(L);
  }
  t->api->on_report(t->h, on_report, t);
  lua_pushinteger(L, width);
  lua_pushinteger(L, height);
  return 2;
}

/* close(): the terminal as it was before, and what was printed meanwhile on it. */
static int l_close(lua_State *L) {
  term *t = term_of(L);
  if (t->started) {
    uv_poll_stop(&t->input);
    uv_signal_stop(&t->resized);
    uv_signal_stop(&t->stopped);
    uv_signal_stop(&t->continued);
    t->api->on_report(t->h, NULL, NULL);
  }
  hearth__tty_close();
  return 0;
}

/* ---- what comes in */

static int wait_push(lua_State *L, hearth__op *op) {
  (void)op;
  lua_pushboolean(L, 1);
  return 1;
}

static void wait_release(hearth__op *op) {
  wait_op *w = (wait_op *)op;
  if (w->from) w->from->waiting = NULL;
  free(w);
}

static const hearth__op_class wait_class = {"terminal.wait", wait_push, wait_release};

/* wait(): awaits until take() has something to say */
static int l_wait(lua_State *L) {
  term *t = term_of(L);
  t->api->check_await(L, t->state, wait_class.verb);
  if (t->waiting) return refuse(L, t, wait_class.verb, "another task is waiting for the terminal already");
  wait_op *w = calloc(1, sizeof *w);
  if (!w) return t->api->no_memory(L);
  t->api->op_init(&w->op, &wait_class, t->state);
  if (has_news(t)) {
    t->api->op_done(&w->op);
  } else {
    w->from = t;
    t->waiting = w;
  }
  return t->api->await(L, &w->op);
}

/* take() -> bytes | nil, resized, gone, woken: what came in since the last time */
static int l_take(lua_State *L) {
  term *t = term_of(L);
  if (t->size > 0)
    lua_pushlstring(L, t->bytes, t->size);
  else
    lua_pushnil(L);
  lua_pushboolean(L, t->size_changed);
  lua_pushboolean(L, t->gone);
  lua_pushboolean(L, t->woken);
  if (t->size == sizeof t->bytes && t->started && !t->gone) {
    uv_poll_start(&t->input, UV_READABLE, on_input);
    uv_unref((uv_handle_t *)&t->input);
  }
  t->size = 0;
  t->size_changed = t->woken = false;
  return 4;
}

/* wake(): wait() returns */
static int l_wake(lua_State *L) {
  term *t = term_of(L);
  t->woken = true;
  tell(t);
  return 0;
}

/* ---- the picture */

static int clamped(lua_State *L, int idx) {
  lua_Integer n = luaL_checkinteger(L, idx);
  return n < -1000000 ? -1000000 : n > 1000000 ? 1000000 : (int)n;
}

static uint32_t colour_at(lua_State *L, int idx) {
  return lua_isnoneornil(L, idx) ? HEARTH__KEEP : (uint32_t)luaL_checkinteger(L, idx);
}

/* resize() -> width, height: as large as the terminal is now; nothing is drawn, and all will be sent */
static int l_resize(lua_State *L) {
  term *t = term_of(L);
  int width, height;
  hearth__tty_size(&width, &height);
  if (hearth__cells_resize(&t->cells, width, height) != 0) return t->api->no_memory(L);
  lua_pushinteger(L, width);
  lua_pushinteger(L, height);
  return 2;
}

/* canvas(width, height): a picture without a terminal, for tests and benchmarks */
static int l_canvas(lua_State *L) {
  term *t = term_of(L);
  int width = clamped(L, 1), height = clamped(L, 2);
  luaL_argcheck(L, width > 0 && width <= 1000, 1, "from 1 to 1000");
  luaL_argcheck(L, height > 0 && height <= 1000, 2, "from 1 to 1000");
  if (hearth__cells_resize(&t->cells, width, height) != 0) return t->api->no_memory(L);
  return 0;
}

static int need_picture(lua_State *L, term *t) {
  return t->cells.back ? 0 : luaL_error(L, "the terminal was not entered");
}

static int l_clear(lua_State *L) {
  term *t = term_of(L);
  need_picture(L, t);
  hearth__cells_clear(&t->cells);
  return 0;
}

/* clip(x0, y0, x1, y1) */
static int l_clip(lua_State *L) {
  hearth__cells_clip(&term_of(L)->cells, clamped(L, 1), clamped(L, 2), clamped(L, 3), clamped(L, 4));
  return 0;
}

/* ascii(x, y, text, fg, bg | nil, attr) */
static int l_ascii(lua_State *L) {
  term *t = term_of(L);
  need_picture(L, t);
  size_t size;
  const char *text = luaL_checklstring(L, 3, &size);
  hearth__cells_ascii(&t->cells, clamped(L, 1), clamped(L, 2), text, size, (uint32_t)luaL_optinteger(L, 4, 0), colour_at(L, 5),
                      (unsigned)luaL_optinteger(L, 6, 0));
  return 0;
}

/* put(x, y, character, width, fg, bg | nil, attr) */
static int l_put(lua_State *L) {
  term *t = term_of(L);
  need_picture(L, t);
  size_t size;
  const char *text = luaL_checklstring(L, 3, &size);
  hearth__cells_put(&t->cells, clamped(L, 1), clamped(L, 2), text, size, clamped(L, 4), (uint32_t)luaL_optinteger(L, 5, 0), colour_at(L, 6),
                    (unsigned)luaL_optinteger(L, 7, 0));
  return 0;
}

/* fill(x, y, width, height, character, fg, bg | nil, attr) */
static int l_fill(lua_State *L) {
  term *t = term_of(L);
  need_picture(L, t);
  size_t size;
  const char *text = luaL_checklstring(L, 5, &size);
  hearth__cells_fill(&t->cells, clamped(L, 1), clamped(L, 2), clamped(L, 3), clamped(L, 4), text, size, (uint32_t)luaL_optinteger(L, 6, 0),
                     colour_at(L, 7), (unsigned)luaL_optinteger(L, 8, 0));
  return 0;
}

/* tint(x, y, width, height, bg | nil, attr) */
static int l_tint(lua_State *L) {
  term *t = term_of(L);
  need_picture(L, t);
  hearth__cells_tint(&t->cells, clamped(L, 1), clamped(L, 2), clamped(L, 3), clamped(L, 4), colour_at(L, 5),
                     (unsigned)luaL_optinteger(L, 6, 0));
  return 0;
}

/* cursor(x, y), cursor(): where the cursor is seen, or nowhere */
static int l_cursor(lua_State *L) {
  term *t = term_of(L);
  t->cells.cursor_x = t->cells.cursor_y = -1;
  if (lua_isnoneornil(L, 1)) return 0;
  int x = clamped(L, 1), y = clamped(L, 2);
  if (x >= 0 && x < t->cells.width && y >= 0 && y < t->cells.height) t->cells.cursor_x = x, t->cells.cursor_y = y;
  return 0;
}

/* diff() -> bytes: what the terminal needs, taken as sent */
static int l_diff(lua_State *L) {
  term *t = term_of(L);
  need_picture(L, t);
  const hearth__caps *caps = hearth__tty_caps();
  hearth__cells_diff(&t->cells, caps->go ? caps : &hearth__ansi);
  lua_pushlstring(L, t->cells.out, t->cells.size);
  t->cells.size = 0;
  return 1;
}

/* flush() -> how many bytes were sent, or nil when the terminal is gone */
static int l_flush(lua_State *L) {
  term *t = term_of(L);
  need_picture(L, t);
  hearth__cells_diff(&t->cells, hearth__tty_caps());
  size_t size = t->cells.size;
  bool whole = !t->cells.starved, sent = size == 0 || hearth__tty_write(t->cells.out, size);
  t->cells.size = 0;
  if (!whole) {
    t->cells.starved = false;
    hearth__cells_forget(&t->cells);
  }
  if (!sent) {
    t->gone = true;
    tell(t);
    return 0;
  }
  lua_pushinteger(L, (lua_Integer)size);
  return 1;
}

/* row(y) -> the text of a line of the picture */
static int l_row(lua_State *L) {
  term *t = term_of(L);
  need_picture(L, t);
  int y = clamped(L, 1);
  luaL_argcheck(L, y >= 0 && y < t->cells.height, 1, "no such line");
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (int x = 0; x < t->cells.width; x++) {
    const hearth__cell *cell = t->cells.back + (size_t)y * (size_t)t->cells.width + x;
    luaL_addlstring(&b, cell->text, cell->size);
  }
  luaL_pushresult(&b);
  return 1;
}

/* cell(x, y) -> text, width, fg, bg, attr */
static int l_cell(lua_State *L) {
  term *t = term_of(L);
  need_picture(L, t);
  int x = clamped(L, 1), y = clamped(L, 2);
  luaL_argcheck(L, x >= 0 && x < t->cells.width && y >= 0 && y < t->cells.height, 1, "no such cell");
  const hearth__cell *cell = t->cells.back + (size_t)y * (size_t)t->cells.width + x;
  lua_pushlstring(L, cell->text, cell->size);
  lua_pushinteger(L, cell->width);
  lua_pushinteger(L, cell->fg);
  lua_pushinteger(L, cell->bg);
  lua_pushinteger(L, cell->attr);
  return 5;
}

/* send(bytes): past the picture, such as the bell or the clipboard */
static int l_send(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_pushboolean(L, hearth__tty_write(text, size));
  return 1;
}

/* ask(bytes): a question to the terminal; it answers on its input, or never does. answered(): it did. */
static int l_ask(lua_State *L) {
  hearth__tty_awaits(true);
  return l_send(L);
}

static int l_answered(lua_State *L) {
  (void)L;
  hearth__tty_awaits(false);
  return 0;
}

/* colours() -> 0, 8, 16, 256 or 16777216 */
static int l_colours(lua_State *L) {
  lua_pushinteger(L, hearth__tty_caps()->colours);
  return 1;
}

/* kept(from) -> bytes: what was printed since the terminal was entered, from that byte (0 the first) on */
static int l_kept(lua_State *L) {
  lua_Integer from = luaL_checkinteger(L, 1);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  size_t total = 0, n;
  while ((n = hearth__tty_kept((size_t)from + total, luaL_prepbuffer(&b), LUAL_BUFFERSIZE)) > 0) {
    luaL_addsize(&b, n);
    total += n;
  }
  luaL_pushresult(&b);
  return 1;
}

/* reports() -> how many errors were reported since the terminal was entered */
static int l_reports(lua_State *L) {
  lua_pushinteger(L, term_of(L)->reports);
  return 1;
}

static const luaL_Reg functions[] = {
    {"usable", l_usable},   {"enter", l_enter},   {"close", l_close},     {"wait", l_wait}, {"take", l_take},   {"wake", l_wake},
    {"resize", l_resize},   {"canvas", l_canvas}, {"clear", l_clear},     {"clip", l_clip}, {"ascii", l_ascii}, {"put", l_put},
    {"fill", l_fill},       {"tint", l_tint},     {"cursor", l_cursor},   {"diff", l_diff}, {"flush", l_flush}, {"row", l_row},
    {"cell", l_cell},       {"send", l_send},     {"colours", l_colours}, {"kept", l_kept}, {"ask", l_ask},     {"answered", l_answered},
    {"reports", l_reports}, {NULL, NULL}};

HEARTH_API hearth__feature_open hearth__feature_term;

int hearth__feature_term(lua_State *L, const hearth__api *api, hearth__state *s) {
  if (api->version != HEARTH__API_VERSION) return 0;
  term *t = calloc(1, sizeof *t);
  if (!t) return api->no_memory(L);
  t->api = api;
  t->state = s;
  t->h = api->runtime_of(s);
  t->closer.close = close_term;
  api->at_close(s, &t->closer);
  luaL_newlibtable(L, functions);
  lua_pushlightuserdata(L, t);
  luaL_setfuncs(L, functions, 1);
  return 1;
}
