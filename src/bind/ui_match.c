/* Elements beside the fibers that show them: which of the children of a list are on the screen as they are, and which old fiber each of the others goes
** on with. The reconciler (lua/hearth/ui/reconciler.lua) works on what is left. */
#include <stdbool.h>
#include <string.h>

#include <lauxlib.h>

#include "ui.h"

/* Upvalues of the verbs that look at elements: the metatable of sketches, names, and `leaves`: the host elements that never have children, with
** the prop that their text becomes, or true. */
enum { UP_SKETCH = 1, UP_TYPE, UP_PROPS, UP_KEY, UP_STYLE, UP_N, UP_TEXT, UP_TEXT_TYPE, UP_LEAVES };

/* ---- elements; indices are absolute. The stack has room for the deepest of these: `in_step` and `match` see to it. */

/* Pushes t[key] without metamethods; the key is an upvalue. */
static int get(lua_State *L, int t, int key) {
  lua_pushvalue(L, lua_upvalueindex(key));
  return lua_rawget(L, t);
}

static int count_fields(lua_State *L, int t) {
  int n = 0;
  for (lua_pushnil(L); lua_next(L, t); lua_pop(L, 1)) n++;
  return n;
}

/* Do two tables have the same fields? */
static bool same_fields(lua_State *L, int a, int b) {
  int top = lua_gettop(L), n = 0;
  for (lua_pushnil(L); lua_next(L, a); n++) { /* k v */
    lua_pushvalue(L, top + 1);
    lua_rawget(L, b); /* k v w */
    if (!lua_rawequal(L, top + 2, top + 3)) {
      lua_settop(L, top);
      return false;
    }
    lua_settop(L, top + 1);
  }
  return n == count_fields(L, b);
}

/* Is the prop `name` the same with these two values? A style may be a new table of equal fields. */
static bool same_prop(lua_State *L, int name, int a, int b) {
  if (lua_rawequal(L, a, b)) return true;
  return lua_type(L, a) == LUA_TTABLE && lua_type(L, b) == LUA_TTABLE && lua_rawequal(L, name, lua_upvalueindex(UP_STYLE)) &&
         same_fields(L, a, b);
}

/* Are the named props at `given` (its n items are children) among those that the node has, at `own`, and together with `extra` others all
** of its `fields`? May leave values on the stack. Walks the children too: where they were added one by one, some lie among the props. */
static bool same_props(lua_State *L, int given, lua_Integer n, int own, int extra, lua_Integer fields) {
  int top = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, given); lua_settop(L, top + 1)) { /* k v */
    if (n > 0 && (lua_isinteger(L, top + 1) || lua_rawequal(L, top + 1, lua_upvalueindex(UP_N)))) continue;
    lua_pushvalue(L, top + 1);
    lua_rawget(L, own); /* k v w */
    if (!same_prop(L, top + 1, top + 2, top + 3)) return false;
    extra++;
  }
  return extra == fields;
}

static bool is_sketch(lua_State *L, int item) {
  if (!lua_getmetatable(L, item)) return false;
  bool is = lua_rawequal(L, -1, lua_upvalueindex(UP_SKETCH));
  lua_pop(L, 1);
  return is;
}

/* Push the type and the key of an element, or nil. */
static int push_type(lua_State *L, int item) {
  return is_sketch(L, item) ? lua_rawgeti(L, item, SKETCH_TYPE) : get(L, item, UP_TYPE);
}
static void push_key(lua_State *L, int item) {
  if (!is_sketch(L, item)) {
    get(L, item, UP_KEY);
    return;
  }
  lua_Integer n = (lua_Integer)lua_rawlen(L, item);
  for (lua_Integer i = SKETCH_FIELDS; i < n; i += 2) {
    lua_rawgeti(L, item, i);
    bool found = lua_rawequal(L, -1, lua_upvalueindex(UP_KEY));
    lua_pop(L, 1);
    if (!found) continue;
    lua_rawgeti(L, item, i + 1);
    return;
  }
  lua_pushnil(L);
}

