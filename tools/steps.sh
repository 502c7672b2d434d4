# How does ./run show what it is doing? One line a step; the whole log only where a step failed.
#
# Sourced by ./run, which sets $root.

logs="$root/build/logs"

# Colour and the moving line are for people: stdout is a terminal and nobody asked for none.
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ -z "${CI:-}" ]; then
  live=yes bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
  live='' bold='' red='' green='' plain=''
fi

say() { printf '%s\n' "$*"; }
headline() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
die() {
  printf 'run: %s\n' "$*" >&2
  exit 1
}

# On a terminal: rewrites one line with what the command wrote last (ninja's "[12/90] Building ...").
follow() {
  local line columns
  columns=$(tput cols 2>/dev/null || echo 80)
  while IFS= read -r line; do
    printf '\r\e[K  %.*s' "$((columns - 3))" "$line"
  done
  printf '\r\e[K'
}

# step LABEL COMMAND...: runs COMMAND with its output in a log; returns its status. A failure shows the
# whole log.
step() {
  local label=$1 status began=$SECONDS log
  shift
  mkdir -p "$logs"
  log="$logs/$(printf '%s' "$label" | tr -c 'a-zA-Z0-9' '-').log"
  if [ -n "$live" ]; then
    printf '  %s ...\r' "$label"
    "$@" </dev/null 2>&1 | tee "$log" | follow
  else
    printf '  %-44s ' "$label"
    "$@" </dev/null >"$log" 2>&1
  fi
  status=${PIPESTATUS[0]}
  [ -n "$live" ] && printf '  %-44s ' "$label"
  if [ "$status" -eq 0 ]; then
    printf '%sok%s  %5d s\n' "$green" "$plain" $((SECONDS - began))
  else
    printf '%sFAILED%s after %d s; all it wrote (%s):\n' "$red" "$plain" $((SECONDS - began)) "$log"
    sed 's/^/    /' "$log"
  fi
  return "$status"
}
