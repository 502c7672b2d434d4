#include "scan/go_packages.h"

#include <gtest/gtest.h>

namespace sysnare {
namespace {

TEST(GoPackages, AreToldByTheWholePathOfAPackage) {
  struct Case {
    const char* why;
    const char* name;
    bool own;
  };
  constexpr Case kCases[] = {
      {"a function", "syscall.Syscall", true},
      {"a method", "os.(*File).Write", true},
      {"a function in a function", "net.init.func1", true},
      {"a package below another", "internal/syscall/unix.IsNonblock", true},
      {"a method of a package below another", "net/http.(*Client).Do", true},
      {"the one package that is not in Go's tree", "golang.org/x/sys/unix.FcntlInt", true},
      {"a program's own", "main.main", false},
      {"a module whose host begins as a package of Go's does", "net.example.org/x.f", false},
      {"the same with a method", "os.example.org/x.(*T).f", false},
      {"the same, of one element that is escaped", "time%2eexample.f", false},
      {"a name that begins so", "network.f", false},
      {"a folder that begins so", "networks/x.f", false},
      {"one that ends so", "example.org/net.f", false},
      {"below one that ends so", "example.org/net/http.f", false},
      {"beside that package", "golang.org/x/sys/unix2.f", false},
      {"below it", "golang.org/x/sys/unix/x.f", false},
      {"generic, made for a type of the user's", "sync.(*Pool[example.org/x.T]).Get", false},
      {"of C, which has functions of such names", "time", false},
      {"nameless", "", false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(is_of_go(c.name), c.own);
  }
}

TEST(GoPackages, HaveThreeFunctionsThatReadANumberOfTheirOwn) {
  struct Case {
    const char* why;
    const char* name;
    bool reads;
  };
  constexpr Case kCases[] = {
      {"fcntl of package syscall", "syscall.FcntlFlock", true},
      {"that of os", "internal/syscall/unix.IsNonblock", true},
      {"that of the poller", "internal/poll.fcntl", true},
      {"a method that reads what it is handed", "syscall.(*Timespec).Unix", false},
      {"of the same name elsewhere", "example.org/internal/poll.fcntl", false},
      {"a function in it", "internal/poll.fcntl.func1", false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(reads_own_number(c.name), c.reads);
  }
}

}  // namespace
}  // namespace sysnare
