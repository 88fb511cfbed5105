/* Errors as Lua sees them: a table {code, message, op, key, path, namespace} whose metatable prints one line. */
#ifndef HEARTH__ERROR_H
#define HEARTH__ERROR_H

#include <lua.h>

/* Pushes an error object. `op`, `ns`, `key` and `path` may be NULL; a key may hold any bytes. Raises only when memory is short. */
typedef struct hearth__error_fields {
  const char *op, *ns, *path;
  const char *key;
  size_t key_size;
} hearth__error_fields;

void hearth__error_push(lua_State *L, const char *code, const hearth__error_fields *fields, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The same, raised. Never returns; `return hearth__raise(…)` reads well. */
int hearth__raise(lua_State *L, const char *code, const hearth__error_fields *fields, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), noreturn));

/* What Lua itself says when memory has run out, and what we say with EIO when an allocation of our own has failed. */
#define HEARTH__NO_MEMORY "not enough memory"
int hearth__no_memory(lua_State *L) __attribute__((noreturn));

/* The code of the error object at idx, or NULL if it is something else. Borrowed from the object. */
const char *hearth__error_code(lua_State *L, int idx);

/* The code (EIO, EACCES, …) of an errno or of a libuv error number. */
const char *hearth__code_of_errno(int err);

/* Pushes the metatable of error objects. */
void hearth__error_metatable(lua_State *L);

#endif
