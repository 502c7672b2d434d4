// A class that nobody makes an object of: its table of virtual functions lies beside others.
#include <sys/syscall.h>
#include <unistd.h>

namespace {
struct Base {
  virtual long act() = 0;
};
struct First : Base {
  long act() override { return syscall(SYS_ioprio_get, 1, 0); }
};
struct Dead : Base {
  long act() override { return syscall(SYS_reboot, 0, 0, 0, nullptr); }
};
struct Last : Base {
  long act() override { return syscall(SYS_syncfs, -1); }
};
Base* volatile object;
}  // namespace

/// Nobody calls it.
__attribute__((used, noinline, visibility("hidden"))) void make_dead() { object = new Dead; }

int main(int argc, char**) {
  if (argc > 1) {
    object = new First;
  } else {
    object = new Last;
  }
  return static_cast<int>(object->act());
}
