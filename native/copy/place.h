#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "sys/unique_fd.h"

namespace tsct::copy {

// A directory by name. A chain and not a path: a guest may nest directories as deep as it likes, and paths of
// all of them would take memory by the square.
struct Place {
  std::shared_ptr<const Place> parent;  // none: the root of the tree
  std::string name;

  std::string path() const {
    if (!parent) return "";
    std::string up = parent->path();
    return up.empty() ? name : up + '/' + name;
  }
};
using PlacePtr = std::shared_ptr<const Place>;

// Opened from the root of a tree that nobody else writes to, name by name: however deep it is.
UniqueFd open_place(int root, const PlacePtr& place);

// An object in it. The path is put together only for somebody who reads it.
struct Where {
  const PlacePtr& folder;
  const char* name;

  std::string path() const {
    std::string up = folder->path();
    if (up.empty()) return name;
    return name == std::string_view(".") ? up : up + '/' + name;  // "." is the directory itself
  }
};

}  // namespace tsct::copy
