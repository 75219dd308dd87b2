//! What a cluster is called where its name alone would not do.

use sha2::{Digest, Sha256};

/// Whose a cluster is, and where what is known of it lies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    pub name: String,
    /// The name with a suffix that no other cluster of any account or region has.
    pub id: String,
    pub account: String,
    pub bucket: String,
}

impl Identity {
    pub fn of(name: &str, account: &str, region: &str, bucket: Option<&str>) -> Self {
        let bucket = bucket.map_or_else(|| default_bucket(account, region), str::to_owned);
        let digest = Sha256::digest(format!("{account}/{region}/{bucket}/{name}"));
        let suffix: String = digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
        Self { name: name.to_owned(), id: format!("{name}-{suffix}"), account: account.to_owned(), bucket }
    }

    /// Where everything of this cluster lies in the bucket.
    pub fn prefix(&self) -> String {
        format!("{CLUSTERS}{}", self.name)
    }

    pub fn state_key(&self) -> String {
        format!("{}/terraform.tfstate", self.prefix())
    }

    /// Where Terraform says that it works on the state.
    pub fn lock_key(&self) -> String {
        format!("{}.tflock", self.state_key())
    }
}

/// The folder of all clusters in a bucket.
pub const CLUSTERS: &str = "clusters/";

pub fn default_bucket(account: &str, region: &str) -> String {
    format!("outboard-{account}-{region}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_of_one_name_have_ids_of_their_own_and_keep_them() {
        let of = |account, region| Identity::of("qa", account, region, None);
        let here = of("123456789012", "eu-west-1");
        assert_eq!(here, of("123456789012", "eu-west-1"));
        assert_ne!(here.id, of("123456789012", "eu-central-1").id);
        assert_ne!(here.id, of("210987654321", "eu-west-1").id);
        assert_eq!(here.bucket, "outboard-123456789012-eu-west-1");
        assert_eq!(here.lock_key(), "clusters/qa/terraform.tfstate.tflock");
    }

    #[test]
    fn names_of_load_balancers_have_room_for_the_longest_id() {
        let longest = Identity::of(&"a".repeat(20), "123456789012", "eu-west-1", None);
        assert!(format!("{}-api", longest.id).len() <= 32);
    }
}
