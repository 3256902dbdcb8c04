/* Preloaded into every process of a run (LD_PRELOAD): appends each change below one folder to a log.

   A record is written while the call is made under a lock that all processes share, so the log has the order in
   which the file system saw the calls. What a plugin does in its own view of the file system is recorded without the
   lock, after the call: the agent may hold a plugin's call back (fanotify) until it has made calls of its own.

   Environment: POWER_LOG      the log
                POWER_ROOT     the folder, absolute, without links
                POWER_ALIAS    optional, NAME=FOLDER: what a plugin sees as NAME is this folder below the root

   A record: struct head, then `path_size`, `other_size` and `data_size` bytes. `operations.py` reads them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FICLONE 0x40049409
#define FICLONERANGE 0x4020940d
#define SAID_BYTES 4096
#define PATH_BYTES 8192

struct head {
    uint32_t kind, pid;
    uint64_t inode;
    int64_t offset;
    uint32_t path_size, other_size, data_size, spare;
};

static int log_fd = -1, lock_fd = -1, in_plugin;
static char root[PATH_BYTES], alias[PATH_BYTES], alias_target[PATH_BYTES];
static size_t root_size, alias_size;
static dev_t root_device; /* another file system may be mounted below the root, in a view of its own */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

static long (*kernel(void))(long, ...) {
    static long (*found)(long, ...);
    return found ? found : (found = real("syscall"));
}

#define REAL(name) ((__typeof__(&name))real(#name))
#define CALL(...) (kernel()(__VA_ARGS__))

/* ------------------------------------------------------------ start, lock, log */

static void before_fork(void) { pthread_mutex_lock(&mutex); }
static void after_fork(void) { pthread_mutex_unlock(&mutex); }

__attribute__((constructor)) static void start(void) {
    const char *log = getenv("POWER_LOG"), *folder = getenv("POWER_ROOT"), *other = getenv("POWER_ALIAS"), *equals;
    struct stat status;
    if (!log || !folder || stat(folder, &status) < 0) return;
    root_device = status.st_dev;
    root_size = strlen(folder);
    memcpy(root, folder, root_size + 1);
    if (other && (equals = strchr(other, '='))) {
        alias_size = equals - other;
        memcpy(alias, other, alias_size);
        strcpy(alias_target, equals + 1);
        in_plugin = stat(alias, &status) == 0;
    }
    int fd = CALL(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    if (fd < 0) return;
    log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 500); /* out of the way of programs that count their descriptors */
    lock_fd = fcntl(fd, F_DUPFD_CLOEXEC, 500);
    CALL(SYS_close, fd);
    pthread_atfork(before_fork, after_fork, after_fork);
}

/* A record lock belongs to the process and ends with it; the mutex keeps its threads apart. */
static void hold(void) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    pthread_mutex_lock(&mutex);
    while (fcntl(lock_fd, F_SETLKW, &whole) < 0 && errno == EINTR) {}
}

static void let_go(void) {
    struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    fcntl(lock_fd, F_SETLK, &whole);
    pthread_mutex_unlock(&mutex);
}

static void append(char kind, uint64_t inode, int64_t offset, const char *path, const char *other, const void *data,
                   size_t size) {
    int before = errno;
    struct head head = {.kind = kind, .pid = getpid(), .inode = inode, .offset = offset,
                        .path_size = path ? strlen(path) : 0, .other_size = other ? strlen(other) : 0,
                        .data_size = size};
    size_t total = sizeof head + head.path_size + head.other_size + size;
    char *record = malloc(total), *end = record;
    memcpy(end, &head, sizeof head);
    end += sizeof head;
    if (path) end = mempcpy(end, path, head.path_size);
    if (other) end = mempcpy(end, other, head.other_size);
    if (size) memcpy(end, data, size);
    if (CALL(SYS_write, log_fd, record, total) != (ssize_t)total) abort(); /* a log with a gap proves nothing */
    free(record);
    errno = before;
}

/* ------------------------------------------------------------ which file is meant */

static int inside(const char *path) {
    return strncmp(path, root, root_size) == 0 && (path[root_size] == '/' || path[root_size] == 0);
}

/* Removes "//", "/./" and "/x/.." in place. */
static void normalise(char *path) {
    char *out = path, *in = path;
    while (*in) {
        while (*in == '/') in++;
        size_t size = strcspn(in, "/");
        if (size == 0) break;
        if (size == 2 && in[0] == '.' && in[1] == '.') {
            while (out > path && *--out != '/') {}
        } else if (!(size == 1 && in[0] == '.')) {
            *out++ = '/';
            memmove(out, in, size);
            out += size;
        }
        in += size;
    }
    *out = 0;
}

