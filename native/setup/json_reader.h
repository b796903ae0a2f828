#pragma once
// Reads JSON objects strictly: every key must be asked for, or it is refused with its path.
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "sys/error.h"

namespace tsct {

using Json = nlohmann::json;

class JsonReader {
 public:
  JsonReader(const Json& value, std::string path) : value_(value), path_(std::move(path)) {
    if (!value.is_object()) refuse("decode plan", path_, "is not an object");
  }

  bool has(const char* key) {
    seen_.insert(key);
    return value_.contains(key);
  }

  const Json& at(const char* key) {
    seen_.insert(key);
    auto it = value_.find(key);
    if (it == value_.end()) refuse("decode plan", where(key), "is missing");
    return *it;
  }

  template <class T>
  T get(const char* key) {
    const Json& v = at(key);
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) need_whole<T>(v, where(key));
    try {
      return v.get<T>();
    } catch (const Json::exception&) {
      refuse("decode plan", where(key), "has the wrong type");
    }
  }

  template <class T>
  T get_or(const char* key, T fallback) {
    return has(key) ? get<T>(key) : fallback;
  }

  // A list of whole numbers, each as strictly read as one.
  template <class T>
  std::vector<T> numbers(const char* key) {
    const Json& list = at(key);
    if (!list.is_array()) refuse("decode plan", where(key), "is not a list");
    for (size_t i = 0; i < list.size(); i++)
      need_whole<T>(list[i], where(key) + "[" + std::to_string(i) + "]");
    return list.get<std::vector<T>>();
  }

  // A string that is one of these.
  std::string word(const char* key, std::initializer_list<const char*> known) {
    auto value = get<std::string>(key);
    for (const char* word : known)
      if (value == word) return value;
    refuse("decode plan", where(key), "\"" + value + "\" is not known to this tsct-setup");
  }

  JsonReader object(const char* key) { return JsonReader(at(key), where(key)); }

  template <class Fn>
  void each(const char* key, Fn&& fn) {
    const Json& list = at(key);
    if (!list.is_array()) refuse("decode plan", where(key), "is not a list");
    for (size_t i = 0; i < list.size(); i++) {
      JsonReader item(list[i], where(key) + "[" + std::to_string(i) + "]");
      fn(item);
      item.done();
    }
  }

  // Looked at for documentation only; native needs nothing from it.
  void skip(const char* key) { seen_.insert(key); }

  // Refuses what nobody asked for.
  void done() const {
    for (const auto& [key, unused] : value_.items())
      if (!seen_.contains(key)) refuse("decode plan", path_ + "." + key, "is not known to this tsct-setup");
  }

  const Json& raw() const { return value_; }
  std::string where(const std::string& key) const { return path_ + "." + key; }

 private:
  // The library would cut 1.5 to 1, wrap -1 round and take true for 1.
  template <class T>
  static void need_whole(const Json& v, const std::string& where) {
    if (!v.is_number_integer()) refuse("decode plan", where, "is not a whole number");
    const bool fits =
        v.is_number_unsigned()
            ? v.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<T>::max())
            : std::is_signed_v<T> && v.get<int64_t>() >= static_cast<int64_t>(std::numeric_limits<T>::min());
    if (!fits) refuse("decode plan", where, "is out of range");
  }

  const Json& value_;
  std::string path_;
  std::set<std::string> seen_;
};

}  // namespace tsct
