/* The fuzzers' short form: their seeds, and some thousands of changed copies of them, always the same ones. `make fuzz` looks further. */
#include <dirent.h>

#include "check.h"

#define LLVMFuzzerTestOneInput fuzz_json
#include "../fuzz/fuzz_json.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_jsontext
#include "../fuzz/fuzz_jsontext.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_log
#include "../fuzz/fuzz_log.c"

enum { COPIES = 3000, CHANGES = 4, ROOM = 1 << 16 };

static uint64_t state = 1;

static size_t chance(size_t below) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (size_t)(state >> 33) % below;
}

/* A bit turned over, a byte replaced, a piece taken out, doubled, or moved. */
static size_t change(uint8_t *bytes, size_t size) {
  static const char likely[] = "{}[]\",:\\ue0-1.5 \n\0\377\177";
  if (size == 0) {
    bytes[0] = (uint8_t)likely[chance(sizeof likely)];
    return 1;
  }
  size_t at = chance(size), n = 1 + chance(size - at > 16 ? 16 : size - at);
  switch (chance(5)) {
    case 0: bytes[at] = (uint8_t)(bytes[at] ^ (1u << chance(8))); break;
    case 1: bytes[at] = (uint8_t)likely[chance(sizeof likely)]; break;
    case 2: memmove(bytes + at, bytes + at + n, size - at - n); return size - n;
    case 3:
      if (size + n > ROOM) break;
      memmove(bytes + at + n, bytes + at, size - at);
      return size + n;
    default: memmove(bytes + chance(size - n + 1), bytes + at, n); break;
  }
  return size;
}

static int run(const char *name, int (*fuzz)(const uint8_t *data, size_t size)) {
  char folder[128], path[512];
  int seeds = 0;
  uint8_t *seed = malloc(ROOM), *changed = malloc(ROOM);
  snprintf(folder, sizeof folder, "spec/fuzz/seeds/%s", name);
  DIR *dir = opendir(folder);
  CHECK(dir && seed && changed);
  for (struct dirent *e; dir && (e = readdir(dir));) {
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "rb");
    if (!f) continue;
    size_t size = fread(seed, 1, ROOM / 2, f);
    fclose(f);
    seeds++;
    for (int i = 0; i < COPIES; i++) {
      size_t now = size;
      memcpy(changed, seed, size);
      for (int k = 0; i > 0 && k < 1 + i % CHANGES; k++) now = change(changed, now);
      fuzz(changed, now); /* aborts where something is wrong */
    }
  }
  if (dir) closedir(dir);
  free(seed);
  free(changed);
  return seeds;
}

static void the_json_decoder(void) {
  CHECK(run("json", fuzz_json) >= 6);
}
static void the_json_file(void) {
  CHECK(run("jsontext", fuzz_jsontext) >= 3);
}
static void the_change_log(void) {
  CHECK(run("log", fuzz_log) >= 2);
}

int main(void) {
  RUN(the_json_decoder);
  RUN(the_json_file);
  RUN(the_change_log);
  return check_end();
}
