// An export -> tree. An export is a tar stream of, in this order
//   tsct/manifest.json    what it is; printed at once, so that who asked can stop here
//   rootfs, rootfs/...    the tree; of a delta what was added or changed, and whiteouts for what is gone
//   tsct/checksums.json   SHA-256 of every byte before it; nothing follows
#include <fcntl.h>

#include <cstdio>

#include "archive/jobs.h"
#include "archive/put_entry.h"
#include "sys/error_line.h"
#include "sys/file.h"

namespace tsct::archive {

namespace {

constexpr size_t kManifestMax = 16 << 20;
constexpr size_t kChecksumsMax = 64 << 10;
constexpr std::string_view kRoot = "rootfs";

// False when the path is not below rootfs/.
bool take_root_off(std::string& path) {
  if (path == kRoot) {
    path.clear();
    return true;
  }
  if (!path.starts_with(kRoot) || path[kRoot.size()] != '/') return false;
  path.erase(0, kRoot.size() + 1);
  return true;
}

void print_line(const std::string& line) {
  fputs(line.c_str(), stdout);
  if (fflush(stdout) != 0) fail("print summary", "write", "stdout");
}

void read_manifest(TarReader& tar) {
  // Whatever is wrong with the first entry: this is something else.
  if (!tar.next() || tar.name() != kManifestName)
    refuse("read archive", "", "it is no export of tsct: it does not begin with tsct/manifest.json");
  print_line("{\"manifest\":" + json_string(tar.text(kManifestMax)) + "}\n");
}

void read_tree(TarReader& tar, TreeWriter& writer, Report& report) {
  for (;;) {
    if (!tar.next())
      refuse("read archive", tar.name(), "it ends after this without its checksums: it is truncated");
    if (tar.name() == kChecksumsName) return;
    Entry entry = tar.entry();
    if (!take_root_off(entry.path)) refuse("read entry", tar.name(), "no export has such an entry");
    if (!entry.hardlink.empty() && (!take_root_off(entry.hardlink) || entry.hardlink.empty()))
      refuse("make hard link", tar.name(), "its target is not in the tree");
    put_entry(tar, writer, entry, true, report);
  }
}

struct Target {
  UniqueFd fd;
  TreeWriter::Existing existing;
};

Target ask(int fd) {
  std::string line = read_fd(fd, "ask where to", "caller");
  if (line.ends_with('\n')) line.pop_back();
  const bool onto = line.starts_with("onto ");
  if (!onto && !line.starts_with("into ")) refuse("ask where to", "caller", "it does not say");
  const std::string path = line.substr(5);
  UniqueFd target(
      check(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open directory", "open", path));
  return {std::move(target), onto ? TreeWriter::Existing::Change : TreeWriter::Existing::Ours};
}

}  // namespace

std::string import_tree(const ImportJob& job, Report& report) {
  TarReader tar(job.input_fd, report);
  read_manifest(tar);
  Target target = ask(job.ask_fd);
  TreeWriter writer(target.fd.get(), report, TreeWriter::Privileges::Keep, target.existing);
  read_tree(tar, writer, report);
  const uint64_t bytes = tar.position();
  const std::string found = tar.digest_before();
  const std::string said = tar.text(kChecksumsMax);
  if (tar.next())
    refuse("read archive", tar.name(), "this entry comes after the checksums: it was added to the export");
  tar.drain(true);
  writer.finish();
  print_line("{\"checksums\":" + json_string(said) + ",\"sha256\":" + json_string(found) +
             ",\"bytes\":" + std::to_string(bytes) + "}\n");
  return tar.id();
}

}  // namespace tsct::archive
