//! The users' own plane, below `/user`: each sees and changes what is theirs. No administrator's operation is here, and no
//! administrator's session opens it.

pub(crate) mod gate;
pub(crate) mod keys;
pub(crate) mod me;
pub(crate) mod session;
pub(crate) mod usage;
