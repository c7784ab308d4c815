//! The matrix of reach: who may do what with whose row, as a committed table.
//!
//! The people have the rights of a system role, and the scope that the policy gives them for reading or
//! writing such a row; what they try it on is a row of the owner. The table is generated from the rules
//! of the domain; every backend is held to it.

use domain::{
    access::{Actor, Credential, Denied, Permission, Policy, Scope, SystemRole},
    ids::{TenantId, UserId},
};

use crate::{
    Fixtures, Subject, World,
    standard::{Action, Outcome, Stage, stages},
    suite::with_subjects,
};

/// The table as it is committed.
const COMMITTED: &str = include_str!("../reach_matrix.txt");

const HEAD: &str = "\
# Who may do what with a row of the owner. Generated from the rules of the domain; every backend is held
# to it. To write it anew: BANYAN_WRITE_MATRIX=1 cargo test -p storage-testkit --lib matrix
#
# yes      the row is found, added or changed
# no       as if there were no such row
# refused  the scope has nothing to do with such rows, or must not add this one (OutOfScope)
# denied   the policy gives no scope
#
# Scopes are those of the policy for the permission that reads or writes such rows: of a user (owner,
# colleague), of an admin, a viewer and a superadmin in the owner's tenant, and of an admin of another
# one. Then come work of our own in the tenant, across tenants, and sign-in.
";

/// Who tries.
#[derive(Debug, Clone, Copy)]
enum Who {
    Owner,
    Colleague,
    TenantAdmin,
    Viewer,
    Superadmin,
    OtherAdmin,
    System,
    Installation,
    SignIn,
}

impl Who {
    const ALL: &[Self] = &[
        Self::Owner,
        Self::Colleague,
        Self::TenantAdmin,
        Self::Viewer,
        Self::Superadmin,
        Self::OtherAdmin,
        Self::System,
        Self::Installation,
        Self::SignIn,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Colleague => "colleague",
            Self::TenantAdmin => "tenant_admin",
            Self::Viewer => "viewer",
            Self::Superadmin => "superadmin",
            Self::OtherAdmin => "other_admin",
            Self::System => "system",
            Self::Installation => "installation",
            Self::SignIn => "sign_in",
        }
    }

    fn scope<S: Subject>(self, stage: &Stage<S>, permission: Permission) -> Result<Scope, Denied> {
        let (home, away) = (stage.ada.tenant.id, stage.eve.tenant.id);
        let actor = match self {
            Self::Owner => actor(SystemRole::User, stage.ada.user.id, home),
            Self::Colleague => actor(SystemRole::User, stage.bob.user.id, home),
            Self::TenantAdmin => actor(SystemRole::TenantAdmin, stage.bob.user.id, home),
            Self::Viewer => actor(SystemRole::Viewer, stage.bob.user.id, home),
            Self::Superadmin => actor(SystemRole::Superadmin, stage.bob.user.id, home),
            Self::OtherAdmin => actor(SystemRole::TenantAdmin, stage.eve.user.id, away),
            Self::System => return Ok(Scope::system_in(home)),
            Self::Installation => return Ok(Scope::system("contract suite")),
            Self::SignIn => return Ok(Scope::sign_in()),
        };
        Policy.allow(&actor, permission)
    }
}

fn actor(role: SystemRole, user_id: UserId, tenant_id: TenantId) -> Actor {
    Actor {
        user_id,
        tenant_id: Some(tenant_id),
        is_superadmin: role == SystemRole::Superadmin,
        is_tenant_admin: role == SystemRole::TenantAdmin,
        permissions: role.permissions(),
        credential: Credential::Embedded,
        ip_address: None,
        user_agent: None,
    }
}

/// A line: an action on the rows of a table, private or shown to the tenant.
struct Line {
    resource: &'static str,
    row: &'static str,
    action: &'static str,
    /// By [`Who::ALL`]; an error where a backend did something else than it told.
    outcomes: Vec<Result<Outcome, String>>,
}

impl Line {
    fn text(&self) -> String {
        let cells = self.outcomes.iter().map(|outcome| match outcome {
            Ok(outcome) => outcome.to_string(),
            Err(_) => "wrong".to_owned(),
        });
        let cells = Who::ALL.iter().zip(cells).map(|(who, cell)| format!("{cell:<width$}", width = width(*who)));
        let start = format!("{:<17}{:<9}{:<20}", self.resource, self.row, self.action);
        format!("{start}{}", cells.collect::<String>()).trim_end().to_owned()
    }
}

