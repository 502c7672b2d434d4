/* The vDSO's own functions, found without a C library: one of them makes a call. */
#include <elf.h>
#include <stdint.h>

#include "bare.h"
START;
NOINLINE static int is_same(const char* a, const char* b) {
  while (*a && *a == *b) {
    ++a;
    ++b;
  }
  return *a == *b;
}
/* Behind the frame stand argc, argv, the environment and the auxiliary vector. */
static uint64_t image_of(char** words) {
  words += 2;
  while (*words) ++words;
  ++words;
  while (*words) ++words;
  for (Elf64_auxv_t* each = (Elf64_auxv_t*)(words + 1); each->a_type; ++each) {
    if (each->a_type == 33 /* AT_SYSINFO_EHDR */) return each->a_un.a_val;
  }
  return 0;
}
void bare_main(int argc) {
  const uint64_t image = argc > 100 ? 0 : image_of((char**)__builtin_frame_address(0));
  if (!image) return;
  const Elf64_Ehdr* header = (const Elf64_Ehdr*)image;
  const Elf64_Shdr* sections = (const Elf64_Shdr*)(image + header->e_shoff);
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_DYNSYM) continue;
    const Elf64_Sym* symbols = (const Elf64_Sym*)(image + sections[i].sh_offset);
    const char* names = (const char*)(image + sections[sections[i].sh_link].sh_offset);
    for (unsigned k = 0; k < sections[i].sh_size / sizeof *symbols; ++k) {
      if (!is_same(names + symbols[k].st_name, "__vdso_clock_gettime")) continue;
      long now[2];
      ((int (*)(int, long*))(image + symbols[k].st_value))(2 /* of the process */, now);
    }
  }
}
