// System calls that TypeScript needs itself. This is the only file that includes napi.h: arguments in,
// results out. Nothing here enters a namespace: setns(2) and unshare(2) refuse a process with threads, and
// Node has many. A failure is thrown as an Error with the fields of SysError: {step, call, errno, target,
// detail}.
#include <fcntl.h>
#include <napi.h>
#include <sys/file.h>
#include <unistd.h>

#include "addon/ask_all.h"
#include "addon/exec_program.h"
#include "addon/read_files.h"
#include "addon/sealed_memfd.h"
#include "copy/subvolume.h"
#include "setup/tree.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

Napi::Error to_js(Napi::Env env, const SysError& e) {
  Napi::Error error = Napi::Error::New(env, e.step);
  Napi::Object fields = error.Value();
  fields.Set("step", e.step);
  fields.Set("call", e.call);
  fields.Set("errno", e.err);
  fields.Set("target", e.target);
  fields.Set("detail", e.detail);
  return error;
}

int int_arg(const Napi::CallbackInfo& info, size_t i) {
  if (!info[i].IsNumber()) throw Napi::TypeError::New(info.Env(), "a number was expected");
  return info[i].As<Napi::Number>().Int32Value();
}

// JavaScript strings may hold NUL, which would cut a path short on the way to the kernel.
std::string to_string(const Napi::Value& value, const char* step) {
  if (!value.IsString()) throw Napi::TypeError::New(value.Env(), "a string was expected");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) refuse(step, "", "a NUL byte is in an argument", EINVAL);
  return text;
}

std::vector<std::string> to_strings(const Napi::Value& value, const char* step) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), "an array was expected");
  Napi::Array array = value.As<Napi::Array>();
  std::vector<std::string> out;
  out.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) out.push_back(to_string(array.Get(i), step));
  return out;
}

Napi::Value js_sealed_memfd(const Napi::CallbackInfo& info) {
  if (!info[1].IsTypedArray()) throw Napi::TypeError::New(info.Env(), "bytes were expected");
  Napi::Uint8Array bytes = info[1].As<Napi::Uint8Array>();
  UniqueFd fd = sealed_memfd(to_string(info[0], "make a sealed file"), bytes.Data(), bytes.ByteLength());
  return Napi::Number::New(info.Env(), fd.release());
}

// flock(2): the lock belongs to the open file description, so the kernel drops it with the last fd.
Napi::Value js_flock(const Napi::CallbackInfo& info) {
  int fd = int_arg(info, 0);
  int operation = (info[1].ToBoolean() ? LOCK_EX : LOCK_SH) | LOCK_NB;
  int result;
  do {
    result = ::flock(fd, operation);
  } while (result < 0 && errno == EINTR);
  if (result < 0 && errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), false);
  check(result, "lock", "flock", "fd " + std::to_string(fd));
  return Napi::Boolean::New(info.Env(), true);
}

Napi::Value js_exec_program(const Napi::CallbackInfo& info) {
  exec_program(to_string(info[0], "run"), to_strings(info[1], "run"), to_strings(info[2], "run"));
}

Napi::Value js_openat2_in_root(const Napi::CallbackInfo& info) {
  UniqueFd fd = open_in_root(int_arg(info, 0), to_string(info[1], "open"), int_arg(info, 2), "open");
  return Napi::Number::New(info.Env(), fd.release());
}

Napi::Value js_pidfd_open(const Napi::CallbackInfo& info) {
  int pid = int_arg(info, 0);
  int fd = check(pidfd_open(pid), "open process", "pidfd_open", std::to_string(pid));
  return Napi::Number::New(info.Env(), fd);
}

Napi::Value js_pidfd_send_signal(const Napi::CallbackInfo& info) {
  int fd = int_arg(info, 0);
  check(pidfd_send_signal(fd, int_arg(info, 1)), "send a signal", "pidfd_send_signal",
        "pidfd " + std::to_string(fd));
  return info.Env().Undefined();
}

