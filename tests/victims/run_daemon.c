// Leaves a process behind that waits for the file argv[1], then makes the folder argv[2] and writes
// "made" or the errno into the file argv[3].
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  if (fork() != 0) return 0;
  for (int i = 0; i < 20000 && access(argv[1], F_OK) != 0; ++i) usleep(1000);
  const int made = mkdir(argv[2], 0755);
  const int error = errno;
  FILE* file = fopen(argv[3], "w");
  if (file == NULL) return 3;
  if (made == 0) {
    fputs("made", file);
  } else {
    fprintf(file, "%d", error);
  }
  fclose(file);
  return 0;
}
