-- Ends a running job, if the caller still holds it. Nobody is told: the API announces the end once SQL has it.
-- KEYS: job, done
-- ARGV: id, token, outcome (succeeded, failed, retry, crashed, cancelled), JSON of the result, of the failure or of the last frame
-- Returns 1 (accepted) or 0 (lost). The holder may repeat the call when it did not hear the answer; of a job with a reply
-- channel nothing is left by then, so it hears 0.
local function finish(keys, args)
  local known = redis.call('HMGET', keys[1], 'token', 'state', 'lane', 'entry', 'generation', 'attempts', 'worker',
    'reply')
  if known[1] ~= args[2] then return 0 end
  if known[2] ~= 'running' then return known[2] == args[3] and 1 or 0 end
  conclude(keys[1], keys[2], args[1], args[3], args[4], known[3], known[4], known[5], known[6], known[7],
    known[8])
  return 1
end
redis.register_function('atelier_v1_finish', finish)

-- Ends a running job like `finish`, and hands the next one to the same worker, whether the end was accepted or not.
-- KEYS: job, done, lanes, events
-- ARGV: the four of `finish`, then those of `lease`
-- Returns what `finish` returns, and what `lease` returns (nothing: no job waits).
local function finish_and_lease(keys, args)
  local accepted = finish(keys, args)
  return {accepted, next_job(keys[3], keys[2], keys[4], args, 4) or false}
end
redis.register_function('atelier_v1_finish_and_lease', finish_and_lease)
