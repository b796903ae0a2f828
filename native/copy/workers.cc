#include "copy/workers.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace tsct::copy {

Workers::Workers(unsigned count) {
  for (unsigned i = 0; i < count; i++) threads_.emplace_back([this] { work(); });
}

Workers::~Workers() {
  {
    std::lock_guard lock(mutex_);
    tasks_.clear();
    ended_ = true;
    wake_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Workers::hurry(bool on) {
  std::lock_guard lock(mutex_);
  schedule(on);
}

void Workers::schedule(bool hurry) {
  // Not by a nice value: that counts among the processes of one session only (sched(7), "autogroup").
  const sched_param priority{.sched_priority = hurry ? 1 : 0};
  for (pid_t id : ids_) ::sched_setscheduler(id, hurry ? SCHED_RR : SCHED_OTHER, &priority);
  ::sched_setscheduler(0, hurry ? SCHED_RR : SCHED_OTHER, &priority);
  hurried_ = hurry;
}

void Workers::add(Task task) {
  std::lock_guard lock(mutex_);
  if (failure_) return;
  tasks_.push_back(std::move(task));
  wake_.notify_one();
}

void Workers::wait() {
  std::unique_lock lock(mutex_);
  auto idle = [this] { return busy_ == 0 && tasks_.empty(); };
  if (hurried_ && !idle_.wait_for(lock, kHurryMax, idle)) schedule(false);
  idle_.wait(lock, idle);
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Workers::work() {
  auto buffer = std::make_unique<char[]>(kBuffer);
  std::unique_lock lock(mutex_);
  ids_.push_back(::gettid());
  for (;;) {
    wake_.wait(lock, [this] { return ended_ || !tasks_.empty(); });
    if (ended_) return;
    Task task = std::move(tasks_.back());
    tasks_.pop_back();
    busy_++;
    lock.unlock();
    std::exception_ptr failure;
    try {
      task(buffer.get());
    } catch (...) {
      failure = std::current_exception();
    }
    task = nullptr;  // what it holds open is closed without the lock
    std::vector<Task> dropped;
    lock.lock();
    if (failure) {
      if (!failure_) failure_ = failure;
      dropped.swap(tasks_);
    }
    busy_--;
    if (busy_ == 0 && tasks_.empty()) idle_.notify_all();
    if (!dropped.empty()) {
      lock.unlock();
      dropped.clear();
      lock.lock();
    }
  }
}

unsigned worker_count() {
  cpu_set_t set;
  unsigned processors = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return std::clamp(processors, 2u, 8u);
}

}  // namespace tsct::copy
