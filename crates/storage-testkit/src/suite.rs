//! The list of all cases.

/// Makes the list of names, and the macro that makes a test of each.
macro_rules! suite {
    (($d:tt) $($group:ident in $module:path: $($case:ident),+;)+) => {
        /// The names of all cases, `<group>::<case>`.
        #[must_use]
        pub fn cases() -> Vec<&'static str> {
            vec![$($(concat!(stringify!($group), "::", stringify!($case)),)+)+]
        }

        /// Makes one test of every case, over the harness that the named function makes:
        /// `async fn harness() -> impl Harness`.
        #[macro_export]
        macro_rules! contract_tests {
            ($d harness:ident) => {
                $(mod $group {
                    use $module as cases;
                    $(#[test]
                    fn $case() {
                        $crate::run(super::$d harness, cases::$case);
                    })+
                })+
            };
        }
    };
}

suite! { ($)
    transactions in storage_testkit::transactions:
        a_commit_is_seen_by_the_next_unit_of_work,
        nobody_else_sees_what_is_not_committed,
        a_rollback_undoes_everything,
        a_drop_is_a_rollback,
        a_conflict_ends_the_unit_of_work,
        a_missing_reference_ends_the_unit_of_work,
        a_refused_value_ends_the_unit_of_work,
        a_stale_command_leaves_the_unit_of_work_usable,
        a_read_transaction_refuses_writes,
        sign_in_reaches_nothing_else,
        the_installation_reaches_no_content,
        the_store_answers;
    values in storage_testkit::values:
        times_keep_their_microseconds,
        text_comes_back_as_it_was,
        numbers_keep_their_range,
        nul_is_refused_in_text,
        nul_is_refused_in_documents,
        nul_is_refused_in_json;
    tenants in storage_testkit::tenancy:
        round_trip,
        a_slug_is_unique_in_the_installation,
        a_tenant_sees_itself_only,
        a_tenant_is_added_in_its_own_scope;
    users in storage_testkit::identity::users:
        round_trip,
        superadmins_belong_to_the_installation,
        an_email_is_unique_among_the_living,
        a_username_is_unique_in_its_tenant,
        deleted_users_are_gone,
        others_are_out_of_reach,
        the_list_is_newest_first,
        a_login_is_noted,
        a_user_needs_its_tenant;
    roles in storage_testkit::identity::roles:
        round_trip,
        names_and_assignments_are_unique,
        roles_stay_in_their_tenant;
    sessions in storage_testkit::identity::sessions:
        round_trip,
        superadmins_have_sessions,
        a_session_is_extended_and_revoked,
        a_successor_is_given_once,
        a_token_is_used_once,
        sessions_are_out_of_reach_for_others,
        references_and_hashes_are_checked;
    api_keys in storage_testkit::identity::api_keys:
        round_trip,
        a_hash_is_unique,
        a_key_is_used_and_revoked,
        keys_are_out_of_reach_for_others,
        the_list_is_newest_first,
        a_key_needs_its_owner;
    sign_in in storage_testkit::identity::sign_in:
        an_email_leads_to_its_account,
        a_username_needs_its_tenant,
        only_living_active_accounts_are_found,
        hashes_lead_to_their_owners;
}
