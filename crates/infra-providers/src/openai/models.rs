//! The list of a provider's models, kept for a minute.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use domain::{
    clock::Timestamp,
    gateways::{GatewayError, GatewayErrorKind},
};
use hyper::Method;
use serde_json::Value;
use tokio::{
    sync::Mutex as CallMutex,
    time::{Instant, timeout},
};

use super::{OpenAiConnection, json, wire::error_in};
use crate::egress::Limits;

/// How long a list is kept.
const KEEP_SECONDS: i64 = 60;
/// How long a failure to list is kept, so that a dead provider is not waited for each time.
const KEEP_FAILURE_SECONDS: i64 = 5;
/// How long a provider takes at most that is waited for once more.
const PATIENCE: Duration = Duration::from_millis(250);
/// Most bytes of a list.
const MAX_LIST_BYTES: u64 = 4 * 1024 * 1024;
/// Most models that are taken from a list.
const MAX_MODELS: usize = 2000;
/// Longest name of a model, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// A model of a list: its name, and when it was created (Unix seconds, 0 when unknown).
pub(crate) type ListedModel = (String, i64);

/// Lists the models of a provider; one call at a time, and none while a list is fresh. A call goes on when who asked for
/// it has gone, and nobody waits for a provider that was slow the last time.
pub(crate) struct ModelLister(Arc<Shared>);

struct Shared {
    connection: Arc<OpenAiConnection>,
    last: Mutex<Option<Last>>,
    /// Held by the call under way.
    calling: Arc<CallMutex<()>>,
}

/// The outcome of a call.
#[derive(Clone)]
struct Last {
    at: Timestamp,
    took: Duration,
    /// `None`: the provider did not tell. Shared, as each call of a model looks through it.
    models: Option<Arc<[ListedModel]>>,
}

impl ModelLister {
    /// A lister without a list yet.
    pub(crate) fn new(connection: Arc<OpenAiConnection>) -> Self {
        Self(Arc::new(Shared { connection, last: Mutex::default(), calling: Arc::default() }))
    }

    /// The models as far as they are known; `None` when the provider does not tell. Only the first call waits for it, and
    /// one after which it is due to be asked again, if it was quick the last time.
    pub(crate) async fn list(&self) -> Option<Arc<[ListedModel]>> {
        match self.0.last() {
            Some(last) if self.0.is_fresh(&last) => return last.models,
            Some(last) => {
                self.0.ask();
                if last.took <= PATIENCE {
                    // Whether it has ended in time or not, what is known then is told.
                    drop(timeout(PATIENCE, self.0.asked()).await);
                }
            }
            None => {
                self.0.ask();
                self.0.asked().await;
            }
        }
        self.0.last()?.models
    }

    /// The same, where a list of before does not do: it is waited for, unless the provider has failed the last time.
    pub(crate) async fn list_anew(&self) -> Option<Arc<[ListedModel]>> {
        if self.0.last().is_some_and(|last| last.models.is_some() && !self.0.is_fresh(&last)) {
            self.0.ask();
            self.0.asked().await;
        }
        self.list().await
    }

    /// The provider's own name of the model that is called `bare` at it, or `whole` with the provider's name before it:
    /// a router of other providers has names that begin with theirs, and its own may be one of them. What is not in the
    /// list is called as it was written, as the provider knows best what it has.
    pub(crate) async fn own_name<'a>(&self, bare: &'a str, whole: &'a str) -> &'a str {
        let known = |models: &[ListedModel]| {
            let has = |name: &str| models.iter().any(|(listed, _)| listed == name);
            if has(bare) { Some(bare) } else { Some(whole).filter(|whole| has(whole)) }
        };
        // A list of before does as well as long as it knows the name, and a provider that does not list is not asked
        // with every call.
        let before = match self.0.last() {
            Some(Last { models: Some(models), .. }) => known(&models),
            Some(last) if self.0.is_younger(last.at, KEEP_SECONDS) => Some(bare),
            _ => None,
        };
        match before {
            Some(name) => name,
            None => self.list_anew().await.and_then(|models| known(&models)).unwrap_or(bare),
        }
    }

