/* The embedder's two ways to answer later: work on a libuv thread (hearth_await), and a future that any thread settles. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "error.h"
#include "inbox.h"
#include "outcome.h"
#include "ref.h"
#include "state.h"

/* ---- hearth_await */

typedef struct job {
  hearth__op op;
  uv_work_t request;
  hearth_work *work;
  hearth_t *h;
  bool landed, orphan;
} job;

static void job_free(job *j) {
  if (j->work->free) j->work->free(j->work);
  free(j);
}

static int job_push(lua_State *L, hearth__op *op) {
  hearth_work *work = ((job *)op)->work;
  return work->push ? work->push(L, work) : 0;
}

static void job_release(hearth__op *op) {
  job *j = (job *)op;
  if (j->landed) {
    job_free(j);
  } else {
    j->orphan = true;
    uv_cancel((uv_req_t *)&j->request); /* only advice: job_after runs in any case */
  }
}

static const hearth__op_class job_class = {"hearth_await", job_push, job_release};

static void job_work(uv_work_t *request) {
  hearth_work *work = ((job *)request->data)->work;
  if (work->work) work->work(work);
}

static void job_after(uv_work_t *request, int status) {
  job *j = request->data;
  (void)status;
  hearth__busy_end(j->h);
  j->h->works--;
  j->landed = true;
  if (j->orphan)
    job_free(j);
  else
    hearth__op_done(&j->op);
}

int hearth_await(lua_State *L, hearth_work *work) {
  hearth__state *s = hearth__find_state(L);
  job *j = NULL;
  if (!s) {
    if (work->free) work->free(work);
    return luaL_error(L, "hearth_await: this Lua state has no hearth runtime; require \"hearth\" first");
  }
  if (!hearth__can_await(L, s) || hearth__cancel_asked(L, s)) {
    if (work->free) work->free(work);
    hearth__check_await(L, s, job_class.verb);
  }
  j = calloc(1, sizeof *j);
  if (!j) {
    if (work->free) work->free(work);
    return hearth__no_memory(L);
  }
  hearth__op_init(&j->op, &job_class, s);
  j->work = work;
  j->h = s->h;
  j->request.data = j;
  int err = uv_queue_work(s->h->loop, &j->request, job_work, job_after);
  if (err) {
    job_free(j);
    return hearth__raise(L, hearth__code_of_errno(err), &(hearth__error_fields){.op = job_class.verb},
                         "hearth_await: no thread for the work");
  }
  hearth__busy_begin(s->h);
  s->h->works++;
  return hearth__await(L, &j->op);
}

/* ---- hearth_future */

struct hearth_future {
  hearth__op op; /* what settles the Lua future at the top of the loop; nobody waits for it */
  hearth__message message;
  hearth__inbox *inbox;
  hearth_t *h;
  int ref;
  char *bytes;
  size_t size;
  char code[32];
};

static void future_free(hearth_future *f) {
  hearth__inbox_unref(f->inbox);
  free(f->bytes);
  free(f);
}

static int future_settle(lua_State *L, hearth__op *op) {
  hearth_future *f = (hearth_future *)op;
  hearth__ref_push(L, f->ref);
  int idx = lua_gettop(L);
  hearth__outcome *o = lua_touserdata(L, idx);
  hearth__unref(L, f->ref);
  if (o->status != HEARTH__PENDING) return 0;
  if (f->code[0])
    hearth__error_push(L, f->code, NULL, "%s", f->bytes ? f->bytes : "");
  else
    lua_pushlstring(L, f->bytes ? f->bytes : "", f->size);
  hearth__outcome_settle(L, idx, o, f->code[0] ? hearth__status_of_error(L, -1) : HEARTH__OK, 1);
  return 0;
}

static void future_release(hearth__op *op) {
  future_free((hearth_future *)op);
}

static const hearth__op_class future_class = {"hearth_future", future_settle, future_release};

static void future_run(hearth_t *h, hearth__message *m) {
  hearth_future *f = hearth__container(m, hearth_future, message);
  hearth__unhold(h);
  hearth__ready(&f->op);
}

static void future_drop(hearth__message *m) {
  future_free(hearth__container(m, hearth_future, message));
}

static int create_protected(lua_State *L) {
  hearth_future *f = lua_touserdata(L, 1);
  hearth__future_create(L, f->op.state);
  f->ref = hearth__ref(L);
  return 0;
}

hearth_future *hearth__future_for(hearth__state *s) {
  hearth_t *h = s->h;
  lua_State *L = s->L;
  hearth_future *f = calloc(1, sizeof *f);
  if (!f) return NULL;
  hearth__op_init(&f->op, &future_class, s);
  f->message = (hearth__message){.run = future_run, .drop = future_drop};
  f->h = h;
  if (!lua_checkstack(L, 4)) goto fail;
  lua_pushcfunction(L, create_protected);
  lua_pushlightuserdata(L, f);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    lua_pop(L, 1);
    goto fail;
  }
  f->inbox = hearth__inbox_retain(h->inbox);
  hearth__hold(h);
  return f;
fail:
  free(f);
  return NULL;
}

hearth_future *hearth_future_new(hearth_t *h) {
  return hearth__future_for(h->state);
}

int hearth_future_push(lua_State *L, hearth_future *f) {
  hearth__ref_push(L, f->ref);
  return 1;
}

/* Consumes f: its bytes and code are set, now it goes to the loop. */
static int future_send(hearth_future *f) {
  int status = hearth__post_foreign(f->inbox, &f->message);
  if (status != 0) future_free(f);
  return status;
}

static int future_fail(hearth_future *f) {
  snprintf(f->code, sizeof f->code, "EIO");
  free(f->bytes);
  f->bytes = NULL;
  future_send(f);
  return -1;
}

int hearth_future_resolve(hearth_future *f, const char *bytes, size_t size) {
  if (size > 0 && !(f->bytes = malloc(size))) return future_fail(f);
  if (size > 0) memcpy(f->bytes, bytes, size);
  f->size = size;
  return future_send(f);
}

int hearth_future_reject(hearth_future *f, const char *code, const char *message) {
  snprintf(f->code, sizeof f->code, "%s", code && *code ? code : "EIO");
  f->bytes = strdup(message ? message : "");
  return future_send(f);
}
