#pragma once
#include <string>

namespace tsct::copy {

// btrfs by ioctl (btrfs-subvolume(8) without the program). Paths: the parent must be there, the last
// component must not. Throw SysError, ENOTTY where the file system is another one.
void create_subvolume(const std::string& path);
void snapshot_subvolume(const std::string& from, const std::string& to, bool readonly);

// Whether an open directory is the root of a subvolume.
bool is_subvolume(int directory);

// Removes a subvolume without looking at its files. False when others are nested in it.
bool destroy_subvolume(int parent, const char* name, const std::string& path);

// Parent directory and last component of a path, for calls that take these two.
struct Split {
  std::string parent, name;
};
Split split(std::string path);

}  // namespace tsct::copy
