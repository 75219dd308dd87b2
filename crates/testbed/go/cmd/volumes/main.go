// Command volumes provisions PersistentVolumes as directories of the node it runs on: one runs on every node, and
// each serves the claims whose pod was scheduled there. It starts no helper pods, so a volume costs milliseconds.
package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const (
	provisionerName = "testbed.outboard.dev/directory"
	selectedNode    = "volume.kubernetes.io/selected-node"
	hostname        = "kubernetes.io/hostname"
)

type directories struct{ root, node string }

// ShouldProvision leaves claims of other nodes to those nodes.
func (d directories) ShouldProvision(_ context.Context, claim *v1.PersistentVolumeClaim) bool {
	return claim.Annotations[selectedNode] == d.node
}

// ShouldDelete leaves volumes of other nodes to those nodes.
func (d directories) ShouldDelete(_ context.Context, volume *v1.PersistentVolume) bool {
	return volume.Annotations[selectedNode] == d.node
}

func (d directories) Provision(_ context.Context, o controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	path := d.path(o.PVName)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	// Pods run as any user, and the umask took bits from the mode above.
	if err := os.Chmod(path, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: o.PVName, Annotations: map[string]string{selectedNode: d.node}},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *o.StorageClass.ReclaimPolicy,
			AccessModes:                   o.PVC.Spec.AccessModes,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: o.PVC.Spec.Resources.Requests[v1.ResourceStorage]},
			PersistentVolumeSource:        v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: path}},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
				MatchExpressions: []v1.NodeSelectorRequirement{{Key: hostname, Operator: v1.NodeSelectorOpIn, Values: []string{d.node}}},
			}}}},
		},
	}, controller.ProvisioningFinished, nil
}

// Delete removes the directory of that name under our root, whatever path the object claims.
func (d directories) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	return os.RemoveAll(d.path(volume.Name))
}

func (d directories) path(volume string) string { return filepath.Join(d.root, filepath.Base(volume)) }

func main() {
	d := directories{}
	flag.StringVar(&d.root, "root", "", "directory that holds the volumes, at the same path as on the node")
	flag.StringVar(&d.node, "node", "", "name of this node")
	flag.Parse()

	config, err := rest.InClusterConfig()
	if err != nil {
		klog.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		klog.Fatal(err)
	}
	ctx := klog.NewContext(context.Background(), klog.Background())
	controller.NewProvisionController(ctx, client, provisionerName, d, controller.LeaderElection(false)).Run(ctx)
}
