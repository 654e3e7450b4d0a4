/* A file layer under test: fails the n-th write, rename, sync or creation below a folder, or ends the process there.
 *
 * Preloaded into the process that runs commands, so that native writers (safetensors, FFmpeg, numpy's C files) pass through it
 * as Python does. Every event is written to a journal, from which it is known what was synced: "W path", "S path", "R from to".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE, RENAME, SYNC, CREATE, KINDS };
enum { ONCE, FROM_THEN_ON, END, VANISH };

static char root[PATH_MAX];
static size_t root_length;
static int journal = -1, armed_kind = -1, armed_errno, armed_mode;
static atomic_long nth, seen[KINDS];

static void note(const char *text, size_t length) {
  if (journal >= 0) syscall(SYS_write, journal, text, length);
}

static void journal_line(char what, const char *a, const char *b) {
  char line[2 * PATH_MAX + 8];
  int length = b ? snprintf(line, sizeof line, "%c %s\t%s\n", what, a, b) : snprintf(line, sizeof line, "%c %s\n", what, a);
  note(line, (size_t)length);
}

static int below(const char *path) {
  return root_length && strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

static int path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return below(path);
}

static int absolute(int folder, const char *path, char *whole) {
  if (path[0] == '/') {
    snprintf(whole, PATH_MAX, "%s", path);
  } else if (folder == AT_FDCWD) {
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here)) return 0;
    if (snprintf(whole, PATH_MAX, "%s/%s", here, path) >= PATH_MAX) return 0;
  } else {
    char base[PATH_MAX];
    path_of(folder, base);
    if (snprintf(whole, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return 0;
  }
  return below(whole);
}

/* Somebody else removes the output while the command runs. */
static void vanish(void) {
  static const char *names[] = {"out", ".out.partial", "boards"};
  for (int i = 0; i < 3; i++) {
    char from[PATH_MAX + 64], to[PATH_MAX + 64];
    snprintf(from, sizeof from, "%s/%s", root, names[i]);
    snprintf(to, sizeof to, "%s/tmp/gone-%s", root, names[i]);
    syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  }
}

/* Count an event; 1 if it is the one to fail, 2 if the process ends after it. */
static int due(int kind) {
  long number = atomic_fetch_add(&seen[kind], 1) + 1;
  if (kind != armed_kind) return 0;
  if (armed_mode == VANISH) {
    if (number == nth) vanish();
    return 0;
  }
  if (armed_mode == END) return number == nth ? 2 : 0;
  return armed_mode == ONCE ? number == nth : number >= nth;
}

static int fails(int kind) {
  if (due(kind) != 1) return 0;
  errno = armed_errno;
  return 1;
}

void layer_arm(const char *folder, int kind, long n, int error, int mode, const char *journal_path) {
  snprintf(root, sizeof root, "%s", folder);
  root_length = strlen(root);
  armed_kind = kind, armed_errno = error, armed_mode = mode;
  nth = n;
  for (int i = 0; i < KINDS; i++) seen[i] = 0;
  journal = (int)syscall(SYS_openat, AT_FDCWD, journal_path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
}

long layer_seen(int kind) { return seen[kind]; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define ONCE_REAL(name) static __typeof__(&name) real; if (!real) real = REAL(name)

static int write_fails(int fd) {
  char path[PATH_MAX];
  struct stat about;
  if (!root_length || fstat(fd, &about) || !S_ISREG(about.st_mode) || !path_of(fd, path)) return 0;
  if (fails(WRITE)) return 1;
  journal_line('W', path, NULL);
  return 0;
}

ssize_t write(int fd, const void *data, size_t size) {
  ONCE_REAL(write);
  return write_fails(fd) ? -1 : real(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  ONCE_REAL(pwrite);
  return write_fails(fd) ? -1 : real(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  ONCE_REAL(pwrite64);
  return write_fails(fd) ? -1 : real(fd, data, size, at);
}
ssize_t writev(int fd, const struct iovec *data, int count) {
  ONCE_REAL(writev);
  return write_fails(fd) ? -1 : real(fd, data, count);
}
size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
  ONCE_REAL(fwrite);
  return write_fails(fileno(file)) ? 0 : real(data, size, count, file);
}
ssize_t sendfile(int out, int in, off_t *at, size_t count) {
  ONCE_REAL(sendfile);
  return write_fails(out) ? -1 : real(out, in, at, count);
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t count) {
  static ssize_t (*real)(int, int, off64_t *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "sendfile64");
  return write_fails(out) ? -1 : real(out, in, at, count);
}
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t size, unsigned flags) {
  ONCE_REAL(copy_file_range);
  return write_fails(out) ? -1 : real(in, in_at, out, out_at, size, flags);
}
int ftruncate(int fd, off_t size) {
  ONCE_REAL(ftruncate);
  return write_fails(fd) ? -1 : real(fd, size);
}

static int renamed(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  char a[PATH_MAX], b[PATH_MAX];
  int is_below = absolute(from_folder, from, a) | absolute(to_folder, to, b);
  int what = is_below && root_length ? due(RENAME) : 0;
  if (what == 1) {
    errno = armed_errno;
    return -1;
  }
  int done = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
  if (done == 0 && is_below && root_length) journal_line('R', a, b);
  if (what == 2) _exit(137);
  return done;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return renamed(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return renamed(a, from, b, to, flags); }

static int synced(int fd, int (*real)(int)) {
  char path[PATH_MAX];
  int counts = root_length && path_of(fd, path);
  if (counts && fails(SYNC)) return -1;
  int done = real(fd);
  if (counts && done == 0) journal_line('S', path, NULL);
  return done;
}
int fsync(int fd) {
  ONCE_REAL(fsync);
  return synced(fd, real);
}
int fdatasync(int fd) {
  ONCE_REAL(fdatasync);
  return synced(fd, real);
}

static int creation_fails(int folder, const char *path, int flags) {
  char whole[PATH_MAX];
  if (!root_length || !(flags & O_CREAT) || !absolute(folder, path, whole)) return 0;
  if (syscall(SYS_faccessat, AT_FDCWD, whole, F_OK) == 0) return 0; /* it is there, so it takes no new entry */
  return fails(CREATE);
}

#define OPEN(name, first, folder, ...)                                     \
  int name(first const char *path, int flags, ...) {                       \
    ONCE_REAL(name);                                                       \
    mode_t mode = 0;                                                       \
    if (flags & (O_CREAT | O_TMPFILE)) {                                   \
      va_list rest;                                                        \
      va_start(rest, flags);                                               \
      mode = va_arg(rest, mode_t);                                         \
      va_end(rest);                                                        \
    }                                                                      \
    return creation_fails(folder, path, flags) ? -1 : real(__VA_ARGS__ path, flags, mode); \
  }
OPEN(open, , AT_FDCWD, )
OPEN(open64, , AT_FDCWD, )
#define COMMA ,
OPEN(openat, int at COMMA, at, at COMMA)
OPEN(openat64, int at COMMA, at, at COMMA)

static int folder_fails(int at, const char *path) {
  return creation_fails(at, path, O_CREAT);
}
int mkdir(const char *path, mode_t mode) {
  ONCE_REAL(mkdir);
  return folder_fails(AT_FDCWD, path) ? -1 : real(path, mode);
}
int mkdirat(int at, const char *path, mode_t mode) {
  ONCE_REAL(mkdirat);
  return folder_fails(at, path) ? -1 : real(at, path, mode);
}
