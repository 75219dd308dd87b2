//! Keys of a service that outboard has no key for: why, and what to do instead.

pub fn reason(key: &str, part: &str) -> (String, String) {
    let (why, instead) = match key {
        "networks" | "network_mode" | "dns" | "dns_search" | "dns_opt" | "mac_address" => {
            ("an environment is one network of its own", "")
        }
        "extra_hosts" => (
            "names outside of the environment are DNS's business",
            "give the address in an `env` value, or `pod: {hostAliases: […]}` in Kubernetes' own words",
        ),
        "external_links" => ("what runs elsewhere is reached by its address", "give it in an `env` value"),
        "privileged" | "cap_add" | "cap_drop" | "security_opt" | "read_only" | "group_add"
        | "userns_mode" | "sysctls" => (
            "what it may do on its node has no key of its own, and clusters refuse most of it",
            "if it cannot do without: `container: {securityContext: {…}}` or `pod: {securityContext: {…}}` in Kubernetes' own words",
        ),
        "devices" | "device_cgroup_rules" | "gpus" | "runtime" => (
            "devices of the node have no key of their own",
            "`container: {resources: {limits: {nvidia.com/gpu: 1}}}` asks for one in Kubernetes' own words",
        ),
        "labels" | "label_file" | "annotations" => (
            "labels are outboard's own; what others read in them (a proxy, a monitor) does not look here",
            "a hostname is a line under `routes`",
        ),
        "logging" => (
            "every container's output is kept and followed without being told",
            "see it with `outboard logs`",
        ),
        "profiles" => {
            return (
                "every component of a project runs".to_owned(),
                format!("remove `{part}` if it was only there for development"),
            );
        }
        "pid" | "ipc" | "uts" | "cgroup" | "cgroup_parent" | "isolation" | "storage_opt" | "shm_size"
        | "ulimits" | "oom_kill_disable" | "oom_score_adj" | "mem_swappiness" | "memswap_limit"
        | "pids_limit" | "cpu_shares" | "cpuset" | "cpu_quota" | "cpu_period" | "cpu_percent"
        | "cpu_rt_runtime" | "cpu_rt_period" | "blkio_config" => {
            let instead = match key {
                "shm_size" => "`volumes: {/dev/shm: {memory: 64Mi}}` gives it shared memory",
                _ => "",
            };
            ("how its node treats it has no key of its own", instead)
        }
        "stop_signal" => {
            ("a container is asked to stop with SIGTERM, or with what its image says", "say it in the image")
        }
        "tty" | "stdin_open" | "attach" => ("nobody sits at its terminal", "`outboard exec` opens one"),
        "init" => (
            "the process that is started is the first one",
            "let the image start a small init (tini), if it leaves dead children behind",
        ),
        "platform" => ("the image's index decides what runs on which node", ""),
        "pull_policy" => ("an image is pulled by its digest, so it is always the right one", ""),
        "develop" | "post_start" | "pre_stop" | "provider" | "models" | "credential_spec"
        | "volumes_from" | "domainname" => ("it has no counterpart", ""),
        key => return (format!("`{key}` is no key that is known here"), String::new()),
    };
    (why.to_owned(), instead.to_owned())
}
