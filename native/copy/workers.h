#pragma once
#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tsct::copy {

// Threads that take from one stack of tasks: last in, first out, so that a tree is worked through depth first
// and only the directories on the way down are open.
class Workers {
 public:
  // A buffer of kBuffer bytes, the thread's own.
  using Task = std::function<void(char* buffer)>;
  static constexpr size_t kBuffer = 256 << 10;
  static constexpr std::chrono::milliseconds kHurryMax{300};

  explicit Workers(unsigned count);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void add(Task task);
  // Until nothing is left to do. Throws the first failure of a task; those still waiting were dropped then.
  void wait();
  // Before all others on this machine, as far as that is allowed: for the time in which somebody stands
  // still.
  void hurry(bool on);

 private:
  void work();
  void schedule(bool hurry);

  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  std::vector<Task> tasks_;
  unsigned busy_ = 0;
  bool ended_ = false;
  bool hurried_ = false;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
  std::vector<pid_t> ids_;
};

// How many threads pay: some more than processors, as they wait for the disk.
unsigned worker_count();

}  // namespace tsct::copy
