// The functions of a library are reached through data that it exports, and by no name of theirs.
struct Operations {
  long (*act)(void);
};
extern struct Operations* exported_operations;
int main(void) { return (int)exported_operations->act(); }
