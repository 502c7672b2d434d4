#pragma once
// What nearly every file of the rooms includes (SYSNARE_PRECOMPILE in cmake/SysnareRoom.cmake).
// Small on purpose: g++ 12 instantiates the templates that a precompiled header leaves pending in
// each file again, so with fmt or nlohmann-json in it the build takes longer.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
