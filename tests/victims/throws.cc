// C++ with threads and exceptions: 4 threads, each throws and catches 25 times, with one getppid
// thrown through. So: getppid 100.
#include <sys/syscall.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>
#include <vector>

namespace {

struct Calls {
  ~Calls() { ::syscall(SYS_getppid); }
};

void fail_within(int depth) {
  if (depth == 0) throw std::runtime_error("as planned");
  fail_within(depth - 1);
}

void work(int& caught) {
  for (int i = 0; i < 25; ++i) {
    try {
      const Calls calls_while_unwinding;
      fail_within(i);
    } catch (const std::runtime_error&) {
      ++caught;
    }
  }
}

}  // namespace

int main() {
  int caught[4] = {};
  std::vector<std::thread> threads;
  for (int& each : caught) threads.emplace_back(work, std::ref(each));
  for (std::thread& thread : threads) thread.join();
  for (int each : caught) {
    if (each != 25) return 1;
  }
  return 0;
}
