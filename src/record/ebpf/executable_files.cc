#include "record/ebpf/executable_files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "record/ebpf/scope.h"
#include "record/program.h"

namespace sysnare {
namespace {

constexpr unsigned kMinorBits = 20;  // include/linux/kdev_t.h: how the kernel packs a device number

}  // namespace

/// Whether `path` is, now and here, the file that was executed.
bool ExecutableFiles::leads_to(const std::string& path, const File& file) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && found.st_dev == file.device &&
         found.st_ino == file.inode;
}

void ExecutableFiles::look_at_process(pid_t process, File& file) {
  const std::string link = fmt::format("/proc/{}/exe", process);
  std::error_code error;
  const auto path = std::filesystem::read_symlink(link, error);
  if (error || !leads_to(link, file)) return;
  file.path = path.string();
  // runc runs from a copy of itself on a mount that it has detached: the root of that.
  if (file.path == "/") file.path = "[a program without a name]";
  if (leads_to(file.path, file)) return;
  file.program = identify_program(link);
  file.program->path = file.path;
}

void ExecutableFiles::add(const sysnare_event& event) {
  File file;
  file.device = makedev(event.device >> kMinorBits, event.device & ((1u << kMinorBits) - 1));
  file.inode = event.inode;
  file.cgroup = event.cgroup;
  if (event.path_bytes > 1) file.path.assign(event.path, event.path_bytes - 1);
  // The name by which it was executed may be relative, cut, or one of another mount namespace.
  // While the process lives /proc knows better.
  if (!file.path.starts_with('/') || !leads_to(file.path, file)) {
    look_at_process(static_cast<pid_t>(event.process), file);
  }
  files_[event.executable] = std::move(file);
}

void ExecutableFiles::add(const sysnare_cgroup_event& event) {
  cgroups_[event.id] = cgroup_path(event);
}

void ExecutableFiles::add_running(std::uint32_t number, pid_t process, dev_t device, ino_t inode) {
  File& file = files_[number];
  file.device = device;
  file.inode = inode;
  look_at_process(process, file);
}

const ProgramIdentity& ExecutableFiles::identity_of(File& file) {
  if (file.program) return *file.program;
  ProgramIdentity& program = file.program.emplace();
  program.path = file.inode == 0 ? "[kernel]" : file.path;
  if (leads_to(file.path, file)) {
    auto [known, fresh] = read_.try_emplace({file.device, file.inode});
    if (fresh) known->second = identify_program(file.path);
    program = known->second;
  }
  return program;
}

void ExecutableFiles::add_file(std::uint32_t number, const std::string& path, dev_t device,
                               ino_t inode) {
  File& file = files_[number];
  file.path = path;
  file.device = device;
  file.inode = inode;
}

std::map<std::uint32_t, NumberedExecutable> ExecutableFiles::all() {
  std::map<std::uint32_t, NumberedExecutable> all;
  for (auto& [number, file] : files_) {
    NumberedExecutable& each = all[number];
    each.program = identity_of(file);
    if (file.cgroup == 0) continue;
    const auto path = cgroups_.find(file.cgroup);
    each.cgroup = path != cgroups_.end()
                      ? path->second
                      : fmt::format("[cgroup {}, whose path is not known]", file.cgroup);
  }
  return all;
}

}  // namespace sysnare
