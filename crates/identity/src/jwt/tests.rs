//! Tokens that are good, and every way in which one is not.

use serde_json::json;

use super::*;
use oidc_fake::Signer;

const ISSUER: &str = "https://issuer.example";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn check(token: &str, keys: &[Key], second: i64) -> Result<Claims, Refused> {
    let peek = peek(token)?;
    let keys: Vec<&Key> = keys.iter().filter(|key| key.is_for(&peek)).collect();
    verify(token, &peek, &keys, &["outboard".to_owned(), "outboard-cli".to_owned()], at(second))
}

fn claims(more: Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "aud": "outboard", "exp": 2_000, "sub": "1"});
    let Value::Object(more) = more else { panic!("claims are an object") };
    for (name, value) in more {
        claims[&name] = value;
    }
    claims
}

fn keys(signers: &[&Signer]) -> Vec<Key> {
    signers.iter().filter_map(|signer| Key::of(&serde_json::from_value(signer.jwk()).unwrap())).collect()
}

#[test]
fn a_token_of_the_issuer_is_read() {
    let signer = Signer::new("a");
    let token = signer.sign(&claims(json!({"email": "ann@example.com"})));
    let read = check(&token, &keys(&[&signer]), 1_000).unwrap();
    assert_eq!(read.text("email").as_deref(), Some("ann@example.com"));
    let several = signer.sign(&claims(json!({"aud": ["other", "outboard-cli"], "azp": "outboard-cli"})));
    assert!(check(&several, &keys(&[&signer]), 1_000).is_ok());
}

#[test]
fn the_example_of_rfc_7515_is_verified_by_rsa() {
    // Appendix A.2. It has no audience, which comes after the signature: that is how far it gets.
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let jwk = json!({"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"});
    let key = || vec![Key::of(&serde_json::from_value(jwk.clone()).unwrap()).unwrap()];
    let missing = check(token, &key(), 1_000);
    assert!(matches!(&missing, Err(Refused::Missing { claim }) if claim == "aud"), "{missing:?}");
    let forged = token.replace("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJhbm4i");
    assert!(matches!(check(&forged, &key(), 1_000), Err(Refused::Signature { .. })));
}

#[test]
fn what_only_a_secret_or_nobody_signed_is_not_accepted() {
    let signer = Signer::new("a");
    let good = signer.sign(&claims(json!({})));
    let (_, rest) = good.split_once('.').unwrap();
    for said in ["none", "None", "nOnE", "HS256", "HS512", "RS1", ""] {
        let header = BASE64_URL_SAFE_NO_PAD.encode(json!({"alg": said, "kid": "a"}).to_string());
        for token in [format!("{header}.{rest}"), format!("{header}.{}.", rest.split('.').next().unwrap())] {
            let refused = check(&token, &keys(&[&signer]), 1_000);
            assert!(
                matches!(&refused, Err(Refused::Algorithm { said: told }) if told == said),
                "{said}: {refused:?}"
            );
        }
    }
}

#[test]
fn a_key_verifies_only_by_the_algorithm_that_it_is_for() {
    let signer = Signer::new("a");
    let good = signer.sign(&claims(json!({})));
    let (_, rest) = good.split_once('.').unwrap();
    for said in ["RS256", "PS256", "ES384", "EdDSA"] {
        let header = BASE64_URL_SAFE_NO_PAD.encode(json!({"alg": said, "kid": "a"}).to_string());
        let refused = check(&format!("{header}.{rest}"), &keys(&[&signer]), 1_000);
        assert!(matches!(refused, Err(Refused::Key { .. })), "{said}: {refused:?}");
    }
    let mut jwk = signer.jwk();
    jwk["alg"] = json!("ES384");
    assert!(Key::of(&serde_json::from_value(jwk).unwrap()).is_none());
    let mut jwk = signer.jwk();
    jwk["use"] = json!("enc");
    assert!(Key::of(&serde_json::from_value(jwk).unwrap()).is_none());
    let secret = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "a"});
    assert!(Key::of(&serde_json::from_value(secret).unwrap()).is_none());
}

