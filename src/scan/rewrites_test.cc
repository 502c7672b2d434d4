// Which words behind a pointer may be others than the caller left there.

#include "scan/rewrites.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "scan/one_object.h"

namespace sysnare {
namespace {

constexpr std::uint8_t kRdi = 7;
constexpr std::uint8_t kRsi = 6;
constexpr std::uint64_t kCell = kData;
constexpr std::uint64_t kPointedTo = kData + 8;

Value value(Value::Kind kind, std::uint8_t reg, std::uint64_t number = 0) {
  Value made;
  made.kind = kind;
  made.place.reg = reg;
  made.number = number;
  return made;
}
Value passed(std::uint8_t reg) { return value(Value::Kind::kPassed, reg); }
Value pointee(std::uint8_t reg) { return value(Value::Kind::kPointee, reg); }

PassedFact in(std::uint8_t reg, Value what) {
  PassedFact fact;
  fact.place.reg = reg;
  fact.values = {what};
  return fact;
}

/// An object of four functions, and what is said of them; counts how often that is asked for.
struct World : PointerFactSource {
  OneObject object{"c3", "c3", "c3", "c3"};
  Findings findings;
  std::map<std::uint32_t, std::vector<PointerFact>> facts;
  std::size_t asked = 0;
  std::vector<std::uint32_t> expected;

  World() {
    findings.functions.resize(4);
    findings.asking.assign(4, 0);
  }
  void expect(const std::vector<std::uint32_t>& functions) override { expected = functions; }
  const std::vector<PointerFact>& of(std::uint32_t function) override {
    ++asked;
    return facts[function];
  }

  /// The number of a call is behind what `function` is passed in `reg`.
  void number(std::uint32_t function, std::uint8_t reg = kRdi) {
    SiteFact site;
    site.nr = {pointee(reg)};
    findings.functions[function].sites.push_back(site);
  }
  void call(std::uint32_t from, std::uint32_t to, const PassedFact& what) {
    CallFact made;
    made.target.index = to;
    made.passed = {what};
    findings.functions[from].calls.push_back(made);
  }
  void call_import(std::uint32_t from, const char* name, const PassedFact& what) {
    CallFact made;
    made.target.kind = Target::Kind::kImport;
    made.target.index = object.symbol(name, kData + 0x80);
    made.passed = {what};
    findings.functions[from].calls.push_back(made);
  }
  void keep(std::uint32_t in, std::uint8_t reg) {
    CellFact cell;
    cell.vaddr = kCell;
    cell.width = 8;
    cell.values = {passed(reg)};
    findings.functions[in].cells.push_back(cell);
    name(in);
  }
  /// Its code has the address of the word.
  void name(std::uint32_t function, std::uint64_t vaddr = kCell, std::uint32_t width = 8) {
    findings.functions[function].data.push_back({vaddr, width});
  }
  void writes(std::uint32_t function, std::int64_t begin, std::int64_t end,
              PointerSource source = {false, kRdi}) {
    PointerFact fact;
    fact.source = source;
    fact.begin = begin;
    fact.end = end;
    facts[function].push_back(fact);
  }
  void hands(std::uint32_t from, std::uint32_t to, std::int64_t distance,
             PointerSource source = {false, kRdi}) {
    PointerFact fact;
    fact.kind = PointerFact::Kind::kHanded;
    fact.source = source;
    fact.begin = distance;
    fact.callee = to;
    fact.reg = kRdi;
    facts[from].push_back(fact);
  }
  void keeps(std::uint32_t function, PointerSource source = {false, kRdi}) {
    PointerFact fact;
    fact.kind = PointerFact::Kind::kKept;
    fact.source = source;
    fact.cell = kCell;
    facts[function].push_back(fact);
  }
};

/// "f0 r7 8..12 | f1 r7 all"
std::string rewrites(World& world) {
  const ObjectMap map = world.object.map();
  const auto all = find_rewrites(map, world.findings, world);
  std::string text;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const Rewrite& each : all[i]) {
      text += (text.empty() ? "" : " | ") + fmt::format("f{} r{} ", i, each.place.reg);
      text +=
          each.begin == kFirstByte && each.end == kLastByte
              ? "all"
              : fmt::format("{}..{}", each.begin == kFirstByte ? "" : std::to_string(each.begin),
                            each.end == kLastByte ? "" : std::to_string(each.end));
    }
  }
  return text;
}

