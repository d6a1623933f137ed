-- Puts a job into its lane. Publishing the same generation twice does nothing, an older one neither.
-- KEYS: job, lane, lanes, wake
-- ARGV: id, generation, lane name, rank, job JSON, attempts used, attempts in all, lease in ms, cancel requested (0 or 1);
--       for a job whose answer somebody waits for: the name of the API instance, how long it waits for a worker in ms
-- Returns 1 (published) or 0 (that generation was there already).
local function publish(keys, args)
  local job, lane, lanes, wake = keys[1], keys[2], keys[3], keys[4]
  local known = redis.call('HMGET', job, 'generation', 'lane', 'entry')
  if known[1] then
    if tonumber(known[1]) >= tonumber(args[2]) then return 0 end
    -- An older generation that was never settled, or that came back with an older image of the data.
    take_out(known[2], known[3])
    redis.call('DEL', job)
  end
  local entry = line_up(lane, args[1])
  redis.call('HSET', job, 'generation', args[2], 'state', 'queued', 'lane', lane, 'entry', entry, 'job', args[5],
    'attempts', args[6], 'max_attempts', args[7], 'lease_ms', args[8], 'cancel', args[9])
  if args[10] then redis.call('HSET', job, 'reply', args[10], 'expires', now_ms() + args[11]) end
  redis.call('ZADD', lanes, args[4], args[3])
  -- Workers read this stream from the last id that they saw, so that no wake-up is lost between looking and waiting.
  redis.call('XADD', wake, 'MAXLEN', 1, '*', 'n', '1')
  return 1
end
redis.register_function('atelier_v1_publish', publish)
