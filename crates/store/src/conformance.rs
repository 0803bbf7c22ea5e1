//! The contracts as tests: one function per sentence, run against every engine. Nothing of an engine is known here.
//!
//! An engine implements [`Fixture`] and calls [`conformance_suite!`](crate::conformance_suite) once in its tests; each sentence
//! is then a test of its own. [`model`] drives an engine and the [reference](crate::memory) with the same random calls.

#![expect(clippy::missing_panics_doc, reason = "a sentence that does not hold panics: that is how a test fails")]

pub mod affinity;
pub mod audit;
pub mod health;
pub mod idempotency;
pub mod leases;
pub mod ledger;
pub mod limits;
pub mod locks;
pub mod model;
pub mod rankings;
pub mod records;
mod samples;
pub mod sessions;

pub use samples::{Random, attempts};

use crate::Store;
use std::future::Future;
use tokio::task::JoinSet;

/// One store under test.
pub trait Fixture: Send + Sized {
    /// A new, empty store.
    fn fresh() -> impl Future<Output = Self> + Send;

    /// Its ports.
    fn store(&self) -> Store;

    /// Ends everything of the engine that runs, and opens what is stored again. Ports had before fail from then on, or go on to
    /// work on the same store. An engine without storage does nothing.
    fn restart(&mut self) -> impl Future<Output = ()> + Send;
}

/// The reference under test.
pub struct Memory(Store);

impl Fixture for Memory {
    async fn fresh() -> Self {
        Self(crate::memory::store())
    }

    fn store(&self) -> Store {
        self.0.clone()
    }

    async fn restart(&mut self) {}
}

/// Runs `task` for 0 to `count - 1`, all at once; gives the answers in the order of their ends.
async fn at_once<T, F>(count: u32, mut task: impl FnMut(u32) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for number in 0..count {
        tasks.spawn(task(number));
    }
    tasks.join_all().await
}

