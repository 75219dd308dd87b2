#!/bin/sh
# Makes this machine a node: the kernel, a container runtime, kubeadm; then what its role does. Safe to run again.
set -eu
cd /opt/outboard
# shellcheck source=/dev/null
. ./cluster.env
# shellcheck source=/dev/null
. ./role.env
# shellcheck source=cloud.sh
. ./cloud.sh
INSTANCE=$(imds meta-data/instance-id)
ADDRESS=$(imds meta-data/local-ipv4)
export INSTANCE ADDRESS

progress Preparing
modprobe -a overlay br_netfilter
printf 'overlay\nbr_netfilter\n' > /etc/modules-load.d/outboard.conf
printf 'net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1\n' > /etc/sysctl.d/90-outboard.conf
sysctl --quiet --system
swapoff -a

# An image that has them already skips this; the version is part of the test.
if ! command -v kubeadm > /dev/null || [ "$(kubeadm version -o short)" != "v$KUBERNETES_VERSION" ]; then
  progress Installing "Kubernetes $KUBERNETES_VERSION"
  minor=${KUBERNETES_VERSION%.*}
  install -d -m 0755 /etc/apt/keyrings
  curl -fsSL --retry 5 "https://pkgs.k8s.io/core:/stable:/v$minor/deb/Release.key" |
    gpg --batch --yes --dearmor -o /etc/apt/keyrings/kubernetes.gpg
  echo "deb [signed-by=/etc/apt/keyrings/kubernetes.gpg] https://pkgs.k8s.io/core:/stable:/v$minor/deb/ /" \
    > /etc/apt/sources.list.d/kubernetes.list
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -qy containerd "kubeadm=$KUBERNETES_VERSION-*" "kubelet=$KUBERNETES_VERSION-*" "kubectl=$KUBERNETES_VERSION-*"
  apt-mark hold kubeadm kubelet kubectl
fi
install -d /etc/containerd
containerd config default | sed 's/SystemdCgroup = false/SystemdCgroup = true/' > /etc/containerd/config.toml
systemctl enable --now containerd
systemctl restart containerd

if [ -e /etc/kubernetes/kubelet.conf ]; then
  progress Ready "since before this boot"
  exit 0
fi
exec sh "./$NODE_ROLE.sh"
