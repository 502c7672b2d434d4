#include "record/ptrace/tracees.h"

#include <gtest/gtest.h>

#include <string>

namespace sysnare {
namespace {

constexpr pid_t kParent = 100;
constexpr pid_t kChild = 101;

TEST(Tracees, EndWhenNobodyIsLeftOrExpectedInWhateverOrderTheNewsComes) {
  struct Case {
    const char* why;
    std::string events;  ///< A announced, S stops, D dies; of the child
    bool child_expected_or_here;
  };
  const Case cases[] = {
      {"announced, not yet here", "A", true},
      {"here before it was announced", "S", true},
      {"announced, then here", "AS", true},
      {"here, then announced", "SA", true},
      {"an ordinary life", "ASD", false},
      {"lived and died before it was announced", "SDA", false},
      {"killed before its first stop", "AD", false},
      {"killed before its first stop, announced afterwards", "DA", false},
      {"its parent was killed before it could announce", "SD", false},
      {"the number is used again after an early death", "SDAASD", false},
      {"the number is used again, alive", "SDAA", true},
      {"the number is used again, alive, after an ordinary life", "ASDAS", true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    Tracees tracees;
    tracees.add(kParent);
    for (char event : c.events) {
      if (event == 'A') tracees.announced(kChild);
      if (event == 'D') tracees.gone(kChild);
      if (event == 'S' && tracees.find(kChild) == nullptr) tracees.first_stop(kChild);
    }
    tracees.gone(kParent);
    EXPECT_EQ(tracees.none(), !c.child_expected_or_here);
  }
}

TEST(Tracees, ExecTakesTheLeadersNumber) {
  Tracees tracees;
  CallCounter pause(Call{native_abi(), 1}, Origin::kApplication);
  CallCounter exec(Call{native_abi(), 2}, Origin::kApplication);
  tracees.add(kParent).call = &pause;
  tracees.add(kChild).call = &exec;
  const Tracee& now = tracees.exec(kParent, kChild);
  EXPECT_EQ(now.thread, kParent);
  EXPECT_EQ(now.call, &exec) << "its exec goes on under the new number";
  EXPECT_EQ(tracees.find(kChild), nullptr);
  EXPECT_EQ(tracees.size(), 1u);

  EXPECT_EQ(tracees.exec(kParent, kParent).call, &exec) << "an exec of the leader itself";
  EXPECT_EQ(tracees.exec(55, 66).thread, 55) << "neither is known";
  tracees.gone(kParent);
  tracees.gone(55);
  EXPECT_TRUE(tracees.none());
}

TEST(Tracees, RememberABoundedNumberOfStrangers) {
  Tracees tracees;
  tracees.add(1);
  for (pid_t stranger = 1000; stranger < 1000 + 3 * static_cast<pid_t>(Tracees::kMaxEarlyDead);
       ++stranger) {
    tracees.gone(stranger);
  }
  tracees.gone(1);
  EXPECT_TRUE(tracees.none());
}

}  // namespace
}  // namespace sysnare