static void unalias(char *path) {
    if (alias_size && strncmp(path, alias, alias_size) == 0 && (path[alias_size] == '/' || path[alias_size] == 0)) {
        char rest[PATH_BYTES];
        strcpy(rest, path + alias_size);
        snprintf(path, PATH_BYTES, "%s%s", alias_target, rest);
    }
}

static int path_of(int fd, char *out) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(name, out, PATH_BYTES - 1);
    if (size < 0) return 0;
    out[size] = 0;
    unalias(out);
    return inside(out);
}

static int open_on_device(int fd) { /* what is open, whatever file system its name under /proc belongs to */
    struct stat status;
    int before = errno, found = fstat(fd, &status) == 0 && status.st_dev == root_device;
    errno = before;
    return found;
}

static int on_device(int dirfd, const char *name) {
    char parent[PATH_BYTES];
    struct stat status;
    const char *slash = strrchr(name, '/');
    size_t size = slash ? (size_t)(slash - name) + 1 : 0;
    if (size >= sizeof parent - 1) return 0;
    memcpy(parent, name, size);
    strcpy(parent + size, ".");
    return fstatat(dirfd, parent, &status, 0) == 0 && status.st_dev == root_device;
}

/* The absolute path of a name; whether it lies below the root. */
static int resolve(int dirfd, const char *name, char *out) {
    char joined[2 * PATH_BYTES];
    int fd, used = 0;
    if (log_fd < 0 || !name) return 0;
    if (sscanf(name, "/proc/self/fd/%d%n", &fd, &used) == 1 && (name[used] == '/' || name[used] == 0)) {
        if (name[used] == 0) return path_of(fd, out) && open_on_device(fd);
        path_of(fd, out);
        snprintf(joined, sizeof joined, "%s%s", out, name + used);
    } else if (name[0] == '/') {
        snprintf(joined, sizeof joined, "%s", name);
    } else {
        if (dirfd == AT_FDCWD) {
            if (!getcwd(out, PATH_BYTES)) return 0;
        } else {
            path_of(dirfd, out);
        }
        snprintf(joined, sizeof joined, "%s/%s", out, name);
    }
    if (strlen(joined) >= PATH_BYTES) return 0;
    strcpy(out, joined);
    normalise(out);
    unalias(out);
    if (!inside(out)) return 0;
    int before = errno, found = on_device(dirfd, name);
    errno = before;
    return found;
}

/* A regular file or folder below the root that this descriptor is open on. */
static int known(int fd, struct stat *status) {
    char path[PATH_BYTES];
    int before = errno, found;
    if (log_fd < 0) return 0;
    found = fstat(fd, status) == 0 && (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode)) &&
            status->st_dev == root_device && path_of(fd, path);
    errno = before;
    return found;
}

static uint64_t inode_at(int dirfd, const char *name) {
    struct stat status;
    int before = errno;
    uint64_t inode = fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
    errno = before;
    return inode;
}

/* What a file holds now, for changes whose bytes did not pass through here. */
static void append_content(const char *name, uint64_t inode, int64_t offset, int64_t size) {
    char piece[65536];
    int before = errno, fd = CALL(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
    while (fd >= 0 && size != 0) {
        ssize_t got = pread(fd, piece, size > 0 && size < (int64_t)sizeof piece ? (size_t)size : sizeof piece, offset);
        if (got <= 0) break;
        append('W', inode, offset, 0, 0, piece, got);
        offset += got;
        if (size > 0) size -= got;
    }
    if (fd >= 0) CALL(SYS_close, fd);
    errno = before;
}

static void append_range(int fd, uint64_t inode, int64_t offset, int64_t size) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    append_content(name, inode, offset, size);
}

/* ------------------------------------------------------------ opening and making */

/* `how`: for openat2, whose other arguments it repeats. */
static int open_it(int dirfd, const char *name, int flags, mode_t mode, const struct open_how *how) {
    char path[PATH_BYTES];
    struct stat status;
    int unnamed = (flags & O_TMPFILE) == O_TMPFILE;
    int changes = (flags & (O_CREAT | O_TRUNC)) || unnamed;
    int watched = changes && resolve(dirfd, name, path), existed = 0;
    if (watched && !in_plugin) hold();
    if (watched && !unnamed) existed = fstatat(dirfd, name, &status, 0) == 0;
    int fd = how ? CALL(SYS_openat2, dirfd, name, how, sizeof *how) : CALL(SYS_openat, dirfd, name, flags, mode);
    if (watched) {
        int before = errno;
        if (fd >= 0 && in_plugin) hold();
        if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
            if (unnamed || !existed) append('C', status.st_ino, 0, unnamed ? "" : path, 0, 0, 0);
            else if (flags & O_TRUNC) append('T', status.st_ino, 0, 0, 0, 0, 0);
        }
        if (fd >= 0 || !in_plugin) let_go();
        errno = before;
    }
    return fd;
}

