#!/usr/bin/env bash
# A record of 1,000,000 events: how long it takes to seal, to verify and to export, and how long its pages take.
#
#   end2end/scale/audit.sh [EVENTS]
#
# In a PostgreSQL of its own, with its default settings, which ends with the run. Figures worth keeping go into
# docs/performance.md.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/env.sh"

EVENTS=${1:-1000000}
PATH="$PATH:$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)"

# PostgreSQL refuses root.
as_user() { if ((EUID == 0)); then runuser -u postgres -- env PATH="$PATH" "$@"; else "$@"; fi; }

cd /
FOLDER=$(as_user mktemp -d /tmp/quarterdeck-audit-XXXXXX)
finish() {
  cd /
  as_user pg_ctl -D "$FOLDER/data" -m immediate -s stop || true
  rm -rf "$FOLDER"
}
trap finish EXIT
as_user initdb -D "$FOLDER/data" -U owner -A trust -N -E UTF8 --locale=C >/dev/null
as_user pg_ctl -D "$FOLDER/data" -l "$FOLDER/log" -o "-k $FOLDER -c listen_addresses=" -s -w start
cd "$ROOT"
DATABASE_URL="postgres://owner@localhost/postgres?host=$FOLDER" \
  cargo run --quiet --offline -p engine --example audit_scale -- "$EVENTS"