    /// Asks for them now.
    pub(crate) async fn fetch(&self) -> Result<Vec<ListedModel>, GatewayError> {
        self.0.fetch().await
    }
}

impl Shared {
    fn last(&self) -> Option<Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_fresh(&self, last: &Last) -> bool {
        self.is_younger(last.at, if last.models.is_some() { KEEP_SECONDS } else { KEEP_FAILURE_SECONDS })
    }

    /// Asks the provider, unless a call is under way.
    fn ask(self: &Arc<Self>) {
        let Ok(calling) = Arc::clone(&self.calling).try_lock_owned() else { return };
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let begun = Instant::now();
            let models = match this.fetch().await {
                Ok(models) => Some(models.into()),
                Err(error) => {
                    let source = error.source.as_deref().map(tracing::field::display);
                    let provider = this.connection.provider();
                    tracing::warn!(provider, %error, source, "a provider does not list its models");
                    None
                }
            };
            let last = Last { at: this.connection.clock.now(), took: begun.elapsed(), models };
            *this.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
            drop(calling);
        });
    }

    /// Waits for the end of the call under way, which [`Timeouts::list`](super::Timeouts::list) bounds.
    async fn asked(&self) {
        drop(self.calling.lock().await);
    }

    // A clock that was set back makes a list stale, not eternal.
    fn is_younger(&self, at: Timestamp, seconds: i64) -> bool {
        (TimeDelta::zero()..TimeDelta::seconds(seconds)).contains(&(self.connection.clock.now() - at))
    }

    async fn fetch(&self) -> Result<Vec<ListedModel>, GatewayError> {
        let longest = self.connection.timeouts.list;
        let limits = Limits { headers: longest, idle: longest, total: longest, max_bytes: MAX_LIST_BYTES };
        let request = self.connection.request(Method::GET, "models")?;
        let response = self.connection.send(request, limits).await.map_err(|error| match error.kind {
            // No model was asked for, so it is the path that is not there.
            GatewayErrorKind::UnknownModel => {
                let message = "has no list of models there; check its base URL, which usually ends in /v1";
                self.connection.fail(GatewayErrorKind::Protocol, message).because(error)
            }
            _ => error,
        })?;
        let body = response.bytes().await.map_err(|error| self.connection.egress_error(error))?;
        let no_list = || {
            self.connection.fail(GatewayErrorKind::Protocol, "sent a list of models that is none; check its base URL")
        };
        let mut list: Value = json::read(&body).map_err(|error| no_list().because(error))?;
        json::join_all(&mut list);
        if let Some(error) = error_in(&list) {
            return Err(self.connection.stream_error(error));
        }
        let mut models: Vec<ListedModel> = Vec::new();
        for model in entries(&list).ok_or_else(no_list)?.iter().filter_map(listed) {
            if models.len() < MAX_MODELS && !models.iter().any(|(name, _)| *name == model.0) {
                models.push(model);
            }
        }
        Ok(models)
    }
}

/// The entries of a list: under `data`, under `models`, or the list itself.
fn entries(list: &Value) -> Option<&[Value]> {
    let under = |name: &str| list.get(name).and_then(Value::as_array).filter(|entries| !entries.is_empty());
    let found = list.as_array().or_else(|| under("data")).or_else(|| under("models"));
    match found {
        Some(entries) => Some(entries),
        // One that has no model says null, or an empty list.
        None => ["data", "models"].into_iter().any(|name| list.get(name).is_some()).then_some([].as_slice()),
    }
}

/// A model that can be named.
fn listed(entry: &Value) -> Option<ListedModel> {
    let field = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    // Gemini's native names, which its OpenAI face takes without their beginning too.
    let native = || field("name").map(|name| name.strip_prefix("models/").unwrap_or(name));
    let name = entry.as_str().or_else(|| field("id")).or_else(native)?;
    let created = entry.get("created").map(|created| created.as_i64().or_else(|| Some(created.as_f64()? as i64)));
    let can_be_named = !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control);
    can_be_named.then(|| (name.to_owned(), created.flatten().unwrap_or_default()))
}
