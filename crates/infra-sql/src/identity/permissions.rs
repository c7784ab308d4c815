//! Stored names of permissions, some of which a newer version may have written.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use domain::{
    access::{Permission, PermissionSet},
    store::StoreError,
};

use crate::values::from_json;

/// Unknown names that were logged already.
static LOGGED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Returns the permissions that this program knows of a stored list of names. A name that it does not
/// know was stored by a newer version; it is not granted, and logged once for each process. An error
/// here would lock out everybody whose row names it. Where all names are unknown the set is empty,
/// which grants nothing.
pub(crate) fn known(names: serde_json::Value) -> Result<PermissionSet, StoreError> {
    let names: Vec<String> = from_json(names)?;
    let known = |name: &String| {
        let permission = name.parse::<Permission>().ok();
        if permission.is_none() && is_first(name) {
            tracing::warn!(permission = %name, "a stored permission is unknown to this version and is not granted");
        }
        permission
    };
    Ok(names.iter().filter_map(known).collect())
}

/// Whether this process meets the name for the first time.
fn is_first(name: &str) -> bool {
    LOGGED.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_names_are_not_granted() {
        let stored = json!(["profile:read", "rockets:launch", "usage:read"]);
        assert_eq!(known(stored).unwrap(), [Permission::ProfileRead, Permission::UsageRead].into());
        assert_eq!(known(json!(["rockets:launch"])).unwrap(), PermissionSet::new());
        assert_eq!(known(json!([])).unwrap(), PermissionSet::new());
    }

    #[test]
    fn an_unknown_name_is_logged_once() {
        assert!(is_first("comets:catch"));
        assert!(!is_first("comets:catch"));
        assert!(is_first("comets:name"));
    }

    #[test]
    fn what_is_no_list_of_names_is_corrupt_and_never_everything() {
        for stored in [json!(null), json!("profile:read"), json!({ "profile:read": true }), json!([1])] {
            assert!(matches!(known(stored), Err(StoreError::Corrupt(_))));
        }
    }
}
