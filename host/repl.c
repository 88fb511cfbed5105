/* Interactive mode: reads a line, or as many as make a chunk, runs it as a main chunk (it may await) and prints its values. While a person
** types the loop turns, so tasks go on. Editing and history come from libedit or readline, loaded here and nowhere else; without them
** lines are read as they are. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "host.h"
#include "state.h"

enum { LINE_MAX_ = 4096 };

typedef enum { LINE_OK, LINE_END, LINE_CANCELLED } line_status;

/* ---- the editing library */

static struct {
  char *(*readline)(const char *prompt);
  void (*add_history)(const char *line);
  int (*on_key)(FILE *f); /* what the library read keys with before us */
  int *done;
} editor;

static hearth_t *runtime;
static bool cancelled; /* SIGINT came while a line was typed */

static void on_readable(uv_poll_t *p, int status, int events) {
  (void)status;
  (void)events;
  *(bool *)p->data = true;
}

static void on_closed(uv_handle_t *p) {
  p->data = NULL;
}

/* Lets the loop turn until standard input has something to read, or a signal came. */
static void wait_for_key(void) {
  bool ready = false;
  uv_poll_t poll;
  if (uv_poll_init(runtime->loop, &poll, STDIN_FILENO) != 0) return;
  poll.data = &ready;
  uv_poll_start(&poll, UV_READABLE | UV_DISCONNECT, on_readable);
  while (!ready && !cancelled) {
    hearth__turn(runtime, true);
    if (host_int_taken())
      cancelled = true;
    else
      host_check_signals(runtime->state->L);
  }
  uv_close((uv_handle_t *)&poll, on_closed);
  while (poll.data) uv_run(runtime->loop, UV_RUN_NOWAIT);
}

static int read_key(FILE *f) {
  wait_for_key();
  if (cancelled) return '\n'; /* ends the line, which is then thrown away */
  return editor.on_key(f);
}

static int plain_key(FILE *f) {
  (void)f;
  unsigned char c;
  ssize_t n;
  do n = read(STDIN_FILENO, &c, 1);
  while (n < 0 && errno == EINTR && !cancelled);
  return n == 1 ? c : EOF;
}

static void load_editor(void) {
  static const char *const names[] = {"libreadline.so.8", "libedit.so.2", "libreadline.so", "libedit.so"};
  void *lib = NULL;
  for (size_t i = 0; !lib && i < sizeof names / sizeof *names; i++) lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!lib) return;
  *(void **)&editor.readline = dlsym(lib, "readline");
  *(void **)&editor.add_history = dlsym(lib, "add_history");
  const char **name = dlsym(lib, "rl_readline_name");
  int *catch_signals = dlsym(lib, "rl_catch_signals");
  int (**getc_function)(FILE *) = dlsym(lib, "rl_getc_function");
  if (name) *name = "lua";
  if (catch_signals) *catch_signals = 0; /* ours cancel the line */
  if (getc_function) {
    editor.on_key = plain_key;
    *getc_function = read_key;
  }
}

/* ---- reading */

static line_status read_plain(const char *prompt, char *buffer) {
  fputs(prompt, stdout);
  fflush(stdout);
  for (;;) {
    if (fgets(buffer, LINE_MAX_, stdin)) return LINE_OK;
    if (host_int_taken()) {
      clearerr(stdin);
      return LINE_CANCELLED;
    }
    host_check_signals(runtime->state->L);
    if (!ferror(stdin) || errno != EINTR) return LINE_END;
    clearerr(stdin);
  }
}

/* Pushes _PROMPT or _PROMPT2, or the usual one. */
static const char *push_prompt(lua_State *L, bool first) {
  if (lua_getglobal(L, first ? "_PROMPT" : "_PROMPT2") == LUA_TNIL)
    lua_pushstring(L, first ? "> " : ">> ");
  else
    luaL_tolstring(L, -1, NULL);
  return lua_tostring(L, -1);
}

