# sysnare_room(NAME [BUSY] [ROOMS room...] [LIBS target...]): one folder, one library.
#
# Every *.cc of the folder (and of its subfolders) is compiled into sysnare_NAME, except *_test.cc,
# which become NAME_test. BUSY rooms are compiled by -O1 in debug builds by g++ and with
# sanitizers. ROOMS are the arrows of the layer table in docs/design.md; a test compares the two.
# Include paths start at src/, so `#include "base/result.h"` names room and file.

# Without a build type CMake compiles with no flags at all: give people the optimised build.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_program(SYSNARE_CCACHE ccache)
if(SYSNARE_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER "${SYSNARE_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${SYSNARE_CCACHE}")
endif()

add_library(sysnare_flags INTERFACE)
target_compile_options(sysnare_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Wimplicit-fallthrough -Wformat=2 -Werror -fstack-protector-strong)
target_include_directories(sysnare_flags INTERFACE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees an overlap in std::string::insert that is not there (gcc bug 105329), with -O2 only.
  target_compile_options(sysnare_flags INTERFACE -Wno-restrict)
endif()
if(SYSNARE_SANITIZE)
  target_compile_options(sysnare_flags INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(sysnare_flags INTERFACE -fsanitize=address,undefined)
endif()
if(SYSNARE_FUZZ)
  target_compile_options(sysnare_flags INTERFACE
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(sysnare_flags INTERFACE -fsanitize=address,undefined)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT SYSNARE_SANITIZE)
  target_compile_definitions(sysnare_flags INTERFACE _FORTIFY_SOURCE=2)
endif()

# sysnare_busy(TARGET): where tests compute most. -O1 costs g++ no time, and clang with sanitizers less
# than the tests take at -O0.
function(sysnare_busy target)
  if(SYSNARE_SANITIZE OR (CMAKE_BUILD_TYPE STREQUAL "Debug" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU"))
    target_compile_options(${target} PRIVATE -O1)
  endif()
endfunction()

# Headers of the standard library (and of GoogleTest, for tests) parsed once a build instead of once a
# file: it saves a fourth of the compile time with g++ and half with clang. The release and clang
# presets go without, so that a file that forgets an #include fails there.
option(SYSNARE_PRECOMPILE "Precompile the headers that nearly every file includes" OFF)
if(SYSNARE_PRECOMPILE)
  foreach(kind headers busy_headers test_headers)
    add_library(sysnare_${kind} OBJECT "${CMAKE_SOURCE_DIR}/cmake/precompiled/${kind}.cc")
    target_link_libraries(sysnare_${kind} PRIVATE sysnare_flags)
    target_precompile_headers(sysnare_${kind} PRIVATE
      "$<$<COMPILE_LANGUAGE:CXX>:${CMAKE_SOURCE_DIR}/cmake/precompiled/${kind}.h>")
  endforeach()
  # A precompiled header is good only under the macros and the -O that it was made with.
  sysnare_busy(sysnare_busy_headers)
  target_link_libraries(sysnare_test_headers PRIVATE GTest::gmock)
endif()

# sysnare_precompiled(headers|busy_headers|test_headers TARGET...): these targets begin with those headers.
function(sysnare_precompiled kind)
  if(SYSNARE_PRECOMPILE)
    foreach(target IN LISTS ARGN)
      target_precompile_headers(${target} REUSE_FROM sysnare_${kind})
    endforeach()
  endif()
endfunction()

function(sysnare_room name)
  cmake_parse_arguments(ARG "BUSY" "" "ROOMS;LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  if(sources)
    set(kind PUBLIC)
    add_library(sysnare_${name} STATIC ${sources})
    if(ARG_BUSY)
      sysnare_busy(sysnare_${name})
      sysnare_precompiled(busy_headers sysnare_${name})
    else()
      sysnare_precompiled(headers sysnare_${name})
    endif()
  else()
    set(kind INTERFACE)
    add_library(sysnare_${name} INTERFACE)
  endif()
  target_link_libraries(sysnare_${name} ${kind} sysnare_flags)
  foreach(room IN LISTS ARG_ROOMS)
    target_link_libraries(sysnare_${name} ${kind} sysnare_${room})
  endforeach()
  target_link_libraries(sysnare_${name} ${kind} ${ARG_LIBS})
  if(tests AND SYSNARE_TESTS)
    add_executable(${name}_test ${tests})
    set_property(GLOBAL APPEND PROPERTY SYSNARE_UNITS ${name}_test)
    sysnare_precompiled(test_headers ${name}_test)
    target_link_libraries(${name}_test PRIVATE sysnare_${name} GTest::gmock GTest::gtest_main)
    # Only where it is asked for: a path in every command line would keep checkouts from sharing ccache.
    foreach(test IN LISTS tests)
      file(STRINGS "${test}" asks REGEX SYSNARE_SOURCE_DIR)
      if(asks)
        set_property(SOURCE "${test}" APPEND PROPERTY COMPILE_DEFINITIONS SYSNARE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
      endif()
    endforeach()
    add_test(NAME unit.${name} COMMAND ${name}_test)
    set_tests_properties(unit.${name} PROPERTIES LABELS unit)
    if(ARG_BUSY)
      set_tests_properties(unit.${name} PROPERTIES COST 100)  # begins early, or the rest waits for it
    endif()
  endif()
endfunction()
