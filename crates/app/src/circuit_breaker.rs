//! Circuit breakers: a model that fails half of a tenant's calls is left alone by that tenant for a while.
//!
//! A provider that is away would else be asked again with every question, three times each, and everybody would
//! wait for it. Tenants are judged apart: what one of them asks may fail by itself, and must not end the answers of others.
//! So are models: a router is one provider with the models of many.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use domain::{
    gateways::{ChatModel, ChatRequest, ChatStream, GatewayError, GatewayErrorKind, ModelName},
    ids::TenantId,
};

use crate::{App, measure};

/// Calls that are judged together: the last so many.
const JUDGED: usize = 20;
/// Of them, as many failures open the circuit.
const MOST_FAILED: usize = JUDGED / 2;
/// How long an open circuit lets no call through; then it lets one, and is closed if that is answered.
const OPEN: Duration = Duration::from_secs(5);
/// Most circuits that are kept. Beyond them nobody new is judged; those without a failure are not kept.
const MOST_CIRCUITS: usize = 10_000;
/// Most of one tenant, so that names of models that it makes up leave room for others.
const MOST_OF_TENANT: usize = 100;

impl App {
    /// Asks a model, unless its circuit is open.
    ///
    /// # Errors
    /// Those of [`ChatModel::chat`]; [`GatewayErrorKind::Unreachable`] with the time to wait where no call was made.
    pub(crate) async fn ask(
        &self,
        tenant: TenantId,
        model: &Arc<dyn ChatModel>,
        name: &ModelName,
        request: ChatRequest,
    ) -> Result<ChatStream, GatewayError> {
        let passage = self.parts.circuits.enter(tenant, name, Instant::now())?;
        let answered = measure::chat(model, name, request).await;
        passage.end(answered.as_ref().is_err_and(|error| error.kind.is_transient()), Instant::now());
        answered
    }
}

/// The circuits of all tenants to all models, in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct CircuitBreakers(Arc<Mutex<HashMap<Key, Circuit>>>);

type Key = (TenantId, ModelName);

#[derive(Debug, Default)]
struct Circuit {
    /// Whether each of the last calls failed.
    failed: VecDeque<bool>,
    open_until: Option<Instant>,
    /// One call finds out whether the model is well again.
    is_tried: bool,
}

impl CircuitBreakers {
    fn circuits(&self) -> MutexGuard<'_, HashMap<Key, Circuit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, tenant: TenantId, model: &ModelName, now: Instant) -> Result<Passage, GatewayError> {
        let key = (tenant, model.clone());
        let mut is_trial = false;
        if let Some(circuit) = self.circuits().get_mut(&key)
            && let Some(until) = circuit.open_until
        {
            let left = until.saturating_duration_since(now);
            if circuit.is_tried || !left.is_zero() {
                return Err(left_alone(model, left));
            }
            circuit.is_tried = true;
            is_trial = true;
        }
        Ok(Passage { circuits: self.clone(), key, is_trial })
    }
}

fn left_alone(model: &ModelName, left: Duration) -> GatewayError {
    let wait = left.max(Duration::from_secs(1));
    let message = format!(
        "the model '{model}' failed half of its last {JUDGED} calls; try again in a few seconds, or ask another"
    );
    GatewayError { retry_after: Some(wait), ..GatewayError::new(GatewayErrorKind::Unreachable, message) }
}

/// A call that the circuit let through. Dropped before its end, it says nothing of the model.
struct Passage {
    circuits: CircuitBreakers,
    key: Key,
    is_trial: bool,
}

