#include "scan/name_services.h"

#include <algorithm>
#include <array>

namespace sysnare {
namespace {

/// nss/function.def, sorted.
constexpr std::array<std::string_view, 64> kFunctions = {
    "endaliasent",      "endetherent",        "endgrent",         "endhostent",
    "endnetent",        "endnetgrent",        "endprotoent",      "endpwent",
    "endrpcent",        "endservent",         "endsgent",         "endspent",
    "getaliasbyname_r", "getaliasent_r",      "getcanonname_r",   "getetherent_r",
    "getgrent_r",       "getgrgid_r",         "getgrnam_r",       "gethostbyaddr2_r",
    "gethostbyaddr_r",  "gethostbyname2_r",   "gethostbyname3_r", "gethostbyname4_r",
    "gethostbyname_r",  "gethostent_r",       "gethostton_r",     "getnetbyaddr_r",
    "getnetbyname_r",   "getnetent_r",        "getnetgrent_r",    "getntohost_r",
    "getprotobyname_r", "getprotobynumber_r", "getprotoent_r",    "getpublickey",
    "getpwent_r",       "getpwnam_r",         "getpwuid_r",       "getrpcbyname_r",
    "getrpcbynumber_r", "getrpcent_r",        "getsecretkey",     "getservbyname_r",
    "getservbyport_r",  "getservent_r",       "getsgent_r",       "getsgnam_r",
    "getspent_r",       "getspnam_r",         "initgroups_dyn",   "netname2user",
    "setaliasent",      "setetherent",        "setgrent",         "sethostent",
    "setnetent",        "setnetgrent",        "setprotoent",      "setpwent",
    "setrpcent",        "setservent",         "setsgent",         "setspent",
};

}  // namespace

bool is_service_function(std::string_view name) {
  return std::binary_search(kFunctions.begin(), kFunctions.end(), name);
}

std::string_view service_function_of(std::string_view symbol) {
  constexpr std::string_view kPrefix = "_nss_";
  if (!symbol.starts_with(kPrefix)) return {};
  // Services have '_' in their names (mdns4_minimal), and functions too.
  for (std::size_t at = symbol.find('_', kPrefix.size()); at != std::string_view::npos;
       at = symbol.find('_', at + 1)) {
    if (is_service_function(symbol.substr(at + 1))) return symbol.substr(at + 1);
  }
  return {};
}

}  // namespace sysnare
