//! A port on which a relay can restart.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::Context as _;

/// A UDP port on loopback that nothing else takes while the relay is down.
///
/// It lies below the range of ephemeral ports, so that no caller's socket gets it. A locked file
/// keeps it from the other processes that reserve one. It is free again when this is dropped, or
/// when the process ends, however it ends.
#[derive(Debug)]
pub struct ReservedPort {
    port: u16,
    _lock: File,
}

impl ReservedPort {
    const RANGE: std::ops::Range<u16> = 20_000..30_000;

    /// Reserves a port on 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If no port is free, or the folder for temporary files cannot be written.
    pub fn reserve() -> anyhow::Result<Self> {
        // Processes begin at different places, so that they rarely meet.
        let span = u32::from(Self::RANGE.end - Self::RANGE.start);
        let start = std::process::id().wrapping_mul(101) % span;
        (0..span)
            .filter_map(|step| u16::try_from((start + step) % span).ok())
            .find_map(|offset| Self::try_reserve(Self::RANGE.start + offset).transpose())
            .context("no UDP port on loopback is free")?
    }

    /// `None` if the port is in use or reserved.
    fn try_reserve(port: u16) -> anyhow::Result<Option<Self>> {
        let path = std::env::temp_dir().join(format!("holdline-port-{port}.lock"));
        // Another user of this machine may own the file.
        let lock = match File::create(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot write {}", path.display()));
            }
        };
        let reserved = Self { port, _lock: lock };
        let free = reserved._lock.try_lock().is_ok() && UdpSocket::bind(reserved.address()).is_ok();
        Ok(free.then_some(reserved))
    }

    /// The address with this port.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_is_given_to_nobody_else_until_it_is_dropped() {
        let first = ReservedPort::reserve().expect("a port");
        let port = first.port;
        assert!(ReservedPort::RANGE.contains(&port));
        assert!(ReservedPort::try_reserve(port).expect("a writable folder").is_none());
        assert_ne!(ReservedPort::reserve().expect("another port").port, port);
        drop(first);
        assert!(ReservedPort::try_reserve(port).expect("a writable folder").is_some());
    }

    #[test]
    fn a_port_in_use_is_not_reserved() {
        let reserved = ReservedPort::reserve().expect("a port");
        let port = reserved.port;
        let _used = UdpSocket::bind(reserved.address()).expect("the port is free");
        drop(reserved);
        assert!(ReservedPort::try_reserve(port).expect("a writable folder").is_none());
    }
}
