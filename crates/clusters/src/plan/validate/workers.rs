//! What is wrong with a pool of workers, and with its labels and taints.

use api::Problem;
use api::problem::pointer;

use crate::plan::spec::Pool;

const LABELS: &str = "at most 63 letters, digits and `-_.` with a letter or digit at both ends; a key may have a domain and `/` before it";

/// What a kubelet refuses to start with, but for the few that it may set.
fn is_kubernetes_own(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else { return false };
    let within = |of: &str| domain == of || domain.ends_with(&format!(".{of}"));
    let allowed = within("kubelet.kubernetes.io") || within("node.kubernetes.io");
    (within("kubernetes.io") || within("k8s.io")) && !allowed
}

fn is_label_key(key: &str) -> bool {
    let (domain, name) = key.split_once('/').map_or((None, key), |(domain, name)| (Some(domain), name));
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let right = domain.is_none_or(|domain| domain.len() <= 253 && domain.split('.').all(is_part));
    right && !name.is_empty() && is_label_value(name)
}

fn is_label_value(value: &str) -> bool {
    let ends = |end: Option<u8>| end.is_none_or(|byte| byte.is_ascii_alphanumeric());
    value.len() <= 63
        && ends(value.bytes().next())
        && ends(value.bytes().last())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

pub(super) fn problems(at: &str, name: &str, pool: &Pool, kubeadm: bool, found: &mut Vec<Problem>) {
    let right = (1..=20).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !right {
        let problem = Problem::new(at, format!("`{name}` cannot be a pool's name"));
        found.push(problem.hint("at most 20 lower-case letters, digits and hyphens"));
    }
    if pool.instances.is_empty() {
        found.push(Problem::new(format!("{at}/instances"), "no instance type"));
    }
    if pool.max == 0 || pool.min > pool.max {
        found.push(Problem::new(
            format!("{at}/max"),
            format!("from {} to {} nodes cannot be", pool.min, pool.max),
        ));
    }
    if pool.spot && pool.instances.len() < 3 {
        let problem =
            Problem::new(format!("{at}/instances"), "a spot pool needs three instance types or more");
        found
            .push(problem.hint("of as much memory and CPU: where one is taken back there has to be another"));
    }
    for (key, value) in &pool.labels {
        let at = pointer(&format!("{at}/labels"), key);
        if is_kubernetes_own(key) {
            let problem = Problem::new(&at, format!("a kubelet may not give itself the label `{key}`"));
            found.push(problem.hint("it would not start: take a prefix of your own, or none"));
        } else if !is_label_key(key) || !is_label_value(value) {
            let problem = Problem::new(&at, format!("`{key}: {value}` is no label"));
            found.push(problem.hint(LABELS));
        }
    }
    for (index, taint) in pool.taints.iter().enumerate() {
        if !is_label_key(&taint.key) || !is_label_value(&taint.value) {
            let problem = Problem::new(
                format!("{at}/taints/{index}"),
                format!("`{}={}` is no taint", taint.key, taint.value),
            );
            found.push(problem.hint(LABELS));
        }
    }
    if pool.on_demand > 0 && (!pool.spot || !kubeadm) {
        let problem =
            Problem::new(format!("{at}/onDemand"), "`onDemand` is for spot pools of topology kubeadm");
        found.push(problem);
    }
}
