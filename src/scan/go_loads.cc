#include "scan/go_loads.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace sysnare {
namespace {

/// Go's function that calls C's one of the name behind it (cmd/cgo of Go 1.19, out.go).
constexpr std::string_view kBridge = "._Cfunc_";
/// C's part of that.
constexpr std::string_view kWrapper = "_cgo_";
constexpr std::string_view kVendor = "/vendor/";
/// Most functions of which it is asked who calls them.
constexpr std::size_t kMaxAsked = 8;
/// Most that call one of these: notary has two.
constexpr std::size_t kMaxUsers = 64;

struct GoLoad {
  std::string_view begins;      ///< how the name of the bridge begins,
  std::string_view ends;        ///< and how it ends
  std::string_view user = {};   ///< who calls it; empty: those alone whom Go lets import it
  std::string_view users = {};  ///< how the names of those begin who call that
  KnownLoad load;
};

constexpr GoLoad kGoLoads[] = {
    // go-systemd 22.3, internal/dlopen/dlopen.go: GetHandle's callers are util/util_cgo.go and
    // sdjournal/functions.go, by libsystemdNames. Only its own packages may import what is
    // internal.
    {.begins = "github.com/coreos/go-systemd/",
     .ends = "internal/dlopen._Cfunc_dlopen",
     .load = {.text = {},
              .opened = {"libsystemd-journal.so.0", "libsystemd-journal.so",
                         "libsystemd-login.so.0", "libsystemd-login.so", "libsystemd.so.0",
                         "libsystemd.so"}}},
    {.begins = "github.com/coreos/go-systemd/",
     .ends = "internal/dlopen._Cfunc_dlsym",
     .load = {.text = {}, .opened = {}, .prefix = "sd_"}},
    // miekg/pkcs11 1.0, pkcs11.go (New); notary 0.7, trustmanager/yubikey: possiblePkcs11Libs of
    // pkcs11_linux.go, which yubikeystore.go hands to defaultLoader.
    {.begins = "github.com/miekg/pkcs11.",
     .ends = "pkcs11._Cfunc_New",
     .user = "github.com/miekg/pkcs11.New",
     .users = "github.com/theupdateframework/notary/trustmanager/yubikey.",
     .load = {.text = {},
              .opened = {"/usr/lib/libykcs11.so", "/usr/lib/libykcs11.so.1",
                         "/usr/lib64/libykcs11.so", "/usr/lib64/libykcs11.so.1",
                         "/usr/lib/x86_64-linux-gnu/libykcs11.so", "/usr/local/lib/libykcs11.so"}}},
};

/// The path that the source has, without where it was vendored.
std::string_view own_name(std::string_view name) {
  const std::size_t vendor = name.rfind(kVendor);
  return vendor == std::string_view::npos ? name : name.substr(vendor + kVendor.size());
}

/// Who refers to a function in its object.
struct Users {
  std::vector<std::uint32_t> functions;
  bool in_data = false;
};

Users users_of(const LinkGraph& graph, std::uint32_t node) {
  Users users;
  for (const std::uint32_t user : graph.users(node)) {
    if (graph.function(user) == nullptr) users.in_data = true;
    if (graph.function(user) != nullptr) users.functions.push_back(user);
  }
  return users;
}

/// The one function of Go by which C's function `node` is called alone, or kNone.
std::uint32_t bridge_to(const LinkGraph& graph, std::uint32_t node) {
  // The function itself may be the wrapper, or be called by it.
  for (int step = 0; step < 2; ++step) {
    const Users users = users_of(graph, node);
    if (users.functions.size() != 1) return kNone;
    const std::uint32_t user = users.functions.front();
    const std::string_view name = graph.symbol(user);
    // Go keeps the address of a wrapper in a variable, by which the bridge alone calls it.
    if (name.find(kBridge) != std::string_view::npos) return user;
    if (users.in_data || !name.starts_with(kWrapper)) return kNone;
    node = user;
  }
  return kNone;
}

bool has_known_users(const LinkGraph& graph, std::uint32_t bridge, const GoLoad& row) {
  if (row.user.empty()) return true;
  // Those whose own users are asked for: in real programs the bridge and one function.
  std::vector<std::uint32_t> asked = {bridge};
  for (std::size_t at = 0; at < asked.size(); ++at) {
    const Users users = users_of(graph, asked[at]);
    if (users.in_data || asked.size() > kMaxAsked || users.functions.size() > kMaxUsers)
      return false;
    for (const std::uint32_t user : users.functions) {
      const std::string_view name = own_name(graph.symbol(user));
      if (name.starts_with(row.users)) continue;
      if (name != row.user) return false;
      if (std::find(asked.begin(), asked.end(), user) == asked.end()) asked.push_back(user);
    }
  }
  return true;
}

}  // namespace

const KnownLoad* go_load_of(const LinkGraph& graph, std::uint32_t node) {
  if (graph.function(node) == nullptr || !graph.summary_of(node).is_go) return nullptr;
  const std::uint32_t bridge = bridge_to(graph, node);
  if (bridge == kNone) return nullptr;
  const std::string_view name = own_name(graph.symbol(bridge));
  for (const GoLoad& row : kGoLoads) {
    if (name.starts_with(row.begins) && name.ends_with(row.ends) &&
        has_known_users(graph, bridge, row))
      return &row.load;
  }
  return nullptr;
}

}  // namespace sysnare
