#pragma once
// How do several threads share work that falls into pieces, some of which fall into pieces
// themselves?
//
// Who has pieces works on them until none is left to begin, and so does every thread that has
// nothing to do. Outer pieces are begun before inner ones, so that the threads meet in the inner
// ones of the last outer piece. There are no threads until the first piece of work that two can
// share.

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

namespace sysnare {

class Workers {
 public:
  /// `threads`: at most so many at once, the caller's among them.
  explicit Workers(unsigned threads) : threads_(threads) {}
  /// No each() may be at work.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Calls `work` with every number below `count`, in any order, and returns when all are done. The
  /// first exception that comes out of it is thrown here, when the rest is done. `work` may call
  /// each() itself.
  void each(std::size_t count, const std::function<void(std::size_t)>& work);

 private:
  struct Job {
    const std::function<void(std::size_t)>* work = nullptr;
    std::size_t count = 0;
    std::size_t next = 0;     ///< the first that nobody has begun
    std::size_t running = 0;  ///< begun and not done
    bool inner = false;       ///< a piece of another one
    std::exception_ptr error;
  };
  using Lock = std::unique_lock<std::mutex>;

  void start();
  void help();
  void run_one(Job& job, Lock& lock);
  Job* open_job(bool inner_alone);

  const unsigned threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Job*> jobs_;  ///< the outer before the inner
  std::vector<std::thread> others_;
  bool started_ = false;
  bool stop_ = false;
};

}  // namespace sysnare
