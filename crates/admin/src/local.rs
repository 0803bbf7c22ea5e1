//! The operator on this machine: whoever may open the control socket, or lock the data directory, owns what is in it and needs
//! no session. Nothing that comes over the network can become this caller.

use axum::{Extension, Router};
use domain::{Admin, AdminId, Role, SessionId, Timestamp};
use std::time::Duration;
use store::{Session, sessions::SessionSubject};

/// What notes and records call this caller.
const NAME: &str = "local operator";

/// The id of this caller, and of the session that it does not have. Ids that are given are UUIDs: nobody else has it.
const ID: &str = "local-operator";

/// How long the session that there is not lasts.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// Marks a request as this caller's. Nobody outside can make one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalOperator;

/// The same control plane for the operator on this machine, with the role owner and without a session. To be served where only
/// the owner of the data directory can reach it, and never over the network.
pub fn for_local_operator(router: Router) -> Router {
    router.layer(Extension(LocalOperator))
}

/// The local operator as an administrator.
pub(crate) fn admin(now: Timestamp) -> Admin {
    Admin {
        id: AdminId::parse(ID).expect("letters and a hyphen"),
        username: NAME.to_owned(),
        // The hash of no password.
        password_hash: String::new(),
        role: Role::Owner,
        created_at: now,
        updated_at: now,
    }
}

/// What stands for the session that the local operator does not have: ending it ends nothing.
pub(crate) fn session(now: Timestamp) -> Session {
    Session {
        id: SessionId::parse(ID).expect("letters and a hyphen"),
        subject: SessionSubject::Admin(AdminId::parse(ID).expect("letters and a hyphen")),
        created_at: now,
        expires_at: now.plus(A_DAY),
        address: String::new(),
        user_agent: String::new(),
    }
}

/// Whether `admin` is the local operator, who has no record and no password.
pub(crate) fn is_local(admin: &Admin) -> bool {
    admin.id.as_str() == ID
}
