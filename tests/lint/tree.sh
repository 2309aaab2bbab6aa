#!/bin/sh
# Facts about the tree: the top level, the SPDX line, sizes of files and functions, no unfinished
# work, nothing third-party, no address of a package registry. TAP.
cd "$(dirname "$0")/../.." || exit 1
number=0
failed=0
report() {
    number=$((number + 1))
    if [ -z "$2" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        echo "$2" | head -40 | sed 's/^/# /'
        failed=1
    fi
}
files() { git ls-files -co --exclude-standard -- "$@" | while read -r f; do [ -f "$f" ] && echo "$f"; done; }

report "the top level holds the fixed seven, LICENSE and dotfiles" "$(
    files | cut -d/ -f1 | sort -u |
    grep -vxE '\..*|CMakeLists\.txt|daemon|agent|web|conf|tests|README\.md|LICENSE')"

report "every source names its licence in its first lines" "$(
    for f in $(files '*.c' '*.h' '*.ts' '*.tsx' '*.mjs' '*.css' 'tests/*.py'); do
        head -3 "$f" | grep -q 'SPDX-License-Identifier: MIT' || echo "$f"
    done)"

report "no file of code is longer than 600 lines" "$(
    files '*.c' '*.h' '*.ts' '*.tsx' | xargs wc -l | awk '$2 != "total" && $1 > 600 {print $2 ": " $1}')"

report "no function is longer than 80 lines" "$(
    files '*.c' | xargs awk 'FNR == 1 {start = 0}
        /^[a-z].*\)$|^[a-z].*\) *\{$/ {start = FNR}
        /^}/ {if (start && FNR - start > 80) print FILENAME ":" start ": " FNR - start " lines"; start = 0}')"

report "no unfinished work is marked" "$(
    files '*.c' '*.h' '*.ts' '*.tsx' '*.py' '*.sh' '*.mjs' | grep -v '^tests/lint/' |
    xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b' /dev/null)"

report "no page code writes HTML from text" "$(
    files 'web/src/*' | xargs grep -nE 'innerHTML|dangerouslySetInnerHTML|insertAdjacentHTML|document\.write' /dev/null)"

report "lock files name no address" "$(
    files '*package-lock.json' | xargs grep -nE '"resolved"' /dev/null)"

report "every folder at the top explains itself" "$(
    for d in agent daemon web conf tests; do [ -f $d/README.md ] || echo "$d/README.md is missing"; done)"

report "shell scripts parse" "$(
    for f in $(files '*.sh' conf/quickstart tests/run conf/install-packages .ci/run); do
        sh -n "$f" 2>&1
    done)"

echo "1..$number"
exit $failed
