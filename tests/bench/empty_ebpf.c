/* Runs a command while empty eBPF programs stand at the entry (`entry`), or at entry and return
   (`pair`), of every system call of this machine, or two that read the clock there (`clock`);
   without a command until a signal comes. `others` prints how many eBPF programs stand there
   already: what others watch is in every figure. */
#include <bpf/bpf.h>
#include <empty.skel.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int say_nothing(enum libbpf_print_level level, const char* format, va_list args) {
  (void)level, (void)format, (void)args;
  return 0;
}

/* Programs that hang at one of the two tracepoints by a link. Those that hang there by an event of
   perf are not seen. */
static int count_others(void) {
  int others = 0;
  for (__u32 id = 0; bpf_link_get_next_id(id, &id) == 0;) {
    const int fd = bpf_link_get_fd_by_id(id);
    if (fd < 0) continue; /* gone meanwhile */
    char name[64] = "";
    struct bpf_link_info info = {0};
    __u32 size = sizeof info;
    info.raw_tracepoint.tp_name = (__u64)(unsigned long)name;
    info.raw_tracepoint.tp_name_len = sizeof name;
    if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
        info.type == BPF_LINK_TYPE_RAW_TRACEPOINT && strncmp(name, "sys_e", 5) == 0) {
      ++others;
    }
    close(fd);
  }
  return others;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "others") == 0) {
    printf("%d\n", count_others());
    return 0;
  }
  const char* what = argc < 2 ? "" : argv[1];
  const bool entry = strcmp(what, "entry") == 0;
  const bool clock = strcmp(what, "clock") == 0;
  if (!entry && !clock && strcmp(what, "pair") != 0) {
    fprintf(stderr, "usage: empty_ebpf entry|pair|clock [COMMAND...]\n       empty_ebpf others\n");
    return 2;
  }
  libbpf_set_print(say_nothing);
  struct empty_bpf* programs = empty_bpf__open_and_load();
  if (programs == NULL) {
    fprintf(stderr, "cannot load eBPF programs: %s\n", strerror(errno));
    return 125;
  }
  const struct bpf_program* at_entry =
      clock ? programs->progs.clock_at_entry : programs->progs.on_entry;
  const struct bpf_program* at_return =
      clock ? programs->progs.clock_at_return : programs->progs.on_return;
  programs->links.on_entry = bpf_program__attach(at_entry);
  if (!entry) programs->links.on_return = bpf_program__attach(at_return);
  if (programs->links.on_entry == NULL || (!entry && programs->links.on_return == NULL)) {
    fprintf(stderr, "cannot attach eBPF programs: %s\n", strerror(errno));
    return 125;
  }
  while (argc == 2) pause(); /* what is attached goes with us */
  const pid_t pid = fork();
  if (pid == 0) {
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) < 0) return 125;
  empty_bpf__destroy(programs);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
