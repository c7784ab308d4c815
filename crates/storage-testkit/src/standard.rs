//! The standard cases, over what a [`Subject`] says of a type of row.

mod action;
mod fields;
mod stage;

use std::cmp::Reverse;

use chrono::TimeDelta;
use domain::{access::Scope, store::StoreError};

pub(crate) use action::{Action, Outcome};
pub(crate) use stage::Stage;

use crate::{
    Fixtures, Needs, Person, Subject, Unique, World, assert_conflict, assert_refused,
    page::walk,
    scopes,
    subject::{After, At},
};

/// Every field comes back, whether all optional ones are set or none.
pub async fn round_trip<S: Subject>(world: World) {
    let stage = Stage::<S>::new(&world.make);
    stage.prepare(&world).await;
    world.make.clock.advance(TimeDelta::seconds(1));
    let full = stage.subject.full(&world.make);
    fields::assert_different::<S>(&stage.row, &full);
    for row in [&stage.row, &full] {
        stage.add(&world, row).await;
        assert_eq!(stage.find(&world, row).await.as_ref(), Some(row));
    }
    assert_eq!(stage.find(&world, &stage.row).await.as_ref(), Some(&stage.row), "another row changes nothing");
}

/// What is unique is refused a second time, by the name of its key, and free as far as it may be.
pub async fn keys_are_unique<S: Subject>(world: World) {
    for key in S::keys() {
        let stage = Stage::<S>::new(&world.make);
        stage.prepare(&world).await;
        let stored = stage.subject.full(&world.make);
        stage.add(&world, &stored).await;
        let mut twin = stage.subject.another(&world.make, 1);
        (key.clash)(&stored, &mut twin);
        assert_conflict(insert(&world, &stage.subject, &twin).await, key.words);
        stage.check(&world, &stored, Some(&stored)).await.unwrap();
        if key.unique == Unique::AtLeastTenant {
            continue;
        }
        let elsewhere = Stage::<S>::new(&world.make);
        elsewhere.prepare(&world).await;
        let mut twin = elsewhere.subject.another(&world.make, 1);
        (key.clash)(&stored, &mut twin);
        let outcome = insert(&world, &elsewhere.subject, &twin).await;
        match key.unique {
            Unique::Installation => assert_conflict(outcome, key.words),
            Unique::Tenant | Unique::AtLeastTenant => {
                assert!(outcome.is_ok(), "{:?} is free in another tenant, but: {outcome:?}", key.words);
            }
        }
    }
}

/// What a row refers to is there, and of its tenant.
pub async fn references_are_checked<S: Subject>(world: World) {
    let make = &world.make;
    let stage = Stage::<S>::new(make);
    if S::NEEDS != Needs::Nothing {
        assert_refused!(insert(&world, &stage.subject, &stage.row).await, StoreError::ForeignKey);
    }
    stage.prepare(&world).await;
    let nobody = make.user(Some(stage.ada.tenant.id), "nobody");
    let missing = S::new(make, &Person { tenant: stage.ada.tenant.clone(), user: nobody });
    let foreign = S::new(make, &stage.eve);
    stage::store(&world, &stage.eve, &foreign).await;
    for reference in S::references() {
        let others = if reference.is_of_tenant { vec![&missing, &foreign] } else { vec![&missing] };
        for other in others {
            let broken = (reference.point)(stage.subject.another(make, 1), other);
            let outcome = world
                .attempt(&Scope::system_in(stage.ada.tenant.id), async |tx| stage.subject.insert(tx, &broken).await)
                .await;
            assert!(matches!(outcome, Err(StoreError::ForeignKey)), "{}: {outcome:?}", reference.name);
        }
    }
    stage.add(&world, &stage.row).await;
}

/// The list is complete and in order, page by page, also among rows of the same microsecond.
pub async fn the_list_is_newest_first<S: Subject>(world: World) {
    let listing = S::listing().expect("the rows are listed");
    let make = &world.make;
    let (stage, elsewhere) = (Stage::<S>::new(make), Stage::<S>::new(make));
    elsewhere.prepare(&world).await;
    elsewhere.add(&world, &elsewhere.row).await;
    stage.prepare(&world).await;
    let scope = stage.subject.home(&stage.row);
    let list = async |limit| {
        walk(limit, async |page| world.read(&scope, async |tx| (listing.read)(&stage.subject, tx, page).await).await)
            .await
    };
    let mut rows = list(200).await;
    stage.add(&world, &stage.row).await;
    rows.push(stage.row.clone());
    for number in 1..S::MOST_ROWS {
        if number == S::MOST_ROWS / 2 {
            make.clock.advance(TimeDelta::microseconds(1));
        }
        let row = stage.subject.another(make, number);
        stage.add(&world, &row).await;
        rows.push(row);
    }
    rows.sort_by_key(|row| Reverse((listing.place)(row)));
    for limit in [1, 3, 4, u32::try_from(rows.len()).unwrap(), 200] {
        assert_eq!(list(limit).await, rows, "by {limit}");
    }
}

