#!/bin/sh
# Runs every benchmark in bench/: each prints ratios against something raw in the same run.
set -u
: "${BUILD:=build}"
for b in bench/*.lua; do
  [ -e "$b" ] || continue
  echo "== $b"
  "$BUILD/hearth" "$b" || exit 1
done
