// What the library exports is data, a pointer to a table of functions, and what runs before main.
#include <sys/syscall.h>
#include <unistd.h>
struct Operations {
  long (*act)(void);
};
static long act(void) { return syscall(SYS_ioprio_get, 1, 0); }
static struct Operations g_operations = {act};
struct Operations* exported_operations = &g_operations;
void prepare(void) { syscall(SYS_syncfs, -1); }
// Found as a program would find it: by its name.
const char exported_text[] = "text";
const char* exported_pointer = exported_text;
