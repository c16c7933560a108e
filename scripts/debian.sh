#!/usr/bin/env bash
# Puts what the tests need besides Python on the machine, or says how. Run by `make test`.
set -euo pipefail
missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
command -v redis-server >/dev/null || missing+=(redis-server)
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing Debian's ${missing[*]} for the tests"
  apt-get update -qq
  # A Redis of Debian's own must not start: each test starts what it needs on a free port.
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
elif [ -n "${CI:-}" ]; then
  echo "The tests need ${missing[*]} on the PATH: apt-get install ${missing[*]}" >&2
  exit 1
else
  echo "Not on the PATH: ${missing[*]}. The tests that need them are skipped (apt-get install ${missing[*]})"
fi
