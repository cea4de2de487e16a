#!/usr/bin/env bash
# Takes the pictures of docs/screenshots anew. Needs Chromium (/usr/bin/chromium).
set -euo pipefail
cd "$(dirname "$0")/.."
dotnet build Annotator.Tests -c Release -v q
dotnet Annotator.Tests/bin/Release/net10.0/Annotator.Tests.dll -explicit only -class "*Screenshots"
ls -l docs/screenshots
