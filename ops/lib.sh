# Shared by the scripts in this folder: messages, packages, processes, a private Redis and a
# private Postgres. Sourced, never run. It must never touch a server that it did not start.
# shellcheck shell=bash disable=SC2034

EXIT_FAILED=1
EXIT_USAGE=2
EXIT_PACKAGES=3
EXIT_PORT=4
EXIT_DATA=5

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
STARTED=$SECONDS
QUIET=${QUIET:-0}

# What a build, a server and a test need; one line per package is printed by install_packages.
BUILD_PACKAGES=(libhiredis-dev libpq-dev libnghttp2-dev zlib1g-dev)
SERVER_PACKAGES=(procps redis-server postgresql postgresql-client)

# --- Messages -------------------------------------------------------------------------------

# A line about what happens now, with the time since the script began.
say() {
    if [[ $QUIET -eq 0 ]]; then
        printf '%4ds  %s\n' $((SECONDS - STARTED)) "$*" >&2
    fi
}

warn() {
    printf '%4ds  warning: %s\n' $((SECONDS - STARTED)) "$*" >&2
}

# Ends the script: fail CODE TEXT...
fail() {
    local code=$1
    shift
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit "$code"
}

# The comment block that opens a script is its --help text.
print_help() {
    awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$1"
}

# Ends the script when the flag that the arguments begin with has no value behind it.
need_value() {
    [[ $# -ge 2 && -n $2 ]] || fail $EXIT_USAGE "$1 needs a value (see --help)"
}

# A value as libpq reads it in a connection string.
quoted() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\\\'}"
}

# --- Packages -------------------------------------------------------------------------------

missing_packages() {
    local package
    for package in "$@"; do
        # Two of them are names for whatever version is there: the program counts, not the name.
        case $package in
            postgresql) [[ -z $(postgres_bin) ]] || continue ;;
            postgresql-client) ! command -v psql >/dev/null || continue ;;
            redis-server) ! command -v redis-server >/dev/null || continue ;;
            protobuf-compiler) ! command -v protoc >/dev/null || continue ;;
            *) ;;
        esac
        if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
            printf '%s\n' "$package"
        fi
    done
}

