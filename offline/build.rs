//! With the feature `train`: lets the built binaries and tests find libtorch without `LD_LIBRARY_PATH`.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if std::env::var_os("CARGO_FEATURE_TRAIN").is_none() {
        return;
    }
    let folder = std::env::var_os("LIBTORCH").map(std::path::PathBuf::from);
    if let Some(lib) = folder.and_then(|f| f.join("lib").canonicalize().ok()) {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
    }
}
