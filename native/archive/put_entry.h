#pragma once
#include "archive/tar_reader.h"
#include "archive/tree_writer.h"

namespace tsct::archive {

// Makes in a tree what the reader stands at; `entry` is what it says of itself, under the name it shall have
// there. root_entry: the entry for the tree itself sets its owner, mode and times.
void put_entry(TarReader& tar, TreeWriter& writer, const Entry& entry, bool root_entry, Report& report);

}  // namespace tsct::archive
