/* Is the write-ahead log damaged? SQLite reads it up to the first frame that is not sound and takes the rest for what a loss of power left. So it is,
** if that frame belongs to the last transaction. But a commit is flushed before the next one begins: where a transaction ends behind that frame and
** another one continues the chain of checksums, what lies before had been flushed, and is damaged. To go on would lose what was acknowledged, in
** silence. What transactions that failed or were killed left behind is no such chain: nothing was ever written after the end of one. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite.h"

enum { HEADER = 32, FRAME_HEADER = 24, INDEX_PAGE = 32768, NOT_OURS_MAX = 64 };

static uint32_t big_endian(const unsigned char *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t little_endian(const unsigned char *p) {
  return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* What SQLite's index says of the log. */
typedef struct sound_part {
  int64_t frames; /* that count; -1: no log is in use */
  size_t size;    /* of a frame */
  unsigned char salts[8];
} sound_part;

static sound_part look_at_index(sqlite3 *db) {
  sqlite3_file *file = NULL;
  unsigned char head[4] = {0}; /* size of a page, and versions of the format: 2 keeps a log */
  void volatile *index = NULL;
  sound_part sound = {.frames = -1};
  uint32_t frames;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file || !file->pMethods) return sound;
  if (file->pMethods->iVersion < 2 || !file->pMethods->xShmMap) return sound;
  if (file->pMethods->xRead(file, head, sizeof head, 16) != SQLITE_OK || head[2] != 2) return sound;
  if (file->pMethods->xShmMap(file, 0, INDEX_PAGE, 0, &index) != SQLITE_OK || !index) return sound;
  const char *header = (const char *)(uintptr_t)index;
  memcpy(&frames, header + 16, sizeof frames);
  memcpy(sound.salts, header + 32, sizeof sound.salts);
  sound.size = (size_t)(head[0] << 8 | head[1]) + FRAME_HEADER;
  sound.frames = frames;
  return sound;
}

static bool has_sum(const unsigned char *bytes, size_t size, uint32_t sum[2], const unsigned char *expected, bool big) {
  for (size_t i = 0; i + 8 <= size; i += 8) {
    sum[0] += (big ? big_endian(bytes + i) : little_endian(bytes + i)) + sum[1];
    sum[1] += (big ? big_endian(bytes + i + 4) : little_endian(bytes + i + 4)) + sum[0];
  }
  return sum[0] == big_endian(expected) && sum[1] == big_endian(expected + 4);
}

static bool is_sound(const unsigned char *header) {
  return has_sum(header, 24, (uint32_t[2]){0, 0}, header + 24, header[3] & 1);
}

/* Was this frame written after the one whose header is `before`? In the order of bytes of whatever machine that was. */
static bool continues(const unsigned char *frame, size_t size, const unsigned char *before) {
  for (int big = 0; big < 2; big++) {
    uint32_t sum[2] = {big_endian(before + 16), big_endian(before + 20)};
    (void)has_sum(frame, 8, sum, frame + 16, big);
    if (has_sum(frame + FRAME_HEADER, size - FRAME_HEADER, sum, frame + 16, big)) return true;
  }
  return false;
}

/* Is it the log that the index is about? Else that one is about to be written over this one. Of a log whose header is no good it knows no salts. */
static bool is_of(const unsigned char *header, const sound_part *sound) {
  static const unsigned char none[8];
  return memcmp(header + 16, sound->salts, 8) == 0 || memcmp(none, sound->salts, 8) == 0;
}

static bool goes_on_after_a_commit(int fd, const sound_part *sound) {
  unsigned char header[HEADER], before[FRAME_HEADER], *frame = malloc(sound->size);
  bool found = false, committed = false;
  if (!frame || pread(fd, header, sizeof header, 0) != (ssize_t)sizeof header || !is_of(header, sound)) goto done;
  bool any = !is_sound(header); /* else the salts tell the frames of this log from those of one that it was written over */
  for (int64_t n = sound->frames, others = 0; others < NOT_OURS_MAX && !found; n++) {
    int64_t at = HEADER + n * (int64_t)sound->size;
    if (pread(fd, frame, FRAME_HEADER, at) != FRAME_HEADER) break;
    bool ours = any || memcmp(frame + 8, header + 16, 8) == 0;
    others = ours ? 0 : others + 1;
    found = ours && committed && pread(fd, frame, sound->size, at) == (ssize_t)sound->size && continues(frame, sound->size, before);
    committed = ours && big_endian(frame + 4) != 0; /* it ends a transaction: the pages of the file then */
    memcpy(before, frame, sizeof before);
  }
done:
  free(frame);
  return found;
}

int64_t hearth__sqlite_log_damage(const hearth__sqlite *s) {
  char path[4096 + 8];
  sound_part sound = look_at_index(s->writer.db), then;
  snprintf(path, sizeof path, "%s-wal", s->path);
  int fd = sound.frames < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC); /* no lock of ours is on this one, which closing it would end */
  if (fd < 0) return 0;
  bool damaged;
  do { /* while others write, what counts may have grown */
    then = sound;
    damaged = goes_on_after_a_commit(fd, &sound);
    if (damaged) sound = look_at_index(s->writer.db);
  } while (damaged && sound.frames >= 0 && (sound.frames != then.frames || memcmp(sound.salts, then.salts, sizeof sound.salts) != 0));
  close(fd);
  return damaged && sound.frames >= 0 ? sound.frames + 1 : 0;
}
