#pragma once
#include <string>
#include <vector>

namespace tsct {

// Makes `at` if it is missing, 0700: what is shown there is for nobody else. Parents are made too, 0755.
void make_private_directories(const std::string& at);

// Leaves the host's mount namespace. What is mounted from here on, only this process and its children see;
// what the host unmounts goes away here too, so that nothing of it is kept busy.
void enter_private_mounts();

// Mounts the trees, lowest first, as one read-only tree on `at`: a bind of a single one, an overlay of
// several. Set-id bits and devices in it are dead. Whiteouts and attributes of `userxattr` overlays count.
// Trees may be hostile: they are opened by their own path, nothing in them is looked up.
void mount_merged(const std::vector<std::string>& trees, const std::string& at);

// A small file shown beside the trees.
struct NotedFile {
  std::string name;  // relative, one directory deep at most
  int fd = -1;       // what it says, from its start
};

// Mounts a temporary file system of its own on `at`: the files, and an empty directory `rootfs` for
// mount_merged(). Becomes the working directory.
void mount_notes(const std::vector<NotedFile>& files, const std::string& at);

}  // namespace tsct
