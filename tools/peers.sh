#!/bin/sh
# peers.sh [NAME]: installs what a benchmark measures Hearth against, npm's packages in the versions of bench/NAME/package-lock.json, below the build
# folder. NAME is "peers" (bench/peers.lua, stores) or "ui_peers" (bench/reactive.lua). One that has to be compiled takes a minute. redis-server is
# Debian's, and left out where it is not installed.
set -u
: "${BUILD:=build}"
name=${1:-peers}
lock=bench/$name/package-lock.json
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "there is no node, or no npm; make deps-test installs them" >&2
  exit 1
fi
cmp -s "$lock" "$BUILD/$name/package-lock.json" && [ -d "$BUILD/$name/node_modules" ] && exit 0
rm -rf "${BUILD:?}/$name"
mkdir -p "$BUILD/$name"
cp "bench/$name/package.json" "$lock" "$BUILD/$name/"
(cd "$BUILD/$name" && npm ci --no-audit --no-fund >npm.log 2>&1) ||
  (cd "$BUILD/$name" && npm ci --no-audit --no-fund --ignore-scripts >>npm.log 2>&1) || { # what cannot be compiled is missing, and said so
  cat "$BUILD/$name/npm.log" >&2
  rm -rf "${BUILD:?}/$name"
  exit 1
}
