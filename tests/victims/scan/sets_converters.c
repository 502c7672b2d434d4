// Converters of character sets are loaded from where the program says.
#include <iconv.h>
#include <stdlib.h>
int main(void) {
  setenv("GCONV_PATH", ".", 1);
  return iconv_open("UTF-7", "ISO-8859-15") == (iconv_t)-1;
}
