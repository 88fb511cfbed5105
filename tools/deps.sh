#!/bin/sh
# Installs the Debian packages that are missing for what is asked: build, test, lint. Says what it installs; does
# nothing, and asks nothing of the network, when all is there.
set -eu
# Two targets of one `make -j` may both ask: one after the other.
exec 9<"$0"
flock 9
packages=""
for what in "$@"; do
  case $what in
    build) packages="$packages gcc libc6-dev pkg-config liblua5.4-dev libuv1-dev libsqlite3-dev libcurl4-openssl-dev libncurses-dev ca-certificates lua-cjson lua-cjson-dev libreadline8 libwebsockets-dev libwebsockets-evlib-uv libssl-dev libpng-dev libturbojpeg0-dev" ;;
    test) packages="$packages lua5.4 lua-busted lua-luv sqlite3 g++ openssl tmux nodejs npm chromium" ;;
    lint) packages="$packages clang clang-format lua-check shellcheck" ;;
    *) echo "deps.sh: unknown set '$what' (build, test, lint)" >&2; exit 2 ;;
  esac
done
missing=""
for p in $packages; do
  case " $missing " in *" $p "*) continue ;; esac
  # Whoever has the programs has no need of the packages, and npm's contradicts a nodejs from elsewhere.
  case $p in
    nodejs) ! command -v node >/dev/null || continue ;;
    npm | chromium) ! command -v "$p" >/dev/null || continue ;;
  esac
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # words are wanted
$sudo sh -c "apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends $missing >/dev/null"
