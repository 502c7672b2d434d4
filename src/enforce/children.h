#pragma once
// What do the program and its descendants report, and what is done about it?
//
// Without a tracer: that the program stopped or ended. With one: forks, execs, signals, exits and
// SECCOMP_RET_TRACE calls of every thread, each answered so that the thread goes on as if nobody
// had looked. Internal to the room.
//
// Source: ptrace(2), wait(2); kernel/exit.c do_wait(), kernel/signal.c do_jobctl_trap(),
// Linux 6.18.

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "enforce/enforce.h"
#include "process/place.h"

namespace sysnare {

class Children {
 public:
  using Clock = std::chrono::steady_clock;

  /// `spec`, `handler` and `launch` must outlive this.
  Children(const EnforceSpec& spec, EnforceHandler& handler, const Launch& launch);

  /// PTRACE_O_* that the program has to be seized with.
  static std::uint64_t ptrace_options(const EnforceSpec& spec);

  /// Handles what has been reported, kMaxBatch events at most. False: there may be more.
  bool drain();

  [[nodiscard]] bool program_ended() const { return ended_; }
  /// Whether any thread is left that we trace.
  [[nodiscard]] bool any_traced() const { return spec_.explain && !threads_.empty(); }
  /// The signal that stopped the program since the last call; job control has to be mirrored.
  std::optional<int> take_stop() { return std::exchange(stop_, {}); }
  /// The job was stopped and goes on: as the kernel's SIGCONT does, drops the stops that are on
  /// their way, also those that were reported while we ourselves stood still.
  void continued();

  /// When on_deadline() has something to do; empty: never.
  [[nodiscard]] std::optional<Clock::time_point> deadline() const;
  void on_deadline();

  /// Fills everything but `ran`. Call once the program has ended.
  void report(EnforceOutcome& outcome) const;

 private:
  struct Thread {
    pid_t process = 0;
    bool exiting = false;
    bool announced = false;  ///< its parent's event came: we know what kind of child it is
    bool waits = false;      ///< for that, in its first stop
    bool in_vfork = false;   ///< its parent waits until it calls exec or exits
    int held_back = 0;       ///< a stop signal that came meanwhile
  };
  struct LoneThread {
    FilterKill kill;
    Clock::time_point due;
  };
  struct Unannounced {
    pid_t tid;
    Clock::time_point due;
  };

  pid_t next_waitable();
  bool is_tracee(pid_t pid) const;
  Thread& thread(pid_t tid);
  void on_gone(pid_t pid, int status);
  void on_stop(pid_t tid, int status);
  void on_birth(pid_t child, bool in_vfork);
  void on_exec(pid_t tid);
  void on_exit(pid_t tid);
  void on_sigsys_exit(pid_t tid);
  void on_trace(pid_t tid);
  void on_signal(pid_t tid, int signal);
  void on_group_stop(pid_t tid, int signal);
  void resume(pid_t tid, int signal = 0);
  void await_announcement(pid_t tid);
  void announced(Thread& child, pid_t tid);
  bool process_lives(pid_t process) const;
  FilterKill describe(pid_t tid, const seccomp_data& data, std::uint32_t action);
  void announce(FilterKill kill);

  const EnforceSpec& spec_;
  EnforceHandler& handler_;
  const Launch& launch_;
  std::map<pid_t, Thread> threads_;
  Places places_;
  bool ended_ = false;
  bool executed_ = false;
  bool stopped_ = false;
  bool just_continued_ = false;  ///< until all is read that came before
  std::optional<int> stop_;
  std::vector<LoneThread> lone_;
  std::deque<Unannounced> unannounced_;  ///< in the order of their first stops
  /// By process: a death that looks like one by a filter that is not ours; announced when the
  /// process is gone and no better reason was found.
  std::map<pid_t, FilterKill> suspects_;
  std::map<pid_t, FilterKill> killed_;  ///< the last kill of each process that still exists
  std::map<pid_t, bool> raised_;        ///< processes that got a SIGSYS which no filter sent
  ExecOutcome exec_;
  int wait_status_ = 0;
  bool killed_by_us_ = false;
  bool ended_in_loader_ = false;
};

}  // namespace sysnare
