/* A program with a main loop of its own (poll), in which Hearth is one descriptor among others; here the other is a pipe that a thread writes to. */
#include <hearth.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static int ends[2];

static void *typist(void *arg) {
  (void)arg;
  for (int i = 0; i < 3; i++) {
    usleep(10000);
    if (write(ends[1], "x", 1) != 1) break;
  }
  close(ends[1]);
  return NULL;
}

int main(void) {
  hearth_error error;
  pthread_t thread;
  hearth_t *h = hearth_new(NULL, &error);
  if (!h || pipe(ends) != 0) return 1;
  if (hearth_do_string(h,
                       "local hearth = require 'hearth'\n"
                       "hearth.run_async(function() for i = 1, 5 do hearth.sleep(0.005) print('tick ' .. i) end end)\n"
                       "function key(n) print('key ' .. n) end",
                       "=script", &error) != 0 ||
      pthread_create(&thread, NULL, typist, NULL) != 0)
    return 1;
  int keys = 0, state = 1, open = 1;
  while (state == 1 || open) {
    struct pollfd fds[2] = {{.fd = hearth_backend_fd(h), .events = POLLIN}, {.fd = open ? ends[0] : -1, .events = POLLIN}};
    if (poll(fds, 2, hearth_backend_timeout(h)) < 0) break;
    if (fds[1].revents) {
      char c;
      open = read(ends[0], &c, 1) == 1;
      char call[32];
      snprintf(call, sizeof call, "key(%d)", ++keys);
      if (open && hearth_do_string(h, call, "=key", &error) != 0) fprintf(stderr, "%s\n", error.message);
    }
    state = hearth_poll(h);
    if (state < 0) break;
  }
  pthread_join(thread, NULL);
  close(ends[0]);
  hearth_free(h);
  printf("done: %s\n", state == 0 ? "idle" : "error");
  return state == 0 ? 0 : 1;
}