// [{path, content, mode, when?}]: files that are written, the only edits that need no mount.
std::vector<FileEdit> to_edits(const Napi::Value& value, const char* step) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), "an array was expected");
  Napi::Array array = value.As<Napi::Array>();
  std::vector<FileEdit> out;
  for (uint32_t i = 0; i < array.Length(); i++) {
    Napi::Object from = array.Get(i).As<Napi::Object>();
    FileEdit& to = out.emplace_back();
    to.path = to_string(from.Get("path"), step);
    to.content = from.Get("content").ToString().Utf8Value();
    to.mode = from.Get("mode").ToNumber().Uint32Value();
    const bool exists = from.Has("when") && to_string(from.Get("when"), step) == "exists";
    to.when = exists ? FileEdit::When::kExists : FileEdit::When::kAlways;
  }
  return out;
}

Napi::Value js_edit_trees(const Napi::CallbackInfo& info) {
  constexpr const char* kStep = "edit file in root";
  bool done = edit_trees(to_strings(info[0], kStep), to_edits(info[1], kStep));
  return Napi::Boolean::New(info.Env(), done);
}

Napi::Value js_snapshot_subvolume(const Napi::CallbackInfo& info) {
  constexpr const char* kStep = "snapshot subvolume";
  copy::snapshot_subvolume(to_string(info[0], kStep), to_string(info[1], kStep), false);
  return info.Env().Undefined();
}

// Begins to write a file out and waits for nothing: a commit takes along only what has begun.
Napi::Value js_start_writeback(const Napi::CallbackInfo& info) {
  constexpr const char* kStep = "write out";
  const std::string path = to_string(info[0], kStep);
  UniqueFd fd(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), kStep, "open", path));
  check(::sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE), kStep, "sync_file_range", path);
  return info.Env().Undefined();
}

// [read end, write end] of pipe2(2), close-on-exec.
Napi::Value js_pipe(const Napi::CallbackInfo& info) {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "make a pipe", "pipe2");
  Napi::Array out = Napi::Array::New(info.Env(), 2);
  for (uint32_t i = 0; i < 2; i++) out.Set(i, Napi::Number::New(info.Env(), ends[i]));
  return out;
}

// Texts; null for what could not be read.
Napi::Value js_read_files(const Napi::CallbackInfo& info) {
  const auto texts = read_files(to_strings(info[0], "read"));
  Napi::Array out = Napi::Array::New(info.Env(), texts.size());
  for (uint32_t i = 0; i < texts.size(); i++) {
    out.Set(i, texts[i] ? Napi::Value(Napi::String::New(info.Env(), *texts[i])) : info.Env().Null());
  }
  return out;
}

Napi::Value js_ask_all(const Napi::CallbackInfo& info) {
  constexpr const char* kStep = "ask";
  const auto answers = ask_all(to_strings(info[0], kStep), to_string(info[1], kStep), int_arg(info, 2));
  Napi::Array out = Napi::Array::New(info.Env(), answers.size());
  for (uint32_t i = 0; i < answers.size(); i++) out.Set(i, Napi::String::New(info.Env(), answers[i]));
  return out;
}

using Function = Napi::Value (*)(const Napi::CallbackInfo&);

template <Function F>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return F(info);
  } catch (const SysError& e) {
    throw to_js(info.Env(), e);
  }
}

template <Function F>
void add(Napi::Object& exports, const char* name) {
  exports.Set(name, Napi::Function::New<guarded<F>>(exports.Env(), name));
}

Napi::Object init(Napi::Env, Napi::Object exports) {
  add<js_sealed_memfd>(exports, "sealedMemfd");
  add<js_flock>(exports, "flock");
  add<js_exec_program>(exports, "execProgram");
  add<js_openat2_in_root>(exports, "openat2InRoot");
  add<js_pidfd_open>(exports, "pidfdOpen");
  add<js_pidfd_send_signal>(exports, "pidfdSendSignal");
  add<js_edit_trees>(exports, "editTrees");
  add<js_snapshot_subvolume>(exports, "snapshotSubvolume");
  add<js_start_writeback>(exports, "startWriteback");
  add<js_pipe>(exports, "pipe");
  add<js_read_files>(exports, "readFiles");
  add<js_ask_all>(exports, "askAll");
  return exports;
}

}  // namespace

NODE_API_MODULE(tsct, init)

}  // namespace tsct
