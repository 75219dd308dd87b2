#!/bin/sh
# Keeps the pictures that docs/guide/ui.md shows, of all that web_pages and web_roles took into a folder, and writes the table of them
# anew: tests/web/keep-pictures.sh FOLDER
set -eu
taken=${1:?say the folder that the stories took pictures into}
guide=$(dirname "$0")/../../docs/guide
# File and caption. From `many` and `refused` on they are of web_roles, the others of web_pages.
kept='new-light-1280|A new environment: from what another one runs, with its data if need be
plan-change-light-1280|A plan before it is carried out
progress-light-1280|While it is made
environment-light-1280|An environment
revision-light-1280|What a revision changed
verdict-light-1280|A verdict with what to do
logs-light-1280|Logs, with how many lines there are
logs-dark-1280|The same in the dark
drift-told-light-1280|What somebody did behind its back, and who
copies-light-1280|Copies of data
copy-done-dark-1280|One of them, verified
environment-dark-1280|An environment in the dark
environment-dark-390|The same, narrow
new-light-390|A new environment, narrow
plan-change-dark-390|A plan, narrow and dark
many-light-1280|All of them: ready, failed, on their way
many-dark-1280|The same in the dark
many-light-390|The same, narrow
refused-light-1280|What a viewer is told who wants to change something
refused-dark-390|The same, narrow and dark
interrupted-light-1280|A session that ended before something was sent'

names=$(echo "$kept" | cut -d '|' -f 1)
for name in $names; do
  [ -e "$taken/$name.png" ] || { echo "$taken has no $name.png: run both stories, with SHOTS=$taken" >&2; exit 1; }
done
rm -f "$guide"/pictures/*.png
for name in $names; do
  cp "$taken/$name.png" "$guide/pictures/"
done
# Two a row; what stands before the table stays, with the day.
table=$(echo "$kept" | awk -F '|' '
  { cell = sprintf("![%s](pictures/%s.png)", $2, $1); row = (NR % 2) ? "| " cell " |" : row " " cell " |"; if (NR % 2 == 0) print row }
  END { if (NR % 2) print row " |" }')
awk -v day="$(date -u +%F)" -v table="$table" '
  /^## How it looks$/ { inside = 1 }
  inside && /^Of [0-9]+-[0-9]+-[0-9]+;/ { sub(/[0-9]+-[0-9]+-[0-9]+/, day) }
  inside && /^\| !/ { if (!done++) print table; next }
  { print }' "$guide/ui.md" > "$guide/ui.md.new"
mv "$guide/ui.md.new" "$guide/ui.md"
