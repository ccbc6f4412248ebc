//! `[output]`: where the files go.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Where the files go.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputSettings {
    /// A folder, or `s3://bucket/prefix`.
    pub url: String,
    /// Compression of the Parquet pages.
    pub compression: Compression,
    /// Access to S3; absent keys come from the usual `AWS_*` environment.
    pub s3: S3Settings,
}

impl Default for OutputSettings {
    fn default() -> Self {
        OutputSettings { url: "data".to_owned(), compression: Compression::Zstd, s3: S3Settings::default() }
    }
}

impl OutputSettings {
    /// True if the output is no folder on local disk.
    pub fn is_bucket(&self) -> bool {
        self.url.contains("://")
    }
}

/// Compression of the Parquet pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Smallest; every current reader knows it.
    Zstd,
    /// For old readers.
    Snappy,
    /// None.
    None,
}

/// Access to S3 or a server that speaks it.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Settings {
    /// Region of the bucket.
    pub region: Option<String>,
    /// Address of an S3-compatible server.
    pub endpoint: Option<String>,
    /// Allows `http://` for the endpoint.
    pub allow_http: bool,
    /// `https://bucket.host/` instead of `https://host/bucket/`.
    pub virtual_hosted_style: bool,
    /// Key id, if not from the environment.
    pub access_key_id: Option<SecretString>,
    /// Secret key, if not from the environment.
    pub secret_access_key: Option<SecretString>,
}

impl PartialEq for S3Settings {
    fn eq(&self, other: &Self) -> bool {
        let text = |secret: &Option<SecretString>| secret.as_ref().map(|s| s.expose_secret().to_owned());
        self.region == other.region
            && self.endpoint == other.endpoint
            && self.allow_http == other.allow_http
            && self.virtual_hosted_style == other.virtual_hosted_style
            && text(&self.access_key_id) == text(&other.access_key_id)
            && text(&self.secret_access_key) == text(&other.secret_access_key)
    }
}

impl std::fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Settings")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
