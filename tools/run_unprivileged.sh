#!/usr/bin/env bash
# Runs the suites labelled `unprivileged` as another uid, on a copy that this uid can read.
#
# usage: run_unprivileged.sh UID RESULTS   (RESULTS/suites.json is what `ctest --show-only` wrote)
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
cd "$root" || exit 1
uid=$1 results=$2
# Not root's own PATH: a folder in it that this uid may not enter makes "not found" into "permission denied".
path=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin
suite_seconds=900  # as ctest's TIMEOUT for live suites

stage=$(mktemp -d /tmp/sysnare-unprivileged.XXXXXX) || exit 1
trap 'rm -rf "$stage"' EXIT
trap 'exit 130' INT TERM
mkdir "$stage/source" "$stage/results" "$stage/home"
tar -c --exclude=./build --exclude=./.git . | tar -x -C "$stage/source" --no-same-owner
cp -r build/dev/victims "$stage/victims"
cp build/dev/sysnare "$stage/sysnare"
[ -d "$SYSNARE_TEST_DATA" ] && cp -r "$SYSNARE_TEST_DATA" "$stage/data"
chmod -R a+rX "$stage"
chown -R "$uid:$uid" "$stage/results" "$stage/home"

status=0
# suite PROGRAM: what it wrote is shown when it has ended; suites run side by side, as ctest runs them.
suite() {
  local name
  name=$(basename "$1")
  cp "$1" "$stage/$name"
  chmod a+rx "$stage/$name"
  local log="$stage/$name.log"
  (cd "$stage/home" && env -i PATH="$path" HOME="$stage/home" LANG=C.UTF-8 SYSNARE_BIN="$stage/sysnare" \
    SYSNARE_VICTIMS="$stage/victims" SYSNARE_SOURCE="$stage/source" SYSNARE_TEST_DATA="$stage/data" \
    GTEST_OUTPUT="xml:$stage/results/" \
    setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all \
    timeout -k 10 "$suite_seconds" "$stage/$name") </dev/null >"$log" 2>&1
  local ended=$?
  printf -- '--- %s as uid %s\n%s\n' "$name" "$uid" "$(cat "$log")"
  return "$ended"
}
export -f suite
export stage uid path suite_seconds
tools/test_report.py --programs "$results/suites.json" |
  xargs -d '\n' -n 1 -P "$(nproc)" bash -c 'suite "$1"' - || status=1
cp "$stage/results/"*.xml "$results/" || status=1
exit "$status"
