//! What is rendered is what the engines read, and holds no secret where one could be read.

use super::*;

fn owner() -> CopyOwner {
    CopyOwner { install: "outboard".into(), control_namespace: "shop".into(), copy: "c1".into() }
}

fn server(host: &str) -> Server {
    Server {
        host: host.into(),
        port: 3306,
        user: Some("app".into()),
        password: Some(b"a secret".to_vec()),
        database: Some("app".into()),
        tls: false,
        authority: None,
        identity: None,
        memory: None,
    }
}

fn material() -> Material {
    let columns =
        [("users.email".to_owned(), MaskSpec::Email), ("other.users.name".to_owned(), MaskSpec::Name)];
    Material {
        source: End::Server(Server {
            tls: true,
            authority: Some(b"PEM".to_vec()),
            identity: Some((b"CERTIFICATE".to_vec(), b"a secret key".to_vec())),
            ..server("db.shop-live.svc")
        }),
        target: End::Server(server("db.shop-qa-1.svc")),
        what: What::Databases { names: vec!["app".into()], masks: masks(&columns.into(), &["app".into()]) },
        deny: true,
        key: Some(b"a key".to_vec()),
        limits: CopyLimits { bytes_per_second: Some(1 << 20), ..CopyLimits::default() },
        workers: 1,
        errand: None,
    }
}

#[test]
fn a_jobs_file_names_secrets_and_holds_none_and_the_engine_reads_it() {
    let secret = secret(&owner(), "db", &material()).unwrap();
    let data = secret.data.unwrap();
    let text = String::from_utf8(data["job.yaml"].0.clone()).unwrap();
    assert!(!text.contains("a secret") && !text.contains("a key"), "{text}");
    let job: crate::job::Job = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(job.masks.columns()["app.users.email"], MaskSpec::Email);
    assert_eq!(job.masks.columns()["other.users.name"], MaskSpec::Name);
    assert_eq!(job.limits.bytes_per_second, Some(1 << 20));
    assert!(job.source.tls.is_some() && job.target.tls.is_none() && job.replace);
    let shown = job.source.tls.as_ref().and_then(crate::job::Tls::identity).unwrap();
    assert!(shown.0.ends_with("source-certificate") && shown.1.ends_with("source-key"));
    let files = data.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
    assert_eq!(
        files,
        "job.yaml mask-key source-authority source-certificate source-key source-password target-password"
    );
}

#[test]
fn a_job_for_keys_is_read_by_their_engine() {
    let server = |host: &str| Server { port: 6379, user: None, database: None, ..server(host) };
    let rule = |field: Option<&str>, mask| ValueMask {
        keys: "user:*".into(),
        field: field.map(str::to_owned),
        mask,
    };
    let of = |databases, snapshot| Material {
        source: End::Server(Server { memory: Some(1 << 30), ..server("cache.shop-live.svc") }),
        target: End::Server(Server { password: None, ..server("cache.shop-qa-1.svc") }),
        what: What::Keys {
            databases,
            keys: CopyKeys { exclude: vec!["*:lock".into()], ..CopyKeys::default() },
            snapshot,
            masks: vec![rule(Some("email"), MaskSpec::Email), rule(None, MaskSpec::Null)],
        },
        limits: CopyLimits { cpu_percent: Some(40), threads_running: Some(9), ..CopyLimits::default() },
        ..material()
    };
    let text = file("db", &of(vec![], SnapshotChoice::Auto)).to_string();
    let job: crate::redis::job::Job = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(job.existing, Some(crate::redis::job::Existing::Wipe));
    assert_eq!((job.databases, job.masks.deny, job.limits.cpu_percent), (None, true, Some(40)));
    assert_eq!(job.masks.values[0].field.as_deref(), Some("email"));
    assert_eq!(job.masks.values[1].mask, Some(MaskSpec::Null));
    assert!(job.source.user.is_none() && job.target.password_file.is_none());
    assert_eq!((job.snapshot, job.source.memory_bytes, job.target.memory_bytes), (None, Some(1 << 30), None));
    let text = file("db", &of(vec![3], SnapshotChoice::Never)).to_string();
    let job: crate::redis::job::Job = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(job.snapshot, Some(false));
    assert_eq!(job.databases, Some(vec![3]));
    assert_eq!(job.keys.exclude, ["*:lock"]);
}