/* Is the key at the top that of the fiber? */
static bool same_key(lua_State *L, int child) {
  lua_rawgeti(L, child, FIBER_KEY);
  return lua_isnil(L, -2) ? !lua_toboolean(L, -1) : lua_rawequal(L, -1, -2);
}

/* How many props the node of a fiber has; -1 when some are bound. Counted once. */
static lua_Integer fields_of(lua_State *L, int child, int own) {
  if (lua_rawgeti(L, child, FIBER_LINKS) == LUA_TTABLE) return -1;
  lua_Integer n = lua_tointeger(L, -1);
  if (n > 0) return n;
  n = count_fields(L, own);
  lua_pushinteger(L, n);
  lua_rawseti(L, child, FIBER_LINKS);
  return n;
}

/* Does the fiber show the text at `item`, and nothing else? */
static bool same_text(lua_State *L, int item, int child) {
  lua_rawgeti(L, child, FIBER_TYPE);
  if (!lua_rawequal(L, -1, lua_upvalueindex(UP_TEXT_TYPE))) return false;
  lua_rawgeti(L, child, FIBER_KEY);
  if (lua_toboolean(L, -1)) return false;
  lua_rawgeti(L, child, FIBER_PROPS);
  int own = lua_gettop(L);
  get(L, own, UP_TEXT);
  return lua_rawequal(L, -1, item) && fields_of(L, child, own) == 1;
}

/* Does the fiber show what the sketch says? Its key is one of the props. Props that are found to say the same are noted, and known at a glance. */
static bool same_sketch(lua_State *L, int item, int child) {
  int top = lua_gettop(L), type = top + 1, own = top + 3, text = lua_upvalueindex(UP_TEXT);
  bool exact = true;
  lua_rawgeti(L, item, SKETCH_TYPE);
  lua_rawgeti(L, child, FIBER_TYPE);
  if (!lua_rawequal(L, type, type + 1)) return false;
  lua_rawgeti(L, child, FIBER_PROPS);
  lua_rawgeti(L, item, SKETCH_SHOWN);
  if (lua_rawequal(L, own, own + 1)) return true;
  lua_Integer n = (lua_Integer)lua_rawlen(L, item);
  if (fields_of(L, child, own) != (n - SKETCH_TEXT) / 2 + 1) return false; /* its own, and the text */
  lua_settop(L, own);
  if (!lua_rawequal(L, type, lua_upvalueindex(UP_TEXT_TYPE))) {
    lua_pushvalue(L, type);
    if (lua_rawget(L, lua_upvalueindex(UP_LEAVES)) != LUA_TSTRING) return false;
    text = own + 1;
  }
  int name = lua_gettop(L) + 1;
  lua_rawgeti(L, item, SKETCH_TEXT);
  lua_pushvalue(L, text);
  lua_rawget(L, own);
  if (!lua_rawequal(L, -1, -2)) return false;
  for (lua_Integer i = SKETCH_FIELDS; i < n; i += 2) {
    lua_settop(L, name - 1);
    lua_rawgeti(L, item, i);
    lua_rawgeti(L, item, i + 1);
    lua_pushvalue(L, name);
    lua_rawget(L, own);
    if (lua_rawequal(L, name + 1, name + 2)) continue;
    if (!same_prop(L, name, name + 1, name + 2)) return false;
    exact = false;
  }
  if (exact) {
    lua_pushvalue(L, own);
    lua_rawseti(L, item, SKETCH_SHOWN);
  }
  return true;
}

