//! Labels as Kubernetes takes them. Knows nothing of whose they are.

/// Key and value; none: Kubernetes would refuse it.
pub fn parse(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=')?;
    let good = is_key(key) && (value.is_empty() || is_name(value));
    good.then(|| (key.to_owned(), value.to_owned()))
}

/// A name, after a domain or by itself.
fn is_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((domain, name)) => is_domain(domain) && is_name(name),
        None => is_name(text),
    }
}

fn is_name(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    let known = |c: char| ends(c) || "-_.".contains(c);
    text.len() <= 63 && text.starts_with(ends) && text.ends_with(ends) && text.chars().all(known)
}

fn is_domain(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        part.starts_with(ends) && part.ends_with(ends) && part.chars().all(|c| ends(c) || c == '-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_that_kubernetes_takes() {
        let long = format!("a={}", "b".repeat(63));
        for good in ["app=gateway", "app=", "example.com/App_1.x=A-b_c.d", "a.b-c/d=1", "1=1", &long] {
            let (key, value) = good.split_once('=').unwrap();
            assert_eq!(parse(good), Some((key.to_owned(), value.to_owned())), "{good}");
        }
        let (long, domain) = (format!("a={}", "b".repeat(64)), format!("{}/a=b", "a.".repeat(127) + "a"));
        for bad in [
            "app",
            "=x",
            "/a=x",
            "a/=x",
            "a/b/c=x",
            "-a=x",
            "a-=x",
            "a=-x",
            "a=x.",
            "a=b=c",
            "a b=x",
            "Example.com/a=x",
            "a..b/c=x",
            "a_b/c=x",
            "é=x",
            &long,
            &domain,
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
