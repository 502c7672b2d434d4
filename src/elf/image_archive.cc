// FileTree::archive: a saved container image as a tree of files.
//
// Source: Docker Image Specification v1.2 ("Combined Image JSON + Filesystem Changeset Format":
// manifest.json); OCI image specification 1.1 ("Image Layout": index.json, blobs/ALG/DIGEST).

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/file.h"
#include "base/json.h"
#include "elf/byte_stream.h"
#include "elf/closure.h"
#include "elf/layer_unpack.h"
#include "elf/tar_reader.h"

namespace sysnare {
namespace {

/// Largest manifest or configuration that is read; OCI asks registries to take 4 MB.
constexpr std::uint64_t kMaxDocument = 16u << 20;
/// An index of indices of indices ends somewhere.
constexpr int kMaxIndexDepth = 4;
/// Most layers; Docker's own limit is 127.
constexpr std::size_t kMaxLayers = 1024;
constexpr int kMaxLinks = 8;

#if defined(__aarch64__)
constexpr std::string_view kArchitecture = "arm64";
#else
constexpr std::string_view kArchitecture = "amd64";
#endif

struct TemporaryFolder {
  std::string path;
  TemporaryFolder() = default;
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
};

struct Member {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::string link;  ///< of a link: where it leads, inside the archive
};

/// What an image is made of: members of the archive.
struct Parts {
  std::string config;
  std::vector<std::string> layers;
};

class Archive {
 public:
  Archive(std::string name, const std::string& folder) : name_(std::move(name)), folder_(folder) {}

  /// Lists the members. A gzipped archive is inflated to a file first: layers may stand in front of
  /// the manifest that names them.
  Result<void> open() {
    file_.reset(::open(name_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!file_) return fail_errno(errno, "cannot open {}", name_);
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) return fail_errno(errno, "{}: cannot stat", name_);
    if (!S_ISREG(status.st_mode)) return fail(Errc::kBadInput, "{}: not a regular file", name_);
    size_ = static_cast<std::uint64_t>(status.st_size);
    Result<ByteStream> stream = ByteStream::open(file_.get(), name_, 0, size_);
    if (!stream) return propagate(stream);
    if (stream->compressed()) {
      if (Result<void> inflated = inflate(*stream); !inflated) return inflated;
      stream = ByteStream::open(file_.get(), name_, 0, size_);
      if (!stream) return propagate(stream);
    }
    TarReader reader(*stream);
    TarEntry entry;
    for (;;) {
      Result<bool> more = reader.next(entry);
      if (!more) return propagate(more);
      if (!*more) return {};
      if (members_.size() > kMaxArchiveFiles / 8) {
        return fail(Errc::kLimit, "{}: more than {} files", name_, kMaxArchiveFiles / 8);
      }
      const std::string path = path_inside(entry.path);
      if (entry.type == TarEntry::Type::kFile) {
        members_[path] = {entry.offset, entry.size, {}};
      } else if (entry.type == TarEntry::Type::kHardLink) {
        members_[path] = {0, 0, path_inside(entry.link)};
      } else if (entry.type == TarEntry::Type::kSymbolicLink) {
        // Older versions of docker save wrote a layer that stands there already so.
        members_[path] = {0, 0, path_inside(path + "/../" + entry.link)};
      }
    }
  }

  Result<Parts> parts() {
    if (members_.contains("manifest.json")) return docker_parts();
    if (members_.contains("index.json")) return oci_parts("index.json", 0);
    return fail(Errc::kBadInput,
                "{}: neither manifest.json nor index.json is in it, so it is no image that "
                "`docker save` or `podman save` wrote",
                name_);
  }

