#!/usr/bin/env bash
# What a whole run of the program costs, against Debian's age on the same files.
#
# It needs `hyperfine`, `age` and `time`, all from Debian, and prints Markdown. Everything it makes, keys too, lies in
# one folder that it removes. The things compared take turns: each round runs all of them, and the ratio told is the
# median of the rounds, with the smallest and the largest. Where `fnox` is on the PATH, it takes part with the same
# secrets in a fnox.toml, each a value of its age provider, as `fnox set` writes them.
#
# Usage: benches/process.sh [ROUNDS]

set -euo pipefail

rounds=${1:-7}
root=$(cd "$(dirname "$0")/.." && pwd)
target=$(cd "$root" && cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
undrift=$target/release/undrift

for tool in hyperfine age age-keygen /usr/bin/time; do
    command -v "$tool" > /dev/null || { echo "needs $tool: apt-get install hyperfine age time" >&2; exit 2; }
done
[ -x "$undrift" ] || { echo "needs the release build: cargo build --release" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The runs must not meet the identity, the tokens or the configuration of whoever runs this.
export HOME=$work/home
unset XDG_CONFIG_HOME UNDRIFT_IDENTITY UNDRIFT_IDENTITY_FILE
export UNDRIFT_IDENTITY_FILE=$work/identity.txt
mkdir "$HOME"

age-keygen -o "$work/identity.txt" 2> "$work/keygen"
recipient=$(age-keygen -y "$work/identity.txt")

# project NAME FILES SECRETS: a vault of so many files with so many secrets each, written by age itself. Each has a
# fingerprint key too, because `undrift init` makes one.
project() {
    local folder=$work/$1 file secret name
    mkdir -p "$folder/vault/bench"
    echo "$recipient" > "$folder/vault/bench/recipients.txt"
    head -c 32 /dev/urandom | age -a -r "$recipient" -o "$folder/vault/bench/key.age"
    printf 'version = 1\n\n[environments.bench]\n' > "$folder/undrift.toml"
    for ((file = 0; file < $2; file++)); do
        for ((secret = 0; secret < $3; secret++)); do
            name=SECRET_${file}_$secret
            printf '\n[secrets.%s]\n' "$name" >> "$folder/undrift.toml"
            printf '%s = "a value of forty-eight characters, as tokens are %04d"\n' "$name" "$secret"
        done | cat > "$work/plaintext"
        age -a -r "$recipient" -o "$folder/vault/bench/file-$file.toml.age" "$work/plaintext"
    done
}

# A loop over age, as a script would have it, in one shell.
loop() {
    cat > "$work/$1.sh" << END
for file in "$work/$1"/vault/bench/file-*.toml.age; do
    age -d -i "$work/identity.txt" "\$file" > /dev/null || exit 1
done
END
}

project empty 0 0
project one 1 200
project fifty 50 4
project thousand 1000 1
project daily 50 20
loop fifty
loop daily
loop thousand

# fnox_of NAME: the secrets of a project as fnox keeps them, with the same recipient.
fnox_of() {
    local folder=$work/$1-fnox file line
    mkdir -p "$folder"
    printf '[providers]\nage = { type = "age", recipients = ["%s"] }\n\n[secrets]\n' "$recipient" > "$folder/fnox.toml"
    for file in "$work/$1"/vault/bench/file-*.toml.age; do
        age -d -i "$work/identity.txt" "$file" | while IFS= read -r line; do
            printf '%s = { provider = "age", value = "%s" }\n' "${line%% = *}" \
                "$(printf '%s' "${line#* = }" | tr -d '"' | age -r "$recipient" | base64 -w 0)"
        done
    done >> "$folder/fnox.toml"
}
fnox_version=$(fnox --version 2> /dev/null || true)
if [ -n "$fnox_version" ]; then
    FNOX_AGE_KEY=$(tail -n 1 "$work/identity.txt")
    export FNOX_AGE_KEY
    fnox_of daily
    [ "$(cd "$work/daily-fnox" && fnox exec -- env | grep -c '^SECRET_.*=a value of')" = 1000 ] ||
        { echo "fnox does not read what was made for it" >&2; exit 2; }
fi

# Insists on what is compared being the same work, before any of it is timed.
for name in one:200 fifty:200 thousand:1000 daily:1000; do
    listed=$(cd "$work/${name%:*}" && "$undrift" list | grep -c ' set$')
    [ "$listed" = "${name#*:}" ] || { echo "${name%:*}: $listed secrets are listed" >&2; exit 2; }
done

# run FOLDER RUNS COMMAND...: one round of each command, for every round.
run() {
    local folder=$1 runs=$2 round
    shift 2
    rm -f "$work"/round-*
    for ((round = 0; round < rounds; round++)); do
        (cd "$folder" && hyperfine -N --style none --warmup 2 --runs "$runs" --export-csv "$work/round-$round" "$@") \
            > /dev/null 2> "$work/hyperfine" || { cat "$work/hyperfine" >&2; exit 2; }
    done
}

# row TITLE OURS THEIRS: the medians of two commands of the last run, by their place in it, and the ratio of each round.
row() {
    awk -F, -v title="$1" -v ours="$2" -v theirs="$3" '
        # A command may have commas in it, so fields are counted from the end: median is the fifth from there.
        FNR == 1 { line = 0; round++; next }
        { line++; took[round, line] = $(NF - 4) * 1000 }
        function middle(values, count,   i, j, kept) {
            for (i = 2; i <= count; i++) {
                kept = values[i]
                for (j = i - 1; j > 0 && values[j] > kept; j--) values[j + 1] = values[j]
                values[j + 1] = kept
            }
            return values[int((count + 1) / 2)]
        }
        END {
            for (i = 1; i <= round; i++) {
                a[i] = took[i, ours]; b[i] = took[i, theirs]; ratios[i] = b[i] / a[i]
            }
            median = middle(ratios, round)
            printf "| %s | %.2f ms | %.2f ms | %.2f (%.2f to %.2f) |\n", title, middle(a, round), middle(b, round),
                median, ratios[1], ratios[round]
        }' "$work"/round-*
}

memory() {
    (cd "$1" && shift && /usr/bin/time -f %M -o "$work/memory" "$@" > /dev/null && cat "$work/memory")
}

echo "$("$undrift" --version), age $(age --version), $(hyperfine --version), $(nproc) processors, $rounds rounds"
echo
echo "| Whole process | undrift | against | theirs by ours (extremes) |"
echo "| --- | --- | --- | --- |"
run "$work/one" 30 "$undrift --version" "$undrift list" "age -d -i $work/identity.txt vault/bench/file-0.toml.age" \
    "age --version" true
row "\`undrift --version\`, against \`age --version\`" 1 4
row "\`undrift --version\`, against \`true\`" 1 5
row "\`undrift list\` of 200 secrets in one file, against \`age -d\` of that file" 2 3
run "$work/fifty" 10 "$undrift list" "sh $work/fifty.sh"
row "\`undrift list\` of 50 files of 4 secrets, against a loop of \`age -d\`" 1 2
run "$work/daily" 10 "$undrift list" "$undrift get SECRET_7_7 -e bench" "$undrift run -e bench -- true" \
    "sh $work/daily.sh" "age -d -i $work/identity.txt vault/bench/file-7.toml.age"
row "\`undrift list\` of 50 files of 20 secrets, against a loop of \`age -d\`" 1 4
row "\`undrift get\` of one of these, against \`age -d\` of its file" 2 5
row "\`undrift run\` with all of these, against a loop of \`age -d\`" 3 4
if [ -n "$fnox_version" ]; then
    # Each is run where its own files are.
    here() { echo "sh -c 'cd $work/$1 && exec $2'"; }
    run "$work" 10 "$(here daily "$undrift run -e bench -- true")" "$(here daily-fnox "fnox exec -- true")" \
        "$(here daily "$undrift get SECRET_7_7 -e bench")" "$(here daily-fnox "fnox get SECRET_7_7")" \
        "$(here daily "$undrift list")" "$(here daily-fnox "fnox list")"
    row "\`undrift run\` with all of these, against \`fnox exec\` ($fnox_version)" 1 2
    row "\`undrift get\` of one of these, against \`fnox get\`" 3 4
    row "\`undrift list\` of these, against \`fnox list\`, which opens nothing" 5 6
fi
rounds=3
run "$work/thousand" 1 "$undrift list" "sh $work/thousand.sh"
row "\`undrift list\` of 1,000 files of one secret, against a loop of \`age -d\`" 1 2
echo
echo "| Largest memory | KiB |"
echo "| --- | --- |"
echo "| \`undrift --version\` | $(memory "$work/one" "$undrift" --version) |"
echo "| \`undrift list\` of 200 secrets in one file | $(memory "$work/one" "$undrift" list) |"
echo "| \`undrift list\` of 1,000 files | $(memory "$work/thousand" "$undrift" list) |"
echo "| \`age -d\` of one file | $(memory "$work/one" age -d -i "$work/identity.txt" vault/bench/file-0.toml.age) |"
