-- Forgets what SQL has: done entries, and their jobs unless these were published again since.
-- KEYS: done, one job an entry
-- ARGV: generation and done entry of each
-- Returns how many jobs were forgotten.
local function settle(keys, args)
  local entries, jobs = {}, {}
  for i = 2, #keys do
    entries[i - 1] = args[2 * i - 2]
    local known = redis.call('HMGET', keys[i], 'generation', 'state')
    if known[1] == args[2 * i - 3] then
      if known[2] == 'queued' or known[2] == 'running' then
        -- It lives again only if an older image of the data came back between the commit and this call.
        take_out(unpack(redis.call('HMGET', keys[i], 'lane', 'entry')))
      end
      jobs[#jobs + 1] = keys[i]
    end
  end
  redis.call('XDEL', keys[1], unpack(entries))
  if #jobs == 0 then return 0 end
  return redis.call('DEL', unpack(jobs))
end
redis.register_function('atelier_v1_settle', settle)
