// Whether one may read a file depends on who asks; and a directory is made.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char** argv) {
  char name[] = "/tmp/XXXXXX";
  return argc > 1 ? mkdtemp(name) == NULL : faccessat(AT_FDCWD, argv[0], R_OK, AT_EACCESS);
}
