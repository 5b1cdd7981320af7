//! libfaketime, which answers for the system when a process asks for the time: <https://github.com/wolfcw/libfaketime>

use std::fs;
use std::path::{Path, PathBuf};

/// The one for programs with threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// Where it is, if it is: distributions have it beside their libraries, or in a folder of the architecture's.
pub(crate) fn installed() -> Option<PathBuf> {
    let roots = ["/usr/lib", "/usr/lib64"].map(Path::new);
    let inner = roots.iter().flat_map(fs::read_dir).flatten().flatten().map(|entry| entry.path());
    roots.iter().map(PathBuf::from).chain(inner).map(|folder| folder.join(LIBRARY)).find(|path| path.exists())
}