  Result<std::string> document(const std::string& path) {
    Result<Member> member = find(path);
    if (!member) return propagate(member);
    if (member->size > kMaxDocument) {
      return fail(Errc::kLimit, "{}: {}: {} bytes, at most {} are read", name_, path, member->size,
                  kMaxDocument);
    }
    Result<ByteStream> stream =
        ByteStream::open(file_.get(), label(path), member->offset, member->size);
    if (!stream) return propagate(stream);
    std::string text(member->size, '\0');
    Result<std::size_t> got = stream->read(text.data(), text.size());
    if (!got) return propagate(got);
    text.resize(*got);
    return text;
  }

  Result<ByteStream> layer(const std::string& path) {
    Result<Member> member = find(path);
    if (!member) return propagate(member);
    return ByteStream::open(file_.get(), label(path), member->offset, member->size);
  }
  [[nodiscard]] std::string label(const std::string& path) const { return name_ + ": " + path; }

 private:
  Result<void> inflate(ByteStream& stream) {
    std::string path = folder_ + "/archive-XXXXXX";
    Fd to(::mkostemp(path.data(), O_CLOEXEC));
    if (!to) return fail_errno(errno, "cannot make {}", path);
    ::unlink(path.c_str());
    const auto part = std::make_unique<std::array<char, 1u << 18>>();
    for (;;) {
      Result<std::size_t> got = stream.read(part->data(), part->size());
      if (!got) return propagate(got);
      if (*got == 0) break;
      if (Result<void> written = write_all(to.get(), {part->data(), *got}); !written) {
        return propagate(written, "inflating {}", name_);
      }
    }
    size_ = stream.position();
    file_ = std::move(to);
    return {};
  }

  Result<Member> find(const std::string& path) const {
    std::string at = path_inside(path);
    for (int i = 0; i < kMaxLinks; ++i) {
      const auto found = members_.find(at);
      if (found == members_.end()) break;
      if (found->second.link.empty()) return found->second;
      at = found->second.link;
    }
    return fail(Errc::kBadInput, "{}: {} is not in it", name_, path);
  }

  Result<Parts> docker_parts() {
    Result<std::string> text = document("manifest.json");
    if (!text) return propagate(text);
    const std::string name = label("manifest.json");
    Result<json::Value> value = json::parse(*text, name);
    if (!value) return propagate(value);
    Result<std::vector<json::Cursor>> images = json::Cursor(*value, name).items();
    if (!images) return propagate(images);
    if (images->size() != 1) {
      return fail(Errc::kUnsupported, "{}: {} images; save one alone", name, images->size());
    }
    Parts parts;
    if (auto read = images->front().read("Config", parts.config); !read) return propagate(read);
    if (auto read = images->front().read("Layers", parts.layers); !read) return propagate(read);
    return parts;
  }

  /// Where the blob of this descriptor stands.
  static Result<std::string> blob_of(const json::Cursor& descriptor) {
    Result<json::Cursor> member = descriptor.at("digest");
    if (!member) return propagate(member);
    Result<std::string> digest = member->string();
    if (!digest) return digest;
    const std::size_t colon = digest->find(':');
    if (colon == std::string::npos || digest->find('/') != std::string::npos) {
      return member->fail("\"{}\" is no digest", *digest);
    }
    return "blobs/" + digest->substr(0, colon) + "/" + digest->substr(colon + 1);
  }

  /// Whether an index's entry is meant for this machine; one that does not say is.
  static bool fits(const json::Cursor& manifest) {
    if (!manifest.has("platform")) return true;
    std::string os;
    std::string architecture;
    Result<json::Cursor> platform = manifest.at("platform");
    return platform && platform->read("os", os) && platform->read("architecture", architecture) &&
           os == "linux" && architecture == kArchitecture;
  }

