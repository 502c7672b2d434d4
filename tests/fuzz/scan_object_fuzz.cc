// Any bytes as an object to be analysed, and alone as a program to be joined. Whatever they say,
// there is a summary whose indices fit together, or a sentence, within bounds.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "elf/image.h"
#include "scan/analyse.h"
#include "scan/link.h"
#include "scan/summary_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto image =
      sysnare::ElfImage::from_bytes(std::string(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!image) return 0;
  auto summary = sysnare::analyse_object(*image, nullptr);
  if (!summary) return 0;
  if (!sysnare::is_sound(*summary)) std::abort();
  std::vector<sysnare::LoadedObject> objects(1);
  objects[0].summary = *summary;
  objects[0].path = "/fuzz";
  objects[0].role = sysnare::LoadedObject::Role::kProgram;
  objects[0].resolved.resize(summary->needed.size());
  std::vector<sysnare::OpenRequest> wanted;
  (void)sysnare::link_objects(objects, wanted);
  return 0;
}
