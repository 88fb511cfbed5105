/* `hearth [options] [SCRIPT [ARGS]]`: what lua5.4 does, option for option. The main chunk runs on Lua's main thread; what it left running goes on after
** it. Two differences: an error object of Hearth is shown with a traceback, and a chunk from standard input that fails makes the status 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "host.h"
#include "state.h"
#include "traceback.h"

typedef struct options {
  const char *progname;
  char **argv;
  int argc;
  int script; /* index of the script in argv; argc without one; of the bad option when `bad` */
  bool bad, interactive, version, executes, no_env;
  int status;
  hearth_t *h;
} options;

/* ---- messages */

static bool is_hearth_error(lua_State *L, int idx) {
  return lua_istable(L, idx) && luaL_getmetafield(L, idx, "__name") == LUA_TSTRING && strcmp(lua_tostring(L, -1), "hearth.error") == 0;
}

int script_message(lua_State *L) {
  const char *text = lua_tostring(L, 1);
  if (!text) {
    if (is_hearth_error(L, 1)) {
      text = luaL_tolstring(L, 1, NULL);
      if (lua_getfield(L, 1, "traceback") == LUA_TSTRING) { /* that of the task in which it was raised */
        lua_pushfstring(L, "%s\n%s", text, lua_tostring(L, -1));
        return 1;
      }
    } else if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING) {
      return 1;
    } else {
      text = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    }
  }
  hearth__traceback(L, 1, text, 1);
  return 1;
}

int script_report(lua_State *L, const char *progname, int status) {
  if (status == LUA_OK) return status;
  const char *text = lua_tostring(L, -1);
  fflush(stdout);
  if (progname) fprintf(stderr, "%s: ", progname);
  fprintf(stderr, "%s\n", text ? text : "(no message)");
  fflush(stderr);
  lua_pop(L, 1);
  return status;
}

int script_call(lua_State *L, int n, int results) {
  int base = lua_gettop(L) - n;
  lua_pushcfunction(L, script_message);
  lua_insert(L, base);
  host_on_int(HOST_INT_RAISE);
  int status = lua_pcall(L, n, results, base);
  host_on_int(HOST_INT_DEFAULT);
  lua_remove(L, base);
  return status;
}

static void usage(const options *o) {
  const char *bad = o->argv[o->script];
  fprintf(stderr, "%s: ", o->progname);
  if (bad[1] == 'e' || bad[1] == 'l')
    fprintf(stderr, "'%s' needs argument\n", bad);
  else
    fprintf(stderr, "unrecognized option '%s'\n", bad);
  fprintf(stderr,
          "usage: %s [options] [script [args]]\n"
          "Available options are:\n"
          "  -e stat   execute string 'stat'\n"
          "  -i        enter interactive mode after executing 'script'\n"
          "  -l mod    require library 'mod' into global 'mod'\n"
          "  -l g=mod  require library 'mod' into global 'g'\n"
          "  -v        show version information\n"
          "  -E        ignore environment variables\n"
          "  -W        turn warnings on\n"
          "  --        stop handling options\n"
          "  -         stop handling options and execute stdin\n"
          "and COMMAND is run, serve, test or store: see '%s --help'\n",
          o->progname, o->progname);
}

static void say_version(void) {
  puts(LUA_COPYRIGHT);
  fflush(stdout);
}

/* ---- the command line */

static void parse(options *o) {
  int i = 1;
  for (; i < o->argc && o->argv[i][0] == '-'; i++) {
    const char *a = o->argv[i];
    bool alone = a[1] != '\0' && a[2] == '\0';
    if (a[1] == '\0') break;
    if (a[1] == '-' && alone) {
      i++;
      break;
    }
    switch (a[1]) {
      case 'i': o->interactive = o->version = true; break;
      case 'v': o->version = true; break;
      case 'E': o->no_env = true; break;
      case 'W': break;
      case 'e': o->executes = true; /* fall through */
      case 'l':
        if (alone) {
          alone = i + 1 < o->argc && o->argv[i + 1][0] != '-';
          if (alone) i++;
        } else {
          alone = true;
        }
        break;
      default: alone = false;
    }
    if (!alone) {
      o->bad = true;
      break;
    }
  }
  o->script = i;
}

static void set_arg(lua_State *L, const options *o) {
  int zero = o->script < o->argc ? o->script : 0; /* without a script, arg[0] is the program */
  lua_createtable(L, o->argc - zero, zero + 1);
  for (int i = 0; i < o->argc; i++) {
    lua_pushstring(L, o->argv[i]);
    lua_rawseti(L, -2, i - zero);
  }
  lua_setglobal(L, "arg");
}

