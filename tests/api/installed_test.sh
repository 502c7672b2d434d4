#!/usr/bin/env bash
# usage: installed_test.sh BUILD SOURCE CXX
# Installs BUILD into a folder of its own, builds examples/allow_list against that tree alone, by
# the CMake package and by pkg-config, and tries what came of it.
set -u
build=$1 source=$2 cxx=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
prefix="$work/prefix"
failed=0

fail() {
  echo "FAILED: $*"
  failed=1
}

# quietly WHAT COMMAND...: output only when it fails, and then there is nothing left to try.
quietly() {
  local what=$1
  shift
  "$@" >"$work/log" 2>&1 || { cat "$work/log"; echo "FAILED: $what"; exit 1; }
}

quietly "install" cmake --install "$build" --prefix "$prefix"
# Moved: neither the package nor the pkg-config file may hold on to where it was installed.
mv "$prefix" "$work/moved" && prefix="$work/moved"
pc=$(dirname "$(find "$prefix" -name sysnare.pc)")

quietly "configure with the CMake package" cmake -S "$source/examples/allow_list" -B "$work/by_cmake" \
  -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$cxx"
quietly "build with the CMake package" cmake --build "$work/by_cmake"
read -ra flags <<<"$(PKG_CONFIG_PATH="$pc" pkg-config --cflags --libs sysnare)"
quietly "build with pkg-config" "$cxx" -std=c++20 -Wall -Wextra -Wpedantic -Werror \
  "$source/examples/allow_list/main.cc" "${flags[@]}" -o "$work/by_pkg_config"

for example in "$work/by_cmake/allow_list" "$work/by_pkg_config"; do
  profile="$source/tests/profiles/deny-dir.json"
  said=$("$example" "$profile") || fail "$example $profile: status $?"
  [[ $said == "mkdir: errno EPERM by the profile, errno EPERM by the filter after "* ]] ||
    fail "$example $profile said: $said"
  "$example" "$profile" mkdir "$work/made" 2>"$work/stderr" && fail "mkdir passed"
  grep -q "Operation not permitted" "$work/stderr" || fail "mkdir said: $(cat "$work/stderr")"
  [ -e "$work/made" ] && fail "mkdir made its directory"
  "$example" "$profile" true || fail "true: status $?"
  echo '{"defaultAction": "SCMP_ACT_MAYBE"}' >"$work/bad.json"
  "$example" "$work/bad.json" true 2>"$work/stderr"
  [ $? -eq 125 ] || fail "a bad profile is not 125"
  grep -q 'bad.json:1: defaultAction' "$work/stderr" || fail "a bad profile said: $(cat "$work/stderr")"
done
exit "$failed"
