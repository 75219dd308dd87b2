//! Names of images, and the same in a registry of one's own.

/// The image in another registry: its host gives way, its path stays. A name without a host is one of Docker Hub.
pub fn mirrored(image: &str, registry: Option<&str>) -> String {
    let Some(registry) = registry else { return image.to_owned() };
    let path = match image.split_once('/') {
        Some((host, path)) if is_host(host) => path,
        _ => image,
    };
    format!("{}/{path}", registry.trim_end_matches('/'))
}

fn is_host(step: &str) -> bool {
    step.contains(['.', ':']) || step == "localhost"
}

/// Whether a registry can be called so: a host, perhaps with a port and a path, and nothing before or behind it.
pub fn is_registry(text: &str) -> bool {
    let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let word = |text: &str, extra: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || extra.as_bytes().contains(&byte)
            })
    };
    is_host(host)
        && word(name, "-.")
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
        && path.is_none_or(|path| path.split('/').all(|step| word(step, "-._")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_registry_takes_the_place_of_the_host_and_nothing_else() {
        let mine = Some("registry.example.org:5000/mirror");
        assert_eq!(mirrored("registry.k8s.io/a/b:v1", mine), "registry.example.org:5000/mirror/a/b:v1");
        assert_eq!(
            mirrored("outboard/outboard:1", mine),
            "registry.example.org:5000/mirror/outboard/outboard:1"
        );
        assert_eq!(mirrored("localhost/a:1", mine), "registry.example.org:5000/mirror/a:1");
        assert_eq!(mirrored("quay.io/a:1@sha256:1", None), "quay.io/a:1@sha256:1");
    }

    #[test]
    fn a_registry_is_a_host_perhaps_with_a_port_and_a_path() {
        for right in
            ["registry.example.org", "registry.testbed:5000", "1.dkr.ecr.eu-west-1.amazonaws.com/a/b"]
        {
            assert!(is_registry(right), "{right}");
        }
        for wrong in
            ["", "mirror", "https://a.example", "a.example/", "a.example:port", "A.example", "a.example/b:1"]
        {
            assert!(!is_registry(wrong), "{wrong}");
        }
    }
}
