//! Asks AWS what has to be known before a cluster is made for the first time. Nothing is made, and what may not be asked is told.

use api::Problem;
use aws::{Account, Network};

use crate::plan::addons::chosen;
use crate::plan::permissions;
use crate::plan::preflight::{
    ADDRESSES, BALANCERS, CPUS, Limit, NETWORKS, Seen, problems, remarks, wanted_types,
};
use crate::plan::root::TAG;
use crate::plan::spec::{ClusterFile, Topology};
use crate::plan::sweep::lingers;
use crate::work::Work;
use crate::{Error, Event, Result, Sink};

/// What is counted: its service and code in Service Quotas.
const QUOTAS: [(&str, &str, &str); 4] = [
    (NETWORKS, "vpc", "L-F678F1CE"),
    (ADDRESSES, "ec2", "L-0263D0A3"),
    (BALANCERS, "elasticloadbalancing", "L-69A177A2"),
    (CPUS, "ec2", "L-1216C47A"),
];

/// For a cluster of which nothing is there yet; of another one everything was seen before. `named`: what stands against its name.
pub async fn look(work: &Work, named: Vec<Problem>, sink: Sink<'_>) -> Result<()> {
    if work.file.spec.topology == Topology::Own {
        return Ok(());
    }
    let seen = seen(work, sink).await;
    let mut found = problems(&work.file, &seen);
    found.extend(named);
    found.extend(out_of_reach(&work.file, &["aws"]));
    if found.is_empty() { Ok(()) } else { Err(Error::Preflight(found)) }
}

/// Whoever reaches the API of EKS gets their token from a program. `programs`: what is looked for.
fn out_of_reach(file: &ClusterFile, programs: &[&str]) -> Option<Problem> {
    if file.spec.topology != Topology::Eks || chosen(file).is_empty() {
        return None;
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &&&str| std::env::split_paths(&paths).any(|path| path.join(program).is_file());
    let missing = programs.iter().find(|program| !there(program))?;
    let problem = Problem::new(
        "/spec/addons",
        format!("there is no program `{missing}`, with which EKS is signed in to"),
    );
    Some(problem.hint("install it, or say `addons: none` and bring them about elsewhere"))
}

/// Whether something of it may be there already.
pub async fn is_begun(work: &Work) -> Result<bool> {
    // What an interrupted first run made is found by what is left of it on this machine.
    if work.folder.record().is_some() {
        return Ok(true);
    }
    Ok(work.backend.is_some() && crate::stored::stored(work).await?.is_some())
}

async fn seen(work: &Work, sink: Sink<'_>) -> Seen {
    let spec = &work.file.spec;
    let account = &work.account;
    let types = wanted_types(spec);
    let mut unknown = Vec::new();
    let mut seen = Seen::default();
    match account.offered(&types).await {
        Ok(offered) => seen.offered = Some(offered),
        Err(failure) => unknown.push(("offers of instance types", failure)),
    }
    match account.instance_types(&types).await {
        Ok(types) => seen.types = Some(types),
        Err(failure) => unknown.push(("instance types", failure)),
    }
    if let Some(image) = &spec.image {
        match account.image(image).await {
            Ok(image) => seen.image = Some(image),
            Err(failure) => unknown.push(("the image", failure)),
        }
    }
    match account.networks().await {
        Ok(networks) => seen.networks = Some(networks),
        Err(failure) => unknown.push((NETWORKS, failure)),
    }
    for (what, service, code) in QUOTAS {
        match limit(work, what, service, code, seen.networks.as_deref()).await {
            Ok(limit) => seen.limits.extend(limit),
            Err(failure) => unknown.push((what, failure)),
        }
    }
    match account.tagged(TAG, &work.identity.id).await {
        Ok(tagged) => {
            seen.ownerless = tagged.into_iter().map(|one| one.arn).filter(|arn| !lingers(arn)).collect();
        }
        Err(failure) => unknown.push(("what carries its tag", failure)),
    }
    let actions = permissions::actions(spec);
    match refused(account, &actions).await {
        Ok(Some(refused)) if refused.is_empty() => {
            sink(Event::Checked {
                what: "permissions",
                found: format!("IAM allows {} actions", actions.len()),
            });
        }
        Ok(Some(refused)) => sink(Event::note(permissions::remark(&refused))),
        // The account's root: nobody can take anything away from it.
        Ok(None) => {}
        Err(failure) => unknown.push(("permissions", failure)),
    }
    let counted: Vec<String> = seen
        .limits
        .iter()
        .map(|limit| match limit.used {
            Some(used) => format!("{used} of {} {}", limit.at_most, limit.what),
            None => format!("at most {} {}", limit.at_most, limit.what),
        })
        .collect();
    if !counted.is_empty() {
        sink(Event::Checked { what: "quotas", found: counted.join(", ") });
    }
    if seen.offered.is_some() {
        sink(Event::Checked { what: "instance types", found: types.join(", ") });
    }
    for remark in remarks(&work.file, &seen) {
        sink(Event::note(remark));
    }
    for (what, failure) in unknown {
        sink(Event::note(format!("not looked at beforehand: {what} ({})", crate::error::spoken(&failure))));
    }
    seen
}

async fn refused(account: &Account, actions: &[&str]) -> Result<Option<Vec<String>>, aws::Failure> {
    let identity = account.identity().await?;
    account.refused(&identity, actions).await
}

async fn limit(
    work: &Work,
    what: &'static str,
    service: &str,
    code: &str,
    networks: Option<&[Network]>,
) -> Result<Option<Limit>, aws::Failure> {
    let account = &work.account;
    let Some(at_most) = account.quota(service, code).await? else { return Ok(None) };
    let used = match what {
        NETWORKS => match networks {
            Some(networks) => Some(networks.len()),
            None => return Ok(None),
        },
        ADDRESSES => Some(account.addresses().await?),
        BALANCERS => Some(account.network_balancers().await?),
        // What is wanted is compared with the whole of the quota.
        _ => None,
    };
    Ok(Some(Limit { what, used, at_most }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::tests::kubeadm;

    #[test]
    fn a_cluster_of_eks_whose_add_ons_nobody_here_could_bring_about_is_told_before_the_spend() {
        let of = |topology: &str, addons: &str| {
            let mut file = kubeadm();
            file["spec"]["topology"] = json!(topology);
            if !addons.is_empty() {
                file["spec"]["addons"] = json!(addons);
            }
            let file: ClusterFile = serde_json::from_value(file).unwrap();
            out_of_reach(&file, &["sh", "a-program-that-is-not-there"]).map(|problem| problem.message)
        };
        assert!(of("eks", "").is_some_and(|said| said.contains("a-program-that-is-not-there")));
        assert_eq!(of("eks", "none"), None);
        assert_eq!(of("kubeadm", ""), None);
    }
}
