#include "alert/alert.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "arch/syscalls.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;

/// 2026-11-24T10:20:30.000000042Z
constexpr std::chrono::nanoseconds kTime(1795515630000000042);

Alert sample() {
  Alert alert;
  alert.time = std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(kTime));
  alert.grade = Grade::kDenied;
  alert.output = "mkdir is refused";
  alert.call = {Abi::kX86_64, *syscall_nr(Abi::kX86_64, "mkdir")};
  alert.args = {0xffffffffffffffff, 0x1ff, 7, 7, 7, 7};
  alert.action = "errno EPERM";
  alert.pid = 11;
  alert.tid = 12;
  alert.ppid = 10;
  alert.uid = 65534;
  alert.proc_name = "victim";
  alert.exe_path = "/bin/victim";
  alert.cmdline = "victim --all";
  alert.profile_name = "p.json";
  alert.profile_sha256 = "ab";
  alert.site_module = "/lib/libc.so.6";
  alert.site_offset = 0x1234;
  alert.site_symbol = "mkdir";
  alert.path = "/tmp/\"x";
  alert.count = 3;
  return alert;
}

class TempFolder {
 public:
  TempFolder() { EXPECT_NE(::mkdtemp(path_), nullptr); }
  ~TempFolder() {
    for (const char* name : {"/a", "/b"}) ::unlink((std::string(path_) + name).c_str());
    ::rmdir(path_);
  }
  std::string operator/(const char* name) const { return std::string(path_) + "/" + name; }

 private:
  char path_[32] = "/tmp/sysnare-alert-XXXXXX";
};

std::size_t lines_of(const std::string& path) {
  const Result<std::string> text = read_file(path);
  return text ? static_cast<std::size_t>(std::count(text->begin(), text->end(), '\n')) : 0;
}

TEST(Alert, IsFalcosEnvelopeInOneLine) {
  const std::string expected =
      R"({"time":"2026-11-24T10:20:30.000000042Z","priority":"Warning",)"
      R"("rule":"sysnare.denied","output":"mkdir is refused","hostname":"host",)"
      R"("source":"sysnare","tags":["sysnare","seccomp","denied"],"output_fields":{)"
      R"("evt.type":"mkdir","evt.num":83,"evt.arch":"x86_64",)"
      R"("evt.args":["0xffffffffffffffff","0x1ff"],)"
      R"("proc.name":"victim","proc.pid":11,"proc.tid":12,"proc.ppid":10,)"
      R"("proc.exepath":"/bin/victim","proc.cmdline":"victim --all","user.uid":65534,)"
      R"("container.id":"","container.name":"","container.image":"",)"
      R"("profile.name":"p.json","profile.sha256":"ab",)"
      R"("sysnare.grade":"denied","sysnare.action":"errno EPERM",)"
      R"x("sysnare.site":"/lib/libc.so.6+0x1234 (mkdir)","sysnare.path":"/tmp/\"x",)x"
      R"("count":3,"lost_before":0,"alert_id":")" +
      alert_id(sample()) + "\"}}\n";
  EXPECT_EQ(alert_line(sample(), "host"), expected);
}

