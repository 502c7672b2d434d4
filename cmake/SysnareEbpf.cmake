# sysnare_ebpf(TARGET NAME ROOM-RELATIVE-FILE): an eBPF program as <NAME.skel.h>, for TARGET alone.
#
# clang makes the object, bpftool the skeleton: the object's bytes with typed access to its maps and
# variables. The kernel's types come from the program's own source and are matched when it is loaded
# (CO-RE), so the machine that builds it need not run the kernel that runs it.
find_program(SYSNARE_CLANG NAMES clang clang-14 clang-15 clang-16 clang-17 clang-18 clang-19)
find_program(SYSNARE_LLVM_STRIP NAMES llvm-strip llvm-strip-14 llvm-strip-15 llvm-strip-16 llvm-strip-17
  llvm-strip-18 llvm-strip-19)
find_program(SYSNARE_BPFTOOL bpftool PATHS /usr/sbin /sbin)

function(sysnare_ebpf target name source)
  foreach(tool SYSNARE_CLANG SYSNARE_LLVM_STRIP SYSNARE_BPFTOOL)
    if(NOT ${tool})
      message(FATAL_ERROR "${tool}: no such program; `./run install-deps build` installs it")
    endif()
  endforeach()
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    set(arch arm64)
  else()
    set(arch x86)
  endif()
  get_filename_component(source "${source}" ABSOLUTE)
  get_filename_component(folder "${source}" DIRECTORY)
  set(out "${CMAKE_CURRENT_BINARY_DIR}/${name}")
  file(MAKE_DIRECTORY "${out}")
  # <asm/types.h>, which clang does not find by itself when its target is bpf; the same on every machine.
  set(asm "-idirafter/usr/include/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-gnu")
  add_custom_command(
    OUTPUT "${out}/${name}.skel.h"
    # v3: compare-and-swap. -g: the types that CO-RE matches; llvm-strip leaves those in.
    COMMAND "${SYSNARE_CLANG}" -target bpf -mcpu=v3 -g -O2 -Wall -Wextra -Wno-unused-parameter -Werror
            -D__TARGET_ARCH_${arch} ${asm} -MD -MF "${out}/${name}.d" -MT "${out}/${name}.skel.h"
            -c "${source}" -o "${out}/${name}.bpf.o"
    COMMAND "${SYSNARE_LLVM_STRIP}" -g "${out}/${name}.bpf.o"
    COMMAND "${SYSNARE_BPFTOOL}" gen skeleton "${out}/${name}.bpf.o" name ${name}_bpf > "${out}/${name}.skel.h"
    DEPENDS "${source}"
    DEPFILE "${out}/${name}.d"
    COMMENT "Building ${name}.skel.h"
    VERBATIM)
  target_sources(${target} PRIVATE "${out}/${name}.skel.h")
  # A system header: it is not ours to hold to our warnings.
  target_include_directories(${target} SYSTEM PRIVATE "${out}")
endfunction()
