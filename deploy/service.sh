#!/bin/sh
# Becomes one service, with its own secrets and nobody else's: service.sh valkey | api | worker-sd | worker-llm
# supervisord.conf calls it; what the environment must hold stands there.
set -eu
umask 077
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
data=${ATELIER_DATA_DIR:?is not set}

case $1 in
valkey)
    # A path after the options of the file wins over the file; no secret is among them.
    exec "${STACK_VALKEY_SERVER:?is not set}" "$here/valkey.conf" \
        --dir "$data/valkey" --unixsocket "$data/run/valkey.sock" --aclfile "$data/secrets/valkey.acl"
    ;;
api | worker-sd | worker-llm)
    # A queue elsewhere, named from outside, is used as it is.
    if [ -z "${ATELIER_VALKEY_URL:-}" ]; then
        ATELIER_VALKEY_URL=$(cat "$data/secrets/$1.valkey-url")
        export ATELIER_VALKEY_URL
    fi
    exec "${STACK_BIN_DIR:?is not set}/$1"
    ;;
*)
    echo "service.sh: there is no service $1" >&2
    exit 64
    ;;
esac
