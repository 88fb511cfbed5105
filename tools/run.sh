#!/bin/sh
# make run: on a terminal the gallery, a tour of every element. Without one this plays the demonstration of the example whose state survives: opens the app,
# clicks, kills it with SIGKILL, opens it again, and shows from the app's own output that the state survived. Status 0 only if it did.
set -u
hearth=${1:-build/hearth}
app=examples/theme_toggle.lua
if [ -t 0 ] && [ -t 1 ]; then exec "$hearth" run examples/gallery.lua; fi

dir=$(mktemp -d) || exit 1
pid=
cleanup() {
  [ -z "$pid" ] || kill -9 "$pid" 2> /dev/null
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
store=$dir/store.sqlite3

fail() {
  echo "make run: $1" >&2
  for log in "$dir"/*.txt; do [ ! -s "$log" ] || { echo "-- what the app said:"; cat "$log"; } >&2; done
  exit 1
}

# open NAME: starts the app with its commands on descriptor 3 and its output in NAME.txt.
open() {
  rm -f "$dir/commands"
  mkfifo "$dir/commands" || fail "cannot make a pipe"
  "$hearth" run "$app" --ui=line --store "$store" < "$dir/commands" > "$dir/$1.txt" 2> "$dir/$1.err.txt" &
  pid=$!
  exec 3> "$dir/commands"
}

# await NAME TEXT: until the app has said it. The tries end it if it never does; nothing is taken on trust after a pause.
await() {
  tries=0
  until grep -q -e "$2" "$dir/$1.txt" 2> /dev/null; do
    kill -0 "$pid" 2> /dev/null || fail "the app ended before it said '$2'"
    tries=$((tries + 1))
    [ $tries -lt 300 ] || fail "the app did not say '$2'"
    sleep 0.1
  done
}

# frame NAME: the last thing on screen.
frame() { awk '/^--$/ { text = ""; next } { text = text $0 "\n" } END { printf "%s", text }' "$dir/$1.txt"; }

echo "1. open $app"
open first
await first 'saved'
frame first
grep -q 'Theme: light' "$dir/first.txt" || fail "a new store should show the light theme"

echo "2. click Toggle theme"
echo 'click Toggle theme' >&3
await first 'Theme: dark'
# The frame that says "saved" below the dark theme is the app's word that it is on disk.
tries=0
until frame first | grep -q 'saved' && frame first | grep -q 'Theme: dark'; do
  tries=$((tries + 1))
  [ $tries -lt 300 ] || fail "the app did not say that the theme is saved"
  sleep 0.1
done
frame first

echo "3. kill -9"
kill -9 "$pid"
wait "$pid" 2> /dev/null
exec 3>&-
pid=

echo "4. open it again"
open second
await second 'Theme: dark'
frame second
echo 'quit' >&3
exec 3>&-
wait "$pid" || fail "the app ended with a status other than 0"
pid=
echo "The theme survived kill -9."
