#pragma once
// A scan for tests: made-up files, and stand-ins for the analysis and the linker.

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "arch/syscalls.h"
#include "scan/fake_surroundings.h"
#include "scan/light_summary.h"
#include "scan/program.h"

namespace sysnare {

inline constexpr const char* kLoader = "/lib64/ld-linux-x86-64.so.2";

/// Stand-ins for the analysis and the linker: they write down what they are given.
struct ScanFixture {
  FakeSurroundings around;
  ScanCache no_cache;
  Workers workers{2};
  std::mutex mutex;
  std::vector<std::string> analysed;
  std::vector<std::string> linked;    ///< of the last time, "path" or "path (role)"
  std::vector<LoadedObject> objects;  ///< likewise
  std::map<std::string, std::vector<OpenRequest>> wanted;  ///< by the object that asks
  std::map<std::string, std::vector<ExecPoint>> execs;
  std::set<std::string> unreadable;

  Result<Summary> analyse(const ElfImage& image) {
    const std::lock_guard lock(mutex);
    if (unreadable.contains(image.name())) {
      return fail(Errc::kBadInput, "{}: offset 0x10: damaged", image.name());
    }
    analysed.push_back(image.name());
    std::optional<Summary> summary = light_summary(image);
    if (!summary) return fail(Errc::kBadInput, "{}: no summary", image.name());
    return std::move(*summary);
  }
  Result<ScanResult> link(const std::vector<LoadedObject>& given,
                          std::vector<OpenRequest>& requests) {
    linked.clear();
    objects = given;
    ScanResult result;
    ScannedCall call;
    call.call = {Abi::kX86_64, *syscall_nr(Abi::kX86_64, "read")};
    call.phases = 2;
    call.why = {{objects.front().path, "main"}};
    call.args = {{1, {2, 3}}};
    result.calls = {call};
    for (const LoadedObject& object : objects) {
      constexpr const char* kRoles[] = {"program", "library", "interpreter", "opened"};
      linked.push_back(object.path + " (" + kRoles[static_cast<int>(object.role)] + ")");
      for (const OpenRequest& each : wanted[object.path]) requests.push_back(each);
      for (const ExecPoint& each : execs[object.path]) result.execs.push_back(each);
      ScannedSite site;
      site.module = object.path;
      site.offset = 16;
      site.nrs = {0};
      result.sites.push_back(site);
    }
    return result;
  }
  ScanOptions options() {
    ScanOptions options;
    options.analyse = [this](const ElfImage& image, const ElfImage*) { return analyse(image); };
    options.link = [this](const std::vector<LoadedObject>& given,
                          std::vector<OpenRequest>& requests, const LinkOptions& asked) {
      Result<ScanResult> result = link(given, requests);
      // As link_objects(): what is joined again is not finished.
      return asked.load(requests) ? Result<ScanResult>(ScanResult{}) : std::move(result);
    };
    options.workers = &workers;
    options.now_ns = 4'000'000'000'000'000'000;
    return options;
  }
  Evidence scan(const std::string& path) {
    Result<Evidence> evidence = scan_program(around, no_cache, path, options());
    if (!evidence) throw std::runtime_error(evidence.error().message);
    return std::move(*evidence);
  }
  void put_libc() {
    around.put(kLoader, {.soname = "ld-linux-x86-64.so.2"});
    around.put("/lib/libc.so.6", {.soname = "libc.so.6", .needed = {"ld-linux-x86-64.so.2"}});
  }
};

inline std::vector<std::string> reasons(const Evidence& evidence) {
  std::vector<std::string> texts;
  for (const StaticOpen& open : evidence.scanned->open) {
    texts.push_back(open.kind + " " + open.object + ": " + open.reason);
  }
  return texts;
}

}  // namespace sysnare
