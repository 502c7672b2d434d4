#include "scan/object_store.h"

#include <malloc.h>

#include <algorithm>
#include <mutex>
#include <new>

#include "base/file.h"
#include "base/text.h"
#include "elf/dynamic.h"
#include "elf/identity.h"
#include "elf/image.h"
#include "elf/memory.h"
#include "scan/light_summary.h"
#include "scan/summary_file.h"

namespace sysnare {
namespace {

ObjectHead head_of(const Summary& summary) {
  ObjectHead head;
  head.machine = summary.machine;
  head.soname = summary.at(summary.soname);
  head.interpreter = summary.at(summary.interpreter);
  const auto texts = [&](std::span<const std::uint32_t> from, std::vector<std::string>& to) {
    for (const std::uint32_t text : from) to.emplace_back(summary.at(text));
  };
  texts(summary.needed, head.needed);
  texts(summary.runpath, head.runpath);
  texts(summary.rpath, head.rpath);
  return head;
}

Result<ObjectHead> head_of(const ElfImage& image) {
  ObjectHead head;
  Result<ImageMemory> memory = ImageMemory::load(image);
  if (!memory) return propagate(memory);
  Result<Dynamic> dynamic = read_dynamic(image, *memory);
  if (!dynamic) return propagate(dynamic);
  Result<ElfIdentity> identity = elf_identity(image);
  if (!identity) return propagate(identity);
  head.machine = image.machine();
  head.soname = std::move(dynamic->soname);
  head.interpreter = std::move(identity->interpreter);
  head.needed = std::move(dynamic->needed);
  head.runpath = std::move(dynamic->runpath);
  head.rpath = std::move(dynamic->rpath);
  return head;
}

/// Before the SHA-256: a light summary.
constexpr std::string_view kLightKey = "light-";
/// An object of so many bytes takes some four times as much memory while it is analysed.
constexpr std::uint64_t kLarge = 24u << 20;

/// What threads have freed stays theirs: the next object would come on top of it.
void give_back_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace

std::string ObjectFile::module_key() const {
  return identity.build_id.empty() ? "sha256:" + identity.sha256 : identity.build_id;
}

ObjectStore::ObjectStore(const Surroundings& around, ScanCache& cache, AnalyseObject analyse,
                         Workers* workers, std::int64_t now_ns)
    : around_(around),
      cache_(cache),
      analyse_(std::move(analyse)),
      workers_(workers),
      now_ns_(now_ns) {}

Result<ObjectFile> ObjectStore::open(const std::string& path, bool light) const {
  Result<Fd> file = around_.open(path);
  if (!file) return propagate(file);
  Result<FileStamp> stamp = stamp_of(file->get(), path);
  if (!stamp) return propagate(stamp);
  ObjectFile object;
  object.path = path;
  object.stamp = *stamp;
  object.light = light;
  if (const auto known = cache_.identity(*stamp)) {
    object.identity = *known;
    if (light) object.summary = load_summary(cache_, std::string(kLightKey) + known->sha256);
    if (!object.summary) object.summary = load_summary(cache_, known->sha256);
    if (object.summary) {
      object.head = head_of(*object.summary);
      return object;
    }
  }
  Result<ElfImage> image = ElfImage::from_fd(std::move(*file), path);
  if (!image) return propagate(image);
  Result<ObjectHead> head = head_of(*image);
  if (!head) return propagate(head);
  object.head = std::move(*head);
  return object;
}

Result<Summary> ObjectStore::analyse(ObjectFile& object) const {
  Result<Fd> file = around_.open(object.path);
  if (!file) return propagate(file);
  // The stamp is older than what is read: a file that changes meanwhile is not remembered as this.
  Result<FileStamp> stamp = stamp_of(file->get(), object.path);
  if (!stamp) return propagate(stamp);
  if (*stamp != object.stamp) {
    return fail(Errc::kBadInput, "{}: changed while it was read; scan again",
                printable(object.path));
  }
  if (object.identity.sha256.empty()) {
    Result<std::string> sha256 = sha256_fd(file->get(), object.path);
    if (!sha256) return propagate(sha256);
    object.identity.sha256 = std::move(*sha256);
  }
  Result<ElfImage> image = ElfImage::from_fd(std::move(*file), object.path);
  if (!image) return propagate(image);
  Result<ElfIdentity> identity = elf_identity(*image);
  if (!identity) return propagate(identity);
  object.identity.build_id = std::move(identity->build_id);
  cache_.remember(object.stamp, object.identity, now_ns_);
  if (object.light) {
    const std::string key = std::string(kLightKey) + object.identity.sha256;
    if (std::optional<Summary> kept = load_summary(cache_, key)) return std::move(*kept);
    if (std::optional<Summary> light = light_summary(*image)) {
      keep_summary(cache_, key, *light);
      return std::move(*light);
    }
  }
  const std::string& key = object.identity.sha256;
  if (std::optional<Summary> kept = load_summary(cache_, key)) return std::move(*kept);
  Result<Summary> summary = analyse_(*image, nullptr);
  if (!summary) return propagate(summary);
  keep_summary(cache_, key, *summary);
  return summary;
}

void ObjectStore::summarise(ObjectFile& object) const {
  try {
    Result<Summary> summary = analyse(object);
    if (summary) {
      object.summary = std::move(*summary);
    } else {
      object.trouble = std::move(summary.error().message);
    }
  } catch (const std::bad_alloc&) {  // in a thread nobody else could catch it
    object.trouble = fmt::format("{}: out of memory", printable(object.path));
  }
}

void ObjectStore::summarise(const std::vector<ObjectFile*>& objects,
                            const std::function<void(const std::string& path)>& progress) const {
  std::vector<ObjectFile*> work;
  for (ObjectFile* object : objects) {
    if (!object->summary && object->trouble.empty()) work.push_back(object);
  }
  // The largest first, or the last one is waited for alone.
  std::stable_sort(work.begin(), work.end(), [](const ObjectFile* a, const ObjectFile* b) {
    return a->stamp.size > b->stamp.size;
  });
  std::mutex mutex;
  const auto one = [&](std::size_t i) {
    if (progress) {
      const std::lock_guard lock(mutex);
      progress(work[i]->path);
    }
    summarise(*work[i]);
  };
  // Of the large ones only one at a time, by all threads: what two take together is too much.
  std::size_t done = 0;
  for (; done < work.size() && (workers_ == nullptr || work[done]->stamp.size >= kLarge); ++done) {
    one(done);
    if (work[done]->stamp.size >= kLarge) give_back_memory();
  }
  if (done == work.size()) return;
  workers_->each(work.size() - done, [&](std::size_t i) { one(done + i); });
}

}  // namespace sysnare
