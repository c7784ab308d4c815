//! Removals, compared with a plain reading of the schema's text.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use domain::{identity::User, knowledge::CollectionVisibility, store::StoreError, tenancy::Tenant};
use uuid::Uuid;

use super::{
    filled::filled,
    schema::{ForeignKey, foreign_keys},
};
use crate::{
    state::{State, Visitor},
    table::Row,
};

/// A row: its table and primary key.
type Name = (String, String);
/// The columns of a row that the schema's references name.
type Columns = BTreeMap<String, Option<Uuid>>;

/// The schema's references, the one that a trigger keeps on SQLite, and that of a search's hits, which are a column
/// there.
fn rules() -> BTreeSet<ForeignKey> {
    let mut rules = foreign_keys();
    let of_chunks = |key: &&ForeignKey| key.from.0 == "chunk_embeddings";
    let mut words = rules.iter().find(of_chunks).unwrap().clone();
    words.from.0 = "chunk_words".to_owned();
    let mut hits = words.clone();
    hits.from = ("retrieval_hits".to_owned(), vec!["tenant_id".to_owned(), "retrieval_run_id".to_owned()]);
    hits.to = ("retrieval_runs".to_owned(), vec!["tenant_id".to_owned(), "id".to_owned()]);
    rules.extend([words, hits]);
    rules
}

/// All rows of a state, as the rules see them.
struct Dump<'a> {
    rules: &'a BTreeSet<ForeignKey>,
    rows: BTreeMap<Name, Columns>,
}

impl Visitor for Dump<'_> {
    fn visit<R: Row<Id: Debug>>(&mut self, state: &State) {
        let named = self.rules.iter().flat_map(|rule| [&rule.from, &rule.to]);
        let columns: BTreeSet<&String> =
            named.filter(|(table, _)| table == R::TABLE).flat_map(|(_, names)| names).collect();
        for row in R::table(state).iter() {
            let values = columns.iter().map(|name| ((*name).clone(), row.column(name)));
            self.rows.insert((R::TABLE.to_owned(), format!("{:?}", row.id())), values.collect());
        }
    }
}

fn dump(rules: &BTreeSet<ForeignKey>, state: &State) -> BTreeMap<Name, Columns> {
    let mut dump = Dump { rules, rows: BTreeMap::new() };
    state.visit(&mut dump);
    dump.rows
}

/// The values of these columns, unless one is empty.
fn values(row: &Columns, columns: &[String]) -> Option<Vec<Uuid>> {
    columns.iter().map(|name| row[name]).collect()
}

/// What the rules make of the rows when these are removed; `None`: they refuse it. Notes the rules that
/// had something to do.
fn removed<'a>(
    rules: &'a BTreeSet<ForeignKey>,
    mut rows: BTreeMap<Name, Columns>,
    first: Vec<Name>,
    used: &mut BTreeSet<&'a ForeignKey>,
) -> Option<BTreeMap<Name, Columns>> {
    let mut gone: Vec<(Name, Columns)> = Vec::new();
    let mut next = first;
    let refers = |rule: &ForeignKey, row: &Columns, gone: &[(Name, Columns)]| {
        let value = values(row, &rule.from.1);
        let of_table = gone.iter().filter(|(name, _)| name.0 == rule.to.0);
        value.is_some() && of_table.into_iter().any(|(_, there)| values(there, &rule.to.1) == value)
    };
    while !next.is_empty() {
        gone.extend(next.drain(..).filter_map(|name| rows.remove_entry(&name)));
        for rule in rules.iter().filter(|rule| rule.on_delete == "cascade") {
            let of_table = rows.iter().filter(|(name, _)| name.0 == rule.from.0);
            let along: Vec<Name> =
                of_table.filter(|(_, row)| refers(rule, row, &gone)).map(|(name, _)| name.clone()).collect();
            if !along.is_empty() {
                used.insert(rule);
            }
            next.extend(along);
        }
    }
    for rule in rules.iter().filter(|rule| rule.on_delete != "cascade") {
        for (_, row) in rows.iter_mut().filter(|(name, _)| name.0 == rule.from.0) {
            if refers(rule, row, &gone) {
                used.insert(rule);
                if rule.on_delete == "refuse" {
                    return None;
                }
                row.insert(rule.from.1.last().unwrap().clone(), None);
            }
        }
    }
    Some(rows)
}

