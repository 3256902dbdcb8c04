#!/bin/sh
# Make a Docker engine available on this machine.
#
#   scripts/engine.sh start     use the engine that answers; else, as root on Debian or Ubuntu, install and start an engine
#   scripts/engine.sh stop      stop the engine that `start` started; other engines are never touched
#   scripts/engine.sh status    exit code 0 if an engine answers, else 1
#
# If no engine can be installed, `start` says what is missing and ends with 0, because plugins can run as processes.
# Its exit code is 1 only if an engine was installed or started here and does not answer.
set -eu

RUN=/run/supervisely-local
PID_FILE=$RUN/dockerd.pid
LOG=/var/log/supervisely-local-dockerd.log
WAIT_S=60 # a first start prepares its storage

say() { printf 'engine: %s\n' "$*" >&2; }

answers() { command -v docker >/dev/null 2>&1 && docker version >/dev/null 2>&1; }

answers_within() {
    left=$1
    until answers; do
        [ "$left" -gt 0 ] || return 1
        left=$((left - 1))
        sleep 1
    done
}

describe() { docker version --format 'Docker {{.Server.Version}}, API {{.Server.APIVersion}}' 2>/dev/null || true; }

# Whether the process of our pid file is alive and still a dockerd. The system may have given its number to another process.
ours_runs() {
    [ -r "$PID_FILE" ] && pid=$(cat "$PID_FILE") && [ -r "/proc/$pid/comm" ] && [ "$(cat "/proc/$pid/comm")" = dockerd ]
}

without() {
    say "no Docker engine answers, and $*."
    say "Plugins can run as processes meanwhile: AGENT_ENGINE=process."
    exit 0
}

install_engine() {
    say "installing docker.io"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install --yes --quiet --no-install-recommends docker.io >/dev/null 2>&1 && return
    { apt-get update --quiet && apt-get install --yes --quiet --no-install-recommends docker.io; } >/dev/null 2>&1
}

start() {
    if answers; then
        say "$(describe) answers"
        return
    fi
    [ "$(uname -s)" = Linux ] || without "it is not started here: start Docker Desktop or colima"
    [ -z "${DOCKER_HOST:-}" ] || without "DOCKER_HOST=$DOCKER_HOST says where it should: start it there, or unset DOCKER_HOST"
    if [ "$(id -u)" != 0 ]; then
        if [ -S /var/run/docker.sock ] && [ ! -w /var/run/docker.sock ]; then
            without "you may not use /var/run/docker.sock: have yourself added to the group docker"
        fi
        without "only root can install or start one: sudo $0 start, or install Docker by your system's way"
    fi
    if ! command -v dockerd >/dev/null 2>&1; then
        command -v apt-get >/dev/null 2>&1 || without "this is not Debian or Ubuntu: install Docker by your system's way"
        install_engine || without "docker.io could not be installed: is there a network, or a mirror in apt's sources?"
        # A system with a service manager has started the engine when it installed the package.
        if answers_within 5; then
            say "$(describe) answers"
            return
        fi
    fi
    if ! ours_runs; then
        say "starting dockerd (log: $LOG)"
        mkdir -p "$RUN"
        # A pid file left by a machine that was switched off would make dockerd refuse to start.
        if [ -r /var/run/docker.pid ] && ! kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null; then
            rm -f /var/run/docker.pid
        fi
        setsid dockerd >"$LOG" 2>&1 </dev/null &
        echo $! >"$PID_FILE"
    fi
    if ! answers_within "$WAIT_S"; then
        say "dockerd does not answer after $WAIT_S s; the end of its log:"
        tail -n 5 "$LOG" >&2
        stop
        say "Plugins can run as processes meanwhile: AGENT_ENGINE=process."
        exit 1
    fi
    say "$(describe) answers"
}

stop() {
    if ! ours_runs; then
        rm -f "$PID_FILE"
        say "no engine was started from here"
        return
    fi
    kill "$pid"
    left=30 # containers are given time to end
    while ours_runs && [ "$left" -gt 0 ]; do
        left=$((left - 1))
        sleep 1
    done
    rm -f "$PID_FILE"
    say "stopped"
}

status() {
    answers || { say "no Docker engine answers"; exit 1; }
    say "$(describe) answers"
}

case ${1:-start} in
start | stop | status) "${1:-start}" ;;
*)
    echo "usage: $0 [start|stop|status]" >&2
    exit 2
    ;;
esac
