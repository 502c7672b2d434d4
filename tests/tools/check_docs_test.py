#!/usr/bin/python3
"""tools/check_docs.py finds dead links, verbs without a page and options that no page names."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_docs  # noqa: E402

# Stands in for sysnare: a verb `trace` with three options.
PROGRAM = """#!/bin/sh
if [ "$1" = --help ]; then
  printf 'verbs:\\n  trace      count calls\\n'
else
  printf 'Options:\\n  -h,--help  this\\n  -o,--out FILE  save\\n  --json       as JSON\\n  --no-x TEXT  see --y\\n'
fi
"""

CLEAN = {
    "README.md": "[design](docs/design.md#the-words-v2) [web](https://example.org/x) `[no](link)`\n"
                 "```\n[not a](link)\n```\n",
    "docs/design.md": "# Design\n## The words, v2\n[up](../README.md) [here](#design)\n",
    "docs/reference/README.md": "[trace](trace.md)\n",
    "docs/reference/trace.md": "`-o FILE`, `--out FILE`\n```\n--json --no-x\n```\n",
}

VIOLATIONS = [
    ("a file that is gone", "README.md", "\n[x](docs/gone.md)\n", "README.md:2: link to docs/gone.md: no such file"),
    ("a heading that is gone", "README.md", "[x](docs/design.md#gone)", "docs/design.md#gone: no such heading"),
    ("an option in prose alone", "docs/reference/trace.md", "`-o` `--out` `--no-x` --json", "option --json"),
    ("a longer option is another one", "docs/reference/trace.md", "`-o --outer --json --no-x`", "option --out "),
    ("a page that no index lists", "docs/adr/0001-x.md", "# 0001", "docs/adr/README.md: no link to 0001-x.md"),
    ("advice to use a verb that is none", "src/cli/verb_x.cc", '"try `sysnare frob FILE`"',
     "src/cli/verb_x.cc:1: sysnare frob is no verb"),
    ("a verb without a page", "docs/reference/trace.md", None, "trace.md: missing"),
]


def check(files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in files.items():
            if text is None:
                continue
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        program = root / "program"
        program.write_text(PROGRAM)
        program.chmod(0o755)
        return [*check_docs.check_links(root), *check_docs.check_reference(root, str(program)),
                *check_docs.check_advice(root, str(program)), *check_docs.check_indexes(root)]


class CheckDocs(unittest.TestCase):
    def test_pages_that_say_what_is_there(self):
        self.assertEqual(check(CLEAN), [])

    def test_each_violation_is_named(self):
        for why, name, text, complaint in VIOLATIONS:
            with self.subTest(why):
                self.assertIn(complaint, "\n".join(check({**CLEAN, name: text})) + "\n")


unittest.main()
