//! Images of well-known applications, for stories that run what teams come with. Each answers like its namesake on
//! Docker Hub as far as Compose files know it: variables, folders, ports, programs.

use super::spec::ImageSpec;

/// Built and pushed when they are asked for.
pub fn applications() -> Vec<ImageSpec> {
    vec![wordpress(), rabbitmq(), queue()]
}

/// Debian's WordPress and Apache.
fn wordpress() -> ImageSpec {
    const PHP: &str = "extension=mysqlnd.so\nextension=mysqli.so\nextension=ctype.so\nextension=exif.so\n\
        extension=fileinfo.so\nextension=gd.so\nextension=iconv.so\nextension=tokenizer.so\n";
    let packages = [
        "wordpress",
        "wordpress-theme-twentytwentythree",
        "apache2",
        "libapache2-mod-php",
        "php-gd",
        "php-mysql",
        "coreutils",
        "dash",
    ];
    ImageSpec::from_debian("library/wordpress:6-apache", &packages)
        .programs(&["apache2", "cat", "chown", "cp", "dash", "ls", "mkdir", "sh"])
        .without(&["usr/share/icons", "usr/share/fonts", "usr/share/mysql", "usr/libexec"])
        .file("/usr/local/bin/start", include_str!("../../images/wordpress/start"), 0o755)
        .file("/etc/apache2/httpd.conf", include_str!("../../images/wordpress/httpd.conf"), 0o644)
        .file("/etc/wordpress/wp-config.php", include_str!("../../images/wordpress/wp-config.php"), 0o644)
        .file("/etc/php/8.2/apache2/conf.d/all.ini", PHP, 0o644)
        .user("www-data", 33, "/var/www")
        .dir("/var/www/html", 0o755, 33)
        .workdir("/var/www/html")
        .entrypoint(&["/usr/local/bin/start"])
        .port(80)
}

/// Debian's RabbitMQ with its page for administrators.
fn rabbitmq() -> ImageSpec {
    const HOME: &str = "/var/lib/rabbitmq";
    let packages = ["rabbitmq-server", "coreutils", "dash", "grep", "hostname", "sed"];
    let image = ImageSpec::from_debian("library/rabbitmq:3-management", &packages)
        .without(&["usr/lib/erlang/man", "usr/lib/rabbitmq/autocomplete", "usr/lib/ocf"])
        .file("/usr/local/bin/start", include_str!("../../images/rabbitmq/start"), 0o755)
        .file("/etc/rabbitmq/enabled_plugins", "[rabbitmq_management].\n", 0o644)
        .user("rabbitmq", 999, HOME)
        .dir("/etc/rabbitmq", 0o755, 999)
        .dir(HOME, 0o755, 999)
        .dir("/var/log/rabbitmq", 0o755, 999)
        .env("HOME", HOME)
        .env("LANG", "C.UTF-8")
        .run_as("999:999")
        .entrypoint(&["/usr/local/bin/start"])
        .port(5672)
        .port(15672);
    // Debian's own wrappers change the user, which this image has done; a link would not find what lies beside it.
    ["rabbitmq-diagnostics", "rabbitmq-server", "rabbitmqctl"].iter().fold(image, |image, program| {
        let script = format!("#!/bin/sh\nexec /usr/lib/rabbitmq/bin/{program} \"$@\"\n");
        image.file(&format!("/usr/local/bin/{program}"), script.as_str(), 0o755)
    })
}

/// A producer and a worker in Python, around a message broker.
fn queue() -> ImageSpec {
    ImageSpec::from_debian("demo/queue:1", &["python3", "python3-pika", "python3-redis", "coreutils", "dash"])
        .programs(&["cat", "dash", "ls", "python3", "python3.11", "sh"])
        .file("/app/producer.py", include_str!("../../images/queue/producer.py"), 0o644)
        .file("/app/worker.py", include_str!("../../images/queue/worker.py"), 0o644)
        .user("app", 10001, "/tmp")
        .run_as("10001:10001")
        .workdir("/app")
        .env("PYTHONUNBUFFERED", "1")
        .port(8000)
}

#[cfg(test)]
mod tests {
    use super::super::catalogue;
    use super::*;

    #[test]
    fn every_name_is_valid_and_stands_for_nothing_that_is_always_built() {
        let always: Vec<String> = catalogue().iter().map(|spec| spec.name().unwrap().to_string()).collect();
        for spec in applications() {
            let name = spec.name().unwrap().to_string();
            assert!(!always.contains(&name), "{name}");
        }
    }
}
