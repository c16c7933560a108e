#!/usr/bin/env bash
# Puts a Chromium on the machine for the browser tests, or says how. Run by `make test`.
set -euo pipefail
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing Debian's chromium for the browser tests"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
elif [ -n "${CI:-}" ]; then
  echo "The browser tests need chromium on the PATH: apt-get install chromium" >&2
  exit 1
else
  echo "No chromium on the PATH: the browser tests are skipped (apt-get install chromium)"
fi
