/* What a feature module (hearth-net.so, …) may call. A module is loaded at first use and imports nothing of ours: in a plain lua5.4 our
** symbols are not global, and in a static embedder they are not exported. It is handed this table instead, and includes our headers for their
** types only. Each entry is the function of the same name in runtime.h, task.h, timer.h, error.h or ref.h, which has its rules.
**
** A module NAME is the library hearth-NAME.so with one exported function, hearth__feature_NAME of type hearth__feature_open. One process may
** hold two copies of Hearth and one of the module: keep the table with the state it came with, never in a static variable. */
#ifndef HEARTH__API_H
#define HEARTH__API_H

#include "error.h"
#include "ref.h"
#include "runtime.h"
#include "task.h"
#include "timer.h"

/* Goes up with every change of the table. Module and library are built together: any other version is refused. */
#define HEARTH__API_VERSION 3

typedef struct hearth__api {
  unsigned version;
  hearth_t *(*runtime_of)(const hearth__state *s);
  uv_loop_t *(*loop)(hearth_t *h); /* hearth_loop */
  void (*busy_begin)(hearth_t *h);
  void (*busy_end)(hearth_t *h);
  void (*at_close)(hearth__state *s, hearth__closer *c);
  void (*on_report)(hearth_t *h, void (*fn)(void *data), void *data);
  void (*op_init)(hearth__op *op, const hearth__op_class *class_, hearth__state *s);
  void (*op_done)(hearth__op *op);
  void (*check_await)(lua_State *L, hearth__state *s, const char *verb);
  int (*await)(lua_State *L, hearth__op *op);
  int (*timer_start)(hearth_t *h, hearth__timer *t, double seconds, unsigned flags);
  void (*timer_stop)(hearth_t *h, hearth__timer *t);
  void (*error_push)(lua_State *L, const char *code, const hearth__error_fields *fields, const char *fmt, ...);
  int (*no_memory)(lua_State *L);
  const char *(*code_of_errno)(int err);
  int (*ref)(lua_State *L);
  void (*unref)(lua_State *L, int ref);
  lua_State *(*main_of)(const hearth__state *s);
  int (*work)(lua_State *L, hearth_work *work); /* hearth_await */
} hearth__api;

/* Pushes the module's table of raw verbs and returns 1, or raises. */
typedef int hearth__feature_open(lua_State *L, const hearth__api *api, hearth__state *s);

#endif
