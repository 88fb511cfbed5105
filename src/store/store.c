/* A handle of the store, as its loop has it: jobs on its workers, what landed handed out, and hearing of changes. Batches are in batch.c, reads in
** read.c, its end in close.c. */
#include <stdlib.h>

#include "store/db.h"
#include "store/files.h"

/* A handle lives until it is closed and its last batch and job are gone. Who counts that is its owner thread alone. */
void hearth__store_retain(hearth__store *s) {
  s->refs++;
}

void hearth__store_release(hearth__store *s) { /* without the lock */
  if (--s->refs > 0) return;
  hearth__db_release(s->db);
  free(s);
}

void hearth__store_deliver(hearth__store *s) {
  hearth__db *db = s->db;
  uv_mutex_lock(&db->lock);
  hearth__landed *l = s->landed;
  s->landed = NULL;
  s->landed_tail = &s->landed;
  s->woken = false;
  hearth__store_retain(s);
  uv_mutex_unlock(&db->lock);
  for (hearth__landed *next; l; l = next) {
    next = l->next;
    l->deliver(s, l);
  }
  hearth__store_release(s);
}

/* ---- jobs */

static void job_end(hearth__job *j) { /* owner thread */
  hearth__store *s = j->store;
  s->jobs--;
  j->done(j);
  hearth__store_release(s);
}

static void job_work(hearth__job *j) {
  hearth__db *db = j->store->db;
  j->conn = NULL;
  if (hearth__db_try(db, &j->fault) != 0 || hearth__db_conn(db, &j->conn, &j->fault) != 0) return;
  const hearth__engine_class *class_ = db->engine->class_;
  int status = 0;
  if (class_->current && !class_->current(db->engine, atomic_load(&db->known))) status = hearth__db_catch_up(db, j->conn, &j->fault);
  if (status == 0 && j->run(j, db->engine) != 0 && !j->fault.code) hearth__fail(&j->fault, "EIO", "out of memory");
  hearth__db_conn_back(db, j->conn);
}

static void job_on_worker(uv_work_t *w) {
  hearth__outlive_file_limit();
  job_work((hearth__job *)w);
}

static void job_after(uv_work_t *w, int status) {
  hearth__job *j = (hearth__job *)w;
  if (status != 0) hearth__fail(&j->fault, "ECANCELED", "the read was cancelled");
  job_end(j);
}

static void job_start(hearth__job *j) {
  if (j->store->db->engine->class_->instant) {
    job_work(j);
    job_end(j);
    return;
  }
  if (uv_queue_work(j->store->loop, &j->work, job_on_worker, job_after) != 0) {
    hearth__fail(&j->fault, "EIO", "no worker to read with");
    job_end(j);
  }
}

static void barrier_landed(hearth__batch *b) {
  hearth__job *j = b->user;
  hearth__batch_free(b);
  job_start(j);
}

void hearth__store_run(hearth__store *s, hearth__job *j) {
  hearth__db *db = s->db;
  j->store = s;
  j->fault.code = NULL;
  s->jobs++;
  hearth__store_retain(s);
  bool wait = false;
  if (j->after_writes) {
    uv_mutex_lock(&db->lock);
    wait = db->queued > 0;
    uv_mutex_unlock(&db->lock);
  }
  hearth__batch *b = wait ? hearth__batch_new(s, 0, 0) : NULL;
  if (!b) {
    job_start(j);
    return;
  }
  b->done = barrier_landed;
  b->user = j;
  hearth__store_submit(s, b);
}

/* ---- hearing */

void hearth__store_listen(hearth__store *s, bool on) {
  uv_mutex_lock(&s->db->lock);
  if (on != s->listening) s->db->listeners += on ? 1 : -1;
  s->listening = on;
  uv_mutex_unlock(&s->db->lock);
}

static void news_came(hearth__store *s, hearth__landed *l) {
  (void)l;
  uv_mutex_lock(&s->db->lock);
  s->told = false;
  uv_mutex_unlock(&s->db->lock);
  if (!s->given_up) hearth__store_poll(s);
}

void hearth__db_news(void *arg) {
  hearth__db *db = arg;
  uv_mutex_lock(&db->lock);
  for (hearth__store *s = db->stores; s; s = s->next) {
    if (!s->listening || s->told) continue;
    s->told = true;
    s->news.deliver = news_came;
    hearth__land(s, &s->news);
  }
  uv_mutex_unlock(&db->lock);
  hearth__db_wake(db);
}

bool hearth__store_has_others(hearth__store *s) {
  return s->db->engine->class_->changes != NULL;
}

const char *hearth__store_notice(hearth__store *s) {
  const hearth__engine_class *class_ = s->db->engine->class_;
  return class_->notice ? class_->notice(s->db->engine) : NULL;
}

static int poll_run(hearth__job *j, hearth__engine *e) {
  (void)e;
  return hearth__db_catch_up(j->store->db, j->conn, &j->fault);
}

static void free_job(hearth__job *j) {
  free(j);
}

void hearth__store_poll(hearth__store *s) {
  if (!s->db->engine->class_->changes) return;
  hearth__job *j = calloc(1, sizeof *j);
  if (!j) return;
  j->run = poll_run;
  j->done = free_job;
  hearth__store_run(s, j);
}
