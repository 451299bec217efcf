/*
 * What a power cut would leave of a folder. Preloaded (LD_PRELOAD) into a process, it writes down, in order, every
 * change of a name in the folder and every successful sync of a file in it. After the process was killed, power-cut.ts
 * reads the record and makes the folder what a disk would hold: SIGKILL alone keeps the page cache and proves nothing.
 *
 * The record, one line each, written with one write(2), so that a kill leaves no torn line but the last:
 *   C <inode> <path>          a name was made; or a file is seen for the first time under a name it had before
 *   R <inode> <from> <to>     a name was changed (tab between the two)
 *   U <inode> <path>          a name was removed; the file stays reachable in the grave folder under its inode
 *   T <inode> <bytes>         the file was cut to this length
 *   S <inode> <bytes> <ops>   the file is synced up to this length; <ops> changes of names came before
 *   D <inode> <ops>           a directory is synced
 *
 * Environment: POWERCUT_FOLDER (absolute), POWERCUT_LOG, POWERCUT_GRAVE (a folder of the same file system).
 * A sync is written down after it returned and before its caller learns of it: a kill between the two only hides a
 * sync that nobody was told of. Its length is taken before it began: what was written meanwhile need not be in it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The function of this name that comes after ours, looked up once. */
#define NEXT(name)                                                        \
  ({                                                                      \
    static __typeof__(&name) next_##name;                                 \
    if (!next_##name) next_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
    next_##name;                                                          \
  })

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *folder, *grave;
static size_t folder_length;
static int record_fd = -1;
static long operations;

/* Inodes that the record knows, as an open hash table. A program may open files past the C library. */
static unsigned long *known;
static size_t known_room, known_count;

static int knows(unsigned long inode) {
  for (size_t i = inode % known_room; known[i]; i = (i + 1) % known_room)
    if (known[i] == inode) return 1;
  return 0;
}

static void place(unsigned long *table, size_t room, unsigned long inode) {
  size_t i = inode % room;
  while (table[i]) i = (i + 1) % room;
  table[i] = inode;
}

static void learn(unsigned long inode) {
  if (knows(inode)) return;
  if (++known_count * 2 > known_room) {
    unsigned long *larger = calloc(known_room * 2, sizeof *larger);
    if (!larger) abort();
    for (size_t i = 0; i < known_room; i++)
      if (known[i]) place(larger, known_room * 2, known[i]);
    free(known);
    known = larger;
    known_room *= 2;
  }
  place(known, known_room, inode);
}

/* What was there when the record began: lines `I <inode> ...`. */
static void learn_initial(const char *record) {
  char line[PATH_MAX + 64];
  unsigned long inode;
  known_room = 1024;
  known = calloc(known_room, sizeof *known);
  FILE *lines = NEXT(fopen)(record, "r");
  if (!known || !lines) abort();
  while (fgets(line, sizeof line, lines))
    if (sscanf(line, "I %lu", &inode) == 1) learn(inode);
  fclose(lines);
}

__attribute__((constructor)) static void begin(void) {
  const char *record = getenv("POWERCUT_LOG");
  folder = getenv("POWERCUT_FOLDER");
  grave = getenv("POWERCUT_GRAVE");
  if (!record || !folder || !grave) return;
  folder_length = strlen(folder);
  learn_initial(record);
  record_fd = NEXT(open)(record, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void note(const char *format, ...) {
  char line[2 * PATH_MAX + 64];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(line, sizeof line, format, values);
  va_end(values);
  /* Without the record every later conclusion would be wrong. */
  if (length < 0 || NEXT(write)(record_fd, line, (size_t)length) != length) abort();
}

static int inside(const char *path) {
  return record_fd >= 0 && strncmp(path, folder, folder_length) == 0 && (path[folder_length] == '/' || path[folder_length] == 0);
}

/* The absolute path of `path`; 0 if it is not in the folder. */
static int resolve(const char *path, char *absolute) {
  if (record_fd < 0 || !path) return 0;
  if (path[0] == '/') {
    if (strlen(path) >= PATH_MAX) return 0;
    strcpy(absolute, path);
  } else {
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here)) return 0;
    if (snprintf(absolute, PATH_MAX, "%s/%s", here, path) >= PATH_MAX) return 0;
  }
  return inside(absolute);
}

static int path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return inside(path);
}

