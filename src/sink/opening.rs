//! The ways to open an output: to work on it, to look at it, and to try it.

use std::path::{Path, PathBuf};

use object_store::memory::InMemory;

use super::bucket::Bucket;
use super::disk::TEMPORARY;
use super::store::Store;
use crate::config::OutputSettings;
use crate::error::{Error, Kind, Result};

impl Store {
    /// Opens the output; a folder is made if absent.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be opened or made.
    pub fn open(settings: &OutputSettings) -> Result<Store> {
        Store::open_as("output.url", settings)
    }

    /// The same for a place that another key of the settings names.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_as(key: &'static str, settings: &OutputSettings) -> Result<Store> {
        if !settings.is_bucket() {
            let made = std::fs::create_dir_all(Path::new(&settings.url).join(TEMPORARY));
            made.map_err(|e| unwritable(key, &settings.url).caused_by(e))?;
        }
        let mut store = Store::to_look(settings)?;
        store.key = key;
        Ok(store)
    }

    /// Opens the output for a command that only looks, and makes nothing: a folder that is not there holds nothing.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be opened.
    pub fn to_look(settings: &OutputSettings) -> Result<Store> {
        let (root, shown) = (Path::new(&settings.url), settings.url.clone());
        match Bucket::of_url(settings) {
            Some(opened) => opened.map(|(bucket, prefix)| Store::bucket(bucket, prefix, shown)),
            None if root.is_dir() => Store::folder(root, shown),
            None => Ok(Store::bucket(Bucket::of(InMemory::new()), String::new(), shown)),
        }
    }

    /// The same to work on: a folder is made if absent. A bucket stays as it is, for its credentials may be good for one opening.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn to_work(self, settings: &OutputSettings) -> Result<Store> {
        if settings.is_bucket() { Ok(self) } else { Store::open(settings) }
    }

    /// Opens the output to try it: the folders that this makes go with the store, unless something lies in them by then.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn trial(key: &'static str, settings: &OutputSettings) -> Result<Store> {
        let made = Made::of(settings);
        let mut store = Store::open_as(key, settings)?;
        store.made = Some(made);
        Ok(store)
    }
}

/// Folders that were not there, the innermost first. When this is dropped, those that are empty go.
#[derive(Debug)]
pub struct Made(Vec<PathBuf>);

impl Made {
    /// What opening the output will make.
    pub fn of(settings: &OutputSettings) -> Made {
        let innermost = Path::new(&settings.url).join(TEMPORARY);
        let absent = innermost.ancestors().take_while(|folder| !folder.exists() && !settings.is_bucket());
        Made(absent.map(Path::to_owned).collect())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // A folder in which something lies by now is another run's, and is not removed by this call.
        for folder in &self.0 {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// What is said of a place that cannot be made or written.
pub fn unwritable(key: &str, shown: &str) -> Error {
    Error::new(Kind::Output, format!("{key}: {shown} cannot be written"))
        .hint("check that the folder can be made and written, or name another")
}