#define MODE_OF(flags, last) \
    mode_t mode = 0; \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list more; va_start(more, last); mode = va_arg(more, int); va_end(more); \
    }

int open(const char *name, int flags, ...) { MODE_OF(flags, flags) return open_it(AT_FDCWD, name, flags, mode, 0); }
int open64(const char *name, int flags, ...) { MODE_OF(flags, flags) return open_it(AT_FDCWD, name, flags, mode, 0); }
int openat(int dirfd, const char *name, int flags, ...) { MODE_OF(flags, flags) return open_it(dirfd, name, flags, mode, 0); }
int openat64(int dirfd, const char *name, int flags, ...) { MODE_OF(flags, flags) return open_it(dirfd, name, flags, mode, 0); }
int __open_2(const char *name, int flags) { return open_it(AT_FDCWD, name, flags, 0, 0); }
int __open64_2(const char *name, int flags) { return open_it(AT_FDCWD, name, flags, 0, 0); }
int __openat_2(int dirfd, const char *name, int flags) { return open_it(dirfd, name, flags, 0, 0); }
int __openat64_2(int dirfd, const char *name, int flags) { return open_it(dirfd, name, flags, 0, 0); }
int creat(const char *name, mode_t mode) { return open_it(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode, 0); }
int creat64(const char *name, mode_t mode) { return open_it(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode, 0); }

/* Makes `call` and appends a record about the name when it succeeded. */
#define NAMED(dirfd, name, call, record) \
    char path[PATH_BYTES]; \
    int watched = resolve(dirfd, name, path); \
    if (watched && !in_plugin) hold(); \
    int result = call; \
    if (watched) { \
        int before = errno; \
        if (in_plugin) hold(); \
        if (result == 0) record; \
        let_go(); \
        errno = before; \
    } \
    return result;

