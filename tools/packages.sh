# Which Debian packages does a verb of ./run need, and how do they get here? See tools/packages/*.txt.
#
# Sourced by ./run, which sets $root.

asked="$root/build/logs/packages-that-cannot-be-had"

# need_packages PURPOSE...: installs what is missing of the lists. Asks nothing of the network when
# nothing is missing. A required package that cannot be had ends the run, an optional one is named.
need_packages() {
  local purpose mark name wanted='' optional=''
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    die "this is no Debian: install by hand what tools/packages/ lists"
  for purpose in "$@"; do
    while read -r mark name; do
      case $mark in
        '' | '#'*) ;;
        '?') optional+=" $name" ;;
        *) wanted+=" $mark" ;;
      esac
    done <"$root/tools/packages/$purpose.txt"
  done
  wanted=$(missing_of $wanted)
  optional=$(missing_of $optional)
  [ -n "$wanted$optional" ] || return 0

  if [ "$(id -u)" -ne 0 ]; then
    [ -z "$optional" ] || say "run: not installed and not needed by all:" $optional
    [ -z "$wanted" ] || die "packages are missing, and only root can install them:" \
      "apt-get install --no-install-recommends" $wanted
    return 0
  fi
  # What cannot be had today is not asked for again at every call, but is said at every call.
  if [ -z "$wanted" ] && [ "$(cat "$asked" 2>/dev/null)" = "$optional" ] &&
    [ -n "$(find "$asked" -mtime -1)" ]; then
    say "run: packages that cannot be had (asked today; the tests that need them skip by name):" $optional
    return 0
  fi
  step "apt: package lists" apt update || say "run: the package lists could not be fetched; trying those that are here"
  # What an interrupted run left half-configured would fail every later install.
  step "apt: what an earlier run left open" settle || true

  local lost='' have=''
  for name in $wanted $optional; do
    if has_candidate "$name"; then
      have+=" $name"
    else
      say "run: package $name cannot be had from this machine's apt sources"
      case " $wanted " in *[[:space:]]"$name"[[:space:]]*) lost+=" $name" ;; esac
    fi
  done
  if [ -n "$have" ] && ! step "apt: install $(set -- $have; echo $#) packages" install $have; then
    # One bad package must not keep the others away: now each alone.
    for name in $have; do
      step "apt: install $name" install "$name" && continue
      say "run: package $name cannot be installed: $(apt_reason)"
      case " $wanted " in *[[:space:]]"$name"[[:space:]]*) lost+=" $name" ;; esac
    done
  fi
  mkdir -p "$(dirname "$asked")"
  missing_of $optional >"$asked"
  [ -z "$lost" ] || die "cannot go on without:$lost"
}

# without_services "NAME..." COMMAND...: while COMMAND runs, no service is started by the package that
# brings it (/usr/sbin/policy-rc.d answers 101: see invoke-rc.d(8)), and those named that are new
# are not started at the next boot either. A machine that has its own policy keeps it.
without_services() {
  local policy=/usr/sbin/policy-rc.d made='' new='' name status=0
  for name in $1; do
    [ -e "/etc/init.d/$name" ] || new+=" $name"
  done
  shift
  if [ -n "$new" ] && [ "$(id -u)" -eq 0 ] && [ ! -e "$policy" ]; then
    trap "rm -f $policy" EXIT
    made=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
  fi
  "$@" || status=$?
  if [ -n "$made" ]; then
    rm -f "$policy"
    trap - EXIT
  fi
  for name in $new; do
    [ ! -e "/etc/init.d/$name" ] || step "no service: $name" update-rc.d "$name" disable || true
  done
  return "$status"
}

missing_of() {
  local name
  for name in "$@"; do
    case $(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) in
      installed*) ;;
      *) printf '%s ' "$name" ;;
    esac
  done
}

# A package may be virtual or known without a version to install: both are "(none)" here.
has_candidate() {
  apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

# Another apt may be at work (unattended upgrades on a new machine): wait for it, 5 minutes at most.
apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
    -o Dpkg::Options::=--force-confold "$@"
}
install() { apt install --no-install-recommends "$@"; }
settle() { DEBIAN_FRONTEND=noninteractive dpkg --configure -a && apt -f install; }
apt_reason() { grep -h '^E: ' "$logs"/apt--install-*.log 2>/dev/null | tail -1; }
