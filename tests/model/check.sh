#!/bin/bash
# Proves the models in this folder with spin, and that the proof has teeth: every MUTATION_… named in a model takes one
# condition out of it, and must be found. Usage: check.sh FOLDER (for what is built)
set -euo pipefail
here=$(dirname "$(readlink -f "$0")") work=$1 failed=0

if ! command -v spin >/dev/null; then
    echo "spin is not installed"
    exit 77
fi

# errors_of MODEL [MUTATION]: how many spin finds; at most one is looked for
errors_of() {
    (
        set -e
        cd "$work"
        rm -f pan.out
        spin -a ${2:+-D"$2"} "$here/$1.pml" >&2
        gcc -w -DSAFETY -o pan pan.c
        ./pan -m2000000 >pan.out
        # an incomplete search proves nothing
        if grep -q 'max search depth too small\|out of memory' pan.out; then
            echo incomplete
        else
            sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.out
        fi
    )
}

expect() { # WANTED MODEL [MUTATION]
    local errors
    errors=$(errors_of "${@:2}")
    echo "$2${3:+ with $3}: $errors errors, $(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/pan.out") states"
    [ "$errors" = "$1" ] || failed=1
}

for model in gate room; do
    expect 0 "$model"
    mapfile -t mutations < <(grep -o 'MUTATION_[A-Z_]*' "$here/$model.pml" | sort -u)
    for mutation in "${mutations[@]}"; do
        expect 1 "$model" "$mutation"
    done
done
exit $failed
