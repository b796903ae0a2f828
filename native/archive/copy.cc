// tree -> tree. One thread walks and makes directories, links and nodes; workers copy the files. The id is
// the SHA-256 of a canonical listing: for each object in walk order its path, type and mode, owner, node
// number, size, modification time, link target, attributes and the digest of its content, each field with its
// length. The digest of a content leaves out 64 KiB pieces of zeros, so holes and written zeros make no
// difference.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <thread>

#include "archive/jobs.h"
#include "archive/sha256.h"
#include "archive/walk.h"
#include "archive/xattrs.h"

namespace tsct::archive {

namespace {

constexpr size_t kPiece = 64 << 10;
constexpr size_t kBuffer = 4 * kPiece;
constexpr size_t kPage = 4096;
// Each waiting file holds two directories open at most.
constexpr size_t kQueueMax = 256;
// While one file is copied that takes long, the walk goes on no further than this.
constexpr size_t kRecordsMax = 1 << 14;

bool all_zero(const char* data, size_t size) {
  return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

// One line of the listing: kept until all before it are in the id.
struct Record {
  explicit Record(const Entry& e) : entry(e) {}

  Entry entry;
  std::string content;
  std::atomic<bool> done = false;
};

struct FileJob {
  Found from;
  TreeWriter::Place to;
  Record* record;
};

class Copier {
 public:
  Copier(const CopyJob& job, Report& report)
      : job_(job), report_(report), writer_(job.into_fd, report, TreeWriter::Privileges::Keep) {}

  std::string run() {
    {
      std::vector<std::jthread> workers;
      // Also when the walk throws: workers must see the end before they are joined.
      struct Closer {
        Copier& copier;
        ~Closer() { copier.close_queue(); }
      };
      for (unsigned i = 0; i < job_.workers; i++) workers.emplace_back([this] { work(); });
      Closer closer{*this};
      walk(job_.from_fd, report_, [this](const Found& found) { visit(found); });
    }
    if (failure_) std::rethrow_exception(failure_);
    if (writes()) {
      for (const Entry& link : hardlinks_) writer_.make(link);
      writer_.finish();
    }
    list_done();
    return "sha256:" + listing_.hex();
  }

 private:
  bool writes() const { return job_.into_fd >= 0; }

  void visit(const Found& found) {
    report_.count_entry(found.entry);
    list_done();
    Record& record = records_.emplace_back(found.entry);
    bool is_link = !found.entry.hardlink.empty();
    if (found.entry.is(S_IFREG) && !is_link)
      return enqueue({found, writes() ? writer_.place(found.entry.path) : TreeWriter::Place{}, &record});
    if (found.entry.is(S_IFDIR)) {
      UniqueFd fd = open_found(found);
      record.entry.xattrs = read_xattrs(fd.get(), found.entry.path, report_);
    }
    if (is_link)
      hardlinks_.push_back(record.entry);
    else if (writes())
      writer_.make(record.entry);
    record.done = true;
  }

  void enqueue(FileJob&& job) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return (queue_.size() < kQueueMax && may_list()) || failure_; });
    if (failure_) std::rethrow_exception(failure_);
    queue_.push_back(std::move(job));
    work_.notify_one();
  }

  // Of the walking thread, as all of records_ is but what a worker writes into one that is not done.
  bool may_list() const { return records_.size() < kRecordsMax || records_.front().done; }

