-- Says that a worker is alive.
-- KEYS: workers, worker
-- ARGV: name, worker JSON, milliseconds until this lapses
local function announce_worker(keys, args)
  redis.call('SADD', keys[1], args[1])
  redis.call('SET', keys[2], args[2], 'PX', args[3])
  return 1
end
redis.register_function('atelier_v1_announce_worker', announce_worker)

-- Says that a worker has stopped, or that its announcement has lapsed.
-- KEYS: workers, worker
-- ARGV: name
local function retire_worker(keys, args)
  redis.call('SREM', keys[1], args[1])
  return redis.call('DEL', keys[2])
end
redis.register_function('atelier_v1_retire_worker', retire_worker)