TEST(Rewrites, AreFoundOfPointersWhoseWordsSomebodyAsksFor) {
  struct Case {
    const char* why;
    std::function<void(World&)> build;
    const char* rewrites;  ///< function i writes to the byte i behind whatever it is passed
  };
  const Case cases[] = {
      {"nobody asks", [](World&) {}, ""},
      {"the number of a call", [](World& w) { w.number(1); }, "f1 r7 1..2"},
      {"an argument of one",
       [](World& w) {
         SiteFact site;
         site.args[3] = {pointee(kRsi)};
         w.findings.functions[1].sites.push_back(site);
       },
       "f1 r6 1..2"},
      {"a call passes the word to who asks",
       [](World& w) {
         w.findings.asking[2] = 1;
         w.call(1, 2, in(kRsi, pointee(kRdi)));
       },
       "f1 r7 1..2"},
      {"a call keeps the word in what it passes an address of",
       [](World& w) {
         PassedFact fact = in(kRsi, value(Value::Kind::kConstant, 0));
         fact.pointees = {in(0, pointee(kRdi))};
         w.call(1, 2, fact);
       },
       "f1 r7 1..2"},
      {"another object is not told what a caller passes",
       [](World& w) { w.call_import(1, "puts", in(kRsi, pointee(kRdi))); }, ""},
      {"but where that says what is called",
       [](World& w) { w.call_import(1, "syscall", in(kRdi, pointee(kRdi))); }, "f1 r7 1..2"},
      {"a pointer goes to another object, whose words may be asked for there",
       [](World& w) { w.call_import(1, "syscall", in(kRsi, passed(kRdi))); }, "f1 r7 1..2"},
      {"a word is kept in static data",
       [](World& w) {
         w.keep(1, kRdi);
         w.findings.functions[1].cells[0].values = {pointee(kRdi)};
       },
       "f1 r7 1..2"},
      {"a pointer is kept there, and the number is read by it",
       [](World& w) {
         w.keep(1, kRdi);
         SiteFact site;
         site.nr = {value(Value::Kind::kCellPointee, 0, kCell << 16)};
         w.findings.functions[2].sites.push_back(site);
       },
       "f1 r7 1..2"},
      {"a pointer is kept there, and none is read by it", [](World& w) { w.keep(1, kRdi); }, ""},
      {"callers that hand on what they were passed",
       [](World& w) {
         w.number(3);
         w.call(2, 3, in(kRdi, passed(kRsi)));
         w.call(1, 2, in(kRsi, passed(kRdi)));
       },
       "f1 r7 1..2 | f2 r6 2..3 | f3 r7 3..4"},
      {"callers in a circle",
       [](World& w) {
         w.number(1);
         w.call(1, 2, in(kRdi, passed(kRdi)));
         w.call(2, 1, in(kRdi, passed(kRdi)));
       },
       "f1 r7 1..2 | f2 r7 2..3"},
      {"callers that pass it in another place are not asked",
       [](World& w) {
         w.number(3);
         w.call(2, 3, in(kRsi, passed(kRsi)));
       },
       "f3 r7 3..4"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    World world;
    for (std::uint32_t i = 0; i < 4; ++i) {
      for (const std::uint8_t reg : {kRsi, kRdi}) world.writes(i, i, i + 1, {false, reg});
    }
    c.build(world);
    EXPECT_EQ(rewrites(world), c.rewrites);
    EXPECT_EQ(world.asked == 0, std::string_view(c.rewrites).empty()) << "it costs a walk";
    EXPECT_EQ(world.expected.empty(), std::string_view(c.rewrites).empty());
  }
}

TEST(Rewrites, AreWhatWhoeverGetsThePointerWrites) {
  struct Case {
    const char* why;
    std::function<void(World&)> build;  ///< function 0 asks for words behind rdi
    const char* rewrites;
  };
  static constexpr PointerSource kKept = {true, kCell};
  const Case cases[] = {
      {"nobody writes", [](World&) {}, ""},
      {"itself", [](World& w) { w.writes(0, 8, 12); }, "f0 r7 8..12"},
      {"by another pointer",
       [](World& w) {
         w.writes(0, 8, 12, {false, kRsi});
       },
       ""},
      {"sorted, none twice",
       [](World& w) {
         w.writes(0, 8, 12);
         w.writes(0, 0, 4);
         w.hands(0, 1, 0);
         w.writes(1, 8, 12);
       },
       "f0 r7 0..4 | f0 r7 8..12"},
      {"who gets it and a constant",
       [](World& w) {
         w.hands(0, 1, 16);
         w.writes(1, 8, 12);
       },
       "f0 r7 24..28"},
      {"who gets it from who got it",
       [](World& w) {
         w.hands(0, 1, 16);
         w.hands(1, 2, 8);
         w.writes(2, -8, 0);
       },
       "f0 r7 16..24"},
      {"to the end, from a constant on",
       [](World& w) {
         w.hands(0, 1, 16);
         w.writes(1, 8, kLastByte);
       },
       "f0 r7 24.."},
      {"all of it, whatever the constant",
       [](World& w) {
         w.writes(0, 8, 12);
         w.hands(0, 1, 16);
         w.writes(1, kFirstByte, kLastByte);
       },
       "f0 r7 all"},
      {"functions in a circle",
       [](World& w) {
         w.hands(0, 1, 0);
         w.hands(1, 0, 0);
         w.writes(1, 0, 8);
       },
       "f0 r7 0..8"},
      {"who reads it where it is kept",
       [](World& w) {
         w.keeps(0);
         w.name(0);
         w.name(2);
         w.writes(2, 4, 8, kKept);
       },
       "f0 r7 4..8"},
      {"who hands it on from there",
       [](World& w) {
         w.keeps(0);
         w.name(0);
         w.name(2);
         w.hands(2, 3, 16, kKept);
         w.writes(3, 4, 8);
       },
       "f0 r7 20..24"},
      {"who has the word of another address",
       [](World& w) {
         w.keeps(0);
         w.name(0);
         w.name(2, kPointedTo);
         w.writes(2, 4, 8, kKept);
       },
       ""},
      {"anybody, where somebody has an address of the word",
       [](World& w) {
         w.keeps(0);
         w.keep(0, kRdi);
         w.name(2, kCell, 0);
       },
       "f0 r7 all"},
      {"nobody, where what somebody has an address of lies behind it",
       [](World& w) {
         w.keeps(0);
         w.keep(0, kRdi);
         w.name(2, kPointedTo, 0);
       },
       ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    World world;
    world.number(0);
    c.build(world);
    EXPECT_EQ(rewrites(world), c.rewrites);
  }
}

TEST(Rewrites, AreAllWherePointersLeadTooFar) {
  struct Case {
    const char* why;
    std::int64_t distance;
    std::size_t at_most;  ///< looks
    const char* rewrites;
  };
  constexpr Case kCases[] = {
      {"a function that calls itself with the same", 0, 1, "f0 r7 0..1"},
      {"with the next element, without end", 8, kMaxPointerSteps, "f0 r7 all"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    World world;
    world.number(0);
    world.writes(0, 0, 1);
    world.hands(0, 0, c.distance);
    EXPECT_EQ(rewrites(world), c.rewrites);
    EXPECT_LE(world.asked, c.at_most);
  }
}

}  // namespace
}  // namespace sysnare
