#!/usr/bin/env bash
# Build the image of a lock, unless it was built before from the same definition, lock and base.
#   containers/build.sh LOCK BOOTSTRAP BASE [OPTION OF APPTAINER BUILD]...
# Images lie in $CLEARBENCH_IMAGES (default ~/.cache/clearbench/images), and clearbench-LOCK.sif in the
# checkout is a link to the one of now.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=$1 bootstrap=$2 base=$3
shift 3

sources=(containers/clearbench.def "envs/$lock.lock" pyproject.toml)
key=$({ sha256sum "${sources[@]}"; echo "$bootstrap $base"; } | sha256sum | cut -c -16)
folder=${CLEARBENCH_IMAGES:-$HOME/.cache/clearbench/images}
image=$folder/clearbench-$lock-$key.sif

mkdir -p "$folder"
exec 9> "$folder/.building"
flock 9
if [ ! -e "$image" ]; then
  # The commit that the sources were last changed in; the image is the same at any later one.
  commit=$(git log -1 --format=%H -- "${sources[@]}" 2> /dev/null) || commit=
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct -- "${sources[@]}" 2> /dev/null) || SOURCE_DATE_EPOCH=0
  export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0}
  apptainer build --force --bind "$PWD:/srv" "$@" \
    --build-arg "bootstrap=$bootstrap" --build-arg "from=$base" --build-arg "lock=$lock" \
    --build-arg "lock_digest=$(sha256sum < "envs/$lock.lock" | cut -d ' ' -f 1)" \
    --build-arg "version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)" \
    --build-arg "commit=${commit:-unknown}" \
    "$image.part" containers/clearbench.def
  mv "$image.part" "$image"
fi
ln -sfn "$image" "clearbench-$lock.sif"
echo "clearbench-$lock.sif: $image"