#[test]
fn a_job_for_objects_is_read_by_their_engine_and_holds_no_secret() {
    let bucket = |endpoint: Option<&str>, authority: Option<&[u8]>| {
        End::Bucket(Bucket {
            name: "app".into(),
            endpoint: endpoint.map(str::to_owned),
            region: Some("eu-west-1".into()),
            access_key: "AKIA".into(),
            secret_key: b"a secret".to_vec(),
            authority: authority.map(<[u8]>::to_vec),
        })
    };
    let rename = [("old/".to_owned(), "new/".to_owned())].into();
    let material = Material {
        source: bucket(None, Some(b"PEM")),
        target: bucket(Some("http://uploads.shop-qa-1.svc:7070"), None),
        what: What::Objects {
            keys: CopyKeys { rename, ..CopyKeys::default() },
            delete_up_to: Some(500),
            denied: DeniedChoice::Skip,
            masks: [("faces/".to_owned(), ObjectMask::Placeholder)].into(),
        },
        deny: false,
        key: None,
        limits: CopyLimits {
            connections: Some(9),
            latency_millis: Some(9),
            transfers: Some(8),
            ..CopyLimits::default()
        },
        workers: 1,
        errand: None,
    };
    let secret = secret(&owner(), "uploads", &material).unwrap();
    let data = secret.data.unwrap();
    let files: Vec<&String> = data.keys().collect();
    assert_eq!(files, ["job.yaml", "source-authority", "source-secret-key", "target-secret-key"]);
    let text = String::from_utf8(data["job.yaml"].0.clone()).unwrap();
    assert!(!text.contains("a secret"), "{text}");
    use crate::s3::job::{Denied, Existing, Job, Limits};
    let job: Job = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(
        (job.existing, job.denied, job.delete_up_to),
        (Some(Existing::Replace), Denied::Skip, Some(500))
    );
    assert_eq!((job.limits, job.count), (Limits { transfers: 8, ..Limits::default() }, true));
    assert_eq!((job.prefixes.rename["old/"].as_str(), job.source.endpoint), ("new/", None));
    assert!(job.source.tls.is_some_and(|tls| tls.ca_file.is_some()) && job.target.tls.is_none());
    assert_eq!(job.masks.prefixes["faces/"], ObjectMask::Placeholder);
}

#[test]
fn without_a_key_nothing_is_masked() {
    let bare = Material { key: None, ..material() };
    assert!(file("db", &bare)["masks"].is_null());
}

#[test]
fn limits_are_read_by_the_engine_as_they_are_written() {
    let limits = CopyLimits { threads_running: Some(7), ..CopyLimits::default() };
    let text = limits_text(CopyStore::Mariadb, &limits, 1);
    let read: crate::job::Limits = serde_json::from_str(&text).unwrap();
    assert_eq!(read, crate::job::Limits { threads_running: 7, ..Default::default() });
    let limits = CopyLimits { cpu_percent: Some(5), ..limits };
    let text = limits_text(CopyStore::Redis, &limits, 1);
    let read: crate::redis::job::Limits = serde_json::from_str(&text).unwrap();
    assert_eq!(read, crate::redis::job::Limits { cpu_percent: Some(5), ..Default::default() });
    let limits = CopyLimits { requests_per_second: Some(50), transfers: Some(9), ..limits };
    let text = limits_text(CopyStore::S3, &limits, 1);
    let read: crate::s3::job::Limits = serde_json::from_str(&text).unwrap();
    let all = crate::s3::job::Limits { requests_per_second: Some(50), transfers: 9, ..Default::default() };
    assert_eq!(read, all);
    // What several pods may do together is what one may.
    let text = limits_text(CopyStore::S3, &limits, 4);
    let read: crate::s3::job::Limits = serde_json::from_str(&text).unwrap();
    assert_eq!((read.requests_per_second, read.transfers), (Some(13), 3));
}

#[test]
fn what_runs_a_copy() {
    let owner = owner();
    let start = Start {
        owner: &owner,
        service: "db",
        number: 3,
        image: "outboard:1",
        task: Task::Copy,
        workers: 1,
        restores: false,
        beside: None,
    };
    let limits = limits_text(CopyStore::Mariadb, &CopyLimits::default(), 1);
    insta::assert_json_snapshot!(json!({
        "account": account(&owner).unwrap(),
        "binding": binding(&owner).unwrap(),
        "report": report(&owner, "db", &limits).unwrap(),
        "job": job(&start).unwrap(),
    }));
}

#[test]
fn several_pods_of_one_start_know_which_they_are_and_that_they_belong_together() {
    let owner = owner();
    let start = Start {
        owner: &owner,
        service: "uploads",
        number: 1,
        image: "outboard:1",
        task: Task::Copy,
        workers: 3,
        restores: false,
        beside: None,
    };
    let job = job(&start).unwrap().spec.unwrap();
    let pod = job.template.spec.unwrap();
    insta::assert_json_snapshot!(json!({
        "completions": job.completions, "parallelism": job.parallelism, "mode": job.completion_mode,
        "backoffLimit": job.backoff_limit, "spread": pod.topology_spread_constraints,
        "args": pod.containers[0].args, "env": pod.containers[0].env,
    }));
    let keys = [0, 1, 12].map(says);
    assert_eq!(keys, ["says", "says-1", "says-12"]);
    assert!(keys.iter().all(|key| is_said(key)) && !is_said(LIMITS));
}

