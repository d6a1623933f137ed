-- Gives a running job back: the worker stops. The attempt does not count.
-- KEYS: job, done, events, wake
-- ARGV: id, token
-- Returns 1 (accepted) or 0 (lost).
local function release(keys, args)
  local known = redis.call('HMGET', keys[1], 'token', 'state', 'cancel', 'lane')
  if known[1] ~= args[2] or known[2] ~= 'running' then return 0 end
  if known[3] == '1' then
    close(keys[1], keys[2], args[1], 'cancelled')
  else
    put_back(keys[1], known[4], keys[3], keys[4], args[1])
  end
  return 1
end
redis.register_function('atelier_v1_release', release)
