#!/bin/sh
# Makes the data folder ready: folders, secrets, the users of Valkey. Safe at every start: passwords that are there stay.
# Takes ATELIER_DATA_DIR (absolute) and ATELIER_QUEUE_PREFIX (as the services do).
set -eu
umask 077
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
data=${ATELIER_DATA_DIR:?must name the data folder}
prefix=${ATELIER_QUEUE_PREFIX:-atelier}

fail() {
    echo "prepare.sh: $1" >&2
    exit 64
}

case $data in
/*) ;;
*) fail "ATELIER_DATA_DIR must be an absolute path, not '$data'" ;;
esac
case $data in
*[!A-Za-z0-9/._+@,:=\ -]*) fail "ATELIER_DATA_DIR may hold letters, digits, blanks and / . _ + @ , : = -, not '$data'" ;;
esac
case $prefix in
*[!A-Za-z0-9_-]*) fail "ATELIER_QUEUE_PREFIX may hold letters, digits, _ and -, not '$prefix'" ;;
esac
# The kernel allows 107 bytes for the path of a socket.
socket=$data/run/valkey.sock
[ "${#socket}" -le 107 ] || fail "the path $socket is too long for a socket; choose a data folder with a shorter path"

for folder in "$data" "$data/run" "$data/logs" "$data/secrets" "$data/valkey"; do
    mkdir -p "$folder"
    chmod 700 "$folder"
done

# password NAME: prints the password of a user of Valkey; makes it once.
password() {
    file=$data/secrets/$1.password
    if [ ! -s "$file" ]; then
        od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file.new"
        mv "$file.new" "$file"
    fi
    cat "$file"
}

# hash TEXT: prints what Valkey keeps instead of a password.
hash() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }

api=$(password api)
worker=$(password worker-sd)

sed -e "s/@PREFIX@/$prefix/g" -e "s/@API_PASSWORD_SHA256@/$(hash "$api")/" -e "s/@WORKER_PASSWORD_SHA256@/$(hash "$worker")/" \
    -e '/^#/d' -e '/^$/d' "$here/valkey.acl.template" >"$data/secrets/valkey.acl.new"
mv "$data/secrets/valkey.acl.new" "$data/secrets/valkey.acl"

path=$(printf %s "$socket" | sed 's/ /%20/g')
printf 'redis+unix://%s?user=api&pass=%s\n' "$path" "$api" >"$data/secrets/api.valkey-url"
# All workers are one user: they have the same rights.
for name in worker-sd worker-llm; do
    printf 'redis+unix://%s?user=worker&pass=%s\n' "$path" "$worker" >"$data/secrets/$name.valkey-url"
done
