//! Keeps the RoleBindings of people in one namespace as they are wanted, frozen or not.

use api::marks::{self, Whose};
use api::{Cause, Verdict};
use apply::kinds::Kind;
use apply::{Ensured, View};
use kube::ResourceExt;
use kube::api::PropagationPolicy;
use kube::core::DynamicObject;
use tracing::info;

use crate::context::Context;
use crate::error::Error;
use crate::plan::access::Bindings;

/// Makes, mends and removes; the verdict is on a binding that is in the way and not ours.
pub async fn keep(
    namespace: &str,
    owner: &impl Whose,
    bindings: &Bindings,
    view: &View,
    context: &Context,
) -> Result<Option<Verdict>, Error> {
    let is_wanted =
        |name: &String| bindings.wanted.iter().any(|binding| binding["metadata"]["name"] == *name);
    let mut verdict = None;
    // First what is taken away: nothing that is refused below may keep it.
    for name in bindings.known.iter().filter(|name| !is_wanted(name)) {
        let seen = view.get(Kind::RoleBinding, name).filter(|seen| seen.written_by_us && !seen.deleting);
        let Some(seen) = seen else { continue };
        match context.writer.delete(namespace, seen, PropagationPolicy::Background).await {
            Err(error @ apply::Error::Refused { .. }) => {
                verdict = verdict.or_else(|| Some(in_the_way(namespace, name, &error)));
            }
            deleted => deleted?,
        }
    }
    for value in &bindings.wanted {
        let object: DynamicObject = serde_json::from_value(value.clone()).map_err(kube::Error::SerdeError)?;
        let seen = view.get(Kind::RoleBinding, &object.name_any());
        match context.writer.ensure(owner, namespace, &object, seen, None).await {
            Ok(Ensured::Applied { seen, undone }) if !undone.is_empty() => {
                let by = undone.by.join(", ");
                info!(%namespace, %by, "took back RoleBinding {} from {by}", seen.name);
            }
            // What is on its way out, namespace or binding, gives nobody a right.
            Ok(_) | Err(apply::Error::Terminating { .. }) => {}
            Err(error @ (apply::Error::Foreign { .. } | apply::Error::Refused { .. })) => {
                verdict = verdict.or_else(|| Some(in_the_way(namespace, &object.name_any(), &error)));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(verdict)
}

fn in_the_way(namespace: &str, name: &str, error: &apply::Error) -> Verdict {
    let foreign = matches!(error, apply::Error::Foreign { .. });
    Verdict {
        cause: if foreign { Cause::ObjectTaken } else { Cause::Refused },
        about: format!("RoleBinding {name}"),
        message: format!("people do not get the rights that `access` of the project says: {error}"),
        evidence: vec![],
        fix: format!(
            "kubectl -n {namespace} delete rolebinding {name}, if nobody needs it; what {} writes is made anew",
            marks::MANAGER
        ),
        terminal: true,
        holds: true,
    }
}
