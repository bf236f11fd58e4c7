# shellcheck shell=bash disable=SC2034
# What the other scripts share: where things lie, and how processes are started, found again and stopped. Source it.
#
# All caches lie outside the checkout, so that a fresh clone on the same machine is warm.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/quarterdeck
LAB=$ROOT/end2end/lab/lab.sh

WASM_BINDGEN=0.2.130    # equal to the crate wasm-bindgen in Cargo.toml
CARGO_LEPTOS=0.3.11
TYPOS=1.52.0
CARGO_DENY=0.20.2

# kustomize and Helm lie with the programs of the lab; not its other ones, which hide those of the machine.
RENDERERS=${LAB_CACHE:-${CACHE%/*}/quarterdeck-lab-bin}/renderers
TOOLS=$CACHE/tools
LOGS=$CACHE/logs
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}
export PATH=$TOOLS/wasm-bindgen-$WASM_BINDGEN/bin:$TOOLS/cargo-leptos-$CARGO_LEPTOS/bin:$TOOLS/lint-$TYPOS-$CARGO_DENY/bin:$RENDERERS:$ROOT/style/node_modules/.bin:$PATH
# The toolchain that scripts/setup chose; none where the default one will do.
if [[ -n $(cat "$CACHE/toolchain" 2>/dev/null) ]]; then RUSTUP_TOOLCHAIN=$(<"$CACHE/toolchain"); export RUSTUP_TOOLCHAIN; fi

die() { echo "$(basename "$0"): $*" >&2; exit 1; }

# seconds_since MOMENT: of $EPOCHREALTIME, to a tenth.
seconds_since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN {printf "%.1f", to - from}'; }

# step NAME ADVICE COMMAND...: one line with its time; where it fails, the end of its log and what to do.
step() {
  local name=$1 advice=$2 began=$EPOCHREALTIME; shift 2
  local log="$LOGS/${name//[^a-zA-Z0-9]/-}.log"
  mkdir -p "$LOGS"
  if "$@" >"$log" 2>&1 </dev/null; then
    printf '  %-28s %6s s\n' "$name" "$(seconds_since "$began")"
  else
    printf '  %-28s %6s s  FAILED\n' "$name" "$(seconds_since "$began")"
    { awk '{line[NR] = $0} END {for (i = 1; i <= NR; i++) if (i <= 8 || i > NR - 16) print line[i]; else if (i == 9) print "..."}' "$log" | sed 's/^/      /'; echo "    The whole log: $log"; echo "    $advice"; } >&2
    return 1
  fi
}

# build_program FOLDER: the program and what it serves, copied there so that a later build does not change it underfoot.
build_program() {
  (cd "$ROOT" && cargo leptos build) || return 1
  rm -rf "$1/site.new" && mkdir -p "$1" && cp -r "$ROOT/target/site" "$1/site.new" || return 1
  rm -rf "$1/site" && mv "$1/site.new" "$1/site" || return 1
  cp "$CARGO_TARGET_DIR/debug/quarterdeck" "$1/quarterdeck.new" && mv "$1/quarterdeck.new" "$1/quarterdeck"
}

# The start time of a process tells it from a later one with the same pid.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# start_process PIDFILE LOG COMMAND...: in the background, in a session of its own.
start_process() {
  local pidfile=$1 log=$2; shift 2
  setsid "$@" >>"$log" 2>&1 </dev/null &
  echo "$! $(started_at $!)" > "$pidfile"
}

# process_of PIDFILE: its pid, if it is still the process that was started.
process_of() {
  local pid start
  read -r pid start 2>/dev/null < "$1" || return 1
  [[ -n $start && $(started_at "$pid") == "$start" ]] && echo "$pid"
}

# stop_process PIDFILE: SIGTERM, SIGKILL after 20 s; nothing where it is gone.
stop_process() {
  local pid deadline=$((SECONDS + 20))
  pid=$(process_of "$1") && kill "$pid" 2>/dev/null
  while pid=$(process_of "$1"); do
    ((SECONDS < deadline)) || kill -9 "$pid" 2>/dev/null
    sleep 0.1
  done
  rm -f "$1"
}

# until_ok SECONDS COMMAND...: whether COMMAND succeeded in time.
until_ok() {
  local deadline=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# program_data NAME: where a Quarterdeck of these scripts keeps its data. Started as root, it runs its database as
# another user, who cannot look into root's home.
program_data() {
  if ((EUID == 0)); then echo "/var/lib/quarterdeck/$1"; else echo "$CACHE/$1/data"; fi
}
