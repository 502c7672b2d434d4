#!/usr/bin/python3
"""tools/check_layers.py says nothing of a tree that keeps to its table, and names each violation."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_layers  # noqa: E402

DESIGN = """# The design

| room | holds | may include |
|---|---|---|
| ghost | a table elsewhere does not count | |

## Rooms

| room | holds | may include |
|---|---|---|
| base | ground | |
| arch | calls | base |
| profile | profiles | arch |
| filter | filters | profile |

## Next
"""

CLEAN = {
    "docs/design.md": DESIGN,
    "src/base/CMakeLists.txt": "sysnare_room(base LIBS fmt::fmt)\n",
    "src/base/text.h": "#pragma once\n#include <string>\n",
    "src/arch/CMakeLists.txt": "sysnare_room(arch ROOMS base)\n",
    "src/arch/text.h": "namespace sysnare {\nstruct Text {\nenum class Kind {\n};\n",
    "src/profile/text.h": "struct Text;\nnamespace sysnare::profile {\nclass Text {\n};\n",
    "src/arch/abi.cc": '#include "base/text.h"\n#include "unistd_rows.inc"\n',
    "src/profile/CMakeLists.txt": "# a comment\nsysnare_room(profile\n  ROOMS arch\n  LIBS x)\n",
    "src/profile/profile.cc": '#include "base/text.h"\n#include <nlohmann/json.hpp>\n',
    "src/filter/CMakeLists.txt": "sysnare_room(filter ROOMS profile)\n",
    "src/filter/filter.cc": '#include "arch/abi.h"\n#include "filter/filter.h"\n',
    "src/filter/api.cc": '#include "sysnare/filter.h"\n#include "sysnare/result.h"\n',
    "src/main.cc": '#include "filter/filter.h"\n',
    "include/sysnare/version.h": "#pragma once\n",
    "tests/live/trace_test.cc": '#include "harness.h"\n',
}

# (why, file, text, what is complained about)
VIOLATIONS = [
    ("an arrow against the order", "src/base/text.h", '#pragma once\n#include "arch/abi.h"\n',
     'src/base/text.h:2: base may not include "arch/abi.h"; it reaches no room'),
    ("a sideways include", "src/arch/abi.cc", '#include "profile/profile.h"\n',
     'src/arch/abi.cc:1: arch may not include "profile/profile.h"; it reaches base'),
    ("unit tests keep to the table too", "src/arch/abi_test.cc", '\n#  include "filter/filter.h"\n',
     'src/arch/abi_test.cc:2: arch may not include "filter/filter.h"'),
    ("a way around by ..", "src/arch/abi.cc", '#include "../profile/profile.h"\n',
     'src/arch/abi.cc:1: "../profile/profile.h"'),
    ("a type of a name that another room has", "src/filter/text.h",
     "namespace sysnare {\n\n\nstruct Text {\n};\n",
     "src/filter/text.h:4: sysnare::Text is in src/arch/text.h too"),
    ("a room that does not exist", "src/arch/abi.cc", '#include "ghost/boo.h"\n',
     'src/arch/abi.cc:1: arch may not include "ghost/boo.h"'),
    ("the installed face of a room further up", "src/profile/api.cc", '#include "sysnare/filter.h"\n',
     'src/profile/api.cc:1: profile may not include "sysnare/filter.h"; it does not reach filter'),
    ("a JSON header in a header", "src/filter/filter.h", "#include <nlohmann/json.hpp>\n",
     "src/filter/filter.h:1: <nlohmann/json.hpp> in a header"),
    ("an arrow in CMake that the table lacks", "src/arch/CMakeLists.txt",
     "\nsysnare_room(arch ROOMS base profile)\n",
     'src/arch/CMakeLists.txt:2: ROOMS is "base profile", docs/design.md says "base"'),
    ("an arrow in the table that CMake lacks", "src/filter/CMakeLists.txt", "sysnare_room(filter)\n",
     'src/filter/CMakeLists.txt:1: ROOMS is "", docs/design.md says "profile"'),
    ("a folder that is no room", "src/attic/old.cc", "int x;\n", "src/attic:1: a folder of src/"),
    ("a room without a target", "src/base/CMakeLists.txt", "\n",
     "src/base/CMakeLists.txt:1: no sysnare_room(base ...)"),
    ("an arrow upwards in the table", "docs/design.md",
     DESIGN.replace("| base | ground | |", "| base | ground | filter |"),
     "docs/design.md:11: base -> filter"),
    ("no table", "docs/design.md", "# The design\n", "docs/design.md:1: no room table"),
]


def check(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check_layers.Layers(pathlib.Path(folder)).run()


class CheckLayers(unittest.TestCase):
    def test_a_tree_that_keeps_to_its_table(self):
        self.assertEqual(check(CLEAN), [])

    def test_each_violation_is_named_with_file_and_line(self):
        for why, name, text, complaint in VIOLATIONS:
            with self.subTest(why):
                self.assertIn(complaint, "\n".join(check({**CLEAN, name: text})))


unittest.main()