int mkdirat(int dirfd, const char *name, mode_t mode) {
    NAMED(dirfd, name, CALL(SYS_mkdirat, dirfd, name, mode), append('D', inode_at(dirfd, name), 0, path, 0, 0, 0))
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int symlinkat(const char *target, int dirfd, const char *name) {
    NAMED(dirfd, name, CALL(SYS_symlinkat, target, dirfd, name),
          append('S', inode_at(dirfd, name), 0, path, target, 0, 0))
}
int symlink(const char *target, const char *name) { return symlinkat(target, AT_FDCWD, name); }

int unlinkat(int dirfd, const char *name, int flags) {
    NAMED(dirfd, name, CALL(SYS_unlinkat, dirfd, name, flags), append('U', 0, 0, path, 0, 0, 0))
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
int remove(const char *name) {
    int before = errno;
    if (unlink(name) == 0) return 0;
    if (errno != EISDIR && errno != EPERM) return -1;
    errno = before;
    return rmdir(name);
}

/* ------------------------------------------------------------ links and renames */

/* A name below the root for a file that came from elsewhere, with what it holds. */
static void append_newcomer(int dirfd, const char *name, const char *path) {
    struct stat status;
    if (fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
    append(S_ISDIR(status.st_mode) ? 'D' : 'C', status.st_ino, 0, path, 0, 0, 0);
    if (S_ISREG(status.st_mode)) append_content(path, status.st_ino, 0, -1);
}

int renameat2(int from, const char *name, int to, const char *other, unsigned int flags) {
    char old[PATH_BYTES], new[PATH_BYTES];
    int was_in = resolve(from, name, old), is_in = resolve(to, other, new), watched = was_in || is_in;
    if (watched && !in_plugin) hold();
    int result = CALL(SYS_renameat2, from, name, to, other, flags);
    if (watched) {
        int before = errno;
        if (in_plugin) hold();
        if (result == 0) {
            if (was_in && is_in) append('R', inode_at(to, other), flags, old, new, 0, 0);
            else if (was_in) append('U', 0, 0, old, 0, 0, 0);
            else append_newcomer(to, other, new);
        }
        let_go();
        errno = before;
    }
    return result;
}
int renameat(int from, const char *name, int to, const char *other) { return renameat2(from, name, to, other, 0); }
int rename(const char *name, const char *other) { return renameat2(AT_FDCWD, name, AT_FDCWD, other, 0); }

int linkat(int from, const char *name, int to, const char *other, int flags) {
    char old[PATH_BYTES], new[PATH_BYTES];
    int was_in = name[0] == 0 && flags & AT_EMPTY_PATH ? path_of(from, old) : resolve(from, name, old);
    int is_in = resolve(to, other, new);
    if (is_in && !in_plugin) hold();
    int result = CALL(SYS_linkat, from, name, to, other, flags);
    if (is_in) {
        int before = errno;
        if (in_plugin) hold();
        if (result == 0) {
            if (was_in) append('L', inode_at(to, other), 0, old, new, 0, 0);
            else append_newcomer(to, other, new);
        }
        let_go();
        errno = before;
    }
    return result;
}
int link(const char *name, const char *other) { return linkat(AT_FDCWD, name, AT_FDCWD, other, 0); }

/* ------------------------------------------------------------ bytes */

/* Output that somebody reads: whatever it says is acknowledged from here on, so it is noted before it is said. */
static void said(int fd, const struct iovec *pieces, int count) {
    char text[SAID_BYTES];
    size_t size = 0;
    if (log_fd < 0 || in_plugin) return;
    for (int i = 0; i < count && size < sizeof text; i++) {
        size_t more = pieces[i].iov_len < sizeof text - size ? pieces[i].iov_len : sizeof text - size;
        memcpy(text + size, pieces[i].iov_base, more);
        size += more;
    }
    hold();
    append('M', fd, 0, 0, 0, text, size);
    let_go();
}

/* Writes through `call`; `place` is the offset, -1: wherever the descriptor stands. */
#define WRITTEN(fd, place, pieces, count, call) \
    struct stat status; \
    int watched = known(fd, &status); \
    if (!watched && (fd == 1 || fd == 2) && place < 0) said(fd, pieces, count); \
    if (watched && !in_plugin) hold(); \
    ssize_t result = call; \
    if (watched) { \
        int before = errno; \
        if (in_plugin) hold(); \
        if (result > 0) { \
            int64_t at = place < 0 ? lseek(fd, 0, SEEK_CUR) - result : place; \
            size_t left = result; \
            for (int i = 0; i < count && left; i++) { \
                size_t size = pieces[i].iov_len < left ? pieces[i].iov_len : left; \
                append('W', status.st_ino, at, 0, 0, pieces[i].iov_base, size); \
                at += size; \
                left -= size; \
            } \
        } \
        let_go(); \
        errno = before; \
    } \
    return result;

ssize_t write(int fd, const void *data, size_t size) {
    struct iovec piece = {(void *)data, size}, *pieces = &piece;
    WRITTEN(fd, (off_t)-1, pieces, 1, CALL(SYS_write, fd, data, size))
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    struct iovec piece = {(void *)data, size}, *pieces = &piece;
    WRITTEN(fd, offset, pieces, 1, CALL(SYS_pwrite64, fd, data, size, offset))
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }
ssize_t writev(int fd, const struct iovec *pieces, int count) {
    WRITTEN(fd, (off_t)-1, pieces, count, CALL(SYS_writev, fd, pieces, count))
}
ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t offset) {
    WRITTEN(fd, offset, pieces, count, REAL(pwritev64)(fd, pieces, count, offset))
}
ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset) { return pwritev64(fd, pieces, count, offset); }
ssize_t pwritev64v2(int fd, const struct iovec *pieces, int count, off64_t offset, int flags) {
    WRITTEN(fd, offset, pieces, count, REAL(pwritev64v2)(fd, pieces, count, offset, flags))
}
ssize_t pwritev2(int fd, const struct iovec *pieces, int count, off_t offset, int flags) {
    return pwritev64v2(fd, pieces, count, offset, flags);
}

/* Answers of a server go out here. */
ssize_t send(int fd, const void *data, size_t size, int flags) {
    struct iovec piece = {(void *)data, size};
    said(fd, &piece, 1);
    return CALL(SYS_sendto, fd, data, size, flags, 0, 0);
}

#define RESIZED(fd, call, size) \
    struct stat status; \
    int watched = known(fd, &status); \
    if (watched && !in_plugin) hold(); \
    int result = call; \
    if (watched) { \
        int before = errno; \
        if (in_plugin) hold(); \
        if (result == 0) append('T', status.st_ino, size, 0, 0, 0, 0); \
        let_go(); \
        errno = before; \
    } \
    return result;

int ftruncate64(int fd, off64_t size) { RESIZED(fd, CALL(SYS_ftruncate, fd, size), size) }
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
int truncate64(const char *name, off64_t size) {
    NAMED(AT_FDCWD, name, CALL(SYS_truncate, name, size), append('T', inode_at(AT_FDCWD, name), size, 0, 0, 0, 0))
}
int truncate(const char *name, off_t size) { return truncate64(name, size); }

static int64_t grown(int fd, int64_t end) {
    struct stat status;
    return fstat(fd, &status) == 0 && status.st_size > end ? status.st_size : end;
}
int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
    if (mode != 0) return CALL(SYS_fallocate, fd, mode, offset, size);
    RESIZED(fd, CALL(SYS_fallocate, fd, mode, offset, size), grown(fd, offset + size))
}
int fallocate(int fd, int mode, off_t offset, off_t size) { return fallocate64(fd, mode, offset, size); }
int posix_fallocate64(int fd, off64_t offset, off64_t size) { return fallocate64(fd, 0, offset, size) == 0 ? 0 : errno; }
int posix_fallocate(int fd, off_t offset, off_t size) { return posix_fallocate64(fd, offset, size); }

