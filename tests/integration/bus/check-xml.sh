#!/bin/bash
# check-xml.sh FOLDER INTERFACES: the generators of others take the interface files as they are, and without a warning.
set -eu
# shellcheck source=tests/integration/lib/common.sh
. "$(dirname "$(readlink -f "$0")")/../lib/common.sh"
need xmllint gdbus-codegen qdbusxml2cpp
cd "$1"
count=0
for xml in "$2"/*.xml; do
        name=$(basename "$xml" .xml)
        {
                xmllint --noout "$xml"
                gdbus-codegen --generate-c-code="gdbus-$name" "$xml"
                gdbus-codegen --generate-docbook=doc "$xml"
                qdbusxml2cpp -p "proxy-$name" "$xml"
                qdbusxml2cpp -a "adaptor-$name" "$xml"
        } >"$name.log" 2>&1 || { cat "$name.log" >&2; exit 1; }
        [ ! -s "$name.log" ] || { cat "$name.log" >&2; exit 1; }
        # the prose arrives: every member of the file has a paragraph in the documentation
        if tr -s '\n ' ' ' <"doc-$name.xml" | grep -q '<para> *</para>'; then
                echo "$name: a member without prose" >&2
                exit 1
        fi
        count=$((count + 1))
done
[ "$count" -eq 5 ]
