/* Memory that runs out at every point of a script that uses each verb of tasks: an error or a clean end, never a crash or a hang. */
#include "check.h"
#include "hearth.h"

static void hear(void *userdata, const char *text) {
  (void)text;
  ++*(int *)userdata;
}

static const char script[] =
    "local h = require 'hearth'\n"
    "local f = h.runtime.create_future()\n"
    "local a = h.run_async(function() h.sleep(0) return 1, 2 end)\n"
    "local b = h.run_async(function() f:await() return 2 end)\n"
    "b:on_done(function(t) t:await() end)\n"
    "h.runtime.call_threadsafe(function() h.runtime.resolve_future(f, {1}) end)\n"
    "h.all{ a, b } h.race{ a, b } h.all_settled{ a, b }\n"
    "pcall(h.timeout, 0.001, function() h.sleep(5) end)\n"
    "h.scope(function(s) s:run_async(function() h.sleep(0) end) end)\n"
    "local c = h.run_async(function() local g <close> = setmetatable({}, {__close = function() h.sleep(0) end}) h.sleep(9) end)\n"
    "h.sleep(0) c:cancel() c:name 'c' pcall(c.await, c)\n"
    "h.to_thread(function(x) return x end, { 1, 'a', { 2.5 } })\n"
    "h.run_async(function() error { code = 'mine' } end)\n"
    "finished = true";

static void every_bound_ends_cleanly(void) {
  int finished = 0, refused = 0, broke = 0;
  for (size_t bound = 16 << 10; bound < 400 << 10 || !finished; bound += 1536) {
    int heard = 0;
    hearth_error error;
    hearth_options options = {.size = sizeof options, .memory_limit = bound, .on_error = hear, .userdata = &heard, .store = "memory:"};
    hearth_t *h = hearth_new(&options, &error);
    if (!h) {
      CHECK(strstr(error.message, "memory") != NULL);
      refused++;
      continue;
    }
    if (hearth_do_string(h, script, "=script", &error) == 0)
      finished++;
    else
      broke++;
    hearth_run(h);
    hearth_free(h);
  }
  CHECK(refused > 0 && broke > 0 && finished > 0);
}

int main(void) {
  RUN(every_bound_ends_cleanly);
  return check_end();
}
