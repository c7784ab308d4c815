//! How many completions and embeddings run at once in this process, by who asks: as turns are bounded, by API key or by
//! user. One whose caller has gone keeps its place.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{
    access::{Actor, Credential},
    ids::{ApiKeyId, UserId},
};

use crate::{Error, ErrorKind, Result, Settings};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Asker {
    Key(ApiKeyId),
    User(UserId),
}

/// Most calls of who asks that run at once.
fn most_of(actor: &Actor, settings: &Settings) -> u64 {
    match actor.credential {
        Credential::ApiKey(_) => settings.max_running_per_api_key,
        Credential::Session(_) | Credential::Embedded => settings.max_running_per_user,
    }
}

/// The refusal of one call more.
pub(super) fn too_many(actor: &Actor, settings: &Settings) -> Error {
    let message = format!("{} calls run for you; wait for one to end", most_of(actor, settings));
    Error::new(ErrorKind::TooManyRequests, "too_many_running", message)
}

/// The calls that run here.
#[derive(Clone, Default)]
pub(crate) struct RunningCalls(Arc<Mutex<HashMap<Asker, u64>>>);

/// The place of one of them, until it is dropped.
pub(crate) struct Place {
    asker: Asker,
    running: RunningCalls,
}

impl RunningCalls {
    /// Takes a place.
    ///
    /// # Errors
    /// `too_many_running` when as many run as may.
    pub(crate) fn enter(&self, actor: &Actor, settings: &Settings) -> Result<Place> {
        let asker = match actor.credential {
            Credential::ApiKey(id) => Asker::Key(id),
            Credential::Session(_) | Credential::Embedded => Asker::User(actor.user_id),
        };
        let most = most_of(actor, settings);
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.get(&asker).is_some_and(|count| *count >= most) || most == 0 {
            return Err(too_many(actor, settings));
        }
        *running.entry(asker).or_default() += 1;
        Ok(Place { asker, running: self.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.running.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.asker) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.asker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::access::SystemRole;
    use uuid::Uuid;

    use super::*;

    fn actor(credential: Credential) -> Actor {
        Actor {
            user_id: Uuid::nil().into(),
            tenant_id: Some(Uuid::nil().into()),
            is_superadmin: false,
            is_tenant_admin: false,
            permissions: SystemRole::User.permissions(),
            credential,
            ip_address: None,
            user_agent: None,
        }
    }

    #[test]
    fn a_user_and_each_key_have_places_of_their_own() {
        let running = RunningCalls::default();
        let settings = Settings { max_running_per_user: 1, max_running_per_api_key: 2, ..Settings::default() };
        let user = actor(Credential::Embedded);
        let key = actor(Credential::ApiKey(Uuid::nil().into()));
        let place = running.enter(&user, &settings).unwrap();
        assert_eq!(running.enter(&user, &settings).err().unwrap().code, "too_many_running");
        let keys = [running.enter(&key, &settings), running.enter(&key, &settings)];
        assert!(keys.iter().all(Result::is_ok) && running.enter(&key, &settings).is_err());
        drop(place);
        drop(running.enter(&user, &settings).unwrap());
        drop(keys);
        assert!(running.0.lock().unwrap().is_empty());
    }
}
