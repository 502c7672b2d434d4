// Messages are looked for below the working directory; and processors are counted.
#include <libintl.h>
#include <unistd.h>
int main(void) {
  bindtextdomain("own", "locale");
  textdomain("own");
  return sysconf(_SC_NPROCESSORS_ONLN) < 1 || gettext("none") == NULL;
}
