//! A project that needs no database: the shop's web alone, whose page would ask one and whose `/version` does not.

use serde_json::{Value, json};

/// The `spec` of its file.
pub fn light() -> Value {
    json!({
        "components": {"web": {
            "image": "registry.testbed:5000/shop/web",
            "version": "1",
            "ports": {"http": 8080},
            "env": {"DATABASE_URL": "mysql://nobody:nothing@localhost:3306/none"},
            "health": {"ready": {"http": "/version"}, "start": "60s"},
            "resources": {"cpu": "5m", "memory": "32Mi"},
            "scale": {"min": 1},
        }},
        "routes": [{"host": "web", "path": "/", "to": "web"}],
        "classes": {"qa": {}, "production": {}},
    })
}
