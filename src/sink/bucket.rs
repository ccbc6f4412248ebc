//! Opens a bucket with what the settings and the environment say.

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{ClientConfigKey, ObjectStore};
use secrecy::ExposeSecret as _;

use super::told::Told;
use crate::config::{OutputSettings, S3Settings};
use crate::error::{Error, Kind, Result};

/// A bucket, by both of the interfaces that it is used through.
#[derive(Clone)]
pub struct Bucket {
    /// Whole objects.
    pub objects: Arc<dyn ObjectStore>,
    /// Uploads in parts.
    pub parts: Arc<dyn MultipartStore>,
    /// The last step of an upload in parts: the server may take minutes for it, where any other request has the library's 30 seconds.
    pub finish: Arc<dyn MultipartStore>,
    /// Signs addresses that the library has no request for; S3 only.
    pub signer: Option<Arc<dyn Signer>>,
}

/// The longest that the last step of an upload may take.
const FINISH: &str = "10 minutes";

impl Bucket {
    /// Both interfaces of one store.
    pub fn of<S: ObjectStore + MultipartStore>(store: S) -> Bucket {
        let store = Arc::new(store);
        Bucket { objects: store.clone(), parts: store.clone(), finish: store, signer: None }
    }

    /// The bucket that a URL names and the prefix in it; `None` if the URL is a folder's.
    ///
    /// # Errors
    /// [`Kind::Output`] if the bucket cannot be opened, which asks nothing of its server.
    pub fn of_url(settings: &OutputSettings) -> Option<Result<(Bucket, String)>> {
        let (scheme, place) = settings.url.split_once("://")?;
        let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
        let failed = || Error::new(Kind::Output, format!("cannot open {}", settings.url));
        let opened = match scheme {
            "s3" => s3(name, &settings.s3),
            "gs" => google(name),
            "az" => azure(name),
            _ => return None,
        };
        let prefix = prefix.trim_matches('/');
        if let Err(error) = Path::parse(prefix) {
            return Some(Err(failed().caused_by(error).hint("name the prefix without empty parts and odd characters")));
        }
        Some(opened.map(|bucket| (bucket, prefix.to_owned())).map_err(|e| failed().caused_by(Told::from(e))))
    }
}

/// A bucket of S3. What the settings leave out comes from the `AWS_*` environment.
fn s3(name: &str, settings: &S3Settings) -> object_store::Result<Bucket> {
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
    let patient = builder.clone().with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), FINISH).build()?;
    let store = builder.build()?;
    Ok(Bucket { finish: Arc::new(patient), signer: Some(Arc::new(store.clone())), ..Bucket::of(store) })
}

/// A bucket of Google Cloud Storage, with the usual `GOOGLE_*` environment.
#[cfg(feature = "gcs")]
fn google(name: &str) -> object_store::Result<Bucket> {
    object_store::gcp::GoogleCloudStorageBuilder::from_env().with_bucket_name(name).build().map(Bucket::of)
}

#[cfg(not(feature = "gcs"))]
fn google(_name: &str) -> object_store::Result<Bucket> {
    Err(not_built("gs://", "gcs"))
}

/// A container of Azure Blob Storage, with the usual `AZURE_*` environment.
#[cfg(feature = "azure")]
fn azure(name: &str) -> object_store::Result<Bucket> {
    object_store::azure::MicrosoftAzureBuilder::from_env().with_container_name(name).build().map(Bucket::of)
}

#[cfg(not(feature = "azure"))]
fn azure(_name: &str) -> object_store::Result<Bucket> {
    Err(not_built("az://", "azure"))
}

#[cfg(not(all(feature = "gcs", feature = "azure")))]
fn not_built(scheme: &str, feature: &str) -> object_store::Error {
    let source = format!("{scheme} is not in this build; build with the feature \"{feature}\"").into();
    object_store::Error::NotSupported { source }
}
