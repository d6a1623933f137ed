//! One entry for one job, and in which order they are handed over.

use super::{Mutant, mutant};

pub(super) const MUTANTS: &[Mutant] = &[
    // One entry for one job.
    mutant(
        "shared.lua",
        "  redis.call('XDEL', lane, entry)\n",
        "",
        "entries stay in the lane",
        "by_hand::what_has_ended_leaves_its_lane_and_a_lane_without_entries_is_not_listed",
    ),
    mutant(
        "shared.lua",
        "  redis.call('XACK', lane, 'w', entry)\n  redis.call('XDEL'",
        "  redis.call('XDEL'",
        "entries stay pending",
        "by_hand::what_has_ended_leaves_its_lane_and_a_lane_without_entries_is_not_listed",
    ),
    mutant(
        "publish.lua",
        "if tonumber(known[1]) >= tonumber(args[2]) then return 0 end",
        "",
        "one generation is published twice",
        "publishing::the_same_generation_is_published_only_once",
    ),
    mutant(
        "publish.lua",
        "take_out(known[2], known[3])",
        "",
        "an older generation keeps its entry",
        "by_hand::a_newer_generation_leaves_no_entry_of_the_older",
    ),
    mutant(
        "publish.lua",
        "redis.call('XADD', wake, 'MAXLEN', 1, '*', 'n', '1')",
        "",
        "nobody is woken",
        "by_hand::what_has_ended_leaves_its_lane_and_a_lane_without_entries_is_not_listed",
    ),
    mutant(
        "recall.lua",
        "if known[1] == 'queued' then",
        "if known[1] then",
        "running jobs are recalled",
        "publishing::a_recalled_job_leaves_no_trace_and_a_running_one_is_not_recalled",
    ),
    mutant(
        "recall.lua",
        "redis.call('DEL', job)",
        "",
        "a recalled job stays known",
        "publishing::a_recalled_job_leaves_no_trace_and_a_running_one_is_not_recalled",
    ),
    mutant(
        "settle.lua",
        "if known[1] == args[2 * i - 3] then",
        "if known[1] then",
        "settling forgets a newer generation",
        "done::settling_leaves_a_job_alone_that_was_published_again",
    ),
    mutant(
        "settle.lua",
        "take_out(unpack(redis.call('HMGET', keys[i], 'lane', 'entry')))",
        "",
        "settling leaves the entry of a job that came back",
        "done::settling_ends_a_job_that_came_back_to_life_with_an_older_image",
    ),
    mutant(
        "purge.lua",
        "take_out(known[1], known[2])",
        "",
        "purging leaves the entry",
        "publishing::a_purged_job_is_gone_and_its_holder_hears_it",
    ),
    // The order.
    mutant(
        "lease.lua",
        "if a.rank ~= b.rank then return a.rank < b.rank end",
        "",
        "the urgent wait",
        "affinity::the_more_urgent_job_comes_first_whatever_is_warm",
    ),
    mutant(
        "lease.lua",
        "if a.warmth ~= b.warmth then return a.warmth > b.warmth end",
        "",
        "warm models do not count",
        "affinity::the_warm_model_comes_first_until_its_quantum_is_used_up",
    ),
    mutant(
        "lease.lua",
        "if x[1] ~= y[1] then return x[1] < y[1] end",
        "",
        "the oldest does not come first",
        "affinity::without_wishes_the_oldest_job_comes_first",
    ),
    mutant(
        "lease.lua",
        "if not excluded[model] then",
        "if true then",
        "a broken model is tried again and again",
        "affinity::a_model_that_failed_here_is_left_to_others",
    ),
    mutant(
        "lease.lua",
        "redis.call('ZREM', lanes_key, lane.name)",
        "",
        "a lane that is gone stays listed",
        "by_hand::what_has_ended_leaves_its_lane_and_a_lane_without_entries_is_not_listed",
    ),
    mutant(
        "lease.lua",
        "redis.call('HDEL', job, 'progress')",
        "",
        "a new attempt shows the progress of the old one",
        "by_hand::who_takes_a_job_over_has_its_entry_and_begins_anew",
    ),
];