  Result<Parts> oci_parts(const std::string& path, int depth) {
    Result<std::string> text = document(path);
    if (!text) return propagate(text);
    const std::string name = label(path);
    Result<json::Value> value = json::parse(*text, name);
    if (!value) return propagate(value);
    const json::Cursor root(*value, name);
    if (root.has("layers")) {
      Parts parts;
      Result<json::Cursor> config = root.at("config");
      if (!config) return propagate(config);
      Result<std::string> blob = blob_of(*config);
      if (!blob) return propagate(blob);
      parts.config = std::move(*blob);
      Result<std::vector<json::Cursor>> layers = root.items_of("layers");
      if (!layers) return propagate(layers);
      for (const json::Cursor& layer : *layers) {
        Result<std::string> at = blob_of(layer);
        if (!at) return propagate(at);
        parts.layers.push_back(std::move(*at));
      }
      return parts;
    }
    Result<std::vector<json::Cursor>> manifests = root.items_of("manifests");
    if (!manifests) return propagate(manifests);
    std::vector<json::Cursor> fitting;
    for (const json::Cursor& manifest : *manifests) {
      if (fits(manifest)) fitting.push_back(manifest);
    }
    if (fitting.size() != 1) {
      return fail(Errc::kUnsupported, "{}: {} images for linux/{}; save one alone", name,
                  fitting.size(), kArchitecture);
    }
    Result<std::string> blob = blob_of(fitting.front());
    if (!blob) return propagate(blob);
    if (depth == kMaxIndexDepth) return root.fail("an index more than {} deep", kMaxIndexDepth);
    return oci_parts(*blob, depth + 1);
  }

  std::string name_;
  std::string folder_;
  Fd file_;
  std::uint64_t size_ = 0;
  std::map<std::string, Member> members_;
};

/// Entrypoint and Cmd of the image's configuration.
Result<std::vector<std::string>> command_of(Archive& archive, const std::string& path) {
  Result<std::string> text = archive.document(path);
  if (!text) return propagate(text);
  const std::string name = archive.label(path);
  Result<json::Value> value = json::parse(*text, name);
  if (!value) return propagate(value);
  const json::Cursor root(*value, name);
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  if (!root.has("config")) return entrypoint;
  Result<json::Cursor> config = root.at("config");
  if (!config) return propagate(config);
  if (auto read = config->read("Entrypoint", entrypoint); !read) return propagate(read);
  if (auto read = config->read("Cmd", command); !read) return propagate(read);
  entrypoint.insert(entrypoint.end(), command.begin(), command.end());
  return entrypoint;
}

}  // namespace

Result<FileTree> FileTree::archive(const std::string& path) {
  const auto folder = std::make_shared<TemporaryFolder>();
  const char* parent = std::getenv("TMPDIR");
  std::string made = std::string(parent == nullptr ? "/tmp" : parent) + "/sysnare-image-XXXXXX";
  if (::mkdtemp(made.data()) == nullptr) return fail_errno(errno, "cannot make {}", made);
  folder->path = made;

  Archive archive(path, made);
  if (Result<void> opened = archive.open(); !opened) return propagate(opened);
  Result<Parts> parts = archive.parts();
  if (!parts) return propagate(parts);
  if (parts->layers.size() > kMaxLayers) {
    return fail(Errc::kLimit, "{}: {} layers, at most {} are read", path, parts->layers.size(),
                kMaxLayers);
  }
  Result<std::vector<std::string>> command = command_of(archive, parts->config);
  if (!command) return propagate(command);
  const std::string root = made + "/root";
  if (::mkdir(root.c_str(), 0700) != 0) return fail_errno(errno, "cannot make {}", root);
  Fd opened(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return fail_errno(errno, "cannot open {}", root);
  LayerUnpacker unpacker(std::move(opened));
  for (const std::string& each : parts->layers) {
    Result<ByteStream> layer = archive.layer(each);
    if (!layer) return propagate(layer);
    if (Result<void> applied = unpacker.apply(*layer); !applied) return propagate(applied);
  }
  Result<FileTree> tree = directory(root);
  if (!tree) return propagate(tree);
  tree->root_name_ = path + ": ";
  tree->command_ = std::move(*command);
  tree->unpacked_ = folder;
  return tree;
}

}  // namespace sysnare
