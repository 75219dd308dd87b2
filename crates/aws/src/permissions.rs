//! What an identity may do, as IAM tells it beforehand. It knows policies and boundaries; what a bucket, a key or an organisation says
//! besides, and conditions on names and tags that nobody has given yet, it does not.

use crate::query::{IAM, Query, each, text};
use crate::{Account, Failure, Identity};

/// As many as one question takes.
const AT_ONCE: usize = 50;

impl Account {
    /// Those of the actions that it says would be refused; none: it knows nothing of such an identity.
    pub async fn refused(
        &self,
        identity: &Identity,
        actions: &[&str],
    ) -> Result<Option<Vec<String>>, Failure> {
        let query = Query::of(&self.config);
        let principal = match Principal::of(&identity.arn) {
            Principal::Itself => identity.arn.clone(),
            // Its path is in no ARN of a session.
            Principal::Role(name) => {
                let answer = query.ask(IAM, "GetRole", &[("RoleName".to_owned(), name)]).await?;
                let arn = each(&answer, "Arn", |node| node.text().map(|text| text.trim().to_owned()))?;
                arn.into_iter().next().ok_or_else(|| Failure::Refused("a role without an ARN".to_owned()))?
            }
            Principal::Other => return Ok(None),
        };
        let mut refused = Vec::new();
        for some in actions.chunks(AT_ONCE) {
            let named = some.iter().enumerate();
            let mut parameters: Vec<_> = named
                .map(|(index, action)| (format!("ActionNames.member.{}", index + 1), (*action).to_owned()))
                .collect();
            parameters.push(("PolicySourceArn".to_owned(), principal.clone()));
            parameters.push(("MaxItems".to_owned(), "1000".to_owned()));
            let answer = query.ask(IAM, "SimulatePrincipalPolicy", &parameters).await?;
            refused.extend(read(&answer)?);
        }
        Ok(Some(refused))
    }
}

#[derive(Debug, Eq, PartialEq)]
enum Principal {
    /// A user.
    Itself,
    /// A role that somebody has taken on, by its name.
    Role(String),
    /// The account's root may do everything, and of others IAM is not asked.
    Other,
}

impl Principal {
    fn of(arn: &str) -> Self {
        let Some((_, what)) = arn.rsplit_once(':') else { return Self::Other };
        let mut steps = what.split('/');
        match (steps.next(), steps.next()) {
            (Some("user" | "role"), Some(_)) => Self::Itself,
            (Some("assumed-role"), Some(name)) => Self::Role(name.to_owned()),
            _ => Self::Other,
        }
    }
}

fn read(answer: &str) -> Result<Vec<String>, Failure> {
    each(answer, "member", |node| {
        let decision = text(node, "EvalDecision")?;
        text(node, "EvalActionName").filter(|_| decision != "allowed")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_took_on_a_role_is_judged_by_that_role() {
        let role = Principal::of("arn:aws:sts::123456789012:assumed-role/deploy/eve@example.com");
        assert_eq!(role, Principal::Role("deploy".to_owned()));
        assert_eq!(Principal::of("arn:aws:iam::123456789012:user/ops/eve"), Principal::Itself);
        assert_eq!(Principal::of("arn:aws:iam::123456789012:root"), Principal::Other);
        assert_eq!(Principal::of("arn:aws:sts::123456789012:federated-user/eve"), Principal::Other);
    }

    #[test]
    fn what_is_not_allowed_is_refused_however_iam_puts_it() {
        let member = |action: &str, decision: &str| {
            format!(
                "<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision><MatchedStatements/></member>"
            )
        };
        let answer = format!(
            r#"<R xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><EvaluationResults>{}{}{}</EvaluationResults></R>"#,
            member("ec2:CreateVpc", "allowed"),
            member("iam:CreateRole", "implicitDeny"),
            member("iam:PassRole", "explicitDeny"),
        );
        assert_eq!(read(&answer).unwrap(), ["iam:CreateRole", "iam:PassRole"]);
    }
}
