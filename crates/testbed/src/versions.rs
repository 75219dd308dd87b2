//! What the testbed runs, in which version. The Go versions stand in `go/go.mod`; these must agree with it.

pub const KUBERNETES: &str = "v1.36.3";
pub const ENVOY: &str = "1.40.0";
pub const ENVOY_GATEWAY: &str = "v1.9.1";
