//! The environment variables the programs read, checked once at the start. No error ever shows a value.

use mysql_async::{Opts, OptsBuilder, PoolConstraints, PoolOpts};
use redis::IntoConnectionInfo;
use reqwest::Url;

/// A failure on demand, so that there is something to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fail {
    Crash,
    Unready,
}

#[derive(Clone, Debug)]
pub struct S3 {
    pub endpoint: Url,
    pub bucket: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
}

/// Reads variables through a function, so that tests need no real environment.
pub struct Variables<F>(pub F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// An empty variable is as good as none.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str, example: &str) -> Result<String, String> {
        self.get(name).ok_or_else(|| format!("{name} is not set; it looks like {example}"))
    }

    pub fn port(&self) -> Result<u16, String> {
        match self.get("PORT") {
            None => Ok(8080),
            Some(text) => text.parse().map_err(|_| "PORT is not a port number".to_owned()),
        }
    }

    pub fn fail(&self) -> Result<Option<Fail>, String> {
        match self.get("FAIL").as_deref() {
            None => Ok(None),
            Some("crash") => Ok(Some(Fail::Crash)),
            Some("unready") => Ok(Some(Fail::Unready)),
            Some(_) => Err("FAIL is neither `crash` nor `unready`".to_owned()),
        }
    }

    pub fn database(&self) -> Result<Opts, String> {
        let url = self.required("DATABASE_URL", "mysql://user:password@host:3306/database")?;
        // The parser's own words may quote the URL, and with it the password.
        let invalid = || "DATABASE_URL is not a valid mysql:// URL".to_owned();
        let options = Opts::from_url(&url).map_err(|_| invalid())?;
        if options.ip_or_hostname().is_empty() {
            return Err("DATABASE_URL names no host".to_owned());
        }
        if options.db_name().is_none_or(str::is_empty) {
            return Err("DATABASE_URL names no database".to_owned());
        }
        let limits = PoolConstraints::new(0, 10).ok_or_else(invalid)?;
        let pool = PoolOpts::default().with_constraints(limits);
        Ok(OptsBuilder::from_opts(options).pool_opts(pool).into())
    }

    pub fn redis(&self) -> Result<Option<redis::Client>, String> {
        let Some(url) = self.get("REDIS_URL") else { return Ok(None) };
        let invalid = |_| "REDIS_URL is not a valid redis:// URL".to_owned();
        let info = url.into_connection_info().map_err(invalid)?;
        redis::Client::open(info).map(Some).map_err(invalid)
    }

    pub fn required_redis(&self) -> Result<redis::Client, String> {
        self.required("REDIS_URL", "redis://host:6379")?;
        self.redis()?.ok_or_else(|| "REDIS_URL is not set".to_owned())
    }

    /// All four variables or none: half a configuration is a mistake, not a wish.
    pub fn s3(&self) -> Result<Option<S3>, String> {
        const NAMES: [&str; 4] = ["S3_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY"];
        let values = NAMES.map(|name| self.get(name));
        if values.iter().all(Option::is_none) {
            return Ok(None);
        }
        let missing: Vec<&str> =
            NAMES.iter().zip(&values).filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
        let [Some(endpoint), Some(bucket), Some(access_key), Some(secret_key)] = values else {
            return Err(format!("{} not set, though other S3 variables are", missing.join(" and ")));
        };
        let endpoint = Url::parse(&endpoint).map_err(|_| "S3_ENDPOINT is not a valid URL".to_owned())?;
        let region = self.get("S3_REGION").unwrap_or_else(|| "us-east-1".to_owned());
        Ok(Some(S3 { endpoint, bucket, region, access_key, secret_key }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<const N: usize>(
        pairs: [(&'static str, &'static str); N],
    ) -> Variables<impl Fn(&str) -> Option<String>> {
        Variables(move |name: &str| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_good_database_url_is_taken_apart() {
        let options = with([("DATABASE_URL", "mysql://shop:s3cret@db:3307/shop")]).database().unwrap();
        assert_eq!(options.ip_or_hostname(), "db");
        assert_eq!((options.tcp_port(), options.db_name()), (3307, Some("shop")));
    }

    #[test]
    fn a_bad_database_url_is_refused_without_its_password() {
        for bad in [
            "postgres://u:s3cret@db/shop",
            "mysql://u:s3cret@db",
            "mysql://u:s3cret@db/",
            "mysql://u:s3cret@db:port/shop",
            "mysql://u:s3cret@db/shop?nonsense=s3cret",
            "s3cret",
        ] {
            let error = with([("DATABASE_URL", bad)]).database().unwrap_err();
            assert!(error.starts_with("DATABASE_URL "), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        assert!(with([]).database().unwrap_err().contains("DATABASE_URL is not set"));
        assert!(with([("DATABASE_URL", "")]).database().unwrap_err().contains("is not set"));
    }

    #[test]
    fn redis_and_s3_are_optional_but_not_by_halves() {
        assert!(with([]).redis().unwrap().is_none());
        assert!(with([]).s3().unwrap().is_none());
        assert!(with([("REDIS_URL", "redis://cache:6379")]).redis().unwrap().is_some());
        assert_eq!(
            with([("REDIS_URL", "http://x:pw@y")]).redis().unwrap_err(),
            "REDIS_URL is not a valid redis:// URL"
        );
        let error = with([("S3_ENDPOINT", "http://s3"), ("S3_BUCKET", "b"), ("S3_ACCESS_KEY", "k")])
            .s3()
            .unwrap_err();
        assert_eq!(error, "S3_SECRET_KEY not set, though other S3 variables are");
    }

    #[test]
    fn ports_and_failures_are_checked() {
        assert_eq!(with([]).port(), Ok(8080));
        assert_eq!(with([("PORT", "80")]).port(), Ok(80));
        assert!(with([("PORT", "80000")]).port().is_err());
        assert_eq!(with([("FAIL", "crash")]).fail(), Ok(Some(Fail::Crash)));
        assert!(with([("FAIL", "sometimes")]).fail().is_err());
    }
}
