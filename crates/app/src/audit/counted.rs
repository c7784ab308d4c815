//! Acts that somebody may repeat without end: asking for what is not there, failing to sign in, reading what is
//! another's.
//!
//! Whoever asks for a thousand ids would write a thousand rows into a log that others read. So the first such act of a
//! person is a row of its own, and those of the minute after it are counted and become one more row.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::TimeDelta;
use domain::{
    access::{Actor, Scope},
    clock::Timestamp,
    ids::{TenantId, UserId},
};
use serde_json::json;
use uuid::Uuid;

use super::Act;
use crate::{App, Result};

/// How long acts are counted after one that has a row of its own.
const COUNTED_FOR: TimeDelta = TimeDelta::minutes(1);
/// People whose acts are counted at once. Those of further ones have rows of their own.
const MOST_PEOPLE: usize = 10_000;

/// Whose acts of which kind, on what, are counted together.
type Key = (Option<TenantId>, &'static str, Uuid, Option<Uuid>);

/// What is counted in the minutes that run.
#[derive(Default)]
pub(crate) struct CountedActs {
    minutes: Mutex<HashMap<Key, Minute>>,
}

/// The minute after an act that has a row.
struct Minute {
    from: Timestamp,
    /// Acts after the first.
    count: u64,
    /// The last one, and by whom.
    last: Act,
    by: Option<Actor>,
}

impl Minute {
    fn has_ended(&self, now: Timestamp) -> bool {
        now - self.from >= COUNTED_FOR
    }
}

impl CountedActs {
    fn minutes(&self) -> MutexGuard<'_, HashMap<Key, Minute>> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an act; `false`: it has a row of its own.
    fn is_counted(&self, key: Key, by: Option<&Actor>, act: &Act, now: Timestamp) -> bool {
        let mut minutes = self.minutes();
        match minutes.get_mut(&key) {
            // One whose end was not looked for yet still counts.
            Some(minute) if !minute.has_ended(now) || minute.count > 0 => {
                minute.count += 1;
                minute.last = act.clone();
                true
            }
            Some(minute) => {
                minute.from = now;
                false
            }
            None => {
                if minutes.len() < MOST_PEOPLE {
                    minutes.insert(key, Minute { from: now, count: 0, last: act.clone(), by: by.cloned() });
                }
                false
            }
        }
    }

    /// Forgets a minute whose first act could not be written.
    fn forget(&self, key: Key) {
        if let Some(minute) = self.minutes().remove(&key)
            && minute.count > 0
        {
            tracing::error!(action = key.1, count = minute.count, "acts are not on record, as the first one is not");
        }
    }

    /// Takes the minutes that have ended.
    fn ended(&self, now: Timestamp) -> Vec<(Key, Minute)> {
        self.minutes().extract_if(|_, minute| minute.has_ended(now)).collect()
    }

    /// Takes back what could not be written.
    fn take_back(&self, key: Key, unwritten: Minute) {
        let mut minutes = self.minutes();
        match minutes.get_mut(&key) {
            Some(minute) => minute.count += unwritten.count,
            None => drop(minutes.insert(key, unwritten)),
        }
    }
}

impl App {
    /// Records that `actor` asked for something that is not there for it. The same for what exists
    /// elsewhere and for what exists nowhere, so that neither rows nor time tell them apart.
    ///
    /// # Errors
    /// When the row cannot be written.
    pub async fn record_denial(&self, actor: &Actor, entity_type: &'static str, entity_id: Option<Uuid>) -> Result<()> {
        let Some(tenant_id) = actor.tenant_id else { return Ok(()) };
        let denied = Act { entity_id, ..Act::on("authz_denied", entity_type, Uuid::nil()) };
        self.record_counted((Some(tenant_id), denied.action, actor.user_id.0, None), Some(actor), denied).await
    }

    /// Records that a sign-in to an account failed, that of a superadmin on the installation.
    pub(crate) async fn record_failure(
        &self,
        tenant_id: Option<TenantId>,
        account: UserId,
        address: Option<IpAddr>,
    ) -> Result<()> {
        let failed = Act::on("sign_in_failed", "user", account.0).now(json!({ "ip_address": address }));
        self.record_counted((tenant_id, failed.action, account.0, None), None, failed).await
    }

    /// Records that who runs the tenant reads what is another's, before it does. Each thing has a row of its own.
    pub(crate) async fn record_reading(&self, actor: &Actor, tenant_id: TenantId, read: Act) -> Result<()> {
        self.record_counted((Some(tenant_id), read.action, actor.user_id.0, read.entity_id), Some(actor), read).await
    }

    async fn record_counted(&self, key: Key, by: Option<&Actor>, act: Act) -> Result<()> {
        if self.parts.counted.is_counted(key, by, &act, self.now()) {
            return Ok(());
        }
        // Without a row nothing is counted after it.
        self.write_act(key.0, by, act).await.inspect_err(|_| self.parts.counted.forget(key))
    }

    /// Writes how many acts there were in minutes that ended before `now`.
    ///
    /// # Errors
    /// When a row cannot be written. It is tried again with the next ones.
    pub(crate) async fn write_counted(&self, now: Timestamp) -> Result<()> {
        let mut result = Ok(());
        for (key, minute) in self.parts.counted.ended(now) {
            if minute.count == 0 {
                continue;
            }
            let after = json!({ "count": minute.count, "from": minute.from, "last": minute.last.after });
            let act = minute.last.clone().now(after);
            if let Err(error) = self.write_act(key.0, minute.by.as_ref(), act).await {
                self.parts.counted.take_back(key, minute);
                result = Err(error);
            }
        }
        result
    }

    async fn write_act(&self, tenant_id: Option<TenantId>, by: Option<&Actor>, act: Act) -> Result<()> {
        let scope = tenant_id.map_or(Scope::system("an act on the installation"), Scope::system_in);
        let act = Act { by: by.cloned(), ..act };
        self.change_in(&scope, None, |_| std::future::ready(Ok(((), act.clone())))).await
    }
}
