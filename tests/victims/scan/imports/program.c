// The functions of a library are reached through data that it exports, and by no name of theirs;
// one of them stands among the program's constructors.
struct Operations {
  long (*act)(void);
};
extern struct Operations* exported_operations;
extern const char* exported_pointer;
extern void prepare(void);
__attribute__((section(".init_array"), used)) static void (*const g_prepare)(void) = prepare;
int main(void) { return (int)exported_operations->act() + *exported_pointer; }
