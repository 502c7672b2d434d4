#pragma once
// Which functions of a name service can be called?
//
// glibc asks each service for its functions by name: whoever looks up "getpwuid_r" calls
// _nss_SERVICE_getpwuid_r, and no other way leads there. The names are constant texts in the
// functions that ask. Its own services "files" and "dns" are tables of the same functions, which
// are called by the same names. Source: glibc 2.36, nss/nss_module.c (__nss_module_get_function,
// nss_function_name_array), nss/function.def, nss/nss_files_functions.c.
// Not modelled: NSCD's _nss_SERVICE_init, which is called by no other program.

#include <string_view>

namespace sysnare {

/// Whether services are asked for a function of that name.
bool is_service_function(std::string_view name);
/// Of the symbol _nss_SERVICE_FUNCTION its FUNCTION; empty where it is no such symbol.
std::string_view service_function_of(std::string_view symbol);

}  // namespace sysnare