  void close_queue() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    work_.notify_all();
  }

  void work() {
    std::vector<char> buffer(kBuffer);
    for (;;) {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return !queue_.empty() || closed_ || failure_; });
      if (queue_.empty() || failure_) return;
      FileJob job = std::move(queue_.front());
      queue_.pop_front();
      room_.notify_one();
      lock.unlock();
      try {
        copy_file(job, buffer);
        lock.lock();
        job.record->done = true;
        room_.notify_one();
      } catch (...) {
        std::lock_guard relock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        room_.notify_all();
        work_.notify_all();
        return;
      }
    }
  }

  void copy_file(const FileJob& job, std::vector<char>& buffer) {
    Entry& entry = job.record->entry;
    UniqueFd from = open_found(job.from);
    UniqueFd to = writes() ? writer_.create_file(job.to, entry.path) : UniqueFd();
    entry.xattrs = read_xattrs(from.get(), entry.path, report_);
    Sha256 digest;
    if (entry.size > 0) {
      // FICLONE shares the blocks (ioctl_ficlone(2): btrfs, xfs, bcachefs); one refusal is the answer for
      // all.
      bool cloned = to && clones_ && ::ioctl(to.get(), FICLONE, from.get()) == 0;
      if (!cloned) clones_ = false;
      copy_content(from.get(), cloned ? -1 : to.get(), job.from.sparse, entry, digest, buffer);
      if (to && job.from.sparse && !cloned)
        check(::ftruncate(to.get(), entry.size), "set size", "ftruncate", entry.path);
    }
    job.record->content = digest.hex();
    if (to) writer_.finish_file(to.get(), entry);
  }

  // Reads all of a file, into its digest and, unless to_fd is -1, into the copy.
  void copy_content(int from_fd, int to_fd, bool sparse, Entry& entry, Sha256& digest,
                    std::vector<char>& buffer) {
    int64_t at = 0;
    for (;;) {
      if (sparse) {
        off_t data = ::lseek(from_fd, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) return;
        check(data, "find data", "lseek", entry.path);
        at = data / static_cast<off_t>(kPiece) * static_cast<off_t>(kPiece);
      }
      size_t size = read_full(from_fd, at, buffer, entry.path);
      if (size == 0) break;
      for (size_t done = 0; done < size; done += kPiece) {
        const char* piece = buffer.data() + done;
        size_t length = std::min(kPiece, size - done);
        if (all_zero(piece, length)) {
          if (to_fd >= 0 && !sparse)
            write_full(to_fd, at + static_cast<int64_t>(done), piece, length, entry.path);
          continue;
        }
        uint64_t position = static_cast<uint64_t>(at) + done;
        digest.update(&position, sizeof position);
        digest.update(piece, length);
        if (to_fd < 0) continue;
        if (sparse)
          write_pages(to_fd, at + static_cast<int64_t>(done), piece, length, entry.path);
        else
          write_full(to_fd, at + static_cast<int64_t>(done), piece, length, entry.path);
      }
      report_.count_bytes(size);
      at += static_cast<int64_t>(size);
      if (size < buffer.size()) break;
    }
    // A file that grew or shrank meanwhile is what it is now.
    if (!sparse) entry.size = at;
  }

  static size_t read_full(int fd, int64_t at, std::vector<char>& buffer, const std::string& path) {
    size_t done = 0;
    while (done < buffer.size()) {
      ssize_t n = ::pread(fd, buffer.data() + done, buffer.size() - done, at + static_cast<int64_t>(done));
      if (n < 0 && errno == EINTR) continue;
      if (check(n, "read file", "pread", path) == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  static void write_full(int fd, int64_t at, const char* data, size_t size, const std::string& path) {
    for (size_t done = 0; done < size;) {
      ssize_t n = ::pwrite(fd, data + done, size - done, at + static_cast<int64_t>(done));
      if (n < 0 && errno == EINTR) continue;
      done += static_cast<size_t>(check(n, "write file", "pwrite", path));
    }
  }

  // Only the runs of pages that hold something: a hole stays one.
  static void write_pages(int fd, int64_t at, const char* data, size_t size, const std::string& path) {
    for (size_t page = 0; page < size;) {
      size_t end = page;
      while (end < size && !all_zero(data + end, std::min(kPage, size - end))) end += kPage;
      if (end > page)
        write_full(fd, at + static_cast<int64_t>(page), data + page, std::min(end, size) - page, path);
      page = end + kPage;
    }
  }

  // Puts what is done, up to the first that is not, into the listing.
  void list_done() {
    for (; !records_.empty() && records_.front().done; records_.pop_front()) list(records_.front());
  }

  void list(const Record& record) {
    auto field = [&](std::string_view text) {
      uint64_t length = text.size();
      listing_.update(&length, sizeof length);
      listing_.update(text);
    };
    const Entry& e = record.entry;
    for (const std::string& text : {e.path, std::to_string(e.mode), std::to_string(e.uid),
                                    std::to_string(e.gid), std::to_string(e.device), std::to_string(e.size),
                                    std::to_string(e.mtime.tv_sec), std::to_string(e.mtime.tv_nsec), e.target,
                                    e.hardlink, record.content, std::to_string(e.xattrs.size())})
      field(text);
    for (const Xattr& xattr : e.xattrs) {
      field(xattr.name);
      field(xattr.value);
    }
  }

  const CopyJob& job_;
  Report& report_;
  TreeWriter writer_;
  std::atomic<bool> clones_ = true;
  std::deque<Record> records_;  // a deque: workers hold addresses
  Sha256 listing_;
  std::vector<Entry> hardlinks_;
  std::mutex mutex_;
  std::condition_variable work_, room_;
  std::deque<FileJob> queue_;
  bool closed_ = false;
  std::exception_ptr failure_;
};

}  // namespace

std::string copy(const CopyJob& job, Report& report) {
  return Copier(job, report).run();
}

}  // namespace tsct::archive