/// What goes with a user by a trigger: what only the user could read.
fn private(state: &State, user: &str) -> Vec<Name> {
    let is_of = |owner: Option<domain::ids::UserId>| owner.is_some_and(|owner| format!("{owner:?}") == user);
    let collections = state.collections.iter().filter(|row| row.visibility != CollectionVisibility::Shared);
    let collections = collections.filter(|row| is_of(row.user_id)).map(|row| ("collections", format!("{:?}", row.id)));
    let sources = state.sources.iter().filter(|row| row.visibility == Some(CollectionVisibility::Private));
    let sources = sources.filter(|row| is_of(row.user_id)).map(|row| ("sources", format!("{:?}", row.id)));
    collections.chain(sources).map(|(table, id)| (table.to_owned(), id)).collect()
}

/// Removes each row in turn, and compares.
struct RemoveEach<'a> {
    rules: &'a BTreeSet<ForeignKey>,
    used: BTreeSet<&'a ForeignKey>,
}

impl Visitor for RemoveEach<'_> {
    fn visit<R: Row<Id: Debug>>(&mut self, state: &State) {
        assert!(R::table(state).len() > 0, "the state has no row in {}", R::TABLE);
        for row in R::table(state).iter() {
            let id = format!("{:?}", row.id());
            let mut first = vec![(R::TABLE.to_owned(), id.clone())];
            if R::TABLE == "users" {
                first.extend(private(state, &id));
            }
            let expected = removed(self.rules, dump(self.rules, state), first, &mut self.used);
            let mut after = state.clone();
            let found = match after.remove::<R>(&row.id()) {
                Ok(()) => Some(dump(self.rules, &after)),
                Err(StoreError::ForeignKey) => None,
                Err(error) => panic!("{} {id}: {error}", R::TABLE),
            };
            assert_eq!(found, expected, "{} {id}", R::TABLE);
        }
    }
}

#[test]
fn a_removal_does_what_the_schema_says() {
    let (rules, state) = (rules(), filled().0);
    let mut each = RemoveEach { rules: &rules, used: BTreeSet::new() };
    state.visit(&mut each);
    let unused: Vec<_> = rules.iter().filter(|rule| !each.used.contains(rule)).collect();
    assert!(unused.is_empty(), "no removal shows what becomes of {unused:#?}");
}

#[test]
fn a_tenant_takes_all_that_is_its_own() {
    let (mut state, ada, _) = filled();
    let before = dump(&rules(), &state);
    let tenant = ada.user.tenant_id.unwrap();
    state.remove::<Tenant>(&tenant).unwrap();
    let left = dump(&rules(), &state);
    let others = before.into_iter().filter(|(_, row)| row.get("tenant_id") != Some(&Some(tenant.0)));
    let others = others.filter(|(name, _)| name != &("tenants".to_owned(), format!("{tenant:?}")));
    assert_eq!(left, others.collect());
}

#[test]
fn a_user_leaves_what_others_read_and_what_is_on_record() {
    let (mut state, ada, bob) = filled();
    state.remove::<User>(&ada.user.id).unwrap();
    assert!(state.collections.get(&ada.private.id).is_none());
    assert!(state.sources.get(&ada.narrowed.id).is_none());
    assert_eq!(state.collections.get(&ada.shared.id).unwrap().user_id, None);
    assert_eq!(state.sources.get(&ada.source.id).unwrap().user_id, None);
    assert!(state.conversations.get(&ada.conversation.id).is_none());
    assert_eq!(state.conversations.get(&bob.conversation.id).unwrap().forked_from_conversation_id, None);
    let of_bob = state.usage_logs.iter().find(|row| row.user_id == Some(bob.user.id) && row.price_id.is_some());
    let of_bob = of_bob.unwrap();
    assert_eq!((of_bob.conversation_id, of_bob.message_id, of_bob.message_deleted), (None, None, true));
    assert_eq!(state.usage_logs.iter().filter(|row| row.tenant_id == bob.conversation.tenant_id).count(), 4);
}

#[test]
fn indexes_follow_removals() {
    let (mut state, ada, _) = filled();
    state.remove::<User>(&ada.user.id).unwrap();
    let by_hash = crate::table::place![ada.key.key_hash.as_str()];
    assert!(state.api_keys.find("uq_api_keys_key_hash", by_hash).is_none());
    // Names and addresses of a removed user are free.
    state.insert(ada.user).unwrap();
    state.insert(ada.key).unwrap();
}