/* What is about to lose its last name stays in the grave: the cut may have to bring the name back. */
static void bury(const char *path, unsigned long inode) {
  char tomb[PATH_MAX + 32];
  snprintf(tomb, sizeof tomb, "%s/%lu", grave, inode);
  if (NEXT(link)(path, tomb) != 0 && errno != EEXIST) abort();
}

/* Call with the lock held: the file has this name from now on, or had it before it was first seen. */
static void named(unsigned long inode, const char *path) {
  operations++;
  learn(inode);
  note("C %lu %s\n", inode, path);
}

/* Call with the lock held, after the file was opened; `before` is what stat found under the path. */
static void opened(int fd, const char *path, int existed, const struct stat *before, int truncates) {
  struct stat now;
  int saved = errno;
  if (fd >= 0 && fstat(fd, &now) == 0 && S_ISREG(now.st_mode)) {
    unsigned long inode = (unsigned long)now.st_ino;
    if (!existed || !knows(inode)) named(inode, path);
    if (existed && truncates && before->st_size > 0) note("T %lu 0\n", inode);
  }
  errno = saved;
}

static int open_watched(int (*next)(const char *, int, ...), const char *path, int flags, mode_t mode) {
  char absolute[PATH_MAX];
  if (!(flags & (O_CREAT | O_TRUNC)) || !resolve(path, absolute)) return next(path, flags, mode);
  struct stat before;
  pthread_mutex_lock(&lock);
  int existed = stat(absolute, &before) == 0;
  int fd = next(path, flags, mode);
  opened(fd, absolute, existed, &before, flags & O_TRUNC);
  pthread_mutex_unlock(&lock);
  return fd;
}

#define MODE_OF(flags, mode)                            \
  do {                                                  \
    if ((flags) & (O_CREAT | O_TMPFILE)) {              \
      va_list values;                                   \
      va_start(values, flags);                          \
      mode = (mode_t)va_arg(values, int);               \
      va_end(values);                                   \
    }                                                   \
  } while (0)

