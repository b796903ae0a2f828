#pragma once
// One run of nft(8) with a text of ours. A file is carried out as a whole or not at all.
#include <sys/types.h>

#include <string>

#include "sys/unique_fd.h"

namespace tsct {

class NftRun {
 public:
  // Started here; nothing is run for an empty text. It sees the mounts of whoever starts it: before those of
  // the container are made. Throws SysError.
  explicit NftRun(const std::string& text);
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
