// A virtual function of an object that is known by its base alone.
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
struct Base {
  virtual ~Base() = default;
  virtual long act() = 0;
};
struct One : Base {
  long act() override { return syscall(SYS_ioprio_get, 1, 0); }
};
struct Other : Base {
  long act() override { return syscall(SYS_syncfs, -1); }
};
int main(int argc, char**) {
  std::unique_ptr<Base> object;
  if (argc > 1) {
    object = std::make_unique<One>();
  } else {
    object = std::make_unique<Other>();
  }
  return static_cast<int>(object->act());
}
