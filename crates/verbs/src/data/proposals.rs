//! What a scan proposes, as it is pasted into `outboard.yaml`.

use api::datacopy::CopiedService;

/// `masks:` with every proposal and why it is one.
pub fn masks(services: &[CopiedService]) -> String {
    let mut text = "masks:\n".to_owned();
    for service in services.iter().filter(|service| !service.proposals.is_empty()) {
        text.push_str(&format!("  {}:\n", service.name));
        for proposal in &service.proposals {
            // The database goes without saying: a service has one.
            let column = proposal.column.split_once('.').map_or(proposal.column.as_str(), |(_, rest)| rest);
            let mask = match proposal.mask.split_once(": ") {
                Some(_) => format!("{{{}}}", proposal.mask),
                None => proposal.mask.clone(),
            };
            let because = proposal.because.replace(char::is_control, " ");
            text.push_str(&format!("    {}: {mask}   # {because}\n", key(column)));
        }
    }
    text
}

/// As a key of YAML: what is not plain is quoted.
fn key(column: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    match column.chars().all(plain) {
        true => column.to_owned(),
        // JSON is YAML.
        false => serde_json::Value::from(column).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use api::datacopy::Proposal;

    use super::*;

    #[test]
    fn it_can_be_pasted_as_it_is() {
        let proposal = |column: &str, mask: &str, because: &str| Proposal {
            column: column.into(),
            mask: mask.into(),
            because: because.into(),
        };
        let services = [
            CopiedService {
                name: "db".into(),
                proposals: vec![
                    proposal("shop.users.email", "email", "its name is email"),
                    proposal("shop.users.born", "dateShift: 30", "its name is born"),
                    proposal("shop.users.note", "null", "its name is note"),
                    proposal("shop.Käufer.e mail: x", "email", "9 of 10 values are\ne-mail addresses"),
                ],
                ..CopiedService::default()
            },
            CopiedService { name: "stock".into(), ..CopiedService::default() },
        ];
        let text = masks(&services);
        insta::assert_snapshot!(text);
        let file = format!(
            "apiVersion: outboard.dev/v1alpha1\nkind: Project\nmetadata: {{name: shop}}\nspec:\n  components: {{web: {{image: w}}}}\n  services: {{db: {{type: mariadb}}}}\n{}",
            text.lines().map(|line| format!("  {line}\n")).collect::<String>()
        );
        environments::file::read(&file, |_| Err(String::new())).unwrap();
    }
}
