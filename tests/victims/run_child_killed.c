// A child makes the folder argv[1]; the parent says what became of the child, and ends with 0.
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  int status = 0;
  if (argc < 2) return 2;
  const pid_t child = fork();
  if (child == 0) _exit(mkdir(argv[1], 0755) == 0 ? 0 : 1);
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    printf("child killed by %d\n", WTERMSIG(status));
  } else {
    printf("child ended with %d\n", WEXITSTATUS(status));
  }
  return 0;
}
