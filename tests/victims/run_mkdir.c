// Makes the folder argv[1], says "made" or "refused", and ends with 0 or 1.
#include <stdio.h>
#include <sys/stat.h>

int main(int argc, char** argv) {
  if (argc < 2 || mkdir(argv[1], 0755) != 0) {
    puts("refused");
    return 1;
  }
  puts("made");
  return 0;
}
