#!/usr/bin/env bash
# Make what the tests in this folder run in, once a lock: the ordinary user's venv and the CPU image.
#   tests/cluster/environment.sh    (as root, after install.sh; prints where they are)
# Both are installed from one folder of wheels, which pip fills as it is set up on this machine; so the
# build in the image needs neither pip's settings nor a network.
set -euo pipefail
cd "$(dirname "$0")/../.."
user=clearbench-ci
cache=/var/cache/clearbench-cluster
lock=$(sha256sum pyproject.toml envs/cpu.lock | sha256sum | cut -c -16)
wheels=$cache/wheels-$lock venv=$cache/venv-$lock

install -d -o "$user" "$cache" "$cache/images"
exec 8> "$cache/.lock"
flock 8

if [ ! -e "$wheels" ]; then
  work=$(mktemp -d "$cache/part.XXXX")
  mkdir "$work/wheels" "$work/project" "$work/project/src"
  cp pyproject.toml "$work/project/"
  touch "$work/project/README.md" "$work/project/LICENSE"
  /usr/bin/python3 -m venv "$work/venv"
  "$work/venv/bin/pip" wheel --quiet -c envs/cpu.lock --wheel-dir "$work/wheels" "$work/project" setuptools
  chmod -R a+rX "$work"
  mv "$work/wheels" "$wheels"
  rm -rf "$work"
fi
if [ ! -e "$venv" ]; then
  rm -rf "$venv.part"
  /usr/bin/python3 -m venv "$venv.part"
  "$venv.part/bin/pip" install --quiet --no-index --find-links "$wheels" clearbench
  # The scripts name the Python that they were installed for.
  sed -i "1s|$venv.part|$venv|" "$venv.part"/bin/*
  mv "$venv.part" "$venv"
fi

# The user need not be able to read this checkout.
checkout=$(mktemp -d)
trap 'rm -rf "$checkout"' EXIT
cp -r Makefile Snakefile pyproject.toml config containers envs rules src "$checkout/"
chown -R "$user" "$checkout"
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' |
  awk '$2 == "bookworm" && $3 == "Debian" { print $1; exit }')
runuser -u "$user" -- env HOME="$cache" CLEARBENCH_IMAGES="$cache/images" \
  make --silent -C "$checkout" container LOCK=cpu BOOTSTRAP=debootstrap BASE="$mirror" \
  BUILD_FLAGS="--fakeroot --mksquashfs-args '-comp zstd -Xcompression-level 3' --bind $wheels:/mnt --build-arg pip='--no-index --find-links /mnt'" >&2
image=$(readlink "$checkout/clearbench-cpu.sif")
# What was made more than two weeks ago for another lock or definition is not needed any more.
find "$cache" "$cache/images" -mindepth 1 -maxdepth 1 -mtime +14 -not -name '.*' -not -name images \
  -not -name "*$lock" -not -path "$image*" -exec rm -rf {} +
echo "$venv $image"
