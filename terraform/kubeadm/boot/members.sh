# shellcheck shell=sh
# Members of etcd whose machines are gone, taken out before another one joins: etcd would count them for its quorum, and
# an unfinished join stops every later one. Sourced; whoever calls has the turn, so nobody else is joining.

admin() { kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }

# etcdctl in the pod of a node that runs.
etcdctl_on() {
  node=$1
  shift
  admin -n kube-system exec "etcd-$node" -- etcdctl --endpoints https://127.0.0.1:2379 --cacert /etc/kubernetes/pki/etcd/ca.crt \
    --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key "$@"
}

# The first node of the control plane whose machine runs and whose etcd answers.
running_member() {
  for node in $(admin get nodes -l node-role.kubernetes.io/control-plane -o 'jsonpath={.items[*].metadata.name}'); do
    alive "$node" && etcdctl_on "$node" endpoint health > /dev/null 2>&1 && echo "$node" && return 0
  done
  return 1
}

remove_dead_members() {
  [ -e /etc/kubernetes/admin.conf ] || kubeadm init phase kubeconfig admin --config kubeadm.yaml > /dev/null
  through=$(running_member) || return 1
  # ID, status, name, peer, client, learner. One that never started has no name yet.
  etcdctl_on "$through" member list | tr -d ' ' | while IFS=, read -r id _ name _; do
    # What an earlier try of this node left is no member either: it is about to join.
    [ -n "$name" ] && [ "$name" != "$INSTANCE" ] && alive "$name" && continue
    # etcd itself refuses what would cost it its quorum.
    etcdctl_on "$through" member remove "$id" || exit 1
    [ -z "$name" ] || admin delete node "$name" --ignore-not-found
  done
}
