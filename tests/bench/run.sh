#!/bin/sh
# usage: tests/bench/run.sh BUILD_DIR [--json] [--rounds N]
# The whole bench on the programs of one build: calls first, then, without --json, filters.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: $0 BUILD_DIR [--json] [--rounds N]" >&2; exit 2; }
build=$(cd "$1" && pwd)
shift
status=0
"$build/bench/calls_bench" --sysnare "$build/sysnare" --loop "$build/bench/getppid_loop" \
  --empty "$build/bench/empty_ebpf" \
  --profile "$here/allow.json" "$@" || status=$?
case " $* " in *" --json "*) exit $status ;; esac
if [ -x "$build/bench/parts_bench" ]; then
  echo
  "$build/bench/parts_bench" || status=$?
fi
exit $status
