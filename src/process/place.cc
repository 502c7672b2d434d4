#include "process/place.h"

#include "base/text.h"
#include "elf/demangle.h"
#include "process/modules.h"

namespace sysnare {

struct Places::State {
  std::shared_ptr<ModuleCache> modules;
};

Places::Places() : Places(std::make_shared<ModuleCache>()) {}
Places::Places(std::shared_ptr<ModuleCache> modules)
    : state_(std::make_unique<State>(State{std::move(modules)})) {}
Places::~Places() = default;

CallPlace Places::locate(pid_t pid, std::uint64_t address) {
  CallPlace place;
  place.module = "[unknown]";
  place.offset = address;
  Result<std::optional<Mapping>> mapping = find_mapping(pid, address);
  if (!mapping || !*mapping) return place;
  const Mapping& found = **mapping;
  place.deleted = found.deleted;
  // "[anon:NAME]" and "[anon_shmem:NAME]" carry a name that the program chose (prctl(2)).
  const bool anonymous = found.path.empty() || found.path.starts_with("[anon");
  place.module = anonymous ? "[anon]" : found.path;
  if (found.path != "[vdso]" && found.inode == 0) return place;
  place.offset = address - found.start + found.file_offset;

  const std::shared_ptr<Module> module = state_->modules->find(pid, found);
  if (module == nullptr) return place;
  place.module_key = module->key();
  const std::optional<ModuleAddress> at = address_in(module->image(), found, address);
  if (!at) return place;
  if (const auto function = module->symbols().find(at->vaddr)) {
    place.symbol = demangle(function->symbol);
    place.symbol_offset = at->vaddr - function->vaddr;
  } else if (const GoTable* go = module->go(pid, at->bias)) {
    if (const auto go_function = go->find(at->vaddr)) {
      place.symbol = go_function->name;
      place.symbol_offset = at->vaddr - go_function->vaddr;
    }
  }
  return place;
}

std::string place_label(const CallPlace& place) {
  const std::size_t slash = place.module.rfind('/');
  std::string label = printable(
      slash == std::string::npos ? place.module : std::string_view(place.module).substr(slash + 1));
  label += "+" + hex(place.offset);
  if (!place.symbol.empty()) {
    label += fmt::format(" ({}+{})", printable(place.symbol), hex(place.symbol_offset));
  }
  return label;
}

}  // namespace sysnare
