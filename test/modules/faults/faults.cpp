// Makes the nth call of a kind fail. See README.md.
//
// As a preloaded library it is in programs that have no backend, so it refers to nothing of the server's; SQL functions
// read their argument by macros alone.

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../module.hpp"

#undef printf
#undef snprintf

extern "C" {
// glibc's own, under the names that it keeps for those who wrap them.
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
}

namespace {

// Which call is to fail, counted down; 0 for none.
struct Fault {
  long left = 0;
  bool happened = false;

  void arm(long nth) {
    left = nth;
    happened = false;
  }
  bool now() {
    if (__builtin_expect(left == 0, true) || --left > 0) return false;
    return happened = true;
  }
};

Fault allocation;
Fault table_write;

// Files of tables and indexes alone: failing to write WAL ends the server, which is right, but another test.
bool is_table(int file) {
  if (table_write.left == 0) return false;
  const int error = errno;
  char link[32], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  errno = error;
  if (size <= 0) return false;
  path[size] = '\0';
  return strstr(path, "/base/") != nullptr;
}

bool disk_is_full(int file) { return is_table(file) && table_write.now(); }

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

ssize_t no_room() {
  errno = ENOSPC;
  return -1;
}

}  // namespace

extern "C" {

EXPORTED void* malloc(size_t size) {
  if (!allocation.now()) return __libc_malloc(size);
  errno = ENOMEM;
  return nullptr;
}
EXPORTED void* calloc(size_t count, size_t size) {
  if (!allocation.now()) return __libc_calloc(count, size);
  errno = ENOMEM;
  return nullptr;
}
EXPORTED void* realloc(void* memory, size_t size) {
  if (!allocation.now()) return __libc_realloc(memory, size);
  errno = ENOMEM;
  return nullptr;
}

// Each under both names that a server can have been linked to.
#define WRAP_WRITE(name, Data)                                                                \
  EXPORTED ssize_t name(int file, Data data, size_t size, off64_t offset) { \
    static const auto real = next<ssize_t (*)(int, Data, size_t, off64_t)>(#name);    \
    return disk_is_full(file) ? no_room() : real(file, data, size, offset);                   \
  }
WRAP_WRITE(pwrite, const void*)
WRAP_WRITE(pwrite64, const void*)

#define WRAP_WRITE_VECTOR(name)                                                               \
  EXPORTED ssize_t name(int file, const struct iovec* data, int count, off64_t offset) {      \
    static const auto real = next<ssize_t (*)(int, const struct iovec*, int, off64_t)>(#name); \
    return disk_is_full(file) ? no_room() : real(file, data, count, offset);                  \
  }
WRAP_WRITE_VECTOR(pwritev)
WRAP_WRITE_VECTOR(pwritev64)

#define WRAP_ALLOCATE(name)                                                  \
  EXPORTED int name(int file, off64_t offset, off64_t size) {                \
    static const auto real = next<int (*)(int, off64_t, off64_t)>(#name);    \
    return disk_is_full(file) ? ENOSPC : real(file, offset, size);           \
  }
WRAP_ALLOCATE(posix_fallocate)
WRAP_ALLOCATE(posix_fallocate64)

}  // extern "C"

// fail_allocation(nth bigint): the session's nth allocation from here on fails; 0: none does.
MODULE_FUNCTION(fail_allocation) {
  allocation.arm(static_cast<long>(fcinfo->args[0].value));
  PG_RETURN_VOID();
}
// fail_write(nth bigint): its nth write to a table or an index, or allocation of room for one.
MODULE_FUNCTION(fail_write) {
  table_write.arm(static_cast<long>(fcinfo->args[0].value));
  PG_RETURN_VOID();
}

// happened(): whether what was to fail has failed. No more fails from here on.
MODULE_FUNCTION(happened) {
  static_cast<void>(fcinfo);
  const bool happened = allocation.happened || table_write.happened;
  allocation.arm(0);
  table_write.arm(0);
  PG_RETURN_BOOL(happened);
}
