//! Who may do what: typed permissions, roles as sets of them, one pure policy that decides and
//! hands out the [`Scope`] without which no repository exists.

pub mod actor;
pub mod permission;
pub mod policy;
pub mod protected;
pub mod role;
pub mod scope;

pub use actor::{Actor, Credential};
pub use permission::{Permission, PermissionSet};
pub use policy::{Denied, Policy};
pub(crate) use protected::protected;
pub use protected::{AcrossTenants, Adding, Area, Filter, Protected, Purpose, Rows};
pub use role::SystemRole;
pub use scope::{Reach, Scope, TenantScope};
