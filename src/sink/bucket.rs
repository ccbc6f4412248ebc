//! Opens a bucket with what the settings and the environment say.

use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::{ObjectStore, Result};
use secrecy::ExposeSecret as _;

use crate::config::S3Settings;

/// A bucket of S3. What the settings leave out comes from the `AWS_*` environment.
pub fn s3(name: &str, settings: &S3Settings) -> Result<Arc<dyn ObjectStore>> {
    // One request for one object: not every server that speaks S3 knows the bulk form.
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(name).with_disable_bulk_delete(true);
    if settings.allow_http {
        builder = builder.with_allow_http(true);
    }
    if settings.virtual_hosted_style {
        builder = builder.with_virtual_hosted_style_request(true);
    }
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let (Some(id), Some(secret)) = (&settings.access_key_id, &settings.secret_access_key) {
        builder = builder.with_access_key_id(id.expose_secret()).with_secret_access_key(secret.expose_secret());
    }
    Ok(Arc::new(builder.build()?))
}
