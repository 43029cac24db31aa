/* Lets the n-th write, sync or rename below a folder fail or end the process, in any process of a run.

   FAULT_DIR      only files below this folder count
   FAULT_OP       write, sync or rename
   FAULT_AT       which call, from 1; 0 only counts
   FAULT_HOW      kill: the process is killed at the call; else an errno number that the call gives
   FAULT_STAYS    if set, every later call fails as well, as on a disk that is full
   FAULT_COUNTER  a file of 8 bytes in which all processes count together                          */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static long *counter(void) {
    static long *shared = NULL;
    if (!shared) {
        int fd = open(setting("FAULT_COUNTER"), O_RDWR);
        if (fd < 0) return NULL;
        void *map = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (map == MAP_FAILED) return NULL;
        shared = map;
    }
    return shared;
}

static int is_below(const char *path) {
    const char *folder = setting("FAULT_DIR");
    return *folder && !strncmp(path, folder, strlen(folder));
}

/* Whether this call is to fail; sets errno. */
static int fails(const char *operation, const char *path) {
    if (strcmp(operation, setting("FAULT_OP")) || !is_below(path)) return 0;
    long *count = counter();
    if (!count) return 0;
    long number = __sync_add_and_fetch(count, 1), at = atol(setting("FAULT_AT"));
    if (!at || number < at || (number > at && !*setting("FAULT_STAYS"))) return 0;
    if (!strcmp(setting("FAULT_HOW"), "kill")) kill(getpid(), SIGKILL);
    errno = atoi(setting("FAULT_HOW"));
    return 1;
}

static int fd_fails(const char *operation, int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails(operation, path);
}

static void absolute(const char *path, char *out) {
    char folder[PATH_MAX] = "";
    if (*path != '/' && !getcwd(folder, sizeof folder)) *folder = 0;
    snprintf(out, PATH_MAX, "%s%s%s", folder, *folder ? "/" : "", path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    return fd_fails("write", fd) ? -1 : REAL(write)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return fd_fails("write", fd) ? -1 : REAL(pwrite)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return fd_fails("write", fd) ? -1 : REAL(pwrite64)(fd, data, size, at);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    return fd_fails("write", fd) ? -1 : REAL(writev)(fd, parts, count);
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
    return fd_fails("write", out) ? -1 : REAL(copy_file_range)(in, from, out, to, size, flags);
}
int fsync(int fd) { return fd_fails("sync", fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fd_fails("sync", fd) ? -1 : REAL(fdatasync)(fd); }
int rename(const char *from, const char *to) {
    char path[PATH_MAX];
    absolute(to, path);
    return fails("rename", path) ? -1 : REAL(rename)(from, to);
}
int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    char path[PATH_MAX];
    absolute(to, path);
    return fails("rename", path) ? -1 : REAL(renameat)(from_fd, from, to_fd, to);
}
