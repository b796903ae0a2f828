#pragma once
#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "sys/error.h"

namespace tsct::archive {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
      refuse("start digest", "sha256", "libcrypto does not have it");
  }
  void update(const void* data, size_t size) { EVP_DigestUpdate(context_.get(), data, size); }
  void update(std::string_view text) { update(text.data(), text.size()); }

  // A second one that goes on from here.
  Sha256 fork() const {
    Sha256 other;
    if (EVP_MD_CTX_copy_ex(other.context_.get(), context_.get()) != 1)
      refuse("copy digest", "sha256", "libcrypto does not do it");
    return other;
  }

  // 64 hexadecimal digits. Ends the digest.
  std::string hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &length);
    std::string out;
    for (unsigned i = 0; i < length; i++) {
      out += "0123456789abcdef"[digest[i] >> 4];
      out += "0123456789abcdef"[digest[i] & 15];
    }
    return out;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace tsct::archive
