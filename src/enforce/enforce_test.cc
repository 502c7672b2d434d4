#include "enforce/enforce.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>

#include "arch/abi.h"
#include "enforce/call_text.h"
#include "enforce/notify.h"
#include "enforce/own_verdict.h"

namespace sysnare {
namespace {

using ::testing::HasSubstr;

/// `action` for call `nr`, ALLOW for every other.
std::vector<sock_filter> one_call(std::uint32_t nr, std::uint32_t action) {
  return {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, action),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
}

EnforceSpec command(std::vector<std::string> argv) {
  EnforceSpec spec;
  spec.argv = std::move(argv);
  return spec;
}

struct Recorder : EnforceHandler {
  void on_kill(const FilterKill& kill) override { kills.push_back(kill); }
  void on_program_end(int wait_status) override { ends.push_back(wait_status); }
  std::vector<FilterKill> kills;
  std::vector<int> ends;
};

TEST(Enforce, TellsWhichCallKilledAndThatTheProgramEndedOnce) {
  EnforceSpec spec = command({"sh", "-c", "kill -0 $PPID; exit 3"});
  spec.filters = {one_call(SYS_kill, SECCOMP_RET_KILL_PROCESS)};
  Recorder handler;
  const Result<EnforceOutcome> outcome = enforce(spec, handler);
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_EQ(outcome->exec.kind, ExecOutcome::Kind::kRunning);
  EXPECT_EQ(WTERMSIG(outcome->wait_status), SIGSYS);
  ASSERT_EQ(handler.kills.size(), 1u);
  const FilterKill& kill = handler.kills.front();
  EXPECT_EQ(kill.data.nr, SYS_kill);
  EXPECT_EQ(kill.data.args[0], static_cast<std::uint64_t>(::getpid()));
  EXPECT_EQ(kill.action, SECCOMP_RET_KILL_PROCESS);
  EXPECT_TRUE(kill.launched_program);
  EXPECT_FALSE(kill.before_exec);
  EXPECT_FALSE(kill.others_live);
  EXPECT_THAT(kill.place.module, HasSubstr("libc"));
  EXPECT_EQ(kill.place.symbol, "kill");
  ASSERT_TRUE(outcome->kill.has_value());
  EXPECT_EQ(outcome->kill->data.nr, SYS_kill);
  EXPECT_EQ(handler.ends, std::vector<int>{outcome->wait_status});
}

TEST(Enforce, TheDefaultAnswerToTraceIsWhatNoTracerWouldGive) {
  for (const bool explain : {true, false}) {
    SCOPED_TRACE(explain);
    // dash's `kill -0` says by its status that the call failed.
    EnforceSpec spec = command({"sh", "-c", "kill -0 $$ 2>/dev/null || exit 4"});
    spec.filters = {one_call(SYS_kill, SECCOMP_RET_TRACE | 7)};
    spec.explain = explain;
    Recorder handler;
    const Result<EnforceOutcome> outcome = enforce(spec, handler);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(WEXITSTATUS(outcome->wait_status), 4);
  }
}

TEST(Enforce, HandsTraceCallsToTheHandlerWithTheFiltersMessage) {
  struct Tracer : Recorder {
    TraceAnswer on_trace(pid_t, const seccomp_data& data, std::uint16_t got) override {
      nr = data.nr;
      message = got;
      TraceAnswer answer;
      answer.kind = TraceAnswer::Kind::kKill;
      return answer;
    }
    int nr = -1;
    std::uint16_t message = 0;
  };
  EnforceSpec spec = command({"sh", "-c", "kill -0 $$; exit 5"});
  spec.filters = {one_call(SYS_kill, SECCOMP_RET_TRACE | 7)};
  Tracer handler;
  const Result<EnforceOutcome> outcome = enforce(spec, handler);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(handler.nr, SYS_kill);
  EXPECT_EQ(handler.message, 7);
  EXPECT_TRUE(outcome->killed_by_us);
  EXPECT_EQ(WTERMSIG(outcome->wait_status), SIGKILL);
}

TEST(Enforce, AHandlersErrorEndsTheProgramAndIsReturned) {
  struct Failing : EnforceHandler {
    Result<void> on_notification(int) override { return fail(Errc::kSystem, "no more"); }
  };
  for (const bool explain : {true, false}) {
    EnforceSpec spec = command({"sh", "-c", "kill -0 $$; sleep 1000"});
    spec.filters = {one_call(SYS_kill, SECCOMP_RET_USER_NOTIF)};
    spec.listener = true;
    spec.explain = explain;
    Failing handler;
    const Result<EnforceOutcome> outcome = enforce(spec, handler);
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().message, "no more");
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "nothing is left behind";
  }
}

TEST(Enforce, NotificationsAreServedUntilTheLastProcessUnderTheFilterEnds) {
  struct Serving : EnforceHandler {
    Result<void> on_notification(int listener) override {
      Result<std::optional<seccomp_notif>> got = receive_notification(listener);
      if (!got) return propagate(got);
      if (!*got) return {};
      ++served;
      return continue_call(listener, **got);
    }
    void on_program_end(int) override { at_end = served; }
    int served = 0;
    int at_end = -1;
  };
  // The one left behind makes its call only after the program has ended (it has a new parent).
  EnforceSpec spec = command({"sh", "-c",
                              "p=$$; kill -0 $$; (while [ -d /proc/$p ]; do sleep 0.01; done; kill "
                              "-0 1 2>/dev/null) & exit 0"});
  spec.filters = {one_call(SYS_kill, SECCOMP_RET_USER_NOTIF)};
  spec.listener = true;
  spec.after_end = EnforceSpec::AfterEnd::kServe;
  Serving handler;
  const Result<EnforceOutcome> outcome = enforce(spec, handler);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(handler.at_end, 1);
  EXPECT_EQ(handler.served, 2);
}

TEST(Enforce, IsClosedToTheProgramsUserWhileItRuns) {
  struct Looking : EnforceHandler {
    Result<void> on_start(const Launch&) override {
      at_start = ::prctl(PR_GET_DUMPABLE);
      return {};
    }
    void on_program_end(int) override { at_end = ::prctl(PR_GET_DUMPABLE); }
    int at_start = -1;
    int at_end = -1;
  };
  for (const int before : {1, 0}) {
    for (const bool explain : {true, false}) {
      ASSERT_EQ(::prctl(PR_SET_DUMPABLE, explain ? 1 : before), 0);
      EnforceSpec spec = command({"true"});
      spec.explain = explain;
      Looking handler;
      const Result<EnforceOutcome> outcome = enforce(spec, handler);
      EXPECT_TRUE(outcome.has_value());
      EXPECT_EQ(handler.at_start, 0);
      EXPECT_EQ(handler.at_end, 0);
      EXPECT_EQ(::prctl(PR_GET_DUMPABLE), explain ? 1 : before) << "as it was";
    }
  }
  ::prctl(PR_SET_DUMPABLE, 1);
}

TEST(Enforce, NothingRunsWhenTheHandlerRefusesTheStart) {
  struct Refusing : EnforceHandler {
    Result<void> on_start(const Launch& launch) override {
      child = launch.pid();
      return fail(Errc::kUsage, "not now");
    }
    pid_t child = 0;
  };
  Refusing handler;
  const Result<EnforceOutcome> outcome = enforce(command({"true"}), handler);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().message, "not now");
  EXPECT_EQ(::kill(handler.child, 0), -1);
}