/// Who does what: each scope finds, changes and adds what the rules of the domain let it, by every verb;
/// what it does not reach stays as it is, to the last field, and what it changes is changed as said.
pub async fn strangers_are_kept_out<S: Subject>(world: World) {
    let mut wrong = Vec::new();
    for (row, make_stage) in stages::<S>() {
        for action in Action::<S>::all() {
            for (who, scope) in SCOPES {
                let Some(stage) = make_stage(&world.make) else { continue };
                let scope = scope(&stage.ada, &stage.bob, &stage.eve);
                let expected = action.expected(&stage, &scope);
                let problem = match action.probe(&world, &stage, &scope).await {
                    Ok(found) if found == expected => continue,
                    Ok(found) => format!("{found}, but the rules say {expected}"),
                    Err(problem) => problem,
                };
                wrong.push(format!("'{}' on a {row} row of Ada by {who}: {problem}", action.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", S::NAME, wrong.join("\n"));
}

/// How a stage is set.
pub(crate) type SetStage<S> = fn(&Fixtures) -> Option<Stage<S>>;

/// Stages for private rows, and for shown ones where there are such.
pub(crate) fn stages<S: Subject>() -> [(&'static str, SetStage<S>); 2] {
    [("private", |make| Some(Stage::new(make))), ("shown", Stage::shown)]
}

type ScopeOf = fn(&Person, &Person, &Person) -> Scope;

/// Scopes by their reach: of Ada, of Bob, who is her colleague, and of Eve of another tenant.
const SCOPES: &[(&str, ScopeOf)] = &[
    ("Ada, whole tenant", |ada, _, _| scopes::whole(&ada.user)),
    ("Ada, visible", |ada, _, _| scopes::visible(&ada.user)),
    ("Ada, own", |ada, _, _| scopes::own(&ada.user)),
    ("Ada, nothing", |ada, _, _| scopes::nothing(&ada.user)),
    ("Bob, whole tenant", |_, bob, _| scopes::whole(&bob.user)),
    ("Bob, visible", |_, bob, _| scopes::visible(&bob.user)),
    ("Bob, own", |_, bob, _| scopes::own(&bob.user)),
    ("Bob, nothing", |_, bob, _| scopes::nothing(&bob.user)),
    ("Eve, whole tenant", |_, _, eve| scopes::whole(&eve.user)),
    ("Eve, visible", |_, _, eve| scopes::visible(&eve.user)),
    ("system in the tenant", |ada, _, _| scopes::system(&ada.user)),
    ("system in another tenant", |_, _, eve| scopes::system(&eve.user)),
    ("the installation", |_, _, _| Scope::system("contract suite")),
    ("sign-in", |_, _, _| Scope::sign_in()),
];

/// What is removed is as if it had never been, with all that goes along.
pub async fn what_is_removed_is_gone<S: Subject>(world: World) {
    let make = &world.make;
    for removal in S::verbs().into_iter().filter(|verb| matches!(verb.after, After::Gone)) {
        let stage = Stage::<S>::new(make);
        stage.prepare(&world).await;
        stage.add(&world, &stage.row).await;
        let Stage { subject, row, .. } = &stage;
        let kept = subject.another(make, 1);
        if kept != *row {
            stage.add(&world, &kept).await;
        }
        let home = subject.home(row);
        let parts_left = async || world.read(&home, async |tx| subject.parts_left(tx, row).await).await;
        world.write(&home, async |tx| subject.add_parts(tx, row, make).await).await;
        let parts = parts_left().await;
        make.clock.advance(TimeDelta::seconds(1));
        let at = At { make, time: make.now() };
        world.write(&home, async |tx| removal.run(subject, tx, row, at).await).await;
        assert_eq!(stage.find(&world, row).await, None);
        assert_eq!(parts_left().await, 0, "of {parts} parts");
        if let Some(listing) = S::listing() {
            let page = world.read(&home, async |tx| (listing.read)(subject, tx, Default::default()).await).await;
            assert!(!page.items.contains(row), "what is removed is listed");
        }
        for verb in S::verbs().into_iter().filter(|verb| !verb.is_hidden()) {
            let outcome = world.attempt(&home, async |tx| verb.run(subject, tx, row, at).await).await;
            assert_eq!(Outcome::of(outcome), Ok(Outcome::No), "'{}' on what is removed", verb.name);
        }
        if kept != *row {
            assert_eq!(stage.find(&world, &kept).await, Some(kept), "'{}' took more than its row", removal.name);
        }
    }
}

async fn insert<S: Subject>(world: &World, subject: &S, row: &S::Row) -> Result<(), StoreError> {
    world.attempt(&subject.home(row), async |tx| subject.insert(tx, row).await).await
}
