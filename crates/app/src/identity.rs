//! Setup, sign-in, users, API keys: who someone is, and what it may do.

use crate::App;

mod access_token;
mod actor_cache;
mod api_key_format;
mod api_keys;
mod authenticate;
mod embedded;
mod keys;
mod login;
mod password;
mod profile;
mod refresh;
mod session;
mod setup;
mod users;

pub(crate) use actor_cache::ActorCache;
pub use api_keys::{CreatedApiKey, MAX_API_KEY_DESCRIPTION_BYTES, NewApiKey};
pub(crate) use keys::Keys;
pub use keys::ServerSecret;
pub use login::Login;
pub(crate) use password::Passwords;
pub use password::{MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS};
pub use profile::{MAX_AVATAR_URL_BYTES, Profile, ProfileChange};
pub use session::{RequestContext, SignedIn};
pub use setup::{NewInstallation, SetUp};
pub use users::{Contact, NewUser, Person, PublicUser};

/// The use cases of identity.
#[derive(Clone)]
pub struct Identity {
    pub(crate) app: App,
}
