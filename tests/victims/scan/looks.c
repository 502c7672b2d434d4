// Messages lie in a place that is known, one thread has one arena, and nobody counts processors.
#include <libintl.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char** argv) {
  bindtextdomain("own", "/usr/share/locale");
  textdomain("own");
  void* made = malloc((size_t)argc + (size_t)sysconf(_SC_PAGESIZE));
  free(made);
  return made == NULL || gettext(argv[0]) == NULL;
}
