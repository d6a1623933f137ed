-- Cancels a job: takes it out if it waits, tells its worker if it runs.
-- KEYS: job, done, events
-- ARGV: id, beginning of the names of the control channels
-- Returns 'absent', 'cancelled', 'requested' or 'finished'.
local function cancel(keys, args)
  local known = redis.call('HMGET', keys[1], 'state', 'worker', 'cancel', 'reply')
  if not known[1] then return 'absent' end
  if known[1] == 'queued' then
    close(keys[1], keys[2], args[1], 'cancelled')
    return 'cancelled'
  end
  if known[1] ~= 'running' then return 'finished' end
  if known[3] ~= '1' then
    redis.call('HSET', keys[1], 'cancel', '1')
    emit(keys[3], args[1], CANCEL_REQUESTED, known[4])
  end
  -- The quick way. The certain one is the answer to the next beat.
  redis.call('PUBLISH', args[2] .. known[2], 'cancel ' .. args[1])
  return 'requested'
end
redis.register_function('atelier_v1_cancel', cancel)
