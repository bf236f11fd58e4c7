//! The record as the owner of its tables has it: for commands, beside a program that runs or without one.

use std::path::Path;

use model::Timestamp;
use secrecy::ExposeSecret as _;
use sqlx::PgConnection;

use super::{
    Pruned,
    verify::{Range, Verification},
};
use crate::{
    DatabaseSetting,
    db::{self, failed},
    error::{Error, Result},
};

/// The record of a database, which is neither started nor migrated.
#[derive(Debug)]
pub struct OwnedRecord(PgConnection);

impl OwnedRecord {
    /// Connects to where the settings say that the database is.
    pub async fn open(setting: &DatabaseSetting) -> Result<Self> {
        let mut connection = match setting {
            DatabaseSetting::Url(url) => db::connect_to_url(url.expose_secret()).await?,
            DatabaseSetting::Private(folder) => {
                let folder = folder.clone().unwrap_or_else(db::default_data_dir);
                db::connect_to_private(&folder).await?
            }
        };
        let there: bool = sqlx::query_scalar("SELECT to_regclass('audit_chain') IS NOT NULL")
            .fetch_one(&mut connection)
            .await
            .map_err(failed("look for the record"))?;
        if !there {
            let what =
                "the database has no sealed record yet: run `quarterdeck serve` of this version on it once";
            return Err(Error::Setting(what.into()));
        }
        Ok(Self(connection))
    }

    /// Walks a range of the chain.
    pub async fn verify(&mut self, range: Range) -> Result<Verification> {
        super::verify::verify(&mut self.0, range).await
    }

    /// Exports what is older than `before` to a new file, and removes it.
    pub async fn prune(&mut self, before: Timestamp, export: &Path) -> Result<Option<Pruned>> {
        super::prune(&mut self.0, before, export).await
    }
}
