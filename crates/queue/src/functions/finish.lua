-- Ends a running job, if the caller still holds it. Nobody is told: the API announces the end once SQL has it.
-- KEYS: job, done
-- ARGV: id, token, outcome (succeeded, failed, retry, crashed, cancelled), JSON of the result or of the failure
-- Returns 1 (accepted) or 0 (lost). The holder may repeat the call when it did not hear the answer.
local function finish(keys, args)
  local known = look_up(keys[1])
  if known[1] ~= args[2] then return 0 end
  if known[2] ~= 'running' then return known[2] == args[3] and 1 or 0 end
  close(keys[1], keys[2], args[1], args[3], args[4], known)
  return 1
end
redis.register_function('atelier_v1_finish', finish)
