// Stacks of real programs, stopped at a call by ptrace: compiled here with the flags that matter.

#include "process/unwind.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>

#include "harness.h"
#include "process/isa_call.h"
#include "process/memory.h"
#include "process/modules.h"

namespace sysnare {
namespace {

using live::TempDir;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A program under ptrace that runs from one write to standard output to the next.
class Tracee {
 public:
  explicit Tracee(const std::vector<std::string>& argv) {
    pid_ = ::fork();
    if (pid_ == 0) {
      std::vector<char*> words;
      for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
      words.push_back(nullptr);
      ::setenv("LC_ALL", "C", 1);
      const int null = ::open("/dev/null", O_WRONLY);
      ::dup2(null, 1);
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ::execv(words[0], words.data());
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(pid_, &status, __WALL);
    constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    ::ptrace(PTRACE_SETOPTIONS, pid_, nullptr, kOptions);
    resume(pid_, 0);
  }
  ~Tracee() {
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(-1, &status, __WALL) > 0) {
    }
  }
  Tracee(const Tracee&) = delete;
  Tracee& operator=(const Tracee&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }

  /// Runs on until a thread is about to make `call` with text that contains `words`, and returns
  /// the thread; 0 when the program ended before. Empty `words` take any text.
  pid_t next_call(long call, const std::string& words) {
    if (stopped_ != 0) resume(stopped_, 0);
    stopped_ = 0;
    int status = 0;
    for (pid_t thread = 0; (thread = ::waitpid(-1, &status, __WALL)) > 0;) {
      if (!WIFSTOPPED(status)) {
        if (thread == pid_) return 0;
        continue;
      }
      int signal = WSTOPSIG(status);
      if (signal == (SIGTRAP | 0x80)) {
        __ptrace_syscall_info info{};
        ::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), thread, sizeof info,
                 &info);
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY && static_cast<long>(info.entry.nr) == call) {
          std::string text(words.size(), '\0');
          read_memory(thread, info.entry.args[1], text.data(), text.size());
          if (text == words) return stopped_ = thread;
        }
        signal = 0;
      } else if (signal == SIGTRAP || signal == SIGSTOP) {
        signal = 0;
      }
      resume(thread, signal);
    }
    return 0;
  }
  pid_t next_write(const std::string& words) { return next_call(SYS_write, words); }

 private:
  static void resume(pid_t thread, int signal) {
    ::ptrace(PTRACE_SYSCALL, thread, nullptr, signal);
  }
  pid_t pid_ = -1;
  pid_t stopped_ = 0;
};

std::string joined(const std::vector<std::string>& frames) {
  std::string text;
  for (const std::string& frame : frames) text += (text.empty() ? "" : " < ") + frame;
  return text;
}

/// Whether `frames` has a frame that starts with each of `wanted`, in that order.
bool in_order(const std::vector<std::string>& frames, const std::vector<std::string>& wanted) {
  std::size_t next = 0;
  for (const std::string& frame : frames) {
    if (next < wanted.size() && frame.starts_with(wanted[next])) ++next;
  }
  return next == wanted.size();
}

/// Compiles tests/victims/unwind/SOURCE with `flags`; the program's path.
std::string compile(const TempDir& folder, const std::string& source,
                    const std::vector<std::string>& flags, const std::string& name = "victim") {
  const bool cxx = source.ends_with(".cc");
  std::vector<std::string> words{cxx ? "g++" : "gcc", "-pthread", "-D_GNU_SOURCE"};
  words.insert(words.end(), flags.begin(), flags.end());
  const std::string program = folder / name;
  words.insert(words.end(),
               {"-o", program, live::source_file("tests/victims/unwind/" + source), "-ldl"});
  const live::Outcome built = live::run(words);
  EXPECT_EQ(built.status, 0) << built.err;
  return program;
}

struct CompiledCase {
  const char* why;
  const char* source;
  std::vector<std::string> flags;
  const char* words;
  std::vector<std::string> wanted;
  bool complete = true;  ///< the walk reaches the outermost frame
};

void PrintTo(const CompiledCase& c, std::ostream* out) { *out << c.why; }

class Compiled : public ::testing::TestWithParam<CompiledCase> {};

