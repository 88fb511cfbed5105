/* Is the write-ahead log damaged? SQLite reads it up to the first frame that is not sound and takes the rest for what a loss of power left. So it is,
** if that frame belongs to the last transaction. But a commit is flushed before the next one begins: where a whole transaction follows, and the
** beginning of another after it, what lies before had been flushed, and is damaged. To go on would lose what was acknowledged, in silence. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite.h"

enum { HEADER = 32, FRAME_HEADER = 24, INDEX_PAGE = 32768, NOT_OURS_MAX = 64 };

static uint32_t big_endian(const unsigned char *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* How many frames count, as SQLite has it, and how long one is; -1: no log is in use. */
static int64_t sound_frames(sqlite3 *db, int64_t *size) {
  sqlite3_file *file = NULL;
  unsigned char head[4] = {0}; /* size of a page, and versions of the format: 2 keeps a log */
  void volatile *index = NULL;
  uint32_t frames;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file || !file->pMethods) return -1;
  if (file->pMethods->iVersion < 2 || file->pMethods->xRead(file, head, sizeof head, 16) != SQLITE_OK || head[2] != 2) return -1;
  *size = (head[0] << 8 | head[1]) + FRAME_HEADER;
  if (file->pMethods->xShmMap(file, 0, INDEX_PAGE, 0, &index) != SQLITE_OK || !index) return -1;
  memcpy(&frames, (const char *)(uintptr_t)index + 16, sizeof frames);
  return frames;
}

/* Frames of a log carry its two salts; one of them suffices where a bit is wrong. Another log's have neither. */
static bool is_of(const unsigned char *frame, const unsigned char *header) {
  return memcmp(frame + 8, header + 16, 4) == 0 || memcmp(frame + 12, header + 20, 4) == 0;
}

int64_t hearth__sqlite_log_damage(const hearth__sqlite *s) {
  char path[4096 + 8];
  unsigned char header[HEADER], frame[FRAME_HEADER];
  int64_t size, sound = sound_frames(s->writer.db, &size), damaged = 0;
  if (sound < 0) return 0;
  snprintf(path, sizeof path, "%s-wal", s->path);
  int fd = open(path, O_RDONLY | O_CLOEXEC); /* no lock of ours is on this one, which closing it would end */
  if (fd < 0) return 0;
  if (pread(fd, header, sizeof header, 0) != (ssize_t)sizeof header) goto done;
  bool committed = false;
  for (int64_t n = sound, others = 0; others < NOT_OURS_MAX; n++) {
    if (pread(fd, frame, sizeof frame, HEADER + n * size) != (ssize_t)sizeof frame) break;
    if (!is_of(frame, header)) {
      others++;
      continue;
    }
    others = 0;
    if (committed) {
      damaged = sound + 1;
      break;
    }
    committed = n > sound && big_endian(frame + 4) != 0; /* it ends a transaction: the pages of the file then */
  }
done:
  close(fd);
  return damaged;
}
