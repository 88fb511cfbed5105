#!/bin/sh
# Installs what bench/peers.lua measures Hearth against: npm's packages in the versions of bench/peers/package-lock.json, below the build folder.
# One that has to be compiled takes a minute. redis-server is Debian's, and left out where it is not installed.
set -u
: "${BUILD:=build}"
lock=bench/peers/package-lock.json
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "there is no node, or no npm; make deps-test installs them" >&2
  exit 1
fi
cmp -s "$lock" "$BUILD/peers/package-lock.json" && [ -d "$BUILD/peers/node_modules" ] && exit 0
rm -rf "$BUILD/peers"
mkdir -p "$BUILD/peers"
cp bench/peers/package.json "$lock" "$BUILD/peers/"
(cd "$BUILD/peers" && npm ci --no-audit --no-fund >npm.log 2>&1) ||
  (cd "$BUILD/peers" && npm ci --no-audit --no-fund --ignore-scripts >>npm.log 2>&1) || { # what cannot be compiled is missing, and said so
  cat "$BUILD/peers/npm.log" >&2
  rm -rf "$BUILD/peers"
  exit 1
}
