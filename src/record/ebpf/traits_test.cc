#include "record/ebpf/traits.h"

#include <gtest/gtest.h>

#include <set>

#include "arch/syscalls.h"

namespace sysnare {
namespace {

TEST(PlainRows, AreOfCallsThatAreCountedAndNoMore) {
  struct Case {
    const char* why;
    const char* name;
    bool plain;
  } const cases[] = {
      {"nothing of it is kept but its count", "getppid", true},
      {"the first behind the hole that no ABI uses", "pidfd_send_signal", true},
      {"the last with a row of its own", "listns", true},
      {"its flags are kept", "clone", false},
      {"it may load a filter", "seccomp", false},
      {"a server is ready when it waits for the first time", "epoll_wait", false},
  };
  __u16 traits[2 * SYSNARE_TRAITS];
  __u16 rows[SYSNARE_TRAITS];
  fill_traits(traits);
  fill_plain_rows(traits, rows);
  for (const Case& c : cases) {
    const auto nr = syscall_nr(native_abi(), c.name);
    if (!nr) continue;  // not on this machine
    ASSERT_LT(*nr, SYSNARE_TRAITS) << c.name;
    EXPECT_EQ(rows[*nr] < SYSNARE_ROWS_END, c.plain) << c.name << ": " << c.why;
    if (c.plain && *nr < SYSNARE_HOLE_BEGIN) {
      EXPECT_EQ(rows[*nr], *nr * sizeof(sysnare_row)) << c.name;
    }
  }
  for (const __u32 nr : {335u, 423u, SYSNARE_INDEXED + 0u, 511u}) {
    EXPECT_EQ(rows[nr], SYSNARE_NO_ROW) << nr << " has no row";
  }
  std::set<__u16> different;
  std::size_t plain = 0;
  for (const __u16 row : rows) {
    if (row >= SYSNARE_ROWS_END) continue;
    ++plain;
    different.insert(row);
  }
  EXPECT_EQ(different.size(), plain) << "two numbers share a row";
}

}  // namespace
}  // namespace sysnare
