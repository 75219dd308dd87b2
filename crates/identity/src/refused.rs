//! Why a token lets nobody in: each reason its own, told without the token.

use thiserror::Error;

use crate::{Away, Unfit};

#[derive(Clone, Debug, Error)]
pub enum Refused {
    #[error("this is no token: three parts of base64 with points between, and JSON in the first two")]
    Malformed,
    #[error("the token is signed by `{}`, which is not accepted", said.escape_debug())]
    Algorithm { said: String },
    #[error("the token was issued by `{}`, which is not known here", said.escape_debug())]
    Issuer { said: String },
    #[error("the token is signed with a key that {issuer} does not have")]
    Key { issuer: String },
    #[error("the signature of the token is not that of {issuer}")]
    Signature { issuer: String },
    #[error("the token was for `{}`, not for this server", said.escape_debug())]
    Audience { said: String },
    #[error("the token is an access token, which says nothing of who signed in")]
    Access,
    #[error("only people come in here whose claim `{claim}` is what this server wants it to be")]
    Required { claim: String },
    #[error("the token was good until {until}")]
    Expired { until: String },
    #[error("the token is good from {from} on")]
    Early { from: String },
    #[error("the token has no claim `{claim}`")]
    Missing { claim: String },
    #[error("the claim `{claim}` is not of the shape that names and groups have")]
    Shape { claim: String },
    #[error("nobody has checked that the address {} is theirs who signed in", email.escape_debug())]
    Unverified { email: String },
    #[error("this answer of the provider was not asked for, or was used already")]
    Nonce,
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error("no rule says who somebody with these claims of {issuer} is")]
    Nobody { issuer: String },
    /// The name begins as those of another issuer do.
    #[error("the {what} `{}` begins with `{prefix}`, as those of another issuer do", text.escape_debug())]
    Prefix { what: &'static str, text: String, prefix: String },
    #[error("the provider did not sign you in: {}", reason.escape_debug())]
    Declined { reason: String },
    #[error(transparent)]
    Away(#[from] Away),
}

impl Refused {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Malformed | Self::Algorithm { .. } => {
                "send a JWT of the provider, signed by RS256, PS256, ES256, ES384 or EdDSA or a longer one of these"
            }
            Self::Issuer { .. } => {
                "sign in at the provider that `outboard login` names, or have this issuer added to the server's --issuers"
            }
            Self::Key { .. } | Self::Signature { .. } => "fetch a new token",
            Self::Audience { .. } => "ask for a token whose audience is this server's, as its settings say",
            Self::Required { .. } => {
                "sign in with another account: the server's --require-claim says which are meant"
            }
            Self::Access => "send the ID token",
            Self::Expired { .. } => "sign in again, or fetch a new token",
            Self::Early { .. } => "wait, and have the clocks of both sides looked at",
            Self::Missing { .. } | Self::Shape { .. } => {
                "have the provider add that claim, or name another by --name-claim and --groups-claim"
            }
            Self::Unverified { .. } => {
                "confirm the address at the provider; one that says nothing of it needs another --name-claim, or --unverified-email"
            }
            Self::Nonce | Self::Declined { .. } => "sign in once more",
            Self::Unfit(Unfit::Many { .. }) => "have the server keep fewer of them: --keep-groups",
            Self::Unfit(_) | Self::Prefix { .. } => "have the name or group changed at the provider",
            Self::Nobody { .. } => "have a rule added to the server's --issuers that says who this is",
            Self::Away(_) => "try again in a moment; whoever has a session stays signed in",
        }
    }
}
