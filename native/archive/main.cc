// tsct-archive: trees <-> streams, and trees <-> trees. See usage() for its words.
//   stdout: the summary, one JSON line (pack: the stream itself, no summary)
//   stderr: one JSON line {stage,step,call,errno,target,detail} when it fails; exit code 1, 2 for wrong usage
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <thread>

#include "archive/enter.h"
#include "archive/jobs.h"
#include "sys/error.h"
#include "sys/error_line.h"
#include "sys/file.h"
#include "sys/parent.h"
#include "sys/syscalls.h"

namespace {

using namespace tsct;
using namespace tsct::archive;

[[noreturn]] void usage() {
  fputs(
      "usage: tsct-archive [--progress-fd N] [--enter-pid PID [--parent PID]] [--drop-privileges] VERB\n"
      "  unpack --into DIR [FILE]    tar (plain, gzip, bzip2, xz, lzma, zstd, lz4) from FILE or stdin into "
      "DIR\n"
      "  unpack --target PATH        as cp: into PATH if it is a directory, else as PATH itself\n"
      "  copy FROM INTO              a tree into an empty directory\n"
      "  digest DIR                  the summary that a copy of DIR would have\n"
      "  pack PATH [--as NAME]       PATH as a pax stream to stdout; --as . names it `./`\n"
      "    [--root DIR]              PATH as one sees it whose root DIR is: no link leads out\n"
      "    [--no-tree]               a directory is refused\n"
      "  export DIR                  DIR as an export (tar.zst) to stdout, its manifest from fd 3; summary "
      "on stderr\n"
      "    [--changes]               only what `tsct-copy diff --delta` says on fd 4\n"
      "  survey DIR                  notes for mend to stdout: what restic would lose of DIR\n"
      "  mend DIR                    DIR put right by notes from stdin\n"
      "  import [FILE]               an export from FILE or stdin; prints manifest, checksums, summary; "
      "after the\n"
      "                              manifest fd 3 says `into DIR`, or `onto DIR` for a tree to change\n",
      stderr);
  exit(2);
}

struct Options {
  int progress_fd = -1;
  pid_t enter_pid = 0;
  pid_t parent = 0;
  bool drop_privileges = false;
  bool no_tree = false;
  bool changes = false;
  std::string into, target, as, root;
  std::vector<std::string> words;
};

int number(const char* text) {
  char* end;
  long value = strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || value < 0 || value > 1 << 30) usage();
  return static_cast<int>(value);
}

Options parse(int argc, char** argv) {
  static const option kLong[] = {
      {"progress-fd", required_argument, nullptr, 'p'},
      {"enter-pid", required_argument, nullptr, 'e'},
      {"parent", required_argument, nullptr, 'P'},
      {"drop-privileges", no_argument, nullptr, 'd'},
      {"into", required_argument, nullptr, 'i'},
      {"target", required_argument, nullptr, 't'},
      {"as", required_argument, nullptr, 'a'},
      {"root", required_argument, nullptr, 'r'},
      {"no-tree", no_argument, nullptr, 'n'},
      {"changes", no_argument, nullptr, 'c'},
      {nullptr, 0, nullptr, 0},
  };
  Options options;
  for (int c; (c = getopt_long(argc, argv, "", kLong, nullptr)) != -1;) {
    if (c == 'p')
      options.progress_fd = number(optarg);
    else if (c == 'e')
      options.enter_pid = number(optarg);
    else if (c == 'P')
      options.parent = number(optarg);
    else if (c == 'd')
      options.drop_privileges = true;
    else if (c == 'i')
      options.into = optarg;
    else if (c == 't')
      options.target = optarg;
    else if (c == 'a')
      options.as = optarg;
    else if (c == 'r')
      options.root = optarg;
    else if (c == 'n')
      options.no_tree = true;
    else if (c == 'c')
      options.changes = true;
    else
      usage();
  }
  options.words.assign(argv + optind, argv + argc);
  return options;
}

