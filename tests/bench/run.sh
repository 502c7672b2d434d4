#!/bin/sh
# usage: tests/bench/run.sh BUILD_DIR [--json] [--rounds N]
# The whole bench on the programs of one build: calls first, then, without --json, servers under load,
# the recorder's memory and start, filters, and scans.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
usage() { echo "usage: $0 BUILD_DIR [--json] [--rounds N]" >&2; exit 2; }
[ $# -ge 1 ] || usage
build=$(cd "$1" && pwd)
shift
json='' rounds=''
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=--json ;;
    --rounds) [ $# -ge 2 ] || usage; rounds="--rounds $2"; shift ;;
    *) usage ;;
  esac
  shift
done
# nginx is no program for everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin
bench="$build/bench" sysnare="$build/sysnare"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
status=0

part() {
  echo "bench: $1 ..." >&2
  shift
  "$@" || status=1
}

part "1 of 5, what a call costs (2 minutes)" "$bench/calls_bench" --sysnare "$sysnare" \
  --loop "$bench/getppid_loop" --empty "$bench/empty_ebpf" --profile "$here/allow.json" $rounds $json
[ -z "$json" ] || exit $status
echo
part "2 of 5, a server under load (2 minutes)" "$bench/servers_bench" --sysnare "$sysnare" \
  --empty "$bench/empty_ebpf" --work "$work" $rounds
echo
part "3 of 5, memory and start of the recorder (half a minute)" "$bench/recorder_bench" --sysnare "$sysnare" \
  --crowd "$bench/crowd" $rounds
if [ -x "$bench/parts_bench" ]; then
  echo
  part "4 of 5, filters (half a minute)" "$bench/parts_bench"
fi
echo
part "5 of 5, scans (a minute)" "$bench/scan_bench" --sysnare "$sysnare" --work "$work" $rounds
exit $status
