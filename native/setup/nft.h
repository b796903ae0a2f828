#pragma once
// One run of nft(8) with a text of ours. A file is carried out as a whole or not at all.
#include <sys/types.h>

#include <string>
#include <vector>

#include "sys/unique_fd.h"

namespace tsct {

class NftRun {
 public:
  // Started here; nothing is run for an empty text. It sees the mounts of whoever starts it: before those of
  // the container are made. Throws SysError.
  // If this process is killed, what nft has begun may still come about: it holds `locks` until its end, so
  // that whoever undoes it waits for that.
  // `mounts`: the mount namespace that it is to see instead, -1: none.
  NftRun(const std::string& text, const std::vector<int>& locks, int mounts = -1);
  NftRun(const NftRun&) = delete;
  NftRun& operator=(const NftRun&) = delete;
  ~NftRun();

  // Waits for its end; false when it refused the text.
  bool finish();
  // What it said about that, one line.
  const std::string& said() const { return said_; }
  // finish(), or throws with what it said.
  void expect(const std::string& step, const std::string& target);

 private:
  pid_t pid_ = 0;
  bool done_ = false, ok_ = true;
  UniqueFd output_;
  std::string said_;
};

}  // namespace tsct
