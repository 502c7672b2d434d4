// Whether a file is there does not depend on who asks; a file's name is made up as a directory's.
#include <stdlib.h>
int main(int argc, char** argv) {
  char name[] = "/tmp/XXXXXX";
  return argc > 1 ? mkstemp(name) : realpath(argv[0], NULL) == NULL;
}
