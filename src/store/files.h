/* Files as the engines need them: private folders, and a file that is replaced whole or not at all. */
#ifndef HEARTH__FILES_H
#define HEARTH__FILES_H

#include "store/record.h"

/* In a worker thread, for good: a file that grows beyond what this process may make (ulimit -f) is the error EFBIG there, not a signal that ends it. */
void hearth__outlive_file_limit(void);

/* Makes the folders above `path`, 0700. */
int hearth__make_folders(const char *path, hearth__fault *f);

/* Can a store be at `path`? Where there is something, it must be a file: EINVAL for a folder, a pipe (to open one may wait for ever), a device. */
int hearth__check_place(const char *path, hearth__fault *f);

/* Makes the names in the folder of `path` durable. -1 with errno. A file system that has no such thing is fine. */
int hearth__sync_folder(const char *path);

/* Renames a damaged file to NAME.damaged-TIME; its new name goes to `to`. */
int hearth__set_aside(const char *path, int64_t now, char *to, size_t size, hearth__fault *f);

/* The file's bytes, malloc'd, a NUL behind them. */
int hearth__read_file(const char *path, char **bytes, size_t *size, hearth__fault *f);

/* Writes a temporary file beside `path`, 0600, syncs it, renames it over `path` and syncs the folder. Whatever fails, `path` is either what
** it was or the new bytes. With `fresh` an existing `path` is refused. */
int hearth__replace_file(const char *path, const char *bytes, size_t size, bool fresh, hearth__fault *f);

#endif