int open(const char *path, int flags, ...) {
  mode_t mode = 0;
  MODE_OF(flags, mode);
  return open_watched(NEXT(open), path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  mode_t mode = 0;
  MODE_OF(flags, mode);
  return open_watched(NEXT(open64), path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
  mode_t mode = 0;
  MODE_OF(flags, mode);
  if (at == AT_FDCWD || path[0] == '/') return open_watched(NEXT(open), path, flags, mode);
  return NEXT(openat)(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
  mode_t mode = 0;
  MODE_OF(flags, mode);
  if (at == AT_FDCWD || path[0] == '/') return open_watched(NEXT(open64), path, flags, mode);
  return NEXT(openat64)(at, path, flags, mode);
}

static FILE *fopen_watched(FILE *(*next)(const char *, const char *), const char *path, const char *mode) {
  char absolute[PATH_MAX];
  if (mode[0] == 'r' || !resolve(path, absolute)) return next(path, mode);
  struct stat before;
  pthread_mutex_lock(&lock);
  int existed = stat(absolute, &before) == 0;
  FILE *file = next(path, mode);
  opened(file ? fileno(file) : -1, absolute, existed, &before, mode[0] == 'w');
  pthread_mutex_unlock(&lock);
  return file;
}

FILE *fopen(const char *path, const char *mode) { return fopen_watched(NEXT(fopen), path, mode); }
FILE *fopen64(const char *path, const char *mode) { return fopen_watched(NEXT(fopen64), path, mode); }

int rename(const char *from, const char *to) {
  char old_path[PATH_MAX], new_path[PATH_MAX];
  if (!resolve(from, old_path) || !resolve(to, new_path)) return NEXT(rename)(from, to);
  struct stat file, replaced;
  pthread_mutex_lock(&lock);
  int regular = stat(old_path, &file) == 0 && S_ISREG(file.st_mode);
  if (regular && stat(new_path, &replaced) == 0 && replaced.st_ino != file.st_ino) bury(new_path, (unsigned long)replaced.st_ino);
  int result = NEXT(rename)(from, to);
  int saved = errno;
  if (result == 0 && regular) {
    if (!knows((unsigned long)file.st_ino)) named((unsigned long)file.st_ino, old_path);
    operations++;
    note("R %lu %s\t%s\n", (unsigned long)file.st_ino, old_path, new_path);
  }
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}

int unlink(const char *path) {
  char absolute[PATH_MAX];
  if (!resolve(path, absolute)) return NEXT(unlink)(path);
  struct stat file;
  pthread_mutex_lock(&lock);
  int regular = lstat(absolute, &file) == 0 && S_ISREG(file.st_mode);
  if (regular) bury(absolute, (unsigned long)file.st_ino);
  int result = NEXT(unlink)(path);
  int saved = errno;
  if (result == 0 && regular) {
    if (!knows((unsigned long)file.st_ino)) named((unsigned long)file.st_ino, absolute);
    operations++;
    note("U %lu %s\n", (unsigned long)file.st_ino, absolute);
  }
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}

int link(const char *from, const char *to) {
  char absolute[PATH_MAX];
  if (!resolve(to, absolute)) return NEXT(link)(from, to);
  struct stat file;
  pthread_mutex_lock(&lock);
  int result = NEXT(link)(from, to);
  int saved = errno;
  if (result == 0 && lstat(absolute, &file) == 0 && S_ISREG(file.st_mode)) named((unsigned long)file.st_ino, absolute);
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}

int unlinkat(int at, const char *path, int flags) {
  if (flags == 0 && (at == AT_FDCWD || path[0] == '/')) return unlink(path);
  return NEXT(unlinkat)(at, path, flags);
}

static int truncate_watched(int (*next)(int, off64_t), int fd, off64_t length) {
  char path[PATH_MAX];
  struct stat file;
  int result = next(fd, length);
  int saved = errno;
  if (result == 0 && record_fd >= 0 && path_of(fd, path) && fstat(fd, &file) == 0) {
    pthread_mutex_lock(&lock);
    if (!knows((unsigned long)file.st_ino)) named((unsigned long)file.st_ino, path);
    note("T %lu %ld\n", (unsigned long)file.st_ino, (long)length);
    pthread_mutex_unlock(&lock);
  }
  errno = saved;
  return result;
}

int ftruncate(int fd, off_t length) { return truncate_watched((int (*)(int, off64_t))NEXT(ftruncate), fd, length); }
int ftruncate64(int fd, off64_t length) { return truncate_watched(NEXT(ftruncate64), fd, length); }

static int sync_watched(int (*next)(int), int fd) {
  char path[PATH_MAX];
  struct stat file;
  if (record_fd < 0 || !path_of(fd, path) || fstat(fd, &file) != 0) return next(fd);
  pthread_mutex_lock(&lock);
  if (S_ISREG(file.st_mode) && !knows((unsigned long)file.st_ino)) named((unsigned long)file.st_ino, path);
  long before = operations;
  pthread_mutex_unlock(&lock);
  int result = next(fd);
  int saved = errno;
  if (result == 0) {
    if (S_ISDIR(file.st_mode)) note("D %lu %ld\n", (unsigned long)file.st_ino, before);
    else note("S %lu %ld %ld\n", (unsigned long)file.st_ino, (long)file.st_size, before);
  }
  errno = saved;
  return result;
}

int fsync(int fd) { return sync_watched(NEXT(fsync), fd); }
int fdatasync(int fd) { return sync_watched(NEXT(fdatasync), fd); }
