# Preset aarch64: do the rooms that know the machine compile for its twin? Objects alone, nothing is
# linked, so no library of that machine is needed.
#
# The headers of our libraries are the same on every machine; the cross compiler just does not look in
# /usr/include. Links to them, rather than -I/usr/include, keep this machine's libc headers out.
set(headers "${CMAKE_BINARY_DIR}/headers")
file(MAKE_DIRECTORY "${headers}")
foreach(name bpf fmt tl nlohmann elfutils dwarf.h gelf.h libelf.h)
  if(NOT EXISTS "/usr/include/${name}")
    message(FATAL_ERROR "/usr/include/${name} is missing; `./run install-deps build` installs it")
  endif()
  file(CREATE_LINK "/usr/include/${name}" "${headers}/${name}" SYMBOLIC)
endforeach()

file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/*.cc")
list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
# What a file says that only compiles on x86_64, or is compiled in for it alone.
foreach(source IN LISTS sources)
  file(STRINGS "${source}" x86 REGEX "__x86_64__|orig_rax|user_regs_struct")
  file(STRINGS "${source}" twin REGEX "__aarch64__|user_pt_regs")
  if(x86 AND NOT twin)
    message(FATAL_ERROR "${source}: knows x86_64 registers and has no aarch64 twin beside them")
  endif()
endforeach()

list(FILTER sources INCLUDE REGEX "/src/(arch|process|record|enforce|tripwire)/")
add_library(sysnare_isa OBJECT ${sources})
target_link_libraries(sysnare_isa PRIVATE sysnare_flags)
target_include_directories(sysnare_isa SYSTEM PRIVATE "${headers}")
target_compile_definitions(sysnare_isa PRIVATE FMT_HEADER_ONLY _GNU_SOURCE)

include(SysnareEbpf)
sysnare_ebpf(sysnare_isa recorder src/record/ebpf/recorder.bpf.c)
