/*
 * A disk that fails once, or from some moment on. Preloaded (LD_PRELOAD) into a process, it counts the writes and
 * syncs of files in a folder and lets the n-th fail. Once is the dangerous case: everything written afterwards works,
 * and a program that goes on may acknowledge what the file can no longer give back.
 *
 * Environment:
 *   DISKFAIL_FOLDER   absolute; only files in it count
 *   DISKFAIL_EXCEPT   a file name in it that does not count, such as LevelDB's LOG, where nothing depends on a write
 *   DISKFAIL_AT       which call fails, counted from 1
 *   DISKFAIL_ERROR    EIO or ENOSPC
 *   DISKFAIL_CALL     write, sync or any: what counts (any if absent)
 *   DISKFAIL_LASTING  1: every counted call from then on fails; else only that one
 *   DISKFAIL_TEAR     1: half of the bytes reach the file before a write fails
 *   DISKFAIL_ARM      a path: nothing counts before a file stands there
 *   DISKFAIL_LOG      gets a line for each failure: `<call> <path>`
 *   POWERCUT_LOG      with powercut.c: gets `F <inode> <bytes>` when a sync failed
 *
 * LevelDB writes through stdio. There the write(2) inside the C library cannot be replaced, so for the time of the
 * call the file is swapped for /dev/full: stdio then does with its buffer what it does when a disk is full.
 * A failed sync leaves bytes in the page cache that Linux has marked as written: a later sync succeeds without them.
 * For the process nothing differs until the power goes; `F` tells the cut to take them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The function of this name that comes after ours, looked up once. */
