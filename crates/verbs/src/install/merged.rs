//! Whether the Gateway's proxies are those of others, too: Envoy Gateway labels them by their class then, and not by their Gateway.
//! Only looks.

use kube::api::{Api, ApiResource};
use kube::core::{DynamicObject, GroupVersionKind};
use serde_json::Value;

use super::Options;
use crate::Cluster;

/// What Envoy Gateway puts on proxies that several Gateways share.
const OF_CLASS: &str = "gateway.envoyproxy.io/owning-gatewayclass";

/// What to say of it; nothing if the labels of its pods were said, or it has proxies of its own.
pub(super) async fn proxies(cluster: &Cluster, options: &Options) -> Option<String> {
    if options.server.as_ref()?.gateway_pods.is_some() {
        return None;
    }
    let (namespace, name) = (&options.settings.gateway_namespace, &options.settings.gateway_name);
    match class(cluster, namespace, name).await {
        Ok(class) => class.map(|class| {
            format!(
                "the Gateway {namespace}/{name} has its proxies together with all of GatewayClass `{class}` (mergeGateways), and they are \
                 labelled otherwise: nobody gets to the server, unless you install with --server-gateway-pods {OF_CLASS}={class}"
            )
        }),
        Err(error) => Some(format!(
            "it could not be looked whether the Gateway {namespace}/{name} has proxies of its own: {error}"
        )),
    }
}

/// The class, if its Gateways are merged.
async fn class(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<String>, kube::Error> {
    let client = || cluster.client.clone();
    let gateways = kind("gateway.networking.k8s.io", "v1", "Gateway", "gateways");
    let gateway = found(Api::namespaced_with(client(), namespace, &gateways), name).await?;
    let Some(class) = text(gateway.as_ref(), "/gatewayClassName") else { return Ok(None) };
    let classes = kind("gateway.networking.k8s.io", "v1", "GatewayClass", "gatewayclasses");
    let spec = found(Api::all_with(client(), &classes), &class).await?;
    let reference = |field: &str| text(spec.as_ref(), &format!("/parametersRef/{field}"));
    let (Some("EnvoyProxy"), Some(name), Some(namespace)) =
        (reference("kind").as_deref(), reference("name"), reference("namespace"))
    else {
        return Ok(None);
    };
    let proxies = kind("gateway.envoyproxy.io", "v1alpha1", "EnvoyProxy", "envoyproxies");
    let proxy = found(Api::namespaced_with(client(), &namespace, &proxies), &name).await?;
    let merges = proxy.and_then(|proxy| proxy.get("mergeGateways")?.as_bool()).unwrap_or_default();
    Ok(merges.then_some(class))
}

fn kind(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

/// The spec of what is there.
async fn found(api: Api<DynamicObject>, name: &str) -> Result<Option<Value>, kube::Error> {
    match api.get(name).await {
        Ok(object) => Ok(object.data.get("spec").cloned()),
        // Neither where the cluster does not know the kind.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

fn text(spec: Option<&Value>, pointer: &str) -> Option<String> {
    spec?.pointer(pointer)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::install::Server;
    use crate::install::tests::with_server;

    /// A cluster whose class has such an EnvoyProxy.
    async fn told(options: &Options, merges: Option<bool>) -> Option<String> {
        let cluster = crate::fake::cluster(move |_, path| {
            let object = |kind: &str, version: &str, spec: Value| {
                Some((
                    200,
                    json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}),
                ))
            };
            let (gateway, envoy) = ("gateway.networking.k8s.io/v1", "gateway.envoyproxy.io/v1alpha1");
            match path {
                path if path.ends_with("/namespaces/envoy-gateway-system/gateways/outboard") => {
                    object("Gateway", gateway, json!({"gatewayClassName": "eg"}))
                }
                path if path.ends_with("/gatewayclasses/eg") => {
                    let reference = json!({"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": "fleet", "namespace": "edge"});
                    object("GatewayClass", gateway, json!({"parametersRef": reference}))
                }
                path if path.ends_with("/namespaces/edge/envoyproxies/fleet") => object(
                    "EnvoyProxy",
                    envoy,
                    merges.map_or(json!({}), |merges| json!({"mergeGateways": merges})),
                ),
                _ => crate::fake::status(404, "404 page not found", "Failed to parse error data"),
            }
        });
        proxies(&cluster, options).await
    }

    #[tokio::test]
    async fn who_has_merged_gateways_is_told_what_to_say_of_their_pods() {
        let options = with_server();
        let warning = told(&options, Some(true)).await.unwrap();
        assert!(
            warning.contains("--server-gateway-pods gateway.envoyproxy.io/owning-gatewayclass=eg"),
            "{warning}"
        );
        assert_eq!((told(&options, Some(false)).await, told(&options, None).await), (None, None));
        let server = Server { gateway_pods: Some(vec![]), ..with_server().server.unwrap() };
        let said = Options { server: Some(server), ..Options::default() };
        assert_eq!(told(&said, Some(true)).await, None);
    }

    #[tokio::test]
    async fn whoever_may_not_look_is_told_that_it_is_not_known() {
        let nowhere = crate::fake::cluster(|_, _| crate::fake::status(404, "404 page not found", "x"));
        assert_eq!(proxies(&nowhere, &with_server()).await, None);
        let refusing =
            crate::fake::cluster(|_, _| crate::fake::status(403, "gateways is forbidden", "Forbidden"));
        let warning = proxies(&refusing, &with_server()).await.unwrap();
        assert!(warning.contains("could not be looked") && warning.contains("forbidden"), "{warning}");
    }
}
