#include "cli/print.h"
#include "cli/verb.h"

int main(int argc, char** argv) {
  sysnare::cli::occupy_closed_streams();
  return sysnare::cli::run(sysnare::cli::Words(argv + (argc > 0 ? 1 : 0), argv + argc));
}
