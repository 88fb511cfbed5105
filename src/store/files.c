#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int fail_errno(hearth__fault *f, const char *verb, const char *path) {
  int err = errno;
  return hearth__fail(f, hearth__errno_code(err), "%s: cannot %s: %s", path, verb, strerror(err));
}

void hearth__outlive_file_limit(void) {
  static _Thread_local bool blocked; /* a system call less for each read */
  sigset_t signals;
  if (blocked) return;
  blocked = true;
  sigemptyset(&signals);
  sigaddset(&signals, SIGXFSZ);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

int hearth__check_place(const char *path, hearth__fault *f) {
  struct stat st;
  int status = stat(path, &st);
  if (status != 0 && errno == ELOOP) return fail_errno(f, "follow its symbolic links", path);
  if (status != 0 || S_ISREG(st.st_mode)) return 0;
  return hearth__fail(f, "EINVAL", "%s: it is a %s; give the path of a file", path,
                      S_ISDIR(st.st_mode) ? "folder" : "pipe, a socket or a device");
}

int hearth__sync_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
  if (!folder) return -1;
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  free(folder);
  if (fd < 0) return -1;
  int status = fsync(fd);
  if (status != 0 && errno == EINVAL) status = 0; /* a file system that has no such thing */
  close(fd);
  return status;
}

int hearth__make_folders(const char *path, hearth__fault *f) {
  char *copy = strdup(path);
  int status = 0;
  if (!copy) return hearth__fail(f, "EIO", "out of memory");
  for (char *slash = strchr(copy + 1, '/'); slash && status == 0; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    int err = mkdir(copy, 0700) == 0 ? 0 : errno;
    if (err == 0)
      status = hearth__sync_folder(copy) == 0 ? 0 : fail_errno(f, "sync the folder of", copy);
    else if (err != EEXIST && access(copy, F_OK) != 0) { /* one that is there may be in a folder that may not be written to */
      errno = err;
      status = fail_errno(f, "make the folder", copy);
    }
    *slash = '/';
  }
  free(copy);
  return status;
}

int hearth__set_aside(const char *path, int64_t now, char *to, size_t size, hearth__fault *f) {
  time_t t = (time_t)(now / 1000);
  struct tm tm;
  char stamp[32];
  gmtime_r(&t, &tm);
  strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
  for (int i = 0; i < 1000; i++) {
    if (i == 0)
      snprintf(to, size, "%s.damaged-%s", path, stamp);
    else
      snprintf(to, size, "%s.damaged-%s-%d", path, stamp, i);
    if (access(to, F_OK) == 0) continue;
    if (rename(path, to) != 0 && errno != ENOENT) return fail_errno(f, "set aside", path);
    return 0;
  }
  return hearth__fail(f, "EIO", "%s: too many damaged files lie beside it", path);
}

int hearth__read_file(const char *path, char **bytes, size_t *size, hearth__fault *f) {
  struct stat st;
  char *buffer = NULL;
  size_t have = 0;
  int status = -1;
  if (hearth__check_place(path, f) != 0) return -1;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st) != 0) {
    fail_errno(f, "read", path);
    goto done;
  }
  buffer = malloc((size_t)st.st_size + 1);
  if (!buffer) {
    hearth__fail(f, "EIO", "out of memory");
    goto done;
  }
  while (have < (size_t)st.st_size) {
    ssize_t n = read(fd, buffer + have, (size_t)st.st_size - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      fail_errno(f, "read", path);
      goto done;
    }
    if (n == 0) break;
    have += (size_t)n;
  }
  buffer[have] = '\0';
  *bytes = buffer;
  *size = have;
  buffer = NULL;
  status = 0;
done:
  free(buffer);
  if (fd >= 0) close(fd);
  return status;
}

static int write_all(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return -1;
    bytes += n;
    size -= (size_t)n;
  }
  return 0;
}

int hearth__replace_file(const char *path, const char *bytes, size_t size, bool fresh, hearth__fault *f) {
  size_t room = strlen(path) + 16;
  char *temporary = malloc(room);
  int fd = -1, status = -1;
  if (!temporary) return hearth__fail(f, "EIO", "out of memory");
  snprintf(temporary, room, "%s.new", path);
  if (fresh && access(path, F_OK) == 0) {
    hearth__fail(f, "EINVAL", "%s: exists already; give a path that does not", path);
    goto done;
  }
  fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 || write_all(fd, bytes, size) != 0 || fsync(fd) != 0) {
    fail_errno(f, "write", temporary);
    if (fd >= 0) unlink(temporary);
    goto done;
  }
  if (fresh ? link(temporary, path) != 0 || unlink(temporary) != 0 : rename(temporary, path) != 0) {
    fail_errno(f, "replace", path);
    unlink(temporary);
    goto done;
  }
  if (hearth__sync_folder(path) != 0) {
    fail_errno(f, "sync the folder of", path);
    goto done;
  }
  status = 0;
done:
  if (fd >= 0) close(fd);
  free(temporary);
  return status;
}
