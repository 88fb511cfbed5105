/* Values on their way between Lua states: flattened in one, built again in the other. Tables keep their shape, shared and cyclic ones too; strings
** are any bytes; integers and floats stay apart; sets and the marks of arrays stay what they are; futures travel as handles that any thread may settle.
** Functions, coroutines, userdata and other metatables do not travel. */
#ifndef HEARTH__TRANSFER_H
#define HEARTH__TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include <lua.h>

#include "runtime.h"

enum { HEARTH__TRANSFER_DEPTH = 1000 }; /* nesting, as deep as a value may be that is stored */

/* Zeroed is empty. Owned by whoever holds it, freed on any thread. */
typedef struct hearth__parcel {
  char *bytes;
  size_t size, room;
  int values;
} hearth__parcel;

/* Flattens the values from index `first` to the top. Raises EINVAL that names `op`, which value, and the path in it; the parcel is empty then. */
void hearth__parcel_pack(lua_State *L, int first, hearth__parcel *p, const char *op, const char *what);
/* Pushes the values and returns their number. Raises when memory is short. */
int hearth__parcel_push(lua_State *L, const hearth__parcel *p);
void hearth__parcel_free(hearth__parcel *p);

/* A Lua future of a runtime as other threads hold it. Counted; the last reference lets go of the future on its owner thread. */
typedef struct hearth__remote hearth__remote;
hearth__remote *hearth__remote_new(lua_State *L, hearth__state *s, int idx); /* owner thread; raises when memory is short */
hearth__remote *hearth__remote_retain(hearth__remote *r);                    /* any thread */
void hearth__remote_unref(hearth__remote *r);                                /* any thread */
/* Any thread: settles it with the values of the parcel, which is taken over. False when the runtime is gone. */
bool hearth__remote_settle(hearth__remote *r, hearth__parcel *p, bool ok);
/* Pushes a handle: the future itself in its own state, else a userdata with resolve and reject. */
void hearth__remote_push(lua_State *L, hearth__remote *r);
/* The handle at idx, or NULL. */
hearth__remote *hearth__remote_at(lua_State *L, int idx);
/* resolve_future and reject_future of another state: the handle is at 1, what it is settled with above it. */
int hearth__remote_settle_at(lua_State *L, const char *verb, bool ok);
/* Raises ENOTASK for a verb that awaits. */
int hearth__not_on_a_worker(lua_State *L, const char *verb) __attribute__((noreturn));

#endif
