#!/bin/sh
# What each replica of the service `peer` runs: take a free seat, look up who else is there, become the peer.
#
# A seat is a peer's folder in the volume that all replicas share. `found.ts` made one for each validator;
# replicas beyond those make a new one. Two processes with one key would contradict each other, so whoever
# sits holds a lock on the seat that the kernel takes back when the process ends, however it ends.
set -eu

data=${GRADMESH_DATA:-/data}
# The name under which the other replicas are found, and by which they may ask this one over HTTP.
service=${GRADMESH_SERVICE:-peer}
port=${GRADMESH_P2P_PORT:-4190}
me=$(hostname)

mkdir -p "$data/locks"

# The lock belongs to file descriptor 9, which the peer inherits; taking another closes the one before.
take() {
  exec 9>>"$data/locks/$1"
  flock --nonblock 9
}

# First the seat that this container had before its restart, then any.
choose() {
  for last in "$data"/locks/*.last; do
    [ -e "$last" ] && [ "$(cat "$last")" = "$me" ] || continue
    seat=$(basename "$last" .last)
    take "$seat" && return
  done
  for folder in "$data"/peers/validator-* "$data"/peers/trainer-*; do
    [ -e "$folder" ] || continue
    seat=$(basename "$folder")
    take "$seat" && return
  done
  number=1
  until seat=trainer-$number && [ ! -e "$data/peers/$seat" ] && take "$seat"; do
    number=$((number + 1))
  done
}

choose
printf '%s' "$me" >"$data/locks/$seat.last"
[ -e "$data/peers/$seat/safety" ] || node /app/docker/found.ts seat --data "$data" --name "$seat"

# Who starts later sees who started earlier, so each pair is joined whoever comes first; from then on peers
# tell each other of changes. Unlike mDNS this needs no multicast, which some networks of Docker lack.
own=" $(hostname -I) "
set --
for address in $(getent ahostsv4 "$service" | awk '$2 == "STREAM" { print $1 }' | sort -u); do
  case $own in *" $address "*) continue ;; esac
  set -- "$@" --bootstrap "/ip4/$address/tcp/$port"
done

exec gradmesh up --data "$data/peers/$seat" --label "$seat" \
  --http-host 0.0.0.0 --http-name "$service" --http-name "$me" --p2p-port "$port" "$@"
