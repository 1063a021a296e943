//! Writes the JSON Schemas anew: `cargo run -p vault-schema --features schemas --example schemas`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    std::fs::create_dir_all(&folder)?;
    for format in vault_schema::schemas::all() {
        std::fs::write(folder.join(format.file), format.text())?;
    }
    Ok(())
}
