#!/bin/sh
# The include table of the design: a room may include its own headers and those named here. Also:
# a library has one door, the one file that includes its header. Prints TAP.
cd "$(dirname "$0")/../.." || exit 1

# room: rooms it may include (exact headers may be named, too)
table='
agent/wire:
agent/core: agent/wire
agent/preload: agent/core agent/python/python.h agent/java/java.h agent/link/link.h
agent/python: agent/core agent/wire
agent/java: agent/core agent/wire
agent/link: agent/core agent/wire
daemon/base:
daemon/detect: daemon/base
daemon/store: daemon/base daemon/detect agent/wire
daemon/ingest: daemon/base daemon/store agent/wire
daemon/symbol: daemon/base
daemon/fetch: daemon/base
daemon/alert: daemon/base daemon/detect daemon/fetch
daemon/watch: daemon/base daemon/store daemon/detect daemon/alert
daemon/http: daemon/base daemon/store/query.h daemon/store/model.h daemon/store/series.h daemon/store/snapshot.h daemon/detect
daemon/ctl: daemon/base daemon/detect daemon/fetch agent/wire
'

# library header pattern: the files that may include it (a shell pattern)
doors='
uthash.h daemon/base/map.c
cjson/ daemon/base/json_read.c
ini.h daemon/base/conf*.c
microhttpd.h daemon/http/server*
curl/ daemon/fetch/*.c
gnutls/ daemon/alert/sign.c
elfutils/ daemon/symbol/dwarf*.c
libelf.h daemon/symbol/dwarf*.c
gelf.h daemon/symbol/dwarf*.c
dwarf.h daemon/symbol/dwarf*.c
zlib.h daemon/base/gzip.c
sqlite3.h daemon/store/journal_db.c
uv.h daemon/*
Python.h none
'

number=0
failed=0
report() { # word name details
    number=$((number + 1))
    echo "$1 $number - $2"
    [ -z "$3" ] || echo "$3" | sed 's/^/# /'
    [ "$1" = ok ] || failed=1
}

includes() { # files: "file header" lines of our own and of libraries
    grep -HnoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"][^>"]+[>"]' "$@" /dev/null |
        sed -E 's/^([^:]+):[0-9]+:.*[<"]([^>"]+)[>"].*/\1 \2/'
}

for room in $(echo "$table" | sed -n 's/:.*//p'); do
    [ -d "$room" ] || continue
    allowed=$(echo "$table" | sed -n "s|^$room:||p")
    bad=$(includes "$room"/*.[chS] 2>/dev/null | while read -r file header; do
        case $header in
        agent/* | daemon/* | web/*) ;;
        *) continue ;;
        esac
        good=no
        for may in $room $allowed; do
            case $header in
            "$may" | "$may"/*) good=yes ;;
            esac
        done
        [ $good = yes ] || echo "$file includes $header"
    done)
    [ -z "$bad" ] && report ok "$room includes only what its place allows" "" ||
        report "not ok" "$room includes only what its place allows" "$bad"
done

echo "$doors" | while read -r header files; do
    [ -n "$header" ] || continue
    includes $(git ls-files -co --exclude-standard 'agent/*.[ch]' 'daemon/*.[ch]') |
        while read -r file included; do
            case $included in
            "$header"*) ;;
            *) continue ;;
            esac
            case $file in
            $files) ;;
            *) echo "$file includes $included: its door is $files" ;;
            esac
        done
done >"${TMPDIR:-/tmp}/leakd-doors.$$"
bad=$(cat "${TMPDIR:-/tmp}/leakd-doors.$$")
rm -f "${TMPDIR:-/tmp}/leakd-doors.$$"
[ -z "$bad" ] && report ok "every library has one door" "" ||
    report "not ok" "every library has one door" "$bad"

bad=$(includes $(git ls-files -co --exclude-standard 'daemon/*/*.[ch]' 'agent/*/*.[ch]') |
    grep -E ' (daemon/(leakd|leakctl)|leakd\.h)' || true)
[ -z "$bad" ] && report ok "nobody knows leakd.c" "" || report "not ok" "nobody knows leakd.c" "$bad"

echo "1..$number"
exit $failed
