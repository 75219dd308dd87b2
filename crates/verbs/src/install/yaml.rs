//! Objects as one YAML text of several documents, in their order and with their keys' order.

use serde_json::Value;

/// What `--dry-run` prints and `deploy/` holds.
pub fn to_yaml(objects: &[Value]) -> Result<String, serde_saphyr::ser::Error> {
    let options = serde_saphyr::ser_options! {
        indent_step: 2,
        compact_list_indent: true,
        prefer_block_scalars: false,
    };
    serde_saphyr::to_string_multiple_with_options(objects, options)
}
