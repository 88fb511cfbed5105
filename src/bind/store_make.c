/* Values that are made on a worker: the text of a large packed value, and the copy of a long string. The batch is in the queue already, where its call
** put it; what it needs of Lua is anchored until the worker is through, and the end of the runtime waits for that (hearth__makings_stop). */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bind/store.h"
#include "json/json.h"
#include "ref.h"
#include "state.h"

enum { LONG_STRING = 1 << 20 }; /* its copy takes a good part of a millisecond */

typedef struct source {
  hearth__write_op *op;
  const hearth__json_flat *flat; /* NULL: `text` */
  const char *text;
  size_t size;
  int anchor;
} source;

struct hearth__making {
  uv_work_t work;
  hearth__making *next, *prev; /* in stores->makings, once started */
  hearth__stores *stores;
  hearth__batch *batch;
  void (*over)(void *user);
  void *user;
  atomic_bool made;
  size_t n, room;
  source *list;
};

bool hearth__makes_later(lua_State *L, int idx) {
  return hearth__json_packed(L, idx) || (lua_type(L, idx) == LUA_TSTRING && lua_rawlen(L, idx) >= LONG_STRING);
}

void hearth__making_add(lua_State *L, hearth__handle *hd, hearth__making **making, hearth__write_op *op, int idx) {
  hearth__making *m = *making;
  if (!m) {
    if (!(m = *making = calloc(1, sizeof *m))) hearth__no_memory(L);
    m->stores = hd->stores;
  }
  if (m->n == m->room) {
    size_t room = m->room ? m->room * 2 : 1;
    source *grown = realloc(m->list, room * sizeof *grown);
    if (!grown) hearth__no_memory(L);
    m->list = grown;
    m->room = room;
  }
  source s = {.op = op, .flat = hearth__json_packed(L, idx)};
  if (!s.flat) s.text = lua_tolstring(L, idx, &s.size);
  lua_pushvalue(L, idx);
  s.anchor = hearth__ref(L);
  m->list[m->n++] = s;
}

void hearth__making_free(hearth__making *m) {
  if (!m) return;
  for (size_t i = 0; i < m->n && m->stores->h; i++) hearth__unref(m->stores->state->L, m->list[i].anchor);
  free(m->list);
  free(m);
}

static hearth__blob *make_one(const source *s, hearth__fault *f) {
  size_t size = s->size;
  void *printed = s->flat ? hearth__json_print(s->flat, sizeof(hearth__blob), &size) : NULL;
  hearth__blob *blob = printed ? hearth__blob_of(printed, size) : s->flat ? NULL : hearth__blob_new(s->text, size);
  if (!blob) hearth__fail(f, "EIO", "out of memory");
  if (!blob || size <= HEARTH__VALUE_MAX) return blob;
  hearth__fail(f, "EBIG", "the value has %zu bytes, the limit is %d; split it over several keys", size, HEARTH__VALUE_MAX);
  hearth__blob_release(blob);
  return NULL;
}

static void make(uv_work_t *work) {
  hearth__making *m = work->data;
  for (size_t i = 0; i < m->n; i++) {
    hearth__fault f = {0};
    hearth__blob *blob = make_one(&m->list[i], &f);
    hearth__batch_made(m->batch, m->list[i].op, blob, &f);
  }
  atomic_store(&m->made, true);
}

static void after(uv_work_t *work, int status) {
  hearth__making *m = work->data;
  (void)status; /* cancelled: the runtime is ending, and the batch has been answered */
  if (m->prev)
    m->prev->next = m->next;
  else
    m->stores->makings = m->next;
  if (m->next) m->next->prev = m->prev;
  m->over(m->user);
}

size_t hearth__making_count(const hearth__making *m) {
  return m ? m->n : 0;
}

void hearth__making_start(hearth__making *m, hearth__batch *b, void (*over)(void *user), void *user) {
  hearth__stores *ss = m->stores;
  m->batch = b;
  m->over = over;
  m->user = user;
  m->work.data = m;
  m->next = ss->makings;
  if (m->next) m->next->prev = m;
  ss->makings = m;
  if (uv_queue_work(hearth_loop(ss->h), &m->work, make, after) == 0) return;
  make(&m->work);
  after(&m->work, 0);
}

void hearth__makings_stop(hearth__stores *ss) {
  for (hearth__making *m = ss->makings; m; m = m->next)
    if (uv_cancel((uv_req_t *)&m->work) != 0)
      while (!atomic_load(&m->made)) sched_yield(); /* it is at work, for milliseconds */
}
