#include "base/workers.h"

#include <exception>
#include <system_error>

namespace sysnare {
namespace {

/// Whether this thread is at work on a piece.
thread_local bool in_piece = false;

}  // namespace

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : others_) thread.join();
}

void Workers::start() {
  started_ = true;
  try {
    for (unsigned i = 1; i < threads_; ++i) others_.emplace_back([this] { help(); });
  } catch (const std::system_error&) {  // no more threads to be had: those there are do it all
  }
}

Workers::Job* Workers::open_job(bool inner_alone) {
  for (Job* job : jobs_) {
    if (job->next < job->count && (job->inner || !inner_alone)) return job;
  }
  return nullptr;
}

/// The mutex is held before and after.
void Workers::run_one(Job& job, Lock& lock) {
  const std::size_t mine = job.next++;
  ++job.running;
  lock.unlock();
  const bool before = in_piece;
  in_piece = true;
  std::exception_ptr error;
  try {
    (*job.work)(mine);
  } catch (...) {  // thrown again in the thread that waits for it
    error = std::current_exception();
  }
  in_piece = before;
  lock.lock();
  if (error && !job.error) job.error = error;
  if (--job.running == 0 && job.next >= job.count) changed_.notify_all();
}

void Workers::help() {
  Lock lock(mutex_);
  while (!stop_) {
    if (Job* job = open_job(false)) {
      run_one(*job, lock);
    } else {
      changed_.wait(lock);
    }
  }
}

void Workers::each(std::size_t count, const std::function<void(std::size_t)>& work) {
  if (threads_ < 2 || count < 2) {
    for (std::size_t i = 0; i < count; ++i) work(i);
    return;
  }
  Lock lock(mutex_);
  if (!started_) start();
  Job job;
  job.work = &work;
  job.count = count;
  job.inner = in_piece;
  const auto place = jobs_.insert(jobs_.end(), &job);
  changed_.notify_all();
  while (job.next < job.count) run_one(job, lock);
  while (job.running > 0) {
    // An outer piece would keep us longer than what we wait for.
    Job* other = open_job(true);
    if (other != nullptr) {
      run_one(*other, lock);
    } else {
      changed_.wait(lock);
    }
  }
  jobs_.erase(place);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace sysnare
