#!/bin/sh
# Prints, as C++ arrays, every __NR_ that the C compiler's kernel headers define on x86.
# usage: gen_unistd.sh CC
set -eu
rows() { # $1 array name, $2 header, $3 extra define
  echo "constexpr HeaderRow $1[] = {"
  printf '#include <%s>\n' "$2" | "$CC" $3 -E -dM -x c - |
    sed -n 's/^#define __NR_\([a-z_0-9]*\) .*/\1/p' | sort | while read -r name; do
    printf '    {"%s", __NR_%s},\n' "$name" "$name"
  done | { cat; } > "$work/body"
  # The numbers are evaluated by the compiler, header by header, since all three use the same names.
  { printf '#include <%s>\n' "$2"; sed 's/{"\([^"]*\)", \(__NR_[a-z_0-9]*\)},/@@\1 (\2)/' "$work/body"; } |
    "$CC" $3 -E -P -x c - | sed -n 's/^ *@@\([a-z_0-9]*\) \(.*\)$/    {"\1", static_cast<std::uint32_t>\2},/p'
  echo "};"
}
CC=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rows kUnistd64 asm/unistd_64.h ""
rows kUnistd32 asm/unistd_32.h ""
rows kUnistdX32 asm/unistd_x32.h "-D__X32_SYSCALL_BIT=0x40000000"