fn about_a_backup(way: Way, what: What) -> Material {
    let shelf = Bucket {
        name: "backups".into(),
        endpoint: Some("http://minio:9000".into()),
        region: None,
        access_key: "writer".into(),
        secret_key: b"a secret".to_vec(),
        authority: None,
    };
    let ours = End::Server(server("db.shop-qa.svc"));
    let (source, target) = match way {
        Way::Make => (ours, End::Bucket(shelf.clone())),
        Way::Bring => (End::Server(Server::scratch(true)), ours),
    };
    let about = crate::plan::backup::manifest::About { backup: "qa-1".into(), ..Default::default() };
    let errand = Errand {
        way,
        shelf,
        folder: "outboard/shop/shop/qa/qa-1/".into(),
        services: vec!["db".into(), "uploads".into()],
        about,
        database: Some("app".into()),
    };
    let limits = CopyLimits::default();
    Material { source, target, what, deny: false, key: None, limits, workers: 1, errand: Some(errand) }
}

fn objects(masks: &[(&str, ObjectMask)]) -> What {
    let masks = masks.iter().map(|(prefix, mask)| ((*prefix).to_owned(), *mask)).collect();
    What::Objects { keys: CopyKeys::default(), delete_up_to: Some(5), denied: DeniedChoice::Fail, masks }
}

#[test]
fn what_a_pod_of_a_backup_is_told_names_secrets_and_holds_none() {
    let databases = What::Databases { names: vec!["app".into()], masks: BTreeMap::new() };
    for way in [Way::Make, Way::Bring] {
        let material =
            about_a_backup(way, What::Databases { names: vec!["app".into()], masks: BTreeMap::new() });
        let data = secret(&owner(), "db", &material).unwrap().data.unwrap();
        let text = String::from_utf8(data["backup.json"].0.clone()).unwrap();
        assert!(!text.contains("a secret") && text.contains("shelf-secret-key"), "{text}");
        assert_eq!(data["shelf-secret-key"].0, b"a secret");
    }
    let job = file("db", &about_a_backup(Way::Bring, databases)).to_string();
    let job: crate::job::Job = serde_saphyr::from_str(&job).unwrap();
    assert_eq!((job.source.host.as_str(), job.source.user.as_str()), ("127.0.0.1", "outboard"));
}

#[test]
fn objects_go_into_the_backups_folder_and_come_out_of_it_masked() {
    let read = |material: &Material| -> crate::s3::job::Job {
        serde_saphyr::from_str(&file("uploads", material).to_string()).unwrap()
    };
    let bucket = |name: &str| {
        let place = Bucket {
            name: name.into(),
            endpoint: None,
            region: Some("eu-west-1".into()),
            access_key: "a".into(),
            secret_key: vec![],
            authority: None,
        };
        End::Bucket(place)
    };
    let mut made = about_a_backup(Way::Make, objects(&[]));
    made.source = bucket("app");
    let made = read(&made);
    assert_eq!(made.prefixes.rename[""], "outboard/shop/shop/qa/qa-1/uploads/objects/");
    assert_eq!(made.notes, "outboard/shop/shop/qa/qa-1/uploads/");
    let mut back =
        about_a_backup(Way::Bring, objects(&[("", ObjectMask::Drop), ("public/", ObjectMask::Keep)]));
    (back.source, back.target) = (bucket("backups"), bucket("app"));
    let back = read(&back);
    let folder = "outboard/shop/shop/qa/qa-1/uploads/objects/";
    assert_eq!((back.prefixes.include, back.prefixes.rename[folder].as_str()), (vec![folder.to_owned()], ""));
    assert_eq!(back.masks.prefixes[folder], ObjectMask::Drop);
    assert_eq!(back.masks.prefixes[&format!("{folder}public/")], ObjectMask::Keep);
    assert_eq!(back.delete_up_to, Some(5));
}

#[test]
fn the_server_beside_shares_a_pipe_with_the_copy_and_nothing_else() {
    let owner = owner();
    let beside = json!({"name": "beside", "image": "mariadb:10.11", "pullSecrets": ["registries"]});
    let start = Start {
        owner: &owner,
        service: "db",
        number: 1,
        image: "outboard:1",
        task: Task::Copy,
        workers: 1,
        restores: true,
        beside: Some(beside),
    };
    let pod = serde_json::to_value(job(&start).unwrap()).unwrap()["spec"]["template"]["spec"].clone();
    assert_eq!(pod["initContainers"], json!([{"name": "beside", "image": "mariadb:10.11"}]));
    assert_eq!(pod["imagePullSecrets"], json!([{"name": "registries"}]));
    let names = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&pod["containers"][0]["volumeMounts"]), ["job", "exchange", "token"]);
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(names(&pod["volumes"]), ["job", "token", "exchange", "scratch"]);
    assert!(pod["containers"][0]["args"].to_string().contains("--restore"));
}
