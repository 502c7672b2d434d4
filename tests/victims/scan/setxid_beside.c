// In a static program without symbols the variable in which the C library keeps
// what setuid is for lies behind one of iconv's, of 8 bytes, whose address is taken.
#include <iconv.h>
#include <unistd.h>

int main(int argc, char** argv) {
  const iconv_t converter = iconv_open(argv[0], "ISO-8859-1");
  return setuid(1) != 0 || (argc > 1 && converter == (iconv_t)-1);
}
