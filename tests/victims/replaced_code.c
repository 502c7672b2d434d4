// getppid from code that changes place: 3 times from the file "one" in the folder of argv[1], then
// at the same address 4 times from the second page of "two", and 5 times from a memfd.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
// mov $SYS_getppid, %eax; syscall; ret
static const unsigned char kCode[] = {0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05, 0xc3};
#else
// mov x8, #SYS_getppid; svc #0; ret
static const uint32_t kCode[] = {0xd2800008 | SYS_getppid << 5, 0xd4000001, 0xd65f03c0};
#endif

static void call(void* code, int times) {
  for (int i = 0; i < times; ++i) ((long (*)(void))code)();
}

static int file_in(const char* folder, const char* name, off_t at) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  const int file = open(path, O_RDWR | O_CREAT, 0700);
  return pwrite(file, kCode, sizeof kCode, at) == sizeof kCode ? file : -1;
}

static void* map(void* at, int file, off_t offset) {
  return mmap(at, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | (at ? MAP_FIXED : 0), file, offset);
}

int main(int argc, char** argv) {
  if (argc < 2) return 1;
  void* code = map(NULL, file_in(argv[1], "one", 0), 0);
  if (code == MAP_FAILED) return 2;
  call(code, 3);
  if (map(code, file_in(argv[1], "two", 4096), 4096) != code) return 3;
  call(code, 4);
  const int memory = memfd_create("code", 0);
  if (write(memory, kCode, sizeof kCode) != sizeof kCode) return 4;
  code = map(NULL, memory, 0);
  if (code == MAP_FAILED) return 5;
  call(code, 5);
  return 0;
}
