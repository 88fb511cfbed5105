#include "store/memory.h"
static int refuse(const char *location, const hearth__engine_options *options, hearth__engine **out, hearth__fault *f) {
  (void)options; (void)out;
  return hearth__fail(f, "EINVAL", "%s: the JSON file engine is not there yet", location);
}
const hearth__engine_class hearth__json_engine = {.name = "json", .open = refuse};
