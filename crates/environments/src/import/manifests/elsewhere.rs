//! Kinds that become nothing: why, and what to do instead.

pub fn reason(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "Namespace" => ("each environment gets a namespace of its own", ""),
        "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => (
            "components get no token of Kubernetes, and so need no rights there",
            "what talks to the API server is installed beside environments, not in them",
        ),
        "NetworkPolicy" => ("who may reach what is not said in outboard.yaml", ""),
        "PodDisruptionBudget" => ("several replicas are drained one by one anyway", ""),
        "ResourceQuota" | "LimitRange" => (
            "what an environment may use is said by its class",
            "`quota` and `containers` of `spec.classes.NAME`",
        ),
        "PersistentVolume" | "StorageClass" => {
            ("disks are made when they are needed", "data is copied into them")
        }
        "Gateway" | "GatewayClass" | "IngressClass" => {
            ("the cluster's gateway is outboard's own business", "`outboard install --gateway`")
        }
        "Certificate" | "Issuer" | "ClusterIssuer" => ("the gateway has the certificates", ""),
        "ExternalSecret" | "SecretStore" | "ClusterSecretStore" | "SealedSecret" => (
            "it makes a Secret that an environment's namespace would not have",
            "let it make one in the control namespace",
        ),
        "CustomResourceDefinition" => {
            ("it belongs to the cluster, not to one environment", "install it beside outboard")
        }
        "Kustomization" => ("it says how objects are made", "`kubectl kustomize DIRECTORY > rendered.yaml`"),
        "ReplicationController" => ("it is a Deployment of former times", "write one, and import that"),
        _ => (
            "outboard has no such thing",
            "what an operator makes of it is installed beside environments, and reached by its address",
        ),
    }
}