/* Would an update of the fiber to this element change nothing? Only host elements without children are looked at closely. */
static bool same_element(lua_State *L, int item, int child) {
  int top = lua_gettop(L), type = top + 1, props = top + 2, own = top + 3;
  if (is_sketch(L, item)) return same_sketch(L, item, child);
  if (get(L, item, UP_TYPE) != LUA_TSTRING || get(L, item, UP_PROPS) != LUA_TTABLE) return false;
  lua_rawgeti(L, child, FIBER_PROPS);
  lua_rawgeti(L, child, FIBER_TYPE);
  if (!lua_rawequal(L, -1, type)) return false;
  get(L, item, UP_KEY);
  if (!same_key(L, child)) return false;
  if (lua_rawequal(L, props, own)) return true;
  lua_pushvalue(L, type);
  lua_rawget(L, lua_upvalueindex(UP_LEAVES));
  return lua_toboolean(L, -1) && same_props(L, props, 0, own, 0, fields_of(L, child, own));
}

/* The same for a child that may be a text. May leave values on the stack. */
static bool unchanged(lua_State *L, int item, int child) {
  switch (lua_type(L, item)) {
    case LUA_TTABLE: return same_element(L, item, child);
    case LUA_TSTRING: return same_text(L, item, child);
    default: return false;
  }
}

/* Is the item a sketch that is known to say what the fiber shows? */
static bool known(lua_State *L, int item, int child, const void *sketches) {
  int top = lua_gettop(L);
  if (lua_type(L, item) != LUA_TTABLE || !lua_getmetatable(L, item) || lua_topointer(L, -1) != sketches) return false;
  lua_rawgeti(L, item, SKETCH_SHOWN);
  lua_rawgeti(L, child, FIBER_PROPS);
  return lua_topointer(L, top + 2) == lua_topointer(L, top + 3);
}

static bool is_hole(lua_State *L, int item) {
  return lua_type(L, item) <= LUA_TBOOLEAN;
}

/* same_props(given, n, own) -> do the named props of an element equal those that its node has? */
static int l_same_props(lua_State *L) {
  lua_pushboolean(L, same_props(L, 1, lua_tointeger(L, 2), 3, 0, count_fields(L, 3)));
  return 1;
}

enum { ROOM = 32 }; /* what the functions above push at most */

/* in_step(items, from, n, old, m) -> the first index, from `from` on, at which the new children are not what the old fibers show already */
static int l_in_step(lua_State *L) {
  lua_Integer i = lua_tointeger(L, 2), n = lua_tointeger(L, 3), m = lua_tointeger(L, 5);
  if (m < n) n = m;
  luaL_checkstack(L, ROOM, NULL);
  const void *sketches = lua_topointer(L, lua_upvalueindex(UP_SKETCH));
  for (; i <= n; i++) {
    lua_settop(L, 5);
    lua_geti(L, 1, i);
    if (lua_rawgeti(L, 4, i) != LUA_TTABLE) {
      if (!is_hole(L, 6)) break;
    } else if (!known(L, 6, 7, sketches)) {
      lua_settop(L, 7);
      if (!unchanged(L, 6, 7)) break;
    }
  }
  lua_pushinteger(L, i);
  return 1;
}

/* ---- a list whose children moved */

/* The stack of `match`. A and B are the wanted item and the old fiber that are looked at. */
enum { ITEMS = 1, FROM, N, OLD, M, AS_ELEMENT, LIST, WANTED, MARKS, BY_KEY, A, B };
/* What a wanted item found: no old fiber (and a hole needs none), one that shows it already, one that must be updated. */
enum { NONE = 0, HOLE, SAME, CHANGED };

typedef struct matching {
  lua_Integer from, n, m;
  const void *sketches; /* their metatable */
  unsigned char *found; /* by wanted index */
  unsigned char *taken; /* by old index: has it been found? */
} matching;

static void load_wanted(lua_State *L, lua_Integer j) {
  lua_settop(L, BY_KEY);
  lua_geti(L, WANTED, j);
}

/* Loads the wanted j and the old o. */
static void load(lua_State *L, lua_Integer j, lua_Integer o) {
  load_wanted(L, j);
  lua_rawgeti(L, OLD, o);
}

