#include "flow/profile_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "base/file.h"
#include "learn/why.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ProfileFile : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sysnare-profile-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
};

Evidence some_evidence() {
  Evidence evidence;
  evidence.recorder = "ptrace";
  CallEvidence& call = evidence.record({Abi::kX86_64, 1}, Origin::kApplication);
  call.count = call.runs_seen = call.first_run = 1;
  return evidence;
}

TEST_F(ProfileFile, ThePairBelongsTogether) {
  const std::vector<Evidence> evidence = {some_evidence()};
  const Result<Learned> learned = learn(evidence, {}, {});
  ASSERT_TRUE(learned.has_value());
  const std::string path = dir_ + "/p.json";
  ASSERT_TRUE(check_profile_files(path).has_value());
  ASSERT_TRUE(
      write_profile_files(path, profile_texts(*learned, evidence, Dialect::kDocker)).has_value());
  const Result<Why> why = load_why(path + ".why.json");
  ASSERT_TRUE(why.has_value()) << why.error().message;
  EXPECT_EQ(why->profile_sha256, sha256_file(path).value());
  EXPECT_TRUE(why->program_makes("write"));
}

TEST_F(ProfileFile, TheOciDialectHasNoComments) {
  const std::vector<Evidence> evidence = {some_evidence()};
  const Result<Learned> learned = learn(evidence, {}, {});
  ASSERT_TRUE(learned.has_value());
  EXPECT_THAT(profile_texts(*learned, evidence, Dialect::kDocker).profile,
              HasSubstr("\"comment\""));
  EXPECT_THAT(profile_texts(*learned, evidence, Dialect::kOci).profile, Not(HasSubstr("comment")));
}

TEST_F(ProfileFile, OneThatCannotBeWrittenLeavesBothOldOnes) {
  const std::string path = dir_ + "/p.json";
  ASSERT_TRUE(write_file_atomic(path, "old").has_value());
  std::filesystem::create_directory(path + ".why.json");
  EXPECT_FALSE(check_profile_files(path).has_value());
  EXPECT_FALSE(write_profile_files(path, {"new", "new"}).has_value());
  EXPECT_EQ(read_file(path).value(), "old");
}

TEST_F(ProfileFile, NoSideFileBesideADevice) {
  EXPECT_FALSE(has_side_file("-"));
  EXPECT_FALSE(has_side_file(""));
  EXPECT_FALSE(has_side_file("/dev/stdout"));
  EXPECT_FALSE(has_side_file("/dev/null"));
  EXPECT_TRUE(has_side_file(dir_ + "/new.json"));
}

TEST_F(ProfileFile, TellsKindsOfFilesApart) {
  struct Case {
    const char* why;
    const char* text;
    FileKind kind;
  };
  constexpr Case kCases[] = {
      {"evidence", R"({"schema": 1, "program": {}, "calls": []})", FileKind::kEvidence},
      {"a newer schema is still evidence", R"({"schema": 2, "program": {}})", FileKind::kEvidence},
      {"a profile", R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []})", FileKind::kProfile},
      {"a side file", R"({"schema": 1, "profile_sha256": "", "calls": []})", FileKind::kWhy},
      {"a doctor's report", R"({"schema": 1, "findings": []})", FileKind::kOther},
      {"no object", "[1]", FileKind::kOther},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    const Result<FileKind> kind = kind_of(c.text, "f");
    ASSERT_TRUE(kind.has_value()) << kind.error().message;
    EXPECT_EQ(*kind, c.kind);
  }
  EXPECT_THAT(kind_of("\177ELF\2", "./a.out").error().message, HasSubstr("put `--` before"));
  EXPECT_THAT(kind_of("#!/bin/sh", "./a.sh").error().message, HasSubstr("put `--` before"));
  EXPECT_FALSE(kind_of("{", "f").has_value());
}

TEST_F(ProfileFile, SaysWhichKindWasGivenForEvidence) {
  ASSERT_TRUE(write_file_atomic(dir_ + "/p", R"({"defaultAction": "SCMP_ACT_ALLOW"})").has_value());
  const Result<Evidence> wrong = load_evidence_file(dir_ + "/p");
  ASSERT_FALSE(wrong.has_value());
  EXPECT_THAT(wrong.error().message, HasSubstr("/p: a profile, where an evidence file is wanted"));
  ASSERT_TRUE(write_file_atomic(dir_ + "/e", write_evidence(some_evidence())).has_value());
  EXPECT_TRUE(load_evidence_file(dir_ + "/e").has_value());
}

}  // namespace
}  // namespace sysnare