/* ---- running chunks. Each returns whether it went well, having said why not. */

static bool run_loaded(lua_State *L, const options *o, int status) {
  if (status == LUA_OK) status = script_call(L, 0, 0);
  return script_report(L, o->progname, status) == LUA_OK;
}

static bool run_file(lua_State *L, const options *o, const char *name) {
  return run_loaded(L, o, luaL_loadfile(L, name));
}

static bool run_string(lua_State *L, const options *o, const char *chunk, const char *name) {
  return run_loaded(L, o, luaL_loadbuffer(L, chunk, strlen(chunk), name));
}

/* "mod" or "global=mod" */
static bool require_into(lua_State *L, const options *o, const char *spec) {
  const char *module = strchr(spec, '=');
  lua_getglobal(L, "require");
  lua_pushstring(L, module ? module + 1 : spec);
  int status = script_call(L, 1, 1);
  if (status == LUA_OK) {
    lua_pushlstring(L, spec, module ? (size_t)(module - spec) : strlen(spec));
    lua_insert(L, -2);
    lua_pushglobaltable(L);
    lua_insert(L, -3);
    lua_settable(L, -3);
    lua_pop(L, 1);
  }
  return script_report(L, o->progname, status) == LUA_OK;
}

static bool run_init(lua_State *L, const options *o) {
  static const char *const names[] = {"=LUA_INIT_5_4", "=LUA_INIT"};
  for (int i = 0; i < 2; i++) {
    const char *init = getenv(names[i] + 1);
    if (init) return init[0] == '@' ? run_file(L, o, init + 1) : run_string(L, o, init, names[i]);
  }
  return true;
}

/* The options that act, in their order. */
static bool run_options(lua_State *L, const options *o) {
  for (int i = 1; i < o->script; i++) {
    char kind = o->argv[i][1];
    if (kind == 'W') lua_warning(L, "@on", 0);
    if (kind != 'e' && kind != 'l') continue;
    const char *text = o->argv[i][2] ? o->argv[i] + 2 : o->argv[++i];
    if (!(kind == 'e' ? run_string(L, o, text, "=(command line)") : require_into(L, o, text))) return false;
  }
  return true;
}

static bool run_script(lua_State *L, const options *o) {
  const char *name = o->argv[o->script];
  if (strcmp(name, "-") == 0 && strcmp(o->argv[o->script - 1], "--") != 0) name = NULL;
  int status = luaL_loadfile(L, name);
  if (status == LUA_OK) {
    if (lua_getglobal(L, "arg") != LUA_TTABLE) luaL_error(L, "'arg' is not a table");
    int arg = lua_gettop(L), n = (int)luaL_len(L, arg);
    luaL_checkstack(L, n + 3, "too many arguments to script");
    for (int i = 1; i <= n; i++) lua_rawgeti(L, arg, i);
    lua_remove(L, arg);
    status = script_call(L, n, 0);
  }
  return script_report(L, o->progname, status) == LUA_OK;
}

/* Everything, protected; true when all went well. */
static int run_all(lua_State *L) {
  options *o = lua_touserdata(L, 1);
  o->status = EXIT_FAILURE;
  set_arg(L, o);
  if (!o->no_env && !run_init(L, o)) return 0;
  if (!run_options(L, o)) return 0;
  if (o->script < o->argc && !run_script(L, o)) return 0;
  if (o->interactive) {
    repl(o->h);
  } else if (o->script == o->argc && !o->executes && !o->version) {
    if (isatty(STDIN_FILENO)) {
      say_version();
      repl(o->h);
    } else if (!run_file(L, o, NULL)) {
      return 0;
    }
  }
  o->status = EXIT_SUCCESS;
  return 0;
}

int script_main(int argc, char **argv) {
  options o = {.progname = argc > 0 && argv[0][0] ? argv[0] : "hearth", .argv = argv, .argc = argc};
  parse(&o);
  if (o.bad) {
    usage(&o);
    return EXIT_FAILURE;
  }
  if (o.version) say_version();
  o.h = host_new(o.progname, o.no_env);
  if (!o.h) return EXIT_FAILURE;
  lua_State *L = hearth_lua(o.h);
  lua_pushcfunction(L, run_all);
  lua_pushlightuserdata(L, &o);
  if (script_report(L, o.progname, lua_pcall(L, 1, 0, 0)) != LUA_OK) o.status = EXIT_FAILURE;
  return host_finish(o.h, o.progname, o.status);
}
