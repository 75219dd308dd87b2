//! Whose token it is: the provider of people, or one of those for programs. Each names only its own.

use jiff::Timestamp;

use crate::claims::{Claims, Naming};
use crate::jwt::{self, peek};
use crate::rules::{self, Rules};
use crate::{Away, Person, Provider, Refused, Trust};

/// The provider of people: who may ask for its tokens, and how it names them.
pub struct Known {
    pub provider: Provider,
    /// Clients whose tokens are for us.
    pub audiences: Vec<String>,
    pub naming: Naming,
}

/// Claims that tell runs of a program apart: GitHub's, GitLab's, and what most issuers give each token.
const RUNS: [&str; 3] = ["run_id", "pipeline_id", "jti"];

/// Who brings a token.
#[derive(Debug)]
pub struct Bearer {
    pub person: Person,
    /// Until when it is good.
    pub until: Timestamp,
    /// Which of a program's runs it is.
    pub run: Option<String>,
}

/// All whose tokens let somebody in.
pub struct Gate {
    pub people: Known,
    programs: Vec<(Provider, rules::Issuer)>,
    /// Groups that count; none: all of them.
    only: Vec<String>,
    /// Claims of people, and what they have to be.
    required: Vec<(String, String)>,
}

impl Gate {
    pub fn new(people: Known, rules: Rules, trust: &Trust) -> Result<Self, Away> {
        let provider = |issuer: &rules::Issuer| Provider::trusting(&issuer.issuer, trust);
        let programs = rules.issuers.into_iter().map(|issuer| Ok((provider(&issuer)?, issuer)));
        let programs = programs.collect::<Result<Vec<_>, Away>>()?;
        if let Some((_, twice)) = programs.iter().find(|(_, issuer)| issuer.issuer == people.provider.issuer)
        {
            let reason = "it is that of people, too: its tokens would be two persons'".to_owned();
            return Err(Away { issuer: twice.issuer.clone(), reason, lasting: true });
        }
        Ok(Self { people, programs, only: vec![], required: vec![] })
    }

    /// Lets everybody in with these groups at most; none: with all that they have.
    #[must_use]
    pub fn only(self, groups: Vec<String>) -> Self {
        Self { only: groups, ..self }
    }

    /// Lets in only people of whom the provider says that: where anybody may have an account, not everybody is meant.
    #[must_use]
    pub fn requiring(self, required: Vec<(String, String)>) -> Self {
        Self { required, ..self }
    }

    pub fn required(&self) -> &[(String, String)] {
        &self.required
    }

    /// Who brings this token, and until when it is good.
    pub async fn person(&self, token: &str, now: Timestamp) -> Result<(Person, Timestamp), Refused> {
        self.bearer(token, now).await.map(|bearer| (bearer.person, bearer.until))
    }

    /// The same, with which of its runs it is, if it is a program.
    pub async fn bearer(&self, token: &str, now: Timestamp) -> Result<Bearer, Refused> {
        let peek = peek(token)?;
        if peek.issuer == self.people.provider.issuer {
            let claims = self.claims(token, now).await?;
            return Ok(Bearer { person: self.named(&claims)?, until: until(&claims, now), run: None });
        }
        let unknown = || Refused::Issuer { said: peek.issuer.chars().take(200).collect() };
        let (provider, issuer) =
            self.programs.iter().find(|(_, issuer)| issuer.issuer == peek.issuer).ok_or_else(unknown)?;
        let verify = |keys: &[&jwt::Key]| jwt::verify(token, &peek, keys, &issuer.audiences, now);
        let claims = provider.with_keys(&peek, verify).await??;
        let run = RUNS.iter().find_map(|claim| claims.text(claim).filter(|run| !run.is_empty()));
        let person = self.counted(issuer.person(&claims)?);
        Ok(Bearer { person, until: until(&claims, now), run })
    }

    /// The claims of a token of the provider of people.
    pub(crate) async fn claims(&self, token: &str, now: Timestamp) -> Result<Claims, Refused> {
        let (peek, people) = (peek(token)?, &self.people);
        if peek.issuer != people.provider.issuer {
            return Err(Refused::Issuer { said: peek.issuer });
        }
        // An API that is sent one could be them with it.
        if peek.access {
            return Err(Refused::Access);
        }
        let verify = |keys: &[&jwt::Key]| jwt::verify(token, &peek, keys, &people.audiences, now);
        let claims = people.provider.with_keys(&peek, verify).await??;
        // Programs' issuers say there who asked, which is none of our clients.
        jwt::parties(&claims, &people.audiences)?;
        Ok(claims)
    }

    /// A person's name, which is none that a program may have.
    pub(crate) fn named(&self, claims: &Claims) -> Result<Person, Refused> {
        let lacks =
            |(claim, wanted): &&(String, String)| !claims.says(claim, |said| rules::matches(wanted, said));
        if let Some((claim, _)) = self.required.iter().find(lacks) {
            return Err(Refused::Required { claim: claim.clone() });
        }
        self.still(self.people.naming.person(claims)?)
    }

    /// Somebody who was named before, as they count now: settings may be others since.
    pub fn still(&self, person: Person) -> Result<Person, Refused> {
        let person = self.people.naming.kept(person);
        let all = person.groups().iter().map(|group| ("group", group.as_str()));
        for (what, text) in all.chain([("name", person.name())]) {
            if let Some((_, issuer)) =
                self.programs.iter().find(|(_, issuer)| text.starts_with(&issuer.prefix))
            {
                return Err(Refused::Prefix { what, text: text.to_owned(), prefix: issuer.prefix.clone() });
            }
        }
        Ok(self.counted(person))
    }

    fn counted(&self, person: Person) -> Person {
        if self.only.is_empty() { person } else { person.only(&self.only) }
    }
}

/// A token without an end has been refused before.
fn until(claims: &Claims, now: Timestamp) -> Timestamp {
    claims.seconds("exp").and_then(|second| Timestamp::from_second(second).ok()).unwrap_or(now)
}

#[cfg(test)]
mod tests;
