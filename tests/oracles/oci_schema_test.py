#!/usr/bin/env python3
"""Is everything that sysnare writes for OCI valid by the OCI runtime specification's JSON Schema?

The schema is three files that refer to each other by name (defs-linux.json#/definitions/Syscall);
here they become one. The specification lets unknown keys pass; the parts that a profile consists of
are closed in a second schema, since no runtime reads any other key.
"""

import copy
import json
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
from profiles import DATA, DOCKER, PODMAN, ROOT, skip, sysnare  # noqa: E402

try:
    import jsonschema
except ImportError:
    sys.exit("this test needs Debian's package python3-jsonschema")

# The name by which the files refer to each other -> the file.
FILES = {
    "defs.json": "oci-defs.schema.json",
    "defs-linux.json": "oci-defs-linux.schema.json",
    "config-linux.json": "oci-config-linux.schema.json",
}
CLOSED = ("Syscall", "SyscallArg")
INPUT = ROOT / "tests" / "golden" / "input"
PROFILES = ROOT / "tests" / "profiles"


def with_local_references(node, home):
    """The same with every reference into the one document that holds all files."""
    if isinstance(node, list):
        return [with_local_references(each, home) for each in node]
    if not isinstance(node, dict):
        return node
    changed = {key: with_local_references(each, home) for key, each in node.items()}
    if isinstance(node.get("$ref"), str):
        file, pointer = node["$ref"].split("#", 1)
        assert (file or home) in FILES, node["$ref"]
        changed["$ref"] = f"#/files/{file or home}{pointer}"
    return changed


def schemas():
    files = {}
    for name, path in FILES.items():
        files[name] = with_local_references(json.loads((DATA / path).read_text()), name)
    seccomp = files["config-linux.json"]["linux"]["properties"]["seccomp"]
    as_specified = {"$ref": "#/files/config-linux.json/linux/properties/seccomp", "files": files}
    closed = copy.deepcopy(as_specified)
    definitions = closed["files"]["defs-linux.json"]["definitions"]
    for part in (closed["files"]["config-linux.json"]["linux"]["properties"]["seccomp"],
                 *(definitions[name] for name in CLOSED)):
        part["additionalProperties"] = False
    assert "syscalls" in seccomp["properties"]
    return [jsonschema.Draft4Validator(schema) for schema in (as_specified, closed)]


def errors(validators, document):
    found = []
    for validator in validators:
        for error in validator.iter_errors(document):
            path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.path)
            found.append(f"{path.lstrip('.') or 'top level'}: {error.message[:200]}")
    return found


# A profile that is valid, one change, what the judge has to say of it.
PLANTED = [
    ("an action that is none", lambda p: p.update(defaultAction="SCMP_ACT_ERNO"), "defaultAction"),
    ("no default action", lambda p: p.pop("defaultAction"), "top level"),
    ("an errno as a text", lambda p: p.update(defaultErrnoRet="EPERM"), "defaultErrnoRet"),
    ("a negative errno", lambda p: p["syscalls"][0].update(errnoRet=-1), "syscalls[0].errnoRet"),
    ("an architecture that is none", lambda p: p.update(architectures=["x86_64"]), "architectures[0]"),
    ("a flag that is none", lambda p: p.update(flags=["LOG"]), "flags[0]"),
    ("an entry without names", lambda p: p["syscalls"][0].pop("names"), "syscalls[0]"),
    ("an entry with no names", lambda p: p["syscalls"][0].update(names=[]), "syscalls[0].names"),
    ("a name that is a number", lambda p: p["syscalls"][0].update(names=[0]), "syscalls[0].names[0]"),
    ("an entry without an action", lambda p: p["syscalls"][0].pop("action"), "syscalls[0]"),
    ("an op that is none", lambda p: p["syscalls"][0]["args"][0].update(op="EQ"),
     "syscalls[0].args[0].op"),
    ("a value beyond 64 bits", lambda p: p["syscalls"][0]["args"][0].update(value=1 << 64),
     "syscalls[0].args[0].value"),
    ("a condition without an index", lambda p: p["syscalls"][0]["args"][0].pop("index"),
     "syscalls[0].args[0]"),
    ("Docker's archMap", lambda p: p.update(archMap=[]), "top level"),
    ("Docker's includes", lambda p: p["syscalls"][0].update(includes={}), "syscalls[0]"),
    ("Docker's comment", lambda p: p["syscalls"][0].update(comment="why"), "syscalls[0]"),
    ("Podman's errno", lambda p: p["syscalls"][0].update(errno="EPERM"), "syscalls[0]"),
]
VALID = {
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"],
    "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
                  "args": [{"index": 0, "value": (1 << 64) - 1, "op": "SCMP_CMP_NE"}]}],
}


