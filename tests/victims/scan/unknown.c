/* The number comes from outside. */
#include "bare.h"
START;
void bare_main(int argc) { raw_call(argc, 0, 0); }
