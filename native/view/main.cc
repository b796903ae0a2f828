// tsct-view: runs a command that sees some trees of the store as the one tree that they make up, read-only.
//   1 unshare(NEWNS), everything a slave of the host's
//   2 the mount at DIR
//   3 execve of the command, in whatever directory this was started in
// The mount goes away with the last process of the command: nothing has to be undone, whatever happens.
//   stderr: one JSON line {stage,step,call,errno,target,detail} when it fails before that; exit code 125
#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "sys/error.h"
#include "sys/error_line.h"
#include "sys/parent.h"
#include "view/merged_mount.h"

namespace {

using namespace tsct;

constexpr int kExitOwnFailure = 125;

[[noreturn]] void usage() {
  fputs(
      "usage: tsct-view --at DIR [--file NAME=FD]... --tree TREE... -- CMD ARGS...\n"
      "  trees lowest first, all paths absolute. With files DIR has those, the tree is DIR/rootfs, and CMD "
      "runs in "
      "DIR\n",
      stderr);
  exit(2);
}

struct Options {
  std::string at;
  std::vector<std::string> trees;
  std::vector<NotedFile> files;
  char** command = nullptr;
};

NotedFile parse_file(const std::string& word) {
  size_t equals = word.rfind('=');
  if (equals == 0 || equals == std::string::npos || word[0] == '/') usage();
  char* end;
  long fd = strtol(word.c_str() + equals + 1, &end, 10);
  if (*end != '\0' || fd < 3 || fd > 1 << 20) usage();
  return {word.substr(0, equals), static_cast<int>(fd)};
}

Options parse(int argc, char** argv) {
  static const option kLong[] = {
      {"at", required_argument, nullptr, 'a'},
      {"tree", required_argument, nullptr, 't'},
      {"file", required_argument, nullptr, 'f'},
      {nullptr, 0, nullptr, 0},
  };
  Options options;
  for (int c; (c = getopt_long(argc, argv, "+", kLong, nullptr)) != -1;) {
    if (c == 'a')
      options.at = optarg;
    else if (c == 't')
      options.trees.push_back(optarg);
    else if (c == 'f')
      options.files.push_back(parse_file(optarg));
    else
      usage();
  }
  options.command = argv + optind;
  if (!options.at.starts_with('/') || options.trees.empty() || options.command[0] == nullptr) usage();
  for (const std::string& tree : options.trees)
    if (!tree.starts_with('/')) usage();
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  Options options = parse(argc, argv);
  try {
    die_with_parent();
    make_private_directories(options.at);
    enter_private_mounts();
    if (options.files.empty()) {
      mount_merged(options.trees, options.at);
    } else {
      mount_notes(options.files, options.at);
      mount_merged(options.trees, options.at + "/rootfs");
    }
    ::execvp(options.command[0], options.command);
    fail("run command", "execve", options.command[0]);
  } catch (SysError& error) {
    error.stage = "view";
    print_error(error);
  }
  return kExitOwnFailure;
}
