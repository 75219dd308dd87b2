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
trap tell_end EXIT

if [ -e joined ]; then
  progress Ready "since before this boot"
  exit 0
fi
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
  # As apt takes it: no other program has to be in the image.
  curl -fsSL --retry 5 "https://pkgs.k8s.io/core:/stable:/v$minor/deb/Release.key" -o /etc/apt/keyrings/kubernetes.asc
  echo "deb [signed-by=/etc/apt/keyrings/kubernetes.asc] https://pkgs.k8s.io/core:/stable:/v$minor/deb/ /" \
    > /etc/apt/sources.list.d/kubernetes.list
  export DEBIAN_FRONTEND=noninteractive
  # cloud-init may hold apt's lock for its own updates.
  printf 'Acquire::Retries "5";\nDPkg::Lock::Timeout "300";\n' > /etc/apt/apt.conf.d/90-outboard
  apt-get update -q
  apt-get install -qy containerd "kubeadm=$KUBERNETES_VERSION-*" "kubelet=$KUBERNETES_VERSION-*" "kubectl=$KUBERNETES_VERSION-*"
  apt-mark hold kubeadm kubelet kubectl
fi
install -d /etc/containerd
containerd config default | sed 's/SystemdCgroup = false/SystemdCgroup = true/' > /etc/containerd/config.toml
systemctl enable --now containerd
systemctl restart containerd

exec sh "./$NODE_ROLE.sh"