as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Installs what is missing of the packages named; with NO_INSTALL=1 it names them and ends.
install_packages() {
    local missing=() code=0
    mapfile -t missing < <(missing_packages "$@")
    [[ ${#missing[@]} -gt 0 ]] || return 0
    if [[ ${NO_INSTALL:-0} -eq 1 ]]; then
        fail $EXIT_PACKAGES "missing Debian packages: ${missing[*]} (leave out --no-install," \
            "or run: apt-get install ${missing[*]})"
    fi
    command -v apt-get >/dev/null \
        || fail $EXIT_PACKAGES "missing packages: ${missing[*]}; this machine has no apt-get"
    if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
        fail $EXIT_PACKAGES "missing Debian packages: ${missing[*]}; run as root or install sudo"
    fi
    say "installing Debian packages: ${missing[*]}"
    as_root apt-get update -qq || warn "apt-get update failed; trying with the lists at hand"
    (
        trap 'quiet_services_end "${missing[@]}"' EXIT
        trap 'exit 130' INT TERM HUP
        quiet_services_begin "${missing[@]}"
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >&2
    ) || code=$?
    [[ $code -ne 130 ]] || exit 130
    [[ $code -eq 0 ]] || fail $EXIT_PACKAGES "apt-get could not install: ${missing[*]}"
}

CLUSTER_SNIPPET=/etc/postgresql-common/createcluster.d/holdfast.conf

# The packages would start services that nobody asked for. We keep them from it only while we
# install them ourselves: a server that the machine already runs is left as it is.
quiet_services_begin() {
    if [[ " $* " == *" postgresql "* ]]; then
        as_root mkdir -p "${CLUSTER_SNIPPET%/*}"
        printf '# Only there while ops installs Postgres.\ncreate_main_cluster = false\n' \
            | as_root tee "$CLUSTER_SNIPPET" >/dev/null
    fi
    if [[ " $* " == *" redis-server "* && -d /run/systemd/system ]]; then
        as_root systemctl mask --runtime --quiet redis-server.service || true
    fi
}

quiet_services_end() {
    if [[ " $* " == *" postgresql "* ]]; then
        as_root rm -f "$CLUSTER_SNIPPET"
    fi
    if [[ " $* " == *" redis-server "* ]]; then
        if [[ -d /run/systemd/system ]]; then
            as_root systemctl unmask --runtime --quiet redis-server.service || true
            as_root systemctl disable --quiet redis-server.service 2>/dev/null || true
        elif [[ -x /etc/init.d/redis-server ]]; then
            as_root /etc/init.d/redis-server stop >/dev/null 2>&1 || true
            as_root update-rc.d redis-server disable >/dev/null 2>&1 || true
        fi
    fi
}

# The folder of the newest Postgres server programs; nothing when there is none.
postgres_bin() {
    local folder newest=
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V); do
        if [[ -x $folder/initdb && -x $folder/postgres ]]; then
            newest=$folder
        fi
    done
    printf '%s' "$newest"
}

require_swift() {
    command -v swift >/dev/null \
        || fail $EXIT_PACKAGES "Swift 6.3 is needed and no 'swift' is in PATH (see swift.org/install)"
}

# Flags of release builds, in RELEASE_FLAGS: the runtime of Swift in the program instead of beside it,
# where the toolchain brings it. Calls into the runtime are most of what an answer costs, and through the
# dynamic linker they take more of the server's time (figures: loadtest/README.md).
release_flags() {
    local resources
    RELEASE_FLAGS=()
    resources=$(swift -print-target-info 2>/dev/null \
        | sed -n 's/.*"runtimeResourcePath": *"\([^"]*\)".*/\1/p')
    if [[ -f ${resources}_static/linux/libswiftCore.a ]]; then
        RELEASE_FLAGS=(--static-swift-stdlib)
    else
        say "this toolchain has no static runtime: the server will be a tenth slower or more"
    fi
}

# --- Ports ----------------------------------------------------------------------------------

# Succeeds when something listens on the port of an address that takes connections to 127.0.0.1.
port_in_use() {
    local hex
    hex=$(printf '%04X' "$1")
    awk -v port=":$hex" '
        $4 == "0A" && substr($2, length($2) - 4) == port {
            address = substr($2, 1, length($2) - 5)
            if (address == "0100007F" || address ~ /^0+$/ ||
                address == "0000000000000000FFFF00000100007F") { found = 1 }
        }
        END { exit !found }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Ends the script when the port is taken: require_port PORT FLAG WHAT
require_port() {
    local owner=
    if port_in_use "$1"; then
        if command -v ss >/dev/null; then
            owner=$(ss -Hltnp "sport = :$1" 2>/dev/null \
                | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/ (\1, process \2)/p' | head -n 1)
        fi
        fail $EXIT_PORT "port $1, wanted for $3, is in use$owner: stop what holds it or choose" \
            "another with $2 N"
    fi
}

# --- Processes ------------------------------------------------------------------------------

# Who owns the database files: we, or the user postgres when we are root (Postgres refuses root).
service_user() {
    if [[ $EUID -eq 0 ]]; then
        printf 'postgres'
    else
        id -un
    fi
}

# Runs a command as the service user, in this process: no fork, so $! is the command's own id.
as_service() {
    if [[ $EUID -eq 0 ]]; then
        setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

is_running() {
    [[ -n ${1:-} ]] && kill -0 "$1" 2>/dev/null && [[ $(process_state "$1") != Z ]]
}

process_state() {
    sed -n 's/^[0-9]* (.*) \(.\).*/\1/p' "/proc/$1/stat" 2>/dev/null || true
}

# Sends a signal and waits; kills after the time given: stop_process PID SIGNAL SECONDS NAME
stop_process() {
    local pid=$1 signal=$2 tries=$(($3 * 20)) name=$4
    is_running "$pid" || return 0
    kill -s "$signal" "$pid" 2>/dev/null || true
    while is_running "$pid"; do
        if [[ $tries -le 0 ]]; then
            warn "$name did not stop within $3 s; killing it"
            kill -s KILL "$pid" 2>/dev/null || true
            break
        fi
        tries=$((tries - 1))
        sleep 0.05
    done
    wait "$pid" 2>/dev/null || true
}

# The processes of a session: what a command started, whatever process groups it made.
session_processes() {
    [[ -n $1 ]] || return 0
    pgrep -s "$1" 2>/dev/null || true
}

SESSION=

# Runs a command in a session of its own and waits, so that a signal to us is acted on at once
# and takes the whole session with it (see stop_session).
run_in_session() {
    local code=0
    # A command in the background starts out deaf to Ctrl-C; env mends that.
    env --default-signal=INT,QUIT setsid -- "$@" </dev/null 9>&- &
    SESSION=$!
    wait "$SESSION" || code=$?
    stop_session
    return "$code"
}

# Ends what is left of the session: politely, then for good.
stop_session() {
    local signal pid tries
    for signal in INT TERM KILL; do
        [[ -n $(session_processes "$SESSION") ]] || break
        for pid in $(session_processes "$SESSION"); do
            kill -s "$signal" "$pid" 2>/dev/null || true
        done
        for ((tries = 0; tries < 120; tries++)); do
            [[ -n $(session_processes "$SESSION") ]] || break
            sleep 0.05
        done
    done
    SESSION=
}

# --- Redis ----------------------------------------------------------------------------------

REDIS_PID=

# start_redis SOCKET LOG: a Redis on a unix socket alone; the settings are argued in README.md.
start_redis() {
    local socket=$1 log=$2 tries
    rm -f "$socket"
    (cd / && as_service touch "$log")
    exec_service TERM redis-server --port 0 --unixsocket "$socket" --unixsocketperm 700 \
        --save '' --appendonly no --maxmemory 512mb --maxmemory-policy noeviction \
        --lazyfree-lazy-user-del yes --dir "$(dirname "$socket")" --daemonize no \
        --supervised no --logfile "$log" >/dev/null 2>&1 &
    REDIS_PID=$!
    for ((tries = 0; tries < 200; tries++)); do
        if [[ $(redis-cli -s "$socket" ping 2>/dev/null) == PONG ]]; then
            return 0
        fi
        is_running "$REDIS_PID" || break
        sleep 0.05
    done
    tail -n 20 "$log" >&2 || true
    fail $EXIT_FAILED "Redis did not start; its log is $log"
}

stop_redis() {
    stop_process "$REDIS_PID" TERM 10 Redis
    REDIS_PID=
}

# Becomes a server: a session of its own (a Ctrl-C in the terminal is ours alone to pass on, in
# order) that gets the signal given when this script dies without having cleaned up.
exec_service() {
    local signal=$1
    shift
    local identity=()
    if [[ $EUID -eq 0 ]]; then
        identity=(--reuid=postgres --regid=postgres --init-groups)
    fi
    cd /
    exec setsid setpriv "${identity[@]}" --pdeathsig "$signal" -- "$@" </dev/null
}

# --- Postgres -------------------------------------------------------------------------------

POSTGRES_PID=

# init_postgres DATA: a new cluster whose only login is through its socket folder.
init_postgres() {
    local data=$1 output
    if ! output=$(cd / && as_service "$(postgres_bin)/initdb" --pgdata "$data" --username postgres \
        --encoding UTF8 --locale C.UTF-8 --auth-local trust --auth-host reject \
        --data-checksums 2>&1); then
        printf '%s\n' "$output" >&2
        fail $EXIT_FAILED "initdb failed in $data"
    fi
}

# start_postgres DATA SOCKETS LOG [NAME=VALUE...]: a Postgres on a socket folder alone.
start_postgres() {
    local data=$1 sockets=$2 log=$3 settings=() setting tries
    shift 3
    for setting in "$@"; do
        settings+=(-c "$setting")
    done
    (cd / && as_service touch "$log")
    exec_service INT "$(postgres_bin)/postgres" -D "$data" -c listen_addresses= -c port=5432 \
        -c "unix_socket_directories=$sockets" -c unix_socket_permissions=0700 \
        -c timezone=UTC -c log_timezone=UTC "${settings[@]}" >>"$log" 2>&1 &
    POSTGRES_PID=$!
    for ((tries = 0; tries < 1200; tries++)); do
        if psql "host=$(quoted "$sockets") port=5432 user=postgres dbname=postgres" \
            -X -q -t -c 'SELECT 1' >/dev/null 2>&1; then
            return 0
        fi
        is_running "$POSTGRES_PID" || break
        sleep 0.05
    done
    tail -n 20 "$log" >&2 || true
    fail $EXIT_FAILED "Postgres did not start; its log is $log"
}

# A fast shutdown: sessions end, the checkpoint is written, nothing is lost.
stop_postgres() {
    stop_process "$POSTGRES_PID" INT 60 Postgres
    POSTGRES_PID=
}
