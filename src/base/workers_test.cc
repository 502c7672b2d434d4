#include "base/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace sysnare {
namespace {

TEST(Workers, DoEveryPieceOnceWhateverTheirNumber) {
  for (const unsigned threads : {0u, 1u, 2u, 5u}) {
    Workers workers(threads);
    for (const std::size_t count : {0u, 1u, 2u, 3u, 1000u}) {
      std::vector<std::atomic<int>> done(count);
      workers.each(count, [&](std::size_t i) { ++done[i]; });
      for (const std::atomic<int>& each : done) EXPECT_EQ(each, 1) << threads << " " << count;
    }
  }
}

TEST(Workers, PiecesMayHavePieces) {
  for (const unsigned threads : {1u, 2u, 4u}) {
    Workers workers(threads);
    std::atomic<int> done = 0;
    workers.each(10, [&](std::size_t) { workers.each(100, [&](std::size_t) { ++done; }); });
    EXPECT_EQ(done, 1000);
  }
}

TEST(Workers, ThrowInTheThreadThatWaitsWhenAllIsDone) {
  for (const unsigned threads : {1u, 3u}) {
    Workers workers(threads);
    std::atomic<int> done = 0;
    const auto work = [&](std::size_t i) {
      if (i == 3) throw std::runtime_error("3");
      ++done;
    };
    EXPECT_THROW(workers.each(100, work), std::runtime_error);
    EXPECT_GE(done, threads > 1 ? 99 : 3);
    workers.each(5, [&](std::size_t) { ++done; });  // still good
    EXPECT_GE(done, 8);
  }
}

}  // namespace
}  // namespace sysnare
