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

/// Listens on an address.
///
/// # Errors
/// [`StartError::Listen`], naming the setting.
pub(crate) fn listen(name: &'static str, address: &str) -> Result<TcpListener, StartError> {
    let failed = |source| StartError::Listen { name, address: address.to_owned(), source };
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
