// Thirty real programs of Debian: do both recorders see the calls that strace sees, no more and no
// fewer?
//
// Each program runs under each of them, in a new folder each time, until what they saw in all runs
// together is the same, but for the differences that the table below names and explains. A program
// that does not do the same each time (threads, timers, the scheduler's whim) gets more rounds; one
// that still differs then is a finding.
//
// SYSNARE_REAL_ROUNDS=N makes N rounds at least (default: 1). Programs that are not installed are
// skipped by name.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "harness.h"

namespace sysnare::live {
namespace {

using Json = nlohmann::json;
using Words = std::vector<std::string>;
using Names = std::set<std::string>;

/// Rounds after which a difference is no accident. Most need one.
constexpr int kMostRounds = 40;

struct Program {
  const char* name;
  Words needs;          ///< programs that must be installed
  const char* setup;    ///< shell, in the new folder, untraced
  const char* command;  ///< shell, traced
  const char* client;   ///< shell, untraced, while `command` runs; ends a server
};

void PrintTo(const Program& program, std::ostream* out) { *out << program.name; }

const Program kPrograms[] = {
    {"ls", {"ls"}, "", "ls -lR /etc/ssl", ""},
    {"cp", {"cp"}, "seq 9999 >a", "cp -a a b && cp -r /etc/ssl c", ""},
    {"sort", {"sort"}, "seq 20000 >a", "sort -R a -o b --parallel=2", ""},
    {"dd", {"dd"}, "", "dd if=/dev/zero of=a bs=4k count=64 conv=fsync", ""},
    {"find", {"find"}, "", "find /etc -name '*.conf' -newer /etc/passwd -exec cat {} +", ""},
    {"grep", {"grep"}, "", "grep -r root /etc/ssl /etc/passwd", ""},
    {"sed", {"sed"}, "seq 999 >a", "sed -i s/1/2/ a", ""},
    {"awk", {"awk"}, "seq 999 >a", "awk '{ s += $1 } END { print s; system(\"true\") }' a", ""},
    {"xargs", {"xargs"}, "", "seq 20 | xargs -n 5 -P 2 echo", ""},
    {"bash",
     {"bash"},
     "",
     "bash -c 'for i in 1 2 3; do x=$(echo $i | tr 1 2); done; read a < /etc/passwd; trap : USR1; "
     "kill -USR1 $$; (exit 3) || [[ -e /no ]]; mapfile l < /etc/group; exec 3<>f; echo $RANDOM'",
     ""},
    {"dash", {"sh"}, "", "umask 77; cd /; ulimit -n; test -w /etc; (cd /usr && pwd) | cat", ""},
    {"git",
     {"git"},
     "",
     "export HOME=$PWD GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a "
     "GIT_COMMITTER_EMAIL=a@b; git init -q r && cd r && echo a >a && git add a && git commit -qm a "
     "&& git log -p && git clone -q . ../s",
     ""},
    {"tar", {"tar", "gzip"}, "", "tar czf a.tgz -C /etc ssl && tar xzf a.tgz", ""},
    {"xz", {"xz"}, "seq 99999 >a", "xz -T2 -1 a && xz -d a.xz", ""},
    {"zip", {"zip", "unzip"}, "seq 999 >a", "zip -q a.zip a && unzip -qo a.zip", ""},
    {"gcc",
     {"gcc"},
     "echo 'int main(void) { return 0; }' >a.c",
     "gcc -O2 -pipe a.c -o a && ./a && gcc -c a.c && ar r a.a a.o",
     ""},
    {"make", {"make"}, "printf 'all: a b\\na b:\\n\\ttrue >$@\\n' >Makefile", "make -j2", ""},
    {"python3",
     {"python3"},
     "",
     "python3 -c 'import json, os, subprocess, tempfile, threading, socket\n"
     "t = [threading.Thread(target=lambda: sum(range(1000))) for _ in range(3)]\n"
     "[x.start() for x in t]; [x.join() for x in t]\n"
     "subprocess.run([\"true\"]); tempfile.TemporaryDirectory(); a, b = socket.socketpair()\n"
     "a.send(b\"x\"); b.recv(1); json.dump({}, open(\"j\", \"w\")); os.listdir(\"/\")'",
     ""},
    {"perl",
     {"perl"},
     "",
     "perl -MPOSIX -e '$x = `echo a`; open F, \">f\"; print F $x; close F; utime 1, 1, \"f\"; "
     "opendir D, \"/\"; @d = readdir D; fork // die; wait; sleep 0; print scalar @d'",
     ""},
    {"sqlite3",
     {"sqlite3"},
     "",
     "sqlite3 a.db 'pragma journal_mode=wal; create table t(x); begin; insert into t values (1); "
     "commit; select * from t; vacuum'",
     ""},
    {"curl",
     {"curl", "python3"},
     "python3 -c 'import http.server, socket, socketserver\n"
     "class S(socketserver.UnixStreamServer):\n"
     "  def get_request(self): return super().get_request()[0], (\"local\", 0)\n"
     "S(\"s\", http.server.SimpleHTTPRequestHandler).serve_forever()' >log 2>&1 & echo $! >pid; "
     "until curl -s --unix-socket s http://x/ -o none; do sleep 0.05; done; seq 9999 >a",
     "curl -s --unix-socket s http://x/a -o b; status=$?; kill $(cat pid); exit $status",
     ""},
    {"openssl",
     {"openssl"},
     "seq 999 >a",
     "openssl dgst -sha256 a && openssl rand 8 >b && openssl genpkey -algorithm ed25519",
     ""},
    {"jq", {"jq"}, "", "echo '{\"a\": [1, 2]}' | jq .a[1]", ""},
    {"diff", {"diff", "patch"}, "seq 9 >a; seq 2 9 >b", "diff -u a b | patch a", ""},
    {"file", {"file"}, "", "file /bin/ls /etc/passwd", ""},
    {"dpkg", {"dpkg"}, "", "dpkg -S /bin/ls; dpkg -l coreutils", ""},
    {"bc", {"bc"}, "", "echo '2^100' | bc -l", ""},
    {"nginx",
     {"nginx", "curl"},
     "mkdir logs; echo hello >a; printf 'daemon off; master_process on; worker_processes 2; pid "
     "p;\\n"
     "error_log logs/e; events {}\\nhttp { access_log logs/a; client_body_temp_path t; "
     "proxy_temp_path t;\\n fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;\\n"
     "server { listen unix:%s/s; root %s; } }\\n' \"$PWD\" \"$PWD\" >conf; chmod -R a+rwX .",
     "nginx -p $PWD -c $PWD/conf",
     "until test -S s && curl -s --unix-socket s http://x/a; do sleep 0.05; done; "
     "curl -s --unix-socket s http://x/none; kill -QUIT $(cat p)"},
    {"redis",
     {"redis-server", "redis-cli"},
     "",
     "redis-server --port 0 --unixsocket s --save '' --appendonly yes --dir .",
     "until test -S s && redis-cli -s s ping; do sleep 0.05; done; redis-cli -s s set a b; "
     // A child that still rewrites would be killed at the end: under a tracer, which is slow,
     // alone.
     "redis-cli -s s get a; redis-cli -s s bgrewriteaof; until test $(redis-cli -s s info "
     "persistence "
     "| grep -c 'aof_rewrite_[is].*:0') = 2; do sleep 0.05; done; redis-cli -s s shutdown"},
    {"node",
     {"node"},
     "",
     "node -e 'const fs = require(\"fs\"), net = require(\"net\");\n"
     "fs.readFile(\"/etc/passwd\", () => fs.writeFileSync(\"f\", \"x\"));\n"
     "const s = net.createServer(c => { c.end(\"x\"); s.close() }).listen(\"s\", () =>\n"
     "net.connect(\"s\").on(\"data\", () => require(\"child_process\").execFileSync(\"true\")))'",
     ""},
    {"go",
     {"go"},
     "printf 'package main\\nfunc main() { println(1) }\\n' >main.go",
     "export GO111MODULE=off GOFLAGS= CGO_ENABLED=0 HOME=$PWD GOCACHE=$SYSNARE_GO_CACHE; "
     "go build -o a main.go && ./a",
     ""},
};

/// Who may not see a call that the others see, and why. "*" is every program; several by commas.
struct Difference {
  const char* programs;
  const char* calls;
  const char* who;  ///< "strace", "ptrace", "ebpf"; "any" of them, by chance
  const char* why;
};

const Difference kDifferences[] = {
    {"*", "exit,exit_group", "strace", "strace -c counts returns, and these have none"},
    {"go,node", "restart_syscall", "any",
     "a stop broke off a thread's sleep, and the kernel resumes it by this call: tracers stop "
     "threads, now and then in a sleep; eBPF stops nobody"},
    {"go,node", "sched_yield", "any",
     "a thread that spins for a lock yields when the owner is slow, which it is under a tracer"},
};

bool in_list(const std::string& list, const std::string& word) {
  std::stringstream stream(list);
  for (std::string each; std::getline(stream, each, ',');) {
    if (each == "*" || each == word) return true;
  }
  return false;
}

bool is_explained(const std::string& program, const std::string& call, const std::string& who) {
  return std::any_of(std::begin(kDifferences), std::end(kDifferences), [&](const Difference& row) {
    return in_list(row.programs, program) && in_list(row.calls, call) &&
           (row.who == who || row.who == std::string("any"));
  });
}

struct Tracer {
  std::string name;
  Words words;  ///< in front of the command; the file of what was seen comes behind them
};

Names names_of_strace(const std::string& text) {
  Names names;
  std::stringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::stringstream stream(line);
    const Words words{std::istream_iterator<std::string>(stream), {}};
    if (words.size() < 5 || words.back() == "total") continue;
    if (words[0].find_first_not_of("0123456789.") != std::string::npos) continue;
    names.insert(words.back());
  }
  return names;
}

/// The names of all calls; lost ones are a failure.
Names names_of_evidence(const std::string& text) {
  Names names;
  const Json evidence = Json::parse(text, nullptr, false);
  EXPECT_TRUE(evidence.is_object()) << text;
  if (!evidence.is_object()) return names;
  EXPECT_EQ(evidence["lost"], 0) << text;
  for (const Json& call : evidence["calls"]) {
    // Operations in a ring are no calls; strace sees none of them.
    if (call["origin"] != "io_uring") names.insert(call["name"].get<std::string>());
  }
  return names;
}

class RealPrograms : public ::testing::TestWithParam<Program> {
 protected:
  void SetUp() override {
    for (const std::string& need : GetParam().needs) {
      if (!have_program(need)) GTEST_SKIP() << "needs " << need;
    }
    if (!have_program("strace")) GTEST_SKIP() << "needs strace to compare with";
    tracers_ = {{"strace", {"strace", "-f", "-c", "-o"}},
                {"ptrace", {sysnare_path(), "trace", "--recorder", "ptrace", "-o"}}};
    static const bool takes_ebpf =
        sysnare({"trace", "--recorder", "ebpf", "--", "true"}).status == 0;
    if (takes_ebpf) {
      tracers_.push_back({"ebpf", {sysnare_path(), "trace", "--recorder", "ebpf", "-o"}});
    }
  }

