// A wrapper whose address stands in static data alone, which is lent to a library; and a function
// of the library among those that run before main.
struct Operations {
  long (*call)(long nr);
};
void lend(struct Operations* operations);
long use(void);
void begin(void);
__attribute__((section(".init_array"), used)) static void (*g_begin)(void) = begin;
__attribute__((noinline)) static long call(long nr) {
  __asm__ volatile("syscall" : "+a"(nr) : "D"(1), "S"(0) : "rcx", "r11", "memory");
  return nr;
}
static struct Operations g_operations = {call};
int main(void) {
  lend(&g_operations);
  return (int)use();
}
