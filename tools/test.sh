#!/bin/sh
# Runs the C tests given as arguments, then the specs in the host, then those in a browser (unless BROWSER=no); closes with one line that
# adds all up.
set -u
: "${BUILD:=build}"
passed=0 failed=0 skipped=0
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

# add STATUS: the last "N passed, N failed[, N skipped]" of $out; a program that ends otherwise is one failure.
add() {
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$out" | tail -n 1)
  if [ -n "$line" ]; then
    p=${line%% passed*}
    f=${line#* passed, } f=${f%% failed*}
    s=0
    case $line in *skipped*) s=${line##*failed, } s=${s%% skipped*} ;; esac
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    [ "$1" -eq 0 ] || [ "$f" -gt 0 ] || { echo "it printed '$line' and ended with status $1"; failed=$((failed + 1)); }
  else
    echo "it ended with status $1 and no result"
    failed=$((failed + 1))
  fi
}

for t in "$@"; do
  echo "== ${t##*/}"
  "$t" > "$out" 2>&1
  status=$?
  cat "$out"
  add $status
done
# One process runs them all, or one each folder that SPECS names. A test may wait longer than 5 s where the machine is slow or a sanitizer is in.
for specs in ${SPECS:-spec}; do
  echo "== $specs"
  "$BUILD/hearth" test --timeout "${TEST_TIMEOUT:-30}" "$specs" > "$out" 2>&1
  status=$?
  cat "$out"
  add $status
done
if [ "${BROWSER:-yes}" != no ]; then
  echo "== in the browser"
  BUILD=$BUILD sh tools/browser.sh > "$out" 2>&1
  status=$?
  cat "$out"
  add $status
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
