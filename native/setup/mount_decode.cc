#include "setup/json_reader.h"
#include "setup/plan.h"

namespace tsct {
namespace {

using Strings = std::vector<std::string>;

void decode_extra(JsonReader e, Mount& m) {
  m.optional = e.get_or<bool>("optional", false);
  m.create = e.get_or<bool>("create", false);
  auto idmap = e.get_or<std::string>("idmap", "");
  m.idmap = idmap == "container" ? Mount::Idmap::kContainer
            : idmap == "root"    ? Mount::Idmap::kRoot
            : idmap == "owner"   ? Mount::Idmap::kOwner
                                 : Mount::Idmap::kNone;
  if (!idmap.empty() && m.idmap == Mount::Idmap::kNone) refuse("decode plan", e.where("idmap"), "unknown");
  if (e.has("lowers")) m.lowers = e.get<Strings>("lowers");
  if (e.has("upper")) m.upper = e.get<std::string>("upper");
  e.done();
}

}  // namespace

std::vector<Mount> decode_mounts(JsonReader& plan, JsonReader extras) {
  std::vector<Mount> mounts;
  plan.each("mounts", [&](JsonReader& r) {
    Mount m;
    m.destination = r.get<std::string>("destination");
    m.type = r.get<std::string>("type");
    m.source = r.get<std::string>("source");
    m.options = r.get<Strings>("options");
    r.skip("uidMappings");  // for runc: native maps by tsct.mounts[].idmap
    r.skip("gidMappings");
    if (m.destination.empty() || m.destination[0] != '/')
      refuse("decode plan", r.where("destination"), "is not absolute");
    if (extras.has(m.destination.c_str())) decode_extra(extras.object(m.destination.c_str()), m);
    mounts.push_back(std::move(m));
  });
  extras.done();
  return mounts;
}

}  // namespace tsct
