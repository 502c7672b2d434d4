// `trace` of a cgroup, a unit and the whole host, and a recorder that dies.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "processes.h"
#include "sentences.h"
#include "test_cgroup.h"

namespace sysnare::live {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class TraceScope : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!is_root()) GTEST_SKIP() << "only root makes cgroups, and loads eBPF programs";
    // kernel/bpf/syscall.c bpf_prog_get_fd_by_id() (v6.1): how these tests see that it is armed.
    if (!has_capability(CAP_SYS_ADMIN)) GTEST_SKIP() << "needs CAP_SYS_ADMIN, to see programs";
    if (!cgroup_.there()) GTEST_SKIP() << "cgroup v2 is not mounted here";
  }
  const TestCgroup& cgroup() { return cgroup_; }

 private:
  TestCgroup cgroup_{""};
};

/// The calls of one name in a list of evidence.
std::uint64_t count_of(const nlohmann::json& calls, const char* name) {
  std::uint64_t count = 0;
  for (const auto& call : calls) {
    if (call["name"] == name) count += call["count"].get<std::uint64_t>();
  }
  return count;
}

/// eBPF programs that a process holds, by what /proc/PID/fdinfo says of its descriptors; of those
/// that are attached alone with `attached`.
std::set<unsigned> programs_of(int pid, bool attached) {
  std::set<unsigned> ids;
  const std::string folder = "/proc/" + std::to_string(pid) + "/fdinfo/";
  for (int fd = 0; fd < 256; ++fd) {
    const std::string info = slurp(folder + std::to_string(fd));
    if (attached && info.find("link_type:") == std::string::npos) continue;
    std::istringstream lines(info);
    for (std::string line; std::getline(lines, line);) {
      constexpr std::string_view kKey = "prog_id:";
      if (line.starts_with(kKey)) {
        ids.insert(static_cast<unsigned>(std::stoul(line.substr(kKey.size()))));
      }
    }
  }
  return ids;
}

std::string name_of_program(unsigned id) {
  union bpf_attr attributes {};
  attributes.prog_id = id;
  const long fd = ::syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attributes, sizeof attributes);
  if (fd < 0) return "";
  bpf_prog_info info{};
  union bpf_attr ask {};
  ask.info.bpf_fd = static_cast<__u32>(fd);
  ask.info.info_len = sizeof info;
  ask.info.info = reinterpret_cast<__u64>(&info);
  const long known = ::syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &ask, sizeof ask);
  ::close(static_cast<int>(fd));
  return known == 0 ? info.name : "";
}

/// Whether it sees who changes its cgroup, which it is told last of all: from then on whoever comes
/// into one that is empty is seen whole.
bool sees_who_comes(int pid) {
  const std::set<unsigned> ids = programs_of(pid, true);
  return std::any_of(ids.begin(), ids.end(), [](unsigned id) {
    return std::string_view("on_cgroup_change").starts_with(name_of_program(id)) &&
           name_of_program(id).size() > 10;  // the kernel cuts names to 15
  });
}

/// Whether the kernel still holds an eBPF program: what is attached lives.
bool program_is_there(unsigned id) {
  union bpf_attr attributes {};
  attributes.prog_id = id;
  const long fd = ::syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attributes, sizeof attributes);
  if (fd >= 0) ::close(static_cast<int>(fd));
  return fd >= 0;
}

TEST_F(TraceScope, PrintsTheTableOfACgroupToStandardOutput) {
  Background trace({sysnare_path(), "trace", "--counts", "--cgroup", cgroup().path()});
  ASSERT_TRUE(eventually([&] { return sees_who_comes(trace.pid()); }));
  Background inside_it(inside(cgroup().path(), {victim("scope_calls"), "getppid", "123"}));
  EXPECT_EQ(inside_it.wait().status, 0);
  const Outcome outcome = trace.wait();
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("calls of cgroup " + cgroup().path()));
  EXPECT_THAT(outcome.out, HasSubstr("      123           getppid\n"));
  EXPECT_THAT(outcome.out, HasSubstr("/scope_calls\n"));
  EXPECT_THAT(outcome.out, EndsWith(" 0 lost\n"));
  EXPECT_THAT(outcome.err, IsEmpty());
}

TEST_F(TraceScope, ASignalEndsAndWritesIt) {
  for (const int signal : {SIGINT, SIGTERM}) {
    SCOPED_TRACE(signal);
    const TempDir dir;
    const std::string file = dir / "e.json";
    Background looper(inside(cgroup().path(), {victim("looper"), "2"}));
    ASSERT_TRUE(eventually([&] { return looper.out_so_far() == "ready\n"; }));
    Background trace({sysnare_path(), "trace", "--cgroup", cgroup().path(), "-o", file});
    ASSERT_TRUE(eventually([&] { return sees_who_comes(trace.pid()); }));
    const std::uint64_t before = context_switches(looper.pid());
    ASSERT_TRUE(eventually([&] { return context_switches(looper.pid()) > before + 400; }));
    trace.signal(signal);
    const Outcome outcome = trace.wait();
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("note: the recording ended while the program still ran"));
    const auto evidence = nlohmann::json::parse(slurp(file));
    EXPECT_GT(count_of(evidence["calls"], "getppid"), 0u);
    EXPECT_THAT(evidence["program"]["path"].get<std::string>(), EndsWith("/looper"));
    looper.signal(SIGTERM);
    EXPECT_EQ(looper.wait().status, 0) << "goes on as if nothing had been";
  }
}

