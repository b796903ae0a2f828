// tsct-copy: trees on disk: whole copies, live ones, what differs, removal. See usage() for its words.
//   stdout: the result, JSON
//   stderr: one JSON line {stage,step,call,errno,target,detail} when it fails; exit code 1, 2 for wrong usage
#include <getopt.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <vector>

#include "copy/faults.h"
#include "copy/jobs.h"
#include "copy/subvolume.h"
#include "sys/error.h"
#include "sys/error_line.h"
#include "sys/parent.h"

namespace {

using namespace tsct;
using namespace tsct::copy;

[[noreturn]] void usage() {
  fputs(
      "usage: tsct-copy VERB ...\n"
      "  tree [--reflink=auto|always|never] [--sync] SRC... DST   trees merged as overlay does, lowest "
      "first, into the "
      "empty directory DST\n"
      "  live [--reflink=auto|always|never] SRC DST   one, while SRC is written to: see "
      "live.cc\n"
      "  diff [--delta] --a TREE... --b TREE...                what the second stack shows differently\n"
      "  remove PATH...                                        trees, files, btrfs subvolumes\n"
      "  subvolume create PATH                                 btrfs\n"
      "  subvolume snapshot [--readonly] SRC DST\n"
      "  --fault-points                                        names for TSCT_FAULT\n",
      stderr);
  exit(2);
}

struct Options {
  Reflink reflink = Reflink::Auto;
  bool sync = false;
  bool readonly = false;
  std::vector<std::string> words;
};

Reflink reflink(const char* text) {
  if (strcmp(text, "auto") == 0) return Reflink::Auto;
  if (strcmp(text, "always") == 0) return Reflink::Always;
  if (strcmp(text, "never") == 0) return Reflink::Never;
  usage();
}

Options parse(int argc, char** argv) {
  static const option kLong[] = {{"reflink", required_argument, nullptr, 'r'},
                                 {"sync", no_argument, nullptr, 's'},
                                 {"readonly", no_argument, nullptr, 'o'},
                                 {"fault-points", no_argument, nullptr, 'f'},
                                 {nullptr, 0, nullptr, 0}};
  Options options;
  for (int c; (c = getopt_long(argc, argv, "", kLong, nullptr)) != -1;) {
    if (c == 'r')
      options.reflink = reflink(optarg);
    else if (c == 's')
      options.sync = true;
    else if (c == 'o')
      options.readonly = true;
    else if (c == 'f')
      print_fault_points(), exit(0);
    else
      usage();
  }
  options.words.assign(argv + optind, argv + argc);
  return options;
}

// Its options take many words each.
int run_diff(int argc, char** argv) {
  std::vector<std::string> stacks[2];
  std::vector<std::string>* stack = nullptr;
  Telling telling = Telling::Lines;
  for (int i = 2; i < argc; i++) {
    if (strcmp(argv[i], "--delta") == 0)
      telling = Telling::Delta;
    else if (strcmp(argv[i], "--a") == 0)
      stack = &stacks[0];
    else if (strcmp(argv[i], "--b") == 0)
      stack = &stacks[1];
    else if (stack == nullptr)
      usage();
    else
      stack->push_back(argv[i]);
  }
  if (stacks[0].empty() || stacks[1].empty()) usage();
  diff_trees(stacks[0], stacks[1], telling);
  return 0;
}

int run_subvolume(const Options& options) {
  const auto& words = options.words;
  if (words[1] == "create" && words.size() == 3)
    create_subvolume(words[2]);
  else if (words[1] == "snapshot" && words.size() == 4)
    snapshot_subvolume(words[2], words[3], options.readonly);
  else
    usage();
  return 0;
}

int run(const Options& options) {
  const auto& words = options.words;
  const std::string& verb = words[0];
  if (verb == "tree" && words.size() >= 3) {
    copy_tree({words.begin() + 1, words.end() - 1}, words.back(), options.reflink, options.sync);
    return 0;
  }
  if (verb == "live" && words.size() == 3) return copy_live(words[1], words[2], options.reflink);
  if (verb == "remove" && words.size() >= 2) {
    remove_trees({words.begin() + 1, words.end()});
    return 0;
  }
  if (verb == "subvolume" && words.size() >= 3) return run_subvolume(options);
  usage();
}

}  // namespace

int main(int argc, char** argv) {
  die_with_parent();
  umask(0);
  signal(SIGPIPE, SIG_IGN);
  // Two for each directory on the way down, and a guest makes trees as deep as it likes.
  rlimit files;
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  const bool differs = argc > 1 && strcmp(argv[1], "diff") == 0;
  Options options = differs ? Options{.words = {"diff"}} : parse(argc, argv);
  if (options.words.empty()) usage();
  try {
    return differs ? run_diff(argc, argv) : run(options);
  } catch (SysError& error) {
    error.stage = "copy";
    print_error(error);
  } catch (const std::exception& error) {
    print_error(SysError{"copy", options.words[0], "", 0, "", error.what()});
  }
  return 1;
}
