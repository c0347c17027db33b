#!/bin/sh
# Grades alto-peer as an ALTO client with `rfc-conformance client`, once through endpoint services and once from maps.
# Further arguments are passed to rfc-conformance, such as --verbose or --scenario busy.
#
#     scripts/grade_client.sh [ARGUMENT...]
set -eu

# Called by itself to perform one task: ALTO-PEER TASK URI, then NAME=VALUE, addresses and options.
if [ "${1-}" = answer ]; then
    program=$2 task=$3 uri=$4 user='' count=$(($# - 4))
    shift 4
    while [ "$count" -gt 0 ]; do
        argument=$1 count=$((count - 1))
        shift
        case $argument in
            *=) ;; # an empty value: not requested
            user=*) user=${argument#user=} ;;
            password=*)
                ALTO_PASSWORD=${argument#password=}
                export ALTO_PASSWORD
                set -- "$@" --user "$user"
                ;;
            resource=*) set -- "$@" "${argument#resource=}" ;;
            tag=*) set -- "$@" --until-tag "${argument#tag=}" ;;
            most=*) set -- "$@" --constraint "le ${argument#most=}" ;;
            --*) set -- "$@" "$argument" ;;
            *=*) set -- "$@" "--${argument%%=*}" "${argument#*=}" ;;
            *) set -- "$@" "$argument" ;;
        esac
    done
    if [ "$task" = follow ]; then
        exec "$program" query watch "$uri" --last "$@"
    fi
    exec "$program" query "$task" "$uri" --json "$@"
fi

cd "$(dirname "$0")/.."
cargo build --quiet -p alto-peer -p rfc-conformance
target=${CARGO_TARGET_DIR:-target}/debug
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
self="sh scripts/grade_client.sh answer $target/alto-peer {task} {uri} ca={ca} user={user} password={password}"
cost_type='metric={metric} mode={mode}'

grade() {
    "$target/rfc-conformance" client --write-ca "$folder/ca.pem" --task "directory=$self" \
        --task "property=$self property={property} {addresses}" \
        --task "follow=$self resource={resource} by={by} tag={tag}" "$@"
}

echo "by endpoint services:"
grade --task "network-map=$self map={map}" --task "pid=$self map={map} {addresses}" \
    --task "cost-map=$self map={map} $cost_type" --task "costs=$self from={from} to={to} $cost_type most={most}" "$@"
echo "by maps:"
grade --task "network-map=$self" --task "pid=$self {addresses} --ask-server" \
    --task "cost-map=$self $cost_type '--constraint=ge -1e300'" \
    --task "costs=$self from={from} to={to} $cost_type most={most} --by-maps" "$@"
