/* The exact JSON codec: what goes in comes out, to the bit. No uv.h here.
**
** Parsing is split in two so that large texts can be read off the loop: text -> tape (any thread, no Lua), tape -> Lua values; and writing
** likewise: Lua values -> flat (owner thread), flat -> text (any thread). Small ones go directly. */
#ifndef HEARTH__JSON_H
#define HEARTH__JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <lua.h>

enum { HEARTH__JSON_DEPTH = 1000 };

/* Pushes the text of the value at idx, or raises EINVAL naming the path (`op` is the verb for the message, may be NULL; `key` may be NULL).
** `sets`: hearth.Set is written (stored values) instead of refused. */
void hearth__json_encode(lua_State *L, int idx, bool sets, const char *op, const char *key, size_t key_size);

/* Pushes the value of the text. 0, or -1 with an error object (ECORRUPT, byte position) pushed instead. Raises only when memory is short. */
int hearth__json_decode(lua_State *L, const char *text, size_t size, bool sets);

/* Off the loop. A tape is owned by whoever holds it. */
typedef struct hearth__json_tape hearth__json_tape;

/* Any thread. NULL when memory is short. The text has to stay as long as the tape. A tape of bad text is one that pushes its error. */
hearth__json_tape *hearth__json_parse(const char *text, size_t size);
bool hearth__json_tape_is_good(const hearth__json_tape *tape);
bool hearth__json_tape_is_table(const hearth__json_tape *tape); /* of a good one */
size_t hearth__json_tape_string(const hearth__json_tape *tape); /* bytes of the string that it is all of; 0: it is something else */
int hearth__json_tape_push(lua_State *L, const hearth__json_tape *tape, bool sets); /* as hearth__json_decode */

void hearth__json_tape_free(hearth__json_tape *tape);

/* A value flattened, owned by whoever holds it. */
typedef struct hearth__json_flat hearth__json_flat;

/* Owner thread: the value at idx flattened, or an error raised as hearth__json_encode does. */
hearth__json_flat *hearth__json_flatten(lua_State *L, int idx, bool sets, const char *op, const char *key, size_t key_size);
/* Owner thread: pushes the text of a stored value and returns NULL; or, where that would be longer than about `limit`, gives it flattened and pushes
** nothing. A string is borrowed by it. Raises as hearth__json_encode does. */
hearth__json_flat *hearth__json_encode_or_flatten(lua_State *L, int idx, size_t limit);
/* Any thread: a block (large.h) with `head` bytes for the caller, the *size bytes of the text, and a NUL; NULL when memory is short. */
void *hearth__json_print(const hearth__json_flat *flat, size_t head, size_t *size);

void hearth__json_flat_free(hearth__json_flat *flat);

/* ---- values on their way (pack.c) */

/* From this length of text on it is made and read on another thread. */
enum { HEARTH__JSON_LARGE = 64 << 10 };

/* Pushes the value at idx packed: its text, or where that is long a userdata whose text is made later, of what the value is now. */
void hearth__json_pack(lua_State *L, int idx);
/* Nobody needs the value at idx again, which hearth__json_pack gave: its memory is for the next one. */
void hearth__json_pack_done(lua_State *L, int idx);
/* What the packed value at idx has flattened, for as long as that is kept; NULL: it is none. */
const hearth__json_flat *hearth__json_packed(lua_State *L, int idx);

/* Pushes a reader, which builds the value of a parsed tape in steps. It owns the tape, and what the tape's text lives in: `let_go(keep)` frees that. */
void hearth__json_reader_push(lua_State *L, hearth__json_tape *tape, void *keep, void (*let_go)(void *keep));
/* The next step of the reader at idx. True: the value is pushed. EINVAL: it is none, or is done. */
bool hearth__json_reader_step(lua_State *L, int idx);

/* Any thread: is this text valid JSON? -1 if so, else the offset of the first bad byte. */
long hearth__json_check(const char *text, size_t size);

/* A frozen table (lua/hearth/ui/strict.lua) is empty and keeps its fields in its metatable, `{fields, null, …}`: where the table at idx is one,
** its fields take its place in that slot, and the answer is true. Allocates nothing and never raises; two slots are needed. */
bool hearth__json_thaw(lua_State *L, int idx);

/* Same content? Subtypes of numbers and the mark of an empty array count, other metatables do not; every NaN equals every other. */
bool hearth__json_equal(lua_State *L, int a, int b);

/* Pushes a deep copy of a storable value, marks and sets included; raises EINVAL for what cannot be stored. */
void hearth__json_copy(lua_State *L, int idx);

/* Marks the table at idx as an array. False if it is none, or has another metatable. */
bool hearth__json_mark_array(lua_State *L, int idx);
bool hearth__json_is_array(lua_State *L, int idx); /* is marked */
bool hearth__json_is_set(lua_State *L, int idx);
/* The table at idx holds all that a set of another state held: it is one again. */
void hearth__json_mark_set(lua_State *L, int idx);

/* The constructor of hearth.Set: a list, a set or nothing at 1; pushes the set. */
int hearth__json_set_of_list(lua_State *L);

#endif
