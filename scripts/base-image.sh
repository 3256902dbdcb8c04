#!/bin/sh
# Make a local base image with Python, pip and this machine's CA certificates.
#
#   scripts/base-image.sh NAME        for example: scripts/base-image.sh supervisely-local/base:0.1.0
#
# It is python:3.11-slim if the engine can pull that image. Where no image registry answers, it is a minimal system
# made by mmdebstrap from this machine's own package sources (Debian, as root). The script does nothing if
# the image exists.
set -eu

UPSTREAM=python:3.11-slim

say() { printf '%s\n' "$*" >&2; }
fail() { say "base-image: $*"; exit 1; }

[ $# -eq 1 ] || { say "usage: $0 NAME"; exit 2; }
name=$1

docker version >/dev/null 2>&1 || fail "no Docker engine answers; start one, for example with scripts/engine.sh"

if docker image inspect "$name" >/dev/null 2>&1; then
    say "base-image: $name exists"
    exit 0
fi

# The host's certificate bundle, so that pip inside the image trusts the same certificates as this machine:
# behind a proxy that inspects TLS nothing can be installed without it.
host_certificates() {
    for file in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
        if [ -n "$file" ] && [ -s "$file" ]; then
            printf '%s\n' "$file"
            return
        fi
    done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

from_upstream() {
    mkdir "$work/context"
    certificates=$(host_certificates)
    {
        echo "FROM $UPSTREAM"
        echo "ENV LANG=C.UTF-8"
        if [ -n "$certificates" ]; then
            cp "$certificates" "$work/context/ca-certificates.crt"
            echo "COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt"
            echo "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
        fi
    } >"$work/context/Dockerfile"
    docker build --quiet --tag "$name" "$work/context" >/dev/null
}

# A script for mmdebstrap, which calls it with the new root as $1.
write_hook() {
    cat >"$work/customize" <<'HOOK'
#!/bin/sh
set -eu
# Plugins are started as `python`; Debian installs `python3` alone.
ln -sf python3 "$1/usr/bin/python"
# Let pip install into the system's packages: the image holds nothing but the plugin.
rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED
if [ -n "$HOST_CERTIFICATES" ]; then
    cp "$HOST_CERTIFICATES" "$1/etc/ssl/certs/ca-certificates.crt"
fi
HOOK
    chmod +x "$work/customize"
}

from_packages() {
    [ -r /etc/debian_version ] || fail "cannot pull $UPSTREAM, and only Debian can make a system from packages; pull or load an image with Python 3.11 elsewhere and tag it $name"
    [ "$(id -u)" = 0 ] || fail "cannot pull $UPSTREAM; run this as root to make a system from Debian packages"
    if ! command -v mmdebstrap >/dev/null 2>&1; then
        say "base-image: installing mmdebstrap"
        apt-get install --yes --no-install-recommends mmdebstrap >/dev/null ||
            { apt-get update >/dev/null && apt-get install --yes --no-install-recommends mmdebstrap >/dev/null; } ||
            fail "cannot install mmdebstrap"
    fi
    # shellcheck source=/dev/null
    suite=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
    HOST_CERTIFICATES=$(host_certificates)
    export HOST_CERTIFICATES
    write_hook
    sources=
    for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        [ -s "$file" ] && sources=$file && break
    done
    say "base-image: making $suite with Python from packages (half a minute)"
    # shellcheck disable=SC2086  # no sources file: mmdebstrap's own default
    mmdebstrap --quiet --variant=minbase \
        --include=python3,python3-pip,ca-certificates \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook="$work/customize" \
        "$suite" "$work/root.tar" $sources || fail "mmdebstrap could not make the system"
    docker import \
        --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
        --change 'ENV LANG=C.UTF-8' \
        --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' \
        --change 'CMD ["python"]' \
        "$work/root.tar" "$name" >/dev/null
}

if docker image inspect "$UPSTREAM" >/dev/null 2>&1 || docker pull --quiet "$UPSTREAM" >/dev/null 2>&1; then
    from_upstream
else
    from_packages
fi
say "base-image: $name is ready"