/* Copies made by the kernel: `call` moves bytes to `fd`, at `place` or where it stands. */
#define COPIED(fd, place, call) \
    struct stat status; \
    int watched = known(fd, &status); \
    if (watched && !in_plugin) hold(); \
    int64_t at = place; \
    ssize_t result = call; \
    if (watched) { \
        int before = errno; \
        if (in_plugin) hold(); \
        if (result > 0) append_range(fd, status.st_ino, at < 0 ? lseek(fd, 0, SEEK_CUR) - result : at, result); \
        let_go(); \
        errno = before; \
    } \
    return result;

ssize_t sendfile64(int fd, int from, off64_t *start, size_t size) { COPIED(fd, -1, CALL(SYS_sendfile, fd, from, start, size)) }
ssize_t sendfile(int fd, int from, off_t *start, size_t size) { return sendfile64(fd, from, start, size); }
ssize_t copy_file_range(int from, off64_t *start, int fd, off64_t *place, size_t size, unsigned int flags) {
    COPIED(fd, place ? *place : -1, CALL(SYS_copy_file_range, from, start, fd, place, size, flags))
}

int ioctl(int fd, unsigned long request, ...) {
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *);
    va_end(more);
    if (request != FICLONE && request != FICLONERANGE) return CALL(SYS_ioctl, fd, request, argument);
    struct stat status;
    int watched = known(fd, &status);
    if (watched) hold();
    int result = CALL(SYS_ioctl, fd, request, argument);
    if (watched) {
        int before = errno;
        if (result == 0) append_range(fd, status.st_ino, 0, -1);
        let_go();
        errno = before;
    }
    return result;
}

/* ------------------------------------------------------------ what reaches the disk */

#define SYNCED(fd, call) \
    struct stat status; \
    int watched = known(fd, &status); \
    if (watched && !in_plugin) hold(); \
    int result = call; \
    if (watched) { \
        int before = errno; \
        if (in_plugin) hold(); \
        if (result == 0) append('F', status.st_ino, 0, 0, 0, 0, 0); \
        let_go(); \
        errno = before; \
    } \
    return result;

int fsync(int fd) { SYNCED(fd, CALL(SYS_fsync, fd)) }
int fdatasync(int fd) { SYNCED(fd, CALL(SYS_fdatasync, fd)) }

static void synced_all(void) {
    if (log_fd < 0) return;
    hold();
    append('Y', 0, 0, 0, 0, 0, 0);
    let_go();
}
int syncfs(int fd) {
    int result = CALL(SYS_syncfs, fd);
    if (result == 0) synced_all();
    return result;
}
void sync(void) {
    CALL(SYS_sync);
    synced_all();
}

/* Calls by number: those that make or rename files take the ways above. */
long syscall(long number, ...) {
    va_list more;
    va_start(more, number);
    long a = va_arg(more, long), b = va_arg(more, long), c = va_arg(more, long), d = va_arg(more, long);
    long e = va_arg(more, long), f = va_arg(more, long);
    va_end(more);
    if (number == SYS_openat2 && c) {
        const struct open_how *how = (const struct open_how *)c;
        return open_it(a, (const char *)b, how->flags, how->mode, how);
    }
    if (number == SYS_renameat2) return renameat2(a, (const char *)b, c, (const char *)d, e);
    return CALL(number, a, b, c, d, e, f);
}
