// Functions that are reached through data alone: constant and writable, a table of tables, a
// variable.
#include <sys/syscall.h>
#include <unistd.h>
struct Row {
  const char* name;
  long (*act)(void);
};
static long one(void) { return syscall(SYS_ioprio_get, 1, 0); }
static long two(void) { return syscall(SYS_mlockall, 0); }
static long three(void) { return syscall(SYS_munlockall); }
static long four(void) { return syscall(SYS_syncfs, -1); }
static const struct Row kRow = {"one", one};
static const struct Row* const kRows[] = {&kRow, 0};
static struct Row g_rows[] = {{"two", two}, {"four", four}, {0, 0}};
struct Row* g_table = g_rows;
long (*g_variable)(void) = three;
int main(int argc, char** argv) {
  long sum = g_variable();
  for (const struct Row* const* row = kRows; *row; ++row) sum += (*row)->act();
  for (struct Row* row = g_table; row->act; ++row) {
    if (argc > 1 && row->name[0] == argv[1][0]) sum += row->act();
  }
  return (int)sum;
}
