#!/usr/bin/env bash
# Takes the pictures of docs/screenshots anew: every page, light and dark, of made-up data. eng/shots.sh Quality takes those of one class.
# With SHOTS=/some/folder they go there, and with them how pages look on a tablet, on a telephone and in Korean.
# Needs Chromium (/usr/bin/chromium) and ffmpeg; fonts-inter and fonts-noto-color-emoji to look as elsewhere; pngquant makes them small.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${SHOTS:-docs/screenshots}
began=$(mktemp)
dotnet build Annotator.Tests -c Release -v q
FONTCONFIG_FILE=$PWD/eng/fonts.conf dotnet Annotator.Tests/bin/Release/net10.0/Annotator.Tests.dll -explicit only -class "*${1:-}Screenshots"
if command -v pngquant > /dev/null; then
  find "$folder" -name '*.png' -newer "$began" -exec pngquant --force --skip-if-larger --strip --quality 80-100 --ext .png {} + || true
fi
rm "$began"
ls -l "$folder"