#[test]
fn a_changed_token_and_one_of_another_key_are_refused() {
    let (ours, other) = (Signer::new("a"), Signer::new("a"));
    let token = ours.sign(&claims(json!({})));
    assert!(matches!(check(&token, &keys(&[&other]), 1_000), Err(Refused::Signature { .. })));
    let unknown = Signer::new("b").sign(&claims(json!({})));
    assert!(matches!(check(&unknown, &keys(&[&ours]), 1_000), Err(Refused::Key { .. })));
    let parts: Vec<&str> = token.split('.').collect();
    let forged = BASE64_URL_SAFE_NO_PAD.encode(claims(json!({"sub": "2"})).to_string());
    let forged = format!("{}.{forged}.{}", parts[0], parts[2]);
    assert!(matches!(check(&forged, &keys(&[&ours]), 1_000), Err(Refused::Signature { .. })));
}

#[test]
fn keys_without_names_are_tried_one_after_the_other() {
    let (one, two) = (Signer::nameless(), Signer::nameless());
    let token = two.sign(&claims(json!({})));
    assert!(check(&token, &keys(&[&one, &two]), 1_000).is_ok());
    assert!(matches!(check(&token, &keys(&[&one]), 1_000), Err(Refused::Signature { .. })));
}

#[test]
fn times_hold_to_the_second_with_some_leeway() {
    let signer = Signer::new("a");
    let token = signer.sign(&claims(json!({"nbf": 1_500})));
    let keys = keys(&[&signer]);
    assert!(matches!(check(&token, &keys, 1_469), Err(Refused::Early { .. })));
    assert!(check(&token, &keys, 1_470).is_ok() && check(&token, &keys, 2_029).is_ok());
    let refused = check(&token, &keys, 2_030);
    assert!(
        matches!(&refused, Err(Refused::Expired { until }) if until == "1970-01-01T00:33:20Z"),
        "{refused:?}"
    );
    for exp in [json!("2000"), json!(null), json!([2_000]), json!(-1)] {
        let token = signer.sign(&claims(json!({"exp": exp})));
        assert!(check(&token, &keys, 1_000).is_err(), "{exp}");
    }
    let token = signer.sign(&claims(json!({"nbf": "1500"})));
    assert!(check(&token, &keys, 1_600).is_err());
}

#[test]
fn what_was_made_for_somebody_else_is_not_for_us() {
    let signer = Signer::new("a");
    let keys = keys(&[&signer]);
    for more in [json!({"aud": "other"}), json!({"aud": []}), json!({"aud": ["other"]})] {
        let refused = check(&signer.sign(&claims(more.clone())), &keys, 1_000);
        assert!(
            matches!(refused, Err(Refused::Audience { .. } | Refused::Missing { .. })),
            "{more}: {refused:?}"
        );
    }
}

#[test]
fn nonsense_is_no_token() {
    for text in ["", ".", "..", "...", "a.b.c", "e30.e30.", "e30.e30", "bnVsbA.e30.e30", &"a".repeat(40_000)]
    {
        let refused = peek(text).map(|_| ()).unwrap_err();
        assert!(matches!(refused, Refused::Malformed), "{text}: {refused:?}");
    }
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg": "ES256", "crit": ["exp"]}"#);
    assert!(matches!(peek(&format!("{header}.e30.e30")), Err(Refused::Malformed)));
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg": "ES256"}"#);
    assert!(matches!(peek(&format!("{header}.e30.e30")), Err(Refused::Missing { .. })));
}

#[test]
fn a_token_that_ends_a_session_lets_nobody_in() {
    let signer = Signer::new("a");
    let events = json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
    assert!(matches!(
        check(&signer.sign(&claims(events)), &keys(&[&signer]), 1_000),
        Err(Refused::Malformed)
    ));
}

#[test]
fn a_token_that_a_person_got_for_another_party_is_not_theirs_here() {
    let audiences = ["outboard".to_owned()];
    let of = |party: &str| Claims(json!({"azp": party}).as_object().cloned().unwrap());
    assert!(parties(&of("outboard"), &audiences).is_ok() && parties(&Claims::default(), &audiences).is_ok());
    assert!(matches!(parties(&of("other"), &audiences), Err(Refused::Audience { .. })));
}
