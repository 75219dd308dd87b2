//! The words for an archive of logs that cannot be read.

use api::Exit;
use verbs::logs::archive::{Doing, Error, Failure};
use verbs::logs::served::Unread;

use crate::Words;

pub(crate) fn of_archive(error: &Error) -> Words {
    let sentence = error.to_string();
    let Error::Bucket { bucket, doing, failure } = error else {
        return Words::new(Exit::Usage, sentence).hint("narrow it with --since and --until");
    };
    match failure {
        Failure::Missing => Words::new(Exit::NotFound, sentence)
            .hint("correct `logs.archive` in outboard.yaml: bucket, region and endpoint"),
        Failure::Denied(_) => Words::new(Exit::Forbidden, sentence).hint(format!(
            "you need {}; which credentials are used says `aws sts get-caller-identity`",
            doing.right(bucket)
        )),
        Failure::NoCredentials(_) => Words::new(Exit::Forbidden, sentence).hint(format!(
            "log in to AWS, or name a profile with AWS_PROFILE; it takes {} and {}",
            Doing::List.right(bucket),
            Doing::Read.right(bucket)
        )),
        Failure::NoRegion => Words::new(Exit::Usage, sentence)
            .hint("set AWS_REGION, or `region` in `logs.archive` of outboard.yaml"),
        Failure::Throttled(_) | Failure::Unreachable(_) => Words::new(Exit::Unreachable, sentence)
            .hint("try again; `endpoint` in `logs.archive` says where it is asked"),
        _ => Words::new(Exit::Failure, sentence)
            .hint("is it in the region that `logs.archive` in outboard.yaml, or AWS_REGION, names?"),
    }
}

/// Where there is nothing but the archive, and it was not read for whoever asks.
pub(crate) fn of_unread(why: &Unread, sentence: String) -> Words {
    let (exit, hint) = match why {
        Unread::Unserved { .. } | Unread::OwnMarks => (
            Exit::Forbidden,
            "run `outboard logs` with a kubeconfig and credentials for the bucket, or have whoever runs the server name it (`--log-archive`)",
        ),
        Unread::Forbidden { .. } => {
            (Exit::Forbidden, "whoever looks after `access` of the project can let you")
        }
        Unread::Busy | Unread::Crowded => (Exit::Unreachable, "try again in a moment"),
        Unread::Big(_) => (Exit::Usage, "say a shorter time"),
        Unread::Late { .. } => (Exit::Timeout, "say a shorter time, or a query that finds less"),
        Unread::Failed(error) => {
            return Words::new(of_archive(error).exit, sentence)
                .hint("whoever runs this looks after its AWS credentials, region and network");
        }
    };
    Words::new(exit, sentence).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_named_with_the_bucket() {
        let words = |failure| {
            let bucket = "shop-logs".to_owned();
            let words = of_archive(&Error::Bucket { bucket, doing: Doing::List, failure });
            format!("{} ({})\n  {}", words.sentence, words.exit.code(), words.hint.unwrap_or_default())
        };
        let all = [
            Failure::Missing,
            Failure::Denied("Access Denied".into()),
            Failure::NoCredentials("there are none".into()),
            Failure::NoRegion,
            Failure::Unreachable("connection refused".into()),
            Failure::Refused("PermanentRedirect: elsewhere".into()),
        ];
        insta::assert_snapshot!(all.map(words).join("\n"));
    }
}
