/*
 * A file system that forgets what was not synced, as a library that is loaded before libc (LD_PRELOAD).
 *
 * Below the directory $FLOE_POWER_LIVE everything happens as always. Beside it, $FLOE_POWER_DURABLE receives what a
 * power failure would leave: a file's bytes when it is synced (fsync, fdatasync, a write to a descriptor opened with
 * O_SYNC or O_DSYNC), a directory's names when the directory is synced. A synced file brings its own name with it, as
 * on ext4; a rename or removal waits for its directory. After SIGKILL, which spares the page cache and so the live
 * directory, the durable one shows what was really safe.
 *
 * Written ranges are remembered per inode and copied on sync; memory-mapped writes are not seen (none of the programs
 * under test makes any). One lock covers all of it: this measures promises, not speed.
 */
#define _GNU_SOURCE
#include <dirent.h>
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
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(ret, name, ...)                                                   \
  static ret (*real_##name)(__VA_ARGS__);                                      \
  if (!real_##name) real_##name = (ret (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

struct range {
  off_t from, to;
  struct range *next;
};

struct dirty {
  dev_t device;
  ino_t inode;
  /* Where its synced bytes are; empty before the first sync. */
  char synced_at[PATH_MAX];
  struct range *ranges;
  struct dirty *next;
};

struct moved {
  char from[PATH_MAX], to[PATH_MAX];
  struct moved *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct dirty *dirty_files;
static struct moved *moves, **last_move = &moves;
static char live[PATH_MAX], durable[PATH_MAX];
static size_t live_length;

__attribute__((constructor)) static void start(void) {
  const char *live_name = getenv("FLOE_POWER_LIVE"), *durable_name = getenv("FLOE_POWER_DURABLE");
  if (!live_name || !durable_name || !realpath(live_name, live) || !realpath(durable_name, durable)) {
    fprintf(stderr, "power-loss: FLOE_POWER_LIVE and FLOE_POWER_DURABLE must name directories\n");
    abort();
  }
  live_length = strlen(live);
}

/* Where a live path lies in the durable directory; 0 when it is not below the live one. */
static int durable_path(const char *path, char *out) {
  if (strncmp(path, live, live_length) != 0 || (path[live_length] != '/' && path[live_length] != 0)) return 0;
  return snprintf(out, PATH_MAX, "%s%s", durable, path + live_length) < PATH_MAX;
}

static int path_of(int fd, char *out) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, out, PATH_MAX - 1);
  if (size < 0) return 0;
  out[size] = 0;
  return 1;
}

static int absolute(int directory, const char *name, char *out) {
  char base[PATH_MAX];
  if (name[0] == '/') return snprintf(out, PATH_MAX, "%s", name) < PATH_MAX;
  if (directory == AT_FDCWD ? !getcwd(base, sizeof base) : !path_of(directory, base)) return 0;
  return snprintf(out, PATH_MAX, "%s/%s", base, name) < PATH_MAX;
}

static void make_parents(const char *path) {
  char part[PATH_MAX];
  snprintf(part, sizeof part, "%s", path);
  for (char *slash = part + strlen(durable) + 1; (slash = strchr(slash, '/')); slash += 1) {
    *slash = 0;
    mkdir(part, 0777);
    *slash = '/';
  }
}

static struct dirty *dirty_of(const struct stat *info) {
  for (struct dirty *file = dirty_files; file; file = file->next)
    if (file->inode == info->st_ino && file->device == info->st_dev) return file;
  struct dirty *file = calloc(1, sizeof *file);
  file->device = info->st_dev;
  file->inode = info->st_ino;
  file->next = dirty_files;
  dirty_files = file;
  return file;
}

static void copy_range(int from, int to, off_t offset, off_t end) {
  REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
  static char buffer[1 << 16];
  while (offset < end) {
    size_t want = (size_t)(end - offset) < sizeof buffer ? (size_t)(end - offset) : sizeof buffer;
    ssize_t got = pread(from, buffer, want, offset);
    if (got <= 0 || real_pwrite(to, buffer, (size_t)got, offset) != got) return;
    offset += got;
  }
}

/* Applies the renames that lead to `path`, oldest first. */
static void apply_moves(const char *path, int whole_directory) {
  size_t length = strlen(path);
  for (struct moved **at = &moves; *at;) {
    struct moved *move = *at;
    int mine = whole_directory ? strncmp(move->to, path, length) == 0 && move->to[length] == '/' &&
                                     !strchr(move->to + length + 1, '/')
                               : strcmp(move->to, path) == 0;
    if (!mine) {
      at = &move->next;
      continue;
    }
    char from[PATH_MAX], to[PATH_MAX];
    REAL(int, rename, const char *, const char *);
    if (durable_path(move->from, from) && durable_path(move->to, to)) {
      make_parents(to);
      real_rename(from, to);
    }
    *at = move->next;
    if (last_move == &move->next) last_move = at;
    free(move);
  }
}

static void sync_file(int fd, const char *path, const struct stat *info) {
  REAL(int, ftruncate, int, off_t);
  char target[PATH_MAX];
  apply_moves(path, 0);
  if (strstr(path, " (deleted)") || !durable_path(path, target)) return;
  make_parents(target);
  char source[64];
  snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
  int from = open(source, O_RDONLY | O_CLOEXEC);
  int to = open(target, O_RDWR | O_CREAT | O_CLOEXEC, info->st_mode & 0777);
  struct dirty *file = dirty_of(info);
  while (file->ranges) {
    struct range *range = file->ranges;
    file->ranges = range->next;
    if (from >= 0 && to >= 0) copy_range(from, to, range->from, range->to);
    free(range);
  }
  if (to >= 0) real_ftruncate(to, info->st_size);
  snprintf(file->synced_at, sizeof file->synced_at, "%s", target);
  if (from >= 0) close(from);
  if (to >= 0) close(to);
}

static void sync_directory(const char *path) {
  char target[PATH_MAX], entry[PATH_MAX + 300];
  apply_moves(path, 1);
  if (!durable_path(path, target)) return;
  make_parents(target);
  mkdir(target, 0777);
  struct stat info, known;
  struct dirent *item;
  DIR *names = opendir(path);
  while (names && (item = readdir(names))) {
    if (!strcmp(item->d_name, ".") || !strcmp(item->d_name, "..")) continue;
    snprintf(entry, sizeof entry, "%s/%s", path, item->d_name);
    if (stat(entry, &info) != 0) continue;
    snprintf(entry, sizeof entry, "%s/%s", target, item->d_name);
    if (stat(entry, &known) == 0) continue;
    if (S_ISDIR(info.st_mode)) mkdir(entry, 0777);
    /* Another name of a file that was synced under its first one has those bytes. */
    else if (dirty_of(&info)->synced_at[0] && link(dirty_of(&info)->synced_at, entry) == 0) continue;
    else close(open(entry, O_WRONLY | O_CREAT | O_CLOEXEC, info.st_mode & 0777));
  }
  if (names) closedir(names);
  names = opendir(target);
  REAL(int, unlink, const char *);
  while (names && (item = readdir(names))) {
    if (!strcmp(item->d_name, ".") || !strcmp(item->d_name, "..")) continue;
    snprintf(entry, sizeof entry, "%s/%s", path, item->d_name);
    if (stat(entry, &info) == 0) continue;
    snprintf(entry, sizeof entry, "%s/%s", target, item->d_name);
    if (real_unlink(entry) != 0) rmdir(entry);
  }
  if (names) closedir(names);
}

static int do_sync(int fd, int result) {
  struct stat info;
  char path[PATH_MAX], target[PATH_MAX];
  int saved = errno;
  if (result == 0 && fstat(fd, &info) == 0 && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) &&
      path_of(fd, path) && durable_path(path, target)) {
    pthread_mutex_lock(&lock);
    if (S_ISDIR(info.st_mode)) sync_directory(path);
    else sync_file(fd, path, &info);
    pthread_mutex_unlock(&lock);
  }
  errno = saved;
  return result;
}

