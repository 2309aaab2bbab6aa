#!/bin/sh
# What the built agent shows to and wants from a host: exports exactly the map file, needs libc
# only, no lazy TLS, at most 256 bytes of TLS, nothing that prints or starts a thread. TAP.
cd "$(dirname "$0")/../.." || exit 1
agent=${LEAKD_BUILD:-build}/libleakagent.so
number=0
failed=0
report() {
    number=$((number + 1))
    if [ -z "$2" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        echo "$2" | sed 's/^/# /'
        failed=1
    fi
}

[ -f "$agent" ] || { echo "not ok 1 - the agent is built at $agent"; exit 1; }

wanted=$(sed -n '/global:/,/local:/p' agent/leakagent.map | grep -v ':' | tr -d ' \n' | tr ';' '\n' | sed '/^$/d' | sort)
shown=$(nm -D --defined-only "$agent" | awk '$2 ~ /[TWVBDRiu]/ {print $3}' | sed 's/@.*//' | sort -u)
report "exports exactly what agent/leakagent.map lists" "$(
    [ "$wanted" = "$shown" ] || { echo "map:   $(echo $wanted)"; echo "shown: $(echo $shown)"; })"

report "needs libc only" "$(readelf -d "$agent" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' |
    grep -vxE 'libc\.so\.6|ld-linux-x86-64\.so\.2|ld-linux-aarch64\.so\.1')"

report "takes no function that prints, logs, starts threads, handles signals or allocates" "$(
    nm -D --undefined-only "$agent" | awk '{print $2}' | sed 's/@.*//' |
    grep -xE '(v?f?printf|puts|fputs|perror|syslog|v?asprintf|fopen|fwrite|pthread_create|signal|sigaction|rt_sigaction|atexit|__cxa_atexit|on_exit|pthread_key_create|pthread_mutex_lock|abort|exit|malloc|calloc|realloc|strdup|getline|opendir|dlopen|backtrace|__assert_fail|fork|system|getenv_)')"

report "has no lazy thread-local storage" "$(
    nm -D --undefined-only "$agent" | grep -o '__tls_get_addr'
    readelf -r "$agent" | grep -oE 'R_X86_64_(DTPMOD64|DTPOFF64|TLSDESC)' | sort -u)"

tls=$(readelf -lW "$agent" | awk '$1 == "TLS" {print $6}')
report "uses at most 256 bytes of static TLS" "$(
    [ -z "$tls" ] || [ $((tls)) -le 256 ] || echo "PT_TLS is $((tls)) bytes")"

report "cannot be unloaded and is fully relocated at start" "$(
    for flag in NODELETE NOW; do
        readelf -d "$agent" | grep -qw "$flag" || echo "flag $flag is missing"
    done)"

report "has no executable stack and no writable code" "$(
    readelf -lW "$agent" | awk '/GNU_STACK/ && $7 ~ /E/ {print "executable stack"}
                                /LOAD/ && $7 $8 ~ /W/ && $7 $8 ~ /E/ {print "writable code"}')"

report "maps memory of its own by one door: own_map; the program's calls pass through agent/preload/mmap.c" "$(
    grep -nE '\b(mmap|mmap64|munmap|mremap)\(' agent/*/*.c | grep -vE '^agent/(core/own|preload/mmap)\.c:|/\*|^[^:]*:[0-9]+: \*')"

echo "1..$number"
exit $failed
