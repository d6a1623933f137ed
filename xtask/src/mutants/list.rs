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
];
