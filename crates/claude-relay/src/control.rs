//! The control socket: where the operator on this machine reaches a running relay, `control.sock` in the data directory, with
//! mode 0600. Who may open it owns the directory; what is served there is served on no port.

mod address;
mod listener;

pub(crate) use address::{Address, SOCKET_FILE};
pub(crate) use listener::{ControlSocket, serve};