TEST_P(Compiled, StackIsThePathOfTheCall) {
  const CompiledCase& c = GetParam();
  SCOPED_TRACE(c.why);
  TempDir folder;
  Tracee tracee({compile(folder, c.source, c.flags)});
  const pid_t thread = tracee.next_write(c.words);
  ASSERT_NE(thread, 0);
  Unwinder unwinder(tracee.pid());
  const UnwoundStack stack = unwinder.unwind(thread);
  EXPECT_TRUE(in_order(stack.frames, c.wanted)) << joined(stack.frames);
  EXPECT_EQ(stack.truncated, !c.complete) << joined(stack.frames);
  // Asked again, from what is kept.
  EXPECT_EQ(unwinder.unwind(thread).frames, stack.frames);
}

const std::vector<std::string> kChain{"write", "inner", "middle", "outer", "main", "_start"};

INSTANTIATE_TEST_SUITE_P(
    Unwind, Compiled,
    ::testing::Values(
        CompiledCase{"inlined functions from DWARF", "chain.c", {"-O2", "-g"}, "main\n", kChain},
        CompiledCase{"DWARF 4", "chain.c", {"-O2", "-g", "-gdwarf-4"}, "main\n", kChain},
        CompiledCase{"compressed DWARF", "chain.c", {"-O2", "-g", "-gz"}, "main\n", kChain},
        CompiledCase{"-O0 has no inlined ones, and is as good",
                     "chain.c",
                     {"-O0", "-g"},
                     "main\n",
                     {"write", "inner", "middle", "outer", "main", "_start"}},
        CompiledCase{"symbols alone",
                     "chain.c",
                     {"-O2"},
                     "main\n",
                     {"write", "middle", "outer", "main", "_start"}},
        CompiledCase{"static, position-dependent",
                     "chain.c",
                     {"-O2", "-g", "-static"},
                     "main\n",
                     {"write", "inner", "middle", "outer", "main", "_start"}},
        CompiledCase{
            "stripped: the places of the program, and the libc's names",
            "chain.c",
            {"-O2", "-s"},
            "main\n",
            {"write", "victim+0x", "victim+0x", "victim+0x", "__libc_start_main", "victim+0x"}},
        CompiledCase{"stripped, frame pointers and no tables",
                     "chain.c",
                     {"-O1", "-s", "-fno-omit-frame-pointer", "-fno-asynchronous-unwind-tables",
                      "-fno-unwind-tables"},
                     "main\n",
                     {"write", "victim+0x", "victim+0x", "victim+0x", "__libc_start_main"}},
        CompiledCase{"frames from .debug_frame alone",
                     "chain.c",
                     {"-O2", "-g", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"},
                     "main\n",
                     kChain},
        CompiledCase{"a thread ends where clone began it",
                     "chain.c",
                     {"-O2", "-g"},
                     "thread\n",
                     {"write", "inner", "middle", "outer", "thread_body", "clone3"}},
        CompiledCase{"through a signal frame into what it interrupted",
                     "chain.c",
                     {"-O2", "-g"},
                     "signal\n",
                     {"write", "inner", "middle", "outer", "on_signal", "<signal handler called>",
                      "raise", "interrupted", "main", "_start"}},
        CompiledCase{"C++ names are demangled, inlined lambdas too",
                     "template.cc",
                     {"-O2", "-g"},
                     "template\n",
                     {"write", "shop::Counter<int>::sell(char const*)::{lambda()#1}::operator()",
                      "shop::Counter<int>::sell", "long shop::serve<int>", "main", "_start"}},
        CompiledCase{"deeper than the limit",
                     "chain.c",
                     {"-O1", "-g"},
                     "deep\n",
                     {"write", "middle", "outer", "recurse", "recurse"},
                     false}),
    [](const auto& case_info) { return "Case" + std::to_string(case_info.index); });

TEST(Unwind, StopsAtTheLimitOfFrames) {
  TempDir folder;
  Tracee tracee({compile(folder, "chain.c", {"-O1", "-fno-optimize-sibling-calls"})});
  const pid_t thread = tracee.next_write("deep\n");
  ASSERT_NE(thread, 0);
  EXPECT_EQ(Unwinder(tracee.pid()).unwind(thread).frames.size(), kMaxFrames);
}

TEST(Unwind, A32BitProgramToo) {
  TempDir folder;
  const std::string program = compile(
      folder, "chain.c", {"-O2", "-g", "-m32", "-isystem", "/usr/include/x86_64-linux-gnu"});
  if (live::run({program}).status != 0) GTEST_SKIP() << "this kernel runs no 32-bit programs";
  Tracee tracee({program});
  const pid_t thread = tracee.next_call(4, "main\n");  // write of i386, whose buffer is second too
  ASSERT_NE(thread, 0);
  const UnwoundStack stack = Unwinder(tracee.pid()).unwind(thread);
  EXPECT_TRUE(in_order(
      stack.frames, {"__kernel_vsyscall", "write", "inner", "middle", "outer", "main", "_start"}))
      << joined(stack.frames);
  EXPECT_FALSE(stack.truncated) << joined(stack.frames);
}

std::string build_go(const TempDir& folder, const std::string& source_folder,
                     const std::vector<std::string>& flags, bool cgo) {
  const std::string program = folder / "program";
  std::vector<std::string> words{"go", "build"};
  words.insert(words.end(), flags.begin(), flags.end());
  words.insert(words.end(), {"-o", program, "main.go"});
  live::RunOptions options;
  options.cwd = live::source_file(source_folder);
  options.deadline = 4 * live::kDeadline;  // cgo and pie build the standard library anew
  options.environment = {"GO111MODULE=off", "GOFLAGS=", cgo ? "CGO_ENABLED=1" : "CGO_ENABLED=0",
                         // Kept: the first build of the standard library takes a minute.
                         "GOCACHE=" + live::victim("../go-cache")};
  const live::Outcome built = live::run(words, options);
  EXPECT_EQ(built.status, 0) << built.err;
  return program;
}

TEST(Unwind, GoIsNamedInlinedFunctionsAndAllStrippedOrNot) {
  if (!live::have_program("go")) GTEST_SKIP() << "no go";
  const std::vector<std::vector<std::string>> kinds = {
      {}, {"-ldflags=-s -w"}, {"-ldflags=-s -w", "-buildmode=pie"}};
  for (const auto& flags : kinds) {
    SCOPED_TRACE(joined(flags));
    TempDir folder;
    Tracee tracee({build_go(folder, "src/flow/demo/helloworld", flags, false)});
    const pid_t thread = tracee.next_write("Hello");
    ASSERT_NE(thread, 0);
    const UnwoundStack stack = Unwinder(tracee.pid()).unwind(thread);
    EXPECT_TRUE(in_order(
        stack.frames,
        {"syscall.write", "internal/poll.(*FD).Write", "os.(*File).write", "os.(*File).Write",
         "fmt.Fprintln", "fmt.Println", "main.main", "runtime.main", "runtime.goexit"}))
        << joined(stack.frames);
    EXPECT_FALSE(stack.truncated);
  }
}

TEST(Unwind, FromGosSystemStackBackToTheGoroutine) {
  if (!live::have_program("go")) GTEST_SKIP() << "no go";
  TempDir folder;
  Tracee tracee({build_go(folder, "src/flow/demo/helloworld", {"-ldflags=-s -w"}, false)});
  // runtime.main starts the monitoring thread: on the system stack, before main.main.
  const pid_t thread = tracee.next_call(SYS_clone, "");
  ASSERT_NE(thread, 0);
  const UnwoundStack stack = Unwinder(tracee.pid()).unwind(thread);
  EXPECT_TRUE(in_order(stack.frames, {"runtime.clone", "runtime.newosproc", "runtime.newm",
                                      "runtime.systemstack", "runtime.main", "runtime.goexit"}))
      << joined(stack.frames);
  EXPECT_FALSE(stack.truncated) << joined(stack.frames);
}

TEST(Unwind, FromCBackIntoGo) {
  if (!live::have_program("go")) GTEST_SKIP() << "no go";
  for (const char* flags : {"-ldflags=", "-ldflags=-s -w"}) {
    SCOPED_TRACE(flags);
    TempDir folder;
    Tracee tracee({build_go(folder, "tests/victims/unwind/cgo", {flags}, true)});
    const pid_t thread = tracee.next_write("cgo\n");
    ASSERT_NE(thread, 0);
    const UnwoundStack stack = Unwinder(tracee.pid()).unwind(thread);
    EXPECT_TRUE(in_order(stack.frames,
                         {"write", "runtime.asmcgocall", "runtime.cgocall", "main._Cfunc_c_outer",
                          "main.callC", "main.main", "runtime.main", "runtime.goexit"}))
        << joined(stack.frames);
    EXPECT_FALSE(stack.truncated) << joined(stack.frames);
  }
}

TEST(Unwind, ALibraryLoadedLaterAndOneThatTookItsPlace) {
  TempDir folder;
  const std::string first =
      compile(folder, "plugin.c", {"-O2", "-g", "-shared", "-fPIC", "-DNAME=first_entry"}, "1.so");
  const std::string second =
      compile(folder, "plugin.c", {"-O2", "-g", "-shared", "-fPIC", "-DNAME=other_entry"}, "2.so");
  Tracee tracee({compile(folder, "loader.c", {"-O2"}), first, second});
  const pid_t thread = tracee.next_write("start\n");
  ASSERT_NE(thread, 0);
  Unwinder unwinder(tracee.pid());
  EXPECT_TRUE(in_order(unwinder.unwind(thread).frames, {"write", "main", "_start"}));
  for (const char* name : {"first_entry", "other_entry"}) {
    ASSERT_NE(tracee.next_write("plugin\n"), 0);
    const UnwoundStack stack = unwinder.unwind(tracee.pid());
    EXPECT_TRUE(in_order(stack.frames, {"write", name, "run", "main", "_start"}))
        << joined(stack.frames);
  }
}

TEST(Unwind, AStackThatLiesEndsTheWalk) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "the victim is written for x86_64";
#endif
  TempDir folder;
  const std::string program = compile(folder, "hostile.c", {"-O1", "-fno-omit-frame-pointer"});
  struct Case {
    const char* how;
    std::size_t least;
    std::size_t most;
  };
  constexpr Case kCases[] = {
      {"nowhere", 1, 1},  // nothing mapped there
      {"kernel", 1, 1},   // no address of a program
      {"last", 1, 1},     // the end of all addresses: sums wrap
      {"loop", 2, 3},     // one step up, none down again
      {"self", 2, 2},     // believed once, then it does not grow
      {"endless", kMaxFrames, kMaxFrames},
      {"unaligned", 1, 1},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.how);
    Tracee tracee({program, c.how});
    const pid_t thread = tracee.next_write("x");
    ASSERT_NE(thread, 0);
    const UnwoundStack stack = Unwinder(tracee.pid()).unwind(thread);
    EXPECT_TRUE(stack.truncated);
    ASSERT_THAT(stack.frames, Not(IsEmpty()));
    EXPECT_THAT(stack.frames.front(), HasSubstr("[anon]+0x"));
    EXPECT_GE(stack.frames.size(), c.least) << joined(stack.frames);
    EXPECT_LE(stack.frames.size(), c.most) << joined(stack.frames);
  }
}

TEST(Unwind, AThreadThatIsGoneHasNoFrames) {
  // Larger than any pid (PID_MAX_LIMIT is 2^22).
  const UnwoundStack stack = Unwinder(1 << 23).unwind(1 << 23);
  EXPECT_THAT(stack.frames, IsEmpty());
  EXPECT_TRUE(stack.truncated);
}

TEST(Unwind, SharesObjectsBetweenProcesses) {
  TempDir folder;
  const std::string program = compile(folder, "chain.c", {"-O2", "-g"});
  const auto modules = std::make_shared<ModuleCache>();
  for (int i = 0; i < 2; ++i) {
    Tracee tracee({program});
    const pid_t thread = tracee.next_write("main\n");
    ASSERT_NE(thread, 0);
    const auto begin = std::chrono::steady_clock::now();
    const UnwoundStack stack = Unwinder(tracee.pid(), modules).unwind(thread);
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
    EXPECT_TRUE(in_order(stack.frames, kChain)) << joined(stack.frames);
    std::cout << (i == 0 ? "first" : "second") << " stack of " << stack.frames.size()
              << " frames: " << took.count() << " us\n";
  }
}

}  // namespace
}  // namespace sysnare
