//! Extended attributes.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use rustix::buffer::spare_capacity;

/// All extended attributes that can be read, as fsutil sends them to BuildKit.
pub(crate) fn xattrs(file: BorrowedFd<'_>) -> BTreeMap<String, Vec<u8>> {
    let mut names = Vec::with_capacity(1024);
    if let Err(errno) = rustix::fs::flistxattr(file, spare_capacity(&mut names)) {
        if errno != rustix::io::Errno::RANGE {
            return BTreeMap::new();
        }
        names.reserve(rustix::fs::flistxattr(file, &mut [0_u8; 0]).unwrap_or_default());
    }
    let mut found = BTreeMap::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let Ok(name) = str::from_utf8(name) else { continue };
        // The kernel's limit, XATTR_SIZE_MAX.
        let mut value = Vec::with_capacity(64 * 1024);
        if rustix::fs::fgetxattr(file, name, spare_capacity(&mut value)).is_ok() {
            value.shrink_to_fit();
            found.insert(name.to_owned(), value);
        }
    }
    found
}
