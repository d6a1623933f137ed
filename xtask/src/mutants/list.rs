//! The mutants: one rule of the queue each, and what the functions look like without it.

/// A change that must be noticed.
pub(super) struct Mutant {
    /// The file in `crates/queue/src/functions`.
    pub(super) file: &'static str,
    /// What stands there, exactly once.
    pub(super) before: &'static str,
    /// What stands there instead.
    pub(super) after: &'static str,
    /// What is wrong with it.
    pub(super) why: &'static str,
    /// Why nobody can notice, if nobody can.
    pub(super) harmless: Option<&'static str>,
}

const fn mutant(file: &'static str, before: &'static str, after: &'static str, why: &'static str) -> Mutant {
    Mutant { file, before, after, why, harmless: None }
}

/// Every mutant.
pub(super) const MUTANTS: &[Mutant] = &[
    // The fences.
    mutant("finish.lua", "if known[1] ~= args[2] then return 0 end", "", "anybody may end a job"),
    mutant(
        "finish.lua",
        "if known[2] ~= 'running' then return known[2] == args[3] and 1 or 0 end",
        "",
        "a job can end twice",
    ),
    mutant("finish.lua", "return known[2] == args[3] and 1 or 0", "return 0", "an end may not be repeated"),
    mutant(
        "finish.lua",
        "local accepted = finish(keys, args)",
        "local accepted = 1",
        "an end is not heard when the next job is asked for",
    ),
    mutant(
        "finish.lua",
        "return {accepted, next_job",
        "return {accepted, accepted == 1 and next_job",
        "who has lost its job gets no other",
    ),
    mutant("beat.lua", "known[1] ~= args[2] or known[2] ~= 'running'", "known[2] ~= 'running'", "zombies may beat"),
    mutant("beat.lua", "known[1] ~= args[2] or known[2] ~= 'running'", "known[1] ~= args[2]", "the finished may beat"),
    mutant(
        "release.lua",
        "known[1] ~= args[2] or known[2] ~= 'running'",
        "known[2] ~= 'running'",
        "zombies may give jobs back",
    ),
    // Leases.
    mutant(
        "beat.lua",
        "redis.call('XCLAIM', known[3], 'w', args[3], 0, known[4], 'JUSTID')",
        "",
        "a beat does not renew the lease",
    ),
    mutant("beat.lua", "if known[5] == '1' then return 'cancel' end", "", "a beat says nothing of a cancel"),
    mutant(
        "lease.lua",
        "redis.call('XCLAIM', lane.key, 'w', worker, 0, entry, 'JUSTID')",
        "",
        "a job is taken over without its entry",
    ),
    mutant("shared.lua", "elseif idle_ms >= tonumber(known[2]) then", "else", "the lease of the job does not count"),
    mutant("shared.lua", "tonumber(known[3]) - 1)", "tonumber(known[3]))", "giving back costs an attempt"),
    mutant("shared.lua", "redis.call('HDEL', job, 'token', 'worker', 'progress')", "", "a waiting job has a holder"),
    mutant("recover.lua", "and not known_tokens[held[1]]", "", "a worker gives back what it runs"),
    Mutant {
        file: "lease.lua",
        before: "  if known[1] ~= entry then\n    take_out(lane, entry)\n    return nil\n  end\n",
        after: "",
        why: "a stale entry is handed over",
        harmless: Some("no function leaves a stale entry behind; this is the second of two walls"),
    },
    // Ends that are not ends of an attempt.
    mutant(
        "lease.lua",
        "  if attempt > tonumber(known[4]) then\n    close(job, done, id, 'dead')\n    return nil\n  end\n",
        "",
        "a job that ends every worker never dies",
    ),
    mutant(
        "lease.lua",
        "  if known[2] == '1' then\n    close(job, done, id, 'cancelled')\n    return nil\n  end\n",
        "",
        "a cancelled job is handed over",
    ),
    mutant("reap.lua", "elseif tonumber(known[2]) >= tonumber(known[3]) then", "else", "the hopeful are reaped"),
    mutant("reap.lua", "if known[1] == '1' then", "if false then", "the cancelled are not reaped"),
    mutant("cancel.lua", "redis.call('HSET', keys[1], 'cancel', '1')", "", "the cancel of a running job is forgotten"),
    mutant(
        "cancel.lua",
        "if known[1] ~= 'running' then return 'finished' end",
        "",
        "what has ended is cancelled again",
    ),
    mutant(
        "cancel.lua",
        "redis.call('PUBLISH', args[2] .. known[2], 'cancel ' .. args[1])",
        "",
        "the holder is told with the next beat only",
    ),
    // One entry for one job.
    mutant("shared.lua", "  redis.call('XDEL', lane, entry)\n", "", "entries stay in the lane"),
    mutant(
        "shared.lua",
        "  redis.call('XACK', lane, 'w', entry)\n  redis.call('XDEL'",
        "  redis.call('XDEL'",
        "entries stay pending",
    ),
    mutant(
        "publish.lua",
        "if tonumber(known[1]) >= tonumber(args[2]) then return 0 end",
        "",
        "one generation is published twice",
    ),
    mutant("publish.lua", "take_out(known[2], known[3])", "", "an older generation keeps its entry"),
    mutant("publish.lua", "redis.call('XADD', wake, 'MAXLEN', 1, '*', 'n', '1')", "", "nobody is woken"),
    mutant("recall.lua", "if known[1] == 'queued' then", "if known[1] then", "running jobs are recalled"),
    mutant("recall.lua", "redis.call('DEL', job)", "", "a recalled job stays known"),
    mutant(
        "settle.lua",
        "if known[1] == args[2 * i - 3] then",
        "if known[1] then",
        "settling forgets a newer generation",
    ),
    mutant(
        "settle.lua",
        "take_out(unpack(redis.call('HMGET', keys[i], 'lane', 'entry')))",
        "",
        "settling leaves the entry of a job that came back",
    ),
    mutant("purge.lua", "take_out(known[1], known[2])", "", "purging leaves the entry"),
    // Text that somebody waits for.
    mutant(
        "shared.lua",
        "    redis.call('DEL', job)\n    redis.call('PUBLISH'",
        "    redis.call('PUBLISH'",
        "a text job that has ended stays known",
    ),
    mutant(
        "shared.lua",
        "    redis.call('PUBLISH', prefix_of(job) .. 'reply:' .. reply, 'end ' .. id .. ' ' .. outcome .. ' ' .. payload)\n",
        "",
        "whoever asked for text never hears of its end",
    ),
    mutant(
        "shared.lua",
        "' .. outcome .. ' ' .. payload)\n    return\n",
        "' .. outcome .. ' ' .. payload)\n",
        "SQL hears of a text job",
    ),
    mutant("shared.lua", "if reply then return end", "", "events tell of text jobs"),
    mutant("shared.lua", "known[5] or '', known[6])", "known[5] or '')", "a text job that nobody ends goes to SQL"),
    mutant("finish.lua", "known[7],\n    known[8])", "known[7])", "a text job that its worker ends goes to SQL"),
    mutant(
        "beat.lua",
        "emit(keys[2], args[1], args[4], known[6])",
        "emit(keys[2], args[1], args[4])",
        "events tell of beats for text",
    ),
    mutant("reap.lua", "expires and tonumber(expires) <= now", "expires", "what waits for a worker is reaped at once"),
    mutant(
        "reap.lua",
        "        close(job, keys[2], id, 'expired')\n",
        "",
        "what waits for a worker longer than anybody waits for it stays for ever",
    ),
    // The order.
    mutant("lease.lua", "if a.rank ~= b.rank then return a.rank < b.rank end", "", "the urgent wait"),
    mutant("lease.lua", "if a.warmth ~= b.warmth then return a.warmth > b.warmth end", "", "warm models do not count"),
    mutant("lease.lua", "if x[1] ~= y[1] then return x[1] < y[1] end", "", "the oldest does not come first"),
    mutant("lease.lua", "if not excluded[model] then", "if true then", "a broken model is tried again and again"),
    mutant("lease.lua", "redis.call('ZREM', lanes_key, lane.name)", "", "a lane that is gone stays listed"),
    mutant("lease.lua", "redis.call('HDEL', job, 'progress')", "", "a new attempt shows the progress of the old one"),
    // The memory ledger.
    mutant("memory.lua", "if worker.lapses < now then", "if false then", "the dead hold memory for ever"),
    mutant(
        "memory.lua",
        "worker.lapses = math.max(worker.lapses, now + worker.lease_ms) end",
        "end",
        "an outage of Valkey counts as the death of all workers",
    ),
    mutant(
        "memory.lua",
        "closed_until = now + math.ceil(CLOSED_FOR * lease_ms), places",
        "closed_until = now, places",
        "a new ledger grants what others hold",
    ),
    mutant("memory.lua", "while now >= ledger.closed_until do", "while true do", "a closed ledger grants"),
    mutant(
        "memory.lua",
        "if granted and granted.ask == request.ask then",
        "if false then",
        "whoever did not hear the answer loses its turn",
    ),
    mutant(
        "memory.lua",
        "elseif known and known.ask == request.ask then",
        "elseif false then",
        "a request that is repeated goes to the end of the line",
    ),
    mutant(
        "memory.lua",
        "if not first or request.place < first.request.place then",
        "if not first or request.mib < first.request.mib then",
        "small requests overtake",
    ),
    mutant(
        "memory.lua",
        "if not is_hopeless(ledger, request.mib, pinned_mib) then",
        "if true then",
        "what can never be granted holds up all others",
    ),
    mutant(
        "memory.lua",
        "is_hopeless = is_hopeless(ledger, request.mib, pinned_mib),",
        "is_hopeless = false,",
        "nobody says that it can never be granted",
    ),
    mutant(
        "memory.lua",
        "and ledger.total or ledger.comfortable",
        "and ledger.comfortable or ledger.comfortable",
        "beside what is pinned not everything may be used",
    ),
    mutant(
        "memory.lua",
        "if #others > 0 and excess_mib > 0 then",
        "if #others > 0 and excess_mib > 100 then",
        "a little more than fits is granted",
    ),
    mutant(
        "memory.lua",
        "if #others > 0 and excess_mib > 0 then",
        "if excess_mib > 0 then",
        "what does not fit alone waits for ever",
    ),
    mutant("memory.lua", "if known then known.evict = false end", "", "the first in line is asked to leave"),
    mutant("memory.lua", "if not holding.pinned then", "if true then", "the pinned are asked to leave"),
    mutant(
        "memory.lua",
        "elseif holding.evict then\n        other.rank = 0\n",
        "",
        "who was asked already does not count first",
    ),
    mutant(
        "memory.lua",
        "if holding.state ~= 'idle' and not other.asks then\n        other.rank = 3\n      elseif holding.evict then\n        other.rank = 0\n",
        "if holding.evict then\n        other.rank = 0\n      elseif holding.state ~= 'idle' and not other.asks then\n        other.rank = 3\n",
        "who was asked while it works is waited for, though an idle one could leave",
    ),
    mutant(
        "memory.lua",
        "if holding.state ~= 'idle' and not other.asks then",
        "if false then",
        "the busy leave as soon as the idle",
    ),
    mutant(
        "memory.lua",
        "holding.state ~= 'idle' and not other.asks",
        "holding.state ~= 'idle'",
        "who waits counts as busy",
    ),
    mutant(
        "memory.lua",
        "other.rank = other.is_due and 1 or 2",
        "other.rank = 1",
        "the young leave as soon as the old",
    ),
    mutant(
        "memory.lua",
        "candidate.holding.evict = candidate.was_asked or candidate.is_due",
        "candidate.holding.evict = true",
        "nothing stays for the time that it is owed",
    ),
    mutant("memory.lua", "other.worker == waiting_worker or now", "now", "a worker waits for its own models"),
    mutant("memory.lua", "if freed_mib >= excess_mib then break end", "", "all leave for one"),
    mutant(
        "memory.lua",
        "freed_mib - candidate.holding.mib >= excess_mib then",
        "false then",
        "the small leave in vain",
    ),
    mutant("memory.lua", "if a.value ~= b.value then return a.value < b.value end", "", "the valuable leave first"),
    mutant("memory.lua", "/ (1 + idle_ms / HALF_AS_LIKELY_MS)", "", "it does not count when something was used"),
    mutant("memory.lua", "/ math.max(1, holding.mib)", "", "it does not count how much something holds"),
    mutant(
        "memory.lua",
        "ask_to_leave(all, sum_mib - ledger.total, now)",
        "",
        "flags stay, and what is over full stays so",
    ),
    mutant("memory.lua", "worker.requests[first.model] = nil", "", "what is granted still waits"),
    mutant(
        "memory.lua",
        "if other ~= name then redis.call('PUBLISH', args[4] .. other, 'look ' .. device) end",
        "",
        "others hear a second later",
    ),
];
