//! The list of all cases.

/// Makes the list of names, the macro that makes a test of each, and the one that goes through the subjects. A group
/// has a name and the module of its cases:
///
/// - `users in identity::users of Users: round_trip, keys_are_unique and an_update_keeps_the_keys;` are standard
///   cases of a subject of the module, and functions of the module;
/// - `tree in conversations::tree: a_deep_tree_works;` are functions alone.
macro_rules! suite {
    (@subject [] $($module:ident)::+) => {};
    (@subject [$subject:ident] $($module:ident)::+) => {
        pub(crate) use crate::$($module)::+::$subject;
    };
    (($d:tt) $(
        $group:ident in $($module:ident)::+
            $(of $subject:ident: $($standard:ident),+)? $(and $($also:ident),+)? $(: $($case:ident),+)?;
    )+) => {
        /// The names of all cases, `<group>::<case>`.
        #[must_use]
        pub fn cases() -> Vec<&'static str> {
            vec![$(
                $($(concat!(stringify!($group), "::", stringify!($standard)),)+)?
                $($(concat!(stringify!($group), "::", stringify!($also)),)+)?
                $($(concat!(stringify!($group), "::", stringify!($case)),)+)?
            )+]
        }

        /// All subjects.
        pub(crate) mod subjects {
            $(suite!(@subject [$($subject)?] $($module)::+);)+
        }

        /// Calls a macro with every subject.
        macro_rules! with_subjects {
            ($d call:ident) => {
                $d call! { $($($crate::suite::subjects::$subject,)?)+ }
            };
        }

        pub(crate) use with_subjects;

        /// Makes one test of every case, or of every one of some groups, over the harness that the named
        /// function makes around the suite's clock:
        /// `async fn harness(clock: Arc<dyn Clock>) -> impl Harness`.
        ///
        /// ```ignore
        /// storage_testkit::contract_tests!(harness);
        /// storage_testkit::contract_tests!(harness; tenants, users);
        /// ```
        #[macro_export]
        macro_rules! contract_tests {
            ($d harness:ident) => {
                $crate::contract_tests!($d harness; $($group),+);
            };
            ($d harness:ident; $d ($d group:ident),+ $d (,)?) => {
                $d ($crate::contract_tests!(@ $d group $d harness);)+
            };
            $((@ $group $d harness:ident) => {
                mod $group {
                    use $crate::$($module)::+ as cases;
                    $($(#[test]
                    fn $standard() {
                        $crate::run(super::$d harness, $crate::standard::$standard::<cases::$subject>);
                    })+)?
                    $($(#[test]
                    fn $also() {
                        $crate::run(super::$d harness, cases::$also);
                    })+)?
                    $($(#[test]
                    fn $case() {
                        $crate::run(super::$d harness, cases::$case);
                    })+)?
                }
            };)+
            (@ $d group:ident $d harness:ident) => {
                compile_error!(concat!("the contract has no group '", stringify!($d group), "'"));
            };
        }
    };
}

