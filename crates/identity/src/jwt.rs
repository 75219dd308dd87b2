//! Whether a token is what it says: its signature by a key of its issuer, for whom it is, and when. Knows no address and no clock.
//!
//! Which algorithm verifies is the key's affair: what a token says of itself chooses nothing that its key is not made for.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, new_error};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::signature::{Error as BadSignature, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey, Validation};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::{Map, Value};

use crate::{Claims, Refused};

/// Longer than any that a provider makes for people with two hundred groups.
const LONGEST: usize = 32 << 10;
/// Clocks of two machines differ by so much.
pub(crate) const LEEWAY_SECONDS: i64 = 30;

/// What a token says of itself, before anything of it is believed.
pub(crate) struct Peek {
    pub algorithm: Algorithm,
    pub key: Option<String>,
    pub issuer: String,
    /// It says that it is for an API and says nothing of whoever signed in (RFC 9068).
    pub access: bool,
}

pub(crate) fn peek(token: &str) -> Result<Peek, Refused> {
    if token.len() > LONGEST {
        return Err(Refused::Malformed);
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, _] = parts.as_slice() else { return Err(Refused::Malformed) };
    let object = |part: &str| -> Option<Map<String, Value>> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let (header, payload) =
        (object(header).ok_or(Refused::Malformed)?, object(payload).ok_or(Refused::Malformed)?);
    let text =
        |object: &Map<String, Value>, name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
    let said = text(&header, "alg").ok_or(Refused::Malformed)?;
    let algorithm = accepted(&said).ok_or(Refused::Algorithm { said })?;
    // What must be understood and is not.
    if header.contains_key("crit") {
        return Err(Refused::Malformed);
    }
    let issuer = text(&payload, "iss").ok_or(Refused::Missing { claim: "iss".to_owned() })?;
    let kind = text(&header, "typ").unwrap_or_default().to_ascii_lowercase();
    let access = matches!(kind.as_str(), "at+jwt" | "application/at+jwt");
    Ok(Peek { algorithm, key: text(&header, "kid"), issuer, access })
}

/// Signed by a private key that only the issuer has. So not `none`, and none of HMAC's, for which every verifier could sign.
fn accepted(said: &str) -> Option<Algorithm> {
    let algorithm: Algorithm = said.parse().ok()?;
    (algorithm.family() != AlgorithmFamily::Hmac).then_some(algorithm)
}

/// A key of an issuer, as far as tokens are verified with it.
#[derive(Clone)]
pub(crate) struct Key {
    pub id: Option<String>,
    key: DecodingKey,
    algorithms: Vec<Algorithm>,
}

impl Key {
    /// None: it is for something else, or of a kind that nobody signs tokens with here.
    pub fn of(jwk: &Jwk) -> Option<Self> {
        if matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption)) {
            return None;
        }
        let algorithms = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => vec![
                Algorithm::RS256,
                Algorithm::RS384,
                Algorithm::RS512,
                Algorithm::PS256,
                Algorithm::PS384,
                Algorithm::PS512,
            ],
            AlgorithmParameters::EllipticCurve(key) => match key.curve {
                EllipticCurve::P256 => vec![Algorithm::ES256],
                EllipticCurve::P384 => vec![Algorithm::ES384],
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                vec![Algorithm::EdDSA]
            }
            _ => return None,
        };
        // A key that says its algorithm is for no other.
        let only = jwk.common.key_algorithm.map(|only| only.to_string());
        let algorithms = match only {
            None => algorithms,
            Some(only) => {
                algorithms.into_iter().filter(|algorithm| only == format!("{algorithm:?}")).collect()
            }
        };
        let key = DecodingKey::from_jwk(jwk).ok()?;
        (!algorithms.is_empty()).then(|| Self { id: jwk.common.key_id.clone(), key, algorithms })
    }

    pub fn is_for(&self, peek: &Peek) -> bool {
        self.algorithms.contains(&peek.algorithm) && (peek.key.is_none() || peek.key == self.id)
    }
}

/// The claims of a token that one of the keys has signed, for one of the audiences, good at that time.
pub(crate) fn verify(
    token: &str,
    peek: &Peek,
    keys: &[&Key],
    audiences: &[String],
    now: Timestamp,
) -> Result<Claims, Refused> {
    // Whoever has chosen already, has chosen this one: nobody else in this program reads tokens.
    let _ = RING.install_default();
    let mut checks = Validation::new(peek.algorithm);
    checks.set_issuer(&[&peek.issuer]);
    checks.set_audience(audiences);
    checks.set_required_spec_claims(&["iss", "aud", "exp"]);
    // By our clock, below.
    (checks.validate_exp, checks.validate_nbf) = (false, false);
    let mut refused = Refused::Key { issuer: peek.issuer.clone() };
    for key in keys {
        match jsonwebtoken::decode::<Map<String, Value>>(token, &key.key, &checks) {
            Ok(data) => {
                let claims = Claims(data.claims);
                timely(&claims, now)?;
                // A token that ends a session begins none.
                return if claims.0.contains_key("events") { Err(Refused::Malformed) } else { Ok(claims) };
            }
            Err(error) => refused = why(error.kind(), token, &peek.issuer),
        }
        // Keys without names are tried one after the other.
        if !matches!(refused, Refused::Signature { .. }) {
            break;
        }
    }
    Err(refused)
}

