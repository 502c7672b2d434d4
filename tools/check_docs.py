#!/usr/bin/python3
"""Do the pages say what is there?

usage: check_docs.py SYSNARE [ROOT]

1. Every relative link in a *.md file leads to a file, and its #anchor to a heading of it.
2. Every verb of `sysnare --help` has a page docs/reference/VERB.md or VERB-verb.md.
3. Every option in `sysnare VERB --help` is named on that page, in backquotes or a code block.
4. Every `sysnare VERB` that a message or a page of the reference tells to use is a verb.
5. docs/reference/README.md and docs/adr/README.md link every page beside them.
Each failure is one line; exit 1.
"""

import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~)")
HELP_VERB = re.compile(r"^  ([a-z][a-z-]*)  +\S", re.M)
# Options of a help text: those that start a line, "-o,--out FILE" or "--json".
HELP_OPTIONS = re.compile(r"^  +((?:-\w(?=[,\s])|--[a-z][\w-]*)(?:, *(?:-\w|--[a-z][\w-]*))*)", re.M)
ADVICE = re.compile(r"(?:`|\$ |^    )sysnare ([a-z][a-z-]*)(?=[ `])(?! (?:was|is|and|has|run:))")
SELF_EVIDENT = {"-h", "--help"}


def pages(root):
    for path in sorted(root.rglob("*.md")):
        if not {"build", ".git"} & set(path.relative_to(root).parts):
            yield path


def without_code(text):
    """The text with fenced blocks and code spans blanked, line numbers kept."""
    lines, fenced = [], False
    for line in text.splitlines():
        if FENCE.match(line.strip()):
            fenced = not fenced
            line = ""
        lines.append("" if fenced else re.sub(r"`[^`]*`", "", line))
    return lines


def anchors(text):
    """Anchors as GitHub makes them of headings."""
    found, fenced = set(), False
    for line in text.splitlines():
        if FENCE.match(line.strip()):
            fenced = not fenced
        elif line.startswith("#") and not fenced:
            title = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            found.add(title.replace(" ", "-"))
    return found


def check_links(root):
    for page in pages(root):
        for number, line in enumerate(without_code(page.read_text()), 1):
            for target in LINK.findall(line):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, anchor = target.partition("#")
                path = (page.parent / name).resolve() if name else page
                where = f"{page.relative_to(root)}:{number}: link to {target}"
                if not path.exists():
                    yield f"{where}: no such file"
                elif anchor and path.suffix == ".md" and anchor not in anchors(path.read_text()):
                    yield f"{where}: no such heading"


def help_of(program, *words):
    return subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True).stdout


def options_of(help_text):
    found = []
    for group in HELP_OPTIONS.findall(help_text):
        found += [option for option in re.split(r", *", group) if option not in SELF_EVIDENT]
    return found


def code_of(text):
    """All that stands in code: an option named in prose alone is easily missed by a reader's search."""
    return "\n".join(re.findall(r"```.*?```|`[^`]+`", text, re.S))


def names_option(code, option):
    return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", code) is not None


def check_reference(root, program):
    verbs = HELP_VERB.findall(help_of(program))
    if not verbs:
        yield "sysnare --help: no verb found"
    for verb in verbs:
        # A verb that shares its name with a file format has its page beside that of the format.
        page = root / f"docs/reference/{verb}-verb.md"
        if not page.exists():
            page = root / f"docs/reference/{verb}.md"
        if not page.exists():
            yield f"{page.relative_to(root)}: missing; sysnare --help lists the verb {verb}"
            continue
        code = code_of(page.read_text())
        for option in options_of(help_of(program, verb)):
            if not names_option(code, option):
                yield f"{page.relative_to(root)}: option {option} of sysnare {verb} --help is not named"


def check_advice(root, program):
    verbs = {*HELP_VERB.findall(help_of(program)), "help"}
    places = [*root.glob("src/cli/*.cc"), *root.glob("src/flow/*.cc"), *root.glob("docs/reference/*.md"),
              *root.glob("docs/howto/*.md"), root / "README.md"]
    for place in sorted(place for place in places if place.exists()):
        for number, line in enumerate(place.read_text().splitlines(), 1):
            for verb in ADVICE.findall(line):
                if verb not in verbs:
                    yield f"{place.relative_to(root)}:{number}: sysnare {verb} is no verb"


def check_indexes(root):
    for index in ("docs/reference/README.md", "docs/adr/README.md"):
        page = root / index
        text = page.read_text() if page.exists() else ""
        for other in sorted(page.parent.glob("*.md")):
            if other != page and f"({other.name})" not in text:
                yield f"{index}: no link to {other.name}"


def main():
    program = sys.argv[1]
    root = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else __file__ + "/../..").resolve()
    complaints = [*check_links(root), *check_reference(root, program),
                  *check_advice(root, program), *check_indexes(root)]
    print("\n".join(complaints) if complaints else "links resolve, verbs and options have their pages")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
