-- Removes all traces of a job that SQL knows as ended: it came back with an older image of the data.
-- KEYS: job
-- Returns 1, or 0 if there was nothing.
local function purge(keys)
  local known = redis.call('HMGET', keys[1], 'lane', 'entry')
  if not known[1] then return 0 end
  take_out(known[1], known[2])
  redis.call('DEL', keys[1])
  return 1
end
redis.register_function('atelier_v1_purge', purge)
