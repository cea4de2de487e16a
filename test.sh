#!/usr/bin/env bash
# Builds everything and runs all tests. On a bare Debian with the .NET SDK it installs what the tests need (as root).
# The last line reads: N passed, N failed, N skipped.
set -uo pipefail
cd "$(dirname "$0")"

install() {
  local missing=()
  command -v chromium >/dev/null || missing+=(chromium)
  command -v redis-server >/dev/null || missing+=(redis-server)
  command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
  fc-list 2>/dev/null | grep -qi cjk || missing+=(fonts-noto-cjk)
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed: ${missing[*]}. Tests that need them are skipped." >&2
    return 0
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"
}

install || { echo "Packages could not be installed." >&2; exit 1; }
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en
dotnet build Annotator.sln -v q || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Pictures for the documents are made by eng/shots.sh, not tested.
dotnet test --no-build --project Annotator.Tests --filter-not-class "*Screenshots" 2>&1 | tee "$log"
code=${PIPESTATUS[0]}
count() { awk -v name="$1:" '$1 == name { n = $2 } END { print n + 0 }' "$log"; }
echo "$(count succeeded) passed, $(count failed) failed, $(count skipped) skipped"
exit "$code"
