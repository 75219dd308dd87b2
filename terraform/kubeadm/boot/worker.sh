#!/bin/sh
# Joins as a worker, with the token that the control plane keeps fresh.
set -eu
cd /opt/outboard
# shellcheck source=/dev/null
. ./cluster.env
# shellcheck source=/dev/null
. ./role.env
# shellcheck source=cloud.sh
. ./cloud.sh

trap tell_end EXIT
progress Joining
begin_anew || true
tries=0
until joining=$(parameter join/worker 2> /dev/null) && [ -n "$joining" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 180 ] || give_up "no control plane has written join/worker within 15 minutes"
  sleep 5
done
umask 077
# The parameter is two words: a bootstrap token, and the hash of the cluster's certificate authority.
cat > join.yaml << END
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  bootstrapToken:
    apiServerEndpoint: $API_HOST:6443
    token: ${joining%% *}
    caCertHashes: ["${joining##* }"]
nodeRegistration:
  name: $INSTANCE
  kubeletExtraArgs:
    - {name: cloud-provider, value: external}
    - {name: node-ip, value: "$ADDRESS"}
    - {name: node-labels, value: "$NODE_LABELS"}
    - {name: register-with-taints, value: "$NODE_TAINTS"}
END
kubeadm join --config join.yaml || give_up "kubeadm join failed: see journalctl -u kubelet"
rm -f join.yaml
: > joined
progress Ready
