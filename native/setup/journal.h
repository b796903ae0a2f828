#pragma once
// [Exec] LinkJournal=: the container's journal, seen below the host's /var/log/journal.
//
//   host    /var/log/journal/ID -> .tsct/ID, a directory of the host, which a bind of the plan shows inside
//   guest   /var/log/journal/ID -> RUNDIR/journal, where the container's own directory is mounted while it
//   runs
#include <string>

#include "sys/unique_fd.h"

namespace tsct {

class JsonReader;

struct JournalPlan {
  std::string machine_id;
  bool on_host = false;
  bool optional = false;  // what cannot be linked is not
};

JournalPlan decode_journal(JsonReader reader);

// On the host: the directory that the bind shows, or room for what show_journal mounts. Throws SysError,
// EEXIST for something else at the link's place.
void prepare_journal(const JournalPlan& plan, const std::string& run_dir);

// Of a tree that is whole: its journal's directory, made where it is missing, as a mount for the host's eyes
// (read-only, and none of its symbolic links leads anywhere). Empty: there is nothing to show. Throws
// SysError.
UniqueFd take_journal(const JournalPlan& plan, int root_fd);

// Puts it into the host's mount namespace, then links to it: who follows journals looks when a link appears.
void show_journal(const JournalPlan& plan, const std::string& run_dir, int journal, int host_mounts);

// Takes back what the two above did; a directory of the host only if it is empty. Throws SysError.
void withdraw_journal(const JournalPlan& plan, const std::string& run_dir);

}  // namespace tsct
