-- Takes jobs that still wait back out of the window.
-- KEYS: jobs
-- Returns, for each, 1 (taken back: no trace is left) or 0 (it runs, has ended, or is not there).
local function recall(keys)
  local taken = {}
  for i, job in ipairs(keys) do
    local known = redis.call('HMGET', job, 'state', 'lane', 'entry')
    if known[1] == 'queued' then
      take_out(known[2], known[3])
      redis.call('DEL', job)
      taken[i] = 1
    else
      taken[i] = 0
    end
  end
  return taken
end
redis.register_function('atelier_v1_recall', recall)