TEST(Alert, StaysValidJsonWhateverAProgramCallsItself) {
  const struct {
    const char* why;
    std::string text;
  } cases[] = {
      {"quotes and a line that looks like another alert", "\"}}\n{\"rule\":\"x"},
      {"control bytes, and a NUL as in /proc/PID/cmdline", std::string("\x1b[2J\0\x7f", 6)},
      {"no UTF-8", "\xff\xfe\xc3"},
      {"a surrogate in UTF-8", "\xed\xa0\x80"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    Alert alert = sample();
    for (std::string* field :
         {&alert.output, &alert.proc_name, &alert.exe_path, &alert.cmdline, &alert.site_module,
          &alert.site_symbol, &alert.profile_name, &alert.path}) {
      *field = c.text;
    }
    const std::string line = alert_line(alert, c.text);
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
    const Result<json::Value> value = json::parse(line, "alert");
    EXPECT_TRUE(value.has_value()) << value.error().message;
  }
}

TEST(Alert, HasOneIdForEachKindOfThing) {
  const std::string id = alert_id(sample());
  EXPECT_EQ(id.size(), 16U);
  Alert repeat = sample();
  repeat.pid = 999;
  repeat.count = 70;
  repeat.time = {};
  repeat.args = {};
  EXPECT_EQ(alert_id(repeat), id) << "another process and another time are the same kind of thing";
  Alert other = sample();
  other.site_offset += 1;
  EXPECT_NE(alert_id(other), id);
  other = sample();
  other.call.abi = Abi::kI386;
  EXPECT_NE(alert_id(other), id);
  std::set<std::string> ids = {id};
  for (const bool rest : {false, true}) {
    other = sample();
    other.path.clear();
    other.other_paths = rest;
    ids.insert(alert_id(other));
  }
  other = sample();
  other.path += "y";
  ids.insert(alert_id(other));
  EXPECT_EQ(ids.size(), 4U) << "another path, none, and those past the limit";
}

TEST(Alert, GradesHaveNamesAndPriorities) {
  const struct {
    Grade grade;
    const char* name;
    const char* priority;
  } cases[] = {
      {Grade::kUnseen, "unseen", "Notice"},      {Grade::kImpossible, "impossible", "Critical"},
      {Grade::kForeign, "foreign", "Critical"},  {Grade::kDenied, "denied", "Warning"},
      {Grade::kArgument, "argument", "Warning"}, {Grade::kUnknown, "unknown", "Notice"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(grade_name(c.grade), c.name);
    EXPECT_EQ(grade_priority(c.grade), c.priority);
    EXPECT_EQ(grade_by_name(c.name), c.grade);
  }
  EXPECT_EQ(grade_by_name("any"), std::nullopt);
}

TEST(FileSink, MakesAPrivateFileAndAppends) {
  const TempFolder folder;
  for (int round = 1; round <= 2; ++round) {
    auto sink = make_file_sink(folder / "a", "host");
    ASSERT_TRUE(sink.has_value()) << sink.error().message;
    EXPECT_TRUE((*sink)->write(sample()).has_value());
    EXPECT_EQ(lines_of(folder / "a"), static_cast<std::size_t>(round)) << "no waiting for a flush";
    EXPECT_EQ((*sink)->written(), 1U);
  }
  struct stat info {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST(FileSink, FollowsItsNameWhenLogsAreRotated) {
  const TempFolder folder;
  auto sink = make_file_sink(folder / "a", "host");
  ASSERT_TRUE(sink.has_value());
  EXPECT_TRUE((*sink)->write(sample()).has_value());
  ASSERT_EQ(std::rename((folder / "a").c_str(), (folder / "b").c_str()), 0);
  EXPECT_TRUE((*sink)->write(sample()).has_value());
  EXPECT_EQ(lines_of(folder / "a"), 1U);
  EXPECT_EQ(lines_of(folder / "b"), 1U);
}

TEST(FileSink, FollowsNoLinkThatSomebodyPutsInItsPlace) {
  const TempFolder folder;
  auto sink = make_file_sink(folder / "a", "host");
  ASSERT_TRUE(sink.has_value());
  ASSERT_EQ(std::rename((folder / "a").c_str(), (folder / "b").c_str()), 0);
  ASSERT_EQ(::symlink("victim", (folder / "a").c_str()), 0);
  EXPECT_TRUE((*sink)->write(sample()).has_value());
  EXPECT_NE(::access((folder / "victim").c_str(), F_OK), 0);
  EXPECT_EQ(lines_of(folder / "b"), 1U) << "what is there is better than nothing";
}

TEST(FileSink, FollowsTheLinkThatItIsGiven) {
  const TempFolder folder;
  ASSERT_EQ(::symlink("real", (folder / "a").c_str()), 0);
  auto sink = make_file_sink(folder / "a", "host");
  ASSERT_TRUE(sink.has_value());
  ASSERT_EQ(std::rename((folder / "real").c_str(), (folder / "old").c_str()), 0);
  EXPECT_TRUE((*sink)->write(sample()).has_value());
  EXPECT_EQ(lines_of(folder / "real"), 1U);
}

TEST(FileSink, SaysWhatItCannotOpen) {
  const struct {
    const char* why;
    const char* path;
    Errc code;
  } cases[] = {{"no such folder", "/nonexistent/alerts", Errc::kNotFound},
               {"a folder", "/tmp", Errc::kSystem}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.why);
    const auto sink = make_file_sink(c.path, "host");
    ASSERT_FALSE(sink.has_value());
    EXPECT_EQ(sink.error().code, c.code);
    EXPECT_THAT(sink.error().message, HasSubstr(c.path));
  }
}

TEST(FileSink, HoldsWhatAFullDiskDoesNotTakeAndCountsWhatIsLost) {
  auto sink = make_file_sink("/dev/full", "host");
  ASSERT_TRUE(sink.has_value()) << sink.error().message;
  Alert large = sample();
  large.cmdline.assign(1u << 20, 'x');
  for (int i = 0; i < 20; ++i) {
    const Result<void> written = (*sink)->write(large);
    ASSERT_FALSE(written.has_value());
    EXPECT_THAT(written.error().message, HasSubstr("No space left"));
  }
  EXPECT_EQ((*sink)->written(), 0U);
  EXPECT_EQ((*sink)->held() + (*sink)->lost(), 20U);
  EXPECT_EQ((*sink)->held(), 15U) << "kMaxHeldBytes of them";
}

TEST(FdSink, WritesHeldLinesInOrderOnceTheReaderReads) {
  // A socket with the smallest buffer there is, so that it is soon full.
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  const int small = 1;
  ::setsockopt(writer.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  const auto sink = make_fd_sink(writer.get(), "host");
  std::uint64_t sent = 0;
  for (; sink->held() == 0 && sent < 1000; ++sent) {
    Alert alert = sample();
    alert.count = sent;
    static_cast<void>(sink->write(alert).has_value());
  }
  ASSERT_GT(sink->held(), 0U);
  std::string got;
  char buffer[4096];
  for (int round = 0; round < 1000 && sink->held() > 0; ++round) {
    const ssize_t size = ::read(reader.get(), buffer, sizeof buffer);
    if (size > 0) got.append(buffer, static_cast<std::size_t>(size));
    static_cast<void>(sink->flush().has_value());
  }
  for (ssize_t size = 0; (size = ::read(reader.get(), buffer, sizeof buffer)) > 0;) {
    got.append(buffer, static_cast<std::size_t>(size));
  }
  EXPECT_EQ(sink->lost(), 0U);
  EXPECT_EQ(static_cast<std::uint64_t>(std::count(got.begin(), got.end(), '\n')), sent);
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < sent; ++i) {
    at = got.find(fmt::format("\"count\":{},", i), at);
    ASSERT_NE(at, std::string::npos) << "alert " << i << " is missing or out of order";
  }
}

TEST(FdSink, DoesNotStopForAPipeThatNobodyReads) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  const auto sink = make_fd_sink(writer.get(), "host");
  for (int i = 0; i < 200; ++i) static_cast<void>(sink->write(sample()).has_value());
  EXPECT_GT(sink->held(), 0U);
  EXPECT_EQ(::fcntl(writer.get(), F_GETFL) & O_NONBLOCK, 0) << "the program shares this pipe";
}

TEST(FdSink, FailsWithoutASignalWhenNobodyIsThere) {
  const auto sink = make_fd_sink(-1, "host");
  EXPECT_FALSE(sink->write(sample()).has_value());
  EXPECT_EQ(sink->held(), 1U);
}

}  // namespace
}  // namespace sysnare
