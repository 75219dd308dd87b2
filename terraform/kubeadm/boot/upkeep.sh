#!/bin/sh
# Every 15 minutes on each node of the control plane: a join token that is never older than 7 hours, and a snapshot of etcd
# by its leader.
set -eu
cd /opt/outboard
# shellcheck source=/dev/null
. ./cluster.env
# shellcheck source=/dev/null
. ./role.env
# shellcheck source=cloud.sh
. ./cloud.sh
# shellcheck source=members.sh
. ./members.sh
INSTANCE=$(imds meta-data/instance-id)

# It has joined, so the turn is another's.
release_turn || true

# No token yet, or one from 6 hours ago or more: one more, which holds for 24.
written=$(aws ssm get-parameter --name "$OUTBOARD_PARAMETERS/join/worker" --query Parameter.LastModifiedDate --output text 2> /dev/null || echo 1970-01-01)
if [ $(($(date +%s) - $(date -d "$written" +%s))) -gt 21600 ]; then
  token=$(kubeadm token create --ttl 24h --kubeconfig /etc/kubernetes/admin.conf)
  hash=$(openssl x509 -in /etc/kubernetes/pki/ca.crt -noout -pubkey | openssl pkey -pubin -outform der | sha256sum | cut -d ' ' -f 1)
  umask 077
  printf '{"Name":"%s/join/worker","Type":"SecureString","Overwrite":true,"Value":"%s sha256:%s"}' \
    "$OUTBOARD_PARAMETERS" "$token" "$hash" > join.json
  # From a file: arguments are for everybody to read.
  aws ssm put-parameter --cli-input-json file://join.json > /dev/null
  rm -f join.json
fi

# The leader alone: a snapshot is of the whole store.
status=$(etcdctl_on "$INSTANCE" endpoint status --write-out fields)
field() { echo "$status" | sed -n "s/^\"$1\" : //p"; }
[ "$(field Leader)" = "$(field MemberID)" ] || exit 0
etcdctl_on "$INSTANCE" snapshot save /var/lib/etcd/snapshot.db > /dev/null
# By its tag the bucket ends it after a week.
aws s3api put-object --bucket "$OUTBOARD_BUCKET" --body /var/lib/etcd/snapshot.db --server-side-encryption AES256 \
  --tagging outboard=snapshot --key "$OUTBOARD_PREFIX/etcd/$(date -u +%Y%m%dT%H%M%SZ)-$(field Revision).db" > /dev/null
rm -f /var/lib/etcd/snapshot.db
