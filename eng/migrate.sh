#!/usr/bin/env bash
# Adds a migration of that name for both databases: eng/migrate.sh AddSomething
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:?usage: eng/migrate.sh NAME}
dotnet tool restore
dotnet build Annotator.Core -v q
for pair in SqliteAnnotatorDbContext:Storage/Sqlite/Migrations PostgreSqlAnnotatorDbContext:Storage/PostgreSql/Migrations; do
  dotnet ef migrations add "$name" --no-build --project Annotator.Core --context "${pair%%:*}" --output-dir "${pair#*:}"
done