  /// What `tracer` sees of one run.
  static Names one_run(const Tracer& tracer) {
    TempDir dir;
    TempDir out;
    RunOptions options;
    options.cwd = dir.path();
    options.environment = {"LC_ALL=C", "TMPDIR=" + dir.path(), "SYSNARE_GO_CACHE=" + go_cache()};
    const Outcome ready = run({"sh", "-ec", GetParam().setup}, options);
    EXPECT_EQ(ready.status, 0) << ready.err;
    Words words = tracer.words;
    words.insert(words.end(), {out / "seen", "--", "sh", "-c", GetParam().command});
    std::thread client([&] {
      if (*GetParam().client != '\0') run({"sh", "-c", GetParam().client}, options);
    });
    const Outcome outcome = run(words, options);
    client.join();
    EXPECT_EQ(outcome.status, 0) << tracer.name << ": " << outcome.out << outcome.err;
    const std::string seen = slurp(out / "seen");
    return tracer.name == "strace" ? names_of_strace(seen) : names_of_evidence(seen);
  }

  /// A warm one: building Go's library takes longer than all else here.
  static std::string go_cache() { return victim("../go-cache"); }

  std::vector<Tracer> tracers_;
};

/// One line each: what a tracer did not see in any run and another did, unless it is explained.
std::string unexplained(const std::string& program, const std::map<std::string, Names>& seen) {
  Names all;
  for (const auto& [tracer, names] : seen) all.insert(names.begin(), names.end());
  std::string text;
  for (const auto& [tracer, names] : seen) {
    for (const std::string& call : all) {
      if (names.contains(call) || is_explained(program, call, tracer)) continue;
      text += call + " was not seen by " + tracer + "\n";
    }
  }
  return text;
}

TEST_P(RealPrograms, EveryTracerSeesTheSameCalls) {
  const char* asked = std::getenv("SYSNARE_REAL_ROUNDS");
  const int least = asked == nullptr ? 1 : std::max(1, std::atoi(asked));
  std::map<std::string, Names> seen;
  std::string differ;
  for (int round = 0; round < std::max(least, kMostRounds); ++round) {
    for (const Tracer& tracer : tracers_) {
      const Names names = one_run(tracer);
      seen[tracer.name].insert(names.begin(), names.end());
      if (HasFailure()) return;
    }
    differ = unexplained(GetParam().name, seen);
    if (round + 1 >= least && differ.empty()) break;
  }
  EXPECT_EQ(differ, "");
  EXPECT_GT(seen["ptrace"].size(), 10u);
}

INSTANTIATE_TEST_SUITE_P(Debian, RealPrograms, ::testing::ValuesIn(kPrograms),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace sysnare::live
