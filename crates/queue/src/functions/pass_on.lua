-- Returns whether a worker would take a job of its kind that does not fit into so much memory.
local function is_larger(worker, kind, mib)
  if worker.kind ~= kind or worker.state == 'draining' then return false end
  return worker.memory_mib == nil or worker.memory_mib > mib
end

-- Leaves a running job to workers with more memory, if there are any: it does not fit into that of its holder.
-- The attempt does not count.
-- KEYS: job, done, events, wake, lanes, workers
-- ARGV: id, token, memory of the holder in MiB: from now on only workers with more see the job
-- Returns 1 (accepted), 0 (lost) or -1 (nobody has more; nothing was done).
local function pass_on(keys, args)
  local known = redis.call('HMGET', keys[1], 'token', 'state', 'cancel', 'lane')
  if known[1] ~= args[2] or known[2] ~= 'running' then return 0 end
  if known[3] == '1' then
    close(keys[1], keys[2], args[1], 'cancelled')
    return 1
  end
  local prefix = prefix_of(keys[1])
  local kind, rank, model = string.match(string.sub(known[4], #(prefix .. 'lane:') + 1), '^([^:]*):(%d+):.-([^:]*)$')
  for _, name in ipairs(redis.call('SMEMBERS', keys[6])) do
    local worker = redis.call('GET', prefix .. 'worker:' .. name)
    if worker and is_larger(cjson.decode(worker), kind, tonumber(args[3])) then
      local lane = kind .. ':' .. rank .. ':>' .. args[3] .. ':' .. model
      redis.call('ZADD', keys[5], rank, lane)
      put_back(keys[1], prefix .. 'lane:' .. lane, keys[3], keys[4], args[1])
      return 1
    end
  end
  return -1
end
redis.register_function('atelier_v1_pass_on', pass_on)
