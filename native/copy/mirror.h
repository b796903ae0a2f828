#pragma once
#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "copy/content.h"
#include "copy/links.h"
#include "copy/place.h"
#include "copy/workers.h"
#include "sys/unique_fd.h"

namespace tsct::copy {

struct Memory;

// What the copy has under one name, and of which state of the source: 32 bytes and the name.
struct Known {
  uint64_t inode = 0;
  int64_t changed_ns = 0;         // ctime
  std::unique_ptr<Memory> below;  // of a directory
  uint32_t name = 0;              // in Memory::text
  uint8_t type = 0;               // DT_*; of what is to be copied while `absent`
  bool absent = false;            // the copy has nothing of this name
  bool unsure = false;            // may have changed since without a trace
  bool linked = false;            // has other names
};

// What the copy of a directory holds.
struct Memory {
  std::vector<Known> entries;  // by name
  std::string text;
  uint64_t inode = 0;
  int64_t changed_ns = 0;
  bool unsure = true;
};

// Makes one tree equal to another, in as many passes as wanted: each looks at every object of the source and
// copies what is not as the pass before saw it. Many threads; names are resolved from open directories only
// and links never followed.
//
// What counts as changed: another inode or another ctime, which every change but one sets. The one: pages
// mapped for writing (MAP_SHARED) set the times only when they are first written after they were last
// cleaned. So the caller cleans all pages (syncfs) before a pass, and whatever has a time since then counts
// as changed in the next.
class Mirror {
 public:
  struct Pass {
    int64_t unsure_from_ns = INT64_MAX;  // whatever has a time from here on may change without another one
    bool files_unsure = false;           // as may all files
    bool distrust = false;               // the clock was set: times told nothing, all counts as changed
    bool still = false;                  // nobody writes to the source: what vanishes is an error
    bool remember = false;               // another pass will follow
  };

  Mirror(UniqueFd from, UniqueFd to, Reflink reflink, Summary& summary, Workers& workers)
      : from_(std::move(from)),
        to_(std::move(to)),
        summary_(summary),
        workers_(workers),
        content_(reflink, summary),
        links_(to_.get()),
        root_(std::make_shared<Place>()) {}

  // Throws SysError.
  void run(const Pass& pass);

  Content& content() { return content_; }
  int from() const { return from_.get(); }
  int to() const { return to_.get(); }

 private:
  struct Folder;
  using FolderPtr = std::shared_ptr<Folder>;
  enum class Made { Yes, Raced, Gone };

  int copy_of(Folder& folder);
  void enter(const FolderPtr& up, size_t index, char* buffer);
  void process(const FolderPtr& folder, char* buffer);
  void merge(Folder& folder, char* buffer);
  void entries(const FolderPtr& folder, size_t from, size_t to, char* buffer);
  void entry(const FolderPtr& folder, size_t index, char* buffer);
  void update(const FolderPtr& folder, size_t index, uint8_t type, char* buffer);
  Made make_file(Folder& folder, Known& known, char* buffer);
  Made make_special(Folder& folder, Known& known, const struct stat& st);
  Made make_link(Folder& folder, Known& known);
  void lost(Folder& folder, Known& known);
  void clear(Folder& folder, Known& known);
  void note(Known& known, const struct stat& st, uint8_t type);
  bool unsure(const struct stat& st) const;
  void release(const FolderPtr& folder);

  const UniqueFd from_, to_;
  Summary& summary_;
  Workers& workers_;
  Content content_;
  Links links_;
  const PlacePtr root_;
  Memory memory_;
  Pass pass_;
};

}  // namespace tsct::copy
