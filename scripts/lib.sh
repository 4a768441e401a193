# Shared by the scripts in this directory; sourced, never run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
note() { printf 'note: %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }

# die MESSAGE [NEXT-STEP]
die() {
  printf '%s: error: %s\n' "${0##*/}" "$1" >&2
  if [[ -n ${2-} ]]; then printf 'hint: %s\n' "$2" >&2; fi
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Where PostgreSQL's programs of major $1 (default 15) lie.
pg_bindir() {
  local dir="/usr/lib/postgresql/${1:-15}/bin"
  [[ -x $dir/postgres ]] || die "no PostgreSQL ${1:-15} server programs in $dir" "run scripts/setup"
  printf '%s\n' "$dir"
}

# Cargo is often only on the PATH of login shells.
find_cargo() {
  if ! have cargo && [[ -x ${HOME:-/root}/.cargo/bin/cargo ]]; then PATH="$HOME/.cargo/bin:$PATH"; fi
}

target_dir() { printf '%s\n' "${CARGO_TARGET_DIR:-$root/target}"; }

# A TCP port of 127.0.0.1 that nothing listens on right now.
free_port() {
  local port
  for _ in {1..200}; do
    port=$((20000 + RANDOM % 20000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s\n' "$port"
      return
    fi
  done
  die "found no free TCP port on 127.0.0.1"
}

# The majors that are tested beside the system's own.
# shellcheck disable=SC2034
pg_majors=(13 16 17 18 19)

# Where scripts/unpack-pg puts major $1 for the tests.
pg_tree() { printf '%s\n' "$root/target/ci/pg/$1"; }

# What every measurement begins with: sets $bin to a release build (or PGSEAL_BIN), and
# leaves nothing in the environment that libpq or the store's client would follow.
ready_to_measure() {
  local name
  "$root/scripts/setup"
  find_cargo
  [[ -x /usr/bin/time ]] || die "GNU time is missing" "apt-get install time"
  if [[ -n ${PGSEAL_BIN-} ]]; then
    bin=$(realpath "$PGSEAL_BIN")
  else
    (cd "$root" && cargo build --locked --quiet --release)
    bin=$(target_dir)/release/pgseal
  fi
  for name in $(compgen -e); do
    case $name in PG* | AWS_*) unset "$name" ;; esac
  done
  PATH=$(pg_bindir 15):$PATH
}

# median FILE COLUMN
median() { sort -n -k "$2,$2" "$1" | awk -v c="$2" '{ v[NR] = $c } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

# PostgreSQL refuses to run as root: root runs the server as user postgres.
as_pg() {
  if [[ $(id -u) -eq 0 ]]; then
    (cd / && exec runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

# start_pg DIR [SETTING…]: a throw-away server in DIR/data, reachable only over
# the unix socket in DIR/sock, and only by root, its own user and you (peer).
start_pg() {
  local dir=$1 bin me owner
  shift
  bin=$(pg_bindir 15)
  me=$(id -un)
  owner=$me
  if [[ $(id -u) -eq 0 ]]; then owner=postgres; fi
  if [[ ! -e $dir/data/PG_VERSION ]]; then
    mkdir -p "$dir/data" "$dir/sock"
    chmod 0700 "$dir/data" "$dir/sock"
    if [[ $me != "$owner" ]]; then chown "$owner:" "$dir/data" "$dir/sock"; fi
    as_pg "$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=reject --encoding=UTF8 \
      --locale=C.UTF-8 --data-checksums --no-sync >/dev/null
    as_pg tee "$dir/data/pg_hba.conf" >/dev/null <<'HBA'
local all         all peer map=own
local replication all peer map=own
HBA
    printf 'own %s postgres\n' "$me" "$owner" | sort -u | as_pg tee "$dir/data/pg_ident.conf" >/dev/null
    {
      printf "listen_addresses = ''\nunix_socket_directories = '%s'\nunix_socket_permissions = 0700\n" "$dir/sock"
      if (($#)); then printf '%s\n' "$@"; fi
    } | as_pg tee -a "$dir/data/postgresql.conf" >/dev/null
  fi
  as_pg "$bin/pg_ctl" --pgdata="$dir/data" --log="$dir/data/server.log" --silent --wait start >/dev/null ||
    { tail -n 5 "$dir/data/server.log" >&2; die "the throw-away PostgreSQL server did not start"; }
}

# stop_pg DIR [MODE]
stop_pg() {
  if [[ -e $1/data/postmaster.pid ]]; then
    as_pg "$(pg_bindir 15)/pg_ctl" --pgdata="$1/data" --mode="${2:-fast}" --silent --wait stop >/dev/null 2>&1 || true
  fi
}
