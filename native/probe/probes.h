#pragma once
#include <string>

// One function for each thing that a container needs of the kernel. Each is run by `attempt`, throws SysError
// when the kernel cannot do it, and takes back what it made outside its own namespaces.
namespace tsct {

// namespaces.cc
void probe_user_namespace();
void probe_namespaces();
void probe_pidfd_setns();
void probe_guest_mounts();

// storage.cc; `dir` is a directory of the file system in question.
void probe_idmapped_mount(const std::string& dir);
void probe_overlay(const std::string& scratch);  // an empty directory that the caller removes
void probe_reflink(const std::string& dir);
void probe_user_xattr(const std::string& dir);
void probe_tmpfs_user_xattr();

// cgroups.cc; `unified` is the mount point of the cgroup2 tree, `devices` that of the v1 controller.
void probe_clone_into_cgroup(const std::string& unified);
void probe_cgroup_freeze(const std::string& unified);
void probe_cgroup_kill(const std::string& unified);
void probe_device_program(const std::string& unified);
void probe_device_list(const std::string& devices);

// security.cc
void probe_seccomp();
void probe_openat2();
void probe_sealed_memfd();

}  // namespace tsct