/* Pushes a line without its end. */
static line_status push_line(lua_State *L, bool first) {
  char buffer[LINE_MAX_];
  int top = lua_gettop(L);
  const char *prompt = push_prompt(L, first);
  line_status status = LINE_OK;
  char *line = NULL;
  cancelled = false;
  host_on_int(HOST_INT_RAISE);
  if (editor.readline) {
    line = editor.readline(prompt);
    if (!line) status = LINE_END;
    if (host_int_taken()) cancelled = true;
    if (cancelled) status = LINE_CANCELLED;
  } else {
    status = read_plain(prompt, buffer);
    line = status == LINE_OK ? buffer : NULL;
  }
  host_on_int(HOST_INT_DEFAULT);
  lua_settop(L, top);
  if (status == LINE_OK) {
    size_t n = strlen(line);
    if (n > 0 && line[n - 1] == '\n') n--;
    lua_pushlstring(L, line, n);
    if (first && n > 0 && line[0] == '=') { /* as Lua 5.2 had it */
      lua_pushfstring(L, "return %s", lua_tostring(L, -1) + 1);
      lua_remove(L, -2);
    }
  }
  if (line && line != buffer) free(line);
  if (status == LINE_CANCELLED) putchar('\n');
  return status;
}

static void remember(const char *line) {
  if (editor.add_history && *line) editor.add_history(line);
}

static bool is_incomplete(lua_State *L, int status) {
  size_t n;
  const char *text;
  if (status != LUA_ERRSYNTAX) return false;
  text = lua_tolstring(L, -1, &n);
  return n >= 5 && strcmp(text + n - 5, "<eof>") == 0;
}

/* Reads and compiles: first as an expression, then as a statement, which may take more lines. The function, or the error, is left on an otherwise
** empty stack. */
static line_status read_chunk(lua_State *L, int *compiled) {
  lua_settop(L, 0);
  line_status status = push_line(L, true);
  if (status != LINE_OK) return status;
  const char *text = lua_pushfstring(L, "return %s", lua_tostring(L, 1));
  *compiled = luaL_loadbuffer(L, text, strlen(text), "=stdin");
  if (*compiled == LUA_OK) {
    remember(lua_tostring(L, 1));
  } else {
    lua_settop(L, 1);
    for (;;) {
      size_t n;
      text = lua_tolstring(L, 1, &n);
      *compiled = luaL_loadbuffer(L, text, n, "=stdin");
      if (!is_incomplete(L, *compiled)) break;
      status = push_line(L, false);
      if (status == LINE_CANCELLED) return status;
      if (status == LINE_END) break; /* the error says that the chunk is incomplete */
      lua_remove(L, 2);
      lua_pushliteral(L, "\n");
      lua_insert(L, 2);
      lua_concat(L, 3);
    }
    remember(lua_tostring(L, 1));
  }
  lua_replace(L, 1);
  lua_settop(L, 1);
  return LINE_OK;
}

static void print_values(lua_State *L) {
  int n = lua_gettop(L);
  if (n == 0) return;
  luaL_checkstack(L, LUA_MINSTACK, "too many results to print");
  lua_getglobal(L, "print");
  lua_insert(L, 1);
  if (lua_pcall(L, n, 0, 0) != LUA_OK) {
    lua_pushfstring(L, "error calling 'print' (%s)", lua_tostring(L, -1));
    script_report(L, NULL, LUA_ERRRUN);
  }
}

void repl(hearth_t *h) {
  lua_State *L = hearth_lua(h);
  runtime = h;
  load_editor();
  for (;;) {
    int status = LUA_OK;
    line_status line = read_chunk(L, &status);
    if (line == LINE_END) break;
    if (line == LINE_CANCELLED) continue;
    if (status == LUA_OK) status = script_call(L, 0, LUA_MULTRET);
    if (status == LUA_OK)
      print_values(L);
    else
      script_report(L, NULL, status);
    fflush(stdout);
  }
  lua_settop(L, 0);
  putchar('\n');
  fflush(stdout);
}
