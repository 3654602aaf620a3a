#!/usr/bin/env bash
# Installs what the checks need and this machine lacks: the original fasttext,
# the AWS clients, Chromium, an emulator of 64-bit ARM, and a C compiler for the race detector. Debian or
# Ubuntu; elsewhere it names what is missing and stops.
set -euo pipefail

# command or file that shows it is there : Debian package that brings it
needs=(
  /usr/bin/fasttext:fasttext
  /usr/bin/aws:awscli
  /usr/lib/python3/dist-packages/boto3/__init__.py:python3-boto3
  /usr/bin/chromium:chromium
  /usr/bin/qemu-aarch64-static:qemu-user-static
  /usr/bin/gcc:gcc
  /usr/bin/git:git
)
missing=()
for need in "${needs[@]}"; do
  [ -e "${need%%:*}" ] || missing+=("${need##*:}")
done
if [ -e /usr/bin/gcc ] && [ ! -e /usr/include/stdlib.h ]; then missing+=(libc6-dev); fi
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "setup: please install: ${missing[*]} (no apt-get on this machine to do it)" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" libc6-dev >/dev/null
