#include "flow/profile_file.h"

#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "learn/why.h"

namespace sysnare {

std::optional<Dialect> dialect_by_name(std::string_view name) {
  if (name == "docker") return Dialect::kDocker;
  if (name == "oci") return Dialect::kOci;
  return std::nullopt;
}

ProfileTexts profile_texts(const Learned& learned, const std::vector<Evidence>& evidence,
                           Dialect dialect) {
  Profile profile = learned.profile;
  if (dialect == Dialect::kOci) {
    for (Entry& entry : profile.entries) entry.comment.clear();
  }
  ProfileTexts texts;
  texts.profile = write_profile(profile);
  texts.why = write_why(learned, evidence, texts.profile);
  return texts;
}

bool has_side_file(const std::string& path) {
  if (path.empty() || path == "-") return false;
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  return !std::filesystem::exists(status) || std::filesystem::is_regular_file(status);
}

Result<void> check_profile_files(const std::string& path) {
  if (Result<void> good = check_writable(path); !good) return good;
  if (!has_side_file(path)) return {};
  return check_writable(why_path(path));
}

Result<void> write_profile_files(const std::string& path, const ProfileTexts& texts) {
  std::vector<FileText> files;
  if (has_side_file(path)) files.push_back({why_path(path), texts.why});
  files.push_back({path, texts.profile});
  return write_files_atomic(files);
}

std::string_view kind_name(FileKind kind) {
  switch (kind) {
    case FileKind::kEvidence:
      return "an evidence file";
    case FileKind::kProfile:
      return "a profile";
    case FileKind::kWhy:
      return "a side file of a profile";
    case FileKind::kOther:
      break;
  }
  return "neither evidence nor a profile";
}

Result<FileKind> kind_of(std::string_view text, std::string_view file_name) {
  if (text.starts_with("\177ELF") || text.starts_with("#!")) {
    return fail(Errc::kBadInput, "{}: a program, where a file is wanted; put `--` before a command",
                printable(file_name));
  }
  Result<json::Value> value = json::parse(text, file_name);
  if (!value) return propagate(value);
  const json::Cursor root(*value, file_name);
  if (root.has("profile_sha256")) return FileKind::kWhy;
  if (root.has("defaultAction")) return FileKind::kProfile;
  // A newer schema may have moved everything but its number and the program.
  if (root.has("schema") && (root.has("calls") || root.has("program"))) return FileKind::kEvidence;
  return FileKind::kOther;
}

Result<Evidence> load_evidence_file(const std::string& path) {
  Result<std::string> text = read_file(path);
  if (!text) return propagate(text);
  const std::string name = path == "-" ? "standard input" : path;
  Result<FileKind> kind = kind_of(*text, name);
  if (!kind) return propagate(kind);
  if (*kind != FileKind::kEvidence && *kind != FileKind::kOther) {
    return fail(Errc::kBadInput, "{}: {}, where an evidence file is wanted", printable(name),
                kind_name(*kind));
  }
  return parse_evidence(*text, name);
}

}  // namespace sysnare
