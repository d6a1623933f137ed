//! Text that somebody waits for.

use super::{Mutant, mutant};

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "shared.lua",
        "    redis.call('DEL', job)\n    redis.call('PUBLISH'",
        "    redis.call('PUBLISH'",
        "a text job that has ended stays known",
        "texts::ending::a_waiting_request_that_is_cancelled_is_gone_at_once",
    ),
    mutant(
        "shared.lua",
        "    redis.call('PUBLISH', prefix_of(job) .. 'reply:' .. reply, 'end ' .. id .. ' ' .. outcome .. ' ' .. payload)\n",
        "",
        "whoever asked for text never hears of its end",
        "texts::ending::a_waiting_request_that_is_cancelled_is_gone_at_once",
    ),
    mutant(
        "shared.lua",
        "' .. outcome .. ' ' .. payload)\n    return\n",
        "' .. outcome .. ' ' .. payload)\n",
        "SQL hears of a text job",
        "texts::ending::a_waiting_request_that_is_cancelled_is_gone_at_once",
    ),
    mutant(
        "shared.lua",
        "if reply then return end",
        "",
        "events tell of text jobs",
        "texts::asking::an_answer_comes_in_pieces_to_whoever_asked_and_leaves_nothing",
    ),
    mutant(
        "shared.lua",
        "known[5] or '', known[6])",
        "known[5] or '')",
        "a text job that nobody ends goes to SQL",
        "texts::ending::a_waiting_request_that_is_cancelled_is_gone_at_once",
    ),
    mutant(
        "finish.lua",
        "known[7],\n    known[8])",
        "known[7])",
        "a text job that its worker ends goes to SQL",
        "texts::asking::a_worker_learns_that_nobody_waits",
    ),
    mutant(
        "beat.lua",
        "emit(keys[2], args[1], args[4], known[6])",
        "emit(keys[2], args[1], args[4])",
        "events tell of beats for text",
        "texts::ending::no_event_tells_how_far_an_answer_is",
    ),
    mutant(
        "reap.lua",
        "expires and tonumber(expires) <= now",
        "expires",
        "what waits for a worker is reaped at once",
        "texts::ending::what_no_worker_takes_ends_when_the_wait_is_over",
    ),
    mutant(
        "reap.lua",
        "        close(job, keys[2], id, 'expired')\n",
        "",
        "what waits for a worker longer than anybody waits for it stays for ever",
        "texts::ending::what_no_worker_takes_ends_when_the_wait_is_over",
    ),
];
