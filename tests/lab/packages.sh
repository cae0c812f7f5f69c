# Sourced by the installers: packages of Debian and PyPI, unpacked below $cache and nowhere else. $installer is the speaker's name.

cache=$(realpath -m "${ECR_PIPE_LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ecr-pipe-lab}")

say() { printf "$installer: %s\n" "$*" >&2; }
die() { say "$*"; exit 1; }

# The network is not always kind: three tries, a little apart.
retry() {
  local try
  for try in 1 2 3; do
    "$@" && return 0
    say "failed (try $try of 3): $1 ${2-}"
    [[ $try == 3 ]] || sleep $((try * 2))
  done
  return 1
}

# begin STAMP FILE...: ends the script when all is as these files say; else holds the lock, and $version is what to stamp.
begin() {
  stamp=$cache/$1
  shift
  version=$(cat "$@" | sha256sum | cut -c1-16)
  is_done() { [[ $(cat "$stamp" 2>/dev/null) == "$version" ]]; }
  if is_done; then echo "$installer: up to date in $cache"; exit 0; fi
  [[ $(id -u) == 0 ]] || die "needs root, as the lab itself does (namespaces, mounts)"
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9   # a second install waits here, then finds all done
  if is_done; then echo "$installer: up to date in $cache"; exit 0; fi
  rm -f "$stamp"
  read -r uri keyring < <(archive) || die "apt's sources name no Debian archive"
  work=$cache/work
  rm -rf "$work"; mkdir -p "$work" "$cache/marks"
  trap 'rm -rf "$work"' EXIT
}

# finish: all is there.
finish() {
  echo "$version" >"$stamp"
  echo "$installer: done in $cache ($(du -sh "$cache" | cut -f1))"
}

# The machine's own Debian archive, as "URI keyring" (keyring "-" when apt's default ones serve): the first `deb`
# entry whose suite is the machine's release. The other suites live at the same place.
codename=$(. /etc/os-release; echo "${VERSION_CODENAME:-bookworm}")
archive() {
  python3 - "$codename" <<'PY'
import glob, re, sys
codename = sys.argv[1]
def found(uri: str, key: str) -> None:
    print(uri, key or "-")
    sys.exit()
for name in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*.list"))]:
    try:
        lines = open(name).read().splitlines()
    except OSError:
        continue
    for line in lines:
        match = re.match(r"deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s", line + " ")
        if match and match[3] == codename:
            found(match[2], "".join(re.findall(r"signed-by=(\S+)", match[1] or "")))
for name in sorted(glob.glob("/etc/apt/sources.list.d/*.sources")):
    for stanza in re.split(r"\n\s*\n", open(name).read()):
        fields = dict(re.findall(r"^([\w-]+):\s*(.+)$", stanza, re.M))
        if "deb" in fields.get("Types", "").split() and codename in fields.get("Suites", "").split():
            found(fields["URIs"].split()[0], fields.get("Signed-By", ""))
sys.exit(f"no entry of Debian's main archive for {codename} in apt's sources")
PY
}
# A private apt for one suite: own sources, lists, cache and an empty list of installed packages, so the machine's
# pins and releases play no part. Without List-Cleanup=0 two private configurations would wipe each other's lists.
apt_for() {
  local suite=$1 dir=$work/apt-$1
  shift
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/parts"
  : >"$dir/status"
  local options=""
  [[ $keyring == - ]] || options="[signed-by=$keyring] "
  echo "deb $options$uri $suite main" >"$dir/sources.list"
  apt-get -qq -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts="$dir/parts" \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts="$dir/parts" \
    -o Dir::State::lists="$dir/lists" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
    -o APT::Get::List-Cleanup=0 -o APT::Sandbox::User=root -o Acquire::Retries=2 -o Acquire::Languages=none "$@"
}

# A part is made anew only when what it is made of has changed: its mark says what that was.
is_made() { [[ $(cat "$cache/marks/$1" 2>/dev/null) == "$2" ]]; }
made() { echo "$2" >"$cache/marks/$1"; }

# unpack SUITE FOLDER PACKAGE...: the packages' files in FOLDER, which appears whole or not at all.
unpack() {
  local suite=$1 folder=$2 deb mark
  mark=$(basename "$folder") of="$*"
  is_made "$mark" "$of" && return
  rm -f "$cache/marks/$mark"
  shift 2
  say "$(basename "$folder"): $* from $suite"
  [[ -e $work/apt-$suite/updated ]] || { retry apt_for "$suite" update && touch "$work/apt-$suite/updated"; }
  local debs=$work/debs-$(basename "$folder")
  mkdir -p "$debs" "$work/root"
  (cd "$debs" && retry apt_for "$suite" download "$@")
  for deb in "$debs"/*.deb; do dpkg -x "$deb" "$work/root"; done
  rm -rf "$folder" "$debs"
  mv "$work/root" "$folder"
  made "$mark" "$of"
}

# python NAME PACKAGE...: a virtual environment of its own with these packages.
python() {
  local name=$1
  shift
  is_made "$name" "$*" && return
  say "$*"
  rm -rf "${cache:?}/$name" "$cache/marks/$name"
  python3 -m venv "$cache/$name"
  retry "$cache/$name/bin/pip" --quiet --disable-pip-version-check install "$@" >&2
  made "$name" "$*"
}
