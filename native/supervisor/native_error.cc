#include "supervisor/supervisor.h"

namespace tsct {

void native_error(Line& out, const char* step, const char* call, int err, const char* target,
                  const char* detail) {
  out.add("{\"stage\":\"monitor\",\"step\":").quoted(step).add(",\"call\":").quoted(call);
  out.add(",\"errno\":").number(err).add(",\"target\":").quoted(target);
  if (*detail) out.add(",\"detail\":").quoted(detail);
  out.add('}');
}

}  // namespace tsct
