#pragma once
#include <string>
#include <string_view>

#include "archive/report.h"
#include "archive/tree_writer.h"

namespace tsct::archive {

// tar stream -> tree. Returns "sha256:" of the uncompressed stream, to its very last byte (as an OCI diffID).
struct UnpackJob {
  int input_fd = 0;
  int into_fd = -1;
  TreeWriter::Privileges privileges = TreeWriter::Privileges::Keep;
  // Replaces the first component of every name; empty: names are as in the stream.
  std::string rename_top;
  // The stream's entry for the tree itself (`./`) sets owner, mode and times of into_fd.
  bool root_entry = true;
};
std::string unpack(const UnpackJob& job, Report& report);

// tree -> tree. Returns "sha256:" of a canonical listing: see copy.cc.
struct CopyJob {
  int from_fd = -1;
  int into_fd = -1;  // -1: only the listing is made
  unsigned workers = 2;
};
std::string copy(const CopyJob& job, Report& report);

// tree or single file -> pax stream on output_fd.
struct PackJob {
  int parent_fd = -1;
  std::string name;  // below parent_fd, not followed when it is a link; "." for parent_fd itself
  std::string as;    // top-level name in the stream; "." for `./`, the tree's own entry
  int output_fd = 1;
  bool no_tree = false;  // a directory is refused with EISDIR
};
void pack(const PackJob& job, Report& report);

// tree -> an export (tar.zst): the manifest, the tree, the checksums. With changes (see changes.h) only those
// of the tree, as a layer of overlay has them.
constexpr std::string_view kManifestName = "tsct/manifest.json";
constexpr std::string_view kChecksumsName = "tsct/checksums.json";
struct ExportJob {
  int from_fd = -1;
  std::string manifest;
  int changes_fd = -1;  // none: all of the tree
  int output_fd = 1;
};
void export_tree(const ExportJob& job, Report& report);

// an export -> tree. Prints the manifest as soon as it is read, the checksums at the end; whether they are
// right is for the caller to say. Returns the same as unpack().
struct ImportJob {
  int input_fd = 0;
  // Where to is asked there once the manifest is printed: a line `into PATH`, an empty directory, or `onto
  // PATH`, a tree which is changed as an overlay of the archive on it would show it. At its end nothing is
  // done.
  int ask_fd = -1;
};
std::string import_tree(const ImportJob& job, Report& report);

// What a backup engine that knows a tree by lstat(2) and read(2) cannot bring back, told beside the backup
// and put right in what it has brought back: holes, hard links of symbolic links, link targets that are no
// text.
//   survey: tree -> notes on output_fd
//   mend: notes from notes_fd -> changes in a tree; what is not in it is passed over. Attributes that no tree
//   of the store may have are taken away, too.
void survey(int tree_fd, int output_fd, Report& report);
void mend(int tree_fd, int notes_fd, Report& report);

}  // namespace tsct::archive
