#!/usr/bin/env bash
# Install what the tests in this folder need, once a machine: SLURM, Apptainer, an ordinary user.
#
# For Debian 12 as root. Where one of them cannot be had, a line says why, the tests skip with that
# reason, and the exit status is 0. Nothing is started here; the tests start and stop the daemons.
set -euo pipefail

state=/var/lib/clearbench-cluster # `ready`, or `unavailable` with the reason
user=clearbench-ci
private=/usr/local/lib/clearbench-apptainer # the newer C library that Apptainer runs with

unavailable() {
  echo "tests/cluster: not available: $1"
  [ "$(id -u)" != 0 ] || { mkdir -p "$state"; rm -f "$state/ready"; echo "$1" > "$state/unavailable"; }
  exit 0
}

apt() { apt-get -qq -o DPkg::Lock::Timeout=300 "$@" > /dev/null; }

# The mirror that this machine's apt uses for its own release.
mirror() {
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' |
    awk -v codename="$VERSION_CODENAME" '$2 == codename && $3 == "Debian" { print $1; exit }'
}

# Apptainer is packaged for Debian's unstable suite only, against a newer C library than that of
# Debian 12. That library goes into a folder of its own, and only Apptainer's programs use it.
fetch_apptainer() {
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) unstable main" > sources.list
  mkdir -p lists/partial cache/archives/partial
  local here=(-o "Dir::Etc::sourcelist=$PWD/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::Lists=$PWD/lists" -o Dir::State::status=/dev/null -o "Dir::Cache=$PWD/cache" -o APT::Sandbox::User=root)
  # shellcheck disable=SC2046 # the number in the name of libsubid changes
  apt "${here[@]}" update && apt "${here[@]}" download \
    apptainer libc6 libseccomp2 libsqlite3-0 $(apt-cache "${here[@]}" pkgnames libsubid | grep -E '^libsubid[0-9]+$')
}

place_apptainer() {
  local package program lib=usr/lib/x86_64-linux-gnu
  for package in *.deb; do dpkg -x "$package" root; done
  mkdir -p "$private" /var/lib/apptainer/mnt/session /etc/apptainer
  cp -a root/$lib/*.so* "$private/"
  cp -a root/$lib/apptainer "/$lib/"
  cp -a root/etc/apptainer/. /etc/apptainer/
  cp -a root/usr/bin/apptainer /usr/bin/
  for program in /usr/bin/apptainer /$lib/apptainer/bin/starter; do
    patchelf --set-interpreter "$private/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$private" "$program"
  done
}

add_user() {
  id "$user" > /dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
  # Ranges for `apptainer build --fakeroot`.
  for file in /etc/subuid /etc/subgid; do
    grep -q "^$user:" "$file" 2> /dev/null || echo "$user:1000000:65536" >> "$file"
  done
}

[ "$(id -u)" = 0 ] || unavailable "needs root to install SLURM and Apptainer"
. /etc/os-release
[ "${ID:-}-${VERSION_ID:-}-$(uname -m)" = debian-12-x86_64 ] ||
  unavailable "the installer knows Debian 12 on x86_64, not ${PRETTY_NAME:-this system} on $(uname -m)"
[ -e /dev/fuse ] || unavailable "no /dev/fuse, which Apptainer mounts images with"

export DEBIAN_FRONTEND=noninteractive
packages=(slurm-wlm slurmctld slurmd slurm-client munge
  patchelf squashfs-tools squashfuse fuse2fs uidmap debootstrap python3-venv)
dpkg-query -W "${packages[@]}" > /dev/null 2>&1 || {
  apt update || unavailable "apt-get update failed"
  apt install -y --no-install-recommends "${packages[@]}" || unavailable "apt-get could not install: ${packages[*]}"
}
apptainer --version > /dev/null 2>&1 || {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  fetch_apptainer || unavailable "Apptainer could not be downloaded"
  place_apptainer
  cd /
}

chmod 666 /dev/fuse
add_user

problem=$(runuser -u "$user" -- unshare --user --mount true 2>&1) ||
  unavailable "ordinary users may not make user namespaces, which Apptainer runs in: $problem"
mkdir -p "$state"
rm -f "$state/unavailable"
echo "$(slurmctld -V), $(apptainer --version)" | tee "$state/ready"
