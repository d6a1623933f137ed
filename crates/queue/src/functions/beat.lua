-- Renews a lease, and reports progress.
-- KEYS: job, events
-- ARGV: id, token, worker, progress as the JSON of an event (empty: none)
-- Returns 'ok', 'cancel' (somebody asked for the job's end) or 'lost' (somebody else holds it, or it has ended).
local function beat(keys, args)
  local known = redis.call('HMGET', keys[1], 'token', 'state', 'lane', 'entry', 'cancel', 'reply')
  if known[1] ~= args[2] or known[2] ~= 'running' then return 'lost' end
  -- Claiming one's own entry sets its idle time to zero.
  redis.call('XCLAIM', known[3], 'w', args[3], 0, known[4], 'JUSTID')
  if args[4] ~= '' then
    redis.call('HSET', keys[1], 'progress', args[4])
    emit(keys[2], args[1], args[4], known[6])
  end
  if known[5] == '1' then return 'cancel' end
  return 'ok'
end
redis.register_function('atelier_v1_beat', beat)
