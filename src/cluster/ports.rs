//! Loopback ports for components that cannot choose one themselves.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use super::Error;

/// Ports that were free a moment ago, all different because they are held together. The
/// system hands them out in turns, so two clusters that start at once get different ones.
pub(super) fn free<const N: usize>() -> Result<[u16; N], Error> {
    let bind = || -> io::Result<[u16; N]> {
        let mut ports = [0; N];
        let mut held = Vec::with_capacity(N);
        for port in &mut ports {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            *port = listener.local_addr()?.port();
            held.push(listener);
        }
        Ok(ports)
    };
    bind().map_err(Error::files("bind", "127.0.0.1:0"))
}
