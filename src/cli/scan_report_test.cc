// What a scan looks like, line by line.

#include "cli/scan_report.h"

#include <gtest/gtest.h>

#include "arch/syscalls.h"

namespace sysnare::cli {
namespace {

Call call_of(std::string_view name, Abi abi = Abi::kX86_64) {
  return {abi, *syscall_nr(abi, name)};
}

Evidence scan() {
  Evidence evidence;
  evidence.program.path = "/bin/x";
  evidence.recorder = kScanRecorder;
  evidence.runs = 0;
  CallEvidence& read = evidence.record(call_of("read"), Origin::kScan);
  read.reachable = kReachableLoad | kReachableMain;
  read.why = {{"/lib/ld.so", "_start"}, {"/lib/ld.so", "open_verify"}};
  CallEvidence& mkdir = evidence.record(call_of("mkdir"), Origin::kScan);
  mkdir.reachable = kReachableMain;
  mkdir.why = {{"/bin/x", "_start"}, {"/bin/x", "main"}, {"/lib/libc.so.6", "mkdir"}};
  CallEvidence& old = evidence.record(call_of("getpid", Abi::kI386), Origin::kScan);
  old.reachable = kReachableErrorOnly;
  StaticEvidence& scanned = evidence.scanned.emplace();
  scanned.sites = {
      {{"/bin/x", "k", 0x20}, Abi::kI386, {20}, true, "", kReachableErrorOnly},
      {{"/lib/ld.so", "k", 0x10}, Abi::kX86_64, {0}, false, "read", kReachableLoad},
      {{"/lib/libc.so.6", "k", 0x10}, Abi::kX86_64, {0}, false, "read", kReachableMain},
      {{"/lib/libc.so.6", "k", 0x40}, Abi::kX86_64, {0, 83}, false, "mkdir", kReachableMain}};
  return evidence;
}

TEST(ScanReport, HasARowForEachCallAndSaysThatItIsClosed) {
  EXPECT_EQ(scan_table(scan(), 0),
            "nr  call           phases      sites  reason\n"
            " 0  read           load, main      3  open_verify in ld.so\n"
            "83  mkdir          main            1  mkdir in libc.so.6\n"
            "20  getpid (i386)  error-only      1\n"
            "3 calls, closed\n");
  EXPECT_EQ(scan_total(scan()), "3 calls, closed\n");
  EXPECT_EQ(scan_table(scan(), kReachableLoad),
            "nr  call  phases      sites  reason\n"
            " 0  read  load, main      3  open_verify in ld.so\n"
            "1 call in load, closed\n");
}

TEST(ScanReport, SaysWhatIsOpenAndWhatIsStarted) {
  Evidence evidence = scan();
  evidence.calls.clear();
  evidence.scanned->open = {{"site", "/lib/libc.so.6", "syscall", 0x99, "any number", {}},
                            {"object", "/bin/x", "", 0, "liba.so is not there", {}}};
  evidence.scanned->execs = {{std::nullopt, "/bin/x", "run"},
                             {"/bin/sh", "/bin/x", "a"},
                             {"/bin/sh", "/bin/x", "b"},
                             {"/bin/sh", "/bin/x", "c"},
                             {"/bin/sh", "/bin/x", "d"}};
  EXPECT_EQ(scan_table(evidence, 0),
            "nr  call  phases  sites  reason\n"
            "open: site: syscall in /lib/libc.so.6+0x99: any number\n"
            "open: object: /bin/x: liba.so is not there\n"
            "starts /bin/sh: a in /bin/x; b in /bin/x; c in /bin/x; 1 more\n"
            "starts a program that is not known: run in /bin/x\n"
            "0 calls, open at 2 places\n");
}

TEST(ScanReport, NamesTheExecutablesWhereTheyAreSeveral) {
  Evidence evidence = scan();
  for (const char* path : {"/bin/sh", "/bin/x"}) {
    ExecutableEvidence executable;
    executable.program.path = path;
    executable.calls = evidence.calls;
    if (executable.program.path == "/bin/sh") executable.calls.erase(executable.calls.begin());
    evidence.executables.push_back(executable);
  }
  const std::string table = scan_table(evidence, kReachableMain);
  EXPECT_EQ(table,
            "nr  call   phases      sites  executables  reason\n"
            " 0  read   load, main      3  x            open_verify in ld.so\n"
            "83  mkdir  main            1  all          mkdir in libc.so.6\n"
            "2 calls in main, closed\n");
}

TEST(ScanReport, ListsSeveralProgramsARowEach) {
  Evidence open = scan();
  open.program.path = "/bin/longer";
  open.scanned->open.resize(12);
  open.scanned->execs = {{std::nullopt, "", ""}};
  EXPECT_EQ(scan_list({scan(), open}),
            "calls  load  main  error-only  open  execs_open  program\n"
            "    3     1     2           1     0           0  /bin/x\n"
            "    3     1     2           1    12           1  /bin/longer\n");
}

TEST(ScanReport, ShowsTheChainOfACall) {
  EXPECT_EQ(scan_why(scan(), "mkdir"),
            "mkdir: main\n"
            "  _start in /bin/x\n"
            "    → main in /bin/x\n"
            "      → mkdir in /lib/libc.so.6\n"
            "  by /lib/libc.so.6+0x40, mkdir\n");
  EXPECT_EQ(scan_why(scan(), "83"), scan_why(scan(), "mkdir"));
  EXPECT_EQ(scan_why(scan(), "getpid"), "getpid (i386): error-only\n  by /bin/x+0x20\n");
  EXPECT_EQ(scan_why(scan(), "ptrace"), "ptrace: this program does not reach it\n");
  Evidence open = scan();
  open.scanned->open.resize(1);
  EXPECT_EQ(scan_why(open, "ptrace"),
            "ptrace: this program does not reach it, as far as is known: the scan is open at 1 "
            "place\n");
}

TEST(ScanReport, ListsEverySite) {
  EXPECT_EQ(scan_sites(scan()),
            "site                 function  phases      calls\n"
            "/bin/x+0x20                    error-only  getpid (i386), any\n"
            "/lib/ld.so+0x10      read      load        read\n"
            "/lib/libc.so.6+0x10  read      main        read\n"
            "/lib/libc.so.6+0x40  mkdir     main        read, mkdir\n");
}

TEST(ScanReport, DrawsTheChains) {
  Evidence evidence = scan();
  evidence.record(call_of("mkdir"), Origin::kScan).why.back().function = "mk\"dir\n";
  EXPECT_EQ(scan_graph(evidence),
            "digraph scan {\n"
            "  rankdir=LR;\n"
            "  node [shape=plaintext];\n"
            "  \"mkdir\" [shape=box];\n"
            "  \"read\" [shape=box];\n"
            "  \"_start in ld.so\" -> \"open_verify in ld.so\";\n"
            "  \"_start in x\" -> \"main in x\";\n"
            "  \"main in x\" -> \"mk\\\"dir\\\\x0a in libc.so.6\";\n"
            "  \"mk\\\"dir\\\\x0a in libc.so.6\" -> \"mkdir\";\n"
            "  \"open_verify in ld.so\" -> \"read\";\n"
            "}\n");
}

}  // namespace
}  // namespace sysnare::cli