TEST_F(TraceScope, AHostIsToldByExecutableAndCgroup) {
  const TempDir dir;
  const std::string file = dir / "host.json";
  // Runs before the recording begins, and goes on.
  Background looper(inside(cgroup().path(), {victim("looper"), "2"}));
  ASSERT_TRUE(eventually([&] { return looper.out_so_far() == "ready\n"; }));
  // A file of its own: others of the machine may run the program that is under test, too.
  const std::string ours = dir / "sysnare";
  std::filesystem::copy_file(sysnare_path(), ours);
  Background trace({ours, "trace", "--host", "-o", file});
  ASSERT_TRUE(eventually([&] { return sees_who_comes(trace.pid()); }));
  const std::uint64_t before = context_switches(looper.pid());
  ASSERT_TRUE(eventually([&] { return context_switches(looper.pid()) > before + 400; }));
  Background first(inside(cgroup().inner(), {victim("scope_calls"), "getppid", "321"}));
  const TestCgroup other("");
  Background second(inside(other.path(), {victim("scope_calls"), "getppid", "77"}));
  EXPECT_EQ(first.wait().status, 0);
  EXPECT_EQ(second.wait().status, 0);
  trace.signal(SIGINT);
  const Outcome outcome = trace.wait();
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("of this host\n"));
  EXPECT_THAT(outcome.out, HasSubstr(" executable\n"));
  EXPECT_THAT(outcome.out, HasSubstr(" in cgroup /"));
  EXPECT_THAT(outcome.out, EndsWith(" 0 lost\n"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("still ran")));
  const auto evidence = nlohmann::json::parse(slurp(file));
  std::map<std::string, std::uint64_t> getppid;
  bool saw_looper = false;
  for (const auto& executable : evidence["executables"]) {
    const auto path = executable["program"]["path"].get<std::string>();
    const auto in = executable["cgroup"].get<std::string>();
    EXPECT_NE(path, ours) << "our own process stays out";
    if (path == victim("scope_calls")) getppid[in] += count_of(executable["calls"], "getppid");
    if (path == victim("looper") && in == cgroup().name()) {
      saw_looper = true;
      EXPECT_GT(count_of(executable["calls"], "nanosleep"), 0u);
    }
  }
  EXPECT_TRUE(saw_looper);
  EXPECT_EQ(getppid[cgroup().name() + "/inner"], 321u);
  EXPECT_EQ(getppid[other.name()], 77u);
}

TEST_F(TraceScope, AUnitIsACgroupOfThatName) {
  const std::string name = "sysnare-test-unit-" + std::to_string(::getpid());
  const std::string unit = cgroup().path() + "/" + name + ".service";
  ASSERT_EQ(::mkdir(unit.c_str(), 0755), 0);
  const TempDir dir;
  Background trace({sysnare_path(), "trace", "--unit", name, "-o", dir / "e.json"});
  ASSERT_TRUE(eventually([&] { return sees_who_comes(trace.pid()); }));
  Background service(inside(unit, {victim("scope_calls"), "getppid", "12"}));
  EXPECT_EQ(service.wait().status, 0);
  // A restart: the same path, and another cgroup.
  ASSERT_TRUE(eventually([&] { return ::rmdir(unit.c_str()) == 0; }));
  ASSERT_EQ(::mkdir(unit.c_str(), 0755), 0);
  Background again(inside(unit, {victim("scope_calls"), "getppid", "30"}));
  EXPECT_EQ(again.wait().status, 0);
  trace.signal(SIGINT);
  const Outcome outcome = trace.wait();
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("of cgroup " + unit + "\n"));
  EXPECT_EQ(count_of(nlohmann::json::parse(slurp(dir / "e.json"))["calls"], "getppid"), 42u);
  EXPECT_TRUE(eventually([&] { return ::rmdir(unit.c_str()) == 0; }));

  const Outcome none = sysnare({"trace", "--unit", name});
  EXPECT_EQ(none.status, 125);
  expect_one_sentence(none, "trace");
  EXPECT_THAT(none.err, HasSubstr("unit " + name + ".service"));
}

TEST_F(TraceScope, ARecorderThatIsKilledLeavesNothingBehind) {
  // The last word is for us alone, who look for it.
  const std::vector<std::string> command = {victim("looper"), "2", std::to_string(::getpid())};
  Background trace(
      {sysnare_path(), "trace", "--recorder", "ebpf", command[0], command[1], command[2]});
  ASSERT_TRUE(eventually([&] { return trace.out_so_far() == "ready\n"; }));
  const std::set<unsigned> programs = programs_of(trace.pid(), false);
  ASSERT_FALSE(programs.empty());
  const int looper = process_of(command);
  ASSERT_GT(looper, 0);
  ::kill(trace.pid(), SIGKILL);
  EXPECT_EQ(trace.wait().status, 128 + SIGKILL);
  for (const unsigned id : programs) {
    EXPECT_TRUE(eventually([&] { return !program_is_there(id); })) << "eBPF program " << id;
  }
  const std::uint64_t before = context_switches(looper);
  EXPECT_TRUE(eventually([&] { return context_switches(looper) > before + 100; }))
      << "the program goes on";
  ::kill(looper, SIGTERM);
  EXPECT_TRUE(eventually([&] {
    const char state = state_of(looper);
    return state == '?' || state == 'Z';
  }));
}

}  // namespace
}  // namespace sysnare::live
