#!/bin/sh
# The control plane: one node, and never two, runs `kubeadm init`; the others join one after the other.
#
# Who inits is decided by a conditional write to S3. Once init/done.json exists nobody inits again, whatever the API
# says: an API that does not answer is no reason to make a second cluster.
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

trap tell_end EXIT
printf '{"instance":"%s"}\n' "$INSTANCE" > me.json

# elected: whether this node is the one that inits.
elected() {
  claim leader.json me.json && return 0
  etag=$(look leader.json leader.json) || return 1
  [ "$(holder leader.json)" != "$INSTANCE" ] || return 0
  alive "$(holder leader.json)" && return 1
  # It went before it was done. One of those who saw that takes its place.
  take_over leader.json me.json "$etag"
}

# my_turn: whether this node may join now. Whoever has the turn and is gone loses it.
my_turn() {
  claim turn.json me.json && return 0
  etag=$(look turn.json turn.json) || return 1
  [ "$(holder turn.json)" != "$INSTANCE" ] || return 0
  alive "$(holder turn.json)" && return 1
  take_over turn.json me.json "$etag"
}

progress Keys
umask 077
mkdir -p /etc/kubernetes/pki/etcd
tries=0
for key in ca.crt ca.key front-proxy-ca.crt front-proxy-ca.key sa.key sa.pub etcd/ca.crt etcd/ca.key; do
  until parameter "pki/$key" > "/etc/kubernetes/pki/$key" 2> /dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || give_up "the cluster's key pki/$key cannot be read"
    sleep 5
  done
done
parameter pki/encryption > /etc/kubernetes/pki/encryption.yaml || give_up "pki/encryption cannot be read"
printf 'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n' \
  > /etc/kubernetes/audit.yaml
umask 022
sh ./configuration.sh cluster > kubeadm.yaml

joined=
until [ -n "$joined" ]; do
  if look done.json done.json > /dev/null; then
    if [ "$(holder done.json)" = "$INSTANCE" ]; then
      # It was the one that did it, and ended before it said so here.
      joined=yes
    elif my_turn; then
      progress Joining
      # Keys included: it reads them again.
      if begin_anew; then exec sh ./control-plane.sh; fi
      remove_dead_members || give_up "a dead member of etcd cannot be removed"
      sh ./configuration.sh join >> kubeadm.yaml
      kubeadm join --config kubeadm.yaml || give_up "kubeadm join failed: see journalctl -u kubelet"
      joined=yes
      : > joined
      # Upkeep gives it back if this fails.
      release_turn || true
    fi
  elif elected; then
    progress Initialising
    sh ./configuration.sh init >> kubeadm.yaml
    # After one that failed it begins anew, keys included: nobody ever reached what it made.
    if begin_anew; then exec sh ./control-plane.sh; fi
    kubeadm init --config kubeadm.yaml --skip-token-print || give_up "kubeadm init failed: see journalctl -u kubelet"
    until kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz > /dev/null 2>&1; do sleep 2; done
    claim done.json me.json || true
    look done.json done.json > /dev/null || give_up "init/done.json cannot be written"
    joined=yes
  fi
  [ -n "$joined" ] || sleep 5
done
rm -f kubeadm.yaml
: > joined

install -m 0755 upkeep.sh /usr/local/sbin/outboard-upkeep
printf '[Service]\nType=oneshot\nExecStart=/usr/local/sbin/outboard-upkeep\n' > /etc/systemd/system/outboard-upkeep.service
printf '[Timer]\nOnActiveSec=1\nOnUnitActiveSec=15min\n[Install]\nWantedBy=timers.target\n' > /etc/systemd/system/outboard-upkeep.timer
systemctl daemon-reload
systemctl enable --now outboard-upkeep.timer
progress Ready
