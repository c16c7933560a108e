#!/usr/bin/env bash
# Puts what the browser tests need on the machine, or says how. Run by `make test`.
set -euo pipefail
missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing Debian's ${missing[*]} for the browser tests"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
elif [ -n "${CI:-}" ]; then
  echo "The browser tests need ${missing[*]} on the PATH: apt-get install ${missing[*]}" >&2
  exit 1
else
  echo "Not on the PATH: ${missing[*]}. The browser tests are skipped (apt-get install ${missing[*]})"
fi
