//! The kinds that environments are made of: a fixed table, so no discovery round trips and no surprises.

use kube::core::{ApiResource, DynamicObject, GroupVersionKind};

/// A kind outboard writes into an environment's namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    ConfigMap,
    ServiceAccount,
    Deployment,
    StatefulSet,
    Service,
    PodDisruptionBudget,
    HorizontalPodAutoscaler,
    Job,
    CronJob,
    NetworkPolicy,
    ResourceQuota,
    LimitRange,
    RoleBinding,
    HttpRoute,
}

impl Kind {
    pub const ALL: [Self; 14] = [
        Self::ConfigMap,
        Self::ServiceAccount,
        Self::Deployment,
        Self::StatefulSet,
        Self::Service,
        Self::PodDisruptionBudget,
        Self::HorizontalPodAutoscaler,
        Self::Job,
        Self::CronJob,
        Self::NetworkPolicy,
        Self::ResourceQuota,
        Self::LimitRange,
        Self::RoleBinding,
        // Last: its definition may be absent.
        Self::HttpRoute,
    ];

    /// The order in which a teardown removes them: traffic first, data last. Rights of people go with the namespace.
    pub const TEARDOWN: [Self; 13] = [
        Self::HttpRoute,
        Self::CronJob,
        // What it scales would come back.
        Self::HorizontalPodAutoscaler,
        Self::Deployment,
        Self::Job,
        Self::Service,
        Self::StatefulSet,
        Self::PodDisruptionBudget,
        Self::ConfigMap,
        Self::ServiceAccount,
        Self::NetworkPolicy,
        Self::LimitRange,
        Self::ResourceQuota,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::ServiceAccount => "ServiceAccount",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::Service => "Service",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::ResourceQuota => "ResourceQuota",
            Self::LimitRange => "LimitRange",
            Self::RoleBinding => "RoleBinding",
            Self::HttpRoute => "HTTPRoute",
        }
    }

    /// The kind of a rendered object.
    pub fn of(object: &DynamicObject) -> Option<Self> {
        let kind = object.types.as_ref()?.kind.as_str();
        Self::ALL.into_iter().find(|candidate| candidate.name() == kind)
    }

    pub fn resource(self) -> ApiResource {
        let (group, version, plural) = match self {
            Self::ConfigMap => ("", "v1", "configmaps"),
            Self::ServiceAccount => ("", "v1", "serviceaccounts"),
            Self::ResourceQuota => ("", "v1", "resourcequotas"),
            Self::LimitRange => ("", "v1", "limitranges"),
            Self::RoleBinding => ("rbac.authorization.k8s.io", "v1", "rolebindings"),
            Self::PodDisruptionBudget => ("policy", "v1", "poddisruptionbudgets"),
            Self::HorizontalPodAutoscaler => ("autoscaling", "v2", "horizontalpodautoscalers"),
            Self::CronJob => ("batch", "v1", "cronjobs"),
            Self::NetworkPolicy => ("networking.k8s.io", "v1", "networkpolicies"),
            Self::Deployment => ("apps", "v1", "deployments"),
            Self::StatefulSet => ("apps", "v1", "statefulsets"),
            Self::Service => ("", "v1", "services"),
            Self::Job => ("batch", "v1", "jobs"),
            Self::HttpRoute => ("gateway.networking.k8s.io", "v1", "httproutes"),
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, self.name()), plural)
    }

    /// Whether such objects are part of revisions: rights of people follow their project.
    pub fn is_rendered(self) -> bool {
        self != Self::RoleBinding
    }

    /// Whether replicas are written through `/scale`.
    pub fn scales(self) -> bool {
        matches!(self, Self::Deployment | Self::StatefulSet)
    }
}
