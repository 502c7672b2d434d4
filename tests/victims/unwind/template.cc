// Templates, namespaces and a lambda between main and write.
#include <unistd.h>

#include <cstring>

namespace shop {
template <typename Kind>
struct Counter {
  __attribute__((noinline)) long sell(const char* word) {
    const auto ship = [&] { return static_cast<long>(::write(1, word, std::strlen(word))); };
    const long done = ship();
    asm volatile("" ::: "memory");
    return done + static_cast<long>(sizeof(Kind));
  }
};
template <typename Kind>
__attribute__((noinline)) long serve(Counter<Kind>& counter) {
  const long done = counter.sell("template\n");
  asm volatile("" ::: "memory");
  return done + 1;
}
}  // namespace shop

int main() {
  shop::Counter<int> counter;
  return shop::serve(counter) > 0 ? 0 : 1;
}
