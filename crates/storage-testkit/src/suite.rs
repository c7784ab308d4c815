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
        changes_at_once_lose_nothing,
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
    conversations in storage_testkit::conversations::conversation:
        round_trip,
        an_update_writes_its_fields,
        a_deleted_conversation_is_gone,
        the_head_moves_within_the_conversation,
        usage_adds_up,
        the_list_is_filtered,
        the_list_is_newest_first,
        reaches_are_predicates,
        strangers_change_nothing,
        references_stay_in_the_tenant;
    messages in storage_testkit::conversations::messages:
        round_trip,
        a_call_may_refer_to_its_own_messages,
        a_parent_is_of_the_same_conversation,
        a_message_comes_after_its_parent,
        seq_is_unique_in_its_conversation,
        the_grammar_of_roles_is_kept,
        messages_are_out_of_reach_for_others,
        deleted_messages_are_gone;
    tree in storage_testkit::conversations::tree:
        a_branch_is_read_page_by_page,
        the_tree_is_read_page_by_page,
        siblings_stand_by_seq,
        ordinals_are_given_once,
        an_active_path_leads_to_its_leaf,
        only_a_child_becomes_active,
        a_deep_tree_works;
    oracle in storage_testkit::conversations::oracle:
        random_trees_match_the_oracle;
    answers in storage_testkit::conversations::answers:
        an_answer_is_written,
        only_allowed_steps_are_taken,
        strangers_write_no_answers;
    concurrent in storage_testkit::conversations::concurrent:
        usage_of_many_turns_adds_up,
        many_sends_lose_no_message,
        no_more_streams_run_than_may;
    streams in storage_testkit::conversations::streams:
        round_trip,
        one_stream_runs_per_message,
        running_streams_are_known,
        events_are_appended_and_read,
        a_stream_ends_once,
        a_stop_is_told_to_the_pump,
        streams_are_out_of_reach_for_others,
        references_stay_in_the_tenant;
    takeover in storage_testkit::conversations::takeover:
        an_old_epoch_appends_nothing,
        streams_of_all_tenants_are_taken,
        a_stream_is_taken_once;
    collections in storage_testkit::knowledge::collections:
        round_trip,
        reaches_are_predicates,
        the_list_is_newest_first,
        collections_nest,
        references_stay_in_the_tenant,
        changes_are_counted,
        it_is_known_whether_there_are_chunks;
    sources in storage_testkit::knowledge::sources:
        round_trip,
        content_is_unique_in_a_collection,
        only_allowed_steps_are_taken,
        a_failure_keeps_its_reason,
        reaches_are_predicates,
        the_list_is_newest_first,
        references_stay_in_the_tenant,
        files_without_a_row_are_known;
    versions in storage_testkit::knowledge::versions:
        round_trip,
        an_update_leaves_the_status,
        numbers_and_references_are_checked,
        only_allowed_steps_are_taken,
        publishing_flips_the_pointer,
        only_own_versions_are_published,
        versions_are_out_of_reach_for_others;
    chunks in storage_testkit::knowledge::chunks:
        round_trip,
        a_version_is_read_by_ordinal,
        a_repeated_batch_changes_nothing,
        references_stay_in_the_tenant,
        chunks_are_out_of_reach_for_others;
    chunk_index in storage_testkit::knowledge::chunk_index:
        the_nearest_are_those_of_an_exact_scan,
        only_the_current_version_is_found,
        any_word_of_a_question_finds,
        words_are_found_within_names_and_without_diacritics,
        rare_words_rank_above_common_ones,
        entries_are_kept_by_chunk_and_model,
        a_vector_needs_its_chunk;
    index_reach in storage_testkit::knowledge::index_reach:
        reaches_are_predicates,
        a_choice_of_collections_narrows,
        strangers_publish_nothing;
    citations in storage_testkit::knowledge::citations:
        a_search_is_kept,
        references_stay_in_the_tenant,
        citations_round_trip,
        citations_grow_old,
        words_out_of_reach_are_not_told;
    ledger in storage_testkit::usage::ledger:
        round_trip,
        the_list_is_filtered,
        a_call_is_counted_once,
        reaches_are_predicates,
        references_stay_in_the_tenant;
    summary in storage_testkit::usage::summary:
        rows_are_grouped,
        days_are_those_of_utc,
        sums_are_exact,
        wrong_books_are_found;
    calls in storage_testkit::usage::calls:
        round_trip,
        a_call_is_renewed_and_forgotten,
        the_store_records_a_call_by_itself,
        abandoned_calls_are_found,
        calls_stay_in_their_tenant;
    prices in storage_testkit::usage::prices:
        nothing_and_unknown_differ;
    installation in storage_testkit::admin::installation:
        a_new_one_is_not_set_up,
        the_last_token_completes_the_setup,
        a_setup_needs_no_token_on_the_host,
        one_of_many_setups_wins;
    audit in storage_testkit::admin::audit:
        round_trip,
        each_tenant_has_its_own_log,
        a_row_is_read_where_it_was_written,
        a_refused_row_undoes_the_change,
        a_row_goes_with_its_change;
    jobs in storage_testkit::admin::jobs:
        round_trip,
        the_newest_job_of_a_source_is_found,
        a_source_has_one_live_job,
        one_of_many_jobs_of_a_source_is_queued,
        a_due_job_is_claimed,
        tenants_take_turns,
        each_job_is_claimed_once,
        jobs_stay_in_their_tenant;
    leases in storage_testkit::admin::leases:
        a_worker_finishes_its_job,
        a_failure_is_retried_or_final,
        a_released_job_is_untried,
        a_lost_lease_changes_nothing,
        holding_fences_what_is_written,
        leases_stay_in_their_tenant;
    idempotency in storage_testkit::admin::idempotency:
        round_trip,
        a_key_is_taken_while_its_record_lives,
        keys_of_users_never_meet,
        expired_records_are_forgotten;
}
