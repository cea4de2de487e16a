#!/usr/bin/env bash
# Builds everything and runs all tests. On a bare Debian with the .NET SDK it installs what the tests need (as root).
# The last line reads: N passed, N failed, N skipped.
set -uo pipefail
cd "$(dirname "$0")"

install() {
  local missing=() better=()
  # Without its windows the browser takes two thirds of the time; where only the whole one is, that one is taken.
  if ! command -v chromium-headless-shell >/dev/null; then
    if command -v chromium >/dev/null; then better+=(chromium-headless-shell); else missing+=(chromium-headless-shell); fi
  fi
  command -v ffmpeg >/dev/null || missing+=(ffmpeg)
  command -v redis-server >/dev/null || missing+=(redis-server)
  command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
  fc-list 2>/dev/null | grep -qi cjk || missing+=(fonts-noto-cjk)
  [ $((${#missing[@]} + ${#better[@]})) -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    [ ${#missing[@]} -eq 0 ] || echo "Not installed: ${missing[*]}. Tests that need them are skipped." >&2
    return 0
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q || [ ${#missing[@]} -eq 0 ] || return 1
  apt-cache show chromium-headless-shell >/dev/null 2>&1 || { missing=("${missing[@]/chromium-headless-shell/chromium}"); better=(); }
  [ $((${#missing[@]} + ${#better[@]})) -eq 0 ] && return 0
  apt-get install -y -q --no-install-recommends "${missing[@]}" "${better[@]}" || [ ${#missing[@]} -eq 0 ]
}

install || { echo "Packages could not be installed." >&2; exit 1; }

# As it is shipped: what is not optimised takes twice as long.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en
# A compiler lives for a minute: code of it that is instrumented to be compiled better later costs half of all the time.
DOTNET_TieredPGO=0 dotnet build Annotator.sln -c Release -v q || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }

log=$(mktemp)
again=$(mktemp)
trap 'rm -f "$log" "$again"' EXIT

# Pictures for the documents are made by eng/shots.sh, not tested.
run() { dotnet test --no-build -c Release --project Annotator.Tests --filter-not-class "*Screenshots" "$@" 2>&1; }
count() { awk -v name="$1:" '$1 == name { n = $2 } END { print n + 0 }' "$2"; }
run | tee "$log"
code=${PIPESTATUS[0]}
passed=$(count succeeded "$log") failed=$(count failed "$log") skipped=$(count skipped "$log")

# Tests with a browser, servers and kills share two cores with all others: what failed is run once more alone, and must pass then.
if [ "$code" -ne 0 ] && [ "$failed" -gt 0 ] && [ "$failed" -le 8 ]; then
  filters=()
  while read -r class; do filters+=(--filter-class "$class"); done < <(sed -n 's/^failed \([A-Za-z0-9_.]*\).*/\1/p' "$log" | sed 's/\.[^.]*$//' | sort -u)
  echo "Failed in the whole: $failed. Run once more alone: ${filters[*]}"
  run "${filters[@]}" | tee "$again"
  code=${PIPESTATUS[0]}
  still=$(count failed "$again")
  if [ "$code" -ne 0 ] && [ "$still" -eq 0 ]; then still=$failed; fi
  passed=$((passed + failed - still)) failed=$still
fi

echo "$passed passed, $failed failed, $skipped skipped"
exit "$code"
