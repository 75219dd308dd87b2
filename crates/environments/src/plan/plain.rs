//! What looks like a secret and stands where everybody reads it: told as a warning, since looks may deceive.

use api::Problem;
use api::problem::pointer;
use api::project::ProjectSpec;

use super::template::{self, Piece};

/// Every setting of a project that looks like a secret. Values are never told.
pub fn warnings(spec: &ProjectSpec) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let mut look = |name: &str, value: &str, at: String| {
        if looks_secret(name, value) {
            warnings.push(
                Problem::new(
                    at,
                    format!("`{name}` looks like a secret, and whoever reads the project reads it"),
                )
                .hint("put the value into a Secret and name that in `secrets`: `${secret.NAME.KEY}`"),
            );
        }
    };
    let components =
        spec.components.iter().map(|(name, component)| ("/spec/components", name, &component.env));
    let services =
        spec.services.iter().map(|(name, service)| ("/spec/services", name, &service.settings.env));
    for (parent, name, env) in components.chain(services) {
        for (variable, value) in env {
            look(variable, value, pointer(&format!("{}/env", pointer(parent, name)), variable));
        }
    }
    for (name, values) in &spec.vary {
        for (class, value) in values {
            look(name, value, pointer(&pointer("/spec/vary", name), class));
        }
    }
    warnings
}

/// Stands for a value that is not told.
pub const MASK: &str = "•••";

/// Whether a setting of this name and value looks like a secret that was written down.
pub fn looks_secret(name: &str, value: &str) -> bool {
    let references = template::parse(value)
        .is_ok_and(|pieces| pieces.iter().any(|piece| matches!(piece, Piece::Reference(_))));
    let says_nothing = value.is_empty()
        || value.parse::<f64>().is_ok()
        || matches!(value.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "none");
    let names_a_place = value.starts_with('/') || value.contains("://");
    has_password(value) || (is_secret_name(name) && !references && !says_nothing && !names_a_place)
}

/// `scheme://user:password@host`, the password written out.
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let credentials = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
    credentials.is_some_and(|(_, password)| !password.is_empty() && !password.contains("${"))
}

/// Whether a variable's name says that its value is nobody's business.
pub fn is_secret_name(variable: &str) -> bool {
    let name = variable.to_ascii_uppercase();
    let says = [
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "SECRET",
        "TOKEN",
        "API_KEY",
        "APIKEY",
        "PRIVATE_KEY",
        "ACCESS_KEY",
    ];
    (says.iter().any(|word| name.contains(word)) || name.ends_with("_PASS") || name == "APP_KEY")
        && !name.ends_with("_FILE")
        && !name.contains("EXPIR")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_names_a_file_holds_no_secret() {
        assert!(
            is_secret_name("DB_PASSWORD") && is_secret_name("stripe_secret") && is_secret_name("SMTP_PASS")
        );
        assert!(
            !is_secret_name("DB_PASSWORD_FILE")
                && !is_secret_name("BYPASS")
                && !is_secret_name("TOKEN_EXPIRY")
        );
    }

    #[test]
    fn a_secret_that_is_written_down_is_told_apart_from_one_that_is_named() {
        for (name, value) in [
            ("DB_PASSWORD", "hunter2"),
            ("URL", "mysql://app:hunter2@db/shop"),
            ("URL", "redis://:hunter2@cache"),
        ] {
            assert!(looks_secret(name, value), "{name}");
        }
        for (name, value) in [
            ("DB_PASSWORD", "${db.password}"),
            ("URL", "mysql://${db.user}:${db.password}@${db.host}/shop"),
            ("URL", "https://example.com/a:b@c"),
            ("TOKEN_URL", "https://auth.example.com/token"),
            ("PASSWORD_RESET", "true"),
            ("SECRET_ROUNDS", "12"),
            ("LOG_LEVEL", "debug"),
            ("ADMIN_PASSWORD", ""),
        ] {
            assert!(!looks_secret(name, value), "{name} {value}");
        }
    }
}