fn why(kind: &ErrorKind, token: &str, issuer: &str) -> Refused {
    match kind {
        ErrorKind::InvalidSignature => Refused::Signature { issuer: issuer.to_owned() },
        ErrorKind::InvalidAudience => Refused::Audience { said: audience(token) },
        ErrorKind::MissingRequiredClaim(claim) => Refused::Missing { claim: claim.clone() },
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => {
            Refused::Key { issuer: issuer.to_owned() }
        }
        _ => Refused::Malformed,
    }
}

/// For whom a token says that it is, to tell it; nothing follows from it.
fn audience(token: &str) -> String {
    let said = jsonwebtoken::dangerous::insecure_decode_claims::<Map<String, Value>>(token).ok();
    match said.as_ref().and_then(|claims| claims.get("aud")) {
        Some(Value::String(one)) => one.clone(),
        Some(other) => other.to_string().chars().take(200).collect(),
        None => String::new(),
    }
}

fn timely(claims: &Claims, now: Timestamp) -> Result<(), Refused> {
    let now = now.as_second();
    let told = |second: i64| {
        Timestamp::from_second(second).map_or_else(|_| second.to_string(), |time| time.to_string())
    };
    let until = claims.seconds("exp").ok_or(Refused::Shape { claim: "exp".to_owned() })?;
    if until.saturating_add(LEEWAY_SECONDS) <= now {
        return Err(Refused::Expired { until: told(until) });
    }
    match (claims.0.get("nbf"), claims.seconds("nbf")) {
        (Some(_), None) => Err(Refused::Shape { claim: "nbf".to_owned() }),
        (_, Some(from)) if from.saturating_sub(LEEWAY_SECONDS) > now => {
            Err(Refused::Early { from: told(from) })
        }
        _ => Ok(()),
    }
}

/// A token that was made for another party is not ours because we are among those that may read it.
pub(crate) fn parties(claims: &Claims, audiences: &[String]) -> Result<(), Refused> {
    match claims.0.get("azp") {
        None => Ok(()),
        Some(Value::String(party)) if audiences.contains(party) => Ok(()),
        Some(party) => Err(Refused::Audience { said: party.as_str().unwrap_or_default().to_owned() }),
    }
}

/// The cryptography that is here anyway, for rustls.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: sign_nothing,
    verifier_factory,
    key_utils: KeyUtils::new_unimplemented(),
};

fn sign_nothing(_: &Algorithm, _: &EncodingKey) -> jsonwebtoken::errors::Result<Box<dyn JwtSigner>> {
    Err(new_error(ErrorKind::UnsupportedAlgorithm))
}

enum By {
    Rsa(&'static RsaParameters, Vec<u8>, Vec<u8>),
    Point(&'static dyn VerificationAlgorithm, Vec<u8>),
}

struct Ring {
    algorithm: Algorithm,
    by: By,
}

fn verifier_factory(
    algorithm: &Algorithm,
    key: &DecodingKey,
) -> jsonwebtoken::errors::Result<Box<dyn JwtVerifier>> {
    let rsa: Option<&'static RsaParameters> = match algorithm {
        Algorithm::RS256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&RSA_PSS_2048_8192_SHA512),
        _ => None,
    };
    let point: Option<&'static dyn VerificationAlgorithm> = match algorithm {
        Algorithm::ES256 => Some(&ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Some(&ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Some(&ED25519),
        _ => None,
    };
    let by = match (key.kind(), rsa, point) {
        (DecodingKeyKind::RsaModulusExponent { n, e }, Some(rsa), _) => By::Rsa(rsa, n.clone(), e.clone()),
        (DecodingKeyKind::SecretOrDer(bytes), _, Some(point)) if key.family() == algorithm.family() => {
            By::Point(point, bytes.clone())
        }
        _ => return Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    };
    Ok(Box::new(Ring { algorithm: *algorithm, by }))
}

impl Verifier<Vec<u8>> for Ring {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), BadSignature> {
        let verified = match &self.by {
            By::Rsa(how, n, e) => RsaPublicKeyComponents { n, e }.verify(how, message, signature),
            By::Point(how, bytes) => UnparsedPublicKey::new(*how, bytes).verify(message, signature),
        };
        verified.map_err(|_| BadSignature::new())
    }
}

impl JwtVerifier for Ring {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests;
