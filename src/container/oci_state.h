#pragma once
// What does an OCI runtime tell a hook, and where may the hook's evidence go?
//
// Source: OCI runtime spec 1.0.2, runtime.md "State" and config.md "POSIX-platform Hooks": the
// state comes as JSON on standard input. The hook runs as root, and its annotations are set by
// whoever may start containers: they are hostile.

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "evidence/evidence.h"

namespace sysnare {

/// Most bytes of a state that are read; runtimes write a few KB, and Kubernetes bounds annotations
/// to 256 KB (validation.TotalAnnotationSizeLimitB).
inline constexpr std::size_t kMaxOciState = 1u << 20;

/// Asks for a recording, and says where its evidence goes.
inline constexpr std::string_view kOutputAnnotation = "io.sysnare.output";
/// Where evidence goes unless `--dir` says otherwise.
inline constexpr const char* kDefaultHookFolder = "/var/lib/sysnare";

struct OciState {
  std::string id;
  pid_t pid = 0;  ///< the runtime's process that becomes the container's first
  std::map<std::string, std::string> annotations;
};

/// Errors: kBadInput naming the place, what is there and what is allowed.
Result<OciState> parse_oci_state(std::string_view text);

/// What annotations of Kubernetes' runtimes and of Podman tell of the container. `runtime`: the
/// program that runs the hook, "runc" or "crun"; anything else is left out.
Workload workload_of(const OciState& state, std::string_view runtime);

/// The file name, relative to `folder`, that the annotation asks for; empty where it asks for none.
/// Its value is an absolute path below `folder`; one that ends in a slash, and no value at all,
/// stand for ID.evidence.json there. Errors: kUsage for any other, naming it.
Result<std::optional<std::string>> hook_file(const OciState& state, const std::string& folder);

/// A file that is to be written later, by root, where others may have a say in names.
class SafeFile {
 public:
  /// `name` is below `folder`, whose own sub-folders have to be there; a missing `folder` is made,
  /// mode 0700. No symbolic link below `folder` is followed (openat2(2), Linux 5.6).
  /// Errors: kNoPermission for a `folder` that others may write to; else as the system calls.
  static Result<SafeFile> prepare(const std::string& folder, const std::string& name);

  /// Writes `text` to a new file, mode 0600. Never replaces one: where the name is taken, NAME.2,
  /// NAME.3 and so on are. Gives the path. Errors: as the system calls; kLimit after 10,000 names.
  Result<std::string> write(std::string_view text) const;
  /// The same for a text that grows: from the second time on the file of the time before is
  /// replaced, whole, as long as it is there under its name. Another's never is.
  Result<std::string> save(std::string_view text);
  /// The one descriptor that write() needs.
  [[nodiscard]] int folder_fd() const { return parent_.get(); }

 private:
  Fd parent_;
  std::string folder_;  ///< for messages, as `name_`
  std::string name_;
  std::string last_;  ///< the part of `name_` within `parent_`
  struct Saved {
    std::string suffix;  ///< behind `last_`
    dev_t device = 0;
    ino_t inode = 0;
  };
  std::optional<Saved> saved_;  ///< by save()

  [[nodiscard]] std::string path() const;
  /// Writes `text` to a file of a temporary name.
  Result<Saved> write_temporary(std::string_view text) const;
  [[nodiscard]] std::string temporary() const;
  /// Gives the temporary file a name that nobody has.
  Result<std::string> name_it() const;
  [[nodiscard]] bool is_there(const Saved& saved) const;
};

}  // namespace sysnare