TEST(Enforce, ServesFurtherDescriptorsAndDeadlines) {
  struct Busy : EnforceHandler {
    std::vector<pollfd> descriptors() override {
      if (ready) return {};
      return {{read_end, POLLIN, 0}};
    }
    Result<void> on_ready(const pollfd&) override {
      ready = true;
      due = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
      return {};
    }
    std::optional<std::chrono::steady_clock::time_point> deadline() override { return due; }
    Result<void> on_deadline() override {
      due.reset();
      const char byte = 'x';
      // Only this lets the program end.
      EXPECT_EQ(::write(to_program, &byte, 1), 1);
      return {};
    }
    int read_end = -1;
    int to_program = -1;
    bool ready = false;
    std::optional<std::chrono::steady_clock::time_point> due;
  };
  int from[2];
  int to[2];
  ASSERT_EQ(::pipe(from), 0);
  ASSERT_EQ(::pipe(to), 0);
  Busy handler;
  handler.read_end = from[0];
  handler.to_program = to[1];
  const Result<EnforceOutcome> outcome = enforce(
      command({"sh", "-c",
               fmt::format("echo >&{}; head -c 1 <&{} >/dev/null; exit 6", from[1], to[0])}),
      handler);
  for (int fd : {from[0], from[1], to[0], to[1]}) ::close(fd);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(WEXITSTATUS(outcome->wait_status), 6);
  EXPECT_TRUE(handler.ready);
}

TEST(Enforce, LeavesTheCallersOtherChildrenAlone) {
  const pid_t other = ::fork();
  if (other == 0) ::_exit(11);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(other), &info, WEXITED | WNOWAIT), 0);
  for (const bool explain : {true, false}) {
    EnforceSpec spec = command({"sh", "-c", "(exit 1); (exit 2); exit 3"});
    spec.explain = explain;
    Recorder handler;
    const Result<EnforceOutcome> outcome = enforce(spec, handler);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(WEXITSTATUS(outcome->wait_status), 3);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(other, &status, WNOHANG), other);
  EXPECT_EQ(WEXITSTATUS(status), 11);
}

