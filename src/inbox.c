/* The mailbox: a lock-free stack that any thread pushes to and the owner takes whole. One wake-up serves all mail that was posted before the owner
** looks. `senders` counts threads between the push and the wake-up, so that the handle is never closed under them. */
#include <stdlib.h>

#include "inbox.h"
#include "state.h"

static hearth__message closed_mark;
#define CLOSED (&closed_mark)

struct hearth__inbox {
  _Atomic(hearth__message *) head;
  atomic_int refs, senders, foreign; /* `foreign`: senders from outside that have looked, or are about to look, at `intake` */
  atomic_bool intake;                /* foreign calls and futures are taken */
  uv_async_t *wake;
};

hearth__inbox *hearth__inbox_new(uv_async_t *wake) {
  hearth__inbox *in = calloc(1, sizeof *in);
  if (!in) return NULL;
  atomic_init(&in->head, NULL);
  atomic_init(&in->refs, 1);
  atomic_init(&in->senders, 0);
  atomic_init(&in->foreign, 0);
  atomic_init(&in->intake, true);
  in->wake = wake;
  return in;
}

hearth__inbox *hearth__inbox_retain(hearth__inbox *in) {
  atomic_fetch_add(&in->refs, 1);
  return in;
}

void hearth__inbox_unref(hearth__inbox *in) {
  if (atomic_fetch_sub(&in->refs, 1) == 1) free(in);
}

int hearth__post(hearth__inbox *in, hearth__message *m) {
  int status = 0;
  atomic_fetch_add(&in->senders, 1);
  hearth__message *head = atomic_load(&in->head);
  do {
    if (head == CLOSED) {
      status = -1;
      break;
    }
    m->next = head;
  } while (!atomic_compare_exchange_weak(&in->head, &head, m));
  if (status == 0 && head == NULL) uv_async_send(in->wake);
  atomic_fetch_sub(&in->senders, 1);
  return status;
}

int hearth__post_foreign(hearth__inbox *in, hearth__message *m) {
  atomic_fetch_add(&in->foreign, 1); /* first: whoever stops the intake then waits for us, or we see that it is stopped */
  int status = atomic_load(&in->intake) ? hearth__post(in, m) : -1;
  atomic_fetch_sub(&in->foreign, 1);
  return status;
}

/* In the order of posting. */
static hearth__message *reversed(hearth__message *m) {
  hearth__message *list = NULL;
  while (m) {
    hearth__message *next = m->next;
    m->next = list;
    list = m;
    m = next;
  }
  return list;
}

void hearth__inbox_run(hearth_t *h) {
  if (atomic_load(&h->inbox->head) == CLOSED) return;
  hearth__message *m = reversed(atomic_exchange(&h->inbox->head, NULL));
  while (m) {
    hearth__message *next = m->next;
    m->run(h, m);
    m = next;
  }
}

bool hearth__inbox_has_mail(const hearth__inbox *in) {
  const hearth__message *head = atomic_load_explicit(&in->head, memory_order_acquire);
  return head && head != CLOSED;
}

void hearth__inbox_stop_intake(hearth_t *h) {
  atomic_store(&h->inbox->intake, false);
  while (atomic_load(&h->inbox->foreign) > 0) uv_sleep(0);
  hearth__inbox_run(h);
}

void hearth__inbox_close(hearth__inbox *in) {
  hearth__message *m = reversed(atomic_exchange(&in->head, CLOSED));
  while (atomic_load(&in->senders) > 0) uv_sleep(0);
  while (m) {
    hearth__message *next = m->next;
    m->drop(m);
    m = next;
  }
}