impl Passage {
    fn end(mut self, has_failed: bool, now: Instant) {
        let mut circuits = self.circuits.circuits();
        if std::mem::take(&mut self.is_trial) {
            if has_failed && let Some(circuit) = circuits.get_mut(&self.key) {
                circuit.is_tried = false;
                circuit.open_until = Some(now + OPEN);
            } else {
                circuits.remove(&self.key);
            }
            return;
        }
        if !circuits.contains_key(&self.key) {
            let of_tenant = || circuits.keys().filter(|(tenant, _)| *tenant == self.key.0).count();
            if !has_failed || circuits.len() >= MOST_CIRCUITS || of_tenant() >= MOST_OF_TENANT {
                return;
            }
            circuits.insert(self.key.clone(), Circuit::default());
        }
        let Some(circuit) = circuits.get_mut(&self.key) else { return };
        circuit.note(has_failed, now);
        if circuit.open_until.is_none() && !circuit.failed.contains(&true) {
            circuits.remove(&self.key);
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if self.is_trial
            && let Some(circuit) = self.circuits.circuits().get_mut(&self.key)
        {
            circuit.is_tried = false;
        }
    }
}

impl Circuit {
    /// Notes a call; of those that were under way when the circuit opened nothing is learnt.
    fn note(&mut self, has_failed: bool, now: Instant) {
        if self.open_until.is_some() {
            return;
        }
        self.failed.push_back(has_failed);
        if self.failed.len() > JUDGED {
            self.failed.pop_front();
        }
        let failures = self.failed.iter().filter(|failed| **failed).count();
        if self.failed.len() == JUDGED && failures >= MOST_FAILED {
            self.open_until = Some(now + OPEN);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::{IdGen as _, RandomIds};

    use super::*;

    fn tenant() -> TenantId {
        TenantId(RandomIds.random())
    }

    fn model(name: &str) -> ModelName {
        ModelName::parse(name).unwrap()
    }

    /// Makes a call at a time; whether it was let through.
    fn call(breakers: &CircuitBreakers, tenant: TenantId, has_failed: bool, now: Instant) -> bool {
        breakers.enter(tenant, &model("openai/a"), now).map(|passage| passage.end(has_failed, now)).is_ok()
    }

    #[test]
    fn half_of_twenty_failures_open_it_for_five_seconds_and_one_call_closes_it() {
        let (breakers, tenant, mut now) = (CircuitBreakers::default(), tenant(), Instant::now());
        for number in 0..JUDGED {
            assert!(call(&breakers, tenant, number % 2 == 0, now));
        }
        let refused = breakers.enter(tenant, &model("openai/a"), now).err().unwrap();
        assert_eq!((refused.kind, refused.retry_after), (GatewayErrorKind::Unreachable, Some(OPEN)));
        assert!(call(&breakers, self::tenant(), false, now), "another tenant is judged by itself");
        for other in ["openai/b", "ollama/a"] {
            assert!(breakers.enter(tenant, &model(other), now).is_ok(), "and so is another model");
        }

        now += OPEN;
        let trial = breakers.enter(tenant, &model("openai/a"), now).unwrap();
        assert!(!call(&breakers, tenant, false, now), "one is let through, not all");
        drop(trial);
        assert!(call(&breakers, tenant, true, now));
        assert!(!call(&breakers, tenant, false, now), "the one that was let through failed");
        now += OPEN;
        assert!(call(&breakers, tenant, false, now) && call(&breakers, tenant, false, now));
        assert!(breakers.circuits().is_empty());
    }

    #[test]
    fn fewer_failures_leave_it_closed_and_nothing_is_kept_of_them() {
        let (breakers, tenant, now) = (CircuitBreakers::default(), tenant(), Instant::now());
        for number in 0..JUDGED * 3 {
            assert!(call(&breakers, tenant, number % 3 == 0, now));
        }
        for _ in 0..JUDGED {
            assert!(call(&breakers, tenant, false, now));
        }
        assert!(breakers.circuits().is_empty());
    }

    #[test]
    fn a_tenant_that_makes_up_names_leaves_room_for_others() {
        let (breakers, now) = (CircuitBreakers::default(), Instant::now());
        let flood = tenant();
        for number in 0..2 * MOST_OF_TENANT {
            let passage = breakers.enter(flood, &model(&format!("openai/{number}")), now).unwrap();
            passage.end(true, now);
        }
        assert_eq!(breakers.circuits().len(), MOST_OF_TENANT);
        assert!(call(&breakers, tenant(), true, now));
        assert_eq!(breakers.circuits().len(), MOST_OF_TENANT + 1);
    }

    #[test]
    fn calls_that_were_under_way_say_nothing_once_it_is_open() {
        let (breakers, tenant, now) = (CircuitBreakers::default(), tenant(), Instant::now());
        let late: Vec<_> = (0..JUDGED).map(|_| breakers.enter(tenant, &model("openai/a"), now).unwrap()).collect();
        for _ in 0..JUDGED {
            assert!(call(&breakers, tenant, true, now));
        }
        for passage in late {
            passage.end(true, now + OPEN / 2);
        }
        assert!(call(&breakers, tenant, false, now + OPEN));
    }
}