def judge_can_judge(validators):
    assert not errors(validators, VALID), errors(validators, VALID)
    for why, plant, where in PLANTED:
        document = copy.deepcopy(VALID)
        plant(document)
        found = errors(validators, document)
        assert any(each.startswith(where + ":") for each in found), f"{why} is not found: {found}"
    print(f"the judge finds {len(PLANTED)} planted mistakes")


def written(folder):
    """(command, the document it wrote), for every way in which sysnare writes OCI."""

    def of(*words, status=0):
        out = folder / "out.json"
        out.unlink(missing_ok=True)
        sysnare(words[0], "-o", out, *words[1:], status=status)
        return " ".join(map(str, words)), json.loads(out.read_text())

    inputs = [DOCKER, *([PODMAN] if PODMAN.exists() else []), INPUT / "profile.json",
              INPUT / "arguments.profile.json", INPUT / "clone-flags.json", INPUT / "rules.json",
              *sorted(PROFILES.glob("*.json"))]
    for path in inputs:
        yield of("convert", "--to", "oci", path)
        yield of("convert", "--resolve", "--caps", "SYS_ADMIN,NET_RAW", "--arch", "arm64", "--kernel",
                 "4.7", path)
        yield of("convert", "--resolve", "--only-arch", path)
        for runtime in ("kernel", "runc", "crun", "docker", "podman"):
            if runtime == "crun" and ".name" in path.name:
                continue  # crun refuses an entry without `names`
            yield of("convert", "--as", runtime, path)
        yield of("disasm", "--decompile", "--lossy", path)
        yield of("merge", "--lossy", path, PROFILES / "deny-dir.json")
        yield of("merge", "--intersect", "--lossy", path, PROFILES / "allow-helloworld.json")
        bytes_of = folder / "filter"
        sysnare("convert", "--to", "filter", path, "-o", bytes_of)
        yield of("convert", "--lossy", bytes_of)
        for format in ("systemd", "minijail", "k8s"):
            text = folder / format
            sysnare("convert", "--to", format, "--lossy", path, "-o", text)
            yield of("convert", "--lossy", "--from", format, text)
    evidence = folder / "true.evidence.json"
    sysnare("trace", "-o", evidence, "--", "/bin/true")
    yield of("profile", "--to", "oci", evidence)
    yield of("profile", "--to", "oci", "--runtime", "runc", evidence)
    yield of("profile", "--to", "oci", "--", "/bin/true")
    # In place: what --fix writes of plain OCI is plain OCI.
    for path in inputs:
        plain = folder / "plain.json"
        sysnare("convert", path, "-o", plain)
        sysnare("lint", "--fix", plain, status=(0, 1))
        fixed = json.loads(plain.read_text())
        # --fix says in a `comment` why it added an entry: a key that the specification lets pass.
        for entry in fixed["syscalls"]:
            entry.pop("comment", None)
        yield f"lint --fix (of {path})", fixed


def main():
    if not all((DATA / path).exists() for path in FILES.values()):
        skip(f"no OCI schema in {DATA} (SYSNARE_TEST_DATA)")
    validators = schemas()
    judge_can_judge(validators)
    wrong = 0
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        for command, document in written(pathlib.Path(folder)):
            count += 1
            for error in errors(validators, document)[:5]:
                wrong += 1
                print(f"sysnare {command}: {error}")
    if wrong:
        sys.exit(f"{wrong} findings in {count} documents")
    print(f"{count} documents are valid")


if __name__ == "__main__":
    main()