suite! { ($)
    transactions in transactions:
        a_commit_is_seen_by_the_next_unit_of_work,
        nobody_else_sees_what_is_not_committed,
        a_rollback_undoes_everything,
        a_drop_is_a_rollback,
        a_conflict_ends_the_unit_of_work,
        a_missing_reference_ends_the_unit_of_work,
        a_refused_value_ends_the_unit_of_work,
        a_stale_command_leaves_the_unit_of_work_usable,
        a_read_transaction_refuses_writes,
        commands_across_tenants_need_the_installation,
        the_store_answers;
    values in values:
        times_keep_their_microseconds,
        text_comes_back_as_it_was,
        numbers_keep_their_range,
        nul_is_refused_in_text,
        nul_is_refused_in_documents,
        nul_is_refused_in_json;
    tenants in tenancy of Tenants: round_trip, keys_are_unique, strangers_are_kept_out and
        a_tenant_sees_itself_only,
        a_tenant_is_added_in_its_own_scope;
    social_links in tenancy::social_links of SocialLinks: round_trip, keys_are_unique, references_are_checked,
        the_list_is_newest_first, strangers_are_kept_out, what_is_removed_is_gone;
    users in identity::users of Users:
        round_trip, keys_are_unique, references_are_checked, the_list_is_newest_first, strangers_are_kept_out,
        what_is_removed_is_gone and
        superadmins_belong_to_the_installation,
        an_email_is_unique_among_the_living,
        an_update_keeps_the_keys,
        changes_at_once_lose_nothing;
    roles in identity::roles of Roles: round_trip, keys_are_unique, references_are_checked, strangers_are_kept_out and
        a_user_has_its_roles,
        roles_are_a_tenants;
    assignments in identity::roles of UserRoles: keys_are_unique, references_are_checked, strangers_are_kept_out;
    sessions in identity::sessions of Sessions:
        round_trip, keys_are_unique, references_are_checked, strangers_are_kept_out and
        superadmins_have_sessions,
        a_session_is_extended_and_revoked;
    refresh_tokens in identity::refresh_tokens of RefreshTokens:
        round_trip, keys_are_unique, references_are_checked, strangers_are_kept_out and
        a_successor_is_given_once,
        a_token_is_used_once;
    api_keys in identity::api_keys of ApiKeys:
        round_trip, keys_are_unique, references_are_checked, the_list_is_newest_first, strangers_are_kept_out and
        no_scopes_are_not_an_empty_set,
        a_key_is_revoked_once,
        a_key_ends_with_the_one_that_made_it;
    sign_in in identity::sign_in:
        an_email_leads_to_its_account,
        a_password_is_compared_and_never_told,
        an_email_of_several_needs_its_tenant,
        a_username_needs_its_tenant,
        only_living_active_accounts_are_found,
        hashes_lead_to_their_owners,
        no_other_scope_looks_up_accounts;
    conversations in conversations::conversation of Conversations:
        round_trip, keys_are_unique, references_are_checked, the_list_is_newest_first, strangers_are_kept_out,
        what_is_removed_is_gone and
        choices_and_origins_come_back,
        a_deleted_conversation_takes_all_along,
        the_head_moves_within_the_conversation,
        usage_adds_up,
        the_list_is_filtered,
        a_list_holds_ones_own_unless_others_are_asked_for;
    messages in conversations::messages of Messages:
        round_trip, keys_are_unique, references_are_checked, strangers_are_kept_out and
        messages_of_all_roles_come_back,
        a_call_may_refer_to_its_own_messages,
        a_parent_is_of_the_same_conversation,
        a_message_comes_after_its_parent,
        the_grammar_of_roles_is_kept,
        deleted_messages_are_gone;
    tree in conversations::tree:
        a_branch_is_read_page_by_page,
        the_tree_is_read_page_by_page,
        siblings_stand_by_seq,
        ordinals_are_given_once,
        an_active_path_leads_to_its_leaf,
        only_a_child_becomes_active,
        a_deep_tree_works;
    oracle in conversations::oracle:
        random_trees_match_the_oracle;
    answers in conversations::answers:
        an_answer_is_written,
        a_refused_command_undoes_what_went_with_it,
        only_allowed_steps_are_taken;
    concurrent in conversations::concurrent:
        usage_of_many_turns_adds_up,
        many_sends_lose_no_message,
        no_more_streams_run_than_may;
    streams in conversations::streams of Streams:
        round_trip, keys_are_unique, references_are_checked, strangers_are_kept_out and
        events_of_all_types_come_back,
        one_stream_runs_per_message,
        running_streams_are_known,
        events_are_appended_and_read,
        a_stream_ends_once,
        a_stop_is_told_to_the_pump,
        events_are_out_of_reach_for_others,
        a_stream_stays_in_its_conversation;
    flush in conversations::flush:
        streams_are_flushed_together,
        a_refused_stream_keeps_no_other,
        a_stream_ends_with_all_its_events,
        events_of_ended_streams_are_removed,
        pieces_come_back_one_by_one;
    takeover in conversations::takeover:
        an_old_epoch_appends_nothing,
        streams_of_all_tenants_are_taken,
        a_stream_is_taken_once;
    collections in knowledge::collections of Collections:
        round_trip, keys_are_unique, references_are_checked, the_list_is_newest_first, strangers_are_kept_out and
        a_collection_may_be_the_tenants,
        restricted_is_not_shown,
        children_are_listed,
        collections_nest,
        changes_are_counted,
        it_is_known_whether_there_are_chunks;
    sources in knowledge::sources of Sources:
        round_trip, keys_are_unique, references_are_checked, the_list_is_newest_first, strangers_are_kept_out and
        a_source_may_be_the_tenants,
        content_may_be_in_two_collections,
        only_allowed_steps_are_taken,
        a_failure_keeps_its_reason,
        reaches_are_predicates,
        files_without_a_row_are_known;
    versions in knowledge::versions of SourceVersions:
        round_trip, keys_are_unique, references_are_checked, strangers_are_kept_out and
        the_newest_has_the_greatest_number,
        a_version_is_of_its_sources_collection,
        only_allowed_steps_are_taken,
        publishing_flips_the_pointer,
        only_own_versions_are_published;
    chunks in knowledge::chunks of Chunks:
        round_trip, keys_are_unique, references_are_checked, strangers_are_kept_out and
        chunks_come_in_the_order_asked_for,
        a_version_is_read_by_ordinal,
        a_repeated_batch_changes_nothing,
        a_chunk_is_of_its_sources_version;
    chunk_index in knowledge::chunk_index:
        the_nearest_are_those_of_an_exact_scan,
        only_the_current_version_is_found,
        any_word_of_a_question_finds,
        english_words_are_found_by_their_stems,
        words_are_found_within_names_and_without_diacritics,
        rare_words_rank_above_common_ones,
        entries_are_kept_by_chunk_and_model,
        a_vector_needs_its_chunk;
    chunk_words in knowledge::chunk_words:
        words_of_every_script_are_found,
        the_order_is_the_same_on_every_backend,
        every_question_is_answered;
    index_reach in knowledge::index_reach:
        reaches_are_predicates,
        a_choice_of_collections_narrows,
        many_chunks_are_found_by_right,
        strangers_index_nothing,
        a_vector_stands_where_its_chunk_does;
    runs in knowledge::runs of RetrievalRuns: keys_are_unique, references_are_checked, strangers_are_kept_out and
        a_search_is_kept;
    citations in knowledge::citations of Citations:
        round_trip, keys_are_unique, references_are_checked, strangers_are_kept_out and
        citations_stand_by_number,
        citations_grow_old,
        words_out_of_reach_are_not_told;
    ledger in usage::ledger of UsageLogs:
        round_trip, keys_are_unique, references_are_checked, strangers_are_kept_out and
        a_row_keeps_its_price,
        the_list_is_filtered,
        a_call_is_counted_once,
        reaches_are_predicates,
        the_books_need_the_whole_tenant;
    summary in usage::summary:
        rows_are_grouped,
        days_are_those_of_utc,
        sums_are_exact,
        wrong_books_are_found;
    daily in usage::daily:
        a_fold_changes_no_sum,
        a_fold_is_done_in_steps,
        a_late_row_is_counted_once,
        tenants_that_lag_are_found,
        kept_sums_are_reached_as_rows_are,
        folds_and_settlements_meet;
    calls in usage::calls of ProviderCalls:
        round_trip, references_are_checked, strangers_are_kept_out, what_is_removed_is_gone and
        a_call_may_be_nobodys,
        a_call_is_renewed_and_forgotten,
        the_store_records_a_call_by_itself,
        abandoned_calls_are_found,
        commands_on_one_call_follow_each_other;
    prices in usage::prices:
        nothing_and_unknown_differ;
    quotas in usage::quotas:
        what_comes_and_goes_is_counted,
        a_tenant_counts_its_own,
        exactly_as_many_fit_as_may;
    installation in admin::installation:
        a_new_one_is_not_set_up,
        the_last_token_completes_the_setup,
        a_setup_needs_no_token_on_the_host,
        one_of_many_setups_wins;
    audit in admin::audit of AuditLogs:
        round_trip, keys_are_unique, references_are_checked, the_list_is_newest_first, strangers_are_kept_out and
        an_act_may_be_nobodys,
        each_tenant_has_its_own_log,
        a_row_is_read_where_it_was_written,
        a_refused_row_undoes_the_change,
        a_row_goes_with_its_change;
    jobs in admin::jobs of Jobs: round_trip, keys_are_unique, references_are_checked, strangers_are_kept_out and
        the_newest_job_of_a_source_is_found,
        a_source_has_one_live_job,
        one_of_many_jobs_of_a_source_is_queued,
        a_due_job_is_claimed,
        tenants_take_turns,
        each_job_is_claimed_once,
        what_waits_is_counted;
    leases in admin::leases:
        a_worker_finishes_its_job,
        a_failure_is_retried_or_final,
        a_released_job_is_untried,
        a_lost_lease_changes_nothing,
        holding_fences_what_is_written,
        leases_stay_in_their_tenant;
    idempotency in admin::idempotency of IdempotencyKeys:
        round_trip, keys_are_unique, references_are_checked, strangers_are_kept_out and
        an_empty_answer_is_kept,
        a_key_is_taken_while_its_record_lives,
        keys_of_users_never_meet,
        expired_records_are_forgotten;
    matrix in matrix:
        the_committed_matrix_holds;
}
