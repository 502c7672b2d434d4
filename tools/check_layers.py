#!/usr/bin/python3
"""Does every room include only what the room table of docs/design.md allows?

usage: check_layers.py [ROOT]

Compares three things: the table, the ROOMS of each src/ROOM/CMakeLists.txt, and every line
#include "ROOM/..." below src/, tests/ and include/. Looks for types of one name in two headers. Each violation is one line FILE:LINE: what; exit 1.
Not modelled: includes behind #if (they count), angle brackets (never ours).
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
ROOM_CALL = re.compile(r"sysnare_room\(\s*(\w+)([^)]*)\)", re.S)
KEYWORDS = {"ROOMS", "LIBS"}
PUBLIC = re.compile(r"sysnare/(\w+)\.h$")
# Headers that cost seconds per file, or tie everybody to a library: not in our headers.
HEAVY = re.compile(r'^\s*#\s*include\s*<((?:nlohmann|CLI|gtest|gmock)/[^>]*)>')


# Rooms share one namespace: two types of one name in it are one to the linker, and destroy each other's
# objects. Types of tests, and of .cc files in an anonymous namespace, are nobody else's.
NAMESPACE = re.compile(r"^namespace ([\w:]+) \{")
TYPE = re.compile(r"^(?:struct|class|enum class) (?:\[\[\w+\]\] )?(\w+)[^;]*\{")


class Layers:
    def __init__(self, root):
        self.root = root
        self.complaints = []

    def complain(self, path, line, text):
        self.complaints.append(f"{path.relative_to(self.root)}:{line}: {text}")

    def read_table(self):
        """room -> (line, arrows), from the table under "## Rooms"."""
        path = self.root / "docs/design.md"
        rooms, inside = {}, False
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.startswith("## "):
                inside = line == "## Rooms"
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not inside or not line.startswith("|") or len(cells) != 3 or cells[0] in ("room", "---"):
                continue
            rooms[cells[0]] = (number, cells[2].split())
        for room, (number, arrows) in rooms.items():
            above = list(rooms)[: list(rooms).index(room)]
            for arrow in arrows:
                if arrow not in above:
                    self.complain(path, number, f"{room} -> {arrow}: no room above {room} has this name")
        if not rooms:
            self.complain(path, 1, "no room table under \"## Rooms\"")
        return {room: arrows for room, (_, arrows) in rooms.items()}

    def read_cmake(self, table):
        for folder in sorted(path for path in (self.root / "src").iterdir() if path.is_dir()):
            path = folder / "CMakeLists.txt"
            if folder.name not in table:
                self.complain(folder, 1, "a folder of src/ that is no room of docs/design.md")
                continue
            text = path.read_text() if path.exists() else ""
            call = ROOM_CALL.search(text)
            if not call or call.group(1) != folder.name:
                self.complain(path, 1, f"no sysnare_room({folder.name} ...)")
                continue
            line = text[: call.start()].count("\n") + 1
            words, arrows, keyword = call.group(2).split(), [], ""
            for word in words:
                if word in KEYWORDS:
                    keyword = word
                elif keyword == "ROOMS":
                    arrows.append(word)
            if sorted(arrows) != sorted(table[folder.name]):
                self.complain(path, line, f"ROOMS is \"{' '.join(arrows)}\", docs/design.md says "
                                          f"\"{' '.join(table[folder.name])}\"")

    def read_includes(self, table):
        reach = {}
        for room, arrows in table.items():
            reach[room] = {room}.union(*(reach.get(arrow, set()) for arrow in arrows))
        files = [path for folder in ("src", "include", "tests") for ending in ("*.cc", "*.h")
                 for path in (self.root / folder).rglob(ending)]
        for path in sorted(files):
            parts = path.relative_to(self.root).parts
            room = parts[1] if parts[0] == "src" and len(parts) > 2 else None
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                heavy = HEAVY.match(line)
                if heavy and room and path.suffix == ".h":
                    self.complain(path, number, f"<{heavy.group(1)}> in a header; keep it in .cc files")
                included = INCLUDE.match(line)
                if not included or room not in table:
                    continue
                target = included.group(1)
                if target.startswith(".") or target.startswith("/"):
                    self.complain(path, number, f"\"{target}\": write it from src/, as \"room/file.h\"")
                elif public := PUBLIC.match(target):
                    # A room's installed face belongs to the room; Result and Error to everybody.
                    if public.group(1) in table and public.group(1) not in reach[room]:
                        self.complain(path, number, f"{room} may not include \"{target}\"; it does not "
                                                    f"reach {public.group(1)}")
                elif "/" in target and target.split("/")[0] not in reach[room]:
                    self.complain(path, number, f"{room} may not include \"{target}\"; it reaches "
                                                f"{' '.join(sorted(reach[room] - {room})) or 'no room'}")

    def read_types(self):
        seen = {}
        for path in sorted((self.root / "src").rglob("*.h")):
            namespace = ""
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                if opened := NAMESPACE.match(line):
                    namespace = opened.group(1)
                defined = TYPE.match(line)
                if not defined or not namespace:
                    continue
                name = f"{namespace}::{defined.group(1)}"
                other = seen.setdefault(name, path)
                if other != path:
                    self.complain(path, number, f"{name} is in {other.relative_to(self.root)} too; "
                                                f"call one of them otherwise")

    def run(self):
        table = self.read_table()
        self.read_cmake(table)
        self.read_includes(table)
        self.read_types()
        return self.complaints


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__ + "/../..").resolve()
    complaints = Layers(root).run()
    print("\n".join(complaints) if complaints else "every room keeps to docs/design.md")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