int fsync(int fd) {
  REAL(int, fsync, int);
  return do_sync(fd, real_fsync(fd));
}

int fdatasync(int fd) {
  REAL(int, fdatasync, int);
  return do_sync(fd, real_fdatasync(fd));
}

/* Remembers what was written; copies it at once when the descriptor is a synchronous one. */
static ssize_t wrote(int fd, off_t offset, ssize_t size) {
  struct stat info;
  char path[PATH_MAX], target[PATH_MAX];
  int saved = errno;
  if (size > 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && path_of(fd, path) && durable_path(path, target)) {
    pthread_mutex_lock(&lock);
    struct dirty *file = dirty_of(&info);
    if (file->ranges && file->ranges->to == offset) file->ranges->to += size;
    else {
      struct range *range = malloc(sizeof *range);
      *range = (struct range){offset, offset + size, file->ranges};
      file->ranges = range;
    }
    if (fcntl(fd, F_GETFL) & (O_DSYNC | O_SYNC)) sync_file(fd, path, &info);
    pthread_mutex_unlock(&lock);
  }
  errno = saved;
  return size;
}

static off_t position(int fd) { return lseek(fd, 0, SEEK_CUR); }

ssize_t write(int fd, const void *bytes, size_t size) {
  REAL(ssize_t, write, int, const void *, size_t);
  ssize_t done = real_write(fd, bytes, size);
  return done > 0 ? wrote(fd, position(fd) - done, done) : done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, writev, int, const struct iovec *, int);
  ssize_t done = real_writev(fd, parts, count);
  return done > 0 ? wrote(fd, position(fd) - done, done) : done;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
  REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
  return wrote(fd, offset, real_pwrite(fd, bytes, size, offset));
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset) {
  REAL(ssize_t, pwrite64, int, const void *, size_t, off_t);
  return wrote(fd, offset, real_pwrite64(fd, bytes, size, offset));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t);
  return wrote(fd, offset, real_pwritev(fd, parts, count, offset));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) {
  REAL(ssize_t, pwritev64, int, const struct iovec *, int, off_t);
  return wrote(fd, offset, real_pwritev64(fd, parts, count, offset));
}

static void remember_move(int from_directory, const char *from, int to_directory, const char *to) {
  struct moved *move = calloc(1, sizeof *move);
  char target[PATH_MAX];
  if (!absolute(from_directory, from, move->from) || !absolute(to_directory, to, move->to) ||
      !durable_path(move->to, target)) {
    free(move);
    return;
  }
  pthread_mutex_lock(&lock);
  *last_move = move;
  last_move = &move->next;
  pthread_mutex_unlock(&lock);
}

int rename(const char *from, const char *to) {
  REAL(int, rename, const char *, const char *);
  int result = real_rename(from, to);
  if (result == 0) remember_move(AT_FDCWD, from, AT_FDCWD, to);
  return result;
}

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
  REAL(int, renameat, int, const char *, int, const char *);
  int result = real_renameat(from_directory, from, to_directory, to);
  if (result == 0) remember_move(from_directory, from, to_directory, to);
  return result;
}