#define NEXT(name)                                                        \
  ({                                                                      \
    static __typeof__(&name) next_##name;                                 \
    if (!next_##name) next_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
    next_##name;                                                          \
  })

/* With optimisation they are macros. */
#undef fwrite_unlocked
#undef fflush_unlocked

static const char *folder, *arm, *except;
static size_t folder_length;
static long fail_at;
static int error_number, counts_writes, counts_syncs, lasting, tears, armed;
static int log_fd = -1, record_fd = -1;
static atomic_long calls;

static int open_log(const char *variable) {
  const char *path = getenv(variable);
  return path ? NEXT(open)(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
}

static int is(const char *variable, const char *value) {
  const char *given = getenv(variable);
  return given && strcmp(given, value) == 0;
}

__attribute__((constructor)) static void begin(void) {
  const char *at = getenv("DISKFAIL_AT");
  folder = getenv("DISKFAIL_FOLDER");
  if (!folder || !at) return;
  folder_length = strlen(folder);
  fail_at = strtol(at, NULL, 10);
  error_number = is("DISKFAIL_ERROR", "ENOSPC") ? ENOSPC : EIO;
  counts_writes = !is("DISKFAIL_CALL", "sync");
  counts_syncs = !is("DISKFAIL_CALL", "write");
  lasting = is("DISKFAIL_LASTING", "1");
  tears = is("DISKFAIL_TEAR", "1");
  arm = getenv("DISKFAIL_ARM");
  except = getenv("DISKFAIL_EXCEPT");
  log_fd = open_log("DISKFAIL_LOG");
  record_fd = open_log("POWERCUT_LOG");
}

static int watched(int fd, char *path) {
  char link[64];
  if (fail_at == 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (strncmp(path, folder, folder_length) != 0 || path[folder_length] != '/') return 0;
  if (except && strcmp(strrchr(path, '/') + 1, except) == 0) return 0;
  if (!armed && arm && access(arm, F_OK) != 0) return 0;
  armed = 1;
  return 1;
}

static void told(const char *call, const char *path) {
  char line[PATH_MAX + 32];
  int saved = errno;
  if (log_fd >= 0) {
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    if (NEXT(write)(log_fd, line, (size_t)length) != length) abort();
  }
  errno = saved;
}

/* Counts a call on this file; whether it is the one that fails. */
static int due(int fd, char *path) {
  int saved = errno, result = 0;
  if (watched(fd, path)) {
    long n = atomic_fetch_add(&calls, 1) + 1;
    result = n == fail_at || (lasting && n > fail_at);
  }
  errno = saved;
  return result;
}

static int fails(const char *call, int fd) {
  char path[PATH_MAX];
  if (!due(fd, path)) return 0;
  told(call, path);
  return 1;
}

ssize_t write(int fd, const void *bytes, size_t size) {
  if (!counts_writes || !fails("write", fd)) return NEXT(write)(fd, bytes, size);
  if (tears && size > 1 && NEXT(write)(fd, bytes, size / 2) < 0) return -1;
  errno = error_number;
  return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
  if (!counts_writes || !fails("pwrite", fd)) return NEXT(pwrite)(fd, bytes, size, offset);
  errno = error_number;
  return -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
  if (!counts_writes || !fails("pwrite", fd)) return NEXT(pwrite64)(fd, bytes, size, offset);
  errno = error_number;
  return -1;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (!counts_writes || !fails("writev", fd)) return NEXT(writev)(fd, parts, count);
  errno = error_number;
  return -1;
}

/* The file behind `stream`, put back by `mend`. */
static int swap(FILE *stream) {
  int fd = fileno(stream);
  if (tears && __fpending(stream) > 1 && NEXT(write)(fd, stream->_IO_write_base, __fpending(stream) / 2) < 0) abort();
  int original = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  int full = NEXT(open)("/dev/full", O_WRONLY | O_CLOEXEC);
  if (original < 0 || full < 0 || dup3(full, fd, O_CLOEXEC) < 0) abort();
  close(full);
  return original;
}

static void mend(FILE *stream, int original) {
  if (dup3(original, fileno(stream), O_CLOEXEC) < 0) abort();
  close(original);
  errno = error_number;
}

static int flush_watched(int (*next)(FILE *), FILE *stream) {
  char path[PATH_MAX];
  if (!counts_writes || !stream || __fpending(stream) == 0 || !due(fileno(stream), path)) return next(stream);
  int original = swap(stream);
  int result = next(stream);
  mend(stream, original);
  told("write", path);
  return result;
}

int fflush(FILE *stream) { return flush_watched(NEXT(fflush), stream); }
int fflush_unlocked(FILE *stream) { return flush_watched(NEXT(fflush_unlocked), stream); }

static size_t fwrite_watched(size_t (*next)(const void *, size_t, size_t, FILE *), const void *bytes, size_t size, size_t count, FILE *stream) {
  char path[PATH_MAX];
  size_t room = __fbufsize(stream) - __fpending(stream);
  /* What fits into the buffer writes nothing yet. */
  if (!counts_writes || (__fbufsize(stream) > 0 && size * count <= room) || !due(fileno(stream), path)) return next(bytes, size, count, stream);
  int original = swap(stream);
  size_t result = next(bytes, size, count, stream);
  mend(stream, original);
  /* The first bytes of a stream make its buffer and may all fit into it: then the next call is the one. */
  if (result == count) atomic_fetch_sub(&calls, 1);
  else told("write", path);
  return result;
}

size_t fwrite(const void *bytes, size_t size, size_t count, FILE *stream) { return fwrite_watched(NEXT(fwrite), bytes, size, count, stream); }
size_t fwrite_unlocked(const void *bytes, size_t size, size_t count, FILE *stream) {
  return fwrite_watched(NEXT(fwrite_unlocked), bytes, size, count, stream);
}

static int sync_watched(int (*next)(int), const char *call, int fd) {
  struct stat file;
  if (!counts_syncs || !fails(call, fd)) return next(fd);
  if (record_fd >= 0 && fstat(fd, &file) == 0 && S_ISREG(file.st_mode)) {
    char line[64];
    int length = snprintf(line, sizeof line, "F %lu %ld\n", (unsigned long)file.st_ino, (long)file.st_size);
    if (NEXT(write)(record_fd, line, (size_t)length) != length) abort();
  }
  errno = error_number;
  return -1;
}

int fsync(int fd) { return sync_watched(NEXT(fsync), "fsync", fd); }
int fdatasync(int fd) { return sync_watched(NEXT(fdatasync), "fdatasync", fd); }
