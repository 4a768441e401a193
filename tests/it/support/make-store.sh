#!/usr/bin/env bash
# make-store.sh DIR: builds DIR/store, a repository of format 1, with pg_dump,
# pg_basebackup, zstd, age, ssh-keygen and jq alone: the independent counterpart
# of scripts/restore-without-pgseal. Chain of source shop: 1 logical, 2 logical;
# chain of source shop-cluster: 1 physical. The server is the one of PGHOST and
# PGUSER, its database is $DATABASE. Also DIR/identity, DIR/other-identity,
# DIR/signer, DIR/other-signer and DIR/allowed_signers.
#
# make-store.sh sign MANIFEST KEY: signs a manifest that a test has changed.
set -euo pipefail
umask 077
shopt -s lastpipe   # so that stream can keep what it learnt
# sign MANIFEST KEY
sign() {
  local sha
  sha=$(sha256sum "$1" | cut -d' ' -f1)
  ssh-keygen -q -Y sign -f "$2" -n manifest@pgseal <"$1" >"${1%.json}.${sha:0:16}.sig"
}
if [[ $1 == sign ]]; then
  sign "$2" "$3"
  exit
fi

out=$1
part_bytes=65536
mkdir -p "$out/store"
for name in identity other-identity; do age-keygen -o "$out/$name" 2>/dev/null; done
for name in signer other-signer; do ssh-keygen -q -t ed25519 -N '' -C test -f "$out/$name"; done
recipient=$(age-keygen -y "$out/identity")
printf 'shop,shop-cluster namespaces="manifest@pgseal" %s\n' "$(cut -d' ' -f1,2 "$out/signer.pub")" >"$out/allowed_signers"
printf '{"format":"pgseal-repo","version":1,"repo_id":"00112233445566778899aabbccddeeff"}\n' >"$out/store/repo.json"

# stream REF ROLE: stdin becomes parts; appends to $streams.
stream() {
  local dir=$out/store/$data/$1 n=0 piece file total
  mkdir -p "$dir" "$out/split"
  rm -f "$out/split"/*
  split --bytes=$part_bytes --numeric-suffixes=1 --suffix-length=5 - "$out/split/"
  for piece in "$out/split"/*; do
    n=$((n + 1))
    file=$dir/$(printf '%05d' "$n").zst.age
    zstd -q -c "$piece" | age -r "$recipient" >"$file"
    printf '["%s",%s]\n' "$(sha256sum "$file" | cut -d' ' -f1)" "$(stat -c %s "$file")"
  done >"$out/stored"
  total=$(cat "$out/split"/* | wc -c)
  streams=$(jq -c --arg ref "$1" --arg role "$2" --argjson n "$n" --argjson total "$total" --slurpfile stored "$out/stored" \
    '. + [{ref: $ref, role: $role, parts: $n, plain_bytes: $total, stored: $stored}]' <<<"$streams")
  facts=$(jq -c --arg ref "$1" --arg db "$3" '.[$ref] = {database: (if $db == "" then null else $db end)}' <<<"$facts")
}

# commit SOURCE SEQ KIND
commit() {
  local file=$out/store/s/$1/m manifest key=$data/facts.zst.age sealed
  sealed=$out/store/$key
  jq -cn --argjson streams "$facts" --arg db "$DATABASE" '{format: "pgseal-facts", version: 1, streams: $streams,
    databases: [{name: $db, encoding: "UTF8", collate: "C.UTF-8", ctype: "C.UTF-8", locale_provider: "c", locale: null}]}' >"$out/facts"
  zstd -q -c "$out/facts" | age -r "$recipient" >"$sealed"
  mkdir -p "$file"
  manifest=$file/$(printf '%010d' "$2").json
  local prev=null prev_seq=null
  if (($2 > 1)); then
    prev_seq=$(($2 - 1))
    prev="\"$(sha256sum "$file/$(printf '%010d' "$prev_seq").json" | cut -d' ' -f1)\""
  fi
  jq -cn --arg source "$1" --argjson seq "$2" --arg kind "$3" --arg id "$id" --argjson prev "$prev" --argjson prev_seq "$prev_seq" \
    --argjson streams "$streams" --argjson part_bytes "$part_bytes" --arg key "$key" --argjson size "$(stat -c %s "$sealed")" \
    --arg sha "$(sha256sum "$sealed" | cut -d' ' -f1)" --argjson plain "$(stat -c %s "$out/facts")" '
    {format: "pgseal-manifest", version: 1, repo_id: "00112233445566778899aabbccddeeff", source: $source, seq: $seq,
     prev_sha256: $prev, prev_seq: $prev_seq, backup_id: $id, kind: $kind, finished_at: "2026-11-23T03:00:01Z",
     pg: {version_num: 150000}, encryption: {scheme: "age-v1"}, compression: {scheme: "zstd", level: 3, window_log_max: 27},
     part_bytes: $part_bytes, streams: $streams,
     facts: {key: $key, stored_bytes: $size, stored_sha256: $sha, plain_bytes: $plain}}' >"$manifest"
  sign "$manifest" "$out/signer"
}

for seq in 1 2; do
  id=2026112${seq}T030000Z-000000000000000$seq
  data=s/shop/d/$id
  streams='[]' facts='{}'
  pg_dumpall --globals-only | stream s01 globals ''
  PGDATABASE=$DATABASE pg_dump -Fc -Z0 --section=pre-data --section=post-data | stream s02 schema "$DATABASE"
  PGDATABASE=$DATABASE pg_dump -Fc -Z0 --section=data --table=shop.orders* | stream s03 data "$DATABASE"
  PGDATABASE=$DATABASE pg_dump -Fc -Z0 --section=data --exclude-table-data=shop.orders* | stream s04 data "$DATABASE"
  commit shop "$seq" logical
done
id=20261123T030000Z-0000000000000003
data=s/shop-cluster/d/$id
streams='[]' facts='{}'
part_bytes=16777216
pg_basebackup -Ft -D - -X fetch -c fast --manifest-checksums=SHA256 | stream s01 base ''
commit shop-cluster 1 physical
rm -rf "$out/split" "$out/stored" "$out/facts"