fn width(who: Who) -> usize {
    who.name().len().max("refused".len()) + 1
}

/// The table of these lines.
fn render(lines: &[Line]) -> String {
    let names: String = Who::ALL.iter().map(|who| format!("{:<width$}", who.name(), width = width(*who))).collect();
    let title = format!("{:<17}{:<9}{:<20}{names}", "resource", "row", "action");
    let mut text = format!("{HEAD}\n{}\n", title.trim_end());
    let mut before = "";
    for line in lines {
        if line.resource != before {
            text.push('\n');
        }
        before = line.resource;
        text.push_str(&line.text());
        text.push('\n');
    }
    text
}

fn permission<S: Subject>(action: &Action<S>) -> Permission {
    let [read, write] = S::ACCESS;
    if action.writes() { write } else { read }
}

fn add_rules<S: Subject>(make: &Fixtures, lines: &mut Vec<Line>) {
    for (row, set) in stages::<S>() {
        let Some(stage) = set(make) else { continue };
        for action in Action::<S>::all() {
            let outcome = |who: &Who| match who.scope(&stage, permission(&action)) {
                Ok(scope) => action.expected(&stage, &scope),
                Err(_) => Outcome::Denied,
            };
            let outcomes = Who::ALL.iter().map(outcome).map(Ok).collect();
            lines.push(Line { resource: S::NAME, row, action: action.name(), outcomes });
        }
    }
}

async fn add_probes<S: Subject>(world: &World, lines: &mut Vec<Line>) {
    for (row, set) in stages::<S>() {
        for action in Action::<S>::all() {
            let mut outcomes = Vec::new();
            for who in Who::ALL {
                let Some(stage) = set(&world.make) else { continue };
                outcomes.push(match who.scope(&stage, permission(&action)) {
                    Ok(scope) => action.probe(world, &stage, &scope).await,
                    Err(_) => Ok(Outcome::Denied),
                });
            }
            if !outcomes.is_empty() {
                lines.push(Line { resource: S::NAME, row, action: action.name(), outcomes });
            }
        }
    }
}

macro_rules! resources {
    ($($subject:path),+ $(,)?) => {
        fn by_rules() -> Vec<Line> {
            let make = Fixtures::default();
            let mut lines = Vec::new();
            $(add_rules::<$subject>(&make, &mut lines);)+
            lines
        }

        /// All lines, as a backend has them; without those of what it lacks.
        async fn by_trial(world: &World) -> Vec<Line> {
            let lacks = world.store.capabilities().lacks;
            let mut lines = Vec::new();
            $(if !lacks.contains(&<$subject as Subject>::NAME) {
                add_probes::<$subject>(world, &mut lines).await;
            })+
            lines
        }
    };
}

with_subjects!(resources);

/// Stores a plain row of every subject, each in a tenant of its own; none of what the backend lacks.
pub async fn add_one_of_each(world: &World) {
    let lacks = world.store.capabilities().lacks;
    macro_rules! add {
        ($($subject:path,)+) => {$(
            if !lacks.contains(&<$subject as Subject>::NAME) {
                let stage = Stage::<$subject>::new(&world.make);
                stage.prepare(world).await;
                stage.add(world, &stage.row).await;
            }
        )+};
    }
    with_subjects!(add);
}

/// The whole table, by the rules of the domain alone.
#[must_use]
pub fn by_the_rules() -> String {
    render(&by_rules())
}

/// Every line of the committed matrix is what the backend does.
pub async fn the_committed_matrix_holds(world: World) {
    let lines = by_trial(&world).await;
    let is_committed = |line: &String| COMMITTED.lines().any(|committed| committed == line);
    let wrong: Vec<String> = lines.iter().map(Line::text).filter(|line| !is_committed(line)).collect();
    assert!(wrong.is_empty(), "these lines are not in reach_matrix.txt:\n{}", wrong.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_matrix_is_what_the_rules_say() {
        let text = by_the_rules();
        if std::env::var_os("BANYAN_WRITE_MATRIX").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/reach_matrix.txt"), &text).unwrap();
        } else {
            assert_eq!(text, COMMITTED, "the rules have changed: look, then write the table anew, as its head says");
        }
    }
}