TEST(Enforce, TellsAFailedExecFromAProgramThatRan) {
  using Kind = ExecOutcome::Kind;
  struct Case {
    const char* why;
    std::vector<sock_filter> filter;
    Kind kind;
    int sys_errno;
  };
  const Case cases[] = {
      {"runs", one_call(SYS_getppid, SECCOMP_RET_ALLOW), Kind::kRunning, 0},
      {"refused", one_call(SYS_execve, SECCOMP_RET_ERRNO | EACCES), Kind::kExecFailed, EACCES},
      {"killed", one_call(SYS_execve, SECCOMP_RET_KILL_PROCESS), Kind::kKilled, 0},
      {"trapped", one_call(SYS_execve, SECCOMP_RET_TRAP), Kind::kKilled, 0},
      {"no program at all", {BPF_STMT(BPF_RET | BPF_K, 0xdead0000u)}, Kind::kKilled, 0},
      {"unloadable", {BPF_STMT(BPF_LD | BPF_IMM, 0)}, Kind::kFilterFailed, EINVAL},
  };
  for (const Case& c : cases) {
    for (const bool explain : {true, false}) {
      SCOPED_TRACE(fmt::format("{}, explain {}", c.why, explain));
      EnforceSpec spec = command({"true"});
      spec.filters = {c.filter};
      spec.explain = explain;
      Recorder handler;
      const Result<EnforceOutcome> outcome = enforce(spec, handler);
      ASSERT_TRUE(outcome.has_value());
      EXPECT_EQ(outcome->exec.kind, c.kind);
      EXPECT_EQ(outcome->exec.sys_errno, c.sys_errno);
      for (const FilterKill& kill : handler.kills) EXPECT_TRUE(kill.before_exec);
    }
  }
  Recorder handler;
  EXPECT_EQ(enforce(command({"no-such-command"}), handler).error().code, Errc::kNotFound);
  EXPECT_EQ(enforce(command({"/tmp"}), handler).error().code, Errc::kNoPermission);
  EXPECT_EQ(enforce(command({}), handler).error().code, Errc::kUsage);
}

TEST(OwnVerdict, JoinsFiltersAsTheKernelDoes) {
  struct Case {
    const char* why;
    std::vector<std::vector<sock_filter>> filters;
    std::uint32_t verdict;
  };
  const Case cases[] = {
      {"no filter", {}, SECCOMP_RET_ALLOW},
      {"another call", {one_call(2, SECCOMP_RET_KILL_PROCESS)}, SECCOMP_RET_ALLOW},
      {"one", {one_call(1, SECCOMP_RET_ERRNO | 5)}, SECCOMP_RET_ERRNO | 5},
      {"the stronger of two, first",
       {one_call(1, SECCOMP_RET_KILL_PROCESS), one_call(1, SECCOMP_RET_TRAP)},
       SECCOMP_RET_KILL_PROCESS},
      {"the stronger of two, last",
       {one_call(1, SECCOMP_RET_LOG), one_call(1, SECCOMP_RET_ERRNO)},
       SECCOMP_RET_ERRNO},
      {"of equals the newest",
       {one_call(1, SECCOMP_RET_ERRNO | 5), one_call(1, SECCOMP_RET_ERRNO | 6)},
       SECCOMP_RET_ERRNO | 6},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    seccomp_data data{};
    data.nr = 1;
    data.arch = audit_arch(native_abi());
    EXPECT_EQ(own_verdict(c.filters, data), c.verdict);
  }
}

TEST(CallText, ShowsNamesTypesAndStrings) {
  const std::string path = "some \x1b[31mwhere";
  const std::string longer(100, 'a');
  const auto address = [](const std::string& text) {
    return reinterpret_cast<std::uint64_t>(text.c_str());
  };
  struct Case {
    const char* why;
    pid_t pid;
    std::uint32_t arch;
    int nr;
    std::vector<std::uint64_t> args;
    std::string text;
  };
  const std::uint32_t x86 = audit_arch(Abi::kX86_64);
  const Case cases[] = {
      {"no arguments", 0, x86, 39, {}, "getpid()"},
      {"a string and a mode",
       ::getpid(),
       x86,
       83,
       {address(path), 0755},
       "mkdir(\"some \\x1b[31mwhere\", 0755)"},
      {"a long string",
       ::getpid(),
       x86,
       80,
       {address(longer)},
       "chdir(\"" + std::string(64, 'a') + "\"...)"},
      {"an unreadable string", ::getpid(), x86, 80, {0x10}, "chdir(0x10)"},
      {"no process to read from", 0, x86, 80, {0x10}, "chdir(0x10)"},
      {"a null string", ::getpid(), x86, 80, {0}, "chdir(NULL)"},
      {"signed", 0, x86, 62, {0xffffffff, 9}, "kill(-1, 9)"},
      {"unsigned", 0, x86, 3, {0xffffffff}, "close(0xffffffff)"},
      {"another ABI", 0, audit_arch(Abi::kI386), 20, {}, "i386 getpid()"},
      {"x32", 0, x86, 0x40000027, {}, "x32 getpid()"},
      {"a number that no table knows", 0, x86, 4000, {}, "syscall_0xfa0(...)"},
      {"an architecture that no table knows", 0, 0x1234, 7, {}, "call 7 of architecture 0x1234"},
  };
  if (native_abi() != Abi::kX86_64) GTEST_SKIP() << "the cases are x86_64's";
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    seccomp_data data{};
    data.nr = c.nr;
    data.arch = c.arch;
    for (std::size_t i = 0; i < c.args.size(); ++i) data.args[i] = c.args[i];
    EXPECT_EQ(call_text(c.pid, data), c.text);
  }
}

}  // namespace
}  // namespace sysnare
