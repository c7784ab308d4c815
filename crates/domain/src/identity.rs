//! Users, roles, sessions and keys.

pub mod api_key;
pub mod repo;
pub mod role;
pub mod session;
pub mod user;

pub use api_key::{ApiKey, ApiKeyRepo};
pub use repo::{RoleRepo, SessionRepo, SignInAccount, SignInRepo, UserRepo};
pub use role::{Role, UserRole};
pub use session::{RefreshToken, Session, TokenHash};
pub use user::{Email, User, Username};
