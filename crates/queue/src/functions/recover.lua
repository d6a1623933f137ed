-- Puts back what was handed to this worker in an answer that never arrived.
-- KEYS: lanes, events, wake
-- ARGV: worker, tokens of the leases that it knows of
-- Returns how many jobs were put back.
local function recover(keys, args)
  local known_tokens = {}
  for i = 2, #args do known_tokens[args[i]] = true end
  local prefix, count = prefix_of(keys[1]), 0
  for _, name in ipairs(redis.call('ZRANGE', keys[1], 0, -1)) do
    local lane = prefix .. 'lane:' .. name
    for _, pending in ipairs(redis.call('XPENDING', lane, 'w', '-', '+', 1000, args[1])) do
      local found = redis.call('XRANGE', lane, pending[1], pending[1])[1]
      if found then
        local id = found[2][2]
        local job = prefix .. 'job:' .. id
        local held = redis.call('HMGET', job, 'token', 'worker', 'entry')
        if held[2] == args[1] and held[3] == pending[1] and not known_tokens[held[1]] then
          put_back(job, lane, keys[2], keys[3], id)
          count = count + 1
        end
      end
    end
  end
  return count
end
redis.register_function('atelier_v1_recover', recover)
