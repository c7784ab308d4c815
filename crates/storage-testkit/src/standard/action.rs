//! What can be done with a row, and what becomes of it.

use std::fmt;

use chrono::TimeDelta;
use domain::{
    access::{Purpose, Scope},
    page::PageRequest,
    store::{Mode, StoreError, Tx},
};

use super::Stage;
use crate::{
    Reading, Subject, World,
    subject::{After, At, Listing, Reply, Verb},
};

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It found its row, or added it.
    Yes,
    /// As if there were no such row.
    No,
    /// The scope has nothing to do with such rows, or must not add this one.
    Refused,
    /// The policy gives no scope.
    Denied,
}

impl Outcome {
    /// What a result comes to: whether the row was found, added or changed.
    ///
    /// # Errors
    /// Where it was not, and not for a lack of reach.
    pub(crate) fn of(result: Result<bool, StoreError>) -> Result<Self, String> {
        match result {
            Ok(true) => Ok(Self::Yes),
            Ok(false) | Err(StoreError::Stale) => Ok(Self::No),
            Err(StoreError::OutOfScope(_)) => Ok(Self::Refused),
            Err(error) => Err(format!("neither done nor out of reach, but: {error}")),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Refused => "refused",
            Self::Denied => "denied",
        })
    }
}

/// Something that can be done with a row.
pub(crate) enum Action<S: Subject> {
    Get,
    List(Listing<S>),
    Insert,
    Verb(Verb<S>),
}

impl<S: Subject> Action<S> {
    /// All that can be done with such rows.
    pub(crate) fn all() -> Vec<Self> {
        let get = (S::READING == Reading::Get).then_some(Self::Get);
        let list = S::listing().map(Self::List);
        get.into_iter().chain(list).chain([Self::Insert]).chain(S::verbs().into_iter().map(Self::Verb)).collect()
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List(_) => "list",
            Self::Insert => "insert",
            Self::Verb(verb) => verb.name,
        }
    }

    /// Whether the permission to write is asked for it.
    pub(crate) fn writes(&self) -> bool {
        match self {
            Self::Get | Self::List(_) => false,
            Self::Insert => true,
            Self::Verb(verb) => verb.purpose == Purpose::Change,
        }
    }

    /// What must become of it in this scope, by the rules of the domain alone.
    pub(crate) fn expected(&self, stage: &Stage<S>, scope: &Scope) -> Outcome {
        let Stage { subject, row, .. } = stage;
        let purpose = if self.writes() { Purpose::Change } else { Purpose::Read };
        let ruled = Outcome::of(match self {
            Self::Insert => subject.may_add(scope, row).map(|()| true),
            Self::Get | Self::List(_) | Self::Verb(_) => subject.reaches(self.name(), scope, row, purpose),
        });
        ruled.expect("the rules say yes, no or out of scope")
    }

    /// Tries it on a stage of which nothing is stored yet.
    ///
    /// # Errors
    /// Where what is found or stored afterwards does not fit the outcome, to the last field.
    pub(crate) async fn probe(&self, world: &World, stage: &Stage<S>, scope: &Scope) -> Result<Outcome, String> {
        let Stage { subject, row, .. } = stage;
        let make = &world.make;
        let mut row = row.clone();
        if let Self::Verb(verb) = self {
            (verb.before)(subject, &mut row, At { make, time: make.now() });
        }
        stage.prepare(world).await;
        if !matches!(self, Self::Insert) {
            stage.add(world, &row).await;
        }
        // Nothing that follows happens at the time at which the row was made.
        make.clock.advance(TimeDelta::seconds(1));
        let at = At { make, time: make.in_seconds(7) };
        match self {
            Self::Get => {
                let found = attempt(world, scope, Mode::Read, async |tx| subject.find(tx, &row).await).await;
                match found {
                    Ok(Some(found)) if found != row => Err(format!("found is\n  {found:?}\nand stored is\n  {row:?}")),
                    found => Outcome::of(found.map(|found| found.is_some())),
                }
            }
            Self::List(listing) => {
                let read = async |tx: &dyn Tx| (listing.read)(subject, tx, PageRequest::default()).await;
                Outcome::of(attempt(world, scope, Mode::Read, read).await.map(|page| page.items.contains(&row)))
            }
            Self::Insert => {
                let added = attempt(world, scope, Mode::Write, async |tx| subject.insert(tx, &row).await).await;
                let outcome = Outcome::of(added.map(|()| true))?;
                let expected = (outcome == Outcome::Yes).then_some(&row);
                stage.check(world, &row, expected).await.map(|()| outcome)
            }
            Self::Verb(verb) => {
                let mode = if self.writes() { Mode::Write } else { Mode::Read };
                let told = attempt(world, scope, mode, async |tx| verb.run(subject, tx, &row, at).await).await;
                let told = match (&verb.reply, told) {
                    (Reply::Hides(_), Ok(_)) => Ok(stage.find(world, &row).await.is_none()),
                    (_, told) => told,
                };
                let outcome = Outcome::of(told)?;
                let expected = if outcome == Outcome::Yes { verb.row_after(&row, at) } else { Some(row.clone()) };
                stage.check(world, &row, expected.as_ref()).await.map(|()| outcome)
            }
        }
    }
}

impl<S: Subject> Verb<S> {
    /// Runs it; returns whether it found its row.
    pub(crate) async fn run(&self, subject: &S, tx: &dyn Tx, row: &S::Row, at: At<'_>) -> Result<bool, StoreError> {
        match &self.reply {
            Reply::Tells(run) => run(subject, tx, row, at).await,
            Reply::Succeeds(run) | Reply::Hides(run) => run(subject, tx, row, at).await.map(|()| true),
        }
    }

    /// The row once the verb has been run on it.
    fn row_after(&self, row: &S::Row, at: At<'_>) -> Option<S::Row> {
        let mut row = row.clone();
        match self.after {
            After::Same => Some(row),
            After::Changed(change) => {
                change(&mut row, at);
                Some(row)
            }
            After::Gone => None,
        }
    }
}

/// Runs one call in a unit of work of its own, which is committed where it writes and succeeds.
async fn attempt<T>(
    world: &World,
    scope: &Scope,
    mode: Mode,
    call: impl AsyncFnOnce(&dyn Tx) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if mode == Mode::Write {
        return world.attempt(scope, call).await;
    }
    let tx = world.begin(scope, mode).await;
    let result = call(tx.as_ref()).await;
    tx.rollback().await.expect("a read ends");
    result
}
