// 20 of the 1,000 short containers of `./run proof`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness.h"

namespace sysnare::live {
namespace {

using ::testing::HasSubstr;

TEST(Proof, ShortContainersInARowHaveNothingLostAndNothingForeign) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  if (!have_program("runc") || !have_program("busybox") || !have_program("python3")) {
    GTEST_SKIP() << "no runc, busybox or python3";
  }
  const Outcome proof =
      run({"python3", source_file("tools/proof.py"), sysnare_path(), "20", "--runtime", "runc"});
  EXPECT_EQ(proof.status, 0) << proof.err;
  EXPECT_THAT(proof.out, HasSubstr("20 containers recorded under runc"));
  EXPECT_THAT(proof.out, HasSubstr("0 lost, 0 foreign"));
}

}  // namespace
}  // namespace sysnare::live
