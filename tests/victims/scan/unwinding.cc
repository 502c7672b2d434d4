// A destructor that runs when an exception passes by, and never else.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
struct Guard {
  bool armed = true;
  ~Guard() {
    if (armed) syscall(SYS_ioprio_get, 1, 0);
  }
};
__attribute__((noinline)) static void fail(int count) {
  if (count > 0) throw std::runtime_error("as expected");
}
int main(int argc, char**) {
  try {
    Guard guard;
    fail(argc);
    std::_Exit(0);
  } catch (const std::exception&) {
    return 1;
  }
}
