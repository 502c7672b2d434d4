/* The small server of the story: greets, and has two rare paths that no recording covers.
 *
 *   greeter serve            answer requests on the socket "greeter.sock" until "quit"
 *   greeter ask REQUEST...   send each request and print its answer
 *
 * Requests: "hello NAME", "note TEXT" (keeps it in a folder it makes: a rare path of the program),
 * "shell COMMAND" (becomes a shell, as an intruder would make it do), "quit".
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { kLine = 256, kTries = 200, kPauseMs = 25 };

static struct sockaddr_un place(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "greeter.sock"};
  return address;
}

static const char* keep_note(const char* text) {
  static char answer[kLine + 32];
  FILE* file;
  if (mkdir("notes", 0700) != 0 || (file = fopen("notes/note", "w")) == NULL) return "not kept";
  fputs(text, file);
  fclose(file);
  snprintf(answer, sizeof answer, "kept: %s", text);
  return answer;
}

static const char* become_shell(const char* command) {
  char* const words[] = {"sh", "-c", (char*)command, NULL};
  execv("/bin/sh", words);
  return "no shell";
}

/* Whether to go on. */
static int answer(int peer) {
  char line[kLine] = "";
  static char hello[kLine + 32];
  const char* text = "what?";
  ssize_t got = read(peer, line, sizeof line - 1);
  line[got > 0 ? got : 0] = '\0';
  if (strncmp(line, "hello ", 6) == 0) {
    snprintf(hello, sizeof hello, "Hello, %s!", line + 6);
    text = hello;
  } else if (strncmp(line, "note ", 5) == 0) {
    text = keep_note(line + 5);
  } else if (strncmp(line, "shell ", 6) == 0) {
    text = become_shell(line + 6);
  } else if (strcmp(line, "quit") == 0) {
    text = "bye";
  }
  if (write(peer, text, strlen(text)) < 0) perror("greeter: write");
  return strcmp(line, "quit") != 0;
}

static int serve(void) {
  struct sockaddr_un address = place();
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  unlink(address.sun_path);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 8) != 0) {
    perror("greeter: greeter.sock");
    return 1;
  }
  for (int go_on = 1; go_on;) {
    int peer = accept(listener, NULL, NULL);
    if (peer < 0) continue;
    go_on = answer(peer);
    close(peer);
  }
  unlink(address.sun_path);
  return 0;
}

static int ask(const char* request) {
  struct sockaddr_un address = place();
  struct timespec pause = {0, kPauseMs * 1000000L};
  char line[kLine] = "";
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  int tries = 0;
  /* The server may still be starting. */
  while (connect(server, (struct sockaddr*)&address, sizeof address) != 0) {
    if (++tries == kTries) {
      perror("greeter: greeter.sock");
      return 1;
    }
    nanosleep(&pause, NULL);
  }
  if (write(server, request, strlen(request)) < 0 || read(server, line, sizeof line - 1) <= 0) {
    strcpy(line, "(the server hung up)");
  }
  close(server);
  printf("%s -> %s\n", request, line);
  return 0;
}

int main(int argc, char** argv) {
  int failed = 0;
  if (argc == 2 && strcmp(argv[1], "serve") == 0) return serve();
  if (argc > 2 && strcmp(argv[1], "ask") == 0) {
    for (int i = 2; i < argc && !failed; ++i) failed = ask(argv[i]);
    return failed;
  }
  fputs("usage: greeter serve | greeter ask REQUEST...\n", stderr);
  return 2;
}