/// Expands to one test per sentence, for the given [`Fixture`].
#[macro_export]
macro_rules! conformance_suite {
    ($fixture:ty) => {
        $crate::conformance_suite! { @port $fixture, records:
            a_record_reads_back_as_it_was_inserted
            a_second_record_with_an_id_is_refused_and_leaves_nothing
            a_second_record_with_a_unique_value_is_refused_and_leaves_nothing
            a_record_is_found_by_its_unique_value_as_long_as_it_has_it
            an_update_changes_the_fields_that_it_names_and_no_other
            an_update_at_another_version_is_refused_and_leaves_nothing
            an_update_while_a_field_is_absent_takes_effect_once
            an_update_that_names_nothing_counts_as_a_change
            what_is_missing_is_neither_updated_nor_removed
            a_record_is_removed_with_its_secondary_keys
            of_parallel_inserts_of_one_id_one_succeeds
            of_parallel_inserts_of_one_unique_value_one_succeeds
            of_parallel_updates_at_one_version_one_succeeds
            parallel_updates_of_different_fields_all_hold
            a_read_after_a_change_sees_it
            what_was_answered_with_success_is_there_after_a_restart
            what_was_answered_before_a_restart_amid_writes_is_there_after_it
            a_record_that_was_synced_is_there_after_a_restart
            the_change_sequence_keeps_the_last_change_of_each_record
            the_change_sequence_grows_over_restarts
            each_change_is_announced_and_no_refusal_is
            pages_hold_each_record_once_and_in_order
            a_search_disregards_ascii_case_only
            filters_compare_as_they_say
            keys_bound_to_one_thing_are_counted_once_each
            a_record_is_listed_by_the_items_that_it_has
            items_are_counted_by_the_records_that_have_them
            all_ids_of_a_list_and_records_by_their_ids_are_had_at_once
            lists_of_many_records_hold_what_filters_and_searches_choose
            what_the_table_does_not_list_is_refused
        }
        $crate::conformance_suite! { @port $fixture, limits:
            of_parallel_reservations_as_many_are_granted_as_have_room
            all_charges_are_made_or_none
            a_request_is_charged_once_per_subject
            a_reservation_counts_until_it_expires
            a_settlement_replaces_the_reservation_by_the_truth
            a_settlement_after_the_expiry_still_charges_the_truth
            a_settlement_for_a_window_that_has_ended_does_nothing
            settling_or_cancelling_twice_does_nothing
            a_cancelled_reservation_is_returned_whole
            windows_and_subjects_do_not_mix
            a_sweep_forgets_ended_windows_and_expired_reservations
            what_a_reservation_cannot_carry_is_refused
            parallel_lives_of_requests_leave_exactly_their_truth
        }
        $crate::conformance_suite! { @port $fixture, leases:
            of_parallel_requests_as_many_get_a_slot_as_there_are
            acquiring_what_is_held_renews_it_and_counts_once
            an_expired_slot_counts_no_longer
            what_is_taken_for_a_caller_that_is_gone_is_given_back
            renewing_takes_an_expired_slot_again_beyond_the_ceiling
            a_slot_given_back_is_free
            places_are_served_in_the_order_in_which_they_were_entered
            a_full_queue_takes_nobody
            an_expired_place_counts_no_longer
            a_sweep_removes_expired_slots_and_places
        }
        $crate::conformance_suite! { @port $fixture, affinity:
            a_binding_is_found_until_its_time_is_over
            a_binding_that_is_renewed_lives_on
            a_binding_survives_a_restart
            a_binding_takes_effect_only_over_the_one_expected
            of_parallel_bindings_all_hear_of_the_same_account
            bindings_are_removed_one_by_one_and_by_account
            bindings_of_a_scope_are_removed_together
            moved_and_removed_bindings_are_announced
            a_sweep_removes_ended_bindings_up_to_its_limit
        }
        $crate::conformance_suite! { @port $fixture, locks:
            of_parallel_holders_one_gets_the_lock
            a_fence_is_greater_than_every_earlier_one
            a_fence_is_greater_than_those_before_a_restart
            the_same_holder_renews_and_keeps_its_fence
            only_the_holder_frees_a_lock
        }
        $crate::conformance_suite! { @port $fixture, health:
            there_is_one_cooldown_per_account_and_scope
            a_cooldown_that_ends_later_is_not_replaced
            an_exclusion_is_not_hidden_by_a_longer_guess
            a_cooldown_is_over_when_its_end_is_reached
            cooldowns_are_ended_one_by_one_and_by_account
            of_parallel_cooldowns_the_longest_holds
            each_change_of_cooldowns_is_announced
            cooldowns_survive_a_restart
            a_sweep_removes_ended_cooldowns_up_to_its_limit
            of_each_window_what_was_told_last_is_kept
            windows_are_announced_and_survive_a_restart
        }
        $crate::conformance_suite! { @port $fixture, sessions:
            a_session_is_found_until_it_ends
            a_session_survives_a_restart
            a_revoked_session_is_not_found_again
            all_sessions_of_a_subject_are_revoked_but_one
            sessions_are_listed_newest_first
            creating_a_session_again_replaces_it
            a_sweep_removes_ended_sessions_up_to_its_limit
        }
        $crate::conformance_suite! { @port $fixture, audit:
            an_entry_reads_back_as_it_was_appended
            an_entry_takes_its_outcome_once
            pages_hold_each_entry_once_the_newest_first
            entries_are_filtered_by_everything_that_a_question_names
            of_parallel_entries_none_is_lost
            pruning_removes_the_oldest_entries_up_to_its_limit
            what_the_audit_log_cannot_answer_is_refused
        }
        $crate::conformance_suite! { @port $fixture, idempotency:
            of_parallel_claims_one_holds
            the_same_holder_may_claim_again
            a_claim_is_over_when_its_end_is_reached
            an_answer_is_given_again_until_its_end
            what_is_given_up_may_be_claimed_at_once
            a_sweep_removes_nothing_that_has_not_ended
        }
        $crate::conformance_suite! { @port $fixture, ledger:
            a_batch_is_applied_once
            a_batch_that_leaves_a_gap_is_refused
            a_batch_that_is_applied_again_counts_once
            a_batch_behind_a_gap_is_applied_when_sent_again
            the_lineage_stays_while_nothing_is_lost
            epochs_count_apart
            what_was_applied_is_there_after_a_restart
            duplicated_and_reordered_batches_count_once
            every_roll_up_is_the_sum_of_the_records
            what_was_applied_is_visible_to_the_next_question
            rows_come_with_the_highest_cost_first_and_up_to_the_limit
            totals_of_keys_are_the_sums_of_their_records
            pages_hold_each_attempt_once_the_latest_first
            attempts_are_filtered_by_everything_that_a_filter_names
            an_attempt_reads_back_as_it_was_applied
            pruning_takes_old_records_and_leaves_months_and_totals
            rows_come_in_the_order_that_is_asked_for
            what_the_ledger_cannot_answer_is_refused
        }
        $crate::conformance_suite! { @port $fixture, rankings:
            a_key_was_last_used_when_its_latest_record_was_admitted
            a_key_s_rated_cost_over_days_is_the_sum_of_its_records
            the_keys_of_a_model_are_those_that_used_it_in_these_days
            what_was_applied_is_ranked_until_it_is_removed
        }
        $crate::conformance_suite! { @port $fixture, model:
            durable_ports_answer_as_the_reference_does_over_restarts
            limits_slots_and_locks_answer_as_the_reference_does
        }
    };
    (@port $fixture:ty, $port:ident: $($sentence:ident)+) => {
        mod $port {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $sentence() {
                    let fixture = <$fixture as $crate::conformance::Fixture>::fresh().await;
                    $crate::conformance::$port::$sentence(fixture).await;
                }
            )+
        }
    };
}
