#!/bin/sh
# Everything that reads the sources without running them. Compiles with gcc and with clang, warnings as errors, into folders of its own.
set -u
bad=0
step() { echo "== $1"; shift; "$@" || { bad=1; echo "   failed"; }; }
step "gcc" make -s --no-print-directory build BUILD=build-lint-gcc CC=gcc WERROR=-Werror OPT=-O1
step "clang" make -s --no-print-directory build BUILD=build-lint-clang CC=clang WERROR=-Werror OPT=-O1
step "luacheck" luacheck -q lua host spec examples bench
# shellcheck disable=SC2046 # words are wanted
step "clang-format" clang-format --dry-run -Werror $(git ls-files '*.c' '*.h')
# shellcheck disable=SC2046
step "shellcheck" shellcheck $(git ls-files '*.sh' .ci/run)
exit $bad