/* The wanted j, which is loaded and no hole, becomes an element, if it is none yet: in a copy of the list that replaces WANTED. */
static void make_element(lua_State *L, const matching *t, lua_Integer j) {
  if (is_sketch(L, A) || (lua_type(L, A) == LUA_TTABLE && get(L, A, UP_TYPE) != LUA_TNIL)) return;
  if (lua_rawequal(L, WANTED, ITEMS)) {
    lua_createtable(L, (int)t->n, 0);
    for (lua_Integer k = t->from; k <= t->n; k++) {
      lua_geti(L, ITEMS, k);
      lua_rawseti(L, -2, k);
    }
    lua_replace(L, WANTED);
  }
  lua_pushvalue(L, AS_ELEMENT);
  lua_pushvalue(L, A);
  lua_call(L, 1, 1);
  lua_pushvalue(L, -1);
  lua_rawseti(L, WANTED, j);
  lua_replace(L, A);
}

/* Do the item and the fiber that are loaded have one type and one key? */
static bool same_kind(lua_State *L) {
  push_type(L, A);
  lua_rawgeti(L, B, FIBER_TYPE);
  if (!lua_rawequal(L, -1, -2)) return false;
  push_key(L, A);
  return same_key(L, B);
}

/* If the wanted j goes on with the old o, it takes it; both are loaded, and no holes. Those without keys are told apart by their place. */
static bool take(lua_State *L, const matching *t, lua_Integer j, lua_Integer o) {
  if (t->taken[o]) return false;
  if (j != o) {
    lua_rawgeti(L, B, FIBER_KEY);
    if (!lua_toboolean(L, -1)) return false;
  }
  bool same = known(L, A, B, t->sketches);
  if (!same) {
    lua_settop(L, B);
    make_element(L, t, j);
    lua_settop(L, B);
    same = same_element(L, A, B);
    lua_settop(L, B);
    if (!same && !same_kind(L)) return false;
  }
  t->found[j] = same ? SAME : CHANGED;
  t->taken[o] = 1;
  lua_pushvalue(L, B);
  lua_rawseti(L, LIST, j);
  return true;
}

/* The wanted a..b find old ones among c..d by their keys, those without a key by their place. */
static void match_by_key(lua_State *L, const matching *t, lua_Integer a, lua_Integer b, lua_Integer c, lua_Integer d) {
  lua_settop(L, MARKS);
  lua_createtable(L, 0, (int)(d - c + 1)); /* BY_KEY */
  for (lua_Integer o = c; o <= d; o++) {
    lua_settop(L, BY_KEY);
    if (lua_rawgeti(L, OLD, o) != LUA_TTABLE) continue;
    lua_rawgeti(L, -1, FIBER_KEY);
    if (!lua_toboolean(L, -1)) continue;
    lua_pushinteger(L, o);
    lua_rawset(L, BY_KEY);
  }
  for (lua_Integer j = a; j <= b; j++) {
    load_wanted(L, j);
    if (is_hole(L, A)) continue;
    make_element(L, t, j);
    lua_Integer o = j;
    push_key(L, A);
    if (!lua_isnil(L, -1)) {
      lua_rawget(L, BY_KEY);
      o = lua_tointeger(L, -1);
    }
    if (o < c || o > d) continue;
    load(L, j, o);
    if (!is_hole(L, B)) take(L, t, j, o);
  }
}

/* Every wanted item finds its old fiber: from both ends, in runs that go the same way or turn round, then by key. */
static void match_all(lua_State *L, const matching *t) {
  lua_Integer a = t->from, b = t->n, c = t->from, d = t->m; /* new a..b, old c..d */
  enum { HEADS, TAILS, HEAD_TO_TAIL, TAIL_TO_HEAD, RUNS } run = HEADS;
  for (int failed = 0; a <= b && c <= d && failed < RUNS;) {
    bool at_a = run == HEADS || run == HEAD_TO_TAIL, at_c = run == HEADS || run == TAIL_TO_HEAD;
    lua_Integer j = at_a ? a : b, o = at_c ? c : d;
    load(L, j, o);
    bool no_item = is_hole(L, A), no_child = is_hole(L, B);
    if (!no_item && !no_child) {
      if (!take(L, t, j, o)) {
        run = (run + 1) % RUNS;
        failed++;
        continue;
      }
      failed = 0;
    }
    if (no_item || !no_child) at_a ? a++ : b--;
    if (!no_item) at_c ? c++ : d--;
  }
  if (a <= b && c <= d) match_by_key(L, t, a, b, c, d);
}

