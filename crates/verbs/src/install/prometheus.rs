//! What the Prometheus operator is told: where outboard's metrics are, and when somebody should look.
//!
//! In a file of its own: a cluster without that operator's definitions would refuse it.

use serde_json::{Value, json};

use super::{OPERATOR, Options};
use crate::operator::NAMESPACE;

/// One alert: when, for how long, how bad, and what to do.
struct Alert {
    name: &'static str,
    when: &'static str,
    lasts: &'static str,
    severity: &'static str,
    summary: &'static str,
    description: &'static str,
}

const ALERTS: [Alert; 10] = [
    Alert {
        name: "OutboardNotLeading",
        when: "absent(outboard_leader == 1)",
        lasts: "5m",
        severity: "critical",
        summary: "No operator of outboard leads",
        description: "What runs goes on, but nothing is created, changed, healed or destroyed. See: kubectl -n outboard-system get pods",
    },
    Alert {
        name: "OutboardReconcilesFail",
        when: "sum by (controller) (rate(outboard_reconcile_errors_total[10m])) / sum by (controller) (rate(outboard_reconciles_total[10m])) > 0.1",
        lasts: "15m",
        severity: "warning",
        summary: "More than one in ten looks of outboard at a {{ $labels.controller }} fail",
        description: "The operator's log says why: kubectl -n outboard-system logs deployment/outboard-operator",
    },
    Alert {
        name: "OutboardProtectedEnvironmentFails",
        when: "max by (control_namespace, project, class, environment) (max_over_time(outboard_environment_verdict{protected=\"true\", terminal=\"true\", holds=\"false\"}[2m])) == 1",
        lasts: "1m",
        severity: "critical",
        summary: "{{ $labels.control_namespace }}/{{ $labels.environment }} is not ready, and waiting does not help",
        description: "Cause, evidence and fix: outboard -n {{ $labels.control_namespace }} env explain {{ $labels.environment }}",
    },
    Alert {
        name: "OutboardEnvironmentFails",
        when: "max by (control_namespace, project, class, environment) (max_over_time(outboard_environment_verdict{protected=\"false\", terminal=\"true\", cause!=\"QuotaExceeded\"}[10m])) == 1",
        lasts: "30m",
        severity: "info",
        summary: "{{ $labels.control_namespace }}/{{ $labels.environment }} is not ready, and waiting does not help",
        description: "Cause, evidence and fix: outboard -n {{ $labels.control_namespace }} env explain {{ $labels.environment }}",
    },
    Alert {
        name: "OutboardBackupFailed",
        when: "max by (control_namespace, project, class, environment) (max_over_time(outboard_backup_failed[10m])) == 1",
        lasts: "5m",
        severity: "warning",
        summary: "The last backup of {{ $labels.control_namespace }}/{{ $labels.environment }} failed",
        description: "Which and why: outboard -n {{ $labels.control_namespace }} env backups {{ $labels.environment }}",
    },
    Alert {
        name: "OutboardBackupOverdue",
        when: "time() - max by (control_namespace, project, class, environment) (max_over_time(outboard_backup_due_timestamp_seconds{protected=\"true\"}[10m])) > 86400",
        lasts: "15m",
        severity: "critical",
        summary: "{{ $labels.control_namespace }}/{{ $labels.environment }} has no whole backup since one was due more than a day ago",
        description: "What there is: outboard -n {{ $labels.control_namespace }} env backups {{ $labels.environment }}",
    },
    Alert {
        name: "OutboardBackupOverdue",
        when: "time() - max by (control_namespace, project, class, environment) (max_over_time(outboard_backup_due_timestamp_seconds{protected=\"false\"}[10m])) > 86400",
        lasts: "15m",
        severity: "warning",
        summary: "{{ $labels.control_namespace }}/{{ $labels.environment }} has no whole backup since one was due more than a day ago",
        description: "What there is: outboard -n {{ $labels.control_namespace }} env backups {{ $labels.environment }}",
    },
    Alert {
        name: "OutboardCertificateExpires",
        when: "outboard_certificate_not_after_timestamp_seconds - time() < 14 * 86400",
        lasts: "1h",
        severity: "warning",
        summary: "The certificate that visitors of {{ $labels.host }} are shown expires within two weeks",
        description: "It should have been renewed by now. See: outboard hostname list, and cert-manager's Certificate",
    },
    Alert {
        name: "OutboardDnsIsSlow",
        when: "histogram_quantile(0.9, sum by (le) (rate(outboard_dns_sync_seconds_bucket[30m]))) > 300",
        lasts: "15m",
        severity: "warning",
        summary: "Changes of DNS take longer than five minutes to reach every name server",
        description: "Route 53 usually takes one. See: outboard hostname list",
    },
    Alert {
        name: "OutboardAnnouncementsFail",
        when: "increase(outboard_announcements_total{outcome=\"refused\"}[15m]) > 0 unless increase(outboard_announcements_total{outcome=\"taken\"}[15m]) > 0",
        lasts: "15m",
        severity: "warning",
        summary: "The webhook takes nothing",
        description: "What is to be told is announced as soon as it does. The operator's log says why: kubectl -n outboard-system logs deployment/outboard-operator",
    },
];

/// Everything for the Prometheus operator.
pub fn monitoring(options: &Options) -> Vec<Value> {
    let metadata = json!({"name": OPERATOR, "namespace": NAMESPACE, "labels": options.labels()});
    let rules: Vec<Value> = ALERTS
        .iter()
        .map(|alert| {
            json!({
                "alert": alert.name,
                "expr": alert.when,
                "for": alert.lasts,
                "labels": {"severity": alert.severity},
                "annotations": {"summary": alert.summary, "description": alert.description},
            })
        })
        .collect();
    vec![
        json!({
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": metadata,
            "spec": {
                // Whatever the installation is called: there is one operator in this namespace.
                "selector": {"matchLabels": {"app.kubernetes.io/name": "outboard"}},
                "podMetricsEndpoints": [{"port": "http", "path": "/metrics", "interval": "30s"}],
            },
        }),
        json!({
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": metadata,
            "spec": {"groups": [{"name": "outboard", "rules": rules}]},
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That Prometheus understands them and that the operator serves what they ask for, a story proves.
    #[test]
    fn every_alert_names_a_command_that_goes_on_from_there() {
        for alert in &ALERTS {
            assert!(["critical", "warning", "info"].contains(&alert.severity), "{}", alert.name);
            let command = ["outboard ", "kubectl "].iter().any(|word| alert.description.contains(word));
            assert!(command, "{} names no command", alert.name);
        }
    }
}