UniqueFd open_directory(const std::string& path) {
  return UniqueFd(
      check(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open directory", "open", path));
}

struct Split {
  std::string parent, name;
};

// A trailing slash does not count; the name of `/`, `.` and `x/..` is ".".
Split split(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") return {path, "."};
  if (slash == std::string::npos) return {".", name};
  return {slash == 0 ? "/" : path.substr(0, slash), name};
}

// As cp(1): a target that is a directory takes the source in under its own name, any other target is the new
// name. A link to a directory is one, as for cp.
void aim(const std::string& target, UnpackJob& job, UniqueFd& into) {
  UniqueFd directory(::open(target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) {
    into = std::move(directory);
  } else {
    if (errno != ENOENT && errno != ENOTDIR) fail("open target", "open", target);
    Split at = split(target);
    if (at.name == "." || target.ends_with('/'))
      refuse("open target", target, "there is no such directory", ENOENT);
    into = open_directory(at.parent);
    job.rename_top = at.name;
  }
  job.into_fd = into.get();
  job.root_entry = false;
}

void run_unpack(const Options& options, Report& report) {
  // From inside a container the stream can only be stdin: a file of the host was opened before, or never.
  UniqueFd input;
  UnpackJob job;
  if (options.words.size() > 2 || options.into.empty() == options.target.empty()) usage();
  if (options.words.size() == 2) {
    input.reset(check(::open(options.words[1].c_str(), O_RDONLY | O_CLOEXEC), "open archive", "open",
                      options.words[1]));
    job.input_fd = input.get();
  }
  if (options.enter_pid != 0) enter_container(options.enter_pid, options.parent);
  job.privileges = options.drop_privileges ? TreeWriter::Privileges::Drop : TreeWriter::Privileges::Keep;
  UniqueFd into;
  if (options.target.empty()) {
    into = open_directory(options.into);
    job.into_fd = into.get();
  } else {
    aim(options.target, job, into);
  }
  std::string id = unpack(job, report);
  report.print(id);
}

void run_copy(const Options& options, Report& report) {
  const bool writes = options.words[0] == "copy";
  if (options.words.size() != (writes ? 3 : 2) || options.enter_pid != 0 || options.drop_privileges) usage();
  UniqueFd from = open_directory(options.words[1]);
  UniqueFd into = writes ? open_directory(options.words[2]) : UniqueFd();
  CopyJob job{from.get(), into.get(), std::max(2u, std::min(4u, std::thread::hardware_concurrency()))};
  std::string id = copy(job, report);
  report.print(id);
}

void run_pack(const Options& options, Report& report) {
  if (options.words.size() != 2) usage();
  if (options.enter_pid != 0) enter_container(options.enter_pid, options.parent);
  Split at = split(options.words[1]);
  UniqueFd parent;
  if (options.root.empty()) {
    parent = open_directory(at.parent);
  } else {
    UniqueFd root = open_directory(options.root);
    parent = open_in_root(root.get(), at.parent, O_RDONLY | O_DIRECTORY, "open directory");
  }
  PackJob job{parent.get(), at.name, options.as.empty() ? at.name : options.as, 1, options.no_tree};
  if (job.as.find('/') != std::string::npos || job.as == "..") usage();
  pack(job, report);
}

void run_export(const Options& options, Report& report) {
  if (options.words.size() != 2) usage();
  UniqueFd from = open_directory(options.words[1]);
  export_tree({from.get(), read_fd(3, "read manifest", "fd 3"), options.changes ? 4 : -1, 1}, report);
  report.print("", stderr);
}

void run_mend(const Options& options, Report& report) {
  if (options.words.size() != 2) usage();
  UniqueFd tree = open_directory(options.words[1]);
  if (options.words[0] == "survey") return survey(tree.get(), 1, report);
  mend(tree.get(), 0, report);
  report.print("");
}

void run_import(const Options& options, Report& report) {
  if (options.words.size() > 2) usage();
  UniqueFd input;
  if (options.words.size() == 2)
    input.reset(check(::open(options.words[1].c_str(), O_RDONLY | O_CLOEXEC), "open archive", "open",
                      options.words[1]));
  std::string id = import_tree({input ? input.get() : 0, 3}, report);
  report.print(id);
}

}  // namespace

int main(int argc, char** argv) {
  die_with_parent();
  // Names are bytes; this locale is in libc itself and needs no file (since glibc 2.35).
  setlocale(LC_CTYPE, "C.UTF-8");
  umask(0);
  signal(SIGPIPE, SIG_IGN);
  rlimit files;
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  Options options = parse(argc, argv);
  if (options.words.empty()) usage();
  Report report(options.progress_fd);
  const std::string& verb = options.words[0];
  try {
    if (verb == "unpack")
      run_unpack(options, report);
    else if (verb == "copy" || verb == "digest")
      run_copy(options, report);
    else if (verb == "pack")
      run_pack(options, report);
    else if (verb == "export")
      run_export(options, report);
    else if (verb == "survey" || verb == "mend")
      run_mend(options, report);
    else if (verb == "import")
      run_import(options, report);
    else
      usage();
    return 0;
  } catch (SysError& error) {
    error.stage = "archive";
    print_error(error);
  } catch (const std::exception& error) {
    print_error(SysError{"archive", verb, "", 0, "", error.what()});
  }
  return 1;
}
