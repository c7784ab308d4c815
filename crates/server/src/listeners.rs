//! Listening sockets with the options that keep silent and slow readers from costing memory.

use std::{
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::StartError;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// Bytes of answers that the kernel holds for a reader; accepted sockets take it over.
const SEND_BUFFER: usize = 64 * 1024;
/// A reader that acknowledges nothing for so long is gone.
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// Listens on an address. `name` is what the operator calls its setting.
///
/// # Errors
/// [`StartError::Listen`], which says what stands in the way.
pub(crate) fn listen(name: String, address: &str) -> Result<TcpListener, StartError> {
    let failed = |source: io::Error| {
        let problem = match source.kind() {
            io::ErrorKind::AddrInUse => format!("another program listens on {address} already; stop that one"),
            io::ErrorKind::PermissionDenied => {
                format!("this user may not listen on {address}; ports below 1024 need a right of their own")
            }
            io::ErrorKind::AddrNotAvailable => format!("this machine does not have the address of {address}"),
            _ => format!("nothing can listen on {address}"),
        };
        StartError::Listen { problem, name: name.clone(), source }
    };
    let resolved = address.to_socket_addrs().map_err(failed)?.next();
    let resolved = resolved.ok_or_else(|| failed(io::Error::other("the name has no address")))?;
    bind(resolved).map_err(failed)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::sentence;

    #[test]
    fn what_stands_in_the_way_is_told_with_the_setting() {
        let taken = bind(([127, 0, 0, 1], 0).into()).unwrap();
        for (address, said) in [
            (taken.local_addr().unwrap().to_string(), "another program listens on"),
            ("192.0.2.1:8080".to_owned(), "this machine does not have the address"),
            ("no-such-host.invalid:8080".to_owned(), "nothing can listen on"),
        ] {
            let told = sentence(&listen("BANYAN_LISTEN".to_owned(), &address).unwrap_err());
            assert!(told.starts_with(said) && told.contains("or choose another with BANYAN_LISTEN"), "{told}");
        }
    }
}
