#include "cli/verb.h"

int main(int argc, char** argv) {
  return sysnare::cli::run(sysnare::cli::Words(argv + (argc > 0 ? 1 : 0), argv + argc));
}
