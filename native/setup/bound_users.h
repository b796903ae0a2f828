#pragma once
// Users of the host that are users of the container: BindUser= of [Files].
#include <cstdint>
#include <string>
#include <vector>

namespace tsct {

class JsonReader;

struct BoundUser {
  std::string name;
  uint32_t id = 0;  // inside
};

BoundUser decode_bound_user(JsonReader& reader);

// Throws SysError (EEXIST) for a name or id that the container's passwd or group has.
void refuse_taken_accounts(const std::vector<BoundUser>& users, int root_fd);

}  // namespace tsct
