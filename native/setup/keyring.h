#pragma once

namespace tsct {

// A new, anonymous session keyring for the calling process (session-keyring(7)): init must not possess the
// keys of whoever started the container. For the inner stage, as root of its user namespace, so that the
// keyring counts against the container's quota. A kernel without keyrings has nothing to hide. Throws
// SysError.
void join_new_session_keyring();

}  // namespace tsct
