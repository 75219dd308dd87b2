#!/bin/sh
# Prints kubeadm's configuration: `cluster` for all, then `init` or `join` for this node.
set -eu
cd /opt/outboard
# shellcheck source=/dev/null
. ./cluster.env
# shellcheck source=/dev/null
. ./role.env

registration() {
  cat << END
nodeRegistration:
  name: ${INSTANCE:?}
  kubeletExtraArgs:
    - {name: cloud-provider, value: external}
    - {name: node-ip, value: "${ADDRESS:?}"}
END
}

case $1 in
  cluster)
    cat << END
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v$KUBERNETES_VERSION
clusterName: $OUTBOARD_CLUSTER
# Machines are replaced, not renewed: none should outlive its certificates, and kubeadm's year would end for all at once.
certificateValidityPeriod: 43800h0m0s
# The one name of the API: a load balancer that is made anew has another one, and certificates would not hold for it.
controlPlaneEndpoint: $API_HOST:6443
networking: {podSubnet: $POD_CIDR, serviceSubnet: $SERVICE_CIDR}
featureGates: {ControlPlaneKubeletLocalMode: true}
apiServer:
  extraArgs:
    - {name: audit-policy-file, value: /etc/kubernetes/audit.yaml}
    - {name: audit-log-path, value: /var/log/kubernetes/audit.log}
    - {name: audit-log-maxsize, value: "100"}
    - {name: audit-log-maxbackup, value: "5"}
    - {name: encryption-provider-config, value: /etc/kubernetes/pki/encryption.yaml}
  extraVolumes:
    - {name: audit, hostPath: /etc/kubernetes/audit.yaml, mountPath: /etc/kubernetes/audit.yaml, readOnly: true, pathType: File}
    - {name: audit-log, hostPath: /var/log/kubernetes, mountPath: /var/log/kubernetes, pathType: DirectoryOrCreate}
controllerManager:
  extraArgs:
    - {name: cloud-provider, value: external}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
rotateCertificates: true
END
    ;;
  init)
    cat << END
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: ${ADDRESS:?}}
END
    registration
    ;;
  join)
    # Whoever has the cluster's keys needs no token: the credentials of admin.conf are made from them.
    cat << END
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
controlPlane: {localAPIEndpoint: {advertiseAddress: ${ADDRESS:?}}}
discovery: {file: {kubeConfigPath: /etc/kubernetes/admin.conf}}
END
    registration
    ;;
  *)
    echo "usage: configuration.sh cluster|init|join" >&2
    exit 2
    ;;
esac
