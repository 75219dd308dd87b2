//! The bucket in which backups lie, and who writes there: the project says where, a Secret that serves the class says who.

use api::datacopy::BackupPlace;
use api::project::ServiceSettings;
use api::{Verdict, marks};

use super::Values;
use crate::context::{Context, Stop};
use crate::plan::between::render::Bucket;

/// The bucket in which backups lie, as whoever the Secret says, if it serves the class.
pub async fn shelf(
    backup: &BackupPlace,
    control: &str,
    context: &Context,
) -> Result<Result<Bucket, Verdict>, Stop> {
    const WHAT: &str = "backups";
    let place = &backup.place;
    let class = marks::for_backups(&backup.class);
    let kept = match super::kept(&place.secret, &class, WHAT, control, context).await? {
        Ok(values) => values,
        Err(verdict) => return Ok(Err(Verdict { about: WHAT.to_owned(), ..verdict })),
    };
    // Where it is the project alone says.
    let credentials = ["access_key", "secret_key", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "ca.crt"];
    let kept: Values = kept.into_iter().filter(|(name, _)| credentials.contains(&name.as_str())).collect();
    let said = [
        ("bucket", Some(&place.bucket)),
        ("region", place.region.as_ref()),
        ("endpoint", place.endpoint.as_ref()),
    ];
    let fields =
        said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.clone()))).collect();
    let settings = ServiceSettings { fields, ..ServiceSettings::default() };
    Ok(super::external_bucket(&settings, &kept, WHAT).map_err(|verdict| Verdict {
        about: WHAT.to_owned(),
        message: verdict.message.replace("the external service backups", "the place of backups"),
        fix: "say region or endpoint in `backups` of the project, and put access_key and secret_key into its Secret".to_owned(),
        ..verdict
    }))
}
