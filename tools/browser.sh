#!/bin/sh
# Runs the specs of spec/browser in a real Chromium; arguments are names of spec files (all of them without). What drives it comes from
# npm, in the version of spec/browser/package-lock.json, and is installed below the build folder. Whatever is missing is a failed test.
set -u
: "${BUILD:=build}"
modules=$BUILD/browser/node_modules
lock=spec/browser/package-lock.json

give_up() {
  echo "browser: $1"
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
}

command -v node >/dev/null || give_up "there is no node; make deps-test installs it"
CHROMIUM=${CHROMIUM:-$(command -v chromium)} || give_up "there is no chromium; make deps-test installs it"
if ! cmp -s "$lock" "$BUILD/browser/package-lock.json" || [ ! -d "$modules/playwright-core" ]; then
  command -v npm >/dev/null || give_up "there is no npm; make deps-test installs it"
  rm -rf "$BUILD/browser"
  mkdir -p "$BUILD/browser"
  cp spec/browser/package.json "$BUILD/browser/"
  cp "$lock" "$BUILD/browser/lock"
  mv "$BUILD/browser/lock" "$BUILD/browser/package-lock.json"
  (cd "$BUILD/browser" && npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1) || {
    cat "$BUILD/browser/npm.log"
    rm -f "$BUILD/browser/package-lock.json"
    give_up "npm could not install playwright-core (no network?); what it said is above"
  }
fi
rm -rf "$BUILD/screenshots"
mkdir -p "$BUILD/screenshots"
BUILD=$BUILD CHROMIUM=$CHROMIUM NODE_PATH=$(cd "$modules" && pwd) exec node --test-reporter=./spec/browser/support/reporter.mjs \
  --test-reporter-destination=stdout spec/browser/main.mjs "$@"