/* match(items, from, n, old, m, as_element) -> list, wanted, work, works, gone, goners: the old fibers that the items go on with, false
** where there is none; the items as elements; the indices at which there is something to mount or to update; the old fibers that nobody
** goes on with. What is before `from` stays as it is. */
static int l_match(lua_State *L) {
  matching t = {.from = lua_tointeger(L, FROM), .n = lua_tointeger(L, N), .m = lua_tointeger(L, M)};
  t.sketches = lua_topointer(L, lua_upvalueindex(UP_SKETCH));
  luaL_checkstack(L, ROOM, NULL);
  lua_settop(L, AS_ELEMENT);
  lua_createtable(L, (int)t.n, 0); /* LIST */
  for (lua_Integer j = 1; j < t.from; j++) {
    lua_rawgeti(L, OLD, j);
    lua_rawseti(L, LIST, j);
  }
  lua_pushvalue(L, ITEMS); /* WANTED */
  size_t marks = (size_t)(t.n + t.m + 2);
  t.found = lua_newuserdatauv(L, marks, 0); /* MARKS */
  t.taken = t.found + t.n + 1;
  memset(t.found, 0, marks);
  lua_pushnil(L); /* BY_KEY */
  match_all(L, &t);
  for (lua_Integer j = t.from; j <= t.n; j++) {
    if (t.found[j] != NONE) continue;
    load_wanted(L, j);
    if (is_hole(L, A))
      t.found[j] = HOLE;
    else
      make_element(L, &t, j);
  }

  lua_settop(L, BY_KEY);
  lua_Integer works = 0, goners = 0;
  lua_newtable(L); /* work */
  lua_newtable(L); /* gone */
  int work = BY_KEY + 1, gone = BY_KEY + 2;
  for (lua_Integer j = t.from; j <= t.n; j++) {
    if (t.found[j] == SAME) continue;
    if (t.found[j] != CHANGED) {
      lua_pushboolean(L, false);
      lua_rawseti(L, LIST, j);
      if (t.found[j] == HOLE) continue;
    }
    lua_pushinteger(L, j);
    lua_rawseti(L, work, ++works);
  }
  for (lua_Integer o = t.from; o <= t.m; o++) {
    if (t.taken[o]) continue;
    if (lua_rawgeti(L, OLD, o) == LUA_TTABLE)
      lua_rawseti(L, gone, ++goners);
    else
      lua_settop(L, gone);
  }
  lua_pushvalue(L, LIST);
  lua_pushvalue(L, WANTED);
  lua_pushvalue(L, work);
  lua_pushinteger(L, works);
  lua_pushvalue(L, gone);
  lua_pushinteger(L, goners);
  return 6;
}

static const luaL_Reg verbs[] = {{"same_props", l_same_props}, {"in_step", l_in_step}, {"match", l_match}, {NULL, NULL}};

void hearth__match_open(lua_State *L) {
  int module = lua_gettop(L);
  lua_getfield(L, module, "sketches"); /* UP_SKETCH */
  static const char *const names[] = {"type", "props", "key", "style", "n", "text", "Text"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) lua_pushstring(L, names[i]);
  lua_newtable(L); /* UP_LEAVES */
  lua_pushvalue(L, -1);
  lua_setfield(L, module, "leaves");
  luaL_setfuncs(L, verbs, UP_LEAVES);
}
