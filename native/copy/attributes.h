#pragma once
#include <sys/stat.h>

#include <map>
#include <string>
#include <string_view>

#include "copy/place.h"

namespace tsct::copy {

// Extended attributes that belong to a tree: `user.*` with overlay's own `user.overlay.*`, file capabilities,
// POSIX ACLs. Not `trusted.*` (overlay on the host believes trusted.overlay.*) nor host labels, which the
// host's policy gives to new files itself.
bool kept_attribute(std::string_view name);

// What the copy's object was before: a new one has the owner of this process, no attributes and, unless its
// directory passes on an ACL or a group, just the mode that was asked for.
enum class Before { New, Anything };

// Owner, mode, attributes, times of a file or directory, both open: as the last step, after content.
// `made_mode` is the mode that a New one was made with.
void copy_attributes(int from, int to, const struct stat& st, Before before, mode_t made_mode,
                     const Where& where);

// Takes back what a new, open directory got from the one that it was made in: group, ACLs, set-group-id.
void shed_inherited(int directory, const Where& where);

// As copy_attributes, for what cannot be opened: links, FIFOs, nodes.
void copy_attributes_at(int from_directory, int to_directory, const struct stat& st, Before before,
                        const Where& where);

// Attributes of an object as a container sees them: those that are kept, but for overlay's own. Not followed.
std::map<std::string, std::string> attributes_of(int directory, const char* name);

}  // namespace tsct::copy
