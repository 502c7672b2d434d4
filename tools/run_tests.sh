#!/usr/bin/env bash
# Builds and runs every test; called by `./run test`, which has installed the packages.
#
# 1. build/dev, all suites but unit tests. 2. Those labelled `unprivileged` once more as uid 65534.
# 3. build/asan (address and undefined-behaviour sanitizers): unit tests, and the suites again. It is
# built beside 1 and 2 with the lowest priority: live suites wait more than they compute. Unit tests
# run with the sanitizers alone, since building them twice costs more than it shows.
# What each test came to is read from the files that ctest and GoogleTest write under build/results/.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
cd "$root" || exit 1
. tools/steps.sh

export CCACHE_BASEDIR="$root" CCACHE_NOHASHDIR=1
export SYSNARE_TEST_DATA="${SYSNARE_TEST_DATA:-$root/../shared/data}"
jobs=$(nproc)
results="$root/build/results"
nobody=65534
status=0
began=$SECONDS

# Suites that start engines and other programs, oracles, and the demo that repeats every verb: with the
# sanitizers they would only cost minutes more.
not_sanitized='^live\.(container|demo|export|hook|proof|real_programs|record_container|runtime_filters)|^(layers|docs|report|oracle)'

# Leaks are looked for at every exit of sysnare itself. LeakSanitizer stops the threads of its own
# process by ptrace, which works as long as nobody traces sysnare: no test does. Victims are no part
# of it, they are built without sanitizers.
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=0
export UBSAN_OPTIONS=print_stacktrace=1

# What the dev build goes without: it runs with the sanitizers.
units='^(unit|fuzz_replay)\.'

# build PRESET [TARGET]
build() {
  step "configure $1" cmake --preset "$1" &&
    step "build $1" cmake --build "build/$1" -j "$jobs" --target "${2:-all}"
}

# Builds PRESET beside what follows, in a session of its own, so that it ends with us. Where sessions
# share the processors as groups (sched(7), autogroup), its nice value must be that of the group.
build_ahead() {
  ahead_log="$logs/build-$1-ahead.log"
  setsid nice -n 19 bash -c 'echo 19 2>/dev/null >/proc/self/autogroup; cmake --preset "$1" && cmake --build "build/$1" -j "$2"' - "$1" "$jobs" \
    </dev/null >"$ahead_log" 2>&1 &
  ahead=$!
  trap '[ -z "$ahead" ] || kill -- -"$ahead" 2>/dev/null' EXIT
  trap 'exit 130' INT TERM
}

# suites PRESET [CTEST-OPTION...]: one line here, failures in full, results in build/results/PRESET.
suites() {
  local preset=$1
  shift
  rm -rf "${results:?}/$preset"
  mkdir -p "$results/$preset"
  ctest --test-dir "build/$preset" --show-only=json-v1 "$@" >"$results/$preset/suites.json"
  GTEST_OUTPUT="xml:$results/$preset/" step "test $preset" \
    ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure --no-tests=error \
    --output-junit "$results/$preset/ctest.xml" "$@"
}

# A copy of what the suites need where uid 65534 can read it: the checkout may lie under /root.
unprivileged() {
  rm -rf "${results:?}/unprivileged"
  mkdir -p "$results/unprivileged"
  ctest --test-dir build/dev --show-only=json-v1 -L unprivileged >"$results/unprivileged/suites.json"
  if [ "$(id -u)" -ne 0 ]; then
    say "  the tests above ran as uid $(id -u), which is unprivileged already; no second run"
    return 0
  fi
  step "test again as uid $nobody" tools/run_unprivileged.sh "$nobody" "$results/unprivileged"
}

headline "dev build"
build dev suites || die "the dev build failed"
build_ahead asan
suites dev -E "$units" || status=1
unprivileged || status=1
headline "sanitizer build"
step "rest of the build beside the tests" tail -n 1 -f --pid="$ahead" "$ahead_log"
ahead=
if build asan; then
  suites asan -E "$not_sanitized" || status=1
else
  status=1
fi
headline "results ($((SECONDS - began)) s)"
tools/test_report.py "$results" || status=1
exit "$status"
