/* The owner's side of the mailbox; the senders' side is in runtime.h. */
#ifndef HEARTH__INBOX_H
#define HEARTH__INBOX_H

#include "runtime.h"

hearth__inbox *hearth__inbox_new(uv_async_t *wake);
/* As hearth__post, for calls from outside: refused from the moment the runtime begins to end. */
int hearth__post_foreign(hearth__inbox *in, hearth__message *m);
void hearth__inbox_run(hearth_t *h);
bool hearth__inbox_has_mail(const hearth__inbox *in); /* any thread */
/* Foreign calls and futures are refused from now on; those that were taken before run in here. */
void hearth__inbox_stop_intake(hearth_t *h);
/* No message is taken from now on; those inside are dropped. After it no thread touches the wake-up handle. */
void hearth__inbox_close(hearth__inbox *in);

#endif
