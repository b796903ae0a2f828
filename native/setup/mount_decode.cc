#include "setup/json_reader.h"
#include "setup/plan.h"

namespace tsct {
namespace {

using Strings = std::vector<std::string>;

std::vector<IdMapping> decode_given(JsonReader& mount, const char* key) {
  std::vector<IdMapping> out;
  mount.each(key, [&](JsonReader& r) {
    out.push_back({r.get<uint32_t>("containerID"), r.get<uint32_t>("hostID"), r.get<uint32_t>("size")});
  });
  return out;
}

void decode_extra(JsonReader e, Mount& m) {
  m.optional = e.get_or<bool>("optional", false);
  m.create = e.get_or<bool>("create", false);
  auto idmap = e.get_or<std::string>("idmap", "");
  m.idmap = idmap == "container" ? Mount::Idmap::kContainer
            : idmap == "root"    ? Mount::Idmap::kRoot
            : idmap == "owner"   ? Mount::Idmap::kOwner
            : idmap == "given"   ? Mount::Idmap::kGiven
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
    if (r.has("uidMappings")) m.uids = decode_given(r, "uidMappings");
    if (r.has("gidMappings")) m.gids = decode_given(r, "gidMappings");
    if (m.destination.empty() || m.destination[0] != '/')
      refuse("decode plan", r.where("destination"), "is not absolute");
    if (extras.has(m.destination.c_str())) decode_extra(extras.object(m.destination.c_str()), m);
    if ((m.idmap == Mount::Idmap::kGiven) != (!m.uids.empty() && !m.gids.empty()))
      refuse("decode plan", m.destination, "has an id map that is not asked for, or asks for one it has not");
    mounts.push_back(std::move(m));
  });
  extras.done();
  return mounts;
}

}  // namespace tsct
